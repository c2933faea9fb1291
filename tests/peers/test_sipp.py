"""SIPp calls SIPp."""

from __future__ import annotations

import pytest

from tests.peers.process import PeerError, Programs
from tests.peers.sipp import Transport, sipp

pytestmark = pytest.mark.peer("sipp")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_one_calls_the_other(programs: Programs, transport: Transport) -> None:
    answering = await sipp(programs, "uas", calls=2, transport=transport)
    target = f"127.0.0.1:{answering.port}"
    calling = await sipp(programs, "uac", target=target, calls=2, pause_ms=50, transport=transport)
    for result in [await calling.finished(), await answering.finished()]:
        assert (result.exit_code, result.successful, result.failed) == (0, 2, 0)


async def test_a_call_that_nobody_answers_fails(programs: Programs) -> None:
    deaf = await sipp(
        programs, "uac", target="127.0.0.1:9", extra=["-max_retrans", "1", "-recv_timeout", "200"]
    )
    result = await deaf.finished()
    assert (result.exit_code, result.successful, result.failed) == (1, 0, 1)


async def test_wrong_arguments_are_told(programs: Programs) -> None:
    wrong = await sipp(programs, "uac", target="127.0.0.1:9", extra=["-no_such_option"])
    with pytest.raises(PeerError, match="no_such_option"):
        await wrong.finished()
