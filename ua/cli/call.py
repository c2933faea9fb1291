"""`icephone call`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ice.config import PortMappingChoice
from ua.cli.keys import CallKeys
from ua.cli.live import LiveLine
from ua.cli.options import (
    checked_tone,
    one_of,
    proxy_uri,
    readable_wav,
    target_uri,
    writable,
)
from ua.cli.session import (
    follow,
    load_account,
    need_relay,
    tell,
    with_codecs,
    with_loopback,
    with_password,
    with_proxy,
    with_transfers,
)
from ua.cli.sound import SoundRequest
from ua.cli.trace import trace_log
from ua.cli.transfers import TransferQuestions
from ua.config.dtmf import DtmfChoice
from ua.config.ice import TcpCandidates
from ua.config.media import MediaTransport
from ua.config.sip import TransferPolicy
from ua.config.sip_uri import is_loopback, split_sip_uri
from ua.config.srtp import SrtpChoice
from ua.errors import CallRejected, ResultCode, UaError, UsageError
from ua.events import EventLog
from ua.plan import MediaPlan, MediaSource, PathChoice, Silence, Tone, WavFile
from ua.sip.events.dtmf import keys

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.ports import CallPort, PhoneFactory
    from ua.cli.runner import Stop
    from ua.config.account import Account
    from ua.results import CallResult

PAUSE_S = 1.0
"""What a comma between keys means."""

TAIL_S = 0.5
"""A call that plays a file goes on this long after its end, so that the last of it is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """The arguments of the command, as typed."""

    uri: str
    wav: Path | None = None
    tone: float | None = None
    silence: bool = False
    record: Path | None = None
    sound: SoundRequest = field(default_factory=SoundRequest)
    duration_s: float | None = None
    dtmf: str = ""
    dtmf_by: DtmfChoice | None = None
    transfer: str | None = None
    accept_transfers: TransferPolicy | None = None
    path: PathChoice = "auto"
    srtp: SrtpChoice | None = None
    codec: str | None = None
    tcp_candidates: TcpCandidates | None = None
    media: MediaTransport | None = None
    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    port_mapping: PortMappingChoice | None = None
    proxy: str | None = None
    listen: str | None = None
    report: Path | None = None
    timeout_s: float = 60.0
    config: Path | None = None
    password_file: Path | None = None
    account_name: str | None = None

    def plan(self) -> MediaPlan:
        """The media plan; UsageError where files or options do not fit."""
        sound = self.sound
        one_of(wav=self.wav, tone=self.tone, silence=self.silence, mic=sound.mic, stdin=sound.stdin)
        hz = checked_tone(self.tone)
        source: MediaSource = sound.source or Silence()
        if self.wav is not None:
            source = WavFile(path=readable_wav(self.wav))
        elif hz is not None:
            source = Tone(hz=hz)
        ends = self.wav is not None or sound.stdin
        plan = MediaPlan(
            source=source,
            record=None if self.record is None else writable(self.record, "--record"),
            duration_s=self.duration_s,
            tail_s=TAIL_S if ends and self.duration_s is None else None,
            path=self.path,
            srtp=self.srtp,
            dtmf=self.dtmf_by,
            tcp_candidates=self.tcp_candidates,
            media=self.media,
        )
        return sound.on(plan)

    def act(self, account: Account, output: Output) -> Callable[[CallPort], Awaitable[None]]:
        """What is done in the call: keys, then a transfer. UsageError where it cannot be meant."""
        presses = [group.strip() for group in self.dtmf.split(",")]
        for group in filter(None, presses):
            try:
                keys(group)
            except ValueError as error:
                hint = "0 to 9, *, #, A to D, ! for a flash; a comma is a pause of a second"
                raise UsageError(f"--dtmf: {error}", hint=hint) from None
        target = None if self.transfer is None else target_uri(self.transfer, account)

        async def act(call: CallPort) -> None:
            await _press(call, presses, output)
            if target is not None:
                output.note(f"asking the other side to call {target}")
                done = await call.transfer(target)
                if not done.done:
                    raise CallRejected(f"the transfer failed: {done.reason}", sip_code=done.status or 0)
                output.note(f"the other side has called {target}")

        return act

    def account(self) -> Account:
        """The account to call from."""
        account = load_account(
            self.config,
            self.password_file,
            listen=self.listen,
            stun=self.stun,
            turn=self.turn,
            port_mapping=self.port_mapping,
            name=self.account_name,
        )
        need_relay(account, self.path)
        if self.proxy is not None:
            account = with_proxy(account, proxy_uri(self.proxy))
        return with_codecs(with_transfers(account, self.accept_transfers), self.codec)


async def run_call(request: CallRequest, output: Output, stop: Stop, make_phone: PhoneFactory) -> ResultCode:
    """Place the call, follow it to its end and show the result."""
    plan = request.plan()
    if request.report is not None:
        writable(request.report, "--report")
    account = request.account()
    uri = target_uri(request.uri, account)
    if any(is_loopback(split_sip_uri(hop).host) for hop in (uri, account.proxy) if hop is not None):
        account = with_loopback(account)
    act = request.act(account, output)
    log = EventLog()
    stop_trace = trace_log(log, output)

    async def place(account: Account) -> tuple[CallResult, UaError | None]:
        keyboard = CallKeys(output)
        with LiveLine(log, output):
            asking = TransferQuestions(log, output, keyboard.aside)
            async with asking as questions, make_phone(account, log) as phone:
                questions.listen(phone, account)
                output.note(f"calling {uri}")
                call = await phone.place(uri, plan)
                return await follow(call, stop, timeout_s=request.timeout_s, act=act, keys=keyboard)

    try:
        result, error = await with_password(account, place)
    finally:
        stop_trace()
    if request.report is not None:
        from ua.report.file import write_report
        from ua.report.page import Report

        write_report(request.report, Report(entries=log.entries, results=(result,), verdict=result.why))
        output.note(f"report: {request.report}")
    tell(output, result, error)
    return result.result


async def _press(call: CallPort, presses: Sequence[str], output: Output) -> None:
    """Press these keys, with a pause between two groups. A peer that takes none leaves the call as it is."""
    for number, group in enumerate(presses):
        if number:
            await asyncio.sleep(PAUSE_S)
        if not group:
            continue
        output.note(f"pressing {group}")
        try:
            await call.send_dtmf(group)
        except UsageError as error:
            output.warning(error)
            return
