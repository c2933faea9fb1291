"""The pytest plugin: fixtures `peer`, `phone`, `call` and `expect` for test suites of one's own.

docs/pytest.md explains it. It is loaded wherever icephone is installed, so nothing of icephone is imported
before a test asks for it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

_asyncio_fixture: Callable[..., Any] | None = None
with contextlib.suppress(ImportError):  # tests that have nothing to do with us may lack it
    from pytest_asyncio import fixture as _asyncio_fixture

if TYPE_CHECKING:
    from ua.config.account import Account
    from ua.interop.failure import Failure
    from ua.interop.peer import Peer
    from ua.interop.pytest_calls import Calls, Expectations
    from ua.interop.stage import Stage
    from ua.phone import Phone


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that say what is tested; the same as those of `icephone test run`."""
    group = parser.getgroup("icephone", "calls at a PBX, with icephone")
    for name, text in (
        ("peer", "address (sip:pbx.example), name of 'icephone test peers', or file of what is tested"),
        ("server", "where it is, if the file of the peer does not say"),
        ("config", "configuration file of icephone"),
        ("output", "folder that keeps what was seen, with results.json and report.html"),
    ):
        group.addoption(f"--icephone-{name}", default=None, help=text)
    for name, text in (
        ("user", "account there: 1001 or 1001@example.com; once for each"),
        ("password-file", "file whose first line is the password; once for each user"),
        ("extension", "number and what is behind it, e.g. echo=600"),
        ("offers", "what else the peer can do, e.g. sdes,message"),
        ("transport", "how it takes SIP: udp, tcp, tls, ws, wss"),
    ):
        group.addoption(f"--icephone-{name}", action="append", default=[], help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Keep what becomes of tests, where somebody wants to see it."""
    if config.getoption("--icephone-output"):
        from ua.interop.pytest_kept import Kept

        config.pluginmanager.register(Kept(config), "icephone-kept")


def _chosen(config: pytest.Config) -> tuple[Peer, Account]:
    """What the options mean; raises pytest.UsageError where that is nothing."""
    from ua.cli.interop_peer import PeerRequest, chosen_peer
    from ua.errors import UaError

    def all_of(name: str) -> tuple[str, ...]:
        return tuple(config.getoption(f"--icephone-{name}"))

    file = config.getoption("--icephone-config")
    request = PeerRequest(
        peer=config.getoption("--icephone-peer"),
        server=config.getoption("--icephone-server"),
        users=all_of("user"),
        password_files=tuple(map(Path, all_of("password-file"))),
        extensions=all_of("extension"),
        offers=all_of("offers"),
        transports=all_of("transport"),
        config=None if file is None else Path(file),
    )
    try:
        return chosen_peer(request, os.environ)
    except UaError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise pytest.UsageError(f"icephone: {error.what}{hint}") from None


@pytest.fixture(scope="session")
def peer(request: pytest.FixtureRequest) -> Peer:
    """What is tested. Tests that need it are skipped where no --icephone-peer is given."""
    if request.config.getoption("--icephone-peer") is None:
        pytest.skip("no peer: name one with --icephone-peer sip:pbx.example")
    return _chosen(request.config)[0]


@pytest.fixture(scope="session")
def icephone_account(request: pytest.FixtureRequest) -> Account:
    """Settings that all phones share: of the configuration file; may be overridden, as all fixtures here."""
    from ua.config.account import Account

    if request.config.getoption("--icephone-peer") is None:
        return Account()
    return _chosen(request.config)[1]


def _async_fixture(function: Callable[..., Any]) -> Any:
    """A fixture of pytest-asyncio; without that, one that says what is missing."""
    if _asyncio_fixture is not None:
        return _asyncio_fixture(function)

    def missing() -> None:
        raise pytest.UsageError("the fixtures of icephone need pytest-asyncio: pip install pytest-asyncio")

    missing.__doc__ = function.__doc__
    return pytest.fixture(name=function.__name__)(missing)


@_async_fixture
async def icephone_stage(
    request: pytest.FixtureRequest, peer: Peer, icephone_account: Account
) -> AsyncIterator[Stage]:
    """Where a test takes place: its event log, its evidence, what scenarios have."""
    from ice.net.sockets import HostNetwork
    from ua.events import EventLog
    from ua.interop.evidence import Evidence
    from ua.interop.stage import Stage

    folder = _folder(request)
    log = EventLog()
    with Evidence(folder, log) as evidence:
        stage = Stage(peer, folder, base=icephone_account, log=log, network=evidence.network(HostNetwork()))
        request.node.stash[_STAGE] = stage
        yield stage


@_async_fixture
async def phone(icephone_stage: Stage) -> AsyncIterator[Phone]:
    """A phone with the first account at the peer, not registered; switched off after the test."""
    async with icephone_stage.phone() as made:
        yield made


@pytest.fixture
def call(icephone_stage: Stage, phone: Phone) -> Calls:
    """Something that places calls; see `ua.interop.pytest_calls.Calls`."""
    from ua.interop.pytest_calls import Calls

    return Calls(icephone_stage, phone)


@pytest.fixture
def expect(call: Calls) -> Expectations:
    """Something that waits for what should be; see `ua.interop.pytest_calls.Expectations`."""
    from ua.interop.pytest_calls import Expectations

    return Expectations(call)


_STAGE: Final = pytest.StashKey["Stage"]()


def _folder(request: pytest.FixtureRequest) -> Path:
    output = request.config.getoption("--icephone-output")
    if output is not None:
        return Path(output) / _name(request.node)
    base: Path = request.getfixturevalue("tmp_path")
    return base / "icephone"


def _name(node: pytest.Item) -> str:
    """Module and test, as a scenario of its suite, and as a folder."""
    inside = node.nodeid.partition("::")[2].replace("::", ".")
    return re.sub(r"[^\w.\[\]-]", "_", f"{node.path.stem}.{inside}")[:120]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a failed expectation what was seen, where, and what to try; tell of each test at the peer."""
    report = yield
    stage = item.stash.get(_STAGE, None)
    if stage is None:
        return report
    failure = _failure(call, stage)
    if failure is not None:
        parts = (
            ("expected", failure.expected),
            ("seen", failure.seen),
            ("where", failure.where),
            ("try", failure.advice),
            ("cause", failure.cause),
            ("evidence", str(stage.folder)),
        )
        lines = [f"{name + ':':10}{text}" for name, text in parts if text]
        report.sections.append(("icephone", "\n".join(lines)))
    if report.when == "call" or not report.passed:
        from ua.interop.pytest_kept import OUTCOME, told

        setattr(report, OUTCOME, told(_name(item), item, report, failure, stage.peer))
    return report


def _failure(call: pytest.CallInfo[None], stage: Stage) -> Failure | None:
    from ua.interop.diagnosis import diagnose
    from ua.interop.failure import Unmet

    error = None if call.excinfo is None else call.excinfo.value
    return diagnose(stage.log.entries, error.failure, stage.results) if isinstance(error, Unmet) else None
