"""What the system tells of a TCP connection: bytes that it holds, and the round trip."""

from __future__ import annotations

import socket
import struct
import sys

if sys.platform == "linux":
    import fcntl

# linux/sockios.h; the socket module does not name them.
_SIOCOUTQ = 0x5411
_SIOCOUTQNSD = 0x894B

# struct tcp_info of linux/tcp.h: tcpi_min_rtt, microseconds, since Linux 4.6.
_MIN_RTT_AT = 148
_INFO_SIZE = 152

# bsd/sys/socket.h of macOS: bytes in the send buffer.
_SO_NWRITE = 0x1024

_NOTHING = bytes(4)

_SYSTEM: str = sys.platform


class TcpHolder:
    """Asks the system about one socket (`ice.net.backlog.Holder`); some do not tell."""

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def unacknowledged(self) -> int | None:
        """Bytes in the send buffer; None where the system does not tell."""
        if _SYSTEM == "darwin":
            try:
                return self._socket.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
            except OSError:
                return None
        return _ask(self._socket, _SIOCOUTQ) if sys.platform == "linux" else None

    def unsent(self) -> int:
        """Bytes that were never sent; 0 where the system does not tell."""
        return _ask(self._socket, _SIOCOUTQNSD) or 0 if sys.platform == "linux" else 0

    def round_trip_s(self) -> float:
        """The least round trip of the last minutes; 0 where the system does not tell."""
        if sys.platform != "linux":
            return 0.0
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        except OSError:
            return 0.0
        if len(info) < _INFO_SIZE:
            return 0.0
        microseconds: int = struct.unpack_from("=I", info, _MIN_RTT_AT)[0]
        # All bits set where nothing was measured.
        return microseconds / 1e6 if microseconds < 1 << 31 else 0.0


def _ask(sock: socket.socket, request: int) -> int | None:
    try:
        return int.from_bytes(fcntl.ioctl(sock.fileno(), request, _NOTHING), sys.byteorder)
    except (OSError, ValueError):
        # It is closed.
        return None
