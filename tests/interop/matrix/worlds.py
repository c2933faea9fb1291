"""What the matrix is about, started for a while: each the `Peer` of its file in `configs/peers`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.certificates import Authority
from tests.peers.baresip import Baresip, baresip
from tests.peers.configured import configured_kamailio, configured_rtpengine, password
from tests.peers.coturn import coturn
from tests.peers.devtools import browser
from tests.peers.icephone_pbx import IcephonePbx, icephone_pbx
from tests.peers.jssip import write_page
from tests.peers.kamailio import PASSWORD
from tests.peers.linphone import Linphone, linphone
from tests.peers.netns import one_host
from tests.peers.process import Programs
from tests.peers.tones import write_tone
from ua.interop.need import Extension
from ua.interop.peer import Peer, PeerAccount
from ua.interop.peer_file import load_peer, shipped
from ua.sip.transport.hop import SipTransport

USERS: Final = ("1001", "1002", "1003")
TONE_HZ: Final = 1000
MEDIA: Final = 'dtx = true\nsrtp_over_plain_sip = true\n[ice]\ninterfaces = ["lo"]\n'
"""Comfort noise; keys of SRTP over plain SIP, on one host; loopback alone, where the phones are."""

TRANSPORTS: Final[tuple[SipTransport, ...]] = ("udp", "tcp", "tls", "ws", "wss")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How a peer is started.

    Attributes:
        programs: of `tests.peers.registry`, that it needs.
        root: only root can.
        start: starts it.
        at_once: so many scenarios at a time.
    """

    programs: tuple[str, ...]
    start: Callable[[Programs, Authority], AbstractAsyncContextManager[Peer]]
    root: bool = False
    at_once: int = 4


def described(name: str, **changes: Any) -> Peer:
    """What the file of a peer says, with what a test knows of it."""
    return dataclasses.replace(load_peer(shipped()[name], {}), **changes)


def served(
    name: str, host: str, ports: Mapping[str, int], authority: Authority, secret: Callable[[str], str]
) -> Peer:
    """A server, over each transport, and three users of it."""
    return described(
        name,
        uri=f"sip:{host}:{ports['udp']}",
        uris={each: f"sip:{host}:{ports[each]}" for each in TRANSPORTS if each in ports},
        transports=tuple(each for each in TRANSPORTS if each in ports),
        accounts=tuple(PeerAccount(user=user, auth_user=user, password=secret(user)) for user in USERS),
        ca_file=authority.certificate,
    )


@asynccontextmanager
async def icephone_world(programs: Programs, authority: Authority) -> AsyncIterator[Peer]:
    """`icephone answer --pbx`."""
    own = authority.issue(dns=["localhost"], addresses=["127.0.0.1"])
    algorithms = '["SHA-256", "MD5"]'
    async with icephone_pbx(programs, *USERS, algorithms=algorithms, certificate=own, media=MEDIA) as pbx:
        peer = served("icephone", pbx.host, pbx.ports, authority, lambda _: PASSWORD)
        yield dataclasses.replace(peer, domain=pbx.host, recordings=programs.folder / "recordings")


@asynccontextmanager
async def kamailio_world(
    programs: Programs, authority: Authority, *, relayed: bool = False
) -> AsyncIterator[Peer]:
    """Kamailio as in `configs/pbx`, an icephone for its numbers, and rtpengine for media where `relayed`."""
    async with AsyncExitStack() as stack:
        media: IcephonePbx = await stack.enter_async_context(icephone_pbx(programs, "nobody", media=MEDIA))
        relay = await stack.enter_async_context(configured_rtpengine(programs)) if relayed else None
        place = f"{media.host}:{media.port}"
        proxy = await stack.enter_async_context(
            configured_kamailio(programs, authority, media=place, rtpengine=relay)
        )
        ports = {"udp": proxy.port, "tcp": proxy.port, **proxy.ports}
        name = "kamailio-rtpengine" if relayed else "kamailio"
        peer = served(name, proxy.host, ports, authority, password)
        yield dataclasses.replace(peer, recordings=programs.folder / "recordings")


def rtpengine_world(programs: Programs, authority: Authority) -> AbstractAsyncContextManager[Peer]:
    """The same with rtpengine."""
    return kamailio_world(programs, authority, relayed=True)


@asynccontextmanager
async def baresip_world(programs: Programs, _: Authority) -> AsyncIterator[Peer]:
    """Three baresips, with ICE: one echoes, one plays a tone, one is only rung."""
    tone = write_tone(programs.folder / "tone.wav", TONE_HZ)
    codecs = ("g711", "g722", "opus")
    async with one_host() as host, coturn(programs, place=host) as server:
        stun = f"stun:{server.host}:{server.port}"
        with host.entered():
            async with (
                baresip(programs, "echo", source=None, place=host, codecs=codecs, stun=stun) as echo,
                baresip(programs, "tone", source=tone, place=host, codecs=codecs, stun=stun) as player,
                baresip(programs, "quiet", source=tone, place=host, answers=False) as quiet,
            ):
                yield phones("baresip", {"echo": echo, "tone": player, "no_answer": quiet})


@asynccontextmanager
async def linphone_world(programs: Programs, _: Authority) -> AsyncIterator[Peer]:
    """Two linphones, with ICE: one plays a tone, one is only rung."""
    tone = write_tone(programs.folder / "tone.wav", TONE_HZ)
    async with one_host() as host:
        with host.entered():
            async with (
                linphone(programs, "tone", source=tone, ice=True, place=host) as player,
                linphone(programs, "quiet", source=tone, ice=True, place=host, answers=False) as quiet,
            ):
                yield phones("linphone", {"tone": player, "no_answer": quiet})


def phones(name: str, all_of_them: Mapping[Extension, Baresip | Linphone]) -> Peer:
    """Phones that are called directly, each for what it does."""
    first = next(iter(all_of_them.values()))
    uris = {what: f"sip:{each.user}@{each.host}:{each.port}" for what, each in all_of_them.items()}
    return described(name, uri=f"sip:{first.host}:{first.port}", extensions=uris)


@asynccontextmanager
async def chromium_world(programs: Programs, _: Authority) -> AsyncIterator[Peer]:
    """JsSIP in Chromium: one plays a tone, one echoes; registered with `icephone answer --pbx`."""
    sound = write_tone(programs.folder / "tone.wav", TONE_HZ, seconds=10, rate=48000)
    page = write_page(programs.folder)
    async with one_host() as host:
        with host.entered():
            async with (
                icephone_pbx(programs, *USERS, place=host, websocket=True) as pbx,
                browser(programs, host, sound=sound) as tab,
            ):
                await tab.open(page.as_uri())
                for user, echoes in ((USERS[1], False), (USERS[2], True)):
                    who = [f"ws://{pbx.host}:{pbx.ports['ws']}/", f"sip:{user}@{pbx.host}", PASSWORD, echoes]
                    await tab.run(f"serve(...{json.dumps(who)})")
                yield described(
                    "chromium",
                    uri=f"sip:{pbx.host}:{pbx.port}",
                    domain=pbx.host,
                    accounts=(PeerAccount(user=USERS[0], auth_user=USERS[0], password=PASSWORD),),
                )


WORLDS: Final[Mapping[str, World]] = {
    "icephone": World(programs=(), start=icephone_world),
    "kamailio": World(programs=("kamailio", "kamailio-tls"), start=kamailio_world),
    "kamailio-rtpengine": World(programs=("kamailio", "kamailio-tls", "rtpengine"), start=rtpengine_world),
    "baresip": World(programs=("netns", "baresip", "coturn"), start=baresip_world, root=True),
    # It takes one call at a time.
    "linphone": World(programs=("netns", "linphone"), start=linphone_world, root=True, at_once=1),
    "chromium": World(programs=("netns", "chromium", "jssip"), start=chromium_world, root=True, at_once=2),
}
