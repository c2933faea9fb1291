"""Registrations and calls of one process: what is left of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from media.engine import MediaEngine
from tests.bench.calls.figures import Memory
from tests.leaks import Held, left_over
from tests.peers.process import until
from tests.ua.phones import account
from ua.config.registration import RegistrationPolicy
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.config import SipConfig
from ua.sip.endpoint import SipEndpoint
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers
from ua.sip.transaction.timers import Timers

_PATIENCE_S = 20.0
_POLL_S = 0.2
_WARM_UP = 0.1
"""So much of the calls, and the first of each phone, fill caches; what comes after must leave nothing."""

OBJECTS_PER_CALL = 5.0
"""A phone remembers of each of its last calls which server answered it, and that it has ended."""

PLANS: tuple[MediaPlan, ...] = (
    MediaPlan(source=Tone(hz=440)),
    MediaPlan(source=Tone(hz=440), path="tcp"),
    MediaPlan(source=Tone(hz=440), leaves_offer=True),
    MediaPlan(source=Tone(hz=440), media="tcp"),
)
"""The ways of media in turn: UDP, TCP by ICE, an offer of the other side, TCP without ICE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """How it went.

    Attributes:
        registrations: that stood at once.
        results: of the calls, by both sides.
        memory: after a tenth of the calls, and after all, each time when the endpoints held nothing more.
        alive: what they held when the calls were long over and the phones still registered.
        sockets: left when all was closed.
        tasks: the same.
        timers: the same.
        left: one line for each thing that was left then.
    """

    registrations: int
    results: dict[str, int]
    memory: tuple[Memory, ...]
    alive: dict[str, int]
    sockets: int
    tasks: int
    timers: int
    left: tuple[str, ...]

    @property
    def growth(self) -> float:
        """Objects that a call leaves behind for good."""
        last = self.memory[-1]
        first = self.memory[0]
        return (last.objects - first.objects) / max(1, last.calls - first.calls)

    @property
    def problem(self) -> str:
        """What is wrong, empty where nothing is."""
        bad = {name: count for name, count in self.results.items() if name != "ok"}
        if bad:
            return f"calls failed: {bad}"
        if self.alive:
            return f"endpoints hold {self.alive}"
        if self.left:
            return "something is left"
        return f"{self.growth:.1f} objects of each call are left" if self.growth > OBJECTS_PER_CALL else ""


def _answer(incoming: IncomingRequest) -> None:
    """A registrar that takes everybody."""
    contact = incoming.request.contacts[0]
    stays = contact.param("expires") not in (None, "0")
    incoming.respond(200, headers=Headers.of(("Contact", contact)) if stays else Headers())


@asynccontextmanager
async def _registered(count: int, timers: Timers) -> AsyncIterator[list[Phone]]:
    """So many phones, each with its registration; they share the clock of media."""
    config = SipConfig(host="127.0.0.1", allow=("REGISTER", "OPTIONS"), timers=timers)
    registrar = SipEndpoint(config, on_request=_answer)
    await registrar.start()
    address = registrar.local_addresses["udp"]
    engine = MediaEngine()
    log = EventLog(keep_bytes=0)
    try:
        async with AsyncExitStack() as stack:
            phones = []
            for number in range(count):
                # A keep-alive may be a REGISTER: there would always be one of so many phones under way.
                quiet = RegistrationPolicy(keepalive="off")
                registrar_uri = f"sip:{address.host}:{address.port}"
                user = account(f"user{number}", registrar=registrar_uri, registration=quiet)
                phones.append(await stack.enter_async_context(Phone(user, log, engine=engine)))
                endpoint(phones[-1])._stack.layer._timers = timers
                await phones[-1].register(expires=3600)
            yield phones
    finally:
        await engine.close()
        await registrar.close()


def endpoint(phone: Phone) -> SipEndpoint:
    """The SIP side of a phone."""
    assert phone._endpoint is not None
    return phone._endpoint


async def _call(caller: Phone, callee: Phone, plan: MediaPlan) -> tuple[str, str]:
    """One call whose sides hear each other; the results."""
    ringing = asyncio.ensure_future(anext(callee.incoming()))
    await asyncio.sleep(0)
    placed = await caller.place(callee.addresses[0], plan)
    taken = await asyncio.wait_for(ringing, _PATIENCE_S)
    await taken.accept(MediaPlan(source=Echo()))
    await asyncio.wait_for(asyncio.gather(placed.established(), taken.established()), _PATIENCE_S)
    both = (placed, taken)
    await until(
        lambda: all(call.statistics is not None and call.statistics.received.packets > 0 for call in both),
        "both hear each other",
        _PATIENCE_S,
    )
    placed.hang_up()
    ours, theirs = await asyncio.wait_for(asyncio.gather(placed.ended(), taken.ended()), _PATIENCE_S)
    return str(ours.result), str(theirs.result)


async def run(
    registrations: int,
    calls: int,
    *,
    timers: Timers | None = None,
    tell: Callable[[Memory], None] = lambda _memory: None,
) -> Leaks:
    """Register so many phones at once, then place so many calls between them, one after the other.

    There are 10 calls at least. `timers` are those of SIP: what absorbs repeats lives for 64*T1 after a call.
    """
    timers = timers or Timers()
    before = Held.now(asyncio.get_running_loop())
    results: Counter[str] = Counter()
    memory: list[Memory] = []
    held: Counter[str] = Counter()
    async with _registered(registrations, timers) as phones:
        marks = round(max(_WARM_UP * calls, min(registrations, calls / 2))), calls
        for number in range(calls):
            caller, callee = phones[number % registrations], phones[(number + 1) % registrations]
            results.update(await _call(caller, callee, PLANS[number % len(PLANS)]))
            if number + 1 in marks:
                held += await _alive(phones, 64 * timers.t1 + 8)
                memory.append(Memory.after(number + 1))
                tell(memory[-1])
    left = await left_over(before)
    return Leaks(
        registrations=registrations,
        results=dict(results),
        memory=tuple(memory),
        alive=dict(held),
        sockets=len(left.sockets),
        tasks=len(left.tasks),
        timers=len(left.timers),
        left=tuple(left.names()),
    )


async def _alive(phones: list[Phone], patience_s: float) -> Counter[str]:
    """What the endpoints still hold, once that is nothing, or after so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    while True:
        held: Counter[str] = Counter()
        for phone in phones:
            held.update(endpoint(phone).alive)
        if not held or loop.time() > end:
            return held
        await asyncio.sleep(_POLL_S)
