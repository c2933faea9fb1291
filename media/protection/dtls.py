"""DTLS-SRTP (RFC 5764) as a core without IO on OpenSSL's memory BIO: datagrams in and out, keys at the end.

What a test cannot have is OpenSSL's own clock, which times its retransmissions: `next_timer` tells when it
wants to be asked again.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from OpenSSL import SSL
from OpenSSL.crypto import X509

from media.protection.certificate import Certificate, digest
from media.protection.srtp import PROFILES, MasterKey, SrtpProfile

MTU: Final = 1200
"""Bytes of a datagram of ours at most."""

PATIENCE_S: Final = 30.0
"""A handshake that takes longer has failed."""

_DTLS_1_2: Final = 0xFEFD
_HEADER: Final = 13
_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
_EXPORTER: Final = b"EXTRACTOR-dtls_srtp"


class DtlsState(enum.StrEnum):
    """Where an association stands."""

    NEW = "new"
    HANDSHAKE = "handshake"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DtlsConnected:
    """The handshake is done and the peer is who signalling says.

    Attributes:
        send: protects what we send.
        receive: protects what the peer sends.
    """

    send: MasterKey
    receive: MasterKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DtlsFailed:
    """There is no association with this peer, and there will be none; media must end.

    Attributes:
        reason: for people.
        impostor: the certificate of the peer is not that of signalling.
    """

    reason: str
    impostor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DtlsClosed:
    """The peer ended the association (close_notify)."""


DtlsEvent = DtlsConnected | DtlsFailed | DtlsClosed


class DtlsAssociation:
    """One association.

    Args:
        certificate: ours.
        is_client: whether we begin the handshake.
        fingerprints: hash name and digest; the certificate of the peer has to match one of them.
        profiles: of SRTP that we speak, best first.
    """

    def __init__(
        self,
        *,
        certificate: Certificate,
        is_client: bool,
        fingerprints: Iterable[tuple[str, bytes]],
        profiles: Iterable[SrtpProfile] = tuple(PROFILES.values()),
    ) -> None:
        self.state = DtlsState.NEW
        self._is_client = is_client
        self._fingerprints = tuple(fingerprints)
        self._profiles = {profile.dtls: profile for profile in profiles}
        self._impostor = False
        self._out: list[bytes] = []
        self._events: list[DtlsEvent] = []
        self._timer: float | None = None
        self._deadline = float("inf")
        self._connection = SSL.Connection(self._context(certificate))
        if is_client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._connection.set_ciphertext_mtu(MTU)

    def _context(self, certificate: Certificate) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET)
        context.set_cipher_list(_CIPHERS)
        context.use_certificate(certificate.x509)
        context.use_privatekey(certificate.key)
        # RFC 8122 §6.2: chain and names do not count, the fingerprint alone does.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        context.set_tlsext_use_srtp(":".join(self._profiles).encode())
        return context

    def _verify(self, _: SSL.Connection, shown: X509, _error: int, depth: int, _ok: int) -> bool:
        if depth:
            return True
        certificate = shown.to_cryptography()
        known = any(digest(certificate, name) == value for name, value in self._fingerprints)
        self._impostor = not known
        return known

    # --- in -----------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin: the client sends its hello, the server waits for it. `now` is monotonic seconds."""
        if self.state is not DtlsState.NEW:
            raise RuntimeError("an association begins only once")
        self.state = DtlsState.HANDSHAKE
        self._deadline = now + PATIENCE_S
        self._go_on(now)

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a datagram of the peer; anything but DTLS of this association is ignored."""
        if self.state not in (DtlsState.HANDSHAKE, DtlsState.CONNECTED):
            return
        if not datagram:
            return
        self._connection.bio_write(datagram)
        self._go_on(now)

    def handle_timer(self, now: float) -> None:
        """Call at `next_timer`: what was not answered is sent again (RFC 6347 §4.2.4)."""
        if self.state is not DtlsState.HANDSHAKE:
            return
        if now >= self._deadline:
            self._fail(f"the handshake was not done within {PATIENCE_S:.0f} s")
            return
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(_why(error))
        self._flush(now)

    def close(self, now: float) -> None:
        """Say close_notify, as far as there is somebody to say it to."""
        if self.state is DtlsState.CONNECTED:
            with contextlib.suppress(SSL.Error):
                self._connection.shutdown()
            self._flush(now)
        if self.state is not DtlsState.FAILED:
            self.state = DtlsState.CLOSED
        self._timer = None

    # --- out ----------------------------------------------------------------------------------------------

    def take_datagrams(self) -> list[bytes]:
        """What is to be sent, in order."""
        out, self._out = self._out, []
        return out

    def take_events(self) -> list[DtlsEvent]:
        """What has happened, in order."""
        events, self._events = self._events, []
        return events

    def next_timer(self) -> float | None:
        """When `handle_timer` is due, None for never."""
        return self._timer

    # --- inside -------------------------------------------------------------------------------------------

    def _go_on(self, now: float) -> None:
        try:
            if self.state is DtlsState.HANDSHAKE:
                self._connection.do_handshake()
                self._connected()
            if self.state is DtlsState.CONNECTED:
                self._listen()
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = DtlsState.CLOSED
            self._events.append(DtlsClosed())
        except SSL.Error as error:
            self._refused(error)
        self._flush(now)

    def _refused(self, error: SSL.Error) -> None:
        if self.state is DtlsState.CONNECTED:
            # A fatal alert of the peer, who can prove to be the peer.
            self.state = DtlsState.CLOSED
            self._events.append(DtlsClosed())
        elif self._impostor:
            self._fail("the certificate of the peer is not the one that signalling names", impostor=True)
        else:
            self._fail(_why(error))

    def _listen(self) -> None:
        """Alerts and repeated handshakes; media never comes as data of DTLS (RFC 5764 §4.1)."""
        while True:
            self._connection.recv(1 << 14)

    def _connected(self) -> None:
        name = self._connection.get_selected_srtp_profile().decode()
        profile = self._profiles.get(name)
        if profile is None:
            self._fail("no protection profile in common")
            return
        # RFC 5764 §4.2: both keys, then both salts; the client's first.
        exported = self._connection.export_keying_material(_EXPORTER, 2 * profile.length)
        key, salt = profile.key, profile.salt
        client = exported[:key] + exported[2 * key : 2 * key + salt]
        server = exported[key : 2 * key] + exported[2 * key + salt :]
        mine, theirs = (client, server) if self._is_client else (server, client)
        self.state = DtlsState.CONNECTED
        self._events.append(
            DtlsConnected(
                send=MasterKey(profile=profile, material=mine, packets=profile.dtls_packets),
                receive=MasterKey(profile=profile, material=theirs, packets=profile.dtls_packets),
            )
        )

    def _fail(self, reason: str, *, impostor: bool = False) -> None:
        self.state = DtlsState.FAILED
        self._timer = None
        self._events.append(DtlsFailed(reason=reason, impostor=impostor))

    def _flush(self, now: float) -> None:
        """Take the records out of the BIO, as many to a datagram as it holds, and look at the clock."""
        datagram = b""
        for record in self._records():
            if datagram and len(datagram) + len(record) > MTU:
                self._out.append(datagram)
                datagram = b""
            datagram += record
        if datagram:
            self._out.append(datagram)
        waiting = self._connection.DTLSv1_get_timeout() if self.state is DtlsState.HANDSHAKE else None
        if self.state is not DtlsState.HANDSHAKE:
            self._timer = None
        elif waiting is None:
            self._timer = self._deadline
        else:
            self._timer = min(self._deadline, now + max(waiting, 0.001))

    def _records(self) -> list[bytes]:
        try:
            data = self._connection.bio_read(1 << 16)
        except SSL.WantReadError:
            return []
        records: list[bytes] = []
        while data:
            size = _HEADER + int.from_bytes(data[11:13], "big")
            records.append(data[:size])
            data = data[size:]
        return records


def _why(error: SSL.Error) -> str:
    """OpenSSL's own words, the last ones."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    texts = [str(entry[-1]) for entry in queue if entry]
    return f"the handshake failed: {texts[-1]}" if texts else "the handshake failed"
