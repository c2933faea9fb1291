"""What a phone lends to each of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ice.net.network import Network
from media.engine import MediaEngine
from ua.call.identity import DtlsIdentity
from ua.call.offer_policy import PeerMemory
from ua.config.account import Account
from ua.events import EventLog
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.leg import Leg
from ua.sip.syntax.message import Response

if TYPE_CHECKING:
    from ua.call.call import Call

CallRequest = Callable[["Call", Leg, IncomingRequest], bool]
"""Answers a request in a call that is not the matter of its media; false where it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSurroundings:
    """Lent for as long as the call lasts.

    Attributes:
        account: who we are.
        network: where media sockets come from.
        engine: the clock of all media.
        log: event log.
        party: our name in it.
        on_request: takes REFER and MESSAGE in calls.
        peers: what is known of those that were called.
        identity: our certificate for DTLS.
        lingering: INVITEs that were given up before anybody answered them: a CANCEL may still have to go out.
    """

    account: Account
    network: Network
    engine: MediaEngine
    log: EventLog
    party: str
    on_request: CallRequest = lambda _call, _leg, _request: False
    peers: PeerMemory = field(default_factory=PeerMemory)
    identity: DtlsIdentity = field(default_factory=DtlsIdentity)
    lingering: set[asyncio.Task[Response]] = field(default_factory=set)
