"""Status codes, for each method, inside and outside of dialogs."""

from __future__ import annotations

import pytest

from ua.sip.retry.outcome import Outcome, outcome

P, D, R, C, A = Outcome.PENDING, Outcome.DONE, Outcome.REDIRECTED, Outcome.CHALLENGED, Outcome.AMENDABLE
B, G, X, F, E = (
    Outcome.TOO_BRIEF,
    Outcome.GLARE,
    Outcome.DIALOG_GONE,
    Outcome.FAILED,
    Outcome.REFUSED_EVERYWHERE,
)

USES = (("INVITE", False), ("INVITE", True), ("BYE", True), ("REGISTER", False), ("OPTIONS", False))
"""INVITE, re-INVITE, BYE, REGISTER, OPTIONS."""

TABLE: dict[int, tuple[Outcome, ...]] = {
    **dict.fromkeys((100, 180, 181, 182, 183, 199), (P,) * 5),
    **dict.fromkeys((200, 202, 204, 299), (D,) * 5),
    **dict.fromkeys((300, 301, 302, 305, 399), (R,) * 5),
    380: (F,) * 5,
    **dict.fromkeys((401, 407), (C,) * 5),
    **dict.fromkeys((415, 416, 420, 421, 422), (A,) * 5),
    **dict.fromkeys((408, 481), (F, X, X, F, F)),
    423: (F, F, F, B, F),
    491: (F, G, F, F, F),
    **dict.fromkeys(
        (400, 402, 403, 404, 405, 406, 410, 413, 414, 433, 436, 480, 482, 483, 484, 485), (F,) * 5
    ),
    **dict.fromkeys((486, 487, 488, 489, 493, 494, 499), (F,) * 5),
    **dict.fromkeys((500, 501, 502, 503, 504, 505, 513, 580, 599), (F,) * 5),
    **dict.fromkeys((600, 603, 604, 606, 699), (E,) * 5),
}


@pytest.mark.req("DLG-4", "UAC-7")
def test_the_table_of_codes() -> None:
    assert len(TABLE) >= 60
    for status, wanted in TABLE.items():
        found = tuple(outcome(status, method, in_dialog=in_dialog) for method, in_dialog in USES)
        assert found == wanted, status


@pytest.mark.req("DLG-4", "UAC-7")
@pytest.mark.parametrize(("unknown", "base"), [(299, 200), (399, 300), (499, 400), (599, 500), (699, 600)])
def test_an_unknown_code_counts_as_that_of_its_class(unknown: int, base: int) -> None:
    for method, in_dialog in USES:
        assert outcome(unknown, method, in_dialog=in_dialog) is outcome(base, method, in_dialog=in_dialog)


def test_every_code_means_something_for_every_method() -> None:
    for status in range(100, 700):
        for method, in_dialog in (*USES, ("SUBSCRIBE", True), ("UPDATE", True), ("X-ODD", False)):
            assert outcome(status, method, in_dialog=in_dialog) in Outcome
    assert outcome(491, "UPDATE", in_dialog=True) is Outcome.GLARE
