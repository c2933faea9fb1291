"""Flows that are kept, that fail, and that come back: real sockets, against an edge proxy of the test."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from tests.ua.phones import account
from tests.ua.registration.edge import Edge, edge
from ua.config.registration import RegistrationPolicy
from ua.errors import CallRejected
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan
from ua.registration.registration import Registration

INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
POLICY = RegistrationPolicy(instance=INSTANCE, recovery_s=0.2)


@asynccontextmanager
async def registered(
    *edges: Edge, transport: str = "udp", network: HostNetwork | None = None, **policy: object
) -> AsyncIterator[tuple[Phone, Registration, EventLog]]:
    """A phone that is registered over these edge proxies."""
    uris = [each.uri(transport) for each in edges]
    kept = dataclasses.replace(POLICY, backup_proxies=tuple(uris[1:]), **policy)  # type: ignore[arg-type]
    log = EventLog()
    alice = account("alice", proxy=uris[0], registrar="sip:example.com", registration=kept)
    async with Phone(alice, log, network=network) as phone:
        yield phone, await phone.register(expires=300), log


def states(log: EventLog) -> list[str]:
    return [str(entry.data["state"]) for entry in log.entries if entry.name == "registration"]


async def state(log: EventLog, wanted: str, seconds: float = 8.0) -> None:
    """Wait until the registration has been in this state."""
    come = asyncio.Event()
    stop = log.subscribe(lambda entry: come.set() if entry.data.get("state") == wanted else None)
    if wanted in states(log):
        come.set()
    try:
        await asyncio.wait_for(come.wait(), seconds)
    finally:
        stop()


@pytest.mark.req("TRN-4")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_register_asks_for_a_flow_by_the_name_of_the_phone(transport: str) -> None:
    async with edge() as one, registered(one, transport=transport):
        request = one.of("REGISTER")[0]
    assert request.headers.tokens("supported") >= {"outbound", "path"}
    (contact,) = request.contacts
    assert contact.param("+sip.instance") == f"<{INSTANCE}>"
    assert contact.param("reg-id") == "1"
    assert contact.uri.param("ob") is None
    removal = one.of("REGISTER")[-1]
    assert removal.contacts[0].param("expires") == "0"
    assert removal.contacts[0].param("reg-id") == "1"
    assert removal.contacts[0].uri.param("ob") is None
    assert removal.call_id == request.call_id


@pytest.mark.req("TRN-4")
async def test_the_contact_of_a_call_asks_for_the_same_flow() -> None:
    async with edge() as one, registered(one) as (phone, _, _):
        call = await phone.place("sip:bob@example.com", MediaPlan())
        invite = await one.until("INVITE", 1)
        assert invite.contacts[0].uri.param("ob") == ""
        with pytest.raises(CallRejected):
            await call.established()


@pytest.mark.req("TRN-4")
async def test_without_outbound_nothing_is_kept_alive_and_no_contact_says_ob() -> None:
    async with edge() as one:
        one.rows = ()
        async with registered(one, keepalive_s=0.2) as (phone, _, _):
            await asyncio.sleep(0.6)
            assert (one.pings, one.bindings) == (0, 0)
            await phone.place("sip:bob@example.com", MediaPlan())
            assert (await one.until("INVITE", 1)).contacts[0].uri.param("ob") is None


@pytest.mark.req("TRN-11")
@pytest.mark.parametrize(
    ("keepalive", "transport", "again"),
    [
        ("auto", "udp", True),
        ("auto", "tcp", False),
        ("outbound", "udp", False),
        ("off", "udp", False),
        ("always", "udp", True),
    ],
)
async def test_over_udp_register_keeps_alive_what_takes_nothing_else(
    monkeypatch: pytest.MonkeyPatch, keepalive: str, transport: str, again: bool
) -> None:
    monkeypatch.setattr("ua.registration.keepalive._BINDING_S", 0.6)
    async with edge() as one:
        one.rows, one.ponging = (), False
        async with registered(one, transport=transport, keepalive=keepalive, keepalive_s=0.2) as (_, _, log):
            await asyncio.sleep(0.5)
            if keepalive == "always":
                await state(log, "no keep-alive")
            stun = one.bindings
            if again:
                await one.until("REGISTER", 4)
                assert set(states(log)) <= {"registered", "refreshed", "no keep-alive"}
            else:
                assert states(log) == ["registered"]
            assert one.bindings == stun, "a server that does not take STUN is sent no more of it"
            assert (stun > 0) is (keepalive == "always")
            assert one.pings == 0


@pytest.mark.req("TRN-4")
async def test_the_setting_alone_starts_keep_alives() -> None:
    async with edge() as one:
        one.rows = ()
        async with registered(one, keepalive="always", keepalive_s=0.2):
            await one.until_pinged(3)
    assert one.pings == 0


@pytest.mark.req("TRN-4")
async def test_a_missing_pong_gives_a_new_connection_with_the_same_reg_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ua.registration.keepalive.PONG_S", 0.3)
    async with edge() as one, registered(one, transport="tcp", keepalive_s=0.2) as (_, registration, log):
        await one.until_pinged(2)
        one.ponging = False
        again = await one.until("REGISTER", 2)
        assert one.connections("REGISTER")[:2] == [1, 2]
        assert again.contacts[0].param("reg-id") == "1"
        assert again.call_id == one.of("REGISTER")[0].call_id
        await state(log, "flow failed")
        one.ponging = True
        await asyncio.sleep(0.1)
        assert registration.is_alive
    assert "no pong" in str([entry.data["reason"] for entry in log.entries if entry.name == "registration"])


@pytest.mark.req("TRN-4", "TRN-11")
async def test_another_address_behind_the_nat_registers_again() -> None:
    async with edge() as one, registered(one, keepalive_s=0.2):
        await one.until_pinged(2)
        assert one.pings == 0
        one.port_offset = 1
        await one.until("REGISTER", 2)


@pytest.mark.req("TRN-4")
async def test_the_servers_flow_timer_is_kept() -> None:
    async with edge() as one:
        one.rows = (("Require", "outbound"), ("Flow-Timer", "1"))
        async with registered(one, transport="tcp"):
            await one.until_pinged(2, 3.0)


@pytest.mark.req("TRN-4", "REG-6")
async def test_a_connection_that_closes_is_replaced_and_requests_come_down_the_new_one() -> None:
    async with edge() as one, registered(one, transport="tcp", keepalive_s=0.2) as (phone, _, log):
        await one.until_pinged(2)
        one.hang_up()
        await one.until("REGISTER", 2)
        assert one.connections("REGISTER")[:2] == [1, 2]
        await phone.place("sip:bob@example.com", MediaPlan())
        await one.until("INVITE", 1)
        assert one.connections("INVITE")[0] == 2
        assert states(log)[:3] == ["registered", "flow failed", "registered"]


@pytest.mark.req("TRN-12")
async def test_two_proxies_two_flows_and_calls_go_on_when_one_is_gone() -> None:
    async with edge() as two:
        async with edge() as one:
            context = registered(one, two, transport="tcp", keepalive_s=0.2)
            phone, registration, log = await context.__aenter__()
            first, second = one.of("REGISTER")[0], two.of("REGISTER")[0]
            assert first.call_id != second.call_id
            assert [request.contacts[0].param("reg-id") for request in (first, second)] == ["1", "2"]
            await phone.place("sip:bob@example.com", MediaPlan())
            await one.until("INVITE", 1)
            await one.until_pinged(1)
        try:
            await state(log, "flow failed")
            assert registration.is_alive
            call = await phone.place("sip:bob@example.com", MediaPlan())
            await two.until("INVITE", 1)
            with pytest.raises(CallRejected):
                await call.established()
            assert len(two.of("REGISTER")) == 1
        finally:
            await context.__aexit__(None, None, None)


@pytest.mark.req("TRN-12")
async def test_439_registers_without_outbound() -> None:
    async with edge() as one:
        one.statuses = [439]
        one.rows = ()
        async with registered(one):
            first, second = one.of("REGISTER")[:2]
    assert "outbound" in first.headers.tokens("supported")
    assert "outbound" not in second.headers.tokens("supported")
    assert second.contacts[0].param("reg-id") is None
    assert second.contacts[0].param("+sip.instance") == f"<{INSTANCE}>"


@pytest.mark.req("DLG-5")
async def test_a_service_route_is_the_way_of_later_requests_but_not_of_register() -> None:
    async with edge() as one:
        one.rows = (("Service-Route", f"<sip:127.0.0.1:{one.port};lr>, <sip:home.example.com;lr>"),)
        async with registered(one) as (phone, _, _):
            await phone.place("sip:bob@example.com", MediaPlan())
            invite = await one.until("INVITE", 1)
        routes = [str(each.uri) for each in invite.addresses("route")]
        assert routes[-1] == "sip:home.example.com;lr"
        assert len(one.of("REGISTER")[-1].addresses("route")) == 1


@pytest.mark.req("REG-6")
async def test_what_may_pass_is_tried_again_and_a_refusal_is_not() -> None:
    async with edge() as one, registered(one, transport="tcp", keepalive_s=0.2) as (_, registration, log):
        await one.until_pinged(2)
        one.statuses = [500, 503, 403]
        one.hang_up()
        with pytest.raises(CallRejected):
            await asyncio.wait_for(registration.lost(), 10)
        assert states(log) == ["registered", "flow failed", "retrying", "retrying", "lost"]
        count = len(one.of("REGISTER"))
        await asyncio.sleep(0.5)
        assert len(one.of("REGISTER")) == count == 4


class MovingNetwork(HostNetwork):
    """A host that loses its address when the test says so."""

    gone = False

    def host_addresses(self) -> Sequence[HostAddress]:
        return () if self.gone else super().host_addresses()


@pytest.mark.req("TRN-14")
async def test_an_address_that_goes_registers_anew_at_once() -> None:
    network = MovingNetwork()
    async with edge() as one, registered(one, network=network) as (_, _, log):
        await asyncio.sleep(0.1)
        network.gone = True
        await one.until("REGISTER", 2, 4.0)
        reasons = [str(entry.data["reason"]) for entry in log.entries if entry.name == "registration"]
        assert any("127.0.0.1 is gone" in reason for reason in reasons)
