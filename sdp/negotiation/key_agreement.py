"""How offer and answer agree on the protection of a stream (RFC 4568 §5 and §7, RFC 5763 §5, RFC 8842 §5).

Pure functions: what a peer's section says, what our sections say, and what both come to.
"""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import Transport, TransportAddress
from sdp.attributes import crypto_attr, fingerprint_attr
from sdp.attributes.connection_attr import Setup
from sdp.attributes.crypto_attr import CryptoLine, InlineKey
from sdp.attributes.fingerprint_attr import ANSWERS, DtlsLines, DtlsRole
from sdp.diagnostics import Diagnostic
from sdp.errors import NegotiationError
from sdp.negotiation.keying import DtlsTerms, Keys, LocalKeying, SdesKeys
from sdp.syntax.model import Attribute, Media, SessionDescription
from sdp.syntax.protocols import PROTOCOLS, Keying, RtpProtocol

_NO_DTLS = DtlsLines()

UNPROTECTED = "media without protection is not taken here"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLines:
    """What a section says of its protection.

    Attributes:
        crypto: the lines that can be used.
        crypto_told: number of a=crypto lines, of use or not.
        dtls: fingerprints and association.
    """

    crypto: tuple[CryptoLine, ...] = ()
    crypto_told: int = 0
    dtls: DtlsLines = _NO_DTLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Host and port of the default destinations of both sides."""

    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)


def destination(session: SessionDescription, media: Media) -> tuple[str, int]:
    """Host and port of a section's default destination."""
    connection = session.connection_of(media)
    return ("" if connection is None else connection.address, media.port)


def addresses(ours: TransportAddress, session: SessionDescription, media: Media) -> Addresses:
    """The destinations of both sides: ours, and that of the peer's section."""
    return Addresses(local=(ours.host, ours.port), remote=destination(session, media))


def read(session: SessionDescription, media: Media) -> tuple[KeyLines, tuple[Diagnostic, ...]]:
    """Read the lines of one section; bad ones are left out and told."""
    crypto, crypto_remarks = crypto_attr.read(media)
    dtls, dtls_remarks = fingerprint_attr.read(session, media)
    told = sum(1 for _ in media.all(crypto_attr.NAME))
    return KeyLines(crypto=crypto, crypto_told=told, dtls=dtls), (*crypto_remarks, *dtls_remarks)


# --- our offers -------------------------------------------------------------------------------------------


def offered_protocol(local: LocalKeying, transport: Transport) -> RtpProtocol:
    """The proto of an m= line of ours: that of our profile over UDP or TCP."""
    profile = PROTOCOLS[local.profile]
    return PROTOCOLS[profile.over_tcp] if transport is Transport.TCP else profile


def offered_lines(local: LocalKeying) -> tuple[Attribute, ...]:
    """Keys or fingerprints of an offer; its a=setup is always actpass (RFC 8842 §5.2)."""
    policy = local.policy
    if policy.offers is Keying.DTLS:
        return fingerprint_attr.attributes(policy.fingerprints, Setup.ACTPASS, local.tls_id)
    beside = policy.best_effort and Keying.SRTP in policy.accepts
    if policy.offers is Keying.SRTP or beside:
        return tuple(crypto_attr.attribute(line) for line in local.crypto)
    return ()


# --- our answers ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAnswer:
    """What we answer: the lines, and what they come to; None for plain RTP."""

    lines: tuple[Attribute, ...]
    keys: Keys | None


def answer(
    protocol: RtpProtocol, theirs: KeyLines, setup: Setup, local: LocalKeying, *, addresses: Addresses
) -> KeyAnswer | str:
    """Our answer to what a section of an offer says, or why the stream is refused.

    Args:
        protocol: of the m= line.
        theirs: the key lines of the section.
        setup: its a=setup.
        local: our side.
        addresses: default destinations of both sides.
    """
    policy = local.policy
    takes = [kind for kind in (Keying.DTLS, Keying.SRTP) if kind in policy.accepts]
    match protocol.keying:
        case Keying.TLS:
            return f"no support for {protocol.name}"
        case Keying.NONE if not policy.best_effort:
            takes = []
        case Keying.DTLS:
            takes = [kind for kind in takes if kind is Keying.DTLS]
        case Keying.NONE | Keying.SRTP:
            pass
    reasons: list[str] = []
    for kind in takes:
        # RTP/SAVP with a fingerprint is DTLS-SRTP of before RFC 5764.
        if kind is Keying.DTLS and not theirs.dtls.told and protocol.keying is not Keying.DTLS:
            continue
        result = (
            _dtls_answer(theirs, setup, local, addresses)
            if kind is Keying.DTLS
            else _sdes_answer(theirs, local)
        )
        if not isinstance(result, str):
            return result
        reasons.append(result)
    if protocol.keying is Keying.NONE:
        return KeyAnswer(lines=(), keys=None) if Keying.NONE in policy.accepts else UNPROTECTED
    return "; ".join(reasons) or f"no support for {protocol.name}"


def _sdes_answer(theirs: KeyLines, local: LocalKeying) -> KeyAnswer | str:
    """RFC 4568 §5.1.2: the first line that we speak, with a key of our own."""
    if not theirs.crypto:
        return "there is no a=crypto of use" if theirs.crypto_told else "there is no a=crypto"
    ours = {line.suite for line in local.crypto}
    chosen = next((line for line in theirs.crypto if line.suite in ours), None)
    if chosen is None:
        return "no a=crypto has a suite that is allowed here"
    offered = {key.material for line in theirs.crypto for key in line.keys}
    material = local.key_of(chosen.suite)
    if material in offered:
        return "the offer has a key of ours"
    line = CryptoLine(tag=chosen.tag, suite=chosen.suite, keys=(InlineKey(material=material),))
    keys = SdesKeys(tag=chosen.tag, suite=chosen.suite, local=material, remote=chosen.keys)
    return KeyAnswer(lines=(crypto_attr.attribute(line),), keys=keys)


def _dtls_answer(theirs: KeyLines, setup: Setup, local: LocalKeying, addresses: Addresses) -> KeyAnswer | str:
    fingerprints = fingerprint_attr.strongest(theirs.dtls.fingerprints)
    if not fingerprints:
        return "there is no a=fingerprint of use" if theirs.dtls.told else "there is no a=fingerprint"
    roles = ANSWERS[setup]
    if not roles:
        return f"a=setup:{setup} is not for DTLS (RFC 8842 §5.1)"
    # RFC 8842 §5.3: an association goes on with the role that we have.
    role = local.role if local.role in roles else roles[0]
    # RFC 8842 §5.3: the answer has a tls-id where the offer has one.
    tls_id = local.tls_id if theirs.dtls.tls_id is not None else None
    terms = DtlsTerms(
        role=role,
        fingerprints=frozenset(fingerprints),
        local_fingerprints=frozenset(local.policy.fingerprints),
        local_tls_id=tls_id,
        remote_tls_id=theirs.dtls.tls_id,
        local_addresses=addresses.local,
        remote_addresses=addresses.remote,
    )
    lines = fingerprint_attr.attributes(local.policy.fingerprints, role, tls_id)
    return KeyAnswer(lines=lines, keys=terms)


# --- answers to our offers --------------------------------------------------------------------------------


def accept(
    protocol: RtpProtocol | None,
    ours: KeyLines,
    theirs: KeyLines,
    setup: Setup,
    *,
    addresses: Addresses,
    line: int | None = None,
) -> Keys | None:
    """What the answer to our offer comes to; None for plain RTP.

    Args:
        protocol: of the m= line in both.
        ours: our lines, as offered.
        theirs: those of the answer.
        setup: a=setup of the answer.
        addresses: default destinations of both sides.
        line: number of the m= line in the answer, for errors.

    Raises:
        NegotiationError: the answer breaks the rules, or leaves a stream that is to be protected without.
    """
    kind = protocol.keying if protocol is not None else Keying.NONE
    if ours.dtls.fingerprints and (kind is not Keying.NONE or theirs.dtls.told):
        return _dtls_result(ours, theirs, setup, addresses, line)
    if ours.crypto and (kind is not Keying.NONE or theirs.crypto_told):
        return _sdes_result(ours, theirs, line)
    return None


def _sdes_result(ours: KeyLines, theirs: KeyLines, line: int | None) -> SdesKeys:
    """RFC 4568 §5.1.3: one line, with tag and suite of one of ours and a key of the peer's own."""
    if theirs.crypto_told != 1 or not theirs.crypto:
        found = f"{theirs.crypto_told} lines" if theirs.crypto_told != 1 else "no line of use"
        raise NegotiationError(f"the answer has {found} with a=crypto where exactly one is due", line)
    chosen = theirs.crypto[0]
    offered = next((each for each in ours.crypto if each.tag == chosen.tag), None)
    if offered is None or offered.suite != chosen.suite:
        raise NegotiationError(f"the answer takes {chosen.suite.name} with a tag of another line", line)
    known = {key.material for each in ours.crypto for key in each.keys}
    if any(key.material in known for key in chosen.keys):
        raise NegotiationError("the answer sends our own key back", line)
    return SdesKeys(tag=chosen.tag, suite=chosen.suite, local=offered.keys[0].material, remote=chosen.keys)


def _dtls_result(
    ours: KeyLines, theirs: KeyLines, setup: Setup, addresses: Addresses, line: int | None
) -> DtlsTerms:
    fingerprints = fingerprint_attr.strongest(theirs.dtls.fingerprints)
    if not fingerprints:
        raise NegotiationError("the answer has no a=fingerprint of use, and DTLS was offered", line)
    if setup not in (Setup.ACTIVE, Setup.PASSIVE):
        raise NegotiationError(f"a=setup:{setup} does not answer a=setup:actpass for DTLS", line)
    tls_id = theirs.dtls.tls_id
    return DtlsTerms(
        role=DtlsRole(setup.value).other,
        fingerprints=frozenset(fingerprints),
        local_fingerprints=frozenset(ours.dtls.fingerprints),
        # RFC 8842 §5.4: without one in the answer there is none.
        local_tls_id=ours.dtls.tls_id if tls_id is not None else None,
        remote_tls_id=tls_id,
        local_addresses=addresses.local,
        remote_addresses=addresses.remote,
    )


def association_fault(before: Keys | None, after: Keys | None, *, moved: bool) -> str:
    """Why an offer must be refused for its DTLS association; empty where it need not.

    Over one and the same path the packets of two associations cannot be told apart, so who wants a new one
    takes a new path first (RFC 8842 §5.2): `moved` says that the offer restarts ICE or has other addresses.
    """
    if not isinstance(before, DtlsTerms) or not isinstance(after, DtlsTerms) or moved:
        return ""
    if after.needs_new_association(before):
        return "a new DTLS association needs other addresses or an ICE restart (RFC 8842 §5.2)"
    return ""
