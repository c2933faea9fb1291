"""The sentences that users read."""

from __future__ import annotations

import pytest

from ice.checks.pair import Pair, ValidPair
from ice.reasons import why_failed, why_selected
from ice.types import FlowId, Role, TcpType
from tests.ice.test_candidate import make


def pair(tcptype: TcpType | None = None, *, sent: int = 0, answered: int = 0, reason: str = "") -> Pair:
    opposite = {TcpType.ACTIVE: TcpType.PASSIVE, TcpType.PASSIVE: TcpType.ACTIVE}
    remote = None if tcptype is None else opposite[tcptype]
    made = Pair(
        number=1,
        local=make(tcptype=tcptype),
        remote=make(tcptype=remote, host="198.51.100.1"),
        role=Role.CONTROLLING,
        flow=None,
    )
    made.checks_sent, made.checks_answered, made.reason = sent, answered, reason
    if answered:
        made.valid = ValidPair(local=made.local, flow=FlowId(1), at=0.0)
    return made


@pytest.mark.parametrize(
    ("rtt_s", "text"),
    [
        (0.0004, "UDP answered first (round trip 0.4 ms)"),
        (0.0504, "UDP answered first (round trip 50 ms)"),
        (None, "UDP answered first"),
    ],
)
def test_udp(rtt_s: float | None, text: str) -> None:
    chosen = pair(sent=1, answered=1)
    chosen.rtt_s = rtt_s
    assert why_selected(chosen, [chosen, pair(TcpType.ACTIVE)], elapsed_s=1.0) == text


def test_udp_although_tcp_works() -> None:
    chosen, other = pair(sent=1, answered=1), pair(TcpType.ACTIVE, sent=1, answered=1)
    assert why_selected(chosen, [chosen, other], elapsed_s=1.0) == "UDP preferred over TCP"


@pytest.mark.parametrize(
    ("sent", "tcptype", "text"),
    [
        (4, TcpType.ACTIVE, "UDP: 4 checks, 0 answers; TCP active nominated at 168 ms"),
        (1, TcpType.PASSIVE, "UDP: 1 check, 0 answers; TCP passive nominated at 168 ms"),
    ],
)
def test_tcp(sent: int, tcptype: TcpType, text: str) -> None:
    chosen = pair(tcptype, sent=2, answered=2)
    assert why_selected(chosen, [pair(sent=sent), chosen], elapsed_s=0.168) == text


def test_tcp_where_there_was_no_udp() -> None:
    chosen = pair(TcpType.ACTIVE, sent=2, answered=2)
    assert why_selected(chosen, [chosen], elapsed_s=0.0042) == (
        "UDP: no pair; TCP active nominated at 4.2 ms"
    )


def test_failure_says_what_was_tried_and_seen() -> None:
    pairs = [
        pair(sent=7),
        pair(TcpType.ACTIVE, reason="connection refused"),
        pair(TcpType.ACTIVE, reason="connection refused"),
        pair(TcpType.ACTIVE, reason="no route to host"),
    ]
    assert why_failed(pairs, missing=[1, 2], inbound=1) == (
        "no path for RTP and RTCP: UDP: 7 checks, 0 answers; "
        "TCP: 0 checks, 0 answers (connection refused; no route to host); 1 check of the peer came in"
    )
    assert why_failed([], missing=[3], inbound=0) == (
        "no path for component 3: no candidate of the peer fits ours; nothing came in from the peer"
    )
