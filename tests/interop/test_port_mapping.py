"""A phone behind a real router that maps ports on demand: peers outside reach it over TCP and over UDP."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from ice.gateways.client import ANNOUNCEMENT_GROUP
from ice.gateways.port_mapper import ANNOUNCEMENT_PORT
from ice.net.udp_socket import HostUdpSocket
from tests.peers.icephone import icephone
from tests.peers.miniupnpd import INSIDE6, ROUTER, Miniupnpd, miniupnpd
from tests.peers.netns import two_networks
from tests.peers.process import Programs, until
from tests.peers.tones import both_heard_each_other

pytestmark = [pytest.mark.peer("netns", "miniupnpd"), pytest.mark.root]

SIP_PORT = 5060
TALK_S = 3.0
LONG_TALK_S = 5.0
FREED_S = 4.0
"""So long after the path was found, whatever it does not need is freed (RFC 8445 §8.3.1)."""

GATHER_MS = 5000
"""Longer than a phone waits: these tests are of what routers do, not of how quick a busy machine is."""


class Call:
    """A call from behind the router to a phone outside that may be connected to for SIP alone."""

    def __init__(self, programs: Programs, folder: Path, place: Miniupnpd, *, talk_s: float = TALK_S) -> None:
        self.programs = programs
        self.talk_s = talk_s
        self.place = place
        self.ours, self.theirs = folder / "ours.wav", folder / "theirs.wav"
        self.config = folder / "account.toml"
        self.config.write_text(f"[ice]\ngather_timeout_ms = {GATHER_MS}\n", encoding="utf-8")
        self.holes = 0
        self.mapped: list[int] = []
        """What the router mapped while they talked, late in a long talk."""

    def heard(self) -> None:
        """Both sides heard the other's tone."""
        both_heard_each_other(self.ours, self.theirs, self.talk_s)

    async def run(self, *options: str, exit_code: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the caller and the answering side report."""
        outside, inside = self.place.outside, self.place.inside
        answering = await icephone(
            self.programs,
            *("answer", "--tone", "1000", "--calls", "1", "--listen", f"{outside.host}:{SIP_PORT}"),
            "--record",
            self.theirs,
            config=self.config,
            prefix=outside.prefix,
        )
        uri = (await answering.noted("listening on")).partition(";")[0] + ";transport=tcp"
        calling = await icephone(
            self.programs,
            *("call", uri, "--tone", "440", "--for", f"{self.talk_s:g}s", *options),
            "--record",
            self.ours,
            config=self.config,
            prefix=inside.prefix,
        )
        if exit_code == 0:
            await calling.noted("path:")
            if self.talk_s > FREED_S:
                await asyncio.sleep(FREED_S)
            self.holes = await self.place.holes()
            self.mapped = await self.place.mappings()
        call = await calling.result(exit_code=exit_code)
        return call, await answering.result() if exit_code == 0 else {}


def port_of(address: str) -> int:
    """The port of "host:port"."""
    return int(address.rpartition(":")[2])


@pytest.mark.req("ICETCP-5.3-1", "ICETCP-5.3-2", "ICETCP-5-1", "ICETCP-7.2-10")
@pytest.mark.parametrize(
    ("how", "talk_s"), [("auto", LONG_TALK_S), ("pcp", TALK_S), ("nat-pmp", TALK_S), ("upnp", TALK_S)]
)
async def test_a_peer_outside_connects_to_the_port_that_the_router_mapped(
    programs: Programs, tmp_path: Path, how: str, talk_s: float
) -> None:
    """The mapping stays as long as the path is the one that was selected."""
    async with two_networks() as networks, miniupnpd(programs, networks, port=SIP_PORT) as place:
        talk = Call(programs, tmp_path, place, talk_s=talk_s)
        call, answer = await talk.run("--path", "tcp", "--port-mapping", how)
        left = await place.mappings()
    assert call["result"] == answer["result"] == "ok"
    assert answer["ice"]["transport"] == "tcp"
    assert answer["ice"]["remote"].startswith(f"{ROUTER}:")
    assert answer["ice"]["remote_type"] == "srflx"
    assert port_of(call["ice"]["local"]) in talk.mapped
    assert len(talk.mapped) == 1 or talk_s <= FREED_S, "that of RTCP is given back"
    assert left == []
    talk.heard()


@pytest.mark.req("ICETCP-5.3-2")
async def test_a_mapping_lets_udp_in_as_well(programs: Programs, tmp_path: Path) -> None:
    """The router lets no UDP out, so nothing else could open it; that of TCP is given back."""
    async with two_networks() as networks, miniupnpd(programs, networks, port=SIP_PORT) as place:
        talk = Call(programs, tmp_path, place, talk_s=LONG_TALK_S)
        call, answer = await talk.run("--port-mapping", "pcp")
        left = await place.mappings()
    assert call["result"] == answer["result"] == "ok"
    assert answer["ice"]["transport"] == "udp"
    assert answer["ice"]["remote"].startswith(f"{ROUTER}:")
    assert talk.mapped == [port_of(call["ice"]["local"])]
    assert left == []
    talk.heard()


@pytest.mark.req("ICETCP-5-1")
async def test_a_router_that_speaks_upnp_alone_is_asked_by_upnp(programs: Programs, tmp_path: Path) -> None:
    async with (
        two_networks() as networks,
        miniupnpd(programs, networks, port=SIP_PORT, natpmp=False) as place,
    ):
        talk = Call(programs, tmp_path, place)
        _, answer = await talk.run("--path", "tcp", "--port-mapping", "auto")
        left = await place.mappings()
        said = place.program.text()
    assert answer["ice"]["remote_type"] == "srflx"
    assert "AddPortMapping" in said
    assert left == []


async def test_a_firewall_lets_ipv6_in_where_it_is_asked(programs: Programs, tmp_path: Path) -> None:
    async with (
        two_networks() as networks,
        miniupnpd(programs, networks, port=SIP_PORT, ipv6=True) as place,
    ):
        talk = Call(programs, tmp_path, place, talk_s=LONG_TALK_S)
        call, answer = await talk.run("--path", "tcp", "--port-mapping", "pcp")
        left = await place.holes()
    assert call["result"] == answer["result"] == "ok"
    assert call["ice"]["local"].startswith(f"[{INSIDE6}]:")
    assert answer["ice"]["remote"] == call["ice"]["local"]
    assert answer["ice"]["remote_type"] == "host"
    assert talk.holes == 1
    assert left == 0
    talk.heard()


@pytest.mark.req("ICETCP-5.3-3")
async def test_what_a_gateway_announces_is_heard_by_all_clients() -> None:
    heard: list[tuple[bytes, str]] = []
    async with two_networks() as networks:
        with networks.caller.entered():
            clients = [
                HostUdpSocket.bind(
                    ANNOUNCEMENT_GROUP,
                    ANNOUNCEMENT_PORT,
                    lambda data, remote: heard.append((data, remote.host)),
                )
                for _ in range(2)
            ]
        with networks.router.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gateway:
            gateway.bind((networks.router.host, 0))
            gateway.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(networks.router.host)
            )
            gateway.sendto(b"changed", (ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT))
        await until(lambda: len(heard) == 2, "both clients hear it")
        for client in clients:
            client.close()
    assert set(heard) == {(b"changed", networks.router.host)}


@pytest.mark.req("ICETCP-3-7")
async def test_the_router_is_left_alone_unless_somebody_says_so(programs: Programs, tmp_path: Path) -> None:
    async with two_networks() as networks, miniupnpd(programs, networks, port=SIP_PORT) as place:
        call, _ = await Call(programs, tmp_path, place).run("--path", "tcp", "--timeout", "4s", exit_code=5)
        said = place.program.text()
    assert call["result"] != "ok"
    assert "M-SEARCH" not in said
    assert "request received" not in said
