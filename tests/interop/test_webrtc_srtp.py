"""DTLS-SRTP of ours with Janus and Chromium, over UDP and ICE-TCP: handshake, keys, media that comes back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ice.session import Session
from ice.types import Role, TcpType, Transport
from media.audio.sinks import MemorySink
from media.audio.sources import ToneSource
from media.codecs import for_name
from media.engine import MediaEngine
from media.protection.certificate import Certificate
from media.protection.dtls_runner import DtlsRunner
from media.protection.secure_path import SecurePath
from media.session import MediaSession
from sdp.attributes.fingerprint_attr import Fingerprint, parse
from tests.interop.webrtc import only, our_session, read, written
from tests.peers.browser_call import browser_call
from tests.peers.janus import janus
from tests.peers.netns import one_host
from tests.peers.process import Programs, until
from tests.tones import best_share_of_power
from ua import clock

pytestmark = pytest.mark.root

NOMINATED_S = 10.0
SSRC = 0x1CEF0E


class Secured:
    """Our end: a certificate, the protected path and its handshake."""

    def __init__(self, session: Session) -> None:
        self.certificate = Certificate.generate(1_800_000_000.0)
        self.path = SecurePath(session.path(1))
        self.runner = DtlsRunner(self.path, self.certificate, clock=clock.now)

    @property
    def fingerprint(self) -> str:
        """As a=fingerprint."""
        return str(Fingerprint(hash="sha-256", digest=self.certificate.digest()))

    async def shake_hands(self, fingerprint: str, *, active: bool) -> None:
        theirs = parse(fingerprint)
        self.runner.begin(is_client=active, fingerprints=[(theirs.hash, theirs.digest)])
        await asyncio.wait_for(self.runner.completed(), 10)
        assert self.path.is_keyed


@asynccontextmanager
async def secured(role: Role, *, tcp: bool) -> AsyncIterator[tuple[Session, Secured]]:
    async with our_session(role, tcp=tcp) as session:
        end = Secured(session)
        try:
            yield session, end
        finally:
            end.runner.close()
            end.path.close()


@pytest.mark.peer("netns", "janus")
@pytest.mark.req("DTLS-2", "DTLS-3", "DTLS-6", "ICETCP-4.5-8")
@pytest.mark.parametrize("setup", ["active", "passive"])
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
async def test_janus_sends_our_tone_back(programs: Programs, transport: Transport, setup: str) -> None:
    tcp = transport is Transport.TCP
    engine, sink = MediaEngine(), MemorySink()
    async with one_host() as host:
        with host.entered():
            async with janus(programs, host) as gateway, secured(Role.CONTROLLING, tcp=tcp) as (session, end):
                ours = only(session.local_description, transport, *([TcpType.ACTIVE] if tcp else []))
                # Without a header extension it knows a stream by what the offer says of it.
                offer = written(ours, end.fingerprint, setup) + f"a=ssrc:{SSRC} cname:-\r\n"
                theirs, fingerprint = read(await gateway.echo(offer))
                session.set_remote(only(theirs, transport))
                await asyncio.wait_for(session.completed(), NOMINATED_S)
                await end.shake_hands(fingerprint, active=setup == "active")
                await gateway.up()
                media = MediaSession(
                    rtp=end.path, rtcp=end.path, codec=for_name("PCMU"), payload_type=0,
                    source=ToneSource(440), sink=sink, random=os.urandom, ssrc=SSRC,
                )  # fmt: skip
                engine.add(media)
                await until(lambda: media.statistics.received.packets > 60, "our packets come back")
                figures = media.statistics
                await engine.close()
    assert end.runner.profile is not None
    assert figures.refused == {}
    assert end.path.refused == {}
    assert best_share_of_power(sink.pcm, 440) > 0.9


@pytest.mark.peer("netns", "chromium")
@pytest.mark.req("DTLS-2", "DTLS-3", "KEY-14", "ICETCP-4.5-8")
@pytest.mark.parametrize("setup", ["active", "passive"])
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
async def test_chromium_is_connected(programs: Programs, transport: Transport, setup: str) -> None:
    tcp = transport is Transport.TCP
    async with one_host() as host:
        with host.entered():
            async with (
                browser_call(programs, host, offers=True) as call,
                secured(Role.CONTROLLED, tcp=tcp) as (session, end),
            ):
                ours = only(session.local_description, transport, *([TcpType.PASSIVE] if tcp else []))
                theirs, fingerprint = read(await call.description())
                call.set_remote(written(ours, end.fingerprint, setup))
                session.set_remote(only(theirs, transport))
                await asyncio.wait_for(session.completed(), NOMINATED_S)
                if setup == "passive":
                    # its ClientHello may be here before we know who it is
                    await asyncio.sleep(0.3)
                await end.shake_hands(fingerprint, active=setup == "active")
                await call.reached("connection", "connected")
    assert end.runner.handshakes == 1
    assert end.runner.profile is not None
