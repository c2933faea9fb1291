"""What the way of a message gives away: credentials of ICE in the clear."""

from __future__ import annotations

import pytest

from ice.types import TransportAddress
from tests.ua.phones import pair
from ua.errors import ResultCode
from ua.plan import MediaPlan, Tone
from ua.sip.transport.exposure import EXPOSED, exposes_ice
from ua.sip.transport.hop import Hop, SipTransport

REMOTE = TransportAddress(host="192.0.2.1", port=5060)


def message(profile: str, *lines: str) -> bytes:
    rows = ("INVITE sip:bob@example.com SIP/2.0", "", "v=0", f"m=audio 4000 {profile} 0", *lines)
    return "\r\n".join((*rows, "")).encode()


@pytest.mark.req("SEC-3")
@pytest.mark.parametrize(
    ("transport", "profile", "lines", "exposed"),
    [
        ("udp", "RTP/AVP", ("a=ice-ufrag:u", "a=ice-pwd:p"), True),
        ("tcp", "RTP/AVPF", ("a=ice-pwd:p",), True),
        ("ws", "TCP/RTP/AVP", ("a=ice-pwd:p",), True),
        ("tls", "RTP/AVP", ("a=ice-pwd:p",), False),
        ("wss", "RTP/AVP", ("a=ice-pwd:p",), False),
        ("udp", "RTP/SAVP", ("a=ice-pwd:p",), False),
        ("udp", "UDP/TLS/RTP/SAVPF", ("a=ice-pwd:p",), False),
        ("udp", "RTP/AVP", ("a=rtcp-mux",), False),
        ("udp", "RTP/AVP", ("a=x-ice-pwd:p",), False),
    ],
)
def test_credentials_in_the_clear(
    transport: SipTransport, profile: str, lines: tuple[str, ...], exposed: bool
) -> None:
    assert exposes_ice(message(profile, *lines), Hop(transport=transport, remote=REMOTE)) is exposed


@pytest.mark.req("SEC-3")
async def test_a_call_in_the_clear_says_so_once_for_each_phone() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440), duration_s=0.1))
        await ringing.accept(MediaPlan(source=Tone(hz=440)))
        assert (await call.ended()).result is ResultCode.OK
        await ringing.ended()
        told = [entry.party for entry in phones.log.entries if entry.data.get("reason") == EXPOSED]
        assert sorted(told) == ["alice", "bob"]
        assert phones.alice._sip.counters["exposed credentials"] >= 2
