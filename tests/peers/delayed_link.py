"""Two network namespaces with a slow link between them.

    left (192.0.2.1) ---- delay each way ---- right (192.0.2.2)

The delay is the kernel's (netem) where it has that; else two TAP devices are joined by a forwarder in a
thread of this process. Firewalls stand at the receiving ends, so that senders notice nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import struct
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.peers.namespace import Namespace
from tests.peers.netns import OPENING, filter_packets, run
from tests.peers.process import PeerError

INTERFACE = "eth0"
"""The only interface of each namespace beside loopback."""

_PREFIX = 24
_FRAME_BYTES = 65535

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedLink:
    """The two namespaces.

    Attributes:
        left: one end.
        right: the other end.
        kernel: True where the delay is the kernel's, False where it is the forwarder's.
    """

    left: Namespace
    right: Namespace
    kernel: bool

    async def filter(self, namespace: Namespace, *, udp: bool, dials: bool) -> None:
        """Say what may come in at an end; what may not is dropped without a word.

        Args:
            namespace: the end.
            udp: UDP may.
            dials: TCP connections may be opened to it.
        """
        arriving = ["meta l4proto udp"] * (not udp) + [OPENING] * (not dials)
        await filter_packets(namespace, arriving=arriving)


class _Forwarder:
    """Passes Ethernet frames between two TAP devices, each a while later, in their order.

    It has a thread of its own: event loops wake up to a millisecond late, which adds up over a handshake.
    """

    def __init__(self, ends: tuple[int, int], delay_s: float) -> None:
        self._targets = {ends[0]: ends[1], ends[1]: ends[0]}
        self._delay_s = delay_s
        self._frames: deque[tuple[float, int, bytes]] = deque()
        self._woken, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, name="delayed link")

    def __enter__(self) -> _Forwarder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._waker)
        self._thread.join()
        os.close(self._woken)

    def _run(self) -> None:
        sources = [self._woken, *self._targets]
        while True:
            wait_s = max(0.0, self._frames[0][0] - time.monotonic()) if self._frames else None
            ready, _, _ = select.select(sources, [], [], wait_s)
            if self._woken in ready:
                return
            for source in ready:
                self._read(source)
            self._write()

    def _read(self, source: int) -> None:
        while True:
            try:
                frame = os.read(source, _FRAME_BYTES)
            except BlockingIOError:
                return
            self._frames.append((time.monotonic() + self._delay_s, self._targets[source], frame))

    def _write(self) -> None:
        while self._frames and self._frames[0][0] <= time.monotonic():
            _, target, frame = self._frames.popleft()
            try:
                os.write(target, frame)
            except OSError:
                # A device that is down or full loses frames, as a network does.
                continue


@asynccontextmanager
async def delayed_link(delay_s: float) -> AsyncIterator[DelayedLink]:
    """Make the two namespaces and the link; removed on exit. Needs root.

    Args:
        delay_s: one way, seconds.

    Raises:
        PeerError: the system does not allow it.
    """
    mark = secrets.token_hex(3)
    left = Namespace(name=f"icephone-{mark}-left", host="192.0.2.1")
    right = Namespace(name=f"icephone-{mark}-right", host="192.0.2.2")
    async with AsyncExitStack() as stack:
        for namespace in (left, right):
            await run("ip", "netns", "add", namespace.name)
            stack.push_async_callback(run, "ip", "netns", "delete", namespace.name)
            await run("ip", "-n", namespace.name, "link", "set", "lo", "up")
        kernel = await _by_kernel(left, right, delay_s)
        if not kernel:
            ends = [stack.enter_context(_tap(f"ice{mark}{side}")) for side in "lr"]
            for end, namespace in zip(ends, (left, right), strict=True):
                await run("ip", "link", "set", end.name, "netns", namespace.name)
                await run("ip", "-n", namespace.name, "link", "set", end.name, "name", INTERFACE)
            stack.enter_context(_Forwarder((ends[0].descriptor, ends[1].descriptor), delay_s))
        await _configure(left, right)
        yield DelayedLink(left=left, right=right, kernel=kernel)


class _Tap:
    """A TAP device; gone when it is closed."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor

    def __enter__(self) -> _Tap:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def _tap(name: str) -> _Tap:
    try:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PeerError(f"no TAP device: {error}") from error
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    except OSError as error:
        os.close(descriptor)
        raise PeerError(f"no TAP device: {error}") from error
    return _Tap(name, descriptor)


async def _by_kernel(left: Namespace, right: Namespace, delay_s: float) -> bool:
    """Join the two by a pair of interfaces that delay; False, and nothing made, without netem."""
    peer = ("peer", "name", INTERFACE, "netns", right.name)
    await run("ip", "link", "add", INTERFACE, "netns", left.name, "type", "veth", *peer)
    try:
        for namespace in (left, right):
            delay = f"{delay_s * 1_000_000:.0f}us"
            shape = ("qdisc", "add", "dev", INTERFACE, "root", "netem", "delay", delay)
            await run("tc", "-n", namespace.name, *shape)
    except (PeerError, FileNotFoundError):
        await run("ip", "-n", left.name, "link", "delete", INTERFACE)
        return False
    return True


async def _configure(left: Namespace, right: Namespace) -> None:
    for namespace in (left, right):
        inside = ("ip", "-n", namespace.name)
        # No link-local address appears while the test runs.
        await run(*inside, "link", "set", INTERFACE, "addrgenmode", "none")
        await run(*inside, "address", "add", f"{namespace.host}/{_PREFIX}", "dev", INTERFACE)
        await run(*inside, "link", "set", INTERFACE, "up")
    for namespace, other in ((left, right), (right, left)):
        # What is measured must not wait for the first question of ARP.
        shown = json.loads(await run("ip", "-n", other.name, "-j", "link", "show", "dev", INTERFACE))
        entry = (other.host, "lladdr", shown[0]["address"], "nud", "permanent", "dev", INTERFACE)
        await run("ip", "-n", namespace.name, "neighbour", "replace", *entry)
