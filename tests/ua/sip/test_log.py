"""The SIP log: complete, harmless, without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        "a=ice-pwd:5ec2e7",
        "A=ICE-PWD:5ec2e7",
        'Authorization: Digest username="a", cnonce="5ec2e7"',
        'Authorization: Digest username="a", cnonce="1\\"5ec2e7", nc=1',
        "Authorization: Bearer 5ec2e7",
        'Authentication-Info: rspauth="5ec2e7", qop=auth',
        "Replaces: c1@192.0.2.1;to-tag=5ec2e7;from-tag=1",
        "Replaces: c1@192.0.2.1;to-tag=1\r\n ;from-tag = 1;from-tag=5ec2e7",
        "Target-Dialog: c1;local-tag=5ec2e7;remote-tag=2",
        "Refer-To: <sip:c@192.0.2.3?Replaces=c1%3Bto-tag%3D5ec2e7%3Bfrom-tag%3D2>",
        "r: <sip:c@192.0.2.3?Replaces=c1%3bto-tag%3d5ec2e7%3bfrom-tag%3d2>",
        'Referred-By: <sip:b@192.0.2.2>;cid="5ec2e7@192.0.2.2"',
        "b: <sip:b@192.0.2.2>;cid=5ec2e7",
        "Identity: 5ec2e7;info=<https://192.0.2.9/c>",
        "Contact: <sip:alice:5ec2e7@192.0.2.1>",
    ],
)
def test_secrets_are_masked(row: str) -> None:
    shown = printable(INVITE + row.encode() + b"\r\n\r\n")
    assert "5ec2e7" not in shown
    assert "***" in shown
    assert "Call-ID: 1@192.0.2.1" in shown


def test_what_is_no_secret_stays() -> None:
    row = 'Authorization: Digest username="alice", realm="r", nonce="n1", uri="sip:h", nc=00000001, qop=auth'
    assert row in printable(row.encode())
    for row in (
        "Replaces: c1@192.0.2.1;to-tag=***;from-tag=***;early-only",
        "To: <sip:bob@192.0.2.2>;tag=76341",
        "Contact: <sip:bob@192.0.2.2:5060;transport=tcp>",
        "a=ice-ufrag:8hhY",
    ):
        assert printable(row.replace("***", "1").encode()) == row


@given(st.binary(max_size=300) | st.text('authorizonDges=",;: \r\n\\cid@spr', max_size=300).map(str.encode))
def test_any_bytes_become_text_without_control_characters(data: bytes) -> None:
    assert not set(printable(data).replace("\r\n", "")) & set("\x00\x1b\r\x7f\x9b")


@pytest.mark.req("LIM-6")
def test_control_characters_are_escaped_and_length_is_bounded() -> None:
    assert printable(b"a\x1b[31m\x00b\rc\r\nd\te\xc2\x9bf") == "a\\x1b[31m\\x00b\\x0dc\r\nd\te\\x9bf"
    long = printable(b"x" * 100_000)
    assert long == "x" * MAX_LOGGED_BYTES + f"\r\n[{100_000 - MAX_LOGGED_BYTES} bytes more]"
    assert printable(b"x" * MAX_LOGGED_BYTES) == "x" * MAX_LOGGED_BYTES


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


async def test_a_connection_is_named_by_its_own_ends() -> None:
    async with phone() as alice, phone() as bob:
        uri = bob.uri("tcp")
        await alice.endpoint.request("OPTIONS", uri, from_=ALICE)
        out, back = (entry for entry in alice.log if entry.kind == "message")
        taken, answer = (entry for entry in bob.log if entry.kind == "message")
        assert {out.transport, back.transport, taken.transport} == {"tcp"}
        # We called from a port of the connection, not from the one that we listen on.
        assert (out.local, out.remote) == (taken.remote, taken.local) == (back.local, answer.local)
        assert out.local != str(alice.endpoint.local_addresses["tcp"])
