"""The demo as its user runs it: two phones, a firewall, one call, and a report that a browser draws."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.peers.icephone import icephone
from tests.peers.process import Programs
from tests.ua.browser import Elements, dump_dom
from ua.results import CORRELATION_THRESHOLD

pytestmark = pytest.mark.peer("chromium")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("udp", "transport"), [("blocked", "tcp"), ("open", "udp")])
async def test_the_demo_gets_through_and_shows_how(
    programs: Programs, tmp_path: Path, udp: str, transport: str
) -> None:
    report = tmp_path / "report.html"
    result: dict[str, Any] = {}
    for _ in range(3):  # as it tells its user to, where the machine loses its rhythm
        demo = await icephone(programs, "demo", "--udp", udp, "--report", report)
        await demo.program.ended(60)
        (result,) = demo.results
        if result["result"] != "quality":
            break
    assert result["result"] == result["callee"]["result"] == "ok"
    assert result["ice"]["transport"] == result["callee"]["ice"]["transport"] == transport
    assert result["ice"]["state"] == "completed"
    assert result["correlation"] >= CORRELATION_THRESHOLD
    assert (result["udp_dropped"] > 0) is (udp == "blocked")
    assert f"UDP was {udp}" in result["verdict"]
    assert f"{transport.upper()}" in result["verdict"]
    for key in ("schema", "call_id", "setup_ms", "media_ms", "codec", "sent", "received", "delay_ms", "mos"):
        assert result[key], key
    assert {"role", "nominated_ms", "local", "remote", "tcptype", "pairs"} <= result["ice"].keys()
    (tmp_path / "profile").mkdir()
    drawn = Elements(await asyncio.to_thread(dump_dom, report, tmp_path / "profile"))
    rows = [row for row in drawn.find("g", class_="row") if transport in row["class"].split()]
    assert {row["data-party"] for row in rows} == {"alice", "bob"}
    assert drawn.count("g", class_="selected") == 2
    assert len(drawn.find("g", class_="mark", data_kind="nominated")) == 2
    assert len(drawn.find("g", class_="mark", data_kind="check")) >= 2
    assert drawn.count("details", class_="message") >= 6
