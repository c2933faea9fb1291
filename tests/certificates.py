"""Certificates that tests make for themselves; none is kept."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ua.sip.transport.tls.certificate import fingerprint_of

SERVER_USE = "1.3.6.1.5.5.7.3.1"
CLIENT_USE = "1.3.6.1.5.5.7.3.2"
SIP_DOMAIN = "1.3.6.1.5.5.7.3.20"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its key, as PEM files.

    Attributes:
        certificate: path of the certificate.
        key: path of the private key.
        der: the certificate.
    """

    certificate: Path
    key: Path
    der: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256, upper case hexadecimal digits."""
        return fingerprint_of(self.der)


class Authority:
    """Issues certificates into `folder`; `certificate` is the file that trusts it."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._count = 0
        own = (
            self._builder(self._name, self._key.public_key(), days=(-1, 30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / f"{name.replace(' ', '-').lower()}.pem"
        self.certificate.write_bytes(own.public_bytes(Encoding.PEM))

    def issue(
        self,
        name: str = "",
        *,
        dns: Sequence[str] = (),
        uris: Sequence[str] = (),
        addresses: Sequence[str] = (),
        days: tuple[int, int] = (-1, 30),
        uses: Sequence[str] = (),
    ) -> Issued:
        """A certificate with these names; valid from and until so many days from now."""
        self._count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        names: list[x509.GeneralName] = [
            *(x509.UniformResourceIdentifier(each) for each in uris),
            *(x509.DNSName(each) for each in dns),
            *(x509.IPAddress(ipaddress.ip_address(each)) for each in addresses),
        ]
        builder = self._builder(subject, key.public_key(), days=days).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not name)
        if uses:
            known = [ObjectIdentifier(each) for each in uses]
            builder = builder.add_extension(x509.ExtendedKeyUsage(known), critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        stem = self._folder / f"{self.certificate.stem}-{self._count}"
        certificate, secret = stem.with_suffix(".crt"), stem.with_suffix(".key")
        certificate.write_bytes(made.public_bytes(Encoding.PEM))
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Issued(certificate=certificate, key=secret, der=made.public_bytes(Encoding.DER))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: tuple[int, int]
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of this test."""
    return Authority(tmp_path)
