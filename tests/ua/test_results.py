"""The JSON objects that scripts read."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.ua.recorded_call import results
from ua.errors import CallRejected, NoMediaPath, ResultCode, UaError
from ua.results import CallResult, DemoResult, IceSummary, Traffic
from ua.view.result_rows import result_rows


def test_the_object_of_a_call_has_all_its_keys() -> None:
    caller, _ = results()
    value = json.loads(json.dumps(caller.to_json(), allow_nan=False))
    assert value["schema"] == 1
    assert value["result"] == "ok"
    assert value["call_id"] == "c1@example.com"
    assert (value["setup_ms"], value["media_ms"]) == (15.9, 189.3)
    ice = value["ice"]
    assert (ice["state"], ice["role"], ice["nominated_ms"]) == ("completed", "controlling", 150.0)
    assert (ice["transport"], ice["tcptype"]) == ("tcp", "active")
    assert (ice["local"], ice["remote"]) == ("192.0.2.10:43210", "192.0.2.20:50002")
    assert [pair["state"] for pair in ice["pairs"]] == ["failed", "succeeded"]
    assert ice["pairs"][1]["local"]["type"] == "prflx"
    assert value["sent"] == {"packets": 250, "bytes": 40000, "lost": 0, "dropped_stale": 0, "jitter_ms": 1.2}
    assert value["received"]["lost"] == 1
    assert value["delay_ms"] == {"p50": 61.0, "p99": 92.4}
    assert (value["codec"], value["srtp"], value["mos"]) == ("PCMU", None, 4.31)
    assert value["path_changes"][0]["transport"] == "tcp"


def test_what_is_unknown_is_null() -> None:
    value = CallResult().to_json()
    for key in (
        "call_id",
        "setup_ms",
        "media_ms",
        "ice",
        "codec",
        "srtp",
        "sent",
        "received",
        "mos",
        "peer_mos",
        "error",
    ):
        assert value[key] is None
    assert value["delay_ms"] == {"p50": None, "p99": None}
    assert value["path_changes"] == []


def test_numbers_that_are_none_become_null() -> None:
    value = CallResult(
        mos=float("nan"), setup_ms=float("inf"), sent=Traffic(jitter_ms=float("nan"))
    ).to_json()
    assert json.dumps(value, allow_nan=False)
    assert value["mos"] is None
    assert value["sent"]["jitter_ms"] is None


def test_no_password_of_ice_is_in_the_object() -> None:
    caller, _ = results()
    assert "pwd" not in json.dumps(caller.to_json())
    assert "password" not in json.dumps(caller.to_json())


def test_the_path_is_that_of_the_selected_pair_of_component_one() -> None:
    caller, _ = results()
    assert caller.ice is not None
    pairs = caller.ice.pairs
    other = dataclasses.replace(pairs[0], component=2, selected=True)
    summary = IceSummary.from_pairs((other, pairs[1]), state="completed", role=None, nominated_ms=None)
    assert summary.transport == "tcp"
    assert (summary.local_type, summary.remote_type) == (
        pairs[1].local.type.value,
        pairs[1].remote.type.value,
    )
    assert summary.reason == pairs[1].reason
    none = IceSummary.from_pairs(
        (pairs[0],), state="failed", role=None, nominated_ms=None, reason="all failed"
    )
    assert (none.transport, none.local, none.reason) == (None, None, "all failed")


def test_people_see_that_a_relay_is_used() -> None:
    ice = IceSummary(state="completed", transport="udp", local="a", remote="b", local_type="relay")
    rows = dict(result_rows([CallResult(ice=ice)]))
    assert rows["path"] == ["UDP by relay, a to b"]


def test_a_failed_call_has_the_code_of_its_error() -> None:
    result = CallResult.failed(CallRejected("busy", sip_code=486), call_id="x")
    assert (result.result, result.sip_code, result.error) == (ResultCode.REJECTED, 486, "busy")
    assert result.exit_code == 4
    assert CallResult.failed(NoMediaPath("none")).to_json()["result"] == "no_media_path"


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("ok", 0), ("internal", 1), ("usage", 2), ("configuration", 2), ("authentication", 3),
        ("rejected", 4), ("timeout", 5), ("unreachable", 5), ("tls", 6), ("no_media_path", 7),
        ("media_one_way", 8), ("quality", 9), ("interrupted", 130),
    ],
)  # fmt: skip
def test_exit_codes(code: str, exit_code: int) -> None:
    assert ResultCode(code).exit_code == exit_code


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = UaError.__subclasses__()
    named = [kind for kind in kinds if kind.__module__ == "ua.errors"]
    assert len({kind.code for kind in named}) == len(named) == len(ResultCode) - 2


def demo(
    correlation: float, caller: ResultCode = ResultCode.OK, callee: ResultCode = ResultCode.OK
) -> DemoResult:
    one, other = results()
    return DemoResult(
        caller=dataclasses.replace(one, result=caller),
        callee=dataclasses.replace(other, result=callee),
        correlation=correlation,
        verdict="UDP was blocked",
        udp_dropped=7,
    )


def test_the_object_of_the_demo_is_that_of_the_caller_and_more() -> None:
    value = demo(0.99873).to_json()
    assert value["result"] == "ok"
    assert value["ice"]["transport"] == "tcp"
    assert (value["correlation"], value["udp_dropped"], value["verdict"]) == (0.9987, 7, "UDP was blocked")
    assert value["callee"]["party"] == "bob"


def test_the_demo_is_as_good_as_its_worst_part() -> None:
    assert demo(0.95).result is ResultCode.OK
    assert demo(0.9499).result is ResultCode.QUALITY
    assert demo(0.99, caller=ResultCode.NO_MEDIA_PATH).result is ResultCode.NO_MEDIA_PATH
    assert demo(0.1, callee=ResultCode.MEDIA_ONE_WAY).result is ResultCode.MEDIA_ONE_WAY
