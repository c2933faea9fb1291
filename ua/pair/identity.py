"""How the two ends of a pipe know each other: a key pair for this one run, told in the line.

Who can only read the lines cannot read the pipe, nor pose as one of its ends; who can change them can.
"""

from __future__ import annotations

import datetime
import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ua.errors import UsageError

SERVER_NAME = "icephone.invalid"
"""The name in every certificate: the key counts, no name does."""

SIGNATURE_SIZE = 64

_PURPOSE = b"icephone ice pair 1"
_BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)
"""The key lives as long as the process; a clock that is wrong must not matter."""


class Identity:
    """A fresh key pair.

    Attributes:
        private_key: the key; it leaves the process never.
        certificate: the public key as a certificate signed by itself.
    """

    def __init__(self) -> None:
        self.private_key = Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "icephone")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.private_key.public_key())
            .serial_number(1)
            .not_valid_before(_BEGIN)
            .not_valid_after(_END)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
            .sign(self.private_key, None)
        )

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def certificate_der(self) -> bytes:
        """The certificate, DER."""
        return self.certificate.public_bytes(Encoding.DER)

    def sign_for(self, certificate_der: bytes) -> bytes:
        """Prove to the owner of `certificate_der` that we have our key; 64 bytes, to be sent to it alone."""
        return self.private_key.sign(_signed(certificate_der))

    def signed_by(self, public_key: bytes, signature: bytes) -> bool:
        """True where the owner of `public_key` made `signature` for us."""
        try:
            key = Ed25519PublicKey.from_public_bytes(public_key)
            key.verify(signature, _signed(self.certificate_der))
        except (InvalidSignature, ValueError):
            return False
        return True


def certificate_pem(der: bytes) -> bytes:
    """A certificate of the other side as PEM; UsageError where it is none."""
    try:
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
    except ValueError:
        raise UsageError("the line holds no certificate", hint="copy the whole line once more") from None


def _signed(certificate_der: bytes) -> bytes:
    return _PURPOSE + hashlib.sha256(certificate_der).digest()
