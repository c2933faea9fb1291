"""Connections with the peers of one TCP allocation: permissions, Connect, ConnectionAttempt (RFC 6062).

What peers send and get flows over data connections of their own, one for each peer connection
(`ice.turn.bind`); here is what the control connection carries.
"""

from __future__ import annotations

from dataclasses import dataclass

from ice.stun.message import StunMessage
from ice.turn.attributes import ConnectionId, XorPeerAddress
from ice.turn.events import ConnectFailed, PeerConnected
from ice.turn.outbox import TurnOutbox
from ice.turn.permission_requests import PermissionRequests, PermissionTag
from ice.turn.requests import Outcome, Requests, TurnMethod
from ice.types import TransportAddress

MAX_UNBOUND = 16
"""Connections of peers that may wait for their data connection at a time; more are left to the server."""

RETRY_S = 10.0
"""Seconds after a failed Connect before the same peer is tried again (RFC 6062 §4.3)."""

CONNECTION_EXISTS = 446
CONNECTION_FAILED = 447
"""RFC 6062 §6.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connect:
    """Names the Connect to a peer."""

    peer: TransportAddress


class PeerConnections:
    """Who may connect to the relayed address, and whom it connects to.

    Args:
        relayed: the relayed address; peers of its family only.
        requests: of the allocation.
        outbox: of the allocation.
    """

    def __init__(self, *, relayed: TransportAddress, requests: Requests, outbox: TurnOutbox) -> None:
        self._requests = requests
        self._outbox = outbox
        self._permissions = PermissionRequests(relayed=relayed, requests=requests, outbox=outbox)
        self._connecting: set[TransportAddress] = set()
        self._given_up: set[TransportAddress] = set()
        self._open: dict[int, TransportAddress] = {}
        self._unbound: set[int] = set()
        self._failed_at: dict[TransportAddress, float] = {}

    # --- commands of the owner ---

    def permit(self, host: str, now: float) -> None:
        """Let a host connect to the relayed address, for as long as the allocation stands (RFC 6062 §5.3)."""
        permission = self._permissions.permit(host, now)
        if permission is not None:
            permission.kept = True

    def connect(self, peer: TransportAddress, now: float) -> None:
        """Ask for a connection to a peer; PeerConnected or ConnectFailed tells what came of it."""
        self._failed_at = {known: at for known, at in self._failed_at.items() if now < at + RETRY_S}
        if not self._permissions.fits(peer.host) or not 0 < peer.port < 65536:
            self._fail(peer, 0, "the relay cannot reach such an address", now)
        elif peer in self._connecting or peer in self._open.values():
            # RFC 6062 §4.3: the server would answer 446.
            self._fail(peer, CONNECTION_EXISTS, "the relay has a connection to it already", now)
        elif peer in self._failed_at:
            self._fail(peer, CONNECTION_FAILED, "the relay could not reach it a moment ago", now)
        else:
            self._connecting.add(peer)
            address = XorPeerAddress(address=peer)
            # The server may try for 30 s and longer: nothing else waits for that.
            self._requests.start(_Connect(peer=peer), TurnMethod.CONNECT, (address,), now, paced=True)

    def give_up(self, peer: TransportAddress) -> None:
        """Nobody waits for this Connect any more; its connection, if it comes, is left to the server."""
        if peer in self._connecting:
            self._given_up.add(peer)

    def bound(self, connection_id: int) -> None:
        """The data connection of this connection is there."""
        self._unbound.discard(connection_id)

    def ended(self, connection_id: int) -> None:
        """The data connection has ended, or could not be had."""
        self._unbound.discard(connection_id)
        self._open.pop(connection_id, None)

    # --- input ---

    def answered(self, outcome: Outcome, now: float) -> None:
        """A request ended."""
        match outcome.tag:
            case PermissionTag(host=host):
                permission = self._permissions.answered(host, outcome, now)
                if permission is not None:
                    permission.granted(now)
            case _Connect(peer=peer):
                self._connect_answered(peer, outcome, now)
            case _:
                pass

    def indication(self, message: StunMessage, now: float) -> None:
        """A peer connected to the relayed address (RFC 6062 §4.4); nobody signed that."""
        peer, identity = message.get(XorPeerAddress), message.get(ConnectionId)
        if message.method != TurnMethod.CONNECTION_ATTEMPT:
            self._outbox.refuse("unknown-indication", "an indication that means nothing here", now)
        elif peer is None or identity is None or message.unknown_required:
            self._outbox.refuse("bad-attempt", "a ConnectionAttempt that does not say what it must", now)
        elif not self._admits(peer.address.host, now):
            reason = f"a connection of {peer.address}, which has no permission"
            self._outbox.refuse("no-permission-in", reason, now)
        elif identity.number in self._open:
            self._outbox.refuse("repeated-attempt", "a ConnectionAttempt that was told before", now)
        elif len(self._unbound) >= MAX_UNBOUND:
            self._outbox.refuse("attempts-over-limit", f"a connection of {peer.address}: too many", now)
        else:
            self._unbound.add(identity.number)
            self._tell(identity.number, peer.address, now, inbound=True)

    # --- time ---

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return self._permissions.table.next_timer

    def handle_timer(self, now: float) -> None:
        """Refresh the permissions."""
        for permission in self._permissions.table.due(now):
            self._permissions.ask(permission, now)

    # --- inside ---

    def _admits(self, host: str, now: float) -> bool:
        permission = self._permissions.table.get(host)
        return permission is not None and permission.admits(now)

    def _connect_answered(self, peer: TransportAddress, outcome: Outcome, now: float) -> None:
        wanted = peer not in self._given_up
        self._connecting.discard(peer)
        self._given_up.discard(peer)
        identity = None if outcome.success is None else outcome.success.get(ConnectionId)
        if outcome.code == CONNECTION_FAILED:
            self._failed_at[peer] = now
        if not wanted:
            return
        if identity is not None and identity.number not in self._open:
            self._tell(identity.number, peer, now, inbound=False)
        else:
            reason = outcome.reason or "the answer names no new connection"
            self._fail(peer, outcome.code, f"the relay: {reason}", now)

    def _tell(self, number: int, peer: TransportAddress, now: float, *, inbound: bool) -> None:
        self._open[number] = peer
        self._outbox.event(PeerConnected(at=now, peer=peer, connection_id=number, inbound=inbound))

    def _fail(self, peer: TransportAddress, code: int, reason: str, now: float) -> None:
        self._outbox.event(ConnectFailed(at=now, peer=peer, code=code, reason=reason))
