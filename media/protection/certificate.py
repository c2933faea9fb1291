"""The certificate that a phone shows in DTLS: its own word for who it is, worth what signalling says of it.

It is known by its fingerprint alone (RFC 5763 §5, RFC 8122 §6.2), and lives as long as the process.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE: Final = datetime.timedelta(days=30)
_CLOCK_ERROR: Final = datetime.timedelta(days=1)
"""The clock of the peer may be slow."""

_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "sha-224": hashes.SHA224(),
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A self-signed certificate with its key.

    Attributes:
        x509: the certificate.
        key: its private key (ECDSA P-256); never shown.
    """

    x509: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls, now: float) -> Certificate:
        """A new one; `now` is Unix time in seconds. It tells nothing of the user (RFC 5763 §5)."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "-")])
        at = datetime.datetime.fromtimestamp(now, datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(at - _CLOCK_ERROR).not_valid_after(at + _LIFE)
        return cls(x509=builder.sign(key, hashes.SHA256()), key=key)

    def digest(self, name: str = "sha-256") -> bytes:
        """Its digest; `name` as in a=fingerprint."""
        return digest(self.x509, name)


def digest(certificate: x509.Certificate, name: str) -> bytes:
    """The digest of a certificate in DER; `name` as in a=fingerprint (RFC 8122 §5), KeyError if unknown."""
    return certificate.fingerprint(_HASHES[name])
