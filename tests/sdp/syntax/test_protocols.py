"""The table of RTP protocols."""

from __future__ import annotations

import pytest

from ice.types import Transport
from sdp.syntax import protocols
from sdp.syntax.protocols import Keying


@pytest.mark.req("ICETCP-4.5-16")
@pytest.mark.parametrize(
    ("name", "keying", "feedback"),
    [
        ("TCP/RTP/AVP", Keying.NONE, False),
        ("TCP/RTP/AVPF", Keying.NONE, True),
        ("TCP/RTP/SAVP", Keying.SRTP, False),
        ("TCP/RTP/SAVPF", Keying.SRTP, True),
        ("TCP/DTLS/RTP/SAVP", Keying.DTLS, False),
        ("TCP/DTLS/RTP/SAVPF", Keying.DTLS, True),
        ("TCP/TLS/RTP/AVP", Keying.TLS, False),
        ("TCP/TLS/RTP/AVPF", Keying.TLS, True),
    ],
)
def test_protocols_over_tcp(name: str, keying: Keying, feedback: bool) -> None:
    row = protocols.lookup(name)
    assert row is not None
    assert (row.transport, row.keying, row.feedback, row.over_tcp) == (Transport.TCP, keying, feedback, name)


@pytest.mark.req("ICETCP-4.5-16")
@pytest.mark.parametrize(
    ("name", "over_tcp"),
    [
        ("RTP/AVP", "TCP/RTP/AVP"),
        ("RTP/AVPF", "TCP/RTP/AVPF"),
        ("RTP/SAVP", "TCP/RTP/SAVP"),
        ("RTP/SAVPF", "TCP/RTP/SAVPF"),
        ("UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVP"),
        ("UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF"),
    ],
)
def test_protocols_over_udp_and_their_form_over_tcp(name: str, over_tcp: str) -> None:
    row = protocols.lookup(name.lower())
    assert row is not None
    assert (row.name, row.transport, row.over_tcp) == (name, Transport.UDP, over_tcp)


def test_others_carry_no_rtp() -> None:
    for name in ("udp", "TCP", "UDP/DTLS/SCTP", "TCP/MSRP", "RTP", ""):
        assert protocols.lookup(name) is None
