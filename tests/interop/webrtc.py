"""What WebRTC peers want around ICE: their kind of session description, and DTLS on the path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from ice.config import IceConfig
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Credentials, Description, Role, TcpType, Transport
from sdp.attributes.candidate_attr import format_candidate, parse_candidate

Setup = Literal["active", "passive"]
"""As a=setup says it: active begins the DTLS handshake."""

CLIENT_HELLO = bytes([22, 254, 253]) + bytes(40)
"""Enough of one to be taken for DTLS."""


def read(sdp: str) -> tuple[Description, str]:
    """The ICE part of a browser's description, and the fingerprint of its certificate."""
    values = dict(line[2:].partition(":")[::2] for line in sdp.splitlines() if line.startswith("a="))
    lines = [
        line.removeprefix("a=candidate:") for line in sdp.splitlines() if line.startswith("a=candidate:")
    ]
    description = Description(
        credentials=Credentials(ufrag=values["ice-ufrag"], password=values["ice-pwd"]),
        candidates=tuple(map(parse_candidate, lines)),
        options=frozenset(),
        lite="ice-lite" in values,
    )
    return description, values["fingerprint"]


def written(description: Description, fingerprint: str, setup: str) -> str:
    """What a browser understands: one muxed audio stream with our candidates."""
    credentials = description.credentials
    lines = [
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"),
        *("m=audio 9 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", "a=rtpmap:0 PCMU/8000"),
        *("a=mid:0", "a=sendrecv", "a=rtcp-mux", f"a=setup:{setup}", f"a=fingerprint:{fingerprint}"),
        *(f"a=ice-ufrag:{credentials.ufrag}", f"a=ice-pwd:{credentials.password}"),
        *(f"a=candidate:{format_candidate(candidate)}" for candidate in description.candidates),
    ]
    return "".join(f"{line}\r\n" for line in lines)


def only(description: Description, transport: Transport, *tcptypes: TcpType) -> Description:
    """The candidates of one transport, of TCP those of some types."""
    kept = tuple(
        candidate
        for candidate in description.candidates
        if candidate.transport is transport and (not tcptypes or candidate.tcptype in tcptypes)
    )
    assert kept
    return replace(description, candidates=kept)


@asynccontextmanager
async def our_session(role: Role, *, tcp: bool) -> AsyncIterator[Session]:
    """A session with candidates of one transport on the only interface."""
    config = IceConfig(interfaces=("eth0",), udp=not tcp, tcp=tcp)
    session = Session(network=HostNetwork(), config=config, role=role)
    try:
        await session.gather()
        yield session
    finally:
        await session.close()
