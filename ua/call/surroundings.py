"""What a phone lends to each of its calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from ice.net.network import Network
from media.engine import MediaEngine
from ua.call.offer_policy import PeerMemory
from ua.config.account import Account
from ua.events import EventLog


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSurroundings:
    """Lent for as long as the call lasts.

    Attributes:
        account: who we are.
        network: where media sockets come from.
        engine: the clock of all media.
        log: event log.
        party: our name in it.
        peers: what is known of those that were called.
    """

    account: Account
    network: Network
    engine: MediaEngine
    log: EventLog
    party: str
    peers: PeerMemory = field(default_factory=PeerMemory)
