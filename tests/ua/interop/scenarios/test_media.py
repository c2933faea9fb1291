"""The scenarios of media pass with a peer that does as it should, and fail with one that does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.peers.broken.callee import Callee, running
from tests.peers.broken.voice import Manners
from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, passes, pbx
from ua.interop.need import Ability
from ua.interop.peer import Peer

EVERY: Final = {"codecs": ("opus", "G722", "PCMU", "PCMA", "L16/8000"), "dtx": True}
"""A PBX with all codecs, and comfort noise."""


@asynccontextmanager
async def broken(manners: Manners, *offers: Ability) -> AsyncIterator[Peer]:
    """A phone without accounts that answers every call, in PCMU."""
    async with running(Callee(manners)) as callee:
        numbers = {"echo": callee.address, "tone": callee.address, "dtmf_read_back": callee.address}
        yield peer_at(callee.address, accounts=(), extensions=numbers, abilities=frozenset(offers))


async def test_they_pass_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path, own=EVERY, offers=("l16",)) as peer:
        await all_pass(peer, tmp_path, "media", but=("media.ptime_30",))


async def test_packets_of_30_ms(tmp_path: Path) -> None:
    """Opus has none, and a session that may come to Opus sends none in other codecs."""
    async with pbx(tmp_path) as peer:
        await passes(peer, tmp_path, "media.ptime_30")


@pytest.mark.parametrize(
    ("scenario", "manners", "causes"),
    [
        ("media.pcma", Manners(), ("bad_sdp_answer",)),
        ("media.g722", Manners(), ("bad_sdp_answer",)),
        ("media.opus", Manners(), ("bad_sdp_answer",)),
        ("media.l16", Manners(), ("bad_sdp_answer",)),
        ("media.pcmu", Manners(law="PCMA"), ("wrong_codec",)),
        ("media.ptime_40", Manners(), ("wrong_ptime",)),
        ("media.codec_changed", Manners(), ("bad_sdp_answer", "rejected", "wrong_description")),
        ("media.silence_from_the_start", Manners(plays="tone"), ("not_silent",)),
        ("media.rtcp_two_ports", Manners(), ("wrong_description",)),
        ("media.comfort_noise", Manners(), ("wrong_description",)),
        ("media.steady", Manners(plays="tone", loses=5), ("packet_loss",)),
        ("media.steady", Manners(plays="tone", stops_s=3.0), ("clock_drift", "media_stopped")),
    ],
)
async def test_they_fail_where_the_peer_does_it_wrong(
    scenario: str, manners: Manners, causes: tuple[str, ...], tmp_path: Path
) -> None:
    async with broken(manners, "rtcp", "rtcp_mux", "comfort_noise", "g722", "opus", "l16") as peer:
        await fails(peer, tmp_path, scenario, *causes)


async def test_silence_that_is_no_packets_at_all_is_no_silence(tmp_path: Path) -> None:
    async with broken(Manners(stops_s=1.5)) as peer:
        await fails(
            peer, tmp_path, "media.silence", "one_way_audio_in", "media_stopped", "wrong_audio", "silent"
        )
