"""Answers that leave nothing to check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import Candidate, Credentials, Description, TcpType
from sdp.ice import pairless
from tests.sdp.local import tcp, udp

OURS_TCP = (tcp(6000, TcpType.PASSIVE), tcp(9, TcpType.ACTIVE))
OURS_UDP = (udp(5000), udp(5001, 2))


def side(*candidates: Candidate) -> Description:
    credentials = Credentials(ufrag="ufrag", password="p" * 22)
    return Description(credentials=credentials, candidates=candidates)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (OURS_TCP, OURS_UDP, "our candidates are TCP alone, those of the other side UDP alone"),
        (OURS_UDP, OURS_TCP, "our candidates are UDP alone, those of the other side TCP alone"),
        (OURS_TCP, OURS_TCP, ""),
        (OURS_UDP, OURS_UDP, ""),
        (OURS_TCP + OURS_UDP, OURS_UDP, ""),
        (OURS_TCP, OURS_TCP + OURS_UDP, ""),
        (OURS_TCP, (), ""),
    ],
)
def test_one_transport_on_each_side_makes_no_pair(
    ours: tuple[Candidate, ...], theirs: tuple[Candidate, ...], said: str
) -> None:
    assert pairless.why(side(*ours), side(*theirs)) == said


def test_who_trickles_may_tell_more() -> None:
    assert pairless.why(side(*OURS_TCP), replace(side(*OURS_UDP), end_of_candidates=False)) == ""
