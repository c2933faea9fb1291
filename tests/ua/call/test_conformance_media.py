"""Where ICE and media meet: what ICE asks of the phone, and what a socket that carries both lets through."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.messages import PacketRefused
from ice.net.demux import PacketKind, classify
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from media.audio.sinks import MemorySink
from media.audio.sources import SilenceSource
from media.codecs import PCMU
from media.rtcp import compound as rtcp
from media.rtcp.compound import RtcpByePacket
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.ice.loopback import until
from tests.ice.sessions import Side, connect, two
from tests.media.network import seeded
from tests.ua.phones import LOOPBACK, account, pair
from ua.errors import NoMediaPath, ResultCode
from ua.plan import Echo, MediaPlan, Tone

UDP_ALONE = dataclasses.replace(LOOPBACK, tcp=False)
IMPATIENT = dataclasses.replace(UDP_ALONE, patience_s=0.5, check_timeout_s=0.4)


@pytest.mark.req("ICE-8.1.2-2", "GLU-3")
async def test_the_controlling_side_ends_the_call_when_its_checks_have_failed() -> None:
    """The other side would check on for 40 s; it learns of the end by a BYE."""
    network = FirewallNetwork(HostNetwork(), FirewallPolicy(udp="blocked"))
    async with pair(
        alice=account("alice", ice=IMPATIENT), bob=account("bob", ice=UDP_ALONE), network=network
    ) as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440)), transport="tcp")
        await ringing.accept(MediaPlan(source=Echo()))
        with pytest.raises(NoMediaPath):
            await call.established()
        async with asyncio.timeout(10):
            caller, callee = await asyncio.gather(call.ended(), ringing.ended())
        assert [line for line in phones.messages("alice", "out") if line.startswith("BYE ")]
        assert not [line for line in phones.messages("bob", "out") if line.startswith("BYE ")]
        texts = [str(entry.data["text"]) for entry in phones.log.entries if entry.name == "message"]
        bye = next(text for text in texts if text.startswith("BYE "))
        assert 'Reason: SIP;cause=488;text="no media path' in bye
    assert caller.result is callee.result is ResultCode.NO_MEDIA_PATH
    assert caller.ice is not None
    assert (caller.ice.state, caller.ice.role) == ("failed", "controlling")


def spoken(number: int) -> bytes:
    return rtp.build(
        payload_type=0,
        marker=False,
        sequence=number,
        timestamp=160 * number,
        ssrc=7,
        payload=b"\x80" * 160,
    )


@pytest.mark.req("RTP-34", "ICETCP-10-15")
@pytest.mark.parametrize("udp", [True, False], ids=["datagrams", "frames"])
async def test_the_first_byte_decides_what_a_packet_is(udp: bool) -> None:
    """All 256 of them, each between two packets of a talk: STUN is ICE's, RTP is heard, the rest counted."""
    async with two(udp=udp) as (left, right, _policy):
        await connect(left, right)
        path = left.session.path(1)
        sink = MemorySink()
        media = MediaSession(
            rtp=path,
            rtcp=path,
            codec=PCMU,
            payload_type=0,
            source=SilenceSource(),
            sink=sink,
            random=seeded(1),
        )
        media.start(asyncio.get_running_loop().time(), wall_clock=0.0)
        others = [bytes((first,)) + bytes(171) for first in range(256) if not 128 <= first <= 191]
        talk = iter(range(1, 1000))
        for packet in others:
            assert right.session.path(1).send(spoken(next(talk)))
            assert right.session.path(1).send(packet)
            await asyncio.sleep(0)
        await until(lambda: media.statistics.received.packets == len(others))
        stun = [packet for packet in others if classify(packet) is PacketKind.STUN]
        assert len(stun) == 4
        await until(lambda: sum(media.statistics.refused.values()) == len(others) - len(stun))
        assert [event for event in left.of(PacketRefused) if "no STUN message" in event.reason]
        assert left.session.report().unvalidated_packets == 0
        media.stop(asyncio.get_running_loop().time())


@pytest.mark.req("ICETCP-10-12")
async def test_without_mux_each_connection_carries_its_kind_alone() -> None:
    """What media really sends: RTP with several frames, a report and a BYE, both ways at once."""
    async with two(udp=False, components=2) as (left, right, _policy):
        await connect(left, right)
        sessions = [
            MediaSession(
                rtp=side.session.path(1),
                rtcp=side.session.path(2),
                codec=PCMU,
                payload_type=0,
                source=SilenceSource(),
                sink=MemorySink(),
                random=seeded(number),
            )
            for number, side in enumerate((left, right))
        ]
        for media in sessions:
            media.start(0.0, wall_clock=0.0)
        _listen(left, right)
        for frame in range(400):
            for media in sessions:
                media.tick(frame * 0.02)
            for side in (left, right):
                # One by one: nothing may grow old on the way, however slow this host is.
                await until(lambda side=side, frame=frame: len(side.received[1]) > frame)  # type: ignore[misc]
        for media in sessions:
            media.stop(8.0)
        _listen(left, right)
        for side in (left, right):
            await asyncio.sleep(0.5)
            print(
                len(side.received[1]),
                len(side.received[2]),
                side.session.path(1).sent_packets,
                side.session.path(1).dropped_stale,
                side.session.path(1).unsent_packets,
            )
            await until(lambda side=side: _said_bye(side.received[2]))  # type: ignore[misc]
            assert len(side.received[1]) == 400
            assert not [packet for packet in side.received[1] if rtp.is_rtcp(packet)]
            assert len(side.received[2]) >= 2
            assert all(rtp.is_rtcp(packet) for packet in side.received[2])


def _listen(*sides: Side) -> None:
    """Let the test hear what the media sessions would."""
    for side in sides:
        for component in (1, 2):
            side.listen(component)


def _said_bye(packets: list[bytes]) -> bool:
    return any(isinstance(item, RtcpByePacket) for packet in packets for item in rtcp.parse(packet))
