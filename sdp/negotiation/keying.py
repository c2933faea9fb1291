"""How the media of a stream is protected: what we wish, what we have, and what was agreed.

SRTP keys stand in the description itself (SDES, RFC 4568) or come out of a DTLS handshake over the media
path, whose certificates the description names (RFC 5763). `sdp.negotiation.key_agreement` has the rules.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import assert_never

from sdp.attributes.crypto_attr import SUITES, CryptoLine, CryptoSuite, InlineKey
from sdp.attributes.fingerprint_attr import DtlsRole, Fingerprint
from sdp.syntax.protocols import Keying

TLS_ID_BYTES = 18
"""144 random bits; RFC 8842 §4 asks for 120."""

_NOTHING = frozenset({Keying.NONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyingPolicy:
    """What the user wants of the protection of a call.

    Attributes:
        offers: what our first offer asks for: NONE is RTP/AVP, SRTP RTP/SAVP, DTLS UDP/TLS/RTP/SAVP.
        accepts: what is taken of a peer.
        best_effort: keys beside RTP/AVP count (RFC 8643): ours are offered there where SRTP is accepted, and
            a peer's are taken.
        feedback: offers of SRTP say SAVPF instead of SAVP.
        fingerprints: of our certificate.
        suites: of SRTP with keys in the description, most preferred first.
    """

    offers: Keying = Keying.NONE
    accepts: frozenset[Keying] = _NOTHING
    best_effort: bool = False
    feedback: bool = False
    fingerprints: tuple[Fingerprint, ...] = ()
    suites: tuple[CryptoSuite, ...] = SUITES


@dataclass(frozen=True, slots=True, kw_only=True)
class SdesKeys:
    """Keys that both descriptions told.

    Attributes:
        tag: of the line.
        suite: of both directions.
        local: our master key and salt, which protect what we send.
        remote: the peer's, with their MKIs; they protect what it sends.
    """

    tag: int
    suite: CryptoSuite
    local: bytes = field(repr=False)
    remote: tuple[InlineKey, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DtlsTerms:
    """What both descriptions said of DTLS.

    Attributes:
        role: ours.
        fingerprints: one of them is the peer's certificate's.
        local_fingerprints: of our certificate.
        local_tls_id: ours, None where the offer had none.
        remote_tls_id: the peer's, None without one.
        local_addresses: host and port of our default destination; they count without ICE and tls-id alone.
        remote_addresses: the peer's.
    """

    role: DtlsRole
    fingerprints: frozenset[Fingerprint]
    local_fingerprints: frozenset[Fingerprint]
    local_tls_id: str | None = None
    remote_tls_id: str | None = None
    local_addresses: tuple[str, int] = ("", 0)
    remote_addresses: tuple[str, int] = ("", 0)

    def needs_new_association(self, before: DtlsTerms) -> bool:
        """True where the association of `before` must not go on (RFC 8842 §3.1, §4).

        A new ufrag alone, or another selected pair, is no reason.
        """
        if self.role is not before.role:
            return True
        if (self.fingerprints, self.local_fingerprints) != (before.fingerprints, before.local_fingerprints):
            return True
        ids = self.local_tls_id, self.remote_tls_id
        if ids != (before.local_tls_id, before.remote_tls_id):
            return True
        return None in ids and (self.local_addresses, self.remote_addresses) != (
            before.local_addresses,
            before.remote_addresses,
        )


Keys = SdesKeys | DtlsTerms
"""What protects a stream; plain RTP has None."""


def kind_of(keys: Keys | None) -> Keying:
    """How a stream with these keys is protected."""
    match keys:
        case None:
            return Keying.NONE
        case SdesKeys():
            return Keying.SRTP
        case DtlsTerms():
            return Keying.DTLS
        case _:
            assert_never(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKeying:
    """Our side of one exchange.

    Attributes:
        policy: what is wanted; narrowed to what is in force once a stream runs.
        profile: name of the UDP profile of our offers, as "RTP/SAVP".
        crypto: our lines, the preferred suite first.
        spare: a second set with other keys, for a description that moves our address.
        tls_id: of our association.
        role: ours in the association that runs, None before.
        address: our default destination in the description in force, None before there is one.
    """

    policy: KeyingPolicy
    profile: str
    crypto: tuple[CryptoLine, ...] = ()
    spare: tuple[CryptoLine, ...] = ()
    tls_id: str = ""
    role: DtlsRole | None = None
    address: tuple[str, int] | None = None

    def key_of(self, suite: CryptoSuite) -> bytes:
        """Our master key of a suite."""
        return next(line.keys[0].material for line in self.crypto if line.suite == suite)

    def moved_to(self, address: tuple[str, int]) -> LocalKeying:
        """The same with other keys where our address is not the one of before (RFC 4568 §7.1.4)."""
        if self.address is None or self.address == address:
            return replace(self, address=address)
        return replace(self, address=address, crypto=self.spare)


PLAIN = LocalKeying(policy=KeyingPolicy(), profile="RTP/AVP")
"""No protection, and none wanted."""

_PROFILES = {Keying.NONE: "RTP/AVP", Keying.SRTP: "RTP/SAVP", Keying.DTLS: "UDP/TLS/RTP/SAVP"}


def begin(policy: KeyingPolicy, draw: Callable[[int], bytes]) -> LocalKeying:
    """Our side of the first exchange of a session.

    Args:
        policy: what is wanted.
        draw: gives so many unpredictable bytes.

    Raises:
        ValueError: offers of that kind are not made.
    """
    if policy.offers not in _PROFILES:
        raise ValueError(f"RTP over {policy.offers} is never offered (RFC 6544 §4.5)")
    if Keying.DTLS in policy.accepts and not policy.fingerprints:
        raise ValueError("DTLS needs a certificate")
    profile = _PROFILES[policy.offers]
    if policy.feedback and policy.offers is not Keying.NONE:
        profile += "F"
    return LocalKeying(
        policy=policy,
        profile=profile,
        crypto=_drawn(policy, draw),
        spare=_drawn(policy, draw),
        tls_id=base64.b64encode(draw(TLS_ID_BYTES)).decode() if Keying.DTLS in policy.accepts else "",
    )


def go_on(
    before: LocalKeying,
    agreed: Keys | None,
    *,
    proto: str,
    address: tuple[str, int],
    draw: Callable[[int], bytes],
    renew: bool = False,
) -> LocalKeying:
    """Our side of a further exchange: how a stream is protected stays as it began.

    Args:
        before: our side of the last exchange.
        agreed: what it came to.
        proto: name of the UDP profile of the m= line.
        address: our default destination.
        draw: gives so many unpredictable bytes.
        renew: take other keys (RFC 4568 §7.3: every branch of a fork has seen the first ones).
    """
    role = agreed.role if isinstance(agreed, DtlsTerms) else None
    kind = kind_of(agreed)
    plain_profile = proto == _PROFILES[Keying.NONE]
    policy = replace(
        before.policy,
        offers=kind,
        accepts=frozenset({kind}),
        best_effort=plain_profile and kind is not Keying.NONE,
    )
    spare = _drawn(policy, draw)
    crypto = before.crypto
    if isinstance(agreed, SdesKeys):
        crypto = tuple(
            _line(line.tag, line.suite, agreed.local) if line.suite == agreed.suite else line
            for line in before.crypto
        )
    if renew:
        crypto, spare = spare, _drawn(policy, draw)
    return replace(
        before, policy=policy, profile=proto, crypto=crypto, spare=spare, role=role, address=address
    )


def _drawn(policy: KeyingPolicy, draw: Callable[[int], bytes]) -> tuple[CryptoLine, ...]:
    if Keying.SRTP not in policy.accepts:
        return ()
    return tuple(_line(tag, suite, draw(suite.length)) for tag, suite in enumerate(policy.suites, start=1))


def _line(tag: int, suite: CryptoSuite, material: bytes) -> CryptoLine:
    return CryptoLine(tag=tag, suite=suite, keys=(InlineKey(material=material),))
