"""Several data streams in one ICE session: what their `Session`s share.

streams = stream_set(Role.CONTROLLING, config)
audio = Session(network=network, config=config, role=Role.CONTROLLING, streams=streams)
video = Session(network=network, config=config, role=Role.CONTROLLING, streams=streams)
... each gathers, has a description of its own and completes for itself; `streams.state` is that of all ...
"""

from __future__ import annotations

import secrets

from ice.checks.floor import Floor
from ice.config import IceConfig
from ice.net.clock import process_floor
from ice.streams import Streams
from ice.types import Role


def stream_set(role: Role, config: IceConfig, floor: Floor | None = None) -> Streams:
    """What the streams of a new session share; `floor` is that of the process where it is None."""
    return Streams(
        role=role,
        tie_breaker=secrets.randbits(64),
        config=config,
        random=secrets.token_bytes,
        floor=floor or process_floor(),
    )
