"""Calls between two of our phones whose media rtpengine relays, as a proxy in front of it asks.

rtpengine 10.5 has no media over TCP: it takes our TCP candidates out of every description and puts its own
UDP ones in, or none. Where a caller has nothing but TCP candidates the call fails, with that reason. RTP over
TCP without ICE (RFC 4145) comes out of it without its roles and with ports at which nobody listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.hearing import hears
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import PASSWORD, Kamailio, kamailio
from tests.peers.process import Programs, until
from tests.peers.rtpengine import rtpengine
from tests.peers.tones import lasts, tone_share
from tests.ua.phones import LOOPBACK, account
from ua.call.call import Call
from ua.call.hold import Hold
from ua.config.srtp import SrtpChoice
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.results import CallResult

pytestmark = pytest.mark.peer("kamailio", "rtpengine")

TALK_S = 2.0
PLAIN = "plain RTP over UDP without ICE: the peer does not use ICE"
UDP = "UDP answered first"
KEEP = ""
"""What rtpengine does of itself with ICE: candidates of its own for those of the caller."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Two phones at a proxy.

    Attributes:
        log: what both saw.
    """

    proxy: Kamailio
    alice: Phone
    bob: Phone
    log: EventLog

    async def connect(self, alices: MediaPlan, bobs: MediaPlan) -> tuple[Call, Call]:
        """Alice calls, Bob answers; the two calls."""
        ringing = asyncio.ensure_future(anext(self.bob.incoming()))
        await asyncio.sleep(0)
        placed = await self.alice.place(self.proxy.uri("bob"), alices)
        answered = await asyncio.wait_for(ringing, 10)
        await answered.accept(bobs)
        return placed, answered

    def descriptions(self, party: str, direction: str) -> list[str]:
        """The messages with a session description that somebody sent ("out") or got ("in")."""
        texts = [
            str(each.data["text"])
            for each in self.log.entries
            if (each.party, each.name, each.data.get("direction")) == (party, "message", direction)
        ]
        return [text for text in texts if "\r\nm=audio " in text]


@asynccontextmanager
async def world(programs: Programs, offers: str) -> AsyncIterator[World]:
    """Run everything; `offers` is what the relay makes of an offer."""
    log = EventLog()
    async with rtpengine(programs) as relay, kamailio(programs, relay=relay, relay_offers=offers) as proxy:

        def phone(name: str) -> Phone:
            return Phone(
                account(
                    name,
                    uri=proxy.uri(name),
                    registrar=f"sip:{proxy.host}:{proxy.port}",
                    proxy=f"sip:{proxy.host}:{proxy.port}",
                    password=PASSWORD,
                    srtp_over_plain_sip=True,
                    ice=LOOPBACK,
                ),
                log,
            )

        async with phone("alice") as alice, phone("bob") as bob:
            await asyncio.gather(alice.register(expires=300), bob.register(expires=300))
            yield World(proxy=proxy, alice=alice, bob=bob, log=log)


def plans(folder: Path, *, srtp: SrtpChoice) -> tuple[MediaPlan, MediaPlan]:
    """Tones of 440 and 1000 Hz, recorded by the other side; `srtp` is what the caller offers."""
    return (
        MediaPlan(source=Tone(hz=440), record=folder / "alice.wav", duration_s=TALK_S, srtp=srtp),
        MediaPlan(source=Tone(hz=1000), record=folder / "bob.wav"),
    )


async def results(calls: tuple[Call, Call]) -> list[CallResult]:
    return await asyncio.gather(*(call.ended() for call in calls))


def both_heard_each_other(folder: Path) -> None:
    assert tone_share(folder / "alice.wav", 1000) > 0.85
    assert tone_share(folder / "bob.wav", 440) > 0.85
    assert all(lasts(folder / f"{name}.wav", TALK_S) for name in ("alice", "bob"))


@pytest.mark.parametrize(
    ("offers", "callers", "callees"), [(KEEP, UDP, UDP), ("ICE=force", UDP, UDP), ("ICE=remove", UDP, PLAIN)]
)
async def test_media_goes_through_the_relay(
    programs: Programs, tmp_path: Path, offers: str, callers: str, callees: str
) -> None:
    async with world(programs, offers) as here:
        calls = await here.connect(*plans(tmp_path, srtp="off"))
        ended = await results(calls)
        offered = here.descriptions("alice", "out")[0]
        arrived = here.descriptions("bob", "in")[0]
        answered = here.descriptions("alice", "in")[0]
    assert [each.result for each in ended] == [ResultCode.OK, ResultCode.OK]
    both_heard_each_other(tmp_path)
    # Both have a path to it, and neither to the other.
    locals_, remotes = ({getattr(each.ice, end) for each in ended} for end in ("local", "remote"))
    assert len(locals_ | remotes) == 4
    assert " TCP " in offered
    assert " TCP " not in arrived + answered
    assert ("a=candidate:" in arrived) is (callees == UDP)
    for each, why in zip(ended, (callers, callees), strict=True):
        assert each.why.startswith(why)
        assert each.transport == "udp"


@pytest.mark.parametrize(
    ("offers", "offered", "profiles"),
    [
        ("RTP/AVP", "sdes", ("RTP/SAVP", "RTP/AVP")),
        ("RTP/AVP", "dtls", ("UDP/TLS/RTP/SAVP", "RTP/AVP")),
        ("RTP/SAVP DTLS=off", "off", ("RTP/AVP", "RTP/SAVP")),
        ("UDP/TLS/RTP/SAVP SDES-off", "off", ("RTP/AVP", "UDP/TLS/RTP/SAVP")),
        ("UDP/TLS/RTP/SAVP SDES-off", "sdes", ("RTP/SAVP", "UDP/TLS/RTP/SAVP")),
        ("RTP/SAVP ICE=remove DTLS=off", "dtls", ("UDP/TLS/RTP/SAVP", "RTP/SAVP")),
    ],
)
async def test_it_translates_how_media_is_protected(
    programs: Programs, tmp_path: Path, offers: str, offered: SrtpChoice, profiles: tuple[str, str]
) -> None:
    async with world(programs, offers) as here:
        calls = await here.connect(*plans(tmp_path, srtp=offered))
        ended = await results(calls)
        lines = [
            next(line for line in text.split("\r\n") if line.startswith("m=audio "))
            for text in (here.descriptions("alice", "in")[0], here.descriptions("bob", "in")[0])
        ]
    assert [each.result for each in ended] == [ResultCode.OK, ResultCode.OK]
    both_heard_each_other(tmp_path)
    assert tuple(line.split()[2] for line in lines) == profiles
    assert [each.srtp is not None for each in ended] == ["SAVP" in profile for profile in profiles]


async def test_hold_through_the_relay(programs: Programs) -> None:
    async with world(programs, "ICE=force") as here:
        talk = MediaPlan(source=Tone(hz=440))
        alices, bobs = await here.connect(talk, talk)
        await asyncio.gather(alices.established(), bobs.established())
        await alices.hold()
        await until(lambda: bobs.hold_state is Hold.HELD, "Bob is on hold")
        await alices.resume()
        await until(lambda: bobs.hold_state is Hold.NONE, "the hold has ended")
        await bobs.hold()
        await until(lambda: alices.hold_state is Hold.HELD, "Alice is on hold")
        await bobs.resume()
        await asyncio.gather(hears(alices, packets=25), hears(bobs, packets=25))
        alices.hang_up()
        ended = await results((alices, bobs))
    assert [each.result for each in ended] == [ResultCode.OK, ResultCode.OK]


async def test_nothing_but_tcp_candidates(programs: Programs) -> None:
    """The relay leaves none of them: the caller says that nothing of the answer fits, without waiting."""
    async with world(programs, KEEP) as here:
        calls = await here.connect(MediaPlan(tcp_candidates="only"), MediaPlan(source=Tone(hz=440)))
        alices, _ = await results(calls)
    assert alices.result is ResultCode.NO_MEDIA_PATH
    assert "our candidates are TCP alone, those of the other side UDP alone" in (alices.error or "")


async def test_rtp_over_tcp_without_ice(programs: Programs) -> None:
    async with world(programs, KEEP) as here:
        calls = await here.connect(MediaPlan(media="tcp"), MediaPlan(source=Tone(hz=440)))
        alices, _ = await results(calls)
    assert alices.result is ResultCode.NO_MEDIA_PATH
    assert "no TCP connection for media" in (alices.error or "")


async def test_the_command_line_says_why(programs: Programs, tmp_path: Path) -> None:
    async with world(programs, "ICE=remove") as here:
        ringing = asyncio.ensure_future(anext(here.bob.incoming()))
        await asyncio.sleep(0)
        talk = ("--tone", "440", "--record", tmp_path / "carol.wav", "--for", f"{TALK_S:g}s")
        config = account_config(tmp_path, "carol", here.proxy)
        caller = await icephone(programs, "call", here.proxy.uri("bob"), *talk, config=config)
        answered = await asyncio.wait_for(ringing, 20)
        await answered.accept(MediaPlan(source=Tone(hz=1000)))
        ours, theirs = await caller.result(), await answered.ended()
    assert (ours["result"], theirs.result) == ("ok", ResultCode.OK)
    assert theirs.why == PLAIN
    assert ours["why"].startswith(UDP)
    assert ours["ice"]["state"] == "completed"
    assert tone_share(tmp_path / "carol.wav", 1000) > 0.85
