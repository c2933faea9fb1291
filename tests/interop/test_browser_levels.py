"""Chromium and icephone tell each other how loud they are, in header extensions of RTP (RFC 6464)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ice.config import IceConfig
from media.statistics import MediaStatistics
from sdp.attributes.extmap_attr import AUDIO_LEVEL_URI, MID_URI
from tests.peers.devtools import Tab, browser
from tests.peers.netns import one_host
from tests.peers.phone_page import TONE_HZ, dial, hears, page_of_pbx, pick_up, register
from tests.peers.process import Programs
from tests.peers.tones import write_tone
from ua.cli.web import pages, with_web
from ua.config.account import Account
from ua.config.media import MediaSettings
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.view.media import MediaView, is_counters

pytestmark = [pytest.mark.peer("netns", "chromium"), pytest.mark.root, pytest.mark.timeout(300)]

ACCOUNT = Account(
    uri="sip:bob@example.com",
    auth_user="bob",
    listen_host="127.0.0.1",
    ice=IceConfig(interfaces=("eth0",)),
)
LEVELS = "call.connection.getReceivers()[0].getSynchronizationSources().map((it) => it.audioLevel ?? null)"
"""What Chromium read in the header of our packets, 1 for the loudest; null where there was nothing."""

TONE_LEVEL = 10 ** (-9 / 20)
"""That of our tone: 6 dB below full scale, and a sine besides."""


async def extensions(page: Tab, side: str) -> dict[str, str]:
    """Ids by URI in one description of the page."""
    text: str = await page.run(f"call.connection.{side}Description.sdp")
    lines = [line.removeprefix("a=extmap:") for line in text.splitlines() if line.startswith("a=extmap:")]
    return {uri: number for number, uri in (line.split(" ")[:2] for line in lines)}


def is_heard(figures: MediaStatistics | None, log: EventLog) -> bool:
    """Whether Chromium has told us a level that is about that of what we hear from it."""
    assert figures is not None
    views = [MediaView.from_data(entry.data) for entry in log.entries if is_counters(entry)]
    told = [
        (view.told_level_db, view.received_level_db)
        for view in views
        if view.told_level_db is not None and view.received_level_db is not None
    ]
    assert figures.refused == {}
    assert figures.malformed_extensions == 0
    return any(-40 < said < 0 and abs(said - heard) < 3 for said, heard in told)


@pytest.mark.parametrize("told", [True, False])
async def test_the_page_calls(programs: Programs, told: bool) -> None:
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    account = replace(ACCOUNT, media=MediaSettings(audio_level=told))
    log = EventLog()
    async with one_host() as host:
        with host.entered():
            async with (
                Phone(with_web(account, 0), log) as phone,
                browser(programs, host, sound=sound) as page,
            ):
                ringing = asyncio.ensure_future(anext(phone.incoming()))
                await dial(page, pages(with_web(account, 0), phone.addresses)[0])
                call = await asyncio.wait_for(ringing, 30)
                await call.accept(MediaPlan(source=Tone(hz=1000)))
                await hears(page, 1000)
                offered, answered = await extensions(page, "local"), await extensions(page, "remote")
                levels: list[Any] = await page.run(LEVELS)
                heard = is_heard(call.statistics, log)
                await page.click("#hang-up")
                await asyncio.wait_for(call.ended(), 30)
    known = [AUDIO_LEVEL_URI, MID_URI] if told else [MID_URI]
    assert set(offered) > set(known)
    assert answered == {uri: offered[uri] for uri in known}
    assert levels == ([pytest.approx(TONE_LEVEL, rel=0.15)] if told else [None])
    assert heard is told


async def test_the_page_is_called(programs: Programs) -> None:
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    log = EventLog()
    async with one_host() as host:
        with host.entered():
            port, address = await page_of_pbx(programs, host)
            async with Phone(ACCOUNT, log) as phone, browser(programs, host, sound=sound) as page:
                await register(page, address)
                call = await phone.place(
                    f"sip:browser@127.0.0.1:{port};transport=tcp",
                    MediaPlan(source=Tone(hz=1000), srtp="webrtc"),
                )
                await pick_up(page)
                await hears(page, 1000)
                offered, answered = await extensions(page, "remote"), await extensions(page, "local")
                levels: list[Any] = await page.run(LEVELS)
                # its offer within the call, and ours, keep what was agreed
                await call.hold()
                await call.resume()
                again = await extensions(page, "remote")
                heard = is_heard(call.statistics, log)
                await call.close()
    assert offered == answered == again == {MID_URI: "1", AUDIO_LEVEL_URI: "2"}
    assert levels == [pytest.approx(TONE_LEVEL, rel=0.15)]
    assert heard
