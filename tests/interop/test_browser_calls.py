"""Chromium calls `icephone answer`, by our page and by JsSIP, and icephone calls it: DTLS-SRTP, ICE-TCP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ice.config import IceConfig
from tests.peers.devtools import browser
from tests.peers.icephone import Icephone, icephone
from tests.peers.jssip import write_page
from tests.peers.namespace import Namespace
from tests.peers.netns import one_host
from tests.peers.phone_page import PACKETS, TONE_HZ, dial, hears, page_of_pbx, pick_up, register
from tests.peers.process import Programs
from tests.peers.tones import tone_share, write_tone
from ua.cli.web import pages, with_web
from ua.config.account import Account
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan

pytestmark = [pytest.mark.peer("netns", "chromium"), pytest.mark.root, pytest.mark.timeout(300)]


async def answering(
    programs: Programs, host: Namespace, *arguments: str, config: Path | None = None
) -> tuple[Icephone, str]:
    """`icephone answer` for one call, and the address of its page."""
    words = ("answer", "--echo", "--calls", "1", "--web", "0", *arguments)
    phone = await icephone(programs, *words, config=config, prefix=host.prefix)
    return phone, await phone.noted("a phone for browsers:")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_the_page_hears_its_own_voice(programs: Programs, transport: str) -> None:
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    async with one_host() as host:
        with host.entered():
            phone, address = await answering(programs, host, "--path", transport)
            async with browser(programs, host, sound=sound) as page:
                await dial(page, address)
                figures = await hears(page, TONE_HZ)
                shown = await page.text("path")
                await page.click("#hang-up")
                result = await phone.result()
    assert figures["transport"] == transport
    assert figures["lost"] == 0
    assert figures["sent"] >= PACKETS
    assert figures["dtls"] == "connected"
    assert shown.startswith(transport.upper())
    if transport == "tcp":
        assert figures["tcptype"] == "active"
    assert (result["ice"]["transport"], result["srtp"] is not None) == (transport, True)
    assert result["received"]["lost"] == 0
    assert min(result["sent"]["packets"], result["received"]["packets"]) >= PACKETS


@pytest.mark.peer("jssip")
async def test_jssip_hears_its_own_voice(programs: Programs) -> None:
    """A phone that is not ours, on a page that is not ours, where we take TCP alone."""
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    file = write_page(programs.folder)
    async with one_host() as host:
        with host.entered():
            config = programs.folder / "others.toml"
            config.write_text('[websocket]\nallowed_origins = ["file://", "null"]\n', encoding="utf-8")
            phone, address = await answering(programs, host, "--path", "tcp", config=config)
            async with browser(programs, host, sound=sound) as page:
                await page.open(file.as_uri())
                await page.run(f"dial('{address.replace('http:', 'ws:')}', 'sip:echo@127.0.0.1')")
                figures = await hears(page, TONE_HZ)
                await page.run("call.hangUp()")
                result = await phone.result()
    assert (figures["transport"], figures["tcptype"], figures["dtls"]) == ("tcp", "active", "connected")
    assert (result["ice"]["transport"], result["srtp"] is not None) == ("tcp", True)
    # On a machine that stands still, late frames are dropped on purpose.
    assert min(figures["sent"], result["sent"]["packets"], result["received"]["packets"]) >= PACKETS // 2


@pytest.mark.parametrize(("transport", "srtp"), [("tcp", "dtls"), ("tcp", "webrtc"), ("udp", "webrtc")])
async def test_the_page_is_called(programs: Programs, transport: str, srtp: str) -> None:
    """It registers at our PBX; icephone calls it there, and each hears the other one's tone."""
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    record = programs.folder / "heard.wav"
    async with one_host() as host:
        with host.entered():
            port, address = await page_of_pbx(programs, host)
            async with browser(programs, host, sound=sound) as page:
                await register(page, address)
                phone = await icephone(
                    programs, "call", f"sip:browser@127.0.0.1:{port};transport=tcp", "--srtp", srtp,
                    "--path", transport, "--tone", "1000", "--record", record, "--for", "15s",
                    prefix=host.prefix,
                )  # fmt: skip
                await pick_up(page)
                figures = await hears(page, 1000)
                answer = (await page.run("call.connection.localDescription.sdp")).splitlines()
                result = await phone.result()
                await page.holds("call.state === 'ended'", "we hung up")
    if srtp == "webrtc":
        assert "a=group:BUNDLE a" in answer
        assert {"a=mid:a", "a=rtcp-mux"} <= set(answer)
        assert next(line for line in answer if line.startswith("m=")).split()[2] == "UDP/TLS/RTP/SAVPF"
    assert (figures["transport"], figures["lost"]) == (transport, 0)
    assert (result["ice"]["transport"], result["received"]["lost"]) == (transport, 0)
    assert result["srtp"] is not None
    assert tone_share(record, TONE_HZ) > 0.8


async def test_a_hold_keeps_the_path(programs: Programs) -> None:
    """An offer of ours within a call over TCP: Chromium takes it, and media comes back afterwards."""
    account = Account(
        uri="sip:bob@example.com",
        auth_user="bob",
        listen_host="127.0.0.1",
        ice=IceConfig(interfaces=("eth0",), udp=False),
    )
    sound = write_tone(programs.folder / "voice.wav", TONE_HZ, seconds=10, rate=48000)
    async with one_host() as host:
        with host.entered():
            async with (
                Phone(with_web(account, 0), EventLog()) as phone,
                browser(programs, host, sound=sound) as page,
            ):
                ringing = asyncio.ensure_future(anext(phone.incoming()))
                await dial(page, pages(with_web(account, 0), phone.addresses)[0])
                call = await asyncio.wait_for(ringing, 20)
                await call.accept(MediaPlan(source=Echo()))
                before = await hears(page, TONE_HZ)
                await call.hold()
                direction = await page.run("call.connection.getTransceivers()[0].currentDirection")
                await call.resume()
                more = before["received"] + 2 * PACKETS
                await page.holds(f"call.figures().then((it) => it?.received >= {more})", "it comes back", 30)
                after = await page.run("call.figures()")
                await page.click("#hang-up")
                result = await asyncio.wait_for(call.ended(), 20)
    assert direction in ("recvonly", "inactive")
    assert (after["transport"], after["remote"]) == ("tcp", before["remote"])
    assert [change.transport for change in result.path_changes[:-1]] == []
