"""Commands over TLS and WebSockets: what is traced, and what is said of a certificate that is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.ua.call.test_phone_secure import address, secure
from tests.ua.screen import Screen, objects
from ua.cli.call import CallRequest, run_call
from ua.cli.ports import real_phone
from ua.cli.runner import Stop
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan
from ua.sip.transport.hop import SipTransport


def configuration(folder: Path, authority: Authority, transport: SipTransport) -> Path:
    file = folder / f"{transport}.toml"
    file.write_text(
        f'[account]\nuri = "sip:alice@example.com"\ntransport = "{transport}"\n'
        f'[sip]\nlisten = "127.0.0.1:0"\n[tls]\nca_file = "{authority.certificate}"\n'
    )
    return file


@pytest.mark.parametrize("transport", ["tls", "ws", "wss"])
async def test_every_message_is_traced_over_each_transport(tmp_path: Path, transport: SipTransport) -> None:
    authority, screen, log = Authority(tmp_path), Screen(sip_trace=True), EventLog()
    async with Phone(secure(authority, transport, "bob"), log) as bob:
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        file = configuration(tmp_path, authority, transport)
        request = CallRequest(uri=address(bob, transport), config=file, duration_s=0.1)
        calling = asyncio.ensure_future(run_call(request, screen, Stop(), real_phone))
        call = await ringing
        await call.accept(MediaPlan())
        assert await calling is ResultCode.OK
        await call.ended()
    heads = [line.split() for line in screen.err.getvalue().splitlines() if line.endswith(" bytes")]
    messages = [entry.data for entry in log.entries if (entry.source, entry.name) == ("sip", "message")]
    assert {head[-3] for head in heads} == {f"{transport},"}
    # Both ends are those of the connection, and the sizes those of the messages inside it.
    ways = {(head[4], head[6]) for head in heads}
    assert ways == {(message["remote"], message["local"]) for message in messages}
    assert len(ways) == 1
    assert sorted(int(head[-2]) for head in heads) == sorted(message["size"] for message in messages)


async def test_a_certificate_that_is_refused_says_what_was_expected_and_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    screen = Screen()
    async with Phone(secure(theirs, "tls", "bob"), EventLog()) as bob:
        request = CallRequest(uri=address(bob, "tls"), config=configuration(tmp_path, ours, "tls"))
        assert (await run_call(request, screen, Stop(), real_phone)).exit_code == 6
    (value,) = objects(capsys)
    assert value["result"] == "tls"
    shown = screen.err.getvalue()
    assert "error: " in shown
    assert "seen: " in shown
    assert "try: " in shown
