"""Calls that STUN and TURN make possible: behind a NAT, and where nothing gets out but TCP to the relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.coturn import PASSWORD, REALM, USER, Coturn, coturn
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import kamailio
from tests.peers.namespace import Namespace
from tests.peers.netns import TwoNetworks, two_networks
from tests.peers.process import Programs
from tests.peers.tones import both_heard_each_other

pytestmark = [pytest.mark.peer("netns", "coturn"), pytest.mark.root]

TALK_S = 3.0
SIP_PORT = 5070
PORT, TLS_PORT = 3478, 5349


def servers_config(folder: Path, ice: str = "") -> Path:
    """A configuration file with our account at the TURN server, and more for [ice]."""
    (folder / "turn.txt").write_text(PASSWORD + "\n", encoding="utf-8")
    file = folder / "servers.toml"
    file.write_text(
        f'[ice]\nturn_user = "{USER}"\nturn_password_file = "turn.txt"\n{ice}\n', encoding="utf-8"
    )
    return file


@asynccontextmanager
async def server_at(programs: Programs, place: Namespace) -> AsyncIterator[Coturn]:
    async with coturn(programs, place=place, port=PORT, tls_port=TLS_PORT) as server:
        yield server


class Talk:
    """Two phones, a tone each way; both record."""

    def __init__(self, programs: Programs, folder: Path, networks: TwoNetworks) -> None:
        self.programs = programs
        self.folder = folder
        self.networks = networks
        self.ours, self.theirs = folder / "ours.wav", folder / "theirs.wav"

    async def run(
        self, config: Path, *options: str, exit_code: int = 0
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Call with these options; both results."""
        callee = self.networks.callee
        answering = await icephone(
            self.programs,
            *("answer", "--tone", "1000", "--calls", "1"),
            "--record",
            self.theirs,
            *("--listen", f"{callee.host}:{SIP_PORT}"),
            prefix=callee.prefix,
        )
        uri = (await answering.noted("listening on")).partition(";")[0] + ";transport=tcp"
        calling = await icephone(
            self.programs,
            *("call", uri, "--tone", "440", "--for", f"{TALK_S:g}s", *options),
            "--record",
            self.ours,
            config=config,
            prefix=self.networks.caller.prefix,
        )
        call = await calling.result(exit_code=exit_code)
        return call, await answering.result() if exit_code == 0 else {}

    def heard(self) -> None:
        """Both sides heard the other's tone."""
        both_heard_each_other(self.ours, self.theirs, TALK_S)


@pytest.mark.req("ICE-5.1.1.2-1", "ICE-7.2.5.3-1")
async def test_a_phone_behind_a_nat_is_known_by_its_outer_address(programs: Programs, tmp_path: Path) -> None:
    async with two_networks() as networks, server_at(programs, networks.callee):
        await networks.masquerade()
        talk = Talk(programs, tmp_path, networks)
        stun = f"stun:{networks.callee.host}:{PORT}"
        call, answer = await talk.run(servers_config(tmp_path), "--stun", stun, "--path", "udp")
    assert call["result"] == answer["result"] == "ok"
    outer = "198.51.100.1:"
    assert call["ice"]["local"].startswith(outer)
    assert call["ice"]["local"] == answer["ice"]["remote"]
    # It was told before the first check. Where the check of the other side is at the router before ours,
    # Linux maps ours to another port, and the path is one that was found.
    told = [pair["remote"] for pair in answer["ice"]["pairs"] if pair["remote"]["type"] == "srflx"]
    assert [each["address"].partition(":")[0] + ":" for each in told] == [outer]
    if told[0]["address"] == call["ice"]["local"]:
        assert call["ice"]["local_type"] == answer["ice"]["remote_type"] == "srflx"
    talk.heard()


@pytest.mark.req("ICETCP-4.1-6", "ICE-5.1.1.2-2")
@pytest.mark.parametrize("path", ["auto", "relay"])
async def test_a_call_goes_by_relay_where_nothing_else_gets_through(
    programs: Programs, tmp_path: Path, path: str
) -> None:
    """UDP and TCP between the two are dropped, and the caller is behind a NAT; SIP and TURN over TCP pass."""
    async with two_networks() as networks, server_at(programs, networks.router):
        await networks.masquerade()
        await networks.drop_all_but_tcp(SIP_PORT)
        talk = Talk(programs, tmp_path, networks)
        turn = f"turn:{networks.router.host}:{PORT}?transport=tcp"
        call, answer = await talk.run(servers_config(tmp_path), "--turn", turn, "--path", path)
        drops = await networks.drops()
    assert call["result"] == answer["result"] == "ok"
    assert call["ice"]["local_type"] == answer["ice"]["remote_type"] == "relay"
    assert call["ice"]["local"] == answer["ice"]["remote"]
    assert call["ice"]["local"].startswith(f"{networks.router.host}:")
    if path == "auto":
        assert drops
    else:
        # Only the relay was told and used; nothing was sent from an address of the caller.
        assert {pair["local"]["type"] for pair in call["ice"]["pairs"]} == {"relay"}
        assert networks.caller.host not in str(answer["ice"])
    talk.heard()


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("reject", [False, True], ids=["dropped", "rejected"])
async def test_a_call_gets_out_where_only_port_443_is_open(
    programs: Programs, tmp_path: Path, reject: bool
) -> None:
    """SIP to a proxy on 443, media by a relay over TLS on 443; the other side knows of no relay."""
    ours, theirs = tmp_path / "ours.wav", tmp_path / "theirs.wav"
    async with two_networks() as networks:
        await networks.only_tcp_443(reject=reject)
        router, caller, callee = networks.router, networks.caller, networks.callee
        outer = router.at("198.51.100.1")
        async with (
            kamailio(programs, place=router, port=443) as proxy,
            coturn(programs, place=outer, port=PORT, tls_port=443) as server,
        ):
            bob = account_config(tmp_path, "bob", proxy, listen=f"{callee.host}:0")
            answering = await icephone(
                programs,
                *("answer", "--register", "--tone", "1000", "--calls", "1"),
                "--record",
                theirs,
                config=bob,
                prefix=callee.prefix,
            )
            await answering.noted("registered")
            alice = account_config(tmp_path, "alice", proxy, transport="tcp", listen=f"{caller.host}:0")
            with alice.open("a", encoding="utf-8") as file:
                file.write(servers_config(tmp_path, _tls(server)).read_text(encoding="utf-8"))
            calling = await icephone(
                programs,
                *("call", proxy.uri("bob"), "--tone", "440", "--for", f"{TALK_S:g}s"),
                *("--turn", f"turns:{outer.host}:443"),
                "--record",
                ours,
                config=alice,
                prefix=caller.prefix,
            )
            call, answer = await calling.result(), await answering.result()
            assert await networks.drops() > 0
    assert call["result"] == answer["result"] == "ok"
    assert call["ice"]["local_type"] == answer["ice"]["remote_type"] == "relay"
    assert call["ice"]["local"].startswith(f"{outer.host}:")
    assert call["media_ms"] - call["setup_ms"] < 8000
    both_heard_each_other(ours, theirs, TALK_S)


def _tls(server: Coturn) -> str:
    return f'turn_server_name = "{REALM}"\nturn_ca_file = "{server.certificate}"'


async def test_a_relay_that_cannot_be_had_ends_the_call_with_code_7(
    programs: Programs, tmp_path: Path
) -> None:
    async with two_networks() as networks:
        talk = Talk(programs, tmp_path, networks)
        turn = f"turn:{networks.router.host}:{PORT}?transport=tcp"
        call, _ = await talk.run(servers_config(tmp_path), "--turn", turn, "--path", "relay", exit_code=7)
    assert call["result"] == "no_media_path"
    assert "no relayed candidate: turn:192.0.2.1?transport=tcp: connection refused" in call["error"]
