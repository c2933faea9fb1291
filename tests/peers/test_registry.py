"""What becomes of tests that lack a peer."""

from __future__ import annotations

import pytest

from tests.peers import registry

TEST = """
import pytest

@pytest.mark.peer("there")
def test_there(): pass

@pytest.mark.peer("there", "away")
def test_away(): pass

@pytest.mark.root
def test_root(): pass
"""


@pytest.fixture(autouse=True)
def two_peers(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    """One peer that is there and one that is not, and no root."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("ICEPHONE_REQUIRE_PEERS", raising=False)
    monkeypatch.setitem(
        registry.PEERS, "there", registry.Peer(packages=("there-core",), present=lambda: True)
    )
    monkeypatch.setitem(registry.PEERS, "away", registry.Peer(packages=("away-bin",), present=lambda: False))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    pytester.makeconftest("pytest_plugins = ['tests.peers.registry']")
    pytester.makeini("[pytest]\nmarkers =\n  peer(*names): needs\n  root: needs root\n")


def test_a_missing_peer_skips_and_names_its_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST)
    result = pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["*missing: away (Debian: away-bin; *", "*missing: root*"])


def test_a_missing_peer_fails_where_peers_are_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICEPHONE_REQUIRE_PEERS", "1")
    pytester.makepyfile(TEST)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*ICEPHONE_REQUIRE_PEERS is set*missing: away (*"])


def test_an_unknown_peer_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.peer('asterix')\ndef test_it(): pass\n")
    result = pytester.runpytest_inprocess()
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*no peer is called 'asterix'*"])
