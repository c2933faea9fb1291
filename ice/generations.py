"""The generations of one agent: restarts that make before they break (RFC 8445 §9, §12.1, RFC 8839 §4.4).

A restart begins a new generation: new credentials, empty check list, the role as it was. The generation
before goes on until the new one has a selected pair for every component: media stays on its path, consent is
kept (RFC 7675 §5.1), a lost connection is dialled again, and its checks are answered, told from those of the
new one by the user name fragment before the colon. It has the pacing until the peer's new description is
there, then finishes what is out and begins nothing. Once the new one is complete the media moves; the old one
sends nothing any more, answers a peer that has not moved yet, and after `release_after_s` its sockets and
connections are closed, except those that the new one uses (RFC 6544 §9.2).

A restart that finds no path ends as one that was never made: media stays where it was while the peer
consents to it. RFC 8445 §12.1 names a selected pair for a Running check list only, and forbids sending where
there is none for each component; but an offer that fails changes nothing (RFC 8839 §4.4), and who answers
consent checks wants the media. When that consent runs out the session has failed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ice.candidates.defaults import differs_from_defaults
from ice.checks.connection import Connection
from ice.checks.connection_table import ConnectionTable
from ice.checks.role import RoleKeeper
from ice.errors import StunError
from ice.generation import Generation
from ice.lite.beside import LiteBeside
from ice.messages import (
    AddressLost,
    RestartAdvised,
    RestartFailed,
    RoleChanged,
    StateChanged,
    UpdatedDescriptionAdvised,
)
from ice.outbox import Outbox
from ice.stun.attributes import Username
from ice.stun.message import MessageClass, parse
from ice.types import Credentials, Description, FlowId, PairView, SessionState, TransportAddress

AnyGeneration = Generation | LiteBeside
"""Of a full agent or of a lite one; a restart may change which."""

_MAX_UNDER_WAY = 3
"""So many generations that have not found their pairs yet are kept while a newer one begins."""


class Generations:
    """The present generation and those before it that are still of use.

    Args:
        begin: makes a generation from credentials, number of components and the id of its first pair.
        roles: role of the agent.
        table: sockets and connections.
        outbox: takes the events.

    Attributes:
        current: the newest one, whose credentials our description has.
        state: of the session, as it was told last.
    """

    def __init__(
        self,
        *,
        begin: Callable[[Credentials, int, int], AnyGeneration],
        roles: RoleKeeper,
        table: ConnectionTable,
        outbox: Outbox,
    ) -> None:
        self._begin = begin
        self._roles = roles
        roles.followers.append(self._follow_role)
        self._table = table
        self._outbox = outbox
        self._older: list[AnyGeneration] = []
        self.state = SessionState.NEW
        self.current: AnyGeneration

    def start(self, credentials: Credentials, components: int) -> None:
        """Make the first one; comes before all else."""
        self.current = self._begin(credentials, components, 1)

    def __iter__(self) -> Iterator[AnyGeneration]:
        """Oldest first."""
        return iter((*self._older, self.current))

    @property
    def _before(self) -> list[AnyGeneration]:
        return [older for older in self._older if not older.retired]

    @property
    def informed(self) -> AnyGeneration:
        """The newest one that has the peer's description, the present one where none has."""
        return next((one for one in reversed(tuple(self)) if one.remote is not None), self.current)

    @property
    def remote(self) -> Description | None:
        """The peer's newest description."""
        return self.informed.remote

    @property
    def restarting(self) -> bool:
        """True from the beginning of a restart to its end, good or bad."""
        return bool(self._before) and self.current.state in (SessionState.NEW, SessionState.RUNNING)

    # --- restarts -------------------------------------------------------------------------------------------

    def restart(self, credentials: Credentials, components: int, now: float) -> None:
        """Begin a new generation; one that the peer never answered makes room for it.

        Raises:
            ValueError: the user name fragment or the password is not new (RFC 8445 §9).
        """
        for known in self:
            if credentials.ufrag == known.credentials.ufrag or (
                credentials.password == known.credentials.password
            ):
                raise ValueError("a restart changes user name fragment and password (RFC 8445 §9)")
        before = self.current
        self.current = self._begin(credentials, components, before.next_pair_id)
        if before.remote is None:
            before.close("not needed: ICE begins anew", now)
        else:
            self._older.append(before)
        self._share_out()

    def abandon(self, now: float) -> None:
        """Forget a restart whose offer failed: all is as if it had never been made (RFC 8839 §4.4).

        Raises:
            ValueError: no restart waits for the peer's description.
        """
        if self.current.remote is not None or not self._before:
            raise ValueError("no restart waits for the peer's description")
        abandoned, self.current = self.current, self._older.pop()
        abandoned.close("not needed: the restart was not wanted", now)
        self._share_out()
        if self.current.state is not self.state:
            self._tell(self.current.state, "the path was lost while a restart was offered", now)

    def leave_ice(self, now: float) -> None:
        """The peer answers a restart without ICE (RFC 8839 §4.4.3.1): what was before ends."""
        for older in self._older:
            older.close("not needed: the peer has left ICE", now)
        self._older = []

    def set_remote(self, description: Description, now: float) -> None:
        """Take the peer's description; with the first one of a generation those before step back."""
        if self.current.remote is None:
            self._thin_out(now)
        self.current.set_remote(description, now)
        self._share_out()

    def _thin_out(self, now: float) -> None:
        """Drop what is of no use: before the last one that can carry the media, failed, or too many.

        One that is under way stays: its nomination may be out, and the peer may be there already.
        """
        before = self._before
        carriers = [place for place, older in enumerate(before) if older.can_carry]
        first = carriers[-1] if carriers else 0
        under_way = [older for older in before[first:] if older.state is SessionState.RUNNING]
        kept = [*before[first : first + 1], *under_way[-_MAX_UNDER_WAY:]]
        for older in before:
            if older not in kept or older.state is SessionState.FAILED:
                self._older.remove(older)
                older.close("not needed: ICE began anew", now)

    def _share_out(self) -> None:
        """One generation at a time has the pacing."""
        pacing = self.current
        if pacing.remote is None or pacing.state is SessionState.FAILED:
            pacing = next(iter(reversed(self._before)), pacing)
        for generation in self:
            generation.quiet = generation is not pacing

    # --- what the generations tell (ice.generation_owner) ---------------------------------------------------

    def state_changed(self, which: object, state: SessionState, reason: str, now: float) -> None:
        """A generation has reached a state: the newest one counts, but where one before has the path."""
        if which is self.current:
            match state:
                case SessionState.COMPLETED:
                    self._complete(now)
                case SessionState.FAILED:
                    self._fail(reason, now)
                case _:
                    self._tell(state, reason, now)
            return
        place = next((place for place, older in enumerate(self._older) if older is which), None)
        if place is None or self._older[place].retired:
            return
        if state is SessionState.COMPLETED:
            # Its nomination was out when the newer one began: the media goes this way until that is through.
            self._retire(self._older[:place], now)
            self._older[place].announce(now)
        completed = state is SessionState.COMPLETED and self.current.remote is None
        failed = state is SessionState.FAILED and self.current.state is SessionState.FAILED
        if completed or failed:
            self._tell(state, reason, now)

    @staticmethod
    def _retire(generations: Iterable[AnyGeneration], now: float) -> None:
        for older in generations:
            if not older.retired:
                older.retire(now)

    def _complete(self, now: float) -> None:
        self._retire(self._older, now)
        self.current.announce(now)
        self._tell(SessionState.COMPLETED, "", now)
        remote = self.current.remote
        if not self._roles.controlling or remote is None:
            return
        numbers = range(1, self.current.components + 1)
        pairs = tuple(pair for pair in map(self.current.selected, numbers) if pair is not None)
        if differs_from_defaults(pairs, self.current.local_description, remote):
            self._outbox.event(UpdatedDescriptionAdvised(at=now, pairs=pairs))

    def _fail(self, reason: str, now: float) -> None:
        if any(older.can_carry for older in self._before):
            self._share_out()
            self._tell(SessionState.COMPLETED, "the restart failed, the path of before is used", now)
            self._outbox.event(RestartFailed(at=now, reason=reason))
            return
        self._retire(self._older, now)
        self._tell(SessionState.FAILED, reason, now)

    def _tell(self, state: SessionState, reason: str, now: float) -> None:
        if state is not self.state:
            self.state = state
            self._outbox.event(StateChanged(at=now, state=state, reason=reason))

    def role_changed(self, now: float) -> None:
        """The role has changed, in all streams of the session (RFC 8445 §7.3.1.1)."""
        for follow in tuple(self._roles.followers):
            follow(now)

    def _follow_role(self, now: float) -> None:
        self._outbox.event(RoleChanged(at=now, role=self._roles.role))
        for generation in self:
            generation.take_role()

    def speaks(self, which: object, component: int) -> bool:
        """True where the media of a component is on the path of that generation."""
        newest_first = reversed([*self._before, self.current])
        for one in newest_first:
            if one is which:
                break
            if one.told(component) and one.alive(component):
                return False
        else:
            return False
        complete = one.state is SessionState.COMPLETED or (one.told(component) and one.alive(component))
        return complete or not any(older.alive(component) for older in newest_first)

    def advise_restart(self, which: object, reason: str, now: float) -> None:
        """The controlling side learns that a path cannot be kept, where no restart is under way already."""
        if self._roles.controlling:
            self._advise(which, reason, now)

    def insist_on_restart(self, which: object, reason: str, now: float) -> None:
        """The controlling side does not restart, as it should: perhaps it alone is still heard."""
        if not self._roles.controlling:
            self._advise(which, reason, now)

    def _advise(self, which: object, reason: str, now: float) -> None:
        if not self.restarting and (which is self.current or which in self._before):
            self._outbox.event(RestartAdvised(at=now, reason=reason))

    def needed_beside(self, which: object) -> frozenset[FlowId]:
        """Sockets and connections that the others use."""
        return frozenset().union(*(one.needs for one in self if one is not which))

    # --- what is known --------------------------------------------------------------------------------------

    def _carrier(self, component: int) -> AnyGeneration:
        """The generation whose path the media takes, or would take."""
        newest_first = [one for one in reversed(tuple(self)) if not one.retired]
        for one in newest_first:
            if one.told(component) and one.alive(component):
                return one
        return next((one for one in newest_first if one.selected(component) is not None), self.current)

    def selected(self, component: int) -> PairView | None:
        """The pair that carries the media of a component."""
        return self._carrier(component).selected(component)

    @property
    def pairs(self) -> tuple[PairView, ...]:
        """The pairs of all generations that are left, oldest first."""
        views = []
        for one in self:
            for pair in one.pairs:
                selected = pair.selected and self._carrier(pair.component) is one
                views.append(replace(pair, selected=selected))
        return tuple(views)

    # --- packets and connections ----------------------------------------------------------------------------

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        which = self.current if not self._older else self._addressee(flow, data)
        which.receive(flow, remote, data, now)

    def _addressee(self, flow: FlowId, data: bytes) -> AnyGeneration:
        """Whom a packet is for: checks by user name, answers by transaction, else by the socket."""
        which = None
        with contextlib.suppress(StunError):
            message = parse(data)
            if message.message_class is MessageClass.REQUEST:
                username = message.get(Username)
                ours = "" if username is None else username.value.partition(":")[0]
                which = next((one for one in self if one.credentials.ufrag == ours), None)
            else:
                which = next((one for one in self if one.expects(message.transaction_id)), None)
        return which or next((one for one in self if one.owns(flow)), self.current)

    def connection_accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection."""
        for one in self:
            if one.owns(connection.flow):
                one.connection_accepted(connection, now)
                return

    def connection_opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A connection that we dialled is there."""
        for one in self:
            if one.owns(connection.flow):
                one.connection_opened(connection, local, now)
                return

    def heard_media(self, component: int, now: float, packets: int = 1) -> bool:
        """Media came from the peer; True where `next_timer` is another one by that."""
        changed = self.current.heard_media(component, now, packets)
        for one in self._older:
            changed |= one.heard_media(component, now, packets)
        return changed

    def connection_ended(self, connection: Connection, reason: str, now: float) -> None:
        """A connection could not be had, or ended; one that was taken over serves two generations."""
        for one in sorted(self, key=lambda one: not one.owns(connection.flow)):
            if one.connection_ended(connection, reason, now):
                # Its attempt goes on: the others have nothing to lose by it, and must not bury it.
                return

    def socket_lost(self, flow: FlowId, reason: str, now: float) -> None:
        """A socket of ours is gone, say the relay behind it."""
        carried = [one for one in self if one.socket_lost(flow, reason, now)]
        if flow in {socket.flow for socket in self._table.sockets}:
            self._table.free_socket(flow, reason)
        for one in carried:
            # Whoever had the relay gets another one and restarts, whatever its role (RFC 6544 §11.2).
            self._advise(one, reason, now)

    def host_lost(self, host: str, now: float) -> None:
        """An address of ours is gone, with all that stands on it (RFC 8445 §5.1.1.4)."""
        reason = f"this host has lost the address {host}"
        carried = [one for one in self if one.host_lost(host, reason, now)]
        if self._table.host_lost(host, reason, now) or carried:
            self._outbox.event(AddressLost(at=now, host=host))
        for one in carried:
            # The peer cannot know, and we have other addresses perhaps: it is on us, whatever our role.
            self._advise(one, reason, now)

    # --- time -----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do what is due."""
        for one in self:
            one.advance(now)
        self._older = [older for older in self._older if older.state is not SessionState.CLOSED]
        for one in self:
            one.announce(now)

    @property
    def next_timer(self) -> float | None:
        """When `advance` has something to do, monotonic seconds."""
        return min((at for at in (one.next_timer for one in self) if at is not None), default=None)

    def close(self, now: float) -> None:
        """End them all."""
        if self._follow_role in self._roles.followers:
            self._roles.followers.remove(self._follow_role)
        for one in self:
            one.close("the session is closed", now)
        self._older = []
