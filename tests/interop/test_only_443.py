"""Out of a network from which only TCP to port 443 gets out, to a phone that knows no TURN, and ICE or not.

    icephone (192.0.2.2) -- firewall and NAT -- baresip (198.51.100.2), Kamailio (.3) and coturn (.4) on 443

The firewall drops the rest, or rejects it. SIP goes over TCP, media by a relay that is reached over TLS.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.peers.baresip import baresip
from tests.peers.coturn import PASSWORD, REALM, USER, Coturn, coturn
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.namespace import Namespace
from tests.peers.netns import OPENING, TwoNetworks, filter_packets, two_networks
from tests.peers.process import Programs, until
from tests.peers.tones import both_heard_each_other, write_tone

pytestmark = [pytest.mark.peer("netns", "kamailio", "coturn", "baresip"), pytest.mark.root]

TALK_S = 3.0
SOON_MS = 3000
"""After the answer, audio must be heard so soon."""


def config_of(folder: Path, proxy: Kamailio, relay: Coturn, host: str) -> Path:
    """The caller's account: SIP at the proxy over TCP, the relay by its URI over TLS."""
    (folder / "turn.txt").write_text(PASSWORD + "\n", encoding="utf-8")
    file = account_config(folder, "alice", proxy, transport="tcp", listen=f"{host}:0")
    with file.open("a", encoding="utf-8") as text:
        text.write(
            f'[ice]\nturn = ["turns:{relay.host}:{relay.tls_port}"]\nturn_user = "{USER}"\n'
            f'turn_password_file = "turn.txt"\nturn_server_name = "{REALM}"\n'
            f'turn_ca_file = "{relay.certificate}"\n'
        )
    return file


@pytest.mark.parametrize(
    ("reject", "ice"),
    [(False, False), (True, False), (False, True)],
    ids=["dropped", "rejected", "with-ice"],
)
async def test_a_phone_outside_is_reached(
    programs: Programs, tmp_path: Path, reject: bool, ice: bool
) -> None:
    ours = tmp_path / "ours.wav"
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with two_networks() as networks:
        await networks.masquerade()
        await networks.only_tcp_443(reject=reject)
        for_sip, for_media = [await networks.add_callee(f"198.51.100.{number}") for number in (3, 4)]
        async with (
            kamailio(programs, place=for_sip, port=443) as proxy,
            coturn(programs, place=for_media, tls_port=443) as relay,
            baresip(
                *(programs, "bob"),
                source=tone,
                proxy=proxy,
                stun=f"stun:{relay.host}:{relay.port}" if ice else None,
                place=networks.callee,
            ) as bob,
        ):
            await only_443_is_open(networks, for_media)
            calling = await icephone(
                programs,
                *("call", proxy.uri("bob"), "--tone", "440", "--record", ours, "--for", f"{TALK_S:g}s"),
                # It talks once its checks of all our candidates have ended: it is told of no hopeless one.
                *(["--path", "relay"] if ice else []),
                config=config_of(tmp_path, proxy, relay, networks.caller.host),
                prefix=networks.caller.prefix,
            )
            call = await calling.result()
            await bob.event("CALL_CLOSED")
            theirs = await bob.recording()
    heard_both_ways(call, ours, theirs)
    assert call["ice"]["state"] == ("completed" if ice else "off")
    assert call["ice"]["local"].startswith(f"{for_media.host}:")
    assert call["ice"]["remote"].startswith(f"{networks.callee.host}:")


async def test_a_plain_phone_outside_gets_in(programs: Programs, tmp_path: Path) -> None:
    """The call comes on the connection that registered, its media by the relay that we name in our answer."""
    ours = tmp_path / "ours.wav"
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with two_networks() as networks:
        await networks.masquerade()
        await networks.only_tcp_443(reject=False)
        for_sip, for_media = [await networks.add_callee(f"198.51.100.{number}") for number in (3, 4)]
        async with (
            kamailio(programs, place=for_sip, port=443) as proxy,
            coturn(programs, place=for_media, tls_port=443) as relay,
            baresip(programs, "bob", source=tone, proxy=proxy, place=networks.callee) as bob,
        ):
            answering = await icephone(
                programs,
                *("answer", "--register", "--tone", "440", "--record", ours, "--calls", "1"),
                config=config_of(tmp_path, proxy, relay, networks.caller.host),
                prefix=networks.caller.prefix,
            )
            await answering.noted("registered")
            await bob.dial(proxy.uri("alice"))
            await bob.event("CALL_ESTABLISHED")
            theirs = await bob.recording()
            await until(lambda: theirs.stat().st_size > TALK_S * 16000, "three seconds are recorded")
            await bob.hang_up()
            call = await answering.result()
    heard_both_ways(call, ours, theirs)
    assert call["ice"]["local"].startswith(f"{for_media.host}:")


@pytest.mark.req("ICETCP-5.5-1", "ICETCP-5.5-2")
@pytest.mark.parametrize("dials", ["relay", "callee"])
async def test_where_the_other_network_drops_udp_as_well(
    programs: Programs, tmp_path: Path, dials: Literal["relay", "callee"]
) -> None:
    """TCP by relay (RFC 6062), opened by the relay or to it; the other side is one of ours without TURN."""
    ours, theirs = tmp_path / "ours.wav", tmp_path / "theirs.wav"
    async with two_networks() as networks:
        router, caller, callee = networks.router, networks.caller, networks.callee
        await networks.masquerade()
        await networks.only_tcp_443(reject=False)
        await filter_packets(
            callee,
            # The proxy opens a connection for its INVITE.
            arriving=["meta l4proto udp"] + [f"tcp dport != 5060 {OPENING}"] * (dials == "callee"),
            leaving=[f"tcp dport != 443 {OPENING}"] * (dials == "relay"),
        )
        for_media = router.at("198.51.100.1")
        async with (
            kamailio(programs, place=router, port=443) as proxy,
            coturn(programs, place=for_media, tls_port=443) as relay,
        ):
            answering = await icephone(
                programs,
                *("answer", "--register", "--tone", "1000", "--calls", "1", "--record", theirs),
                config=account_config(tmp_path, "bob", proxy, transport="tcp", listen=f"{callee.host}:5060"),
                prefix=callee.prefix,
            )
            await answering.noted("registered")
            calling = await icephone(
                programs,
                *("call", proxy.uri("bob"), "--tone", "440", "--record", ours, "--for", f"{TALK_S:g}s"),
                config=config_of(tmp_path, proxy, relay, caller.host),
                prefix=caller.prefix,
            )
            call, answer = await calling.result(), await answering.result()
    heard_both_ways(call, ours, theirs)
    assert call["ice"]["transport"] == answer["ice"]["transport"] == "tcp"
    assert call["ice"]["local_type"] == answer["ice"]["remote_type"] == "relay"
    assert call["ice"]["tcptype"] == ("active" if dials == "relay" else "passive")


async def only_443_is_open(networks: TwoNetworks, server: Namespace) -> None:
    """From the caller's network, neither TCP to another port nor UDP gets to the server."""
    outside = networks.caller.at(server.host)
    before = await networks.drops()
    assert await outside.accepts(443)
    with pytest.raises((TimeoutError, ConnectionRefusedError)):
        await asyncio.wait_for(outside.connect(3478), 0.2)
    assert await networks.drops() > before
    before = await networks.drops()
    with outside.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"x", (server.host, 443))
    assert await networks.drops() > before


def heard_both_ways(call: dict[str, Any], ours: Path, theirs: Path) -> None:
    """The call went well: tones at both ends, soon after the answer."""
    assert call["result"] == "ok"
    assert call["media_ms"] - call["setup_ms"] < SOON_MS
    both_heard_each_other(ours, theirs, TALK_S)
