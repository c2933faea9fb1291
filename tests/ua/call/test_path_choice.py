"""`--path`: the way that was asked for is taken and shown, or the call ends with exit code 7 and why."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Literal

import pytest

from ice.gathering.servers import TurnServer
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from tests.ua.peer import media_peer
from tests.ua.phones import LOOPBACK, Pair, account, pair
from ua.errors import NoMediaPath, ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, PathChoice, Tone
from ua.results import CallResult

IMPATIENT = dataclasses.replace(LOOPBACK, patience_s=1.0)
LISTEN = MediaPlan(source=Echo())

Way = Literal["udp", "tcp"]


def plan(path: PathChoice) -> MediaPlan:
    return MediaPlan(source=Tone(hz=440), duration_s=0.3, path=path)


async def called(phones: Pair, path: PathChoice) -> CallResult:
    call, ringing = await phones.ring(plan(path))
    await ringing.accept(LISTEN)
    result = await call.ended()
    await ringing.ended()
    return result


@pytest.mark.parametrize("path", ["udp", "tcp"])
async def test_the_way_that_was_asked_for_is_taken_though_the_other_is_open(path: Way) -> None:
    async with pair() as phones:
        result = await called(phones, path)
    assert result.result is ResultCode.OK
    assert result.ice is not None
    assert result.ice.transport == path
    (offer,) = (e for e in phones.log.entries if (e.party, e.name) == ("alice", "offer"))
    candidates = [line for line in str(offer.data["text"]).split("\r\n") if line.startswith("a=candidate:")]
    assert candidates
    assert all((" TCP " in line) is (path == "tcp") for line in candidates)


@pytest.mark.parametrize(
    ("path", "policy"),
    [("udp", FirewallPolicy(udp="blocked")), ("tcp", FirewallPolicy(tcp_inbound="blocked"))],
)
async def test_a_way_that_a_firewall_shuts_ends_the_call_though_the_other_is_open(
    path: Way, policy: FirewallPolicy
) -> None:
    alice = account("alice", ice=IMPATIENT)
    async with pair(alice=alice, network=FirewallNetwork(HostNetwork(), policy)) as phones:
        began = asyncio.get_running_loop().time()
        call, ringing = await phones.ring(plan(path))
        await ringing.accept(LISTEN)
        with pytest.raises(NoMediaPath) as caught:
            await call.established()
        result = await call.ended()
        took_s = asyncio.get_running_loop().time() - began
        await ringing.ended()
    assert (result.result, result.result.exit_code) == (ResultCode.NO_MEDIA_PATH, 7)
    assert "no media path" in (result.error or "")
    assert path.upper() in (result.error or "")
    assert f"--path {path}" in (caught.value.hint or "")
    assert took_s < 20, "the account says how long it is waited for"


@pytest.mark.parametrize(("path", "other"), [("udp", "tcp"), ("tcp", "udp")])
async def test_a_way_that_the_other_side_lacks_ends_the_call_at_once(path: Way, other: Way) -> None:
    """Not after the 39.5 s of RFC 8863, and on both sides."""
    one_way = dataclasses.replace(LOOPBACK, udp=other == "udp", tcp=other == "tcp")
    async with asyncio.timeout(20), pair(bob=account("bob", ice=one_way)) as phones:
        result = await called(phones, path)
    assert (result.result, result.result.exit_code) == (ResultCode.NO_MEDIA_PATH, 7)
    assert f"our candidates are {path.upper()} alone" in (result.error or "")


async def test_tcp_to_a_phone_without_ice_ends_the_call() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), plan("tcp"))
        peer.accept(await peer.receive_request("INVITE"), peer.sdp())
        await peer.finish()
        result = await call.ended()
    assert (result.result, result.result.exit_code) == (ResultCode.NO_MEDIA_PATH, 7)
    assert "plain RTP" in (result.error or "")


async def test_a_relay_that_does_not_answer_ends_the_call() -> None:
    nobody = TurnServer(host="127.0.0.1", port=9, transport="tcp", username="alice", password="p")
    ice = dataclasses.replace(IMPATIENT, turn_servers=(nobody,), gather_timeout_s=0.2, gather_patience_s=0.4)
    async with pair(alice=account("alice", ice=ice)) as phones:
        call = await phones.alice.place(phones.bob_uri(), plan("relay"))
        result = await call.ended()
    assert (result.result, result.result.exit_code) == (ResultCode.NO_MEDIA_PATH, 7)
    assert "127.0.0.1:9" in (result.error or "")
