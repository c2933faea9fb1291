"""Calls one after the other between two phones on one machine, in a network namespace of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.bench.setup.watcher import Watcher
from tests.peers.baresip import baresip
from tests.peers.icephone import icephone
from tests.peers.namespace import Namespace
from tests.peers.netns import one_host, run
from tests.peers.process import PeerError, Programs, until
from tests.peers.registry import PEERS, find_program
from tests.peers.tones import write_tone

CALLER_PORT, CALLEE_PORT = 5060, 5070
"""Of SIP: where UDP is dropped, messages pass all the same."""

_BLOCKED = f"""
table inet icephone_bench {{
    chain arriving {{
        type filter hook input priority filter; policy accept;
        udp dport {{ {CALLER_PORT}, {CALLEE_PORT} }} accept
        meta l4proto udp drop
    }}
}}
"""

_MEDIA_S = 20.0
"""Then a call without voice both ways has failed."""

Phone = Literal["icephone", "baresip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured.

    Attributes:
        name: for people.
        phone: both sides.
        ice: both use it.
        blocked: UDP is dropped, but for SIP.
    """

    name: str
    phone: Phone
    ice: bool
    blocked: bool = False


BARESIP = Case(name="baresip, without ICE", phone="baresip", ice=False)

CASES = (
    Case(name="icephone, without ICE", phone="icephone", ice=False),
    Case(name="icephone, ICE over UDP", phone="icephone", ice=True),
    Case(name="icephone, ICE with UDP blocked", phone="icephone", ice=True, blocked=True),
    BARESIP,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        media_ms: from the INVITE until RTP had come both ways, as it went by on the interface.
        heard_ms: from the INVITE until the caller had the first RTP, as it tells; None where it does not.
        transport: what its media took, as the caller tells.
    """

    media_ms: float
    heard_ms: float | None = None
    transport: str = "udp"


@asynccontextmanager
async def _place(*, blocked: bool) -> AsyncIterator[tuple[Namespace, Watcher]]:
    async with one_host() as host:
        if blocked:
            await run(*host.prefix, find_program("nft") or "nft", "-f", "-", text=_BLOCKED)
        with host.entered():
            watcher = Watcher("lo")
        try:
            yield host, watcher
        finally:
            watcher.close()


async def measure(
    case: Case, *, calls: int, folder: Path, tell: Callable[[str], object] = lambda _: None
) -> list[Call]:
    """So many calls, and one before them that is not counted.

    Raises:
        PeerError: a call failed, or took a way that the case does not have.
    """
    if case.phone == "baresip" and not PEERS["baresip"].present():
        raise PeerError(f"baresip is not installed ({PEERS['baresip'].source})")
    programs = Programs(folder)
    found: list[Call] = []
    try:
        async with _place(blocked=case.blocked) as (host, watcher):
            with host.entered():
                several = _ours if case.phone == "icephone" else _baresips
                async for call in several(case, programs, host, watcher):
                    tell(f"{case.name}: {call.media_ms:.1f} ms")
                    found.append(call)
                    if len(found) > calls:
                        break
    finally:
        await programs.stop()
    return found[1:]


async def _media_ms(watcher: Watcher) -> float:
    await until(lambda: watcher.call.media_ms is not None, "voice goes both ways", _MEDIA_S)
    media_ms = watcher.call.media_ms
    assert media_ms is not None
    return media_ms


async def _ours(case: Case, programs: Programs, host: Namespace, watcher: Watcher) -> AsyncIterator[Call]:
    """`icephone call` to `icephone answer`."""
    config = programs.folder / "account.toml"
    config.write_text(f"[ice]\nenabled = {str(case.ice).lower()}\n", encoding="utf-8")
    answering = await icephone(
        programs,
        *("answer", "--tone", "1000", "--listen", f"{host.host}:{CALLEE_PORT}"),
        config=config,
        prefix=host.prefix,
    )
    await answering.noted("listening on sip:")
    expected = "tcp" if case.blocked else "udp"
    while True:
        watcher.again()
        calling = await icephone(
            programs,
            *("call", f"sip:bob@{host.host}:{CALLEE_PORT}", "--listen", f"{host.host}:{CALLER_PORT}"),
            *("--tone", "440", "--for", "500ms"),
            config=config,
            prefix=host.prefix,
        )
        result = await calling.result()
        call = Call(
            media_ms=await _media_ms(watcher),
            heard_ms=result["media_ms"],
            transport=result["ice"]["transport"] or "udp",
        )
        if call.transport != expected:
            raise PeerError(f"{case.name}: media went over {call.transport}")
        yield call


async def _baresips(case: Case, programs: Programs, host: Namespace, watcher: Watcher) -> AsyncIterator[Call]:
    """One that dials, and one that answers by itself."""
    tone = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "callee", source=tone, place=host) as callee,
        baresip(programs, "caller", source=tone, place=host) as caller,
    ):
        while True:
            watcher.again()
            for phone in (caller, callee):
                phone.events.clear()
            await caller.dial(f"sip:callee@{host.host}:{callee.port}")
            await caller.event("CALL_ESTABLISHED")
            media_ms = await _media_ms(watcher)
            await asyncio.sleep(0.5)
            await caller.hang_up()
            await callee.event("CALL_CLOSED")
            yield Call(media_ms=media_ms)
