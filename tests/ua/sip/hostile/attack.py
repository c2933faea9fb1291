"""Attackers on loopback, and a call that somebody else places while they are at it."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tests.bench.calls.figures import rss_kb
from tests.ua.phones import Pair
from tests.ua.sip.phones import ALICE, Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.syntax.uri import Uri

_PKTINFO: Final = 8
"""IP_PKTINFO of linux/in.h; Python has no name for it everywhere."""

_PER_TURN: Final = 200
"""Datagrams between two turns of the event loop: the phone has some CPU of its own, as outside tests."""


Attack = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Goes on for as long as it likes, at least until the call stands."""


class Spoofer:
    """A UDP socket that sends from any address of 127.0.0.0/8; nobody hears the answers."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 0))
        self._socket.setblocking(False)
        self.sent = 0

    def send(self, data: bytes, source: int) -> None:
        """Send from the host with this number in 127.64.0.0/10."""
        host = (
            struct.pack("=I", 0)
            + ((127 << 24) + (64 << 16) + source % (1 << 22)).to_bytes(4, "big")
            + bytes(4)
        )
        try:
            self._socket.sendmsg([data], [(socket.IPPROTO_IP, _PKTINFO, host)], 0, self._target)
        except BlockingIOError:
            return
        self.sent += 1

    def flood(self, count: int, message: Callable[[int], bytes], *, hosts: int) -> Attack:
        """Send so many messages, and more until the call stands, from so many hosts in turn."""

        async def send(stands: asyncio.Event) -> None:
            number = 0
            while number < count or not stands.is_set():
                self.send(message(number), number % hosts)
                number += 1
                if number % _PER_TURN == 0:
                    await asyncio.sleep(0)

        return send

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Growth:
    """How much memory this process has taken since."""

    def __init__(self) -> None:
        gc.collect()
        self._before = rss_kb()

    @property
    def mb(self) -> float:
        """In MB."""
        return (rss_kb() - self._before) / 1024


async def call_meanwhile(phones: Pair, attack: Attack, *, back: bool = False, transport: str = "udp") -> None:
    """Alice calls Bob during the attack, or Bob Alice; both hear each other, and hang up."""
    caller, callee = (phones.bob, phones.alice) if back else (phones.alice, phones.bob)
    stands = asyncio.Event()
    attacking = asyncio.create_task(attack(stands))
    try:
        await asyncio.sleep(0.05)
        ringing = asyncio.ensure_future(anext(callee.incoming()))
        await asyncio.sleep(0)
        uri = next(uri for uri in callee.addresses if ("transport=tcp" in uri) is (transport == "tcp"))
        placed = await caller.place(uri, MediaPlan(source=Tone(hz=440)))
        taken = await asyncio.wait_for(ringing, 10)
        await taken.accept(MediaPlan(source=Echo()))
        await asyncio.wait_for(asyncio.gather(placed.established(), taken.established()), 10)
        assert not attacking.done()
        stands.set()
        await asyncio.sleep(0.3)
        placed.hang_up()
        results = await asyncio.wait_for(asyncio.gather(placed.ended(), taken.ended()), 10)
        assert [result.result for result in results] == ["ok", "ok"]
        await attacking
    finally:
        attacking.cancel()
        await asyncio.gather(attacking, return_exceptions=True)


async def signalling_meanwhile(alice: Phone, bob: Phone, target: Uri) -> None:
    """Alice calls Bob and hangs up."""
    invite = alice.endpoint.invite(target, from_=ALICE, body=b"v=0\r\n")
    incoming = await asyncio.wait_for(bob.offered.get(), 10)
    incoming.accept(b"v=0\r\n")
    response = await asyncio.wait_for(invite.answered(), 10)
    assert response.status == 200
    assert invite.leg is not None
    await invite.leg.bye()
