"""Our phones at Kamailio, over each transport that there is, and calls between two of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.certificates import Authority
from tests.peers.hearing import hears
from tests.peers.kamailio import PASSWORD, Kamailio
from tests.peers.tones import both_heard_each_other
from tests.ua.phones import LOOPBACK, account, changed
from ua.config.account import Account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.transport.hop import SipTransport
from ua.sip.transport.tls.config import TlsConfig
from ua.sip.transport.websocket.config import WebSocketConfig

WAYS = ("udp", "tcp", "tls", "sips", "ws", "wss")
"""The transports; sips is TLS, asked for by the scheme."""

PACKETS = 75


def transport_of(way: str) -> SipTransport:
    """The transport of a way."""
    known: dict[str, SipTransport] = {"udp": "udp", "tcp": "tcp", "tls": "tls", "ws": "ws", "wss": "wss"}
    return known.get(way, "tls")


def proxy_uri(proxy: Kamailio, way: str) -> str:
    """Where to send everything; by name, for the certificate names it."""
    transport = transport_of(way)
    port = proxy.ports.get(transport, proxy.port)
    return f"sips:localhost:{port}" if way == "sips" else f"sip:localhost:{port};transport={transport}"


def user(name: str, proxy: Kamailio, way: str, authority: Authority, **changes: object) -> Account:
    """An account at a proxy that has a certificate for localhost of this authority."""
    base = account(
        name,
        uri=proxy.uri(name),
        registrar=f"sip:{proxy.host}:{proxy.port}",
        proxy=proxy_uri(proxy, way),
        password=PASSWORD,
        transport=transport_of(way),
        tls=TlsConfig(ca_file=authority.certificate),
        websocket=WebSocketConfig(path="/ws"),
        ice=LOOPBACK,
    )
    return changed(base, **changes)


def transports(log: EventLog) -> set[object]:
    """What the messages of a log went over."""
    return {each.data["transport"] for each in log.entries if (each.source, each.name) == ("sip", "message")}


async def call(caller: Phone, callee: Phone, uri: str, folder: Path, name: str) -> None:
    """One call with tones both ways, hung up by the caller; both hear the other's."""
    ours, theirs = folder / f"{name}-caller.wav", folder / f"{name}-callee.wav"
    ringing = asyncio.ensure_future(anext(callee.incoming()))
    await asyncio.sleep(0)
    placed = await caller.place(uri, MediaPlan(source=Tone(hz=440), record=ours))
    incoming = await ringing
    await incoming.accept(MediaPlan(source=Tone(hz=1000), record=theirs))
    await asyncio.gather(hears(placed, packets=PACKETS), hears(incoming, packets=PACKETS))
    placed.hang_up()
    results = await asyncio.gather(placed.ended(), incoming.ended())
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]
    both_heard_each_other(ours, theirs, PACKETS / 50)
