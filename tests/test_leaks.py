"""The leak watch catches each kind of leak, and nothing else."""

from __future__ import annotations

import pytest

OPTIONS = (
    *("-p", "pytest_asyncio.plugin"),
    *("-o", "asyncio_mode=auto"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
CONFTEST = "pytest_plugins = ['tests.leaks']"

OPEN_DATAGRAM = (
    "await asyncio.get_running_loop().create_datagram_endpoint("
    "asyncio.DatagramProtocol, local_addr=('127.0.0.1', 0))"
)

LEAKS = {
    "task": "asyncio.create_task(asyncio.Event().wait(), name='forgotten')",
    "timer": "asyncio.get_running_loop().call_later(3600, print)",
    "datagram transport": OPEN_DATAGRAM,
    "server": "KEEP.append(await asyncio.start_server(lambda r, w: None, '127.0.0.1', 0))",
    "socket": "KEEP.append(socket.socket())",
    "reader": "KEEP.append(os.pipe()); asyncio.get_running_loop().add_reader(KEEP[-1][0], print)",
}

EXPECTED = {
    "task": "*task forgotten: *",
    "timer": "*timer: *print*",
    "datagram transport": "*transport: *",
    "server": "*socket: <socket.socket*",
    "socket": "*socket: <socket.socket*",
    "reader": "*watched file descriptor: *",
}


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner runs load only what they need."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, body: str) -> pytest.RunResult:
    """Run one async test with `body`, under the leak watch."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        f"""
        import asyncio, os, socket
        import pytest_asyncio

        KEEP = []

        @pytest_asyncio.fixture
        async def server():
            server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
            yield server
            server.close()
            await server.wait_closed()

        async def test_it(server):
            {body}
        """
    )
    return pytester.runpytest_inprocess(*OPTIONS)


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_kind_of_leak_fails_the_test(pytester: pytest.Pytester, kind: str) -> None:
    result = run(pytester, LEAKS[kind])
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the test left behind:", EXPECTED[kind]])


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.sleep(0)",
        "asyncio.create_task(asyncio.sleep(0))",
        "asyncio.create_task(asyncio.sleep(3600)).cancel()",
        "asyncio.get_running_loop().call_later(3600, print).cancel()",
        f"({OPEN_DATAGRAM})[0].close()",
        "await (await asyncio.create_subprocess_exec('true')).wait()",
        "(await asyncio.open_connection(*server.sockets[0].getsockname()))[1].close()",
    ],
)
def test_what_is_closed_is_no_leak(pytester: pytest.Pytester, body: str) -> None:
    run(pytester, body).assert_outcomes(passed=1)


def test_sync_tests_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)
