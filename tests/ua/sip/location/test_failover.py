"""When a request goes to the next server: the core under a clock, and real sockets (RFC 3263 §4.3)."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.types import TransportAddress
from tests.net.loopback_dns import loopback_dns
from tests.ua.sip.phones import ALICE, FAST, ScriptedPeer
from ua.sip.config import SipConfig
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipTimeout, SipUnreachable
from ua.sip.location.failover import Failover
from ua.sip.location.procedure import MAX_TARGETS
from ua.sip.location.target import Target
from ua.sip.log import SipLogEntry
from ua.sip.rejection import SipRejected
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri


def targets(count: int) -> list[Target]:
    return [
        Target(transport="udp", address=TransportAddress(host="192.0.2.1", port=5060 + number))
        for number in range(count)
    ]


@pytest.mark.req("TRN-13")
def test_four_silent_servers_share_the_time_and_no_fifth_is_tried() -> None:
    failover = Failover(targets(6), now=100.0, total_s=32.0)
    left: list[float] = []
    now = 100.0
    while failover.next(now) is not None:
        at = failover.next_timer()
        assert at is not None
        assert not failover.is_silent(at - 0.01)
        assert failover.is_silent(at)
        left.append(at)
        failover.failed("no answer")
        now = at
    assert left == [108.0, 116.0, 124.0, 132.0]
    assert [str(tried.target) for tried in failover.tried] == [
        f"udp 192.0.2.1:{5060 + number}" for number in range(4)
    ]
    assert failover.summary().startswith("udp 192.0.2.1:5060 (no answer), udp 192.0.2.1:5061 (no answer)")


@pytest.mark.req("TRN-13")
def test_the_last_server_gets_the_rest_of_the_time() -> None:
    failover = Failover(targets(2), now=0.0, total_s=32.0)
    failover.next(0.0)
    assert failover.next_timer() == 8.0
    failover.failed("no answer")
    failover.next(8.0)
    assert failover.next_timer() == 32.0


def test_a_server_that_says_something_is_not_left() -> None:
    failover = Failover(targets(2), now=0.0, total_s=32.0)
    failover.next(0.0)
    failover.heard()
    assert failover.next_timer() is None
    assert not failover.is_silent(1000.0)


@given(
    count=st.integers(0, 8),
    steps=st.lists(st.tuples(st.sampled_from(["fail", "silent", "heard"]), st.floats(0.0, 9.0)), max_size=20),
)
def test_it_ends_within_its_time_whatever_happens(count: int, steps: list[tuple[str, float]]) -> None:
    """Never more than four servers, none twice, none after the end."""
    failover = Failover(targets(count), now=0.0, total_s=32.0)
    now = 0.0
    begun: list[Target] = []
    for step, seconds in steps:
        target = failover.next(now)
        if target is None:
            break
        assert now < 32.0
        begun.append(target)
        if step == "heard":
            failover.heard()
            break
        at = failover.next_timer()
        assert at is not None
        assert now < at <= 32.0
        now = at if step == "silent" else now + seconds
        failover.failed(step)
    assert len(begun) == len(set(begun)) <= MAX_TARGETS


class Servers:
    """Scripted servers behind one domain name, in the order of their priorities."""

    def __init__(self, peers: list[ScriptedPeer], endpoint: SipEndpoint, log: list[SipLogEntry]) -> None:
        self.peers = peers
        self.endpoint = endpoint
        self.log = log
        self.asked: list[tuple[str, str]] = []

    async def options(self) -> int:
        """Ask the domain; the status."""
        done = await self.endpoint.request("OPTIONS", Uri.parse("sip:example.com"), from_=ALICE)
        return done.response.status


@asynccontextmanager
async def servers(count: int, *, dead: int = 0) -> AsyncIterator[Servers]:
    """Servers of example.com; before them `dead` ports where nobody listens."""
    peers = [ScriptedPeer() for _ in range(count)]
    closed = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(dead)]
    for each in closed:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in closed] + [peer.port for peer in peers]
    for each in closed:
        each.close()
    zone = {
        ("_sip._udp.example.com", "SRV"): [
            f"{priority} 1 {port} host.example.com." for priority, port in enumerate(ports)
        ],
        ("host.example.com", "A"): ["127.0.0.1"],
    }
    log: list[SipLogEntry] = []
    async with loopback_dns(zone) as dns:
        config = SipConfig(
            host="127.0.0.1", transports=("udp",), timers=FAST, name_servers=(dns.address,), user="alice"
        )
        endpoint = SipEndpoint(config, on_log=log.append)
        await endpoint.start()
        found = Servers(peers, endpoint, log)
        found.asked = dns.asked
        try:
            yield found
        finally:
            await endpoint.close()
            for peer in peers:
                peer.close()


@pytest.mark.req("TRN-13", "TRN-1", "TRN-10")
async def test_a_request_goes_to_the_next_server_where_the_first_is_gone() -> None:
    async with servers(1, dead=1) as found:
        asking = asyncio.ensure_future(found.options())
        request = await found.peers[0].receive_request("OPTIONS")
        found.peers[0].answer(request, 200)
        assert await asking == 200
        sent = [entry.text for entry in found.log if entry.direction == "out" and entry.kind == "message"]
        branches = {line for text in sent for line in text.split("\r\n") if line.startswith("Via")}
        assert len(branches) == 2
        assert len({text.partition("CSeq")[2][:12] for text in sent}) == 1


@pytest.mark.req("TRN-13", "TRN-1")
async def test_servers_that_are_silent_are_left_and_the_third_takes_the_call() -> None:
    async with servers(3) as found:
        invite = found.endpoint.invite(Uri.parse("sip:bob@example.com"), from_=ALICE, body=b"v=0\r\n")
        third = found.peers[2]
        request = await third.receive_request("INVITE")
        third.answer(request, 200)
        assert (await invite.answered()).status == 200
        assert (await third.receive_request("ACK")).via.branch != request.via.branch
        first = await found.peers[0].receive_request("INVITE")
        assert first.via.branch != request.via.branch
        assert first.call_id == request.call_id
        # It wakes up after all: nobody waits for it any more.
        found.peers[0].answer(first, 180)
        cancel = await found.peers[0].receive_request("CANCEL")
        assert cancel.via.branch == first.via.branch


@pytest.mark.req("TRN-13")
async def test_a_server_that_was_left_and_answers_after_all_has_the_call() -> None:
    async with servers(2) as found:
        invite = found.endpoint.invite(Uri.parse("sip:bob@example.com"), from_=ALICE, body=b"v=0\r\n")
        first, second = found.peers
        late = await first.receive_request("INVITE")
        pending = await second.receive_request("INVITE")
        second.answer(pending, 180)
        first.answer(late, 200, tag="late")
        assert (await invite.answered()).to.tag == "late"
        await first.receive_request("ACK")
        cancel = await second.receive_request("CANCEL")
        assert cancel.via.branch == pending.via.branch


@pytest.mark.req("UAC-10", "TRN-1")
async def test_503_means_the_next_server_and_retry_after_is_kept() -> None:
    async with servers(2) as found:
        first, second = found.peers
        asking = asyncio.ensure_future(found.options())
        first.answer(await first.receive_request("OPTIONS"), 503, ("Retry-After", "20"))
        second.answer(await second.receive_request("OPTIONS"), 200)
        assert await asking == 200
        again = asyncio.ensure_future(found.options())
        second.answer(await second.receive_request("OPTIONS"), 200)
        assert await again == 200
        assert await first.silent(0.1, "OPTIONS")


@pytest.mark.req("UAC-10")
async def test_503_without_retry_after_counts_for_this_request_alone() -> None:
    async with servers(2) as found:
        first, second = found.peers
        for _ in range(2):
            asking = asyncio.ensure_future(found.options())
            first.answer(await first.receive_request("OPTIONS"), 503)
            second.answer(await second.receive_request("OPTIONS"), 200)
            assert await asking == 200


async def test_the_error_names_the_servers_that_were_tried() -> None:
    async with servers(0, dead=3) as found:
        with pytest.raises(SipUnreachable) as raised:
            await found.options()
    assert raised.value.what.count("udp 127.0.0.1:") == 3
    assert "refused" in raised.value.what


@pytest.mark.req("TRN-13")
async def test_silence_everywhere_ends_in_the_time_of_one_transaction() -> None:
    async with servers(3) as found:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(SipTimeout, match="tried udp"):
            await found.options()
        spent = asyncio.get_running_loop().time() - begun
        assert FAST.timeout - 0.1 < spent < FAST.timeout + 0.6


@pytest.mark.req("TRN-13")
async def test_a_phone_that_rings_is_not_called_through_another_server() -> None:
    async with servers(2) as found:
        invite = found.endpoint.invite(Uri.parse("sip:bob@example.com"), from_=ALICE, body=b"v=0\r\n")
        first, second = found.peers
        request = await first.receive_request("INVITE")
        first.answer(request, 180)
        await asyncio.sleep(FAST.timeout / 2)
        first.answer(request, 486)
        with pytest.raises(SipRejected, match="486"):
            await invite.answered()
        assert await second.silent(0.1, "INVITE")


async def test_a_call_that_is_given_up_goes_to_no_further_server() -> None:
    async with servers(2) as found:
        invite = found.endpoint.invite(Uri.parse("sip:bob@example.com"), from_=ALICE, body=b"v=0\r\n")
        first, second = found.peers
        request = await first.receive_request("INVITE")
        invite.cancel()
        first.answer(request, 503)
        with pytest.raises(SipRejected):
            await invite.answered()
        assert await second.silent(0.3, "INVITE")


@pytest.mark.req("REG-4")
async def test_a_series_stays_with_the_server_that_answered_and_moves_when_it_fails() -> None:
    async with servers(2) as found:
        first, second = found.peers
        series = found.endpoint.series(target=Uri.parse("sip:example.com"), from_=ALICE, to=ALICE)

        numbers = itertools.count(1)

        async def arrived(peer: ScriptedPeer, number: int) -> Request:
            while (request := await peer.receive_request("REGISTER")).cseq.number != number:
                pass  # a repeat of an earlier one, on a busy machine
            return request

        async def register(answers: ScriptedPeer, refuses: ScriptedPeer | None = None) -> None:
            number = next(numbers)
            asking = asyncio.ensure_future(series.request("REGISTER", contact=()))
            if refuses is not None:
                refuses.answer(await arrived(refuses, number), 503)
            answers.answer(await arrived(answers, number), 200)
            assert (await asking).response.status == 200

        await register(second, refuses=first)
        for _ in range(3):
            await register(second)
        await register(first, refuses=second)
        await register(first)
        went = {
            (int(entry.text.partition("CSeq: ")[2].split()[0]), entry.remote)
            for entry in found.log
            if entry.text.startswith("REGISTER") and entry.direction == "out"
        }
        ports = {first.port: "first", second.port: "second"}
        assert sorted((number, ports[int(remote.rpartition(":")[2])]) for number, remote in went) == [
            (1, "first"),
            (1, "second"),
            (2, "second"),
            (3, "second"),
            (4, "second"),
            (5, "first"),
            (5, "second"),
            (6, "first"),
        ]


@pytest.mark.req("TRN-13")
async def test_one_lookup_for_a_transaction_and_none_while_the_records_last() -> None:
    async with servers(1) as found:
        for _ in range(3):
            asking = asyncio.ensure_future(found.options())
            found.peers[0].answer(await found.peers[0].receive_request("OPTIONS"), 200)
            assert await asking == 200
        assert found.asked.count(("_sip._udp.example.com", "SRV")) == 1
        assert found.asked.count(("host.example.com", "A")) == 1
