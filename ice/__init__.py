"""ICE with UDP and TCP candidates (RFC 8445, RFC 6544), usable without SIP and SDP; docs/ice.md is its guide.

`Session` is the door, an agent (`agent`, its generations and forks) the core behind it; the folders hold what
these are made of:

    candidates   of both sides, their priorities
    gathering    from this host and from servers; gateways: port mappings (PCP, NAT-PMP, UPnP)
    checks       pairs, check lists, connectivity checks, nomination
    paths        selected paths: media, consent, loss
    stun, turn   the protocols (RFC 8489, RFC 8656, RFC 6062)
    lite         agents that only answer
    net          the shell towards the network: sockets, connections, framing, clock

Cores have no IO, no clock and no randomness of their own; `tests/architecture/rooms.py` tells which they are.
What an application needs of the package has a name here, and is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ice.candidates.trickle import CandidateMessage
    from ice.config import IceConfig
    from ice.description import (
        description_from_json,
        description_to_json,
        dump_description,
        load_description,
        message_from_json,
        message_to_json,
    )
    from ice.errors import DescriptionError, GatheringFailed, IceError, IceFailed
    from ice.gathering.servers import StunServer, TurnServer, parse_stun_uri, parse_turn_uri
    from ice.lite.choice import Selection
    from ice.messages import Event
    from ice.net.network import Network
    from ice.net.sockets import HostNetwork
    from ice.paths.path import SelectedPath
    from ice.report import SessionReport
    from ice.session import Session
    from ice.stream_set import stream_set
    from ice.streams import Streams
    from ice.types import (
        Candidate,
        CandidateType,
        Credentials,
        Description,
        Role,
        SessionState,
        TcpType,
        Transport,
        TransportAddress,
    )

__all__ = [
    "Candidate",
    "CandidateMessage",
    "CandidateType",
    "Credentials",
    "Description",
    "DescriptionError",
    "Event",
    "GatheringFailed",
    "HostNetwork",
    "IceConfig",
    "IceError",
    "IceFailed",
    "Network",
    "Role",
    "SelectedPath",
    "Selection",
    "Session",
    "SessionReport",
    "SessionState",
    "Streams",
    "StunServer",
    "TcpType",
    "Transport",
    "TransportAddress",
    "TurnServer",
    "description_from_json",
    "description_to_json",
    "dump_description",
    "load_description",
    "message_from_json",
    "message_to_json",
    "parse_stun_uri",
    "parse_turn_uri",
    "stream_set",
]

_ROOMS = {
    "ice.config": ("IceConfig",),
    "ice.description": (
        "description_from_json",
        "description_to_json",
        "dump_description",
        "load_description",
        "message_from_json",
        "message_to_json",
    ),
    "ice.errors": ("DescriptionError", "GatheringFailed", "IceError", "IceFailed"),
    "ice.lite.choice": ("Selection",),
    "ice.messages": ("Event",),
    "ice.net.network": ("Network",),
    "ice.paths.path": ("SelectedPath",),
    "ice.report": ("SessionReport",),
    "ice.gathering.servers": ("StunServer", "TurnServer", "parse_stun_uri", "parse_turn_uri"),
    "ice.session": ("Session",),
    "ice.net.sockets": ("HostNetwork",),
    "ice.stream_set": ("stream_set",),
    "ice.streams": ("Streams",),
    "ice.candidates.trickle": ("CandidateMessage",),
    "ice.types": (
        "Candidate",
        "CandidateType",
        "Credentials",
        "Description",
        "Role",
        "SessionState",
        "TcpType",
        "Transport",
        "TransportAddress",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'ice' has no attribute {name!r}")
    return getattr(import_module(_ROOM_OF[name]), name)
