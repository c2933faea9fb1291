"""What a certificate says of its owner (core; RFC 5280)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIP_DOMAIN = "1.3.6.1.5.5.7.3.20"
"""id-kp-sipDomain (RFC 5924 §3)."""

ANY_USE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
SERVER_USE = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
CLIENT_USE = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string

_MALFORMED: Final = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What counts of a certificate here.

    Attributes:
        uris: URIs of subjectAltName.
        dns_names: its DNS names.
        addresses: its IP addresses.
        has_alternative_names: true where there is a subjectAltName at all.
        common_names: CNs of the subject.
        subject: the whole subject, for people.
        issuer: who signed it, for people.
        not_before: start of its validity, in UTC.
        not_after: end of its validity, in UTC.
        uses: object identifiers of extendedKeyUsage; None where it may be used for everything.
        fingerprint: SHA-256 of the whole certificate, upper case hexadecimal digits.
    """

    uris: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    has_alternative_names: bool = False
    common_names: tuple[str, ...] = ()
    subject: str = ""
    issuer: str = ""
    not_before: datetime
    not_after: datetime
    uses: frozenset[str] | None = None
    fingerprint: str = ""

    @classmethod
    def read(cls, der: bytes) -> Certificate:
        """Read one; raises ValueError where this is none, or one that is malformed."""
        try:
            return cls._read(der)
        except _MALFORMED as error:
            raise ValueError(str(error)) from error

    @classmethod
    def _read(cls, der: bytes) -> Certificate:
        known = x509.load_der_x509_certificate(der)
        try:
            names: x509.SubjectAlternativeName | None = known.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except x509.ExtensionNotFound:
            names = None
        try:
            usage = known.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            uses: frozenset[str] | None = frozenset(each.dotted_string for each in usage)
        except x509.ExtensionNotFound:
            uses = None
        return cls(
            uris=_of(names, x509.UniformResourceIdentifier),
            dns_names=_of(names, x509.DNSName),
            addresses=_of(names, x509.IPAddress),
            has_alternative_names=names is not None,
            common_names=tuple(
                str(each.value) for each in known.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            ),
            subject=known.subject.rfc4514_string(),
            issuer=known.issuer.rfc4514_string(),
            not_before=known.not_valid_before_utc,
            not_after=known.not_valid_after_utc,
            uses=uses,
            fingerprint=fingerprint_of(der),
        )

    def __str__(self) -> str:
        """For people: for whom, by whom, until when, and the fingerprint."""
        names = [*(f"URI:{each}" for each in self.uris), *(f"DNS:{each}" for each in self.dns_names)]
        names += [f"IP:{each}" for each in self.addresses]
        names = names or [f"CN={each}" for each in self.common_names] or ["nobody"]
        by = "itself" if self.issuer == self.subject else self.issuer
        until = self.not_after.strftime("%Y-%m-%d")
        return f"a certificate for {', '.join(names)}, issued by {by}, until {until}, {self.sha256}"

    @property
    def sha256(self) -> str:
        """Its fingerprint as a user may write it into the configuration."""
        return "sha-256 " + ":".join(self.fingerprint[at : at + 2] for at in range(0, 64, 2))


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of a certificate, upper case hexadecimal digits."""
    return hashlib.sha256(der).hexdigest().upper()


def _of(names: x509.SubjectAlternativeName | None, kind: type[x509.GeneralName]) -> tuple[str, ...]:
    return () if names is None else tuple(str(name.value) for name in names if isinstance(name, kind))
