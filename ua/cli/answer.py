"""`icephone answer`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ice.config import PortMappingChoice
from ua.cli.keys import CallKeys
from ua.cli.live import LiveLine
from ua.cli.options import checked_tone, one_of, readable_wav, writable
from ua.cli.session import (
    follow,
    load_accounts,
    need_account,
    need_relay,
    tell,
    with_codecs,
    with_instance,
    with_password,
    with_transfers,
)
from ua.cli.sound import SoundRequest
from ua.cli.trace import trace_log
from ua.cli.transfers import TransferQuestions
from ua.cli.web import pages, with_web
from ua.config.sip import TransferPolicy
from ua.config.srtp import SrtpChoice
from ua.errors import ResultCode, TimedOut, UaError, UsageError
from ua.events import EventLog
from ua.plan import Echo, MediaPlan, MediaSource, PathChoice, Silence, Tone, WavFile
from ua.results import CallResult

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.ports import IncomingCallPort, PhoneFactory, RegistrationPort
    from ua.cli.runner import Stop
    from ua.config.account import Account

MEDIA_TIMEOUT_S = 60.0
"""An accepted call that has no media path after this time is hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """The arguments of the command, as typed."""

    echo: bool = False
    wav: Path | None = None
    tone: float | None = None
    record: Path | None = None
    sound: SoundRequest = field(default_factory=SoundRequest)
    duration_s: float | None = None
    accept_transfers: TransferPolicy | None = None
    path: PathChoice = "auto"
    srtp: SrtpChoice | None = None
    codec: str | None = None
    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    port_mapping: PortMappingChoice | None = None
    calls: int | None = None
    listen: str | None = None
    web: int | None = None
    register: bool = False
    timeout_s: float | None = None
    config: Path | None = None
    password_file: Path | None = None
    account_name: str | None = None

    def plan(self) -> MediaPlan:
        """The media plan of the first call; UsageError where files or options do not fit."""
        sound = self.sound
        one_of(echo=self.echo, wav=self.wav, tone=self.tone, mic=sound.mic, stdin=sound.stdin)
        if (sound.stdin or sound.stdout) and self.calls != 1:
            raise UsageError("--stdin and --stdout are for one call", hint="say --calls 1")
        hz = checked_tone(self.tone)
        source: MediaSource = sound.source or Silence()
        if self.echo:
            source = Echo()
        elif self.wav is not None:
            readable_wav(self.wav)
            source = WavFile(path=self.wav)
        elif hz is not None:
            source = Tone(hz=hz)
        plan = MediaPlan(
            source=source,
            record=None if self.record is None else writable(self.record, "--record"),
            duration_s=self.duration_s,
            path=self.path,
            srtp=self.srtp,
        )
        return sound.on(plan)


def numbered(plan: MediaPlan, number: int) -> MediaPlan:
    """`plan` for call `number`: the second call records to out-2.wav, and so on."""
    if number == 1:
        return plan
    record, both = (
        None if path is None else path.with_stem(f"{path.stem}-{number}")
        for path in (plan.record, plan.record_both)
    )
    return dataclasses.replace(plan, record=record, record_both=both)


async def run_answer(
    request: AnswerRequest, output: Output, stop: Stop, make_phone: PhoneFactory
) -> ResultCode:
    """Wait for calls, answer them, show the result of each."""
    plan = request.plan()
    accounts = load_accounts(
        request.config,
        request.password_file,
        listen=request.listen,
        stun=request.stun,
        turn=request.turn,
        port_mapping=request.port_mapping,
        name=request.account_name,
    )
    first, *others = (_prepared(account, request, plan) for account in accounts)
    prepared = [with_web(first, request.web), *others]
    log = EventLog()
    stop_trace = trace_log(log, output)

    async def serve(*accounts: Account) -> ResultCode:
        async with contextlib.AsyncExitStack() as stack:
            # With several calls at a time one line would mix them.
            if request.calls == 1:
                stack.enter_context(LiveLine(log, output))
            keys = CallKeys(output)
            questions = await stack.enter_async_context(TransferQuestions(log, output, keys.aside))
            arrivals: list[AsyncIterator[IncomingCallPort]] = []
            registrations: list[RegistrationPort] = []
            for account in accounts:
                phone = await stack.enter_async_context(make_phone(account, log))
                # Before the registrar sends us the first one.
                arrivals.append(phone.incoming())
                questions.listen(phone, account)
                if request.register:
                    registration = await phone.register(expires=account.expires_s)
                    registrations.append(registration)
                    output.note(f"registered {account.uri} for {registration.expires_s:.0f} s")
                for address in phone.addresses:
                    output.note(f"listening on {address}")
                for page in pages(account, phone.addresses):
                    output.note(f"a phone for browsers: {page}")
            for_one = keys if request.calls == 1 else None
            return await _serve(request, plan, output, stop, arrivals, registrations, for_one)

    try:
        return await (serve(*prepared) if len(prepared) > 1 else with_password(prepared[0], serve))
    finally:
        stop_trace()


def _prepared(account: Account, request: AnswerRequest, plan: MediaPlan) -> Account:
    need_relay(account, request.path)
    if request.register:
        need_account(account, "answer --register")
        account = with_instance(account)
    account = with_codecs(with_transfers(account, request.accept_transfers), request.codec)
    # Callers may be told how to reach us before a call is answered.
    media = dataclasses.replace(account.media, srtp=plan.srtp or account.media.srtp)
    return dataclasses.replace(account, ice=plan.ice_config(account.ice), media=media)


async def _incoming(
    arrivals: Sequence[AsyncIterator[IncomingCallPort]],
) -> AsyncGenerator[IncomingCallPort, None]:
    """The calls of all phones; those that nobody took when this is closed hear that we are gone."""
    waiting: asyncio.Queue[IncomingCallPort] = asyncio.Queue()

    async def pass_on(calls: AsyncIterator[IncomingCallPort]) -> None:
        async for call in calls:
            waiting.put_nowait(call)

    tasks = [asyncio.ensure_future(pass_on(calls)) for calls in arrivals]
    try:
        while True:
            yield await waiting.get()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not waiting.empty():
            waiting.get_nowait().reject(480)


async def _any_lost(registrations: Sequence[RegistrationPort]) -> None:
    """Raise the UaError that ended one of them."""
    tasks = [asyncio.ensure_future(registration.lost()) for registration in registrations]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    request: AnswerRequest,
    plan: MediaPlan,
    output: Output,
    stop: Stop,
    arrivals: Sequence[AsyncIterator[IncomingCallPort]],
    registrations: Sequence[RegistrationPort],
    keys: CallKeys | None,
) -> ResultCode:
    running: set[asyncio.Task[CallResult]] = set()
    results: list[CallResult] = []

    def finished(task: asyncio.Task[CallResult]) -> None:
        running.discard(task)
        if not task.cancelled() and task.exception() is None:
            results.append(task.result())

    incoming = _incoming(arrivals)
    lost = asyncio.ensure_future(_any_lost(registrations)) if registrations else None
    number = 0
    try:
        while request.calls is None or number < request.calls:
            call = await _next_call(incoming, stop, lost, request.timeout_s, running)
            if call is None:
                break
            number += 1
            output.note(f"call {number} from {call.remote_uri}")
            task = asyncio.ensure_future(_answer_one(call, numbered(plan, number), output, stop, keys))
            running.add(task)
            task.add_done_callback(finished)
        await incoming.aclose()
        if running:
            await asyncio.gather(*running)
    finally:
        await incoming.aclose()
        for pending in (*running, *(() if lost is None else (lost,))):
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, UaError):
                await pending
    if stop.requested:
        return ResultCode.INTERRUPTED
    return next((result.result for result in results if result.result is not ResultCode.OK), ResultCode.OK)


async def _next_call(
    incoming: AsyncIterator[IncomingCallPort],
    stop: Stop,
    lost: asyncio.Future[None] | None,
    timeout_s: float | None,
    running: set[asyncio.Task[CallResult]],
) -> IncomingCallPort | None:
    """The next call; None after a signal. Raises TimedOut, or what took the registration away."""
    following: asyncio.Future[IncomingCallPort] = asyncio.ensure_future(_anext(incoming))
    signalled = asyncio.ensure_future(stop.wait())
    watched: set[asyncio.Future[IncomingCallPort] | asyncio.Future[None]] = {following, signalled}
    if lost is not None:
        watched.add(lost)
    try:
        while True:
            # Patience with nobody calling begins when the last call has ended.
            done, _ = await asyncio.wait(
                {*watched, *running},
                timeout=None if running else timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if following in done:
                return following.result()
            if signalled in done:
                return None
            if lost is not None and lost in done:
                lost.result()
            if not done:
                raise TimedOut(
                    f"no call arrived within {timeout_s:g} s",
                    hint="is the address that 'listening on' shows the one that is called?",
                )
    finally:
        for future in (following, signalled):
            if not future.done():
                future.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await future


async def _anext(incoming: AsyncIterator[IncomingCallPort]) -> IncomingCallPort:
    return await anext(incoming)


async def _answer_one(
    call: IncomingCallPort, plan: MediaPlan, output: Output, stop: Stop, keys: CallKeys | None
) -> CallResult:
    try:
        await call.accept(plan)
    except UaError as error:
        result, seen = await call.ended(), error
        tell(output, result, seen)
        return result
    result, failure = await follow(call, stop, timeout_s=MEDIA_TIMEOUT_S, keys=keys)
    tell(output, result, failure)
    return result
