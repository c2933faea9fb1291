"""The scenarios of keys pass with a PBX that reads them back, and fail where none come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.broken.callee import Callee, Offer, running
from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, pbx


class WithoutEvents(Callee):
    """A phone that has no telephone events."""

    def stream(self, offer: Offer, *, port: int | None = None, protocol: str = "RTP/AVP") -> list[str]:
        rows = super().stream(offer, port=port, protocol=protocol)
        return [rows[0].removesuffix(" 101"), *(row for row in rows[1:] if ":101 " not in row)]


async def test_they_pass_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path, own={"codecs": ("opus", "PCMU", "PCMA")}) as peer:
        await all_pass(peer, tmp_path, "dtmf")


async def test_an_echo_reads_no_keys(tmp_path: Path) -> None:
    async with pbx(tmp_path, numbers={"dtmf_read_back": "600"}) as peer:
        await fails(peer, tmp_path, "dtmf.inband", "echoes")


@pytest.mark.parametrize("scenario", ["dtmf.rfc4733", "dtmf.info"])
async def test_who_takes_no_keys_that_way_fails(scenario: str, tmp_path: Path) -> None:
    async with running(WithoutEvents()) as callee:
        numbers = {"dtmf_read_back": callee.address}
        abilities = frozenset({"rfc4733", "info"})
        peer = peer_at(callee.address, accounts=(), extensions=numbers, abilities=abilities)
        outcome = await fails(peer, tmp_path, scenario, "wrong_state")
    assert outcome.failure is not None
    assert "takes" in outcome.failure.expected
