"""Which calls are answered without a person, by headers and policy alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.call.auto_answer import LONGEST_S, AutoAnswer, asked, granted, refused
from ua.config.calls import AutoAnswerPolicy
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri

POLICIES: tuple[AutoAnswerPolicy, ...] = ("never", "local", "always")


def invite(*rows: tuple[str, str]) -> Request:
    return Request(method="INVITE", uri=Uri.parse("sip:bob@example.com"), headers=Headers.of(*rows))


@pytest.mark.parametrize(
    ("row", "wish"),
    [
        (("Answer-Mode", "Auto"), AutoAnswer()),
        (("Answer-Mode", "auto;require"), AutoAnswer(required=True)),
        (("Priv-Answer-Mode", "Auto"), AutoAnswer()),
        (("Answer-Mode", "Manual"), None),
        (("Call-Info", "<sip:192.0.2.1>;answer-after=0"), AutoAnswer()),
        (("Call-Info", "<sip:192.0.2.1>; Answer-After=3;x=1"), AutoAnswer(after_s=3)),
        (("Call-Info", "<sip:192.0.2.1>;answer-after=9999"), AutoAnswer(after_s=LONGEST_S)),
        (("Alert-Info", "<http://192.0.2.1>;info=alert-autoanswer;delay=2"), AutoAnswer(after_s=2)),
        (("Alert-Info", '<http://192.0.2.1>;info="alert-autoanswer"'), AutoAnswer()),
        (("Alert-Info", "<http://192.0.2.1/alert-autoanswer.wav>"), None),
        (("Call-Info", "<http://192.0.2.1/answer-after>;purpose=icon"), None),
        (("Subject", "answer-after=0"), None),
    ],
)
def test_what_callers_ask_for(row: tuple[str, str], wish: AutoAnswer | None) -> None:
    assert asked(invite(row)) == wish


@given(st.sampled_from(["Answer-Mode", "Call-Info", "Alert-Info"]), st.text(st.characters(min_codepoint=32)))
def test_any_header_is_read(name: str, value: str) -> None:
    wish = asked(invite((name, value)))
    assert wish is None or 0 <= wish.after_s <= LONGEST_S


@pytest.mark.req("UAS-10")
@given(
    st.none() | st.builds(AutoAnswer, after_s=st.floats(0, 60), required=st.booleans()),
    st.sampled_from(POLICIES),
    st.booleans(),
)
def test_nobody_is_answered_unasked_but_by_policy(
    wish: AutoAnswer | None, policy: AutoAnswerPolicy, proved: bool
) -> None:
    after_s = granted(wish, policy, proved=proved)
    if policy == "never" or (policy == "local" and not (proved and wish is not None)):
        assert after_s is None
        assert refused(wish, after_s) is (wish is not None and wish.required)
    else:
        assert after_s == (0.0 if wish is None else wish.after_s)
        assert not refused(wish, after_s)
