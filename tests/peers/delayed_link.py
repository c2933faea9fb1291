"""Two network namespaces with a slow link between them.

    left (192.0.2.1) ---- delay each way ---- right (192.0.2.2)

The delay is the kernel's (netem) where it has that; else two TAP devices are joined by a forwarder in a
thread of this process, which can lose packets too, stand still for a while, and have a bottleneck. Firewalls
stand at the receiving ends, so that senders notice nothing.
"""

from __future__ import annotations

import fcntl
import heapq
import itertools
import json
import os
import random
import secrets
import select
import struct
import threading
import time
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the link does to packets, in each direction by itself.

    Attributes:
        delay_s: one way, seconds.
        loss: share of the packets that are lost, 0 to 1.
        blackout_s: for so long everything is lost ...
        blackout_every_s: ... at the end of each period of so many seconds; 0: never.
        bits_per_s: of the bottleneck; 0: there is none.
        queue_bytes: that wait there; what comes on top of them is lost.
        seed: of the losses: links of the same seed lose alike.
    """

    delay_s: float
    loss: float = 0.0
    blackout_s: float = 0.0
    blackout_every_s: float = 0.0
    bits_per_s: float = 0.0
    queue_bytes: int = 32_768
    seed: int = 1

    @property
    def only_delays(self) -> bool:
        """True where netem alone makes the link."""
        return not (self.loss or self.blackout_every_s or self.bits_per_s)


class Direction:
    """One direction of a shaped link: when what comes in comes out."""

    def __init__(self, shape: Shape, began_at: float, seed: int) -> None:
        self._shape = shape
        self._began_at = began_at
        self._random = random.Random(seed)
        self._busy_until = began_at

    def due(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes that comes in now comes out; None where it is lost."""
        shape = self._shape
        # Drawn for each packet, so that a blackout changes nothing for those after it.
        lost = self._random.random() < shape.loss
        every = shape.blackout_every_s
        if lost or (every and (now - self._began_at) % every >= every - shape.blackout_s):
            return None
        if not shape.bits_per_s:
            return now + shape.delay_s
        waiting_s = max(0.0, self._busy_until - now)
        if waiting_s * shape.bits_per_s / 8 + size > shape.queue_bytes:
            return None
        self._busy_until = now + waiting_s + size * 8 / shape.bits_per_s
        return self._busy_until + shape.delay_s


class _Forwarder:
    """Passes Ethernet frames between two TAP devices, each a while later, in their order.

    It has a thread of its own: event loops wake up to a millisecond late, which adds up over a handshake.
    """

    def __init__(self, ends: tuple[int, int], shape: Shape) -> None:
        self._targets = {ends[0]: ends[1], ends[1]: ends[0]}
        now = time.monotonic()
        self._directions = {
            end: Direction(shape, now, 2 * shape.seed + number) for number, end in enumerate(ends)
        }
        self._frames: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()
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
            due = self._directions[source].due(len(frame), time.monotonic())
            if due is not None:
                heapq.heappush(self._frames, (due, next(self._order), self._targets[source], frame))

    def _write(self) -> None:
        while self._frames and self._frames[0][0] <= time.monotonic():
            _, _, target, frame = heapq.heappop(self._frames)
            try:
                os.write(target, frame)
            except OSError:
                # A device that is down or full loses frames, as a network does.
                continue


@asynccontextmanager
async def delayed_link(shape: Shape | float) -> AsyncIterator[DelayedLink]:
    """Make the two namespaces and the link; removed on exit. Needs root.

    Args:
        shape: what the link does; a number is its delay one way, in seconds.

    Raises:
        PeerError: the system does not allow it.
    """
    if not isinstance(shape, Shape):
        shape = Shape(delay_s=shape)
    mark = secrets.token_hex(3)
    left = Namespace(name=f"icephone-{mark}-left", host="192.0.2.1")
    right = Namespace(name=f"icephone-{mark}-right", host="192.0.2.2")
    async with AsyncExitStack() as stack:
        for namespace in (left, right):
            await run("ip", "netns", "add", namespace.name)
            stack.push_async_callback(run, "ip", "netns", "delete", namespace.name)
            await run("ip", "-n", namespace.name, "link", "set", "lo", "up")
        kernel = shape.only_delays and await _by_kernel(left, right, shape.delay_s)
        if not kernel:
            ends = [stack.enter_context(_tap(f"ice{mark}{side}")) for side in "lr"]
            for end, namespace in zip(ends, (left, right), strict=True):
                await run("ip", "link", "set", end.name, "netns", namespace.name)
                await run("ip", "-n", namespace.name, "link", "set", end.name, "name", INTERFACE)
            stack.enter_context(_Forwarder((ends[0].descriptor, ends[1].descriptor), shape))
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
