"""Calls by relayed TCP (RFC 6062): where nothing but TCP gets out here, and nothing but TCP gets in there.

caller (192.0.2.2) -- firewall, NAT and coturn -- (198.51.100.2) callee
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.coturn import PASSWORD, REALM, USER, Coturn, coturn
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.namespace import Namespace
from tests.peers.netns import TwoNetworks, two_networks
from tests.peers.process import Programs
from tests.peers.tones import both_heard_each_other

pytestmark = [pytest.mark.peer("netns", "coturn", "kamailio"), pytest.mark.root]

TALK_S = 3.0
PORT, TLS_PORT = 3478, 5349
SIP_PORT = 5070


def account(folder: Path, user: str, proxy: Kamailio, place: Namespace, *ice: str) -> Path:
    """An account file of `user`, SIP over TCP, with these lines in [ice]."""
    file = account_config(folder, user, proxy, transport="tcp", listen=f"{place.host}:0")
    with file.open("a", encoding="utf-8") as text:
        text.write("\n".join(("[ice]", *ice, "")))
    return file


def relay_lines(folder: Path, server: Coturn, uri: str) -> list[str]:
    """Our account at the relay."""
    (folder / "turn.txt").write_text(PASSWORD + "\n", encoding="utf-8")
    return [
        f'turn = ["{uri}"]',
        f'turn_user = "{USER}"',
        'turn_password_file = "turn.txt"',
        f'turn_server_name = "{REALM}"',
        f'turn_ca_file = "{server.certificate}"',
    ]


class Talk:
    """One call between the two networks, a tone each way; both record."""

    def __init__(self, programs: Programs, folder: Path, networks: TwoNetworks, proxy: Kamailio) -> None:
        self.programs = programs
        self.networks = networks
        self.proxy = proxy
        self.ours, self.theirs = folder / "ours.wav", folder / "theirs.wav"

    async def run(self, alice: Path, bob: Path, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both results."""
        answering = await icephone(
            self.programs,
            *("answer", "--register", "--tone", "1000", "--calls", "1"),
            "--record",
            self.theirs,
            config=bob,
            prefix=self.networks.callee.prefix,
        )
        await answering.noted("registered")
        calling = await icephone(
            self.programs,
            *("call", self.proxy.uri("bob"), "--tone", "440", "--for", f"{TALK_S:g}s", *options),
            "--record",
            self.ours,
            config=alice,
            prefix=self.networks.caller.prefix,
        )
        return await calling.result(), await answering.result()

    def heard(self) -> None:
        """Both sides heard the other's tone."""
        both_heard_each_other(self.ours, self.theirs, TALK_S)


@pytest.mark.req("ICETCP-5.5-2", "ICETCP-T-1", "ICETCP-T-3", "6062-8")
@pytest.mark.parametrize("reject", [False, True], ids=["dropped", "rejected"])
@pytest.mark.parametrize("path", ["auto", "relay"])
async def test_out_over_tls_on_443_to_a_phone_that_takes_only_tcp(
    programs: Programs, tmp_path: Path, path: str, reject: bool
) -> None:
    async with two_networks() as networks:
        await networks.only_tcp_443(reject=reject)
        router, caller, callee = networks.router, networks.caller, networks.callee
        outer = router.at("198.51.100.1")
        async with (
            kamailio(programs, place=router, port=443) as proxy,
            coturn(programs, place=outer, port=PORT, tls_port=443) as server,
        ):
            talk = Talk(programs, tmp_path, networks, proxy)
            relay = relay_lines(tmp_path, server, f"turns:{outer.host}:443")
            alice = account(tmp_path, "alice", proxy, caller, *relay)
            bob = account(tmp_path, "bob", proxy, callee, "udp = false")
            call, answer = await talk.run(alice, bob, "--path", path)
            assert "TCP" in server.program.text()
            assert await networks.drops() > 0 or path == "relay"
    assert call["result"] == answer["result"] == "ok"
    assert (call["ice"]["transport"], call["ice"]["local_type"]) == ("tcp", "relay")
    assert answer["ice"]["remote_type"] == "relay"
    assert call["ice"]["local"] == answer["ice"]["remote"]
    assert call["ice"]["local"].startswith(f"{outer.host}:")
    assert call["media_ms"] - call["setup_ms"] < 8000
    if path == "relay":
        assert caller.host not in str(answer["ice"])
    talk.heard()


@pytest.mark.req("ICETCP-5.5-1", "ICETCP-5.5-2", "ICETCP-5.2-6")
@pytest.mark.parametrize("both", [False, True], ids=["one-relay", "two-relays"])
async def test_nothing_passes_between_the_two_but_what_the_relay_carries(
    programs: Programs, tmp_path: Path, both: bool
) -> None:
    """The caller is behind a NAT; TCP to SIP and to the relay passes, from both sides."""
    async with two_networks() as networks:
        await networks.masquerade()
        await networks.drop_all_but_tcp(SIP_PORT)
        router, caller, callee = networks.router, networks.caller, networks.callee
        async with (
            kamailio(programs, place=router, port=SIP_PORT) as proxy,
            coturn(programs, place=router.at("198.51.100.1"), port=PORT, tls_port=TLS_PORT) as server,
        ):
            talk = Talk(programs, tmp_path, networks, proxy)
            relay = relay_lines(tmp_path, server, f"turn:{server.host}?transport=tcp")
            alice = account(tmp_path, "alice", proxy, caller, *relay)
            theirs = ["relay_only = true", *relay] if both else []
            bob = account(tmp_path, "bob", proxy, callee, "udp = false", *theirs)
            call, answer = await talk.run(alice, bob, "--path", "tcp")
    assert call["result"] == answer["result"] == "ok"
    assert call["ice"]["transport"] == answer["ice"]["transport"] == "tcp"
    assert "relay" in (call["ice"]["local_type"], call["ice"]["remote_type"])
    if both:
        assert answer["ice"]["local_type"] == "relay"
    talk.heard()


@pytest.mark.req("ICETCP-5.5-1", "ICETCP-T-4")
async def test_a_phone_that_may_only_dial_gets_in_by_our_relay(programs: Programs, tmp_path: Path) -> None:
    """The callee's relayed address is dialled by the caller, whose network lets only TCP out."""
    async with two_networks() as networks:
        await networks.masquerade()
        await networks.drop_all_but_tcp(SIP_PORT)
        router, caller, callee = networks.router, networks.caller, networks.callee
        async with (
            kamailio(programs, place=router, port=SIP_PORT) as proxy,
            coturn(programs, place=router.at("198.51.100.1"), port=PORT, tls_port=TLS_PORT) as server,
        ):
            talk = Talk(programs, tmp_path, networks, proxy)
            relay = relay_lines(tmp_path, server, f"turn:{server.host}?transport=tcp")
            alice = account(tmp_path, "alice", proxy, caller, "udp = false")
            bob = account(tmp_path, "bob", proxy, callee, "relay_only = true", "udp = false", *relay)
            call, answer = await talk.run(alice, bob)
    assert call["result"] == answer["result"] == "ok"
    assert (answer["ice"]["transport"], answer["ice"]["local_type"]) == ("tcp", "relay")
    assert call["ice"]["remote_type"] == "relay"
    talk.heard()
