"""DTLS over a path of ours, its handshake and data: what a browser and a gateway want before media."""

from __future__ import annotations

import asyncio
import contextlib
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from media.path import PacketPath
from tests.peers.process import PeerError

_RECORD_HEADER = 13
_HANDSHAKE = 22
_HELLOS = (1, 2)
_LONGEST_DATA = 4096
_SRTP_PROFILE = b"SRTP_AES128_CM_SHA1_80"


class Dtls:
    """One end of an association.

    Attributes:
        fingerprint: of our certificate, as a=fingerprint says it.
        hellos: records with the beginning of a handshake, ours and the peer's.
        data: what the peer sent after the handshake.
    """

    def __init__(self, path: PacketPath, *, client: bool) -> None:
        """Attach to a path, which may have no pair yet; `client` begins the handshake."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key)
        context = SSL.Context(SSL.DTLS_METHOD)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_tlsext_use_srtp(_SRTP_PROFILE)
        self.fingerprint = _fingerprint(certificate)
        self.hellos = 0
        self.data: list[bytes] = []
        self._done = False
        self._path = path
        self._arrived = asyncio.Event()
        self._connection = SSL.Connection(context)
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        path.set_receiver(self._receive)

    @property
    def peer_fingerprint(self) -> str:
        """Of the peer's certificate, after the handshake."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise PeerError("there is no certificate of the peer")
        return _fingerprint(certificate)

    @property
    def srtp_profile(self) -> bytes:
        """The profile of SRTP that both agreed on."""
        return self._connection.get_selected_srtp_profile()

    def _receive(self, packet: bytes, _now: float) -> None:
        self.hellos += _is_hello(packet)
        self._connection.bio_write(packet)
        self._arrived.set()
        if self._done:
            with contextlib.suppress(SSL.WantReadError):
                self.data.append(self._connection.recv(_LONGEST_DATA))
            self._flush()

    def send(self, data: bytes) -> None:
        """Send data over the association, after the handshake."""
        self._connection.send(data)
        self._flush()

    def begin(self) -> bool:
        """Go on with the handshake as far as it goes; True once it is done."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        finally:
            self._flush()
        self._done = True
        return True

    async def handshake(self, timeout_s: float = 10.0) -> None:
        """Complete it; raises TimeoutError, or SSL.Error where the two do not agree."""
        async with asyncio.timeout(timeout_s):
            while not self.begin():
                again_s = self._connection.DTLSv1_get_timeout()
                try:
                    await asyncio.wait_for(self._arrived.wait(), again_s)
                except TimeoutError:
                    self._connection.DTLSv1_handle_timeout()
                    self._flush()
                self._arrived.clear()

    def _flush(self) -> None:
        """Send what is to be sent, one record each."""
        try:
            data = self._connection.bio_read(1 << 16)
        except SSL.WantReadError:
            return
        while data:
            size = _RECORD_HEADER + int.from_bytes(data[11:13], "big")
            if self._path.send(data[:size]):
                self.hellos += _is_hello(data)
            data = data[size:]


def _is_hello(record: bytes) -> bool:
    """True for a record that begins a handshake: ClientHello or ServerHello (RFC 6347 §4)."""
    return record[0] == _HANDSHAKE and record[_RECORD_HEADER] in _HELLOS


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "icephone test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    return builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())


def _fingerprint(certificate: x509.Certificate) -> str:
    return "sha-256 " + certificate.fingerprint(hashes.SHA256()).hex(":").upper()
