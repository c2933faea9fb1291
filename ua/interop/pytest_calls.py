"""What the fixtures `call` and `expect` of the pytest plugin are: a stage, with the last call in mind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from ua.call.call import Call
from ua.call.outgoing import OutgoingCall
from ua.interop.expect import Expect
from ua.interop.need import DESCRIPTIONS, EXTENSIONS, remedy
from ua.interop.stage import Stage
from ua.phone import Phone
from ua.plan import MediaPlan, MediaSource, Silence
from ua.results import CallResult


class Calls:
    """The fixture `call`: places calls at the peer, each hung up when its block ends.

    Attributes:
        stage: everything that scenarios have: more phones, calls that arrive, the event log.
        last: the call that was placed last, None before there is one.
    """

    def __init__(self, stage: Stage, phone: Phone) -> None:
        self.stage = stage
        self.last: Call | None = None
        self._phone = phone

    @asynccontextmanager
    async def __call__(
        self,
        to: str,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008  a frozen value
        *,
        phone: Phone | None = None,
        **changes: Any,
    ) -> AsyncIterator[OutgoingCall]:
        """Call somebody who answers: media may flow once this is entered.

        Args:
            to: what is called: an extension of the peer ("echo"), a number, or a whole URI. The test is
                skipped where the peer has no such extension.
            media: what is sent, e.g. `Tone(hz=1000)`, or a whole plan.
            phone: which phone calls; that of the fixture `phone` where None.
            changes: settings of the account, e.g. transport="tls", codecs=("PCMA",), srtp="sdes": then
                another phone, which has them, calls.
        """
        self._needs(to)
        async with self.stage.call(to, media, phone=self._caller(phone, changes), **changes) as call:
            self.last = call
            yield call

    @asynccontextmanager
    async def ringing(
        self,
        to: str,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008
        *,
        phone: Phone | None = None,
        **changes: Any,
    ) -> AsyncIterator[OutgoingCall]:
        """The same, without waiting for the answer: for those who are busy, or never answer."""
        self._needs(to)
        async with self.stage.ringing(to, media, phone=self._caller(phone, changes), **changes) as call:
            self.last = call
            yield call

    def _caller(self, phone: Phone | None, changes: dict[str, Any]) -> Phone | None:
        return None if phone is None and changes else phone or self._phone

    def _needs(self, to: str) -> None:
        peer = self.stage.peer
        for need in EXTENSIONS:
            if need == to and need not in peer.extensions:
                option = remedy(need).replace("--extension", "--icephone-extension")
                pytest.skip(f"{peer.title} has no {to}: {DESCRIPTIONS[need]}; try {option}")


class Expectations:
    """The fixture `expect`: waits for what should be, of the call that was placed last.

    Each raises `ua.interop.failure.Unmet`, which says what was seen instead, where it does not come; `call`
    names another call.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def audio(
        self,
        *,
        tone: float | None = None,
        speech: Path | None = None,
        silence: bool = False,
        seconds: float = 0.5,
        call: Call | None = None,
        **more: Any,
    ) -> None:
        """Hear a tone of so many Hz, what a WAV file holds, silence, or anything at all."""
        await self._expect.audio(
            self._of(call), tone=tone, speech=speech, silence=silence, seconds=seconds, **more
        )

    async def path(
        self, transport: Literal["udp", "tcp", "relay"], *, call: Call | None = None, **more: Any
    ) -> None:
        """Media takes this way."""
        await self._expect.path(self._of(call), transport, **more)

    async def mos(self, wanted: str, *, call: Call | None = None, **more: Any) -> None:
        """The opinion score of what is heard is ">=4", say."""
        await self._expect.mos(self._of(call), wanted, **more)

    async def media(self, *, call: Call | None = None, **wanted: Any) -> None:
        """Media was agreed so: codec="PCMA", srtp=True, ice=True, ..."""
        await self._expect.media(self._of(call), **wanted)

    async def rtcp(self, *, call: Call | None = None, **more: Any) -> None:
        """The peer tells by RTCP how it hears us."""
        await self._expect.rtcp(self._of(call), **more)

    async def digits(self, digits: str, *, call: Call | None = None, **more: Any) -> None:
        """The other side has pressed these keys."""
        await self._expect.digits(self._of(call), digits, **more)

    async def status(self, *codes: int, call: Call | None = None, **more: Any) -> CallResult:
        """The call is refused with one of these codes."""
        return await self._expect.status(self._of(call), *codes, **more)

    async def ended_by(
        self, who: Literal["peer", "us"], *, call: Call | None = None, **more: Any
    ) -> CallResult:
        """The call ends by a BYE of this side."""
        return await self._expect.ended_by(self._of(call), who, **more)

    async def messages(self, *steps: str, call: Call | None = None, **more: Any) -> None:
        """These messages came and went in this order: "sent INVITE", "received 180", "received BYE"."""
        await self._expect.messages(*steps, call=call, **more)

    @property
    def _expect(self) -> Expect:
        return self._calls.stage.expect

    def _of(self, call: Call | None) -> Call:
        found = call or self._calls.last
        if found is None:
            raise pytest.UsageError("expect: there is no call; place one with the fixture 'call'")
        return found
