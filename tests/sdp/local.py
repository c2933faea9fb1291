"""Our side of a stream, as tests need it."""

from __future__ import annotations

from dataclasses import replace

from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    TcpType,
    Transport,
    TransportAddress,
)
from sdp.attributes.rtp_attr import AudioFormat
from sdp.negotiation.negotiated import LocalMedia, SelectedPair

PCMU = AudioFormat(payload_type=0, name="PCMU", clock_rate=8000)
PCMA = AudioFormat(payload_type=8, name="PCMA", clock_rate=8000)
EVENTS = AudioFormat(payload_type=101, name="telephone-event", clock_rate=8000, fmtp="0-15")
OPUS = AudioFormat(payload_type=111, name="opus", clock_rate=48000, channels=2)

HOST = "192.0.2.50"


def address(port: int, host: str = HOST) -> TransportAddress:
    return TransportAddress(host=host, port=port)


def udp(port: int, component: int = 1, host: str = HOST) -> Candidate:
    return Candidate(
        foundation="u",
        component=component,
        transport=Transport.UDP,
        priority=2130706431 - component + 1,
        address=address(port, host),
        type=CandidateType.HOST,
    )


def tcp(port: int, tcptype: TcpType, component: int = 1, host: str = HOST) -> Candidate:
    return Candidate(
        foundation=tcptype.value[0],
        component=component,
        transport=Transport.TCP,
        priority=2128609279 - component + 1,
        address=address(port, host),
        type=CandidateType.HOST,
        tcptype=tcptype,
    )


CANDIDATES = (
    udp(5000),
    udp(5001, 2),
    tcp(9, TcpType.ACTIVE),
    tcp(9, TcpType.ACTIVE, 2),
    tcp(6000, TcpType.PASSIVE),
    tcp(6001, TcpType.PASSIVE, 2),
)

ICE = Description(
    credentials=Credentials(ufrag="ourU", password="ourPasswordourPassword"),
    candidates=CANDIDATES,
    pacing_ms=20,
)

LOCAL = LocalMedia(formats=(PCMU, PCMA, EVENTS), ice=ICE, address=address(5000), rtcp_address=address(5001))

PLAIN = replace(LOCAL, ice=None)

PEER_ICE = Description(
    credentials=Credentials(ufrag="peer", password="peerPasswordpeerPassword"),
    candidates=tuple(
        replace(candidate, address=replace(candidate.address, host="198.51.100.9"))
        for candidate in CANDIDATES
    ),
    pacing_ms=50,
)
"""The same kind of agent on another host."""

PEER = replace(
    LOCAL,
    ice=PEER_ICE,
    address=address(5000, "198.51.100.9"),
    rtcp_address=address(5001, "198.51.100.9"),
)


def tcp_pair(component: int = 1, *, dialled: bool = True) -> SelectedPair:
    """A nominated TCP pair; we dialled it or accepted it."""
    port = 50123 if dialled else 6000
    return SelectedPair(
        component=component,
        local=Candidate(
            foundation="p",
            component=component,
            transport=Transport.TCP,
            priority=1860173823,
            address=address(port),
            type=CandidateType.PRFLX if dialled else CandidateType.HOST,
            tcptype=TcpType.ACTIVE if dialled else TcpType.PASSIVE,
            base=address(9) if dialled else None,
        ),
        remote=tcp(6000, TcpType.PASSIVE, component, "198.51.100.9"),
    )


def udp_pair(component: int = 1, port: int = 5000) -> SelectedPair:
    return SelectedPair(
        component=component, local=udp(port, component), remote=udp(7000, component, "198.51.100.9")
    )
