"""The scenarios of ICE pass with a peer that has what they are about, and fail with one that has not."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.peers.broken.callee import Callee, running
from tests.peers.broken.voice import Address
from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, passes, pbx
from tests.ua.phones import LOOPBACK
from ua.interop.need import Ability
from ua.interop.peer import Peer
from ua.interop.rewriting import Change, Rewriter
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request


class AfraidOfTcp(Callee):
    """A phone that refuses offers with candidates that it does not know."""

    async def invited(self, request: Request, source: Address) -> None:
        if b"tcptype" in (session_of(request) or b""):
            self.respond(request, 488, source)
        else:
            await super().invited(request, source)


@asynccontextmanager
async def called(callee: Callee, *abilities: Ability) -> AsyncIterator[Peer]:
    """A phone without accounts."""
    async with running(callee):
        yield peer_at(
            callee.address,
            accounts=(),
            extensions={"echo": callee.address},
            abilities=frozenset(abilities),
        )


async def as_it_is(text: str) -> str:
    return text


@asynccontextmanager
async def disguised(
    folder: Path, *, offered: Change = as_it_is, answered: Change = as_it_is
) -> AsyncIterator[Peer]:
    """The PBX behind something that changes descriptions: over TCP it does wrong what that makes of them."""
    async with pbx(folder) as peer:
        rewriter = Rewriter(offered, answered)
        async with rewriter.running(peer):
            yield dataclasses.replace(peer, uris={"tcp": rewriter.uri})


async def test_they_pass_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path, offers=("no_nat",)) as peer:
        await all_pass(peer, tmp_path, "ice", but=("ice.lite_peer",))


async def test_a_lite_peer(tmp_path: Path) -> None:
    lite = dataclasses.replace(LOOPBACK, lite=True)
    async with pbx(tmp_path, own={"ice": lite}, offers=("ice_lite",)) as peer:
        await passes(peer, tmp_path, "ice.lite_peer")
    async with pbx(tmp_path, offers=("ice_lite",)) as peer:
        await fails(peer, tmp_path / "full", "ice.lite_peer", "wrong_description")


@pytest.mark.parametrize("scenario", ["ice.full", "ice.restart", "ice.tcp_beside_udp"])
async def test_who_has_no_ice_fails(scenario: str, tmp_path: Path) -> None:
    async with pbx(tmp_path, own={"ice_enabled": False}) as peer:
        await fails(peer, tmp_path, scenario, "wrong_description")


async def test_who_refuses_what_it_does_not_know_fails(tmp_path: Path) -> None:
    async with called(Callee()) as peer:
        await passes(peer, tmp_path / "sound", "ice.mixed_candidates")
    async with called(AfraidOfTcp()) as peer:
        outcome = await fails(peer, tmp_path, "ice.mixed_candidates", "offer_refused")
    assert outcome.failure is not None
    assert "488" in outcome.failure.seen


async def test_who_takes_tcp_for_udp_fails(tmp_path: Path) -> None:
    async with called(Callee(), "tcp_media") as peer:
        await fails(peer, tmp_path, "ice.tcp_rtp_avp", "bad_sdp_answer", "media_refused", "no_media_path")


async def test_who_has_no_tcp_candidates_fails(tmp_path: Path) -> None:
    udp = dataclasses.replace(LOOPBACK, tcp=False)
    async with pbx(tmp_path, own={"ice": udp}) as peer:
        quick = dataclasses.replace(peer, phone={**peer.phone, "patience_s": 1.5})
        await fails(
            quick, tmp_path, "ice.tcp_only", "no_media_path", "ice_mismatch", "offer_refused", "rejected"
        )


async def one_line(text: str) -> str:
    """The answer without its second m= line."""
    first, mark, rest = text.partition("m=audio ")
    return first + mark + rest.partition("m=")[0]


async def under_another_profile(text: str) -> str:
    return text.replace(" TCP/RTP/AVP ", " RTP/AVP ")


@pytest.mark.parametrize("answered", [one_line, under_another_profile])
async def test_lines_that_do_not_match_the_offer_fail(answered: Change, tmp_path: Path) -> None:
    async with disguised(tmp_path, answered=answered) as peer:
        await fails(peer, tmp_path, "ice.second_line", "bad_sdp_answer")


async def deaf_to_the_default(text: str) -> str:
    """The offer as one reads it who looks at candidates alone."""
    found = re.search(r"a=candidate:\S+ 1 UDP \d+ (\d+\.\S+) (\d+) typ host", text)
    assert found is not None
    text = re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {found[1]}", text)
    return re.sub(r"m=audio \d+", f"m=audio {found[2]}", text)


async def test_who_overlooks_a_mismatch_fails(tmp_path: Path) -> None:
    async with disguised(tmp_path, offered=deaf_to_the_default) as peer:
        outcome = await fails(peer, tmp_path, "ice.mismatch", "ice_mismatch")
    assert outcome.failure is not None
    assert "goes on with ICE" in outcome.failure.seen
