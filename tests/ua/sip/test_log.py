"""The SIP log: complete, harmless, without secrets."""

from __future__ import annotations

import pytest

from tests.ua.sip.phones import ALICE, phone
from tests.ua.sip.syntax.test_message import INVITE
from ua.sip.log import MAX_LOGGED_BYTES, printable


@pytest.mark.req("LIM-6", "DIG-8")
@pytest.mark.parametrize(
    "row",
    [
        'Authorization: Digest username="a", response="5ec2e7", cnonce="1"',
        'Proxy-Authorization: Digest uri="sip:h", nc=1,response = "5ec2e7"',
        "authorization :Digest response=5ec2e7",
        'Authorization: Digest username="a",\r\n response="5ec2e7"',
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ec2e7|2^20|1:4",
    ],
)
def test_secrets_are_masked(row: str) -> None:
    shown = printable(INVITE + row.encode() + b"\r\n\r\n")
    assert "5ec2e7" not in shown
    assert "***" in shown
    assert "Call-ID: 1@192.0.2.1" in shown


@pytest.mark.req("LIM-6")
def test_control_characters_are_escaped_and_length_is_bounded() -> None:
    assert printable(b"a\x1b[31m\x00b\rc\r\nd\te\xc2\x9bf") == "a\\x1b[31m\\x00b\\x0dc\r\nd\te\\x9bf"
    assert len(printable(b"x" * 100_000)) == MAX_LOGGED_BYTES


async def test_every_message_is_logged_with_its_path() -> None:
    async with phone() as alice, phone() as bob:
        await alice.endpoint.request("OPTIONS", bob.uri(), from_=ALICE)
        out, back = (entry for entry in alice.log if entry.kind == "message")
        assert (out.direction, out.transport, back.direction) == ("out", "udp", "in")
        assert out.local == str(alice.endpoint.local_addresses["udp"])
        assert out.remote == str(bob.endpoint.local_addresses["udp"]) == back.remote
        assert out.size == len(out.text.encode())
        assert 0 < out.at <= back.at
        assert alice.endpoint.counters["sent"] == alice.endpoint.counters["received"] == 1
