"""The protocols of an m= line that carry RTP (RFC 3551, 4585, 3711, 5124, 5764, 4571, 7850)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ice.types import Transport


class Keying(enum.StrEnum):
    """How the media of a profile is protected."""

    NONE = "none"
    SRTP = "srtp"
    DTLS = "dtls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpProtocol:
    """One proto value.

    Attributes:
        name: the registered spelling.
        transport: of the default candidate.
        keying: protection that the profile demands.
        feedback: true for the AVPF family.
        over_tcp: the proto of the same profile over TCP, for an m= line after a TCP pair was selected.
    """

    name: str
    transport: Transport
    keying: Keying
    feedback: bool
    over_tcp: str


def _rows() -> tuple[RtpProtocol, ...]:
    rows: list[RtpProtocol] = []
    for profile, keying, feedback in (
        ("RTP/AVP", Keying.NONE, False),
        ("RTP/AVPF", Keying.NONE, True),
        ("RTP/SAVP", Keying.SRTP, False),
        ("RTP/SAVPF", Keying.SRTP, True),
    ):
        # RFC 4571 §4, RFC 7850 §3.1 to §3.3.
        over_tcp = f"TCP/{profile}"
        for name, transport in ((profile, Transport.UDP), (over_tcp, Transport.TCP)):
            rows.append(
                RtpProtocol(
                    name=name, transport=transport, keying=keying, feedback=feedback, over_tcp=over_tcp
                )
            )
    for profile, feedback in (("RTP/SAVP", False), ("RTP/SAVPF", True)):
        # RFC 5764 §8, RFC 7850 §3.4, §3.5.
        over_tcp = f"TCP/DTLS/{profile}"
        for name, transport in ((f"UDP/TLS/{profile}", Transport.UDP), (over_tcp, Transport.TCP)):
            rows.append(
                RtpProtocol(
                    name=name, transport=transport, keying=Keying.DTLS, feedback=feedback, over_tcp=over_tcp
                )
            )
    for profile, feedback in (("RTP/AVP", False), ("RTP/AVPF", True)):
        # RFC 7850 §3.6, §3.7; read, never offered (RFC 6544 §4.5).
        name = f"TCP/TLS/{profile}"
        rows.append(
            RtpProtocol(
                name=name, transport=Transport.TCP, keying=Keying.TLS, feedback=feedback, over_tcp=name
            )
        )
    return tuple(rows)


PROTOCOLS: Mapping[str, RtpProtocol] = MappingProxyType({row.name: row for row in _rows()})
"""By registered name."""

RTP_AVP = PROTOCOLS["RTP/AVP"]
TCP_RTP_AVP = PROTOCOLS["TCP/RTP/AVP"]


def over_udp(proto: str) -> str:
    """The name of the same profile over UDP."""
    found = lookup(proto)
    return next(
        (
            row.name
            for row in PROTOCOLS.values()
            if found is not None and row.over_tcp == found.over_tcp and row.transport is Transport.UDP
        ),
        proto,
    )


def goes_over_tcp(protocol: RtpProtocol) -> bool:
    """True for a profile that we do over TCP without ICE: RTP/AVP, and SRTP with keys in the description."""
    if protocol.transport is not Transport.TCP:
        return False
    return protocol is TCP_RTP_AVP or protocol.keying is Keying.SRTP


def lookup(proto: str) -> RtpProtocol | None:
    """The row of `proto` in any case, None for a protocol that carries no RTP or is unknown."""
    return PROTOCOLS.get(proto.upper())
