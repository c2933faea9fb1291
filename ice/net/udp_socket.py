"""A UDP socket of this host: non-blocking, read straight from the event loop's selector.

asyncio's datagram transport allocates 256 KiB for each packet; this reads 2 KiB and drains what is there.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket

from ice.net.marking import mark
from ice.net.network import DatagramReceiver
from ice.types import TransportAddress

READ_SIZE = 2048
"""Bytes read of a datagram; a longer one does not fit any link that media uses and is dropped whole."""

DRAIN_LIMIT = 64
"""Datagrams read per wake-up, so that one busy socket does not starve the others."""

_KNOWN_REMOTES = 256
_NOTHING_TO_READ = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


def family_of(host: str) -> socket.AddressFamily:
    """The address family of an IP literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def address_of(name: tuple[str, int] | tuple[str, int, int, int]) -> TransportAddress:
    """The value of a socket name, without its zone."""
    return TransportAddress(host=name[0].partition("%")[0], port=name[1])


def require_literal(host: str) -> None:
    """Raise OSError where `host` is no IP literal: no call of this package waits for a name server."""
    try:
        socket.inet_pton(family_of(host), host)
    except (OSError, ValueError) as error:
        raise OSError(errno.EINVAL, f"{host!r} is not an IP address") from error


def _scoped(host: str, port: int) -> tuple[str, int, int, int]:
    """The socket name of an IPv6 address with its zone; OSError where there is no such interface."""
    bare, _, zone = host.partition("%")
    require_literal(bare)
    return bare, port, 0, socket.if_nametoindex(zone)


class HostUdpSocket:
    """A bound UDP socket (`ice.net.network.UdpSocket`).

    Attributes:
        send_errors: datagrams that the system refused.
        receive_errors: errors reported when reading; ICMP messages come this way (they prove nothing).
        oversized: datagrams dropped because they were longer than READ_SIZE.
    """

    def __init__(self, sock: socket.socket, on_datagram: DatagramReceiver) -> None:
        self._socket = sock
        self._on_datagram = on_datagram
        self._loop = asyncio.get_running_loop()
        self._local = address_of(sock.getsockname())
        self._remotes: dict[tuple[str, int], TransportAddress] = {}
        self._literals: set[str] = set()
        self._open = True
        self.send_errors = 0
        self.receive_errors = 0
        self.oversized = 0
        self._loop.add_reader(sock.fileno(), self._readable)

    @classmethod
    def bind(cls, host: str, port: int, on_datagram: DatagramReceiver, *, dscp: int = 0) -> HostUdpSocket:
        """Bind to an IP literal; raises OSError. What is sent is marked with `dscp`."""
        require_literal(host)
        sock = socket.socket(family_of(host), socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if ipaddress.ip_address(host).is_multicast:
                # What a group hears is for everybody on this host who listens (RFC 6886 §3.2.1).
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            mark(sock, dscp)
            sock.bind((host, port))
            return cls(sock, on_datagram)
        except BaseException:
            sock.close()
            raise

    @property
    def local(self) -> TransportAddress:
        """The bound address."""
        return self._local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        """Send one datagram; False where the system refused it.

        EHOSTUNREACH, ECONNREFUSED and the like speak of one moment or one remote, never of the socket.
        """
        if not self._open:
            return False
        host = remote.host
        try:
            if "%" in host:
                self._socket.sendto(data, _scoped(host, remote.port))
                return True
            if host not in self._literals:
                # Sending to a name would wait for a name server, in the middle of the event loop.
                require_literal(host)
                if len(self._literals) >= _KNOWN_REMOTES:
                    self._literals.clear()
                self._literals.add(host)
            self._socket.sendto(data, (host, remote.port))
        except (OSError, OverflowError):
            self.send_errors += 1
            return False
        return True

    def close(self) -> None:
        """Free the socket; nothing is delivered afterwards."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(DRAIN_LIMIT):
            try:
                data, name = self._socket.recvfrom(READ_SIZE + 1)
            except OSError as error:
                if error.errno in _NOTHING_TO_READ:
                    return
                self.receive_errors += 1
                continue
            if len(data) > READ_SIZE:
                self.oversized += 1
                continue
            # Names repeat with every packet: one value per remote, not one per packet.
            remote = self._remotes.get(name)
            if remote is None:
                if len(self._remotes) >= _KNOWN_REMOTES:
                    self._remotes.clear()
                remote = self._remotes[name] = address_of(name)
            self._on_datagram(data, remote)
            if not self._open:
                return
