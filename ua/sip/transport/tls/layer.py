"""TLS between the bytes of a connection and what it carries, without IO (RFC 3261 §26.3, RFC 5922 §7).

Records go in by `receive` and out by `take_output`. Nothing that is written leaves before the other side has
shown a certificate that is accepted.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from ua.sip.errors import SipTlsError
from ua.sip.transport.tls.certificate import Certificate
from ua.sip.transport.tls.identity import Refusal, normal

Judge = Callable[[bytes], Refusal | None]
"""Takes a certificate (DER); None where it is accepted."""

_READ_BYTES: Final = 65536

_WRONG_PURPOSE: Final = 26
"""X509_V_ERR_INVALID_PURPOSE: OpenSSL asks for serverAuth alone; the uses are judged with the name."""

_PROBLEMS: Final = {
    2: "its issuer is not known here",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself, and not among those that are trusted",
    19: "the chain ends in a certificate that is not trusted here",
    20: "its issuer is not known here",
    21: "its issuer is not known here",
    23: "it has been revoked",
    24: "it is signed by one that may not sign certificates",
    32: "it is signed by one that may not sign certificates",
    66: "its key is too short",
    67: "a key in its chain is too short",
    68: "it is signed with a weak digest",
}
"""X509_V_ERR_* of OpenSSL, in plain words."""


class TlsState(enum.Enum):
    """Where a TLS connection stands."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    ENDED = "ended"
    """The other side has said that nothing more comes (close_notify)."""
    FAILED = "failed"


class TlsLayer:
    """One TLS connection.

    Args:
        context: keys and trusted issuers.
        server_name: the domain that we want to reach, for SNI; None on the side of the server.
        who: the other side, for people.
        expected: what certificate is wanted, for people.
        judge: what the owner of the certificate must be; None where nothing is asked.
        check_chain: false where the issuer does not matter.
        ask: on the side of the server: ask who the client is.
        require: on the side of the server: no certificate is not enough.

    Attributes:
        state: where it stands.
        failure: why it failed.
        peer: the certificate of the other side, where it showed one that is accepted.
    """

    def __init__(
        self,
        context: SSL.Context,
        *,
        server_name: str | None,
        who: str,
        expected: str,
        judge: Judge | None,
        check_chain: bool,
        ask: bool = True,
        require: bool = False,
    ) -> None:
        self._tls = SSL.Connection(context, None)
        self._who = who
        self._expected = expected
        self._judge = judge
        self._check_chain = check_chain
        self._refusal: Refusal | None = None
        self.state = TlsState.HANDSHAKE
        self.failure: SipTlsError | None = None
        self.peer: Certificate | None = None
        self.peer_der = b""
        mode = SSL.VERIFY_PEER if ask else SSL.VERIFY_NONE
        if server_name is None:
            if require:
                mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            self._tls.set_accept_state()
        else:
            self._tls.set_connect_state()
            if server_name:
                self._tls.set_tlsext_host_name(normal(server_name).encode())
        self._tls.set_verify(mode, self._verify)

    def start(self) -> None:
        """Say hello, on the side of the client."""
        self._advance()

    def receive(self, data: bytes) -> bytes:
        """Take records; give what they carry. Watch `state` afterwards."""
        if self.state in (TlsState.ENDED, TlsState.FAILED):
            return b""
        view = memoryview(data)
        while view:
            view = view[self._tls.bio_write(bytes(view)) :]
        if self.state is TlsState.HANDSHAKE:
            self._advance()
        return self._read() if self.state is TlsState.OPEN else b""

    def write(self, data: bytes) -> None:
        """Send this, once the connection is open; before, and after its end, it is dropped."""
        if self.state is not TlsState.OPEN:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.send(bytes(view)) :]
        except SSL.Error as error:
            self._fail(error)

    def close(self) -> None:
        """Tell the other side that nothing more comes."""
        if self.state in (TlsState.OPEN, TlsState.ENDED):
            try:
                self._tls.shutdown()
            except SSL.Error:
                return  # it is gone already

    def take_output(self) -> bytes:
        """Records to send."""
        records = bytearray()
        while True:
            try:
                records += self._tls.bio_read(_READ_BYTES)
            except SSL.Error:
                return bytes(records)

    @property
    def description(self) -> str:
        """Version, and who the other side has proved to be; empty before the connection is open."""
        if self.state is TlsState.HANDSHAKE:
            return ""
        who = "no certificate" if self.peer is None else str(self.peer)
        return f"{self._tls.get_protocol_version_name()}, {who}"

    def _advance(self) -> None:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            self._fail(error)
            return
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        if certificate is not None:
            self.peer_der = certificate.public_bytes(Encoding.DER)
            refusal = self._judged(self.peer_der)
            if refusal is not None:
                self._refuse(refusal)
                return
            self.peer = Certificate.read(self.peer_der)
        self.state = TlsState.OPEN

    def _judged(self, der: bytes) -> Refusal | None:
        if self._judge is not None:
            return self._judge(der)
        try:
            Certificate.read(der)
        except ValueError as error:
            return Refusal(problem="it cannot be read", expected=self._expected, found=str(error))
        return None

    def _read(self) -> bytes:
        plain = bytearray()
        while True:
            try:
                plain += self._tls.recv(_READ_BYTES)
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self.state = TlsState.ENDED
                break
            except SSL.Error as error:
                self._fail(error)
                break
        return bytes(plain)

    def _verify(self, _: SSL.Connection, certificate: crypto.X509, code: int, depth: int, good: int) -> bool:
        """OpenSSL asks for each certificate of the chain; the one at depth 0 is the other side's own.

        Its owner is looked at here already: one that is refused is not told who we are.
        """
        der = certificate.to_cryptography().public_bytes(Encoding.DER)
        if good or not self._check_chain or (code == _WRONG_PURPOSE and depth == 0):
            self._refusal = self._judged(der) if depth == 0 else None
            return self._refusal is None
        problem = _PROBLEMS.get(code, f"OpenSSL refuses it with error {code}")
        try:
            found = str(Certificate.read(der))
        except ValueError as error:
            found = str(error)
        self._refusal = Refusal(problem=problem, expected=self._expected, found=found)
        return False

    def _fail(self, error: SSL.Error) -> None:
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        self.state = TlsState.FAILED
        self.failure = SipTlsError(f"TLS with {self._who} failed", seen=_reason(error))

    def _refuse(self, refusal: Refusal) -> None:
        self.state = TlsState.FAILED
        self.failure = SipTlsError(
            f"the certificate of {self._who} is refused: {refusal.problem}",
            seen=f"expected {refusal.expected}; found {refusal.found}",
            hint="where this is the right server: ca_file or fingerprint in [tls]",
        )


def _reason(error: SSL.Error) -> str:
    """What OpenSSL says, its last word."""
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][-1][-1])
    return str(error) or "the connection was closed"
