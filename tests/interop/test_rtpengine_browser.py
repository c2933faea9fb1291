"""Chromium calls us over a WebSocket through Kamailio; rtpengine stands between their media.

Towards Chromium rtpengine has ICE and DTLS-SRTP; towards us what the proxy asks it for.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ice.config import IceConfig
from tests.certificates import Authority
from tests.interop.test_browser_calls import TONE_HZ, hears
from tests.peers.devtools import browser
from tests.peers.jssip import write_page
from tests.peers.kamailio import PASSWORD, kamailio
from tests.peers.netns import one_host
from tests.peers.process import Programs
from tests.peers.rtpengine import rtpengine
from tests.peers.tones import tone_share, write_tone
from tests.ua.phones import account
from ua.config.media import DEFAULT_CODECS, CodecName
from ua.config.srtp import SrtpChoice
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = [
    pytest.mark.peer("netns", "chromium", "jssip", "kamailio-tls", "rtpengine"),
    pytest.mark.root,
    pytest.mark.timeout(90),
]

OUR_HZ = 1000


@pytest.mark.parametrize(
    ("offers", "srtp", "ice", "codecs"),
    [
        ("RTP/AVP ICE=remove", "off", False, ("PCMU",)),
        ("RTP/AVP ICE=force", "off", True, DEFAULT_CODECS),
        ("RTP/SAVP ICE=force DTLS=off", "sdes", True, DEFAULT_CODECS),
        ("UDP/TLS/RTP/SAVP ICE=force SDES-off", "dtls", True, DEFAULT_CODECS),
    ],
    ids=["plain", "ICE", "SDES", "DTLS"],
)
async def test_a_browser_hears_us_and_we_hear_it(
    programs: Programs,
    authority: Authority,
    tmp_path: Path,
    offers: str,
    srtp: SrtpChoice,
    ice: bool,
    codecs: tuple[CodecName, ...],
) -> None:
    heard, log = tmp_path / "heard.wav", EventLog()
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    page_file = write_page(programs.folder)
    async with (
        one_host() as host,
        rtpengine(programs, place=host) as relay,
        kamailio(
            programs,
            place=host,
            certificate=authority.issue(addresses=[host.host]),
            relay=relay,
            relay_offers=offers,
        ) as proxy,
    ):
        with host.entered():
            bob = account(
                "bob",
                uri=proxy.uri("bob"),
                listen_host=host.host,
                registrar=f"sip:{proxy.host}:{proxy.port}",
                proxy=f"sip:{proxy.host}:{proxy.port};transport=tcp",
                password=PASSWORD,
                srtp=srtp,
                srtp_over_plain_sip=True,
                codecs=codecs,
                ice=IceConfig(interfaces=("eth0",)),
                ice_enabled=ice,
            )
            async with Phone(bob, log) as phone, browser(programs, host, sound=sound) as page:
                await phone.register(expires=300)
                ringing = asyncio.ensure_future(anext(phone.incoming()))
                await page.open(page_file.as_uri())
                target = f"sip:bob@{proxy.host}:{proxy.port}"
                await page.run(f"dial('ws://{proxy.host}:{proxy.ports['ws']}/ws', '{target}')")
                call = await asyncio.wait_for(ringing, 20)
                await call.accept(MediaPlan(source=Tone(hz=OUR_HZ), record=heard))
                figures = await hears(page, OUR_HZ)
                await page.run("call.hangUp()")
                result = await asyncio.wait_for(call.ended(), 20)
    assert result.result is ResultCode.OK, result
    assert (figures["transport"], figures["dtls"]) == ("udp", "connected")
    keys = {entry.data["by"] for entry in log.entries if entry.name == "protected"}
    assert keys == {srtp} - {"off"}
    assert (result.ice is not None and result.ice.state == "completed") is ice
    assert tone_share(heard, TONE_HZ) > 0.8
