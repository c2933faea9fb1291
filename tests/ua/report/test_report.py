"""The report: what it shows, in a real browser too, and that nothing from the wire can break it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ice.messages import CheckReceived, PairAdded, PairStateChanged, PathLost, PathSelected
from ice.types import CandidateType, FlowId, PairState
from tests.ua import recorded_call as recorded
from tests.ua.browser import Elements, dump_dom, pixels
from tests.ua.recorded_call import at, results, udp_blocked_log
from ua.errors import ResultCode, UaError
from ua.events import EventLog
from ua.report.charts import Chart, Series, build_charts, charts_html
from ua.report.file import write_report
from ua.report.ladder import build_ladder
from ua.report.page import Report, call_timeline, render_report
from ua.report.sdp_view import build_sdps
from ua.report.timeline import Row, Timeline
from ua.report.timeline_reader import build_timeline, time_zero
from ua.report.timeline_svg import describe, timeline_svg

VERDICT = "UDP was blocked: 4 checks, 0 answers. TCP active was nominated at 168 ms."


def report() -> Report:
    return Report(
        entries=udp_blocked_log().entries,
        results=results(),
        verdict=VERDICT,
        facts={"correlation": "0.9987"},
    )


def rows(log: EventLog) -> list[Row]:
    return list(build_timeline(log.entries).rows)


def kinds(row: Row) -> list[str]:
    return [mark.kind for mark in row.marks]


# --- the timeline as values -------------------------------------------------------------------------------


def test_a_row_for_each_tried_pair_of_each_party() -> None:
    found = rows(udp_blocked_log())
    assert [(row.party, row.kind, row.title) for row in found] == [
        ("alice", "udp", "UDP, host to host"),
        ("alice", "tcp", "TCP active, prflx to host"),
        ("bob", "udp", "UDP, host to host"),
        ("bob", "tcp", "TCP passive, host to prflx"),
    ]
    assert build_timeline(udp_blocked_log().entries).untried == {"alice": 1, "bob": 2}


def test_marks_of_a_pair_that_failed_and_of_one_that_was_nominated() -> None:
    udp, tcp, _, passive = rows(udp_blocked_log())
    assert kinds(udp) == ["check", "again", "again", "failed"]
    assert kinds(tcp) == ["dial", "connected", "check", "answer", "nominating", "answer", "nominated"]
    assert kinds(passive) == ["received", "check", "answer", "received", "nominated"]
    assert [round(mark.at_ms - tcp.marks[0].at_ms) for mark in tcp.marks] == [0, 50, 51, 78, 102, 128, 128]
    assert udp.outcome == "3 checks, no answer"
    assert tcp.outcome == "carries the media (2 checks, 2 answers)"
    assert (tcp.local, tcp.remote) == ("192.0.2.10:43210", "192.0.2.20:50002")


def test_times_count_from_the_invite() -> None:
    log = udp_blocked_log()
    assert time_zero(log.entries) == at(0.5)
    timeline = build_timeline(log.entries)
    assert [(round(mark.at_ms, 1), mark.text) for mark in timeline.milestones] == [
        (0.0, "INVITE"),
        (11.5, "180 Ringing"),
        (15.0, "200 OK"),
    ]
    (selected,) = timeline.rows[1].selected
    assert round(selected.start_ms, 1) == 167.5
    assert selected.reason == recorded.REASON
    assert 170 < timeline.end_ms < 260, "hanging up and closing is not part of the picture"


def test_a_path_that_moves_is_a_band_on_each_row() -> None:
    log = udp_blocked_log()
    moved = EventLog()
    for entry in log.entries:
        if entry.at < at(4000):
            moved.record(entry.at, entry.party, entry.source, entry.name, **entry.data)
    relay = recorded.pair(
        9,
        dataclasses.replace(recorded.UDP_A, type=CandidateType.RELAY),
        recorded.UDP_B,
        state=PairState.SUCCEEDED,
        selected=True,
    )
    moved.record_event("alice", "ice", PathLost(at=at(4000), component=1, reason="connection reset"))
    moved.record_event("alice", "ice", PairAdded(at=at(4010), pair=relay))
    moved.record_event(
        "alice",
        "ice",
        PathSelected(
            at=at(4050),
            component=1,
            flow=FlowId(3),
            remote=relay.remote.address,
            pair=relay,
            reason="relay left",
        ),
    )
    timeline = build_timeline(moved.entries)
    before = next(row for row in timeline.rows if row.title == "TCP active, prflx to host")
    after = next(row for row in timeline.rows if row.kind == "relay")
    assert [round(span.end_ms, 1) for span in before.selected] == [3999.5]
    assert kinds(before)[-1] == "failed"
    assert before.outcome.startswith("carried the media")
    assert after.selected[0].reason == "relay left"
    svg = Elements(timeline_svg(timeline))
    assert svg.count("g", class_="selected") == 3
    assert svg.count("polyline", class_="cut") == 1, "3.8 s without news are left out of the axis"


def test_a_pair_given_up_without_an_answer_is_no_failure_but_shown() -> None:
    log = EventLog()
    for entry in udp_blocked_log().entries:
        if not (entry.name == "pair_state_changed" and entry.data["state"] == "failed"):
            log.record(entry.at, entry.party, entry.source, entry.name, **entry.data)
    log.record_event(
        "alice",
        "ice",
        PairStateChanged(
            at=at(168.2),
            pair_id=1,
            state=PairState.IN_PROGRESS,
            reason="not needed: the component has its path",
        ),
    )
    udp = build_timeline(recorded.in_order(log).entries).rows[0]
    assert kinds(udp) == ["check", "again", "again", "stopped"]
    assert udp.outcome == "no answer, given up (3 checks, 0 answers)"


def test_what_is_torn_down_after_hanging_up_is_left_out() -> None:
    log = udp_blocked_log()
    log.record_event("bob", "ice", PathLost(at=at(5201), component=1, reason="closed by the peer"))
    passive = build_timeline(recorded.in_order(log).entries).rows[3]
    assert kinds(passive)[-1] == "nominated"
    assert passive.outcome.startswith("carries the media")


def test_questions_for_consent_do_not_fill_the_picture() -> None:
    log = udp_blocked_log()
    for second in range(1, 5):
        log.record_event(
            "bob",
            "ice",
            CheckReceived(
                at=at(1000 * second),
                component=1,
                flow=FlowId(9),
                remote=recorded.PRFLX_A.address,
                use_candidate=False,
            ),
        )
    timeline = build_timeline(recorded.in_order(log).entries)
    assert kinds(timeline.rows[3]).count("received") == 2
    assert timeline.end_ms < 260


def test_an_empty_log_makes_an_empty_picture() -> None:
    timeline = build_timeline(())
    assert timeline == Timeline(rows=(), untried={}, milestones=(), end_ms=10.0)
    page = render_report(Report(entries=()))
    assert "No candidate pair was tried." in page
    assert "No SIP message was logged." in page
    assert "The call did not come about." in page


# --- the timeline as a picture ------------------------------------------------------------------------------


def test_the_picture_is_a_valid_file_with_text_for_those_who_do_not_see_it() -> None:
    timeline = call_timeline(report())
    text = timeline_svg(timeline)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert root.find(f"{space}title") is not None
    description = root.find(f"{space}desc")
    assert description is not None
    assert description.text == describe(timeline)
    assert "alice, TCP active, prflx to host" in describe(timeline)
    assert "prefers-color-scheme:dark" in text
    assert "audio at alice" in text


def test_later_is_further_right() -> None:
    svg = Elements(timeline_svg(call_timeline(report())))
    # The first row of alice: its ticks, in the order of their times.
    text = timeline_svg(call_timeline(report()))
    row = text[
        text.index('data-party="alice" data-pair="1"') : text.index('data-party="alice" data-pair="2"')
    ]
    ticks = [float(x) for x in re.findall(r'class="tick[^"]*" x1="([\d.]+)"', row)]
    assert len(ticks) == 3
    assert ticks == sorted(ticks)
    gaps = [after - before for before, after in itertools.pairwise(ticks)]
    assert gaps[0] == pytest.approx(gaps[1], abs=0.1), "50 ms are as wide as 50 ms"
    assert svg.count("polygon", class_="star") == 3, "two nominations and the legend"


# --- ladder, charts, descriptions ---------------------------------------------------------------------------


def test_a_message_that_both_phones_logged_is_one_arrow() -> None:
    log = udp_blocked_log()
    arrows = build_ladder(log.entries, time_zero(log.entries))
    assert [(arrow.sender, arrow.receiver, arrow.label) for arrow in arrows] == [
        ("alice", "bob", "INVITE sip:bob@192.0.2.20"),
        ("bob", "alice", "100 Trying (INVITE)"),
        ("bob", "alice", "180 Ringing (INVITE)"),
        ("bob", "alice", "200 OK (INVITE)"),
        ("alice", "bob", "ACK sip:bob@192.0.2.20"),
        ("alice", "bob", "BYE sip:bob@192.0.2.20"),
        ("bob", "alice", "200 OK (BYE)"),
    ]
    assert all(arrow.flight_ms == pytest.approx(0.4, abs=0.01) for arrow in arrows)


def test_of_one_phone_the_other_end_is_an_address() -> None:
    entries = [entry for entry in udp_blocked_log().entries if entry.party == "alice"]
    arrows = build_ladder(entries, time_zero(entries))
    assert (arrows[0].sender, arrows[0].receiver) == ("alice", "192.0.2.20:5060")
    assert (arrows[1].sender, arrows[1].receiver) == ("192.0.2.20:5060", "alice")


def test_a_repeated_message_is_two_arrows() -> None:
    recorder = recorded.Recorder()
    text = recorded.request("INVITE")
    recorder.sip(0, "alice", "bob", text)
    recorder.sip(500, "alice", "bob", text)
    log = recorded.in_order(recorder.log)
    assert [round(arrow.at_ms) for arrow in build_ladder(log.entries, at(0))] == [0, 500]


@pytest.mark.parametrize("value", [tenth / 10 for tenth in range(41)])
@pytest.mark.parametrize("between", [0.0, 0.1, 0.5])
def test_names_of_lines_find_a_place_wherever_the_lines_end(value: float, between: float) -> None:
    top = Series(party="scale", points=((0.0, 4.0), (0.1, 0.0)))
    lines = [Series(party=name, points=((0.0, value + i * between),)) for i, name in enumerate("abc")]
    page = charts_html([Chart(title="t", unit="ms", series=(top, *lines))])
    heights = sorted(float(found) for found in re.findall(r'class="name"[^>]* y="(-?[0-9.]+)"', page))
    assert len(heights) == 4
    assert all(after - before >= 14.9 for before, after in itertools.pairwise(heights))


def test_charts_of_what_the_counters_say() -> None:
    log = udp_blocked_log()
    charts = {chart.title: chart for chart in build_charts(log.entries, at(0))}
    assert list(charts) == [
        "Jitter",
        "Delay (estimate)",
        "Loss over the last second",
        "Level of what arrives",
    ]
    jitter = charts["Jitter"].series
    assert [series.party for series in jitter] == ["alice", "bob"]
    assert len(jitter[0].points) == 25
    assert jitter[0].points[0] == pytest.approx((0.37, 3.1))
    loss = charts["Loss over the last second"].series[0].points
    assert max(value for _, value in loss) == pytest.approx(2.0)
    assert loss[-1][1] == 0.0


def test_a_long_call_is_thinned_and_keeps_its_peaks() -> None:
    log = EventLog()
    for tick in range(20_000):
        log.record(tick * 0.2, "alice", "media", "counters", jitter_ms=99.0 if tick == 7001 else 1.0)
    (chart,) = build_charts(log.entries, 0.0)
    points = chart.series[0].points
    assert len(points) <= 600
    assert max(value for _, value in points) == 99.0


def test_refused_lines_are_struck_out_and_candidates_in_use_marked() -> None:
    log = udp_blocked_log()
    offer, answer = build_sdps(log.entries, time_zero(log.entries))
    assert (offer.kind, offer.author) == ("offer", "alice")
    assert (answer.kind, answer.author) == ("answer", "bob")
    assert [offer.lines[number] for number in offer.refused] == [
        "a=candidate:4 1 UDP 99999999999 example.invalid 1 typ host"
    ]
    assert [offer.lines[number] for number in offer.remarks] == [
        "a=candidate:2 1 TCP 2124414975 192.0.2.10 9 typ host tcptype active"
    ]
    assert [answer.lines[number] for number in answer.remarks] == [
        "a=candidate:3 1 TCP 2120220671 192.0.2.20 50002 typ host tcptype passive"
    ]


def test_two_phones_at_one_address_have_their_own_candidates() -> None:
    log = EventLog()
    for entry in udp_blocked_log().entries:
        data = dict(entry.data)
        if entry.source == "sdp":
            data["text"] = str(data.get("text", "")).replace(recorded.BOB, recorded.ALICE)
        if "pair" in data:
            data["pair"] = copy.deepcopy(data["pair"])
            for side in ("local", "remote"):
                data["pair"][side]["address"]["host"] = recorded.ALICE
        log.record(entry.at, entry.party, entry.source, entry.name, **data)
    offer, answer = build_sdps(log.entries, at(0))
    assert [offer.lines[number].split()[-1] for number in offer.remarks] == ["active"]
    assert [answer.lines[number].split()[-1] for number in answer.remarks] == ["passive"]


def test_a_refused_line_is_found_by_its_number_even_before_its_description() -> None:
    log = EventLog()
    log.record(0.0, "bob", "sdp", "refused", line=2, text="b=NO:1", reason="unknown")
    log.record(0.0, "bob", "sdp", "offer", direction="in", text="v=0\r\nb=NO:1\r\n")
    log.record(0.0, "bob", "sdp", "refused", line=None, text="", reason="no codec in common")
    (sdp,) = build_sdps(log.entries, 0.0)
    assert sdp.refused == {1: "unknown"}
    assert sdp.author == "peer"


def test_a_stream_with_port_zero_is_struck_out_with_its_attributes() -> None:
    log = EventLog()
    text = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=sendrecv\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
    log.record(0.0, "alice", "sdp", "answer", direction="in", text=text)
    (sdp,) = build_sdps(log.entries, 0.0)
    assert sorted(sdp.refused) == [1, 2]


# --- the page -----------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else() -> None:
    page = render_report(report())
    elements = Elements(page)
    assert elements.count("script") == elements.count("link") == elements.count("img") == 0
    (policy,) = elements.find("meta", http_equiv="Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'; ")
    links = {value for _, found in elements.tags for name, value in found.items() if name in ("href", "src")}
    assert links == set()
    assert "url(" not in page
    assert "@import" not in page
    assert page.count(VERDICT) == 2


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)></style></svg></title>\u202e'


def evil_log() -> EventLog:
    """A log in which every text that comes from a peer tries to be HTML."""
    log = EventLog()
    message = f"INVITE sip:{EVIL} SIP/2.0\r\nX: {EVIL}\r\nCSeq: 1 INVITE\r\n\r\n{EVIL}"
    for entry in udp_blocked_log().entries:
        data = dict(entry.data)
        for key in ("reason", "text", "remote", "transport"):
            if isinstance(data.get(key), str):
                data[key] = EVIL
        if "candidate" in data:
            data["candidate"] = {"address": {"host": EVIL, "port": EVIL}}
        if "pair" in data:
            remote = data["pair"]["remote"] | {"address": {"host": EVIL, "port": 1}, "type": EVIL}
            data["pair"] = data["pair"] | {"remote": remote, "reason": EVIL}
        log.record(
            entry.at, entry.party if entry.party == "alice" else EVIL, entry.source, entry.name, **data
        )
    log.record(at(1), "alice", "sip", "message", direction="in", remote=EVIL, text=message, size=1)
    log.record(at(1), "alice", "sdp", "offer", direction="in", text=f"v=0\r\n{EVIL}\r\n")
    log.record(at(1), "alice", "sdp", "refused", line=2, text=EVIL, reason=EVIL)
    return recorded.in_order(log)


def evil_report() -> Report:
    caller, callee = results()
    return Report(
        entries=evil_log().entries,
        results=(
            dataclasses.replace(caller, codec=EVIL, remote=EVIL, why=EVIL),
            dataclasses.replace(callee, party=EVIL, result=ResultCode.REJECTED, error=EVIL),
        ),
        verdict=EVIL,
        facts={EVIL: EVIL},
    )


def harmless(page: str) -> None:
    elements = Elements(page)
    assert elements.count("script") == elements.count("img") == 0
    assert not [name for _, found in elements.tags for name in found if name.startswith("on")]
    assert "\u202e" not in page


def test_nothing_from_the_wire_becomes_html() -> None:
    page = render_report(evil_report())
    harmless(page)
    assert page.count("&lt;script&gt;") > 50
    ElementTree.fromstring(timeline_svg(call_timeline(evil_report())))


def test_control_characters_do_not_break_the_picture() -> None:
    log = udp_blocked_log()
    log.record(at(169), "al\x00ice\x1b", "ice", "pair_added", **dict(log.entries[0].data), pair={
        "id": 1, "local": {"transport": "udp", "type": "\x01"}, "remote": {}, "priority": 1,
    })  # fmt: skip
    log.record(at(170), "al\x00ice\x1b", "ice", "pair_nominated", pair_id=1)
    ElementTree.fromstring(timeline_svg(build_timeline(log.entries)))


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")
    write_report(target, report())
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UaError, match="cannot be written"):
        write_report(tmp_path / "no" / "report.html", report())


# --- in a browser -------------------------------------------------------------------------------------------


@pytest.mark.peer("chromium")
def test_chromium_draws_the_timeline(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, report())
    elements = Elements(dump_dom(page, tmp_path / "profile"))
    assert elements.count("svg", class_="tl") == 1
    assert [
        (row["data-party"], row["data-pair"], row["class"]) for row in elements.find("g", class_="row")
    ] == [
        ("alice", "1", "row udp"),
        ("alice", "2", "row tcp"),
        ("bob", "1", "row udp"),
        ("bob", "4", "row tcp"),
    ]
    assert len(elements.find("g", class_="mark", data_kind="check")) == 4
    assert len(elements.find("g", class_="mark", data_kind="answer")) == 3
    assert len(elements.find("g", class_="mark", data_kind="failed")) == 2
    assert len(elements.find("g", class_="mark", data_kind="nominated")) == 2
    assert elements.count("polygon", class_="star") == 3
    assert elements.count("g", class_="selected") == 2
    assert elements.count("details", class_="message") == 7
    assert elements.count("svg", class_="chart") == 4
    assert elements.count("del") == 1


@pytest.mark.peer("chromium")
def test_chromium_paints_star_and_colours(tmp_path: Path) -> None:
    page = tmp_path / "timeline.svg"
    page.write_text(timeline_svg(call_timeline(report())), encoding="utf-8")
    profile = tmp_path / "profile"
    profile.mkdir()
    colours = pixels(page, profile, height=700)
    star, udp, tcp, failed = (0xF2, 0xB7, 0x05), (0x17, 0x66, 0xC9), (0xC2, 0x56, 0x0C), (0xC4, 0x20, 0x2F)
    assert {star, udp, tcp, failed} <= colours


@pytest.mark.peer("chromium")
def test_chromium_finds_no_script_in_what_a_peer_sent(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, evil_report())
    harmless(dump_dom(page, tmp_path / "profile"))
