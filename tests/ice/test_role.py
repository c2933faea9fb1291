"""Role conflicts: every combination of roles and tie-breakers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.checks.role import RoleKeeper, Verdict
from ice.types import Role

TIE = st.integers(0, 2**64 - 1)


def keeper(role: Role, tie_breaker: int) -> RoleKeeper:
    return RoleKeeper(role, tie_breaker, lambda n: b"\x07" * n)


@pytest.mark.req("ICE-7.3.1.1-1")
@pytest.mark.parametrize(
    ("ours", "our_tie", "theirs", "their_tie", "verdict", "role"),
    [
        (Role.CONTROLLING, 2, Role.CONTROLLING, 1, Verdict.REFUSE, Role.CONTROLLING),
        (Role.CONTROLLING, 2, Role.CONTROLLING, 2, Verdict.REFUSE, Role.CONTROLLING),
        (Role.CONTROLLING, 1, Role.CONTROLLING, 2, Verdict.SWITCHED, Role.CONTROLLED),
        (Role.CONTROLLED, 2, Role.CONTROLLED, 1, Verdict.SWITCHED, Role.CONTROLLING),
        (Role.CONTROLLED, 2, Role.CONTROLLED, 2, Verdict.SWITCHED, Role.CONTROLLING),
        (Role.CONTROLLED, 1, Role.CONTROLLED, 2, Verdict.REFUSE, Role.CONTROLLED),
        (Role.CONTROLLING, 1, Role.CONTROLLED, 2, Verdict.FINE, Role.CONTROLLING),
        (Role.CONTROLLED, 1, Role.CONTROLLING, 2, Verdict.FINE, Role.CONTROLLED),
    ],
)
def test_table(ours: Role, our_tie: int, theirs: Role, their_tie: int, verdict: Verdict, role: Role) -> None:
    agent = keeper(ours, our_tie)
    assert agent.judge(theirs, their_tie) is verdict
    assert agent.role is role


@pytest.mark.req("ICE-7.2.5.1-1", "ICE-7.1.3-1")
@pytest.mark.parametrize("role", list(Role))
def test_a_487_flips_what_was_claimed_and_only_once(role: Role) -> None:
    agent = keeper(role, 1)
    assert agent.lost(role)
    assert agent.role is role.other
    assert agent.tie_breaker == int.from_bytes(b"\x07" * 8, "big")
    assert not agent.lost(role), "a late answer to a request from before the switch"
    assert agent.role is role.other


@pytest.mark.req("ICE-7.3.1.1-1")
@given(st.sampled_from(Role), TIE, TIE)
def test_of_two_with_one_role_exactly_one_changes(role: Role, one: int, other: int) -> None:
    a, b = keeper(role, one), keeper(role, other)
    verdict = b.judge(role, a.tie_breaker)
    if verdict is Verdict.REFUSE:
        assert a.lost(role)
    else:
        assert verdict is Verdict.SWITCHED
    assert a.role is b.role.other


def test_a_tie_breaker_has_64_bits() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        keeper(Role.CONTROLLING, 2**64)
