"""Registering, refreshing and removing, against a registrar made of our own SIP stack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.ua.phones import account
from ua.errors import AuthenticationError, CallRejected, TimedOut, Unreachable
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.config import SipConfig
from ua.sip.endpoint import SipEndpoint
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers


class Registrar:
    """Answers REGISTER with a list of statuses, then with 200; grants at most `grant` seconds."""

    def __init__(self, *, grant: int, statuses: list[int], minimum: int = 0) -> None:
        self.grant = grant
        self.statuses = statuses
        self.minimum = minimum
        self.asked: list[int] = []
        self.held: list[IncomingRequest] | None = None
        """Where a list, all but the first request wait there for `answer`."""

    def take(self, incoming: IncomingRequest) -> None:
        if self.held is not None and self.asked:
            self.held.append(incoming)
            return
        self.answer(incoming)

    def answer(self, incoming: IncomingRequest) -> None:
        contact = incoming.request.contacts[0]
        seconds = int(contact.param("expires") or "0")
        self.asked.append(seconds)
        if 0 < seconds < self.minimum:
            incoming.respond(423, headers=Headers.of(("Min-Expires", self.minimum)))
            return
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            challenge = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n", algorithm=SHA-256, qop="auth"')
            incoming.respond(status, headers=Headers.of(challenge) if status == 401 else Headers())
            return
        granted = contact.with_param("expires", str(min(seconds, self.grant)))
        incoming.respond(200, headers=Headers.of(("Contact", granted)) if seconds else Headers())


@asynccontextmanager
async def registering(
    registrar: Registrar, *, password: str | None = None
) -> AsyncIterator[tuple[Phone, EventLog]]:
    config = SipConfig(host="127.0.0.1", allow=("REGISTER", "OPTIONS"))
    endpoint = SipEndpoint(config, on_request=registrar.take)
    await endpoint.start()
    log = EventLog()
    address = endpoint.local_addresses["udp"]
    try:
        async with Phone(account("alice", registrar=f"sip:{address}", password=password), log) as phone:
            yield phone, log
    finally:
        await endpoint.close()


def states(log: EventLog) -> list[str]:
    return [str(entry.data["state"]) for entry in log.entries if entry.name == "registration"]


async def test_it_registers_refreshes_and_removes_its_contact() -> None:
    registrar = Registrar(grant=1, statuses=[])
    async with registering(registrar) as (phone, log):
        registration = await phone.register(expires=300)
        assert registration.expires_s == 1
        assert registration.contact.startswith("sip:alice@127.0.0.1:")
        refreshed = asyncio.Event()
        log.subscribe(lambda entry: refreshed.set() if entry.data.get("state") == "refreshed" else None)
        await asyncio.wait_for(refreshed.wait(), timeout=10)
    assert (registrar.asked[:2], registrar.asked[-1]) == ([300, 300], 0)
    assert (states(log)[:2], states(log)[-1]) == (["registered", "refreshed"], "removed")


async def test_a_registrar_that_wants_longer_gets_it() -> None:
    registrar = Registrar(grant=7200, statuses=[], minimum=600)
    async with registering(registrar) as (phone, _):
        registration = await phone.register(expires=60)
        assert registration.expires_s == 600
    assert registrar.asked == [60, 600, 0]


@pytest.mark.parametrize(
    ("status", "error"), [(403, CallRejected), (401, AuthenticationError), (503, CallRejected)]
)
async def test_a_refusal_is_one_clear_error(status: int, error: type[Exception]) -> None:
    registrar = Registrar(grant=300, statuses=[status])
    async with registering(registrar) as (phone, _):
        with pytest.raises(error):
            await phone.register(expires=300)


async def test_who_is_forbidden_after_a_proof_may_have_a_wrong_password_or_none_may_register() -> None:
    async with registering(Registrar(grant=300, statuses=[401, 403]), password="secret") as (phone, _):
        with pytest.raises(AuthenticationError) as caught:
            await phone.register(expires=300)
    assert caught.value.seen == "403 Forbidden"
    assert "check auth_user and the password" in caught.value.hint
    assert "may not register here" in caught.value.hint


async def test_who_is_forbidden_without_a_proof_needs_no_other_password() -> None:
    async with registering(Registrar(grant=300, statuses=[403]), password="secret") as (phone, _):
        with pytest.raises(CallRejected) as caught:
            await phone.register(expires=300)
    assert (caught.value.sip_code, caught.value.seen) == (403, "403 Forbidden")
    assert "password" not in caught.value.hint


async def test_a_refresh_that_is_refused_ends_the_registration() -> None:
    registrar = Registrar(grant=1, statuses=[200, 403])
    async with registering(registrar) as (phone, log):
        registration = await phone.register(expires=300)
        with pytest.raises(CallRejected):
            await registration.lost()
    assert states(log) == ["registered", "lost"]
    assert registrar.asked == [300, 300]


async def test_a_registrar_that_is_not_there_is_unreachable() -> None:
    log = EventLog()
    async with Phone(account("alice", registrar="sip:127.0.0.1:9;transport=tcp"), log) as phone:
        with pytest.raises((Unreachable, TimedOut)):
            await phone.register(expires=300)


async def held_refresh(registrar: Registrar) -> IncomingRequest:
    assert registrar.held is not None
    async with asyncio.timeout(10):
        while not registrar.held:  # noqa: ASYNC110 - the list has no event
            await asyncio.sleep(0.01)
    return registrar.held.pop()


@pytest.mark.req("REG-1")
async def test_the_removal_waits_for_the_answer_to_a_refresh() -> None:
    registrar = Registrar(grant=1, statuses=[])
    registrar.held = []
    async with registering(registrar) as (phone, log):
        registration = await phone.register(expires=300)
        refresh = await held_refresh(registrar)
        closing = asyncio.ensure_future(registration.close())
        await asyncio.sleep(0.2)
        assert registrar.held == []
        registrar.held = None
        registrar.answer(refresh)
        await closing
    assert registrar.asked == [300, 300, 0]
    assert states(log) == ["registered", "refreshed", "removed"]


@pytest.mark.req("REG-1")
async def test_no_removal_is_sent_while_a_registrar_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ua.registration.flow.REMOVE_S", 0.2)
    registrar = Registrar(grant=1, statuses=[])
    registrar.held = []
    async with registering(registrar) as (phone, log):
        registration = await phone.register(expires=300)
        await held_refresh(registrar)
        await registration.close()
        await asyncio.sleep(0.1)
        assert registrar.held == []
    assert states(log) == ["registered", "not removed"]


async def test_a_registrar_that_grants_no_time_is_not_asked_again_and_again() -> None:
    registrar = Registrar(grant=0, statuses=[])
    async with registering(registrar) as (phone, _):
        with pytest.raises(CallRejected, match="no time"):
            await phone.register(expires=300)
    assert registrar.asked == [300]
