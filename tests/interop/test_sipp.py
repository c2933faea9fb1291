"""The bundled scenarios of SIPp against our commands.

They hold no media: that nothing arrives is what we must say.
"""

from __future__ import annotations

import pytest

from tests.peers.icephone import icephone
from tests.peers.process import Programs
from tests.peers.sipp import Transport, sipp

pytestmark = pytest.mark.peer("sipp")

ONE_WAY = 8

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


@pytest.mark.req("TRN-8")
@TRANSPORTS
async def test_sipp_calls_us(programs: Programs, transport: Transport) -> None:
    phone = await icephone(programs, "answer", "--tone", "440", "--listen", "127.0.0.1:0", "--calls", "2")
    target = (await phone.noted("listening on")).rpartition("@")[2].partition(";")[0]
    calling = await sipp(programs, "uac", target=target, calls=2, pause_ms=500, transport=transport)
    result = await calling.finished()
    assert (result.exit_code, result.successful, result.failed) == (0, 2, 0)
    await phone.result(exit_code=ONE_WAY)
    assert len(phone.results) == 2
    for call in phone.results:
        assert call["result"] == "media_one_way"
        assert call["ice"]["state"] == "off"
        assert call["sent"]["packets"] > 10
        assert call["received"]["packets"] == 0


@TRANSPORTS
async def test_we_call_sipp(programs: Programs, transport: Transport) -> None:
    answering = await sipp(programs, "uas", transport=transport)
    uri = f"sip:service@127.0.0.1:{answering.port};transport={transport}"
    phone = await icephone(programs, "call", uri, "--tone", "440", "--for", "1s")
    call = await phone.result(exit_code=ONE_WAY)
    assert call["result"] == "media_one_way"
    assert call["sent"]["packets"] > 25
    assert call["received"]["packets"] == 0
    result = await answering.finished()
    assert (result.exit_code, result.successful, result.failed) == (0, 1, 0)
