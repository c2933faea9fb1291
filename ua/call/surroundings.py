"""What a phone lends to each of its calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ice.net.network import Network
from media.engine import MediaEngine
from ua.call.identity import DtlsIdentity
from ua.call.offer_policy import PeerMemory
from ua.config.account import Account
from ua.events import EventLog
from ua.sip.syntax.message import Response


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
        identity: our certificate for DTLS.
        lingering: INVITEs that were given up before anybody answered them: a CANCEL may still have to go out.
    """

    account: Account
    network: Network
    engine: MediaEngine
    log: EventLog
    party: str
    peers: PeerMemory = field(default_factory=PeerMemory)
    identity: DtlsIdentity = field(default_factory=DtlsIdentity)
    lingering: set[asyncio.Task[Response]] = field(default_factory=set)
