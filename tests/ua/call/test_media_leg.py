"""The media of a call, both sides in one process on loopback: SDP drives ICE, RTP runs on the path."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ice.config import IceConfig
from ice.gathering.servers import TurnServer
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from media.audio import samples, wav
from media.audio.correlation import correlate
from media.audio.recorder import WavRecorder
from media.engine import MediaEngine
from tests.peers.process import free_ports
from tests.ua.phones import G711
from ua.call.media_leg import MediaLeg
from ua.call.refusal import Refusal
from ua.config.account import Account
from ua.errors import NoMediaPath, UsageError
from ua.events import EventLog
from ua.plan import Echo, MediaPlan, Silence, Tone, WavFile

ACCOUNT = Account(ice=IceConfig(loopback=True, interfaces=("lo",)), media=G711)


def plain_sdp(media: str, host: str = "192.0.2.1") -> bytes:
    lines = ("v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m={media}")
    return "".join(f"{line}\r\n" for line in lines).encode()


class Wire:
    """Two legs with one clock and one log."""

    def __init__(self, policy: FirewallPolicy) -> None:
        self.log = EventLog()
        self.engine = MediaEngine()
        self.network = FirewallNetwork(HostNetwork(), policy)
        self.legs: list[MediaLeg] = []

    async def leg(self, *, offers: bool, plan: MediaPlan, account: Account = ACCOUNT) -> MediaLeg:
        leg = await MediaLeg.open(
            offers=offers,
            plan=plan,
            account=account,
            network=self.network,
            engine=self.engine,
            log=self.log,
            party="alice" if offers else "bob",
        )
        self.legs.append(leg)
        return leg


@asynccontextmanager
async def wire(policy: FirewallPolicy) -> AsyncIterator[Wire]:
    made = Wire(policy)
    try:
        yield made
    finally:
        for leg in made.legs:
            await leg.close()
        await made.engine.close()


async def exchange(offerer: MediaLeg, answerer: MediaLeg) -> None:
    answer = await answerer.descriptions.answer(offerer.descriptions.offer())
    assert not isinstance(answer, Refusal)
    answerer.descriptions.answer_sent()
    offerer.descriptions.apply_answer(answer)


@pytest.mark.parametrize(("rule", "transport"), [("open", "udp"), ("blocked", "tcp")])
async def test_audio_arrives_over_the_path_that_the_firewall_leaves(
    tmp_path: Path, rule: str, transport: str
) -> None:
    policy = FirewallPolicy(udp="blocked" if rule == "blocked" else "open")
    sent = samples.melody()[: 2 * 8000 * 2]
    recorder = WavRecorder(tmp_path / "sent.wav", 8000)
    recorder.write(sent)
    recorder.close()
    async with wire(policy) as between:
        alice = await between.leg(
            offers=True,
            plan=MediaPlan(source=WavFile(path=tmp_path / "sent.wav"), record=tmp_path / "echo.wav"),
        )
        bob = await between.leg(offers=False, plan=MediaPlan(source=Echo(), record=tmp_path / "heard.wav"))
        await exchange(alice, bob)
        await asyncio.gather(alice.start(), bob.start())
        await alice.spoken()
        await asyncio.sleep(0.4)
        summary = alice.ice_summary()
        figures = bob.statistics
    assert summary is not None
    assert summary.transport == transport
    assert summary.state == "completed"
    assert summary.nominated_ms is not None
    assert summary.reason
    assert figures is not None
    assert figures.received.packets >= 90
    heard = correlate(sent, wav.read_audio(tmp_path / "heard.wav", 8000))
    assert heard.value >= 0.95
    assert correlate(sent, wav.read_audio(tmp_path / "echo.wav", 8000)).value >= 0.9
    assert (policy.udp_dropped > 0) == (rule == "blocked")
    names = {(entry.source, entry.name) for entry in between.log.entries}
    assert {
        ("sdp", "offer"),
        ("ice", "path_selected"),
        ("media", "media_counters"),
        ("call", "media"),
    } <= names


async def test_a_peer_without_ice_gets_plain_rtp_to_its_address() -> None:
    async with wire(FirewallPolicy()) as between:
        alice = await between.leg(offers=True, plan=MediaPlan(source=Tone(hz=440)))
        received: list[bytes] = []

        class Plain(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                received.append(data)

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Plain, local_addr=("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        alice.descriptions.offer()
        alice.descriptions.apply_answer(plain_sdp(f"audio {port} RTP/AVP 8", "127.0.0.1"))
        await alice.start()
        await asyncio.sleep(0.2)
        transport.close()
        await asyncio.sleep(0)
        assert alice.codec == "PCMA"
        summary = alice.ice_summary()
        assert summary is not None
        assert summary.state == "off"
        assert len(received) >= 5
        assert received[0][1] & 0x7F == 8


async def test_nothing_left_to_talk_with_is_one_clear_error() -> None:
    async with wire(FirewallPolicy()) as between:
        alice = await between.leg(offers=True, plan=MediaPlan(source=Silence()))
        alice.descriptions.offer()
        with pytest.raises(NoMediaPath, match="no media"):
            alice.descriptions.apply_answer(plain_sdp("audio 0 RTP/AVP 0"))


async def test_an_offer_without_a_codec_of_ours_is_refused_with_488() -> None:
    async with wire(FirewallPolicy()) as between:
        bob = await between.leg(offers=False, plan=MediaPlan(source=Silence()))
        refusal = await bob.descriptions.answer(plain_sdp("audio 4000 RTP/AVP 18"))
        assert isinstance(refusal, Refusal)
        assert refusal.code == 488


async def test_a_body_that_is_no_sdp_is_refused_with_400() -> None:
    async with wire(FirewallPolicy()) as between:
        bob = await between.leg(offers=False, plan=MediaPlan(source=Silence()))
        refusal = await bob.descriptions.answer(b"\xff\xfenonsense")
        assert isinstance(refusal, Refusal)
        assert refusal.code == 400


async def test_a_missing_file_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    async with wire(FirewallPolicy()) as between:
        with pytest.raises(UsageError, match=r"absent\.wav"):
            await between.leg(offers=True, plan=MediaPlan(source=WavFile(path=tmp_path / "absent.wav")))


async def test_no_address_for_media_is_one_clear_error() -> None:
    async with wire(FirewallPolicy()) as between:
        account = dataclasses.replace(ACCOUNT, ice=IceConfig(interfaces=("no-such-interface",)))
        with pytest.raises(NoMediaPath, match="no candidate for media: no usable network address"):
            await between.leg(offers=True, plan=MediaPlan(source=Silence()), account=account)


async def test_a_relay_that_cannot_be_had_is_one_clear_error() -> None:
    (port,) = free_ports(1)
    server = TurnServer(host="127.0.0.1", port=port, transport="tcp", username="a", password="b")
    account = dataclasses.replace(ACCOUNT, ice=dataclasses.replace(ACCOUNT.ice, turn_servers=(server,)))
    async with wire(FirewallPolicy()) as between:
        with pytest.raises(NoMediaPath, match=rf"no relayed candidate: turn:127\.0\.0\.1:{port}.*refused"):
            await between.leg(offers=True, plan=MediaPlan(path="relay"), account=account)
        # Where there are other candidates it is a line in the log.
        await between.leg(offers=True, plan=MediaPlan(), account=account)
    problems = [
        str(entry.data["reason"]) for entry in between.log.entries if entry.name == "gathering_problem"
    ]
    wanted = f"turn:127.0.0.1:{port}?transport=tcp: connection refused"
    assert [problem for problem in problems if problem.startswith(wanted)]
