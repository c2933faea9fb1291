"""What the views show of media over TCP without ICE."""

from __future__ import annotations

import pytest

from ice.types import TransportAddress
from sdp.tcp.events import TcpConnected, TcpLost
from tests.ua.phones import account
from ua.call.gathering import asked_setup, tcp_setup
from ua.cli.call import CallRequest
from ua.cli.live import LiveState
from ua.config.file import parse_settings
from ua.events import EventLog, LogEntry
from ua.plan import MediaPlan
from ua.report.page import Report, render_report
from ua.results import CallResult
from ua.view.result_rows import result_rows

HERE = TransportAddress(host="192.0.2.1", port=5004)
THERE = TransportAddress(host="2001:db8::9", port=4000)
RESULT = CallResult(transport="tcp", why="RTP over TCP without ICE as asked (--media tcp)")


def entries(*events: object) -> tuple[LogEntry, ...]:
    log = EventLog()
    for event in events:
        log.record_event("alice", "tcp", event)
    return log.entries


def connected(*, component: int = 1, dialled: bool = True) -> TcpConnected:
    return TcpConnected(at=1.0, component=component, local=HERE, remote=THERE, dialled=dialled)


def test_the_live_line_shows_the_connection_and_its_loss() -> None:
    state = LiveState()
    lines = [
        state.feed(entry)
        for entry in entries(
            connected(),
            connected(component=2),
            TcpLost(at=2.0, component=1, reason="closed by the peer"),
            connected(dialled=False),
        )
    ]
    path = "path: TCP without ICE, 192.0.2.1:5004 to [2001:db8::9]:4000"
    assert lines == [
        f"{path}: we connected",
        None,
        "connection lost: closed by the peer",
        f"{path}: the other side connected",
    ]
    assert str(state.line()).startswith("TCP without ICE")


def test_tables_and_report_show_the_transport() -> None:
    assert dict(result_rows([RESULT]))["path"] == ["TCP without ICE"]
    page = render_report(Report(entries=entries(connected()), results=(RESULT,), verdict=RESULT.why))
    assert "TCP without ICE" in page
    assert "RTP over TCP without ICE as asked (--media tcp)" in page


def test_the_command_line_asks_for_it() -> None:
    assert CallRequest(uri="sip:bob@example.com", media="tcp").plan() == MediaPlan(media="tcp")


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
def test_the_account_file_asks_for_it(setup: str) -> None:
    settings = parse_settings(f'[media]\ntransport = "tcp"\nsetup = "{setup}"'.encode())
    ours = account("alice", media=settings.media)
    found = tcp_setup(MediaPlan(), ours)
    assert found is not None
    assert found.value == setup
    assert tcp_setup(MediaPlan(media="rtp"), ours) is None
    assert asked_setup(None, ours) is found
    assert asked_setup(b"nonsense", ours) is None
