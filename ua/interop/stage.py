"""What a scenario gets: the peer, phones at it, calls to it, and what may be expected of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import Network
from ice.net.sockets import HostNetwork
from media.engine import MediaEngine
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.call.outgoing import OutgoingCall
from ua.call.waiting import first
from ua.config.account import Account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.interop.accounts import account_at
from ua.interop.course import Course
from ua.interop.expect import Expect
from ua.interop.failure import Failure, Unmet
from ua.interop.need import EXTENSIONS
from ua.interop.peer import Peer, PeerAccount
from ua.phone import Phone
from ua.plan import MediaPlan, MediaSource, Silence
from ua.results import CallResult
from ua.sip.transport.hop import SipTransport

ANSWER_S: Final = 20.0
"""Seconds that a peer gets to answer a call."""

GOODBYE_S: Final = 10.0
"""Seconds that a call gets to end once it was hung up."""

LEAVING_S: Final = 10.0
"""Seconds that a phone gets to be switched off: to hang up and to be removed from the registrar."""

REGISTERED_S: Final = 120
"""Seconds that our registrations last; a run that is killed leaves none for long."""


class Stage(Course):
    """One run of one scenario, and its course: `log`, `standing`, `started`.

    Args:
        peer: what is tested.
        folder: where the evidence goes; exists.
        base: settings of the user that all phones share.
        network: where media sockets come from; this host's where None.
        engine: the clock of media, shared with other scenarios; one for each phone where None.
        users: numbers of the accounts of the peer that are ours meanwhile; all where None.

    Attributes:
        peer: as given.
        folder: as given.
        network: as given; wrap it, in a firewall for example, and hand it to `phone`.
        expect: waits for things, and raises Unmet where they do not come.
        results: of the calls that are over.
        note: what is worth saying where the scenario passes; may be set.
    """

    def __init__(
        self,
        peer: Peer,
        folder: Path,
        *,
        base: Account | None = None,
        log: EventLog | None = None,
        network: Network | None = None,
        engine: MediaEngine | None = None,
        users: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(EventLog() if log is None else log)
        self.peer = peer
        self.folder = folder
        self.network: Network = HostNetwork() if network is None else network
        self.expect = Expect(self)
        self.results: list[CallResult] = []
        self.note = ""
        self._base = Account() if base is None else base
        self._engine = engine
        self._users = tuple(range(len(peer.accounts))) if users is None else users
        self._parties: dict[str, int] = {}
        self._phones: dict[Phone, str] = {}
        self._plans = 0

    # --- who and where ------------------------------------------------------------------------------------

    def user(self, which: int = 0) -> PeerAccount | None:
        """The account of ours with this number; None where the peer wants none."""
        return self.peer.accounts[self._users[which]] if self.peer.accounts else None

    def address(self, which: int = 0) -> str:
        """Address of record of our account with this number."""
        user = self.user(which)
        return self.account(which).uri if user is None else self.peer.address(user.user)

    def uri(self, to: str) -> str:
        """Whom to call: an extension by its name ("echo"), any number of the peer, or a whole URI."""
        if to in EXTENSIONS:
            return self.peer.extension(to)
        return to if to.lower().startswith(("sip:", "sips:")) else self.peer.address(to)

    def account(self, which: int = 0, *, transport: SipTransport | None = None, **changes: Any) -> Account:
        """An account of a phone of ours, with these settings; see `ua.interop.accounts.changed`."""
        return account_at(self.peer, self.user(which), self._base, transport=transport, **changes)

    # --- phones -------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def phone(
        self,
        which: int = 0,
        *,
        registered: bool = False,
        firewall: FirewallPolicy | None = None,
        network: Network | None = None,
        party: str | None = None,
        **changes: Any,
    ) -> AsyncIterator[Phone]:
        """A phone at the peer; switched off at the end.

        Args:
            which: with our first account (0), the second one (1).
            registered: register it first.
            firewall: its media passes this firewall.
            network: its media takes this network in place of that of the stage.
            party: its name in the log; that of the user where None.
            changes: settings of its account: transport="tls", codecs=("PCMA",), srtp="sdes", and so on.
        """
        account = self.account(which, **changes)
        inner = self.network if network is None else network
        if firewall is not None:
            inner = FirewallNetwork(inner, firewall)
        name = party or account.auth_user
        self._parties[name] = self._parties.get(name, 0) + 1
        if self._parties[name] > 1:
            name = f"{name}-{self._parties[name]}"
        phone = Phone(account, self.log, network=inner, party=name, engine=self._engine)
        self._phones[phone] = name
        with self.step(f"switching on the phone of {name}"):
            await _switched_on(phone)
        try:
            if registered:
                with self.step(f"registering {account.uri}"):
                    await phone.register(expires=REGISTERED_S)
            yield phone
        finally:
            with self.step(f"switching off the phone of {name}"):
                await _patiently(phone.__aexit__(None, None, None))

    # --- calls --------------------------------------------------------------------------------------------

    def plan(self, what: MediaPlan | MediaSource, name: str) -> MediaPlan:
        """The media of a call: what arrives is recorded, and both sides together, in the folder."""
        plan = what if isinstance(what, MediaPlan) else MediaPlan(source=what)
        self._plans += 1
        name = f"{self._plans}-{name}"
        return dataclasses.replace(
            plan,
            record=plan.record or self.folder / f"{name}-heard.wav",
            record_both=plan.record_both or self.folder / f"{name}-both.wav",
        )

    @asynccontextmanager
    async def ringing(
        self,
        to: str,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008  a frozen value
        *,
        phone: Phone | None = None,
        which: int = 0,
        **changes: Any,
    ) -> AsyncIterator[OutgoingCall]:
        """Call somebody, and do not wait for the answer; the call is hung up at the end.

        Args:
            to: whom, see `uri`.
            media: what is sent, or a whole plan.
            phone: the phone that calls; a new one for this call where None.
            which: account of the new phone.
            changes: settings of its account.
        """
        async with AsyncExitStack() as stack:
            caller = phone
            if caller is None:
                caller = await stack.enter_async_context(self.phone(which, **changes))
            uri = self.uri(to)
            call = await caller.place(uri, self.plan(media, _file_name(to)))
            self.begins(call, self._phones.get(caller, ""))
            with self.step(f"calling {uri}"):
                async with self._followed(call):
                    yield call

    @asynccontextmanager
    async def call(
        self,
        to: str,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008
        *,
        phone: Phone | None = None,
        which: int = 0,
        answer_s: float = ANSWER_S,
        **changes: Any,
    ) -> AsyncIterator[OutgoingCall]:
        """Call somebody who answers: media may flow once this is entered.

        See `ringing`; `answer_s` is how long the peer may take. A call that a scenario leaves standing
        has to have had media both ways, where both were agreed.
        """
        async with self.ringing(to, media, phone=phone, which=which, **changes) as call:
            await self.expect.answer(call, limit_s=answer_s)
            yield call
        self._check(call, await call.ended())

    async def rings(self, phone: Phone, *, limit_s: float = ANSWER_S) -> IncomingCall:
        """The next call that rings at `phone`; ask for it before the call is placed, in a task of its own.

        Raises Unmet where none comes.
        """
        with self.step("waiting for a call"):
            try:
                async with asyncio.timeout(limit_s):
                    call = await anext(phone.incoming())
            except TimeoutError:
                raise Unmet(
                    Failure(
                        cause="no_call",
                        expected="the peer passes a call on to our registered phone",
                        seen=f"no INVITE came in {limit_s:g} s",
                        where=self.last_message(),
                        advice="does the peer route calls to this user, also its own ones? Does it reach our "
                        "Contact?",
                    )
                ) from None
        self.begins(call, self._phones.get(phone, ""))
        return call

    @asynccontextmanager
    async def answered(
        self,
        call: IncomingCall,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008
    ) -> AsyncIterator[IncomingCall]:
        """Answer a call that rings; hung up at the end, as those that we place."""
        with self.step("answering a call"):
            async with self._followed(call):
                await call.accept(self.plan(media, "answered"))
                await self.expect.answer(call)
                yield call
        self._check(call, await call.ended())

    @asynccontextmanager
    async def arriving(
        self,
        caller: Phone,
        callee: Phone,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008
        *,
        to: int = 1,
    ) -> AsyncIterator[tuple[OutgoingCall, IncomingCall]]:
        """One phone of ours calls the other, which has registered account `to`; that one rings."""
        coming = asyncio.ensure_future(self.rings(callee))
        try:
            await asyncio.sleep(0)  # the phone takes calls from now on
            async with self.ringing(self.address(to), media, phone=caller) as call:
                with self.step("waiting for the call to arrive"):
                    if not await first(asyncio.shield(coming), call.ended()):
                        await self.expect.answer(call)
                called = await coming
                async with self._followed(called):
                    yield call, called
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    @asynccontextmanager
    async def between(
        self,
        caller: Phone,
        callee: Phone,
        media: MediaPlan | MediaSource = Silence(),  # noqa: B008
        answer: MediaPlan | MediaSource = Silence(),  # noqa: B008
        *,
        to: int = 1,
    ) -> AsyncIterator[tuple[OutgoingCall, IncomingCall]]:
        """The same, and the call is answered: media may flow between the two phones."""
        async with (
            self.arriving(caller, callee, media, to=to) as (call, called),
            self.answered(called, answer),
        ):
            await self.expect.answer(call)
            yield call, called
        self._check(call, await call.ended())

    # --- for the runner -----------------------------------------------------------------------------------

    def last_message(self) -> str:
        """The last SIP message, for people; empty before there is one."""
        return self.expect.last_message()

    # --- inside -------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _followed(self, call: Call) -> AsyncIterator[None]:
        try:
            yield
        finally:
            call.hang_up()
            with self.step("waiting for the call to end"), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    self.results.append(await call.ended())

    def _check(self, call: Call, result: CallResult) -> None:
        """A call of which the scenario has said nothing else ended well."""
        if result.result not in (ResultCode.OK, ResultCode.INTERRUPTED):
            raise Unmet(self.expect.failed_call(call, result))


async def _switched_on(phone: Phone) -> None:
    """Enter `phone`; where that is broken off, its sockets do not stay open."""
    entering = asyncio.ensure_future(phone.__aenter__())
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        await asyncio.wait({entering})
        if entering.exception() is None:
            await _patiently(phone.__aexit__(None, None, None))
        raise


async def _patiently(leaving: Awaitable[None]) -> None:
    """Await `leaving`, for LEAVING_S seconds at most; a peer that is silent would take longer."""
    task = asyncio.ensure_future(leaving)
    try:
        await asyncio.wait({task}, timeout=LEAVING_S)
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _file_name(to: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in to.removeprefix("sip:"))[:40]
