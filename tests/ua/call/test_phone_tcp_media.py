"""Calls whose media goes over TCP without ICE (RFC 4145, RFC 4571)."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.sdp.calls import until
from tests.ua.phones import LOOPBACK, Pair, account, pair
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.call.outgoing import OutgoingCall
from ua.config.account import Account
from ua.config.media import MediaSettings
from ua.errors import NoMediaPath, ResultCode, UsageError
from ua.plan import Echo, MediaPlan, Tone
from ua.results import CallResult

TONE = MediaPlan(source=Tone(hz=440), duration_s=0.6)
TCP = MediaPlan(source=Tone(hz=440), duration_s=0.6, media="tcp")
STAY = MediaPlan(source=Tone(hz=440), media="tcp")
ECHO = MediaPlan(source=Echo())


class Cutting(HostNetwork):
    """This host; every connection of media can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: list[TcpConnection] = []

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        connection = await super().connect_tcp(local_host, remote, local_port=local_port)
        self.connections.append(connection)
        return connection


class Unreachable(HostNetwork):
    """This host; nobody can be dialled."""

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        raise ConnectionRefusedError(111, "connection refused")


async def called(both: Pair, plan: MediaPlan) -> tuple[OutgoingCall, IncomingCall]:
    """Alice calls, Bob takes the call."""
    call, incoming = await both.ring(plan)
    await incoming.accept(ECHO)
    return call, incoming


async def results(*calls: Call) -> list[CallResult]:
    return list(await asyncio.gather(*(call.ended() for call in calls)))


def described(both: Pair, party: str, name: str) -> str:
    """The first description of that kind that a phone sent."""
    return next(
        str(entry.data["text"])
        for entry in both.log.entries
        if (entry.party, entry.source, entry.name, entry.data.get("direction")) == (party, "sdp", name, "out")
    )


@pytest.mark.req("PROTO-2", "4145-10")
@pytest.mark.parametrize(
    ("alice", "bob", "offered", "answered"),
    [
        ("actpass", "actpass", "actpass", "active"),
        ("actpass", "passive", "actpass", "passive"),
        ("active", "actpass", "active", "passive"),
        ("passive", "actpass", "passive", "active"),
    ],
)
async def test_a_call_as_asked(alice: str, bob: str, offered: str, answered: str) -> None:
    """The answerer has no setting for it but who connects."""
    async with pair(alice=account("alice", setup=alice), bob=account("bob", setup=bob)) as both:
        ours, theirs = await results(*await called(both, TCP))
        offer, answer = described(both, "alice", "offer"), described(both, "bob", "answer")
    assert " TCP/RTP/AVP " in offer
    assert "ice-ufrag" not in offer
    assert f"a=setup:{offered}\r\n" in offer
    assert f"a=setup:{answered}\r\n" in answer
    for result in (ours, theirs):
        assert result.result is ResultCode.OK
        assert result.ice is None
        assert result.transport == "tcp"
        assert result.received is not None
        assert result.received.packets > 10
        assert result.to_json()["ice"] is None
        assert result.to_json()["transport"] == "tcp"
    assert ours.why == "RTP over TCP without ICE as asked (--media tcp)"
    assert theirs.why == "RTP over TCP without ICE as the other side asked"


async def test_by_the_account() -> None:
    async with pair(alice=account("alice", media=MediaSettings(transport="tcp"))) as both:
        ours, _ = await results(*await called(both, TONE))
    assert (ours.ice, ours.transport) == (None, "tcp")


async def test_an_ordinary_call_is_as_ever() -> None:
    async with pair() as both:
        ours, _ = await results(*await called(both, TONE))
    assert ours.ice is not None
    assert ours.transport == "udp"


@pytest.mark.req("4145-3", "4145-4")
async def test_a_hold_by_who_was_connected_to_keeps_the_connection() -> None:
    """It listens again meanwhile, for the answer might ask for a new connection."""
    network = Cutting()
    async with pair(alice=account("alice", setup="passive"), network=network) as both:
        calls = await called(both, STAY)
        await asyncio.gather(*(call.established() for call in calls))
        await calls[0].hold()
        await calls[0].resume()
        before = calls[1].statistics
        assert before is not None
        await until(
            lambda: (
                calls[1].statistics is not None
                and calls[1].statistics.received.packets > before.received.packets + 5
            )
        )
        ports = [entry.data["local"]["port"] for entry in both.log.entries if entry.name == "tcp_listening"]
        offers = [
            str(entry.data["text"])
            for entry in both.log.entries
            if (entry.source, entry.name, entry.data.get("direction")) == ("sdp", "offer", "out")
        ]
        assert len(network.connections) == 1
        calls[0].hang_up()
        await results(*calls)
    assert len(offers) == 3
    for offer in offers[1:]:
        assert "a=setup:passive\r\n" in offer
        assert "a=connection:existing\r\n" in offer
    # Those of RTP and RTCP, offer by offer.
    assert ports[0] == ports[2]


async def test_with_srtp() -> None:
    told = {"srtp": "sdes", "srtp_over_plain_sip": True}
    async with pair(alice=account("alice", **told), bob=account("bob", **told)) as both:
        ours, theirs = await results(*await called(both, TCP))
        assert " TCP/RTP/SAVP " in described(both, "alice", "offer")
    for result in (ours, theirs):
        assert (result.ice, result.transport, result.result) == (None, "tcp", ResultCode.OK)
        assert result.srtp is not None
        assert result.received is not None
        assert result.received.packets > 10


@pytest.mark.req("4145-6")
async def test_a_connection_that_is_cut_in_the_call_is_made_anew() -> None:
    """RST in the call: a re-INVITE with connection:new (RFC 4145 §6.2)."""
    network = Cutting()
    async with pair(network=network) as both:
        calls = await called(both, STAY)
        await asyncio.gather(*(call.established() for call in calls))
        await asyncio.sleep(0.1)
        first = len(network.connections)
        assert first >= 1
        for connection in network.connections:
            connection.close()
        await until(lambda: len(network.connections) > first)
        offers = [
            str(entry.data["text"])
            for entry in both.log.entries
            if (entry.source, entry.name, entry.data.get("direction")) == ("sdp", "offer", "out")
        ]
        before = [call.statistics for call in calls]
        await asyncio.sleep(0.3)
        after = [call.statistics for call in calls]
        calls[0].hang_up()
        ours, theirs = await results(*calls)
    assert len(offers) == 2
    assert "a=connection:new" in offers[1]
    for one, other in zip(before, after, strict=True):
        assert one is not None
        assert other is not None
        assert other.received.packets > one.received.packets + 5
    assert [change.transport for change in ours.path_changes][-1] == "tcp"
    assert theirs.result is ResultCode.OK


async def test_no_connection_is_exit_code_7() -> None:
    async with pair(network=Unreachable()) as both:
        call, incoming = await called(both, TCP)
        with pytest.raises(NoMediaPath, match="connection refused"):
            await incoming.established()
        call.hang_up()
        _, theirs = await results(call, incoming)
    assert theirs.exit_code == 7


@pytest.mark.parametrize(
    ("changes", "plan"),
    [
        ({"ice_required": True}, TCP),
        ({}, MediaPlan(media="tcp", path="relay")),
        ({}, MediaPlan(media="tcp", srtp="dtls")),
    ],
    ids=["ICE required", "relay", "DTLS"],
)
async def test_what_does_not_go_together(changes: dict[str, object], plan: MediaPlan) -> None:
    async with pair(alice=account("alice", **changes)) as both:
        call = await both.alice.place(both.bob_uri(), plan)
        with pytest.raises(UsageError, match="do not go together"):
            await call.established()
        assert (await call.ended()).exit_code == 2


async def refused(bob: Account) -> int | None:
    async with pair(bob=bob) as both:
        call, incoming = await both.ring(TCP)
        await incoming.accept(ECHO)
        ours, _ = await results(call, incoming)
    return ours.sip_code


async def test_who_wants_ice_refuses_it() -> None:
    assert await refused(account("bob", ice_required=True)) == 421


async def test_who_hides_its_address_refuses_it() -> None:
    ice = dataclasses.replace(LOOPBACK, relay_only=True)
    assert await refused(account("bob", ice=ice)) in (480, 488, 500)
