"""The scenarios of networks pass where the peer knows another way, and fail where it does not."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.peers.broken.callee import Callee, Offer, running
from tests.peers.broken.voice import Address
from tests.peers.coturn import coturn
from tests.peers.process import Programs
from tests.ua.interop.pbx import base, peer_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, pbx, tried
from tests.ua.phones import LOOPBACK
from ua.interop.outcome import Verdict

SERVERS = ("network.only_443", "network.relay_alone")
"""What needs a TURN server."""

SYMMETRIC = "network.behind_nat_without_ice"


class Symmetric(Callee):
    """A phone that sends to where media comes from."""

    def talk(self, offer: Offer) -> None:
        def latch(packet: bytes, source: Address) -> bool:
            del packet
            self.voice.talk(source)
            return False

        self.voice.intercept = latch
        super().talk(offer)


async def test_they_pass_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        await all_pass(peer, tmp_path, "network", but=(*SERVERS, SYMMETRIC))


async def test_which_way_media_took_is_told(tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        outcome = await tried(peer, tmp_path, "network.udp_blocked")
    assert outcome.verdict is Verdict.PASSED
    assert re.fullmatch(r"the way of media: UDP: .* 0 answers; TCP .*", outcome.reason), outcome


async def test_who_sends_to_where_media_comes_from_is_heard_behind_a_nat(tmp_path: Path) -> None:
    async with running(Symmetric()) as callee:
        peer = peer_at(
            callee.address,
            accounts=(),
            extensions={"echo": callee.address},
            abilities=frozenset({"symmetric_rtp"}),
        )
        outcome = await tried(peer, tmp_path, SYMMETRIC)
        assert (outcome.verdict, outcome.failure) == (Verdict.PASSED, None)
    async with pbx(tmp_path, offers=("symmetric_rtp",)) as peer:
        await fails(peer, tmp_path / "pbx", SYMMETRIC, "one_way_audio_in", "private_address")


async def test_a_nat_without_ice_is_not_one_with_it(tmp_path: Path) -> None:
    async with running(Symmetric()) as callee:
        numbers = {"echo": callee.address}
        peer = peer_at(callee.address, accounts=(), extensions=numbers, abilities=frozenset({"ice"}))
        await fails(peer, tmp_path, "network.behind_nat", "wrong_description")


async def test_who_knows_udp_alone_fails(tmp_path: Path) -> None:
    udp = dataclasses.replace(LOOPBACK, tcp=False)
    pathless = ("no_media_path", "ice_unanswered", "wrong_path", "rejected", "media_stopped")
    async with pbx(tmp_path, own={"ice": udp}) as peer:
        quick = dataclasses.replace(peer, phone={**peer.phone, "patience_s": 1.5})
        await fails(quick, tmp_path, "network.udp_blocked", *pathless)


@pytest.mark.peer("coturn")
async def test_what_goes_through_a_turn_server(tmp_path: Path, programs: Programs) -> None:
    async with coturn(programs) as server, pbx(tmp_path, offers=("turn", "turn_tcp")) as peer:
        servers = (server.server("udp"), server.server("tls"))
        ice = dataclasses.replace(LOOPBACK, turn_servers=servers)
        await all_pass(peer, tmp_path, *SERVERS, base=dataclasses.replace(base(), ice=ice))
