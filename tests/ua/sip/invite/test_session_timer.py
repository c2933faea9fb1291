"""Session timers under virtual time: who refreshes, how often, and what happens when nobody does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.config import SipConfig
from ua.sip.errors import SipParseError
from ua.sip.invite.session_timer import Refresher, SessionExpires, SessionTimer, TimerDue
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response


def request(*rows: tuple[str, object]) -> Request:
    plain = make_request()
    return Request(method="INVITE", uri=plain.uri, headers=plain.headers.with_added(*rows))


def success(expires: str = "", *rows: tuple[str, object]) -> Response:
    told = [("Session-Expires", expires), ("Require", "timer")] if expires else []
    return make_response(make_request(), 200, to_tag="b", headers=Headers.of(*told, *rows))


def timeline(timer: SessionTimer, until: float = 1e9) -> list[tuple[float, TimerDue]]:
    """What the timer wants, and when, while nothing comes of it."""
    found = []
    while (at := timer.next_timer()) is not None and at <= until:
        due = timer.handle_timer(at)
        if due is not None:
            found.append((at, due))
    return found


TABLE_2 = [
    # supported, refresher of the request -> refresher of the response
    (False, "", "uas"),
    (False, "uac", "uas"),  # not to happen: who has no timer cannot refresh
    (False, "uas", "uas"),  # not to happen
    (True, "", "uac"),
    (True, "uac", "uac"),
    (True, "uas", "uas"),
]


@pytest.mark.req("SES-1", "EXT-3")
@pytest.mark.parametrize(("supported", "asked", "answered"), TABLE_2)
def test_who_refreshes(supported: bool, asked: str, answered: str) -> None:
    timer = SessionTimer(wanted=1800)
    value = "1200" + (f";refresher={asked}" if asked else "")
    rows = [("Supported", "timer, 100rel")] if supported else []
    headers = timer.accept(request(("Session-Expires", value), *rows), 0.0)
    assert headers.first("session-expires") == f"1200;refresher={answered}"
    assert ("timer" in headers.tokens("require")) is supported
    assert "min-se" not in headers
    assert timer.refreshes is (answered == "uas")
    assert timer.interval == 1200


@pytest.mark.req("SES-1")
def test_an_interval_may_be_lowered_but_not_below_what_the_request_allows() -> None:
    def answer(expires: int, *rows: tuple[str, object], wanted: int = 1800) -> str | None:
        asked = request(("Session-Expires", expires), ("Supported", "timer"), *rows)
        return SessionTimer(wanted=wanted).accept(asked, 0.0).first("session-expires")

    assert answer(3600) == "1800;refresher=uac"
    assert answer(1800) == "1800;refresher=uac"
    assert answer(600) == "600;refresher=uac"
    assert answer(90) == "90;refresher=uac"
    assert answer(3600, ("Min-SE", 2400)) == "2400;refresher=uac"
    assert answer(3600, wanted=90) == "90;refresher=uac"
    assert answer(3600, wanted=0) == "3600;refresher=uac"


@pytest.mark.req("SES-1")
def test_too_short_an_interval_is_refused_where_the_peer_can_do_better() -> None:
    timer = SessionTimer(wanted=1800, least=120)
    assert timer.too_small(request(("Session-Expires", 119), ("Supported", "timer"))) == 120
    assert timer.too_small(request(("Session-Expires", 120), ("Supported", "timer"))) is None
    assert timer.too_small(request(("Session-Expires", 119))) is None
    assert timer.too_small(request(("Supported", "timer"))) is None
    by_proxy = timer.accept(request(("Session-Expires", 100)), 0.0)
    assert by_proxy.first("session-expires") == "100;refresher=uas"
    assert "session-expires" not in timer.accept(request(("Session-Expires", 5)), 0.0)
    assert SessionTimer(wanted=1800).too_small(request(("Session-Expires", 89), ("Supported", "timer"))) == 90


@pytest.mark.req("EXT-3", "SES-1")
def test_a_callee_asks_for_a_timer_where_the_caller_can_have_one() -> None:
    timer = SessionTimer(wanted=1800)
    headers = timer.accept(request(("Supported", "timer"), ("Min-SE", 2000)), 0.0)
    assert headers.first("session-expires") == "2000;refresher=uas"
    assert timer.refreshes
    assert timer.accept(request(), 0.0) == Headers()
    assert timer.interval is None
    assert SessionTimer(wanted=0).accept(request(("Supported", "timer")), 0.0) == Headers()


@pytest.mark.req("EXT-3")
def test_the_caller_takes_what_the_2xx_says() -> None:
    timer = SessionTimer.of(SipConfig())
    assert timer.ask().first("session-expires") == "1800"
    assert "min-se" not in timer.ask()
    timer.answered(success("1200;refresher=uac"), 0.0)
    assert (timer.interval, timer.refreshes) == (1200, True)
    assert timeline(timer) == [(600.0, TimerDue.REFRESH), (1168.0, TimerDue.EXPIRED)]
    timer.answered(success("90;refresher=UAS"), 0.0)
    assert (timer.interval, timer.refreshes) == (90, False)
    assert timeline(timer) == [(60.0, TimerDue.EXPIRED)]
    timer.answered(success("300"), 0.0)
    assert timer.refreshes
    timer.answered(success(), 0.0)
    assert timer.next_timer() is None


@pytest.mark.req("EXT-3", "SES-3")
@pytest.mark.parametrize(("interval", "refresh", "end"), [(90, 45.0, 60.0), (1800, 900.0, 1768.0)])
def test_refresh_at_half_and_the_end_in_time(interval: int, refresh: float, end: float) -> None:
    ours = SessionTimer(wanted=1800)
    ours.answered(success(f"{interval};refresher=uac"), 100.0)
    assert timeline(ours) == [(100 + refresh, TimerDue.REFRESH), (100 + end, TimerDue.EXPIRED)]
    theirs = SessionTimer(wanted=1800)
    asked = request(("Session-Expires", f"{interval};refresher=uac"), ("Supported", "timer"))
    theirs.accept(asked, 100.0)
    assert timeline(theirs) == [(100 + end, TimerDue.EXPIRED)]


@pytest.mark.req("EXT-3")
def test_each_refresh_begins_the_interval_anew() -> None:
    timer = SessionTimer(wanted=1800)
    asked = request(("Session-Expires", "90;refresher=uac"), ("Supported", "timer"))
    for at in (0.0, 45.0, 90.0):
        timer.accept(asked, at)
        assert timer.next_timer() == at + 60.0


@pytest.mark.req("SES-3")
def test_refreshes_keep_interval_and_roles() -> None:
    timer = SessionTimer(wanted=1800)
    timer.answered(success("600;refresher=uac"), 0.0)
    assert timer.ask().first("session-expires") == "600;refresher=uac"
    timer.answered(success("600;refresher=uas"), 0.0)
    assert timer.ask().first("session-expires") == "600;refresher=uas"
    # a re-INVITE of the peer that leaves it open changes nothing either
    asked = request(("Session-Expires", "600"), ("Supported", "timer"))
    assert timer.accept(asked, 0.0).first("session-expires") == "600;refresher=uac"
    assert timer.accept(request(("Supported", "timer")), 0.0).first("session-expires") == "600;refresher=uac"
    callee = SessionTimer(wanted=1800)
    callee.accept(request(("Session-Expires", "600;refresher=uas"), ("Supported", "timer")), 0.0)
    assert callee.ask().first("session-expires") == "600;refresher=uac"
    assert callee.accept(asked, 0.0).first("session-expires") == "600;refresher=uas"


@pytest.mark.req("SES-2")
def test_the_highest_min_se_stays() -> None:
    timer = SessionTimer(wanted=90)
    timer.note(request(("Session-Expires", 120), ("Min-SE", 120)))
    timer.note(request(("Session-Expires", 300), ("Min-SE", 300)))
    timer.note(request(("Session-Expires", 300), ("Min-SE", 200)))
    timer.note(request(("Session-Expires", 300), ("Min-SE", 10**9)))
    timer.note(request())
    assert (timer.ask().first("session-expires"), timer.ask().first("min-se")) == ("300", "300")
    timer.answered(success("150;refresher=uac"), 0.0)
    rows = timer.ask()
    assert (rows.first("session-expires"), rows.first("min-se")) == ("300;refresher=uac", "300")
    headers = timer.accept(request(("Session-Expires", 400), ("Min-SE", 350), ("Supported", "timer")), 0.0)
    assert "min-se" not in headers
    assert timer.ask().first("min-se") == "350"


@pytest.mark.req("SES-3")
def test_a_refused_refresh_is_tried_again_but_not_for_the_same_reason() -> None:
    timer = SessionTimer(wanted=1800)
    timer.answered(success("1800;refresher=uac"), 0.0)
    assert timer.handle_timer(900.0) is TimerDue.REFRESH
    timer.failed(500, 900.0)
    assert timer.next_timer() == 900 + (1768 - 900) / 2
    assert timer.handle_timer(1334.0) is TimerDue.REFRESH
    timer.failed(500, 1334.0)
    assert timeline(timer) == [(1768.0, TimerDue.EXPIRED)]
    timer.answered(success("1800;refresher=uac"), 0.0)
    assert timer.handle_timer(900.0) is TimerDue.REFRESH
    timer.failed(500, 900.0)
    assert timer.handle_timer(1334.0) is TimerDue.REFRESH
    timer.answered(success("1800;refresher=uac"), 1334.0)
    assert timer.next_timer() == 1334.0 + 900.0


def test_without_the_extension_nothing_is_said_or_heard() -> None:
    timer = SessionTimer.of(SipConfig(supported=()))
    asked = request(("Session-Expires", "60"), ("Min-SE", 300), ("Supported", "timer"))
    assert timer.ask() == Headers()
    assert timer.too_small(asked) is None
    assert timer.accept(asked, 0.0) == Headers()
    timer.note(asked)
    timer.answered(success("60;refresher=uac"), 0.0)
    assert (timer.next_timer(), timer.min_se) == (None, 0)


@pytest.mark.parametrize("text", ["", "x", "-1", "1800 uac", "4294967296", "1e3"])
def test_what_is_no_session_expires(text: str) -> None:
    with pytest.raises(SipParseError):
        SessionExpires.parse(text)
    assert SessionExpires.of(request(("Session-Expires", text))) is None


def test_parameters_of_session_expires() -> None:
    assert SessionExpires.parse("90;x=1;Refresher=UAC;y").refresher is Refresher.UAC
    assert SessionExpires.parse("90 ; refresher = uas").refresher is Refresher.UAS
    assert SessionExpires.parse("90;refresher=nobody").refresher is None
    assert SessionExpires.parse("90;refresher=uacx").refresher is None


@given(seconds=st.integers(0, 2**32 - 1), refresher=st.sampled_from([None, *Refresher]))
def test_session_expires_is_read_as_written(seconds: int, refresher: Refresher | None) -> None:
    value = SessionExpires(seconds=seconds, refresher=refresher)
    assert SessionExpires.parse(str(value)) == value


@given(
    ours=st.integers(0, 5000),
    least=st.integers(90, 500),
    asked=st.one_of(st.none(), st.integers(0, 5000)),
    min_se=st.one_of(st.none(), st.integers(90, 3000)),
    refresher=st.sampled_from(["", ";refresher=uac", ";refresher=uas"]),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.req("SES-1", "EXT-3")
def test_two_sides_agree_on_interval_and_refresher(
    ours: int, least: int, asked: int | None, min_se: int | None, refresher: str
) -> None:
    rows: list[tuple[str, object]] = [("Supported", "timer")]
    if asked is not None:
        asked = max(asked, min_se or 0)
        rows.append(("Session-Expires", f"{asked}{refresher}"))
    if min_se is not None:
        rows.append(("Min-SE", min_se))
    invite = request(*rows)
    callee, caller = SessionTimer(wanted=ours, least=least), SessionTimer(wanted=asked or 0)
    refusal = callee.too_small(invite)
    if refusal is not None:
        assert asked is not None
        assert asked < least == refusal
        return
    headers = callee.accept(invite, 0.0)
    caller.answered(make_response(invite, 200, to_tag="b", headers=headers), 0.0)
    assert caller.interval == callee.interval
    told = headers.first("session-expires")
    if told is None:
        assert caller.next_timer() is callee.next_timer() is None
        return
    agreed = SessionExpires.parse(told)
    assert agreed.refresher is not None
    assert agreed.seconds >= (min_se or 90)
    if asked is not None:
        assert agreed.seconds <= asked
        assert refresher in ("", f";refresher={agreed.refresher}")
    assert caller.refreshes is not callee.refreshes
    refreshing, waiting = (caller, callee) if caller.refreshes else (callee, caller)
    first, end = refreshing.next_timer(), waiting.next_timer()
    assert first is not None
    assert end is not None
    assert first < end  # the refresh comes before the other side gives up
