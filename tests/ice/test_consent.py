"""Consent freshness: intervals, expiry, revocation, keepalives."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.checks.role import RoleKeeper
from ice.config import IceConfig
from ice.paths.consent import Consent, ConsentAnswer
from ice.stun.attributes import UseCandidate, Username
from ice.stun.binding import binding_error, binding_success
from ice.stun.message import MessageClass, StunMessage, parse, short_term_key
from ice.types import Credentials, Role, TransportAddress

OURS = Credentials(ufrag="ours", password="our-password-of-22-characters")
THEIRS = Credentials(ufrag="them", password="their-password-of-22-characters")
KEY = short_term_key(THEIRS.password)
SOMEWHERE = TransportAddress(host="192.0.2.1", port=4000)


def consent(seed: int = 1, config: IceConfig | None = None) -> Consent:
    source = random.Random(seed)
    return Consent(
        local=OURS,
        remote=THEIRS,
        roles=RoleKeeper(Role.CONTROLLING, 1, source.randbytes),
        priority=1,
        config=config or IceConfig(),
        random=source.randbytes,
        now=0.0,
    )


def next_request(of: Consent) -> tuple[float, StunMessage]:
    now = of.next_timer
    data = of.due(now)
    assert data is not None
    return now, parse(data)


@pytest.mark.req("CON-2", "ICETCP-K-1")
def test_a_thousand_intervals() -> None:
    fresh = consent(config=IceConfig(consent_timeout_s=1e9))
    times, ids = [0.0], set()
    for _ in range(1000):
        now, request = next_request(fresh)
        assert fresh.due(now) is None, "each request is sent once"
        times.append(now)
        ids.add(request.transaction_id)
    intervals = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(ids) == 1000
    assert 4.0 <= min(intervals) < 4.1
    assert 5.9 < max(intervals) <= 6.0
    assert len(set(intervals)) > 900


@pytest.mark.req("CON-2", "ICE-7.1.2-1")
def test_a_consent_check_is_a_check_that_nominates_nothing() -> None:
    _, request = next_request(consent())
    assert request.message_class is MessageClass.REQUEST
    assert request.verifies(KEY)
    assert request.get(Username) == Username(value="them:ours")
    assert request.get(UseCandidate) is None
    assert request.fingerprint


@pytest.mark.req("CON-3", "ICETCP-K-1")
def test_thirty_seconds_of_silence_end_it() -> None:
    fresh = consent()
    assert not fresh.expired(29.999)
    assert fresh.expired(30.0)
    assert fresh.expires_at == 30.0


@pytest.mark.req("CON-2", "CON-4", "ICETCP-K-4")
def test_an_answer_renews_it_even_to_an_earlier_check() -> None:
    fresh = consent()
    _, first = next_request(fresh)
    now, second = next_request(fresh)
    answer = parse(binding_success(first, SOMEWHERE, KEY))
    assert fresh.expects(answer.transaction_id)
    said, rtt_s = fresh.handle_response(answer, now + 0.05)
    assert said is ConsentAnswer.GIVEN
    assert rtt_s > 4.0
    assert fresh.expires_at == now + 30.05
    assert not fresh.expects(first.transaction_id)
    assert fresh.expects(second.transaction_id)
    assert not fresh.expects(bytes(12))


@pytest.mark.req("CON-5")
def test_only_an_authenticated_403_revokes_it() -> None:
    fresh = consent()
    now, request = next_request(fresh)
    for key, code, expected in (
        (None, 403, ConsentAnswer.WORTHLESS),
        (b"somebody else", 403, ConsentAnswer.WORTHLESS),
        (KEY, 500, ConsentAnswer.WORTHLESS),
    ):
        answer = parse(binding_error(request, code, "", key))
        assert fresh.handle_response(answer, now)[0] is expected
        if key is not KEY:
            assert fresh.expects(request.transaction_id), "a forgery leaves the request open"
    now, request = next_request(fresh)
    answer = parse(binding_error(request, 403, "Forbidden", KEY))
    assert fresh.handle_response(answer, now)[0] is ConsentAnswer.REVOKED


@pytest.mark.req("CON-3")
@given(st.binary(min_size=1, max_size=20))
def test_a_success_with_another_key_renews_nothing(key: bytes) -> None:
    fresh = consent()
    now, request = next_request(fresh)
    answer = parse(binding_success(request, SOMEWHERE, key))
    assert fresh.handle_response(answer, now)[0] is ConsentAnswer.WORTHLESS
    assert fresh.expires_at == 30.0


@pytest.mark.req("ICE-11-1", "ICE-11-3")
def test_a_keepalive_fills_a_silence_of_fifteen_seconds_and_no_shorter_one() -> None:
    rare = consent(config=IceConfig(consent_interval_s=50.0, consent_timeout_s=300.0))
    assert rare.next_timer == 15.0
    assert rare.due(14.999) is None
    data = rare.due(15.0)
    assert data is not None
    indication = parse(data)
    assert indication.message_class is MessageClass.INDICATION
    assert indication.fingerprint
    assert indication.integrity_algorithm is None
    assert rare.next_timer == 30.0
    normal = consent()
    for _ in range(20):
        now, message = next_request(normal)
        assert message.message_class is MessageClass.REQUEST, "consent checks are traffic enough"
        normal.refresh(now)
