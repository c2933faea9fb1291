"""What an agent gives to each of its generations: all that outlives a restart (RFC 8445 §9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ice.checks.connection_table import ConnectionTable
from ice.checks.role import RoleKeeper
from ice.checks.schedule import Schedule
from ice.config import IceConfig
from ice.generation_owner import GenerationOwner
from ice.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a generation works with and does not own.

    Attributes:
        roles: role and tie-breaker of the agent.
        schedule: of the session; a lite agent has no use for it.
        stream: place of our stream in it.
        table: sockets and connections of the agent.
        config: policy.
        random: random(n) gives n unpredictable bytes.
        owner: keeps the generations.
        outbox: takes commands and events.
    """

    roles: RoleKeeper
    schedule: Schedule
    stream: int
    table: ConnectionTable
    config: IceConfig
    random: Callable[[int], bytes]
    owner: GenerationOwner
    outbox: Outbox
