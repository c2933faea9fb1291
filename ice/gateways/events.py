"""What a gateway that is asked for port mappings tells (RFC 6887, RFC 6886, UPnP-IGD)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ice.types import Transport, TransportAddress


class MappingProtocol(StrEnum):
    """How a gateway is asked, as people write it."""

    PCP = "PCP"
    NAT_PMP = "NAT-PMP"
    UPNP = "UPnP"


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalPort:
    """A port of this host."""

    transport: Transport
    port: int

    def __str__(self) -> str:
        return f"{self.transport.upper()} port {self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingGranted:
    """The outside reaches `port` at `external` from now on."""

    port: InternalPort
    external: TransportAddress
    protocol: MappingProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRefused:
    """There will be no mapping; `reason` is for people."""

    port: InternalPort
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingLost:
    """A mapping that was granted is of no use any more: nobody reaches us at `external`."""

    port: InternalPort
    external: TransportAddress
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFreed:
    """The gateway deleted the mapping, or did not answer and lets it run out."""

    port: InternalPort


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRefused:
    """What arrived means nothing to us; `reason` is for people."""

    reason: str


MappingEvent = MappingGranted | MappingRefused | MappingLost | MappingFreed | AnswerRefused
