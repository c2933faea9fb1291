"""One of our two sides: a phone with many calls, each with real media (`tests.bench.calls.stage`)."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from ice.config import IceConfig
from media.engine import MediaEngine
from media.session import MediaSession
from tests.bench.calls.arrivals import Arrivals
from tests.bench.calls.stage import Stage, options, tell
from ua.config.account import Account
from ua.config.calls import CallsSettings
from ua.config.media import MediaSettings
from ua.config.srtp import SrtpChoice
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, WavFile

_AT_ONCE = 20
"""So many calls are set up at the same time."""

_MAX_CALLS = 10_000


class WatchedEngine(MediaEngine):
    """Notes the arrivals of the packets of all its sessions."""

    def __init__(self, arrivals: Arrivals) -> None:
        super().__init__()
        self._arrivals = arrivals

    def add(self, session: MediaSession) -> None:
        """Start a session, and watch what comes for it."""
        super().add(session)
        session._rtp.set_receiver(self._arrivals.around(session.inbox.add))


class Side:
    """Our calls."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._calls: int = chosen.calls
        self._target: str = chosen.target
        self._srtp: SrtpChoice = "dtls" if chosen.srtp else "off"
        self._plan = MediaPlan(source=WavFile(path=Path(chosen.wav)))
        every = IceConfig(loopback=True, interfaces=("lo",))
        self._ice = MediaPlan(path=chosen.transport).ice_config(every)
        self._answering: asyncio.Task[None] | None = None

    async def run(self, role: str) -> None:
        """Play `role` to its end."""
        account = Account(
            uri=f"sip:{role}@example.com",
            auth_user=role,
            listen_host="127.0.0.1",
            ice=self._ice,
            media=MediaSettings(codecs=("PCMU",), srtp=self._srtp),
            calls=CallsSettings(max_calls=_MAX_CALLS),
        )
        stage = Stage(self._calls)
        engine = WatchedEngine(stage.arrivals)
        try:
            # What happens is told to nobody: a log of 500 calls is a matter of its own.
            async with Phone(account, EventLog(keep_bytes=0), engine=engine) as phone:
                if role == "callee":
                    await stage.play(lambda: self._take(phone))
                else:
                    await stage.play(lambda: self._place(phone))
        finally:
            if self._answering is not None:
                self._answering.cancel()
            await engine.close()

    async def _take(self, phone: Phone) -> None:
        async def answer() -> None:
            async for call in phone.incoming():
                await call.accept(self._plan)

        self._answering = asyncio.create_task(answer())
        await asyncio.sleep(0)
        tell(target=phone.addresses[0])

    async def _place(self, phone: Phone) -> None:
        room = asyncio.Semaphore(_AT_ONCE)

        async def place() -> None:
            async with room:
                call = await phone.place(self._target, self._plan)
                await call.established()

        await asyncio.gather(*(place() for _ in range(self._calls)))


def main() -> None:
    """Read the arguments and run."""
    chosen = options(__doc__ or "")
    asyncio.run(Side(chosen).run(chosen.role))


if __name__ == "__main__":
    main()
