"""RTCP has a connection of its own unless it shares one or both sides have switched it off."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.candidates.candidate import default_candidate
from ice.messages import FlowOpened
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from ice.paths.path import SelectedPath
from ice.types import Role, SessionState, Transport
from sdp.attributes.candidate_attr import parse_candidate
from sdp.attributes.rtcp_attr import SWITCHED_OFF
from sdp.ice.binding import IceBinding
from sdp.media_paths import Paths
from sdp.negotiation.answer_reading import accept_answer
from sdp.negotiation.offer_answer import build_offer
from sdp.silent_path import SilentPath
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.answering import accepted, names, peer_offer
from tests.sdp.calls import CONFIG, WISH, WITHOUT_MUX, Call, packet, two, until, without
from tests.sdp.local import ICE, LOCAL, PEER_ICE

WITHOUT_SECOND = without(" 2 UDP ", " 2 TCP ", "a=rtcp:")
NO_MUX = replace(LOCAL, rtcp_mux=False)


def switched_off(text: str) -> str:
    """The description with RTCP switched off (RFC 3556)."""
    return text.replace("a=ptime", "b=RS:0\r\nb=RR:0\r\na=ptime").replace(
        "t=0 0", "b=RS:0\r\nb=RR:0\r\nt=0 0"
    )


def connections(binding: IceBinding) -> list[FlowOpened]:
    """The TCP connections that a side opens or accepts from now on."""
    opened: list[FlowOpened] = []
    binding.session.subscribe(lambda event: opened.append(event) if isinstance(event, FlowOpened) else None)
    return opened


# --- which components there are -----------------------------------------------------------------------------


@pytest.mark.req("ICE-5.1.1.1-3")
async def test_a_stream_gathers_a_component_for_rtcp_though_it_hopes_for_mux() -> None:
    async with two() as call:
        offer = write(call.alice.offer(WISH))
        assert "a=rtcp-mux\r\n" in offer
        assert "a=rtcp-mux-only" not in offer
        candidates = call.alice.session.local_description.candidates
        rtp, rtcp = (default_candidate(candidates, component) for component in (1, 2))
        assert rtp is not None
        assert rtcp is not None
        assert rtp.address != rtcp.address
        for transport in (Transport.UDP, Transport.TCP):
            assert {c.component for c in candidates if c.transport is transport} == {1, 2}
        for candidate in candidates:
            assert (
                f" {candidate.component} {candidate.transport.value.upper()} {candidate.priority} " in offer
            )


@pytest.mark.req("ICE-5.1.1.1-3")
def test_candidates_of_rtp_alone_do_not_mean_mux_in_an_offer() -> None:
    alone = replace(PEER_ICE, candidates=tuple(c for c in PEER_ICE.candidates if c.component == 1))
    section, negotiated = accepted(peer_offer(ice=alone, rtcp_mux=False))
    assert not negotiated.rtcp_mux
    assert "rtcp-mux" not in names(section)
    assert not negotiated.rtcp


@pytest.mark.req("ICE-5.1.1.1-3")
async def test_candidates_of_rtp_alone_do_not_mean_mux_in_an_answer() -> None:
    """The offer hopes for mux, the answer does not say it: RTCP must not come to the port of RTP."""
    async with two() as call:
        ours, theirs = call.exchange(WISH, WITHOUT_MUX, answer=WITHOUT_SECOND)
        assert theirs.negotiated is not None
        assert not ours.rtcp_mux
        async with asyncio.timeout(10):
            paths = await call.alice.paths()
        assert isinstance(paths.rtcp, SilentPath)
        assert not paths.rtcp.send(packet(1, 200))


# --- b=RS:0 and b=RR:0 --------------------------------------------------------------------------------------


@pytest.mark.req("SDP-ICE-4", "ICETCP-10-12")
@pytest.mark.parametrize("mux", [True, False])
def test_an_answer_to_rtcp_switched_off_switches_it_off_as_well(mux: bool) -> None:
    section, negotiated = accepted(switched_off(peer_offer(rtcp_mux=mux)))
    assert section.bandwidths == SWITCHED_OFF
    assert (negotiated.rtcp, negotiated.components) == (False, 1)
    assert {parse_candidate(line.value or "").component for line in section.all("candidate")} == {1}


@pytest.mark.req("SDP-ICE-4")
def test_no_port_for_rtcp_is_said_to_be_no_rtcp() -> None:
    """The peer has candidates of RTP alone and no mux: our answer says that we send none."""
    alone = replace(PEER_ICE, candidates=tuple(c for c in PEER_ICE.candidates if c.component == 1))
    section, _ = accepted(peer_offer(ice=alone, rtcp_mux=False))
    assert section.bandwidths == SWITCHED_OFF
    ours = replace(ICE, candidates=tuple(c for c in ICE.candidates if c.component == 1))
    for local, expected in (
        (replace(NO_MUX, ice=ours), SWITCHED_OFF),
        (replace(LOCAL, ice=ours), ()),
        (NO_MUX, ()),
        (replace(NO_MUX, ice=None), ()),
    ):
        offer = build_offer(local, session_id=1, version=1)
        assert offer.media[0].bandwidths == expected


@pytest.mark.req("SDP-ICE-4")
def test_rtcp_that_is_used_is_not_switched_off() -> None:
    for mux in (True, False):
        section, negotiated = accepted(peer_offer(rtcp_mux=mux))
        assert negotiated.rtcp
        assert section.bandwidths == ()


# --- connections --------------------------------------------------------------------------------------------


@pytest.mark.req("ICETCP-10-12")
async def test_without_mux_rtp_and_rtcp_have_a_connection_each() -> None:
    """Several sources and gaps in their numbers on each; nothing crosses over, in either direction."""
    async with two(udp=False) as call:
        call.exchange(WITHOUT_MUX)
        alice, bob = await call.paths()
        ends = [(p.pair.local.address, p.pair.remote.address) for p in _of(alice) if p.pair is not None]
        assert len(set(ends)) == 2
        assert {path.transport for path in (*_of(alice), *_of(bob))} == {Transport.TCP}
        for source, sink in ((alice, bob), (bob, alice)):
            rtp, rtcp = listen(sink.rtp), listen(sink.rtcp)
            numbers = [(number, ssrc) for number in (1, 2, 5, 4, 65535, 0) for ssrc in (7, 8, 9)]
            for count, (number, ssrc) in enumerate(numbers, 1):
                assert source.rtp.send(_packet(number, 0, ssrc))
                assert source.rtcp.send(_packet(number, 200, ssrc))
                # Not faster than they leave: a path drops media that would have to wait.
                await all_heard(rtp, count)
                await all_heard(rtcp, count)
            assert rtp == [_packet(number, 0, ssrc) for number, ssrc in numbers]
            assert rtcp == [_packet(number, 200, ssrc) for number, ssrc in numbers]


def _of(paths: Paths) -> tuple[SelectedPath, SelectedPath]:
    assert isinstance(paths.rtcp, SelectedPath)
    return paths.rtp, paths.rtcp


def listen(path: SelectedPath | SilentPath) -> list[bytes]:
    """What a path delivers from now on."""
    heard: list[bytes] = []
    path.set_receiver(lambda data, _at: heard.append(data))
    return heard


async def all_heard(heard: list[bytes], count: int) -> None:
    await until(lambda: len(heard) >= count)


def _packet(number: int, kind: int, ssrc: int) -> bytes:
    plain = packet(number, kind)
    return plain[:8] + ssrc.to_bytes(4, "big") + plain[12:]


@pytest.mark.req("ICETCP-10-12")
async def test_with_mux_one_connection_carries_both() -> None:
    async with two(udp=False) as call:
        call.exchange()
        alice, _ = await call.paths()
        assert alice.rtp is alice.rtcp
        assert {pair.component for pair in call.bob.session.report().pairs} == {1}


@pytest.mark.req("ICETCP-10-12")
async def test_no_connection_for_rtcp_where_both_have_switched_it_off() -> None:
    """The offerer has no port for RTCP and no wish for mux, so it says so; the answerer has two ports."""
    network = FirewallNetwork(HostNetwork(), FirewallPolicy(udp="blocked"))
    alice = await IceBinding.gather(
        network=network, config=CONFIG, role=Role.CONTROLLING, session_id=1, components=1
    )
    bob = await IceBinding.gather(network=network, config=CONFIG, role=Role.CONTROLLED, session_id=2)
    call = Call(alice, bob, FirewallPolicy())
    try:
        opened = connections(bob)
        call.exchange(WITHOUT_MUX)
        for text in (call.offer_text, call.answer_text):
            assert "b=RS:0\r\nb=RR:0\r\n" in text
        for paths in await call.paths():
            assert isinstance(paths.rtcp, SilentPath)
            assert paths.rtp.transport is Transport.TCP
        assert {pair.component for pair in bob.session.report().pairs} == {1}
        rtp = {c.address for c in bob.session.local_description.candidates if c.component == 1}
        assert opened
        # Where B dials, A has RTP alone.
        assert {event.local for event in opened if event.accepted} <= rtp
    finally:
        await alice.close()
        await bob.close()


@pytest.mark.req("ICETCP-10-12")
async def test_a_connection_for_rtcp_where_only_one_has_switched_it_off() -> None:
    """RFC 4571 §3: in all other cases there are two; without ours the peer's ICE would not complete."""
    async with two(udp=False) as call:
        ours, _ = call.exchange(WITHOUT_MUX, answer=switched_off)
        assert (ours.components, ours.rtcp) == (2, False)
        async with asyncio.timeout(10):
            await call.alice.session.completed()
            await call.bob.session.completed()
        assert call.bob.session.state is SessionState.COMPLETED
        for binding in (call.alice, call.bob):
            assert binding.session.path(2).transport is Transport.TCP
        assert isinstance((await call.alice.paths()).rtcp, SilentPath)
        assert accept_answer(parse(call.offer_text), parse(call.answer_text)).components == 2
