"""What DTLS-SRTP says in a description: a=fingerprint (RFC 8122), a=setup (RFC 8842 §5), a=tls-id (§4)."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sdp.attributes.connection_attr import Setup
from sdp.diagnostics import Diagnostic
from sdp.errors import ValueFault
from sdp.syntax.model import Attribute, Media, SessionDescription

# RFC 8122 §5; MD2 and MD5 must not be used, and SHA-1 is not strong enough to know somebody by.
DIGEST_LENGTHS: Mapping[str, int] = MappingProxyType(
    {"sha-512": 64, "sha-384": 48, "sha-256": 32, "sha-224": 28}
)
"""Hash functions that a certificate is checked with, strongest first, and bytes of their digests."""

_HEX = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*")
_TLS_ID = re.compile(r"[A-Za-z0-9+/\-_]{20,255}")


class DtlsRole(enum.StrEnum):
    """The value of a=setup that names the end; the active one is the DTLS client."""

    CLIENT = "active"
    SERVER = "passive"

    @property
    def other(self) -> DtlsRole:
        """The role of the other end."""
        return DtlsRole.SERVER if self is DtlsRole.CLIENT else DtlsRole.CLIENT


# RFC 5763 §5, RFC 8842 §5.3: an answer is active where it may be, never holdconn.
ANSWERS: Mapping[Setup, tuple[DtlsRole, ...]] = MappingProxyType(
    {
        Setup.ACTPASS: (DtlsRole.CLIENT, DtlsRole.SERVER),
        Setup.PASSIVE: (DtlsRole.CLIENT,),
        Setup.ACTIVE: (DtlsRole.SERVER,),
        Setup.HOLDCONN: (),
    }
)
"""What we may answer to the a=setup of an offer, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The digest of a certificate in DER.

    Attributes:
        hash: name of the function in lower case, as "sha-256".
        digest: its value.
    """

    hash: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.hash} {self.digest.hex(':').upper()}"


def parse(value: str) -> Fingerprint:
    """The value of a=fingerprint; raises ValueFault. Lower-case digits are read too."""
    name, _, text = value.strip(" ").partition(" ")
    name = name.lower()
    length = DIGEST_LENGTHS.get(name)
    if length is None:
        raise ValueFault(f"no certificate is checked with {name or 'no hash function'} here")
    text = text.strip(" ")
    if not _HEX.fullmatch(text):
        raise ValueFault("the digest is not pairs of hexadecimal digits between colons")
    digest = bytes.fromhex(text.replace(":", ""))
    if len(digest) != length:
        raise ValueFault(f"the digest has {len(digest)} bytes, {name} has {length}")
    return Fingerprint(hash=name, digest=digest)


def strongest(fingerprints: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    """Those with the strongest hash function: one of them has to match (RFC 8122 §5.1)."""
    known = tuple(dict.fromkeys(fingerprints))
    for name in DIGEST_LENGTHS:
        found = tuple(each for each in known if each.hash == name)
        if found:
            return found
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DtlsLines:
    """What a section says of DTLS.

    Attributes:
        fingerprints: all that can be used; those of the media level win over the session's.
        told: there was an a=fingerprint, of use or not.
        tls_id: a=tls-id, None without a good one.
    """

    fingerprints: tuple[Fingerprint, ...] = ()
    told: bool = False
    tls_id: str | None = None


def read(session: SessionDescription, media: Media) -> tuple[DtlsLines, tuple[Diagnostic, ...]]:
    """Fingerprints and association of one section; bad lines are left out and told."""
    refused: list[Diagnostic] = []
    attributes = tuple(media.all("fingerprint")) or tuple(session.all("fingerprint"))
    fingerprints: list[Fingerprint] = []
    for attribute in attributes:
        try:
            fingerprints.append(parse(attribute.value or ""))
        except ValueFault as fault:
            refused.append(attribute.diagnostic(fault.reason))
    tls_id: str | None = None
    named = media.first("tls-id")
    if named is not None:
        if _TLS_ID.fullmatch(named.value or ""):
            tls_id = named.value
        else:
            refused.append(named.diagnostic("a=tls-id has not 20 to 255 of its characters; ignored"))
    lines = DtlsLines(fingerprints=tuple(fingerprints), told=bool(attributes), tls_id=tls_id)
    return lines, tuple(refused)


def attributes(
    fingerprints: Iterable[Fingerprint], setup: Setup | DtlsRole, tls_id: str | None
) -> tuple[Attribute, ...]:
    """The lines of one side."""
    lines = [Attribute(name="fingerprint", value=str(each)) for each in fingerprints]
    lines.append(Attribute(name="setup", value=setup.value))
    if tls_id is not None:
        lines.append(Attribute(name="tls-id", value=tls_id))
    return tuple(lines)
