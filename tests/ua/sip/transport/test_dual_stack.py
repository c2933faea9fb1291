"""IPv4 and IPv6 at once: what is bound, what Via and Contact say, which address of a name is used."""

from __future__ import annotations

import asyncio
import dataclasses
import socket

import pytest

from tests.net.loopback_dns import loopback_dns
from tests.ua.phones import LOOPBACK, account
from tests.ua.sip.phones import ALICE, FAST, ScriptedPeer, phone
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.config import SipConfig
from ua.sip.endpoint import SipEndpoint
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.uri import Uri


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")

EVERYWHERE = pytest.mark.parametrize("host", ["0.0.0.0", "::"])
HOPS = pytest.mark.parametrize("hop", ["127.0.0.1", "::1"])
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


@pytest.mark.req("TRN-8", "TRN-13", "IP6-1")
@EVERYWHERE
@HOPS
@TRANSPORTS
async def test_who_listens_everywhere_is_reached_by_both_families(
    host: str, hop: str, transport: str
) -> None:
    async with phone(host=host) as bob, phone(host=host) as alice:
        port = bob.endpoint.local_addresses["udp"].port
        assert bob.endpoint.local_addresses["tcp"].port == port
        target = Uri(user="bob", host=hop, port=port, params=(("transport", transport),))
        invite = alice.endpoint.invite(target, from_=ALICE, body=b"v=0\r\n")
        incoming = await asyncio.wait_for(bob.offered.get(), 10)
        request = incoming.request
        assert (request.via.host, request.contacts[0].uri.host) == (hop, hop)
        text = next(entry.text for entry in alice.log if entry.text.startswith("INVITE"))
        assert (f"[{hop}]:" in text) is (":" in hop)
        incoming.reject(486)
        with pytest.raises(Exception, match="486"):
            await invite.answered()


@pytest.mark.req("TRN-13")
async def test_a_name_with_two_families_is_reached_where_ipv6_is_dead() -> None:
    peer = ScriptedPeer()
    zone = {("both.example.com", "AAAA"): ["::1"], ("both.example.com", "A"): ["127.0.0.1"]}
    async with loopback_dns(zone) as dns:
        config = SipConfig(host="0.0.0.0", timers=FAST, name_servers=(dns.address,))
        endpoint = SipEndpoint(config)
        await endpoint.start()
        try:
            target = Uri.parse(f"sip:both.example.com:{peer.port};transport=udp")
            asking = asyncio.ensure_future(endpoint.request("OPTIONS", target, from_=ALICE))
            request = await peer.receive_request("OPTIONS")
            assert request.via.host == "127.0.0.1"
            peer.answer(request, 200)
            assert (await asking).response.status == 200
        finally:
            await endpoint.close()
            peer.close()


@pytest.mark.req("IP6-1")
async def test_registering_and_calling_over_ipv6() -> None:
    def take(incoming: IncomingRequest) -> None:
        contact = incoming.request.contacts[0]
        incoming.respond(200, headers=Headers.of(("Contact", contact)))

    registrar = SipEndpoint(SipConfig(host="::1", allow=("REGISTER", "OPTIONS")), on_request=take)
    await registrar.start()
    log = EventLog()
    place = f"sip:{registrar.local_addresses['udp']}"
    base = account("alice", listen_host="::1", registrar=place, ice=dataclasses.replace(LOOPBACK))
    other = dataclasses.replace(base, uri="sip:bob@example.com", auth_user="bob")
    try:
        async with Phone(base, log) as alice, Phone(other, log) as bob:
            registration = await alice.register(expires=300)
            assert registration.contact.startswith("sip:alice@[::1]:")
            ringing = asyncio.ensure_future(anext(bob.incoming()))
            await asyncio.sleep(0)
            call = await alice.place(bob.addresses[0], MediaPlan(source=Tone(hz=440.0)))
            incoming = await asyncio.wait_for(ringing, 10)
            await incoming.accept(MediaPlan(source=Tone(hz=440.0)))
            await asyncio.wait_for(call.established(), 10)
            call.hang_up()
            await asyncio.wait_for(call.ended(), 10)
    finally:
        await registrar.close()
