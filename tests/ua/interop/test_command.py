"""`icephone test`: which peer is meant, what is shown, what is written, how it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.ua.interop.pbx import PASSWORD, small_pbx
from tests.ua.screen import Screen, objects
from ua.cli.interop_list import show_peers, show_scenarios
from ua.cli.interop_peer import PeerRequest, chosen_peer
from ua.cli.interop_progress import Progress, outcome_lines
from ua.cli.interop_results import report_runs, show_difference
from ua.cli.interop_run import RunRequest, firewall, run_scenarios
from ua.cli.runner import Stop
from ua.errors import ConfigurationError, ResultCode, UsageError
from ua.interop.catalog import all_scenarios
from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Peer
from ua.interop.results import read_results

SERVER = "sip:pbx.example"


@pytest.fixture(autouse=True)
def nobody_elses_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    for name in ("ICEPHONE_CONFIG", "ICEPHONE_PASSWORD", "ICEPHONE_PASSWORD_2"):
        monkeypatch.delenv(name, raising=False)


def known(request: PeerRequest, **environ: str) -> Peer:
    return chosen_peer(request, {"XDG_CONFIG_HOME": "/nowhere", "HOME": "/nowhere", **environ})[0]


# --- which peer -----------------------------------------------------------------------------------------


def test_an_address_and_an_account_are_enough() -> None:
    peer = known(PeerRequest(peer="sip:pbx.example:5070", users=("1001",)), ICEPHONE_PASSWORD="secret")
    assert (peer.name, peer.uri, peer.address("600")) == (
        "pbx.example",
        "sip:pbx.example:5070",
        "sip:600@pbx.example:5070",
    )
    assert [(each.user, each.auth_user, each.password) for each in peer.accounts] == [
        ("1001", "1001", "secret")
    ]
    assert {"account", "registrar", "udp", "tcp"} <= peer.offers
    assert not {"echo", "second_account"} & peer.offers


def test_passwords_come_from_files_variables_and_people(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("first\n", encoding="utf-8")
    two.write_text("second\n", encoding="utf-8")

    def passwords(*files: Path, **environ: str) -> list[str | None]:
        request = PeerRequest(peer=SERVER, users=("1", "2", "3"), password_files=files)
        peer, _ = chosen_peer(
            request, {"HOME": str(tmp_path), **environ}, ask=lambda user: f"said for {user}"
        )
        return [each.password for each in peer.accounts]

    assert passwords(one, two) == ["first", "second", "second"]
    assert passwords(ICEPHONE_PASSWORD="a", ICEPHONE_PASSWORD_2="b") == ["a", "b", "b"]
    assert passwords() == ["said for 1"] * 3


def test_a_user_may_name_the_domain() -> None:
    peer = known(PeerRequest(peer="sip:192.0.2.1", users=("1001@example.com",)))
    assert peer.address("1001") == "sip:1001@example.com"


def test_extensions_abilities_and_transports_are_named() -> None:
    peer = known(
        PeerRequest(
            peer="sip:pbx.example;transport=tls",
            extensions=("echo=600", "busy=sip:606@other.example"),
            offers=("sdes,dtls", "message"),
        )
    )
    assert peer.extension("echo") == "sip:600@pbx.example"
    assert peer.extension("busy") == "sip:606@other.example"
    assert peer.transports == ("tls",)
    assert {"echo", "busy", "sdes", "dtls", "message", "tls"} <= peer.offers


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (PeerRequest(), "where"),
        (PeerRequest(peer="asterix"), "asterix"),
        (PeerRequest(peer="sip:"), "SIP URI"),
        (PeerRequest(peer=SERVER, extensions=("echo",)), "echo"),
        (PeerRequest(peer=SERVER, extensions=("ecco=600",)), "ecco"),
        (PeerRequest(peer=SERVER, offers=("sdez",)), "sdez"),
        (PeerRequest(peer=SERVER, transports=("sctp",)), "sctp"),
        (PeerRequest(peer="sip:pbx.example;transport=sctp"), "sctp"),
        (PeerRequest(peer=SERVER, users=("1", "1")), "twice"),
        (PeerRequest(peer=SERVER, users=("1@a.example", "2@b.example")), "domains"),
    ],
)
def test_what_means_no_peer(request_: PeerRequest, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        known(request_)
    assert caught.value.hint


def test_a_configuration_file_names_server_and_accounts(tmp_path: Path) -> None:
    config = tmp_path / "phone.toml"
    config.write_text(
        '[account]\nuri = "sip:alice@example.com"\nproxy = "sip:192.0.2.1:5070"\ntransport = "tcp"\n'
        '[accounts.second]\nuri = "sip:bob@example.com"\n[ice]\nturn = ["turn:192.0.2.9?transport=tcp"]\n'
        '[sip]\nlisten = "127.0.0.1:5060"\n',
        encoding="utf-8",
    )
    peer, base = chosen_peer(PeerRequest(config=config), {"HOME": str(tmp_path)})
    assert (peer.uri, peer.domain, peer.transports) == ("sip:192.0.2.1:5070", "example.com", ("tcp",))
    assert [each.user for each in peer.accounts] == ["alice", "bob"]
    assert {"turn", "turn_tcp", "second_account"} <= peer.offers
    assert (base.listen_host, base.listen_port) == ("127.0.0.1", 0), "several phones share the machine"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "mine"\nuri = "sip:pbx.example"\n[extensions]\necho = "*43"\n', encoding="utf-8")
    peer = known(PeerRequest(peer=str(file), users=("1001",)))
    assert (peer.name, peer.title, peer.extension("echo")) == ("mine", "mine", "sip:*43@pbx.example")
    file.write_text('title = "mine"\n[extensions]\nechoo = "1"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="echoo"):
        known(PeerRequest(peer=str(file)))


# --- the commands ---------------------------------------------------------------------------------------


def test_the_list_has_what_scripts_need(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_scenarios([], Screen()) is ResultCode.OK
    (told,) = objects(capsys)
    assert [each["id"] for each in told["scenarios"]] == [each.id for each in all_scenarios()]
    assert {"id", "suite", "title", "rfc"} <= told["scenarios"][0].keys()


def test_the_peers_that_come_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(json_results=False)
    assert show_peers(screen) is ResultCode.OK
    assert "generic" in screen.out.getvalue()


async def run(
    tmp_path: Path,
    *words: str,
    json_results: bool = False,
    stop: Stop | None = None,
    screen: Screen | None = None,
    **numbers: str,
) -> tuple[ResultCode, Screen]:
    """Run against a small PBX, as somebody who has an address, an account and numbers."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    screen = screen or Screen(json_results=json_results)
    async with small_pbx(tmp_path) as peer:
        request = RunRequest(
            words=words,
            peer=PeerRequest(
                peer=peer.uri,
                users=("1001", "1002"),
                password_files=(secret,),
                extensions=tuple(f"{what}={number}" for what, number in numbers.items()),
            ),
            retries=0,
            output=tmp_path / "out",
            junit=tmp_path / "junit.xml",
        )
        return await run_scenarios(request, screen, stop or Stop()), screen


async def test_without_a_peer_file_the_table_is_useful(tmp_path: Path) -> None:
    code, screen = await run(tmp_path, "basic")
    told = screen.out.getvalue()
    assert code is ResultCode.OK, told
    assert "registration.plain" in told
    assert "--extension echo=NUMBER" in told
    results, _ = read_results(tmp_path / "out")
    assert results.counts["passed"] >= 2  # type: ignore[index]
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8").startswith("<?xml")


async def test_a_failure_says_what_was_seen_and_the_command_ends_with_9(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, screen = await run(tmp_path, "calls.busy", busy="600", json_results=True)
    assert (code, code.exit_code) == (ResultCode.QUALITY, 9)
    progress = screen.err.getvalue()
    assert "expected: the call is refused with 486 or 600" in progress
    assert "seen:     the call was answered [answered]" in progress
    first, last = objects(capsys)
    assert (first["event"], first["verdict"], first["failure"]["cause"]) == ("outcome", "failed", "answered")
    assert last["summary"] == "0 passed, 1 failed"
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8")) == last


async def test_what_is_there_is_written_where_a_signal_comes(tmp_path: Path) -> None:
    stop = Stop()
    stop.request()
    code, screen = await run(tmp_path, "basic", stop=stop)
    assert code is ResultCode.INTERRUPTED
    results, _ = read_results(tmp_path / "out")
    assert results.interrupted
    assert "stopped before its end" in screen.out.getvalue()


async def test_results_are_there_while_scenarios_run(tmp_path: Path) -> None:
    seen: list[tuple[int, bool]] = []

    class Looks(Screen):
        def object(self, value: dict[str, Any]) -> None:
            if value.get("event") == "outcome":
                results, _ = read_results(tmp_path / "out")
                seen.append((len(results.outcomes), results.interrupted))

    _, _ = await run(tmp_path, "registration.plain", "calls.no_such_number", screen=Looks())
    assert seen == [(1, True), (2, True)]
    results, _ = read_results(tmp_path / "out")
    assert (len(results.outcomes), results.interrupted) == (2, False)


async def test_a_mistake_in_one_report_takes_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("ua.cli.interop_run.write", broken)
    screen = Screen(json_results=False)
    with pytest.raises(RecursionError):
        await run(tmp_path, "registration.plain", screen=screen)
    assert "1 passed" in screen.out.getvalue()
    assert "the report could not be made: too deep" in screen.err.getvalue()
    assert read_results(tmp_path / "out")[0].summary == "1 passed"
    assert (tmp_path / "junit.xml").is_file()


async def test_runs_are_compared_and_reported_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(tmp_path, "calls.busy", busy="606")
    good = (tmp_path / "out").rename(tmp_path / "good")
    await run(tmp_path, "calls.busy", busy="600")
    bad = (tmp_path / "out").rename(tmp_path / "bad")
    screen = Screen(json_results=False)
    assert show_difference(good, bad, screen).exit_code == 9
    assert "calls.busy: passed -> failed (answered)" in screen.out.getvalue()
    assert show_difference(bad, good, Screen()).exit_code == 0
    capsys.readouterr()
    both = tmp_path / "both.html"
    assert report_runs([good, bad], both, Screen()) is ResultCode.OK
    (told,) = objects(capsys)
    assert [each["summary"] for each in told["runs"]] == ["1 passed", "0 passed, 1 failed"]
    page = both.read_text(encoding="utf-8")
    assert "the call was answered" in page
    assert 'http-equiv="Content-Security-Policy"' in page
    with pytest.raises(UsageError):
        report_runs([tmp_path / "none"], both, Screen())


def test_what_is_shown_of_an_outcome(tmp_path: Path) -> None:
    failure = Failure(cause="silent", expected="a tone", seen="\x1b[2Jnothing", where="RTP", advice="listen")
    failed = Outcome(scenario="calls.echo", verdict=Verdict.FAILED, failure=failure, folder="calls.echo.2")
    head, *rest = (text for text, _ in outcome_lines(failed, tmp_path))
    assert head.startswith("failed            calls.echo")
    assert rest == [
        "    expected: a tone",
        "    seen:     \\x1b[2Jnothing [silent]",
        "    in:       RTP",
        "    try:      listen",
        f"    kept:     {tmp_path}/calls.echo.2",
    ]
    limit = Outcome(scenario="calls.echo", verdict=Verdict.UNEXPECTED_PASS, reason="no ears")
    assert "should fail: no ears" in outcome_lines(limit, tmp_path)[1][0]
    known = Outcome(scenario="calls.echo", verdict=Verdict.EXPECTED_FAILURE, failure=failure)
    assert len(outcome_lines(known, tmp_path)) == 1
    assert outcome_lines(Outcome(scenario="calls.echo", verdict=Verdict.SKIPPED), tmp_path) == []


def test_on_a_terminal_what_runs_is_shown(tmp_path: Path) -> None:
    screen = Screen(json_results=False)
    shown = io.StringIO()
    screen.stderr = Console(file=shown, force_terminal=True, width=100, color_system=None)
    echo = next(each for each in all_scenarios() if each.id == "calls.echo")
    with Progress(7, tmp_path, screen) as progress:
        progress.started(echo)
        assert "0 of 7  running calls.echo" in shown.getvalue()
        progress.ended(Outcome(scenario="calls.echo", verdict=Verdict.PASSED, duration_s=1.0))
        assert shown.getvalue().rstrip().endswith("1 of 7")


@pytest.mark.parametrize("ports", ["20000", "20000-20009", "80-2000", "60000-70000", "30000-20000", "a-b"])
def test_ports_that_are_none_or_too_few(ports: str) -> None:
    with pytest.raises(UsageError, match="--ports"):
        _ = RunRequest(ports=ports).port_range
    assert RunRequest(ports="20000-20063").port_range == range(20000, 20064)


def test_firewalls_are_each_stricter_than_the_one_before() -> None:
    assert firewall(None) is None
    udp, inbound, only = firewall("udp"), firewall("inbound"), firewall("443")
    assert udp is not None
    assert inbound is not None
    assert only is not None
    assert [each.udp for each in (udp, inbound, only)] == ["blocked"] * 3
    assert [each.tcp_inbound for each in (udp, inbound, only)] == ["open", "blocked", "blocked"]
    assert [each.tcp_ports for each in (udp, inbound, only)] == [None, None, frozenset({443})]
