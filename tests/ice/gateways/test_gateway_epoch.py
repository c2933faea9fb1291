"""The clock of a gateway tells whether it forgot (RFC 6887 §8.5, RFC 6886 §3.6)."""

from __future__ import annotations

import pytest

from ice.gateways.epoch import GatewayEpoch


@pytest.mark.parametrize(
    ("said", "elapsed", "forgot"),
    [
        (1000, 0.0, False),
        (999, 0.0, False),
        (998, 0.0, True),
        (1100, 100.0, False),
        (1096, 100.0, False),
        (1000, 100.0, True),
        (1200, 100.0, True),
        (1160, 151.0, False),
        (0, 5.0, True),
    ],
)
def test_pcp(said: int, elapsed: float, forgot: bool) -> None:
    epoch = GatewayEpoch()
    assert not epoch.forgot_by_pcp(1000, 50.0)
    assert epoch.forgot_by_pcp(said, 50.0 + elapsed) is forgot


@pytest.mark.parametrize(
    ("said", "elapsed", "forgot"),
    [(1000, 0.0, False), (998, 0.0, False), (997, 0.0, True), (1086, 100.0, False), (1085, 100.0, True)],
)
def test_nat_pmp(said: int, elapsed: float, forgot: bool) -> None:
    epoch = GatewayEpoch()
    assert not epoch.forgot_by_nat_pmp(1000, 50.0)
    assert epoch.forgot_by_nat_pmp(said, 50.0 + elapsed) is forgot


def test_the_last_time_counts() -> None:
    epoch = GatewayEpoch()
    assert not epoch.forgot_by_pcp(1000, 0.0)
    assert epoch.forgot_by_pcp(3, 100.0)
    assert not epoch.forgot_by_pcp(103, 200.0)
