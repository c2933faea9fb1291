"""Chromium and we call each other through Kamailio, it over a WebSocket; rtpengine relays the media.

Towards Chromium rtpengine has ICE and DTLS-SRTP; towards us what the proxy asks it for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ice.config import IceConfig
from tests.certificates import Authority
from tests.peers.devtools import Tab, browser
from tests.peers.jssip import write_page
from tests.peers.kamailio import PASSWORD, Kamailio, kamailio
from tests.peers.netns import one_host
from tests.peers.phone_page import TONE_HZ, hears, hears_tone
from tests.peers.process import Programs, until
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
    pytest.mark.timeout(300),
]

OUR_HZ = 1000


@dataclass(frozen=True, kw_only=True)
class World:
    """A registered phone of ours and a page in a browser; a proxy and a relay stand between them.

    Attributes:
        log: what our phone saw.
        server: where the page reaches the proxy.
    """

    proxy: Kamailio
    phone: Phone
    log: EventLog
    page: Tab
    server: str


@asynccontextmanager
async def world(
    programs: Programs, authority: Authority, relay_offers: str, **settings: object
) -> AsyncIterator[World]:
    """Run everything in a namespace; `relay_offers` is what the relay makes of an offer."""
    log = EventLog()
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    file = write_page(programs.folder)
    async with (
        one_host() as host,
        rtpengine(programs, place=host) as relay,
        kamailio(
            programs,
            place=host,
            certificate=authority.issue(addresses=[host.host]),
            relay=relay,
            relay_offers=relay_offers,
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
                srtp_over_plain_sip=True,
                ice=IceConfig(interfaces=("eth0",)),
                **settings,
            )
            async with Phone(bob, log) as phone, browser(programs, host, sound=sound) as page:
                await phone.register(expires=300)
                await page.open(file.as_uri())
                server = f"ws://{proxy.host}:{proxy.ports['ws']}/ws"
                yield World(proxy=proxy, phone=phone, log=log, page=page, server=server)


def kinds(log: EventLog) -> set[object]:
    """How media was protected."""
    return {entry.data["by"] for entry in log.entries if entry.name == "protected"}


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
async def test_it_calls_us(
    programs: Programs,
    authority: Authority,
    tmp_path: Path,
    offers: str,
    srtp: SrtpChoice,
    ice: bool,
    codecs: tuple[CodecName, ...],
) -> None:
    heard = tmp_path / "heard.wav"
    async with world(programs, authority, offers, srtp=srtp, ice_enabled=ice, codecs=codecs) as here:
        ringing = asyncio.ensure_future(anext(here.phone.incoming()))
        await asyncio.sleep(0)
        await here.page.run(f"dial('{here.server}', '{here.proxy.uri('bob')}')")
        call = await asyncio.wait_for(ringing, 20)
        await call.accept(MediaPlan(source=Tone(hz=OUR_HZ), record=heard))
        figures = await hears(here.page, OUR_HZ)
        await here.page.run("call.hangUp()")
        result = await asyncio.wait_for(call.ended(), 20)
    assert result.result is ResultCode.OK, result
    assert (figures["transport"], figures["dtls"]) == ("udp", "connected")
    assert kinds(here.log) == {srtp} - {"off"}
    assert (result.ice is not None and result.ice.state == "completed") is ice
    assert tone_share(heard, TONE_HZ) > 0.8


@pytest.mark.parametrize(("srtp", "ice"), [("off", False), ("webrtc", True)])
async def test_we_call_it(
    programs: Programs, authority: Authority, tmp_path: Path, srtp: SrtpChoice, ice: bool
) -> None:
    heard = tmp_path / "heard.wav"
    offers = "UDP/TLS/RTP/SAVPF ICE=force SDES-off"
    async with world(programs, authority, offers, srtp=srtp, ice_enabled=ice) as here:
        web = here.proxy.uri("web")
        await here.page.run(f"serve('{here.server}', '{web}', '{PASSWORD}')")
        await here.proxy.registered("web")
        call = await here.phone.place(web, MediaPlan(source=Tone(hz=OUR_HZ), record=heard))
        await call.established()
        await hears_tone(here.page, OUR_HZ)
        await until(lambda: heard.exists() and tone_share(heard, TONE_HZ) > 0.8, "we hear it", 20.0)
        call.hang_up()
        result = await asyncio.wait_for(call.ended(), 20)
    assert result.result is ResultCode.OK, result
    assert kinds(here.log) == (set() if srtp == "off" else {"dtls"})
