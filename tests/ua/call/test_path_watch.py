"""What a phone makes of what ICE says about its path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from ice.messages import ConsentAnswered, PathLost, RestartAdvised, StateChanged
from ice.session import Session
from ice.types import Role, SessionState
from ua.call.path_watch import PathWatch

ANSWERED = ConsentAnswered(at=1.0, component=1, rtt_ms=5.0)
ADVISED = RestartAdvised(at=1.0, reason="silence")
FAILED = StateChanged(at=1.0, state=SessionState.FAILED, reason="consent")


@dataclass
class FakeSession:
    role: Role
    state: SessionState = SessionState.COMPLETED


def watch(role: Role, state: SessionState = SessionState.COMPLETED) -> PathWatch:
    return PathWatch(cast(Session, FakeSession(role, state)))


@pytest.mark.parametrize("role", list(Role))
def test_advice_is_for_whoever_gets_it(role: Role) -> None:
    one = watch(role)
    one.handle(ADVISED)
    assert one.is_lost
    assert one.is_ours
    assert one.reason == "silence"


def test_a_failure_is_for_the_controlling_side() -> None:
    for role in Role:
        one = watch(role)
        one.handle(FAILED)
        assert one.is_lost
        assert one.is_ours is (role is Role.CONTROLLING)


def test_a_peer_that_is_heard_again_needs_no_restart() -> None:
    one = watch(Role.CONTROLLED)
    one.handle(ADVISED)
    one.handle(ANSWERED)
    assert not one.is_lost
    assert not one.is_ours
    assert not one.reason


def test_an_answer_elsewhere_does_not_bring_back_what_is_lost() -> None:
    one = watch(Role.CONTROLLING)
    one.handle(PathLost(at=1.0, component=2, reason="address gone"))
    one.handle(ADVISED)
    one.handle(ANSWERED)
    assert one.is_lost
    one = watch(Role.CONTROLLING, SessionState.RUNNING)
    one.handle(ADVISED)
    one.handle(ANSWERED)
    assert one.is_lost, "the restart is under way"
