"""A UDP socket of this host: non-blocking, read in turns with the others of the event loop.

asyncio's datagram transport allocates 256 KiB for each packet; this reads 2 KiB.
"""

from __future__ import annotations

import errno
import ipaddress
import socket

from ice.net.marking import mark
from ice.net.network import DatagramReceiver
from ice.net.poller import Poller
from ice.types import TransportAddress

READ_SIZE = 2048
"""Bytes read of a datagram; a longer one does not fit any link that media uses and is dropped whole."""

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


def _name_of(address: TransportAddress) -> tuple[str, int] | tuple[str, int, int, int]:
    """The socket name of an IP literal, of IPv6 with its zone.

    Sending to a name would wait for a name server, in the middle of the event loop: OSError then, and where
    there is no such interface.
    """
    bare, scoped, zone = address.host.partition("%")
    require_literal(bare)
    return (bare, address.port, 0, socket.if_nametoindex(zone)) if scoped else (bare, address.port)


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
        self._poller = Poller.running()
        self._local = address_of(sock.getsockname())
        self._remotes: dict[tuple[str, int], TransportAddress] = {}
        self._remote: TransportAddress | None = None
        self._name: tuple[str, int] | tuple[str, int, int, int] = "", 0
        self._open = True
        self.send_errors = 0
        self.receive_errors = 0
        self.oversized = 0
        self._poller.watch(sock.fileno(), self._readable)

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
        try:
            # Media goes to one remote, the value of which is always the same object.
            if remote is not self._remote:
                self._remote, self._name = None, _name_of(remote)
                self._remote = remote
            self._socket.sendto(data, self._name)
        except (OSError, OverflowError):
            self.send_errors += 1
            return False
        return True

    def close(self) -> None:
        """Free the socket; nothing is delivered afterwards."""
        if self._open:
            self._open = False
            self._poller.unwatch(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        try:
            data, name = self._socket.recvfrom(READ_SIZE + 1)
        except OSError as error:
            if error.errno not in _NOTHING_TO_READ:
                self.receive_errors += 1
            return
        if len(data) > READ_SIZE:
            self.oversized += 1
            return
        # Names repeat with every packet: one value per remote, not one per packet.
        remote = self._remotes.get(name)
        if remote is None:
            if len(self._remotes) >= _KNOWN_REMOTES:
                self._remotes.clear()
            remote = self._remotes[name] = address_of(name)
        self._on_datagram(data, remote)
