"""SIP over UDP: one socket (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

from ice.types import TransportAddress
from ua.clock import now as monotonic

MAX_DATAGRAM_BYTES: Final = 65535
_READS_PER_WAKEUP: Final = 256
_READING_S: Final = 0.004
"""A request may cost some ms, and media goes by the same event loop: it must not wait for a burst."""

_BUFFER_BYTES: Final = 1 << 20
"""A second of 50 calls a second, with their repeats."""

_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_FROM_ICMP: Final = 2
_FROM_ICMP6: Final = 3
"""linux/in.h, linux/in6.h and linux/errqueue.h; Python has no names for them."""


class UdpChannel:
    """A bound socket in the event loop.

    `on_datagram(data, remote)` is called for each datagram, `on_unreachable(remote, reason)` where the
    network reports that datagrams to an address do not arrive.
    """

    def __init__(
        self,
        bound: socket.socket,
        *,
        on_datagram: Callable[[bytes, TransportAddress], None],
        on_unreachable: Callable[[TransportAddress, str], None],
    ) -> None:
        self._socket = bound
        self._socket.setblocking(False)
        self._on_datagram = on_datagram
        self._on_unreachable = on_unreachable
        with contextlib.suppress(OSError):  # only Linux tells whom an ICMP error was about
            if bound.family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                bound.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        for which in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            with contextlib.suppress(OSError):
                bound.setsockopt(socket.SOL_SOCKET, which, _BUFFER_BYTES)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(bound.fileno(), self._read)

    @property
    def local(self) -> TransportAddress:
        """Bound address and port."""
        return _address(self._socket.getsockname())

    def send(self, data: bytes, remote: TransportAddress) -> str:
        """Send a datagram; empty where it left, else what went wrong."""
        for attempt in (1, 2):
            try:
                self._socket.sendto(data, (remote.host, remote.port))
            except BlockingIOError:
                return ""  # full: lost like any datagram
            except OSError as error:
                # an error of an earlier datagram is reported once, on whatever is sent next
                if attempt == 1 and error.errno is not None and self._drain_errors():
                    continue
                return error.strerror or str(error)
            return ""
        return ""

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        self._drain_errors()
        end = monotonic() + _READING_S
        for _ in range(_READS_PER_WAKEUP):
            if self._socket.fileno() < 0 or monotonic() > end:  # closed by a callback, or others wait
                return
            try:
                data, source = self._socket.recvfrom(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._drain_errors()
                continue
            self._on_datagram(data, _address(source))

    def _drain_errors(self) -> bool:
        """Read the socket's error queue, else it would wake the loop for ever; true where there was one."""
        flag = getattr(socket, "MSG_ERRQUEUE", None)
        found = False
        while flag is not None and self._socket.fileno() >= 0:
            try:
                _, ancillary, _, remote = self._socket.recvmsg(0, 512, flag)
            except OSError:
                break
            found = True
            if remote and ancillary and (reason := unreachable_reason(ancillary[0][2])):
                self._on_unreachable(_address(remote), reason)
        return found


def unreachable_reason(report: bytes) -> str:
    """What a `sock_extended_err` says, empty for what is no failure (RFC 3261 §18.4).

    Time exceeded, source quench and "too big" do not mean that an address cannot be reached.
    """
    if len(report) < 8:
        return ""
    code, origin, kind = int.from_bytes(report[:4], sys.byteorder), report[4], report[5]
    harmless = kind in (4, 11) if origin == _FROM_ICMP else kind in (2, 3) and origin == _FROM_ICMP6
    return "" if harmless or code == errno.EMSGSIZE else os.strerror(code)


def bind_udp(host: str, port: int) -> socket.socket:
    """A bound UDP socket, of IPv6 alone for an IPv6 address; raises OSError."""
    bound = socket.socket(family_of(host), socket.SOCK_DGRAM)
    try:
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def local_towards(remote: TransportAddress) -> str:
    """The local address that the kernel would send from; raises OSError where there is no way.

    Connecting a UDP socket sends nothing.
    """
    with socket.socket(family_of(remote.host), socket.SOCK_DGRAM) as probe:
        probe.connect((remote.host, remote.port))
        return str(probe.getsockname()[0]).partition("%")[0]


def family_of(host: str) -> socket.AddressFamily:
    """Address family of an address literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(name: tuple[str, int] | tuple[str, int, int, int]) -> TransportAddress:
    return TransportAddress(host=name[0].partition("%")[0], port=name[1])
