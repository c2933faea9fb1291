"""A phone without a network that plays a script; stands in for `ua.phone` in tests of the commands."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from ua.call.transfer import TransferResult
from ua.cli.runner import Stop
from ua.config.account import Account
from ua.errors import AuthenticationError, UaError
from ua.events import EventLog
from ua.messages import MessageOutcome
from ua.plan import MediaPlan
from ua.results import CallResult, IceSummary, Traffic
from ua.watching import Package


@dataclasses.dataclass(kw_only=True)
class Script:
    """What the phone and its calls do, and what they saw.

    Attributes:
        refuse: raised by established().
        fail_at_place: raised by place().
        rings_forever: the call is never established.
        talks_forever: the call ends only when it is hung up.
        stuck: hanging up does not end the call.
        result: what ended() returns.
        arriving: numbers of the calls that arrive; more never come.
        lose_registration: raised by lost().
        password: the password that the server wants.
        stop: gets a signal once `stop_at` calls came to established().
        stop_at: that number.
        accounts: accounts of the phones that were made.
        calls: calls that were made or arrived.
        closed: how many phones were closed.
        waiting: how many calls came to established().
        message_status: the answer to messages.
        texts: messages that were sent: URI and text.
        watched: what was subscribed to: package, URI and seconds.
        digits: keys that were pressed.
        refuse_digits: raised by send_dtmf().
        transfers: where calls were sent.
        transfer_status: what the other side says of it.
        asked: transfers that the other side asks for.
    """

    refuse: UaError | None = None
    fail_at_place: UaError | None = None
    rings_forever: bool = False
    talks_forever: bool = False
    stuck: bool = False
    result: CallResult = dataclasses.field(
        default_factory=lambda: CallResult(
            call_id="c1",
            ice=IceSummary(state="completed", transport="tcp", tcptype="active", local="a", remote="b"),
            sent=Traffic(packets=50, bytes=8000),
            received=Traffic(packets=50, bytes=8000, lost=0),
            why="UDP: 4 checks, 0 answers; TCP active nominated at 168 ms",
        )
    )
    arriving: int = 0
    lose_registration: UaError | None = None
    password: str | None = None
    stop: Stop | None = None
    stop_at: int = 1
    accounts: list[Account] = dataclasses.field(default_factory=list)
    calls: list[FakeCall] = dataclasses.field(default_factory=list)
    closed: int = 0
    waiting: int = 0
    message_status: int = 200
    texts: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    watched: list[tuple[str, str | None, int]] = dataclasses.field(default_factory=list)
    digits: list[str] = dataclasses.field(default_factory=list)
    refuse_digits: UaError | None = None
    transfers: list[str] = dataclasses.field(default_factory=list)
    transfer_status: int = 200
    asked: list[FakeTransfer] = dataclasses.field(default_factory=list)

    def phone(self, account: Account, log: EventLog) -> FakePhone:
        """The `PhoneFactory`."""
        self.accounts.append(account)
        return FakePhone(self, account, log)


class FakeCall:
    successor: FakeCall | None = None
    muted = False

    def __init__(self, script: Script, uri: str, plan: MediaPlan | None, log: EventLog) -> None:
        self.script = script
        self.remote_uri = uri
        self.id = "c1"
        self.plan = plan
        self.hung_up = asyncio.Event()
        self.rejected: int | None = None
        self._log = log
        script.calls.append(self)

    async def accept(self, plan: MediaPlan) -> None:
        self.plan = plan

    def reject(self, code: int) -> None:
        self.rejected = code

    async def established(self) -> None:
        self._log.record(0.0, "alice", "call", "state", state="calling", reason="")
        self.script.waiting += 1
        if self.script.stop is not None and self.script.waiting == self.script.stop_at:
            self.script.stop.request()
        if self.script.refuse is not None:
            raise self.script.refuse
        if self.script.rings_forever:
            await self.hung_up.wait()
        self._log.record(0.1, "alice", "call", "state", state="established", reason="")

    async def ended(self) -> CallResult:
        if self.script.refuse is not None:
            return CallResult.failed(self.script.refuse, call_id=self.id, remote=self.remote_uri)
        if self.script.stuck:
            await asyncio.Event().wait()
        if self.script.talks_forever or self.script.rings_forever:
            await self.hung_up.wait()
        return dataclasses.replace(self.script.result, remote=self.remote_uri)

    async def send_dtmf(self, digits: str) -> None:
        if self.script.refuse_digits is not None:
            raise self.script.refuse_digits
        self.script.digits.append(digits)

    async def transfer(self, uri: str) -> TransferResult:
        self.script.transfers.append(uri)
        if self.script.transfer_status < 300:
            self.hang_up()
        status = self.script.transfer_status
        return TransferResult(done=status < 300, status=status, reason=f"{status} as it is")

    def hang_up(self) -> None:
        self.hung_up.set()


class FakeTransfer:
    """A transfer that the other side asks for.

    Attributes:
        decided: what we have said.
    """

    def __init__(self, target: str, *, in_call: bool = True, refuse: UaError | None = None) -> None:
        self.target = target
        self.call = object() if in_call else None
        self.decided: list[bool] = []
        self._refuse = refuse

    async def accept(self) -> None:
        self.decided.append(True)
        if self._refuse is not None:
            raise self._refuse

    def decline(self) -> None:
        self.decided.append(False)


class FakeRegistration:
    contact = "sip:alice@192.0.2.10:5060"
    expires_s = 120.0

    def __init__(self, script: Script) -> None:
        self._script = script

    async def lost(self) -> None:
        if self._script.lose_registration is not None:
            raise self._script.lose_registration
        await asyncio.Event().wait()


class FakePhone:
    addresses = ("sip:192.0.2.10:5060",)

    def __init__(self, script: Script, account: Account, log: EventLog) -> None:
        self._script = script
        self._account = account
        self._log = log
        self._registered = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._script.closed += 1

    async def register(self, *, expires: int) -> FakeRegistration:
        if self._script.rings_forever:
            await asyncio.Event().wait()
        self._check_password()
        self._registered = True
        return FakeRegistration(self._script)

    async def place(self, uri: str, plan: MediaPlan) -> FakeCall:
        if self._script.fail_at_place is not None:
            raise self._script.fail_at_place
        self._check_password()
        return FakeCall(self._script, uri, plan, self._log)

    async def message(self, uri: str, text: str) -> MessageOutcome:
        self._check_password()
        self._script.texts.append((uri, text))
        if self._script.rings_forever:
            await asyncio.Event().wait()
        status = self._script.message_status
        return MessageOutcome(accepted=status < 300, status=status, reason="said so")

    def subscribe(self, package: Package, uri: str | None = None, *, expires: int = 3600) -> None:
        self._script.watched.append((package, uri, expires))

    def incoming(self) -> AsyncIterator[FakeCall]:
        assert not self._registered, "calls come as soon as the registrar knows where to"
        return self._incoming()

    async def transfers(self) -> AsyncIterator[FakeTransfer]:
        for request in self._script.asked:
            yield request
        await asyncio.Event().wait()

    async def _incoming(self) -> AsyncIterator[FakeCall]:
        for number in range(self._script.arriving):
            yield FakeCall(self._script, f"sip:caller{number + 1}@example.com", None, self._log)
        await asyncio.Event().wait()

    def _check_password(self) -> None:
        wanted = self._script.password
        if wanted is not None and self._account.password != wanted:
            raise AuthenticationError(
                "the server wants a password", password_wanted=self._account.password is None
            )
