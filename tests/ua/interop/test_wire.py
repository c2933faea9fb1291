"""SIP messages as the event log has them."""

from __future__ import annotations

import pytest

from ua.events import LogEntry
from ua.interop.wire import WireMessage, find, wire_messages


def entry(text: str, *, sent: bool = True, at: float = 1.0, party: str = "alice") -> LogEntry:
    direction = "out" if sent else "in"
    data = {"direction": direction, "text": text.replace("\n", "\r\n")}
    return LogEntry(at=at, party=party, source="sip", name="message", data=data)


INVITE = entry("INVITE sip:600@pbx.example SIP/2.0\ni: one\nCSeq: 1 INVITE\n\nv=0\n", at=1.0)
RINGING = entry("SIP/2.0 180 Ringing\nCall-ID: one\nCSeq: 1 INVITE\n\n", sent=False, at=1.1)
BUSY = entry("SIP/2.0 486 Busy\n Here\nCall-ID: one\nCSeq: 1 INVITE\n\n", sent=False, at=1.2)
OTHER = entry("BYE sip:600@pbx.example SIP/2.0\nCall-ID: two\nCSeq: 7 BYE\n\n", sent=False, at=1.3)
NOISE = LogEntry(at=1.0, party="alice", source="call", name="state", data={})


def test_a_request_and_a_response() -> None:
    invite, busy = WireMessage.of(INVITE), WireMessage.of(BUSY)
    assert (invite.method, invite.status, invite.call_id, invite.body) == ("INVITE", None, "one", "v=0")
    assert (busy.method, busy.status, busy.call_id) == ("INVITE", 486, "one")
    assert busy.place(1.0) == "486 Busy Here (CSeq 1 INVITE), received at 200 ms"
    assert invite.place(1.0) == "INVITE (CSeq 1 INVITE), sent at 0 ms"


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("486", True),
        ("4xx", True),
        ("[46]xx", True),
        ("486 INVITE", True),
        ("486 BYE", False),
        ("2xx", False),
        ("INVITE", False),
        ("48", False),
    ],
)
def test_words_for_a_message(words: str, is_one: bool) -> None:
    assert WireMessage.of(BUSY).is_a(words) is is_one


def test_what_is_no_message_of_sip_is_read_all_the_same() -> None:
    broken = WireMessage.of(entry("SIP/2.0 abc\nno colon\nCSeq 1\n: nothing\n\n"))
    assert (broken.status, broken.call_id) == (None, "")
    assert WireMessage.of(entry("")).place(0.0)


def test_retransmissions_count_once_and_parties_and_calls_are_told_apart() -> None:
    entries = [INVITE, NOISE, INVITE, RINGING, BUSY, BUSY, OTHER, entry("x", party="bob")]
    assert len(list(wire_messages(entries))) == 5
    assert len(list(wire_messages(entries, party="alice"))) == 4
    assert [each.status for each in wire_messages(entries, call_id="one")] == [None, 180, 486]


def test_messages_are_found_in_their_order() -> None:
    messages = list(wire_messages([INVITE, RINGING, BUSY, OTHER]))
    found, missing = find(messages, "sent INVITE", "received 486", "received BYE")
    assert ([each.at for each in found], missing) == ([1.0, 1.2, 1.3], "")
    found, missing = find(messages, "received 486", "received 180")
    assert ([each.status for each in found], missing) == ([486], "received 180")
    assert find(messages, "received INVITE")[1] == "received INVITE"
    with pytest.raises(ValueError, match="begins neither"):
        find(messages, "INVITE")
