"""The live line and the trace: views of the event log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.ua.recorded_call import REASON, at, udp_blocked_log
from ua.cli.live import METER_CELLS, LiveLine, LiveState, meter
from ua.cli.output import Output
from ua.cli.trace import trace_log
from ua.events import EventLog, LogEntry
from ua.view.media import MediaView
from ua.view.trace_lines import format_entry


def fed(until_ms: float, party: str | None = None) -> tuple[LiveState, list[str]]:
    """The state after all entries up to `until_ms`, and the plain lines on the way."""
    state = LiveState(party)
    lines = [
        line
        for entry in udp_blocked_log().entries
        if entry.at <= at(until_ms) and (line := state.feed(entry))
    ]
    return state, lines


def test_before_there_is_a_path_the_phase_is_shown() -> None:
    state, lines = fed(10)
    assert lines == ["calling"]
    assert str(state.line()) == "calling"


def test_the_path_and_why_it_is_this_one() -> None:
    state, lines = fed(169)
    assert lines[-1] == f"path: TCP active, 192.0.2.10:43210 to 192.0.2.20:50002: {REASON}"
    line = str(state.line())
    assert line.startswith("TCP active")
    assert line.endswith(REASON)
    assert "rtt 26 ms" in line


def test_levels_loss_delay_and_quality_while_it_talks() -> None:
    state, _ = fed(5100)
    line = str(state.line())
    assert f"out [{meter(-20.0)}]" in line
    assert f"in [{meter(-24.0)}]" in line
    assert "loss 0.4 %" in line
    assert "0:04" in line
    assert "rtt 25 ms" in line
    assert "MOS 4.3" in line
    assert "delay 75 ms" in line


def test_the_loss_is_the_one_that_the_score_was_made_of() -> None:
    state, _ = fed(5100)
    data = {"received_packets": 900, "lost": 800, "late": 0, "mos": 3.2, "loss_percent": 12.5}
    state.feed(LogEntry(at=at(5200), party="alice", source="media", name="media_counters", data=data))
    assert "loss 12.5 %  MOS 3.2" in str(state.line())


def test_who_is_muted_sees_it() -> None:
    state, _ = fed(5100)
    assert "muted" not in str(state.line())

    def muted(value: bool) -> str | None:
        data = {"muted": value}
        return state.feed(LogEntry(at=at(5200), party="alice", source="call", name="muted", data=data))

    assert muted(True) == "muted: the other side hears silence"
    assert "  muted  rtt" in str(state.line())
    assert muted(False) == "heard again"
    assert "muted" not in str(state.line())


def test_the_level_that_the_other_side_tells_stands_beside_ours() -> None:
    state, _ = fed(5100)
    assert "peer [" not in str(state.line()), "it tells none"
    data = {"at": 5.2, "level_sent_dbfs": -20.0, "level_received_dbfs": -24.0, "level_told_dbov": -11.0}
    state.feed(LogEntry(at=at(5200), party="alice", source="media", name="media_counters", data=data))
    assert f"in [{meter(-24.0)}]  peer [{meter(-11.0)}]" in str(state.line())


def test_a_microphone_or_a_file_that_fails_is_told() -> None:
    data = {"at": 1.0, "reason": "headset: the device stopped"}
    entry = LogEntry(at=1.0, party="alice", source="media", name="audio_failed", data=data)
    assert LiveState().feed(entry) == "audio: headset: the device stopped"


def test_the_other_party_does_not_mix_in() -> None:
    state, lines = fed(5100, "bob")
    assert lines[0] == "path: TCP passive, 192.0.2.20:50002 to 192.0.2.10:43210: the peer nominated TCP"
    assert state.path == "TCP passive"


def test_a_lost_path_says_so() -> None:
    state, _ = fed(300)
    line = state.feed(
        LogEntry(
            at=at(400),
            party="alice",
            source="ice",
            name="path_lost",
            data={"component": 1, "reason": "reset"},
        )
    )
    assert line == "path lost: reset"
    assert str(state.line()) == "path lost: reset"


def test_the_meter() -> None:
    assert meter(0.0) == "█" * METER_CELLS
    assert meter(-60.0) == meter(-127.0) == " " * METER_CELLS
    assert meter(None) == "·" * METER_CELLS
    assert meter(3.0) == meter(0.0)
    fullness = [meter(float(level)).count("█") for level in range(-60, 1)]
    assert fullness == sorted(fullness)


def test_the_delay_has_the_packets_of_the_peer() -> None:
    data = {"buffer_ms": 40.0, "round_trip_ms": 10.0, "packet_ms": 60.0}
    assert MediaView.from_data(data).delay_ms == 105.0
    assert MediaView.from_data(data | {"packet_ms": 0.0}).delay_ms is None, "nothing came yet"


def test_loss_counts_late_packets_and_no_negative_numbers() -> None:
    before = MediaView(received=100, lost=0, late=0)
    assert MediaView(received=190, lost=10, late=0).loss_percent_since(before) == 10.0
    assert MediaView(received=200, lost=0, late=5).loss_percent_since(before) == 5.0
    assert before.loss_percent_since(before) is None
    assert MediaView.from_data({"lost": -3, "received_packets": 1}).lost == 0
    assert (
        MediaView.from_data({"lost": "x", "jitter_ms": True, "level_sent_dbfs": float("nan")}) == MediaView()
    )


def output(*, terminal: bool, quiet: bool = False, verbose: bool = False) -> tuple[Output, io.StringIO]:
    screen = io.StringIO()
    out = Output(quiet=quiet, verbose=verbose)
    out.stderr = Console(file=screen, force_terminal=terminal, width=100, highlight=False, color_system=None)
    return out, screen


def replay(out: Output) -> None:
    log = EventLog()
    with LiveLine(log, out):
        for entry in udp_blocked_log().entries:
            log.record(entry.at, entry.party, entry.source, entry.name, **entry.data)


def test_without_a_terminal_there_is_a_plain_line_per_change() -> None:
    out, screen = output(terminal=False)
    replay(out)
    lines = screen.getvalue().splitlines()
    assert lines[0] == "calling"
    assert lines[1].startswith("path: TCP active")
    assert len(lines) == 4
    assert "\x1b" not in screen.getvalue()


def test_on_a_terminal_one_line_is_rewritten_and_removed() -> None:
    out, screen = output(terminal=True)
    replay(out)
    text = screen.getvalue()
    assert text.count("MOS") > 3
    assert "\x1b[2K" in text
    shown = [line for line in text.replace("\r", "\n").split("\n") if "TCP active" in line]
    assert max(len(line) for line in shown) <= 100 + len("\x1b[?25l\x1b[2K")


def test_quiet_shows_nothing() -> None:
    for terminal in (True, False):
        out, screen = output(terminal=terminal, quiet=True)
        replay(out)
        assert screen.getvalue() == ""


# --- the trace of -v --------------------------------------------------------------------------------------


def test_the_trace_holds_messages_whole_and_milestones() -> None:
    out, screen = output(terminal=False, verbose=True)
    log = EventLog()
    stop = trace_log(log, out)
    for entry in udp_blocked_log().entries:
        log.record(entry.at, entry.party, entry.source, entry.name, **entry.data)
    stop()
    log.record(at(9000), "alice", "call", "state", state="ended", reason="")
    text = screen.getvalue()
    assert (
        "192.0.2.10:5060 --> 192.0.2.20:5060  udp, 685 bytes\n    INVITE sip:bob@192.0.2.20 SIP/2.0\n" in text
    )
    assert "192.0.2.20:5060 <-- 192.0.2.10:5060" in text
    assert "path_selected" in text
    assert "packet_refused" in text
    assert "check_sent" not in text
    assert "state=ended" not in text


def test_without_v_there_is_no_trace() -> None:
    out, screen = output(terminal=False)
    log = EventLog()
    trace_log(log, out)
    log.record(0.0, "alice", "sip", "message", text="INVITE", direction="out")
    assert screen.getvalue() == ""


@pytest.mark.parametrize("evil", ["\x1b]0;owned\x07", "\x9b31m", "a\u202eb", "\x08\x08"])
def test_text_from_the_wire_cannot_drive_the_terminal(evil: str) -> None:
    out, screen = output(terminal=True, verbose=True)
    log = EventLog()
    stop = trace_log(log, out)
    with LiveLine(log, out):
        log.record(0.0, "alice", "call", "state", state="ringing", reason=evil)
        log.record(
            0.1, "alice", "sip", "message", text=f"INVITE {evil}\r\nX: {evil}", direction="in", remote=evil
        )
    stop()
    assert evil not in screen.getvalue()
    entry = LogEntry(at=0.0, party="alice", source="media", name="counters", data={})
    assert format_entry(entry, 0.0) is None


def test_protection_is_shown_where_there_is_any() -> None:
    state = fed(169)[0]
    assert "SRTP" not in str(state.line())
    protected = LogEntry(
        at=at(170), party=state.party or "", source="call", name="protected",
        data={"profile": "AEAD_AES_128_GCM", "by": "dtls"},
    )  # fmt: skip
    assert state.feed(protected) == "media is encrypted: AEAD_AES_128_GCM (DTLS)"
    assert "SRTP" in str(state.line())
    told = LogEntry(
        at=at(170), party=state.party or "", source="call", name="unprotected", data={"reason": "no keys"}
    )
    assert state.feed(told) == "no keys"
