"""ICE with UDP and TCP candidates (RFC 8445, RFC 6544), usable without SIP and SDP; docs/ice.md is its guide.

The core (agent, check list, STUN, framing) has no IO, no clock and no randomness of its own; the shell
(network, flows, gather, session, path) runs it on asyncio. `Session` is the door: what an application needs
of the package has a name here, and is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from ice.lite_choice import Selection
    from ice.messages import Event
    from ice.network import Network
    from ice.path import SelectedPath
    from ice.report import SessionReport
    from ice.servers import StunServer, TurnServer, parse_stun_uri, parse_turn_uri
    from ice.session import Session
    from ice.sockets import HostNetwork
    from ice.stream_set import stream_set
    from ice.streams import Streams
    from ice.trickle import CandidateMessage
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
    "ice.lite_choice": ("Selection",),
    "ice.messages": ("Event",),
    "ice.network": ("Network",),
    "ice.path": ("SelectedPath",),
    "ice.report": ("SessionReport",),
    "ice.servers": ("StunServer", "TurnServer", "parse_stun_uri", "parse_turn_uri"),
    "ice.session": ("Session",),
    "ice.sockets": ("HostNetwork",),
    "ice.stream_set": ("stream_set",),
    "ice.streams": ("Streams",),
    "ice.trickle": ("CandidateMessage",),
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
