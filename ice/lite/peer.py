"""Both agents are lite: pairs without checks (RFC 8445 §6.2, §8.2, RFC 6544 §6.1, RFC 8839 §4.4.2.2).

Of several pairs the controlling agent chooses, and says so in an updated description; where that is a TCP
pair it dials in parallel with it. The other agent takes the choice, or a connection that comes before it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from ice.candidates.candidate import ACTIVE_PORT
from ice.candidates.local_candidates import LocalCandidates
from ice.candidates.remote_candidates import RemoteCandidates
from ice.checks.connection import Connection
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.checks.role import RoleKeeper
from ice.config import IceConfig
from ice.lite.choice import Choice, Selection, best, fits, is_that
from ice.lite.valid_list import ValidList
from ice.types import Candidate, FlowId, TcpType, Transport, TransportAddress

# Seconds until a connection that could not be had, or was lost, is dialled again.
_REDIAL_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0)


class LitePeer:
    """The pairs with a lite peer.

    Args:
        locals_: our candidates.
        remotes: the peer's candidates.
        table: sockets and connections.
        valid: the valid list.
        roles: who chooses.
        config: whether TCP is allowed without proof.
        own: sockets and connections of this generation.
        nominated: hears of a pair that is valid and chosen, and when.
        advise_restart: hears why ICE should be restarted, and when.
    """

    def __init__(
        self,
        *,
        locals_: LocalCandidates,
        remotes: RemoteCandidates,
        table: ConnectionTable,
        valid: ValidList,
        roles: RoleKeeper,
        config: IceConfig,
        own: Callable[[], Container[FlowId]],
        nominated: Callable[[Pair, float], None],
        advise_restart: Callable[[str, float], None],
    ) -> None:
        self._locals = locals_
        self._remotes = remotes
        self._table = table
        self._valid = valid
        self._roles = roles
        self._tcp = config.lite_unproved_tcp
        self._own = own
        self._nominated = nominated
        self._advise_restart = advise_restart
        self._dials: dict[int, Pair] = {}
        self._redials: dict[int, int] = {}
        self._redial_at: dict[int, float] = {}
        self._waiting: dict[int, Choice] = {}
        self.agreed = False
        """Both sides know which pairs are used."""

    # --- choosing (RFC 8445 §8.2) ---------------------------------------------------------------------------

    def start(self, components: int, now: float) -> str:
        """Pair the candidates; gives why that is impossible, empty where every component has a pair."""
        chosen: dict[int, list[Choice]] = {}
        for component in range(1, components + 1):
            choices = self._choices(component, components)
            if not choices:
                return self._hopeless(component)
            chosen[component] = choices
        # With one pair each there is nothing to reconcile (§8.2); who dials a TCP pair has to be agreed on.
        self.agreed = all(
            len(choices) == 1 and choices[0][1].transport is Transport.UDP for choices in chosen.values()
        )
        for component, choices in chosen.items():
            for (local, flow), remote in choices:
                if flow is not None and local.transport is Transport.UDP:
                    self._table.validate_source(flow, remote.address, component)
            self._use(best(choices), now)
        return ""

    def _choices(self, component: int, components: int) -> list[Choice]:
        return [
            (local, remote)
            for local in self._locals.usable(components, (component,))
            for remote in self._remotes.signalled
            if fits(local[0], remote, tcp=self._tcp)
        ]

    def _hopeless(self, component: int) -> str:
        name = {1: "RTP", 2: "RTCP"}.get(component, f"component {component}")
        if not self._tcp and any(
            fits(local, remote, tcp=True) and local.component == component
            for local in self._locals
            for remote in self._remotes.signalled
        ):
            return (
                f"no path for {name}: both sides are ICE lite and have nothing but TCP in common,"
                " where nothing would prove who is at the other end (RFC 6544 §12)"
            )
        return f"no path for {name}: both sides are ICE lite, and no candidate of the peer fits ours"

    def _use(self, choice: Choice, now: float) -> None:
        (local, flow), remote = choice
        if local.transport is Transport.UDP and flow is not None:
            self._enter(local, remote, flow, now)
        elif self._roles.controlling and remote.tcptype is TcpType.PASSIVE:
            self._dial(local, remote, now)
        else:
            self._waiting[local.component] = choice

    def _enter(self, local: Candidate, remote: Candidate, flow: FlowId, now: float) -> None:
        pair = self._valid.find(flow, remote.address)
        if pair is None:
            pair = self._valid.add(local, remote, flow, self._roles.role, now)
        self._valid.nominate(pair, now)
        self._nominated(pair, now)

    def chosen(self, components: int) -> tuple[tuple[Candidate, Candidate], ...]:
        """Our candidate and the peer's by component: of pairs in use, dialled, or waited for."""
        found = []
        for component in range(1, components + 1):
            pair = self._valid.nominated(component) or self._dials.get(component)
            if pair is not None:
                found.append((pair.local, pair.remote))
            elif component in self._waiting:
                (local, _), remote = self._waiting[component]
                found.append((local, remote))
        return tuple(found)

    # --- agreeing (RFC 8839 §4.4.1.3, §4.4.2.2) -------------------------------------------------------------

    def take(self, chosen: Sequence[Selection], now: float, *, lite: bool) -> str:
        """The peer, lite or full, has chosen; gives why that cannot be done, empty where it can."""
        choices: dict[int, Choice] = {}
        for item in chosen:
            choice = self._choice_of(item, now)
            if choice is None:
                return f"the peer selected {item.local}, which is none of our candidates"
            choices[item.component] = choice
        for item in chosen:
            choice = choices[item.component]
            if lite:
                self._agree(item, choice, now)
            else:
                self._trust(choice, now)
        self.agreed = True
        return ""

    def _agree(self, item: Selection, choice: Choice, now: float) -> None:
        """Use what the lite peer uses, and give up the rest of the component."""
        (local, flow), remote = choice
        current = self._valid.nominated(item.component)
        if current is not None and is_that(current, item):
            return
        self._waiting.pop(item.component, None)
        if item.transport is Transport.TCP and not item.we_dial:
            self._await(choice, now)
            return
        self._give_up(item.component, None, now)
        if flow is not None and item.transport is Transport.UDP:
            self._enter(local, remote, flow, now)
        else:
            self._dial(local, remote, now)

    def _trust(self, choice: Choice, now: float) -> None:
        """Use what the full peer has selected, where its nominating check has not come yet."""
        (local, flow), remote = choice
        if self._valid.nominated(local.component) is not None:
            # What a check has proved stays, whatever address the offer shows.
            return
        if local.transport is Transport.UDP and flow is not None:
            self._enter(local, remote, flow, now)
        else:
            connection = self._fitting(choice)
            if connection is not None:
                self._adopt(connection, now)

    def _choice_of(self, item: Selection, now: float) -> Choice | None:
        for local, flow in self._locals.usable(item.component, (item.component,)):
            if local.transport is item.transport and local.address == item.local:
                remote = next(
                    (
                        known
                        for known in self._remotes.signalled
                        if known.component == item.component
                        and known.transport is item.transport
                        and known.address == item.remote
                    ),
                    None,
                ) or self._remotes.source_of(local, item.remote, local.priority, now)
                return None if remote is None else ((local, flow), remote)
        return None

    def _await(self, choice: Choice, now: float) -> None:
        """The peer dials: the connection that came already stays if it fits, others go (RFC 6544 §6.1)."""
        (local, _), _ = choice
        kept = self._fitting(choice)
        current = self._valid.nominated(local.component)
        if kept is None and current is not None and current.is_tcp:
            reason = "the connection that the peer opened does not fit the pair that it offers"
            self._advise_restart(f"{reason} (RFC 6544 §6.1)", now)
        self._give_up(local.component, kept, now)
        if kept is None:
            self._waiting[local.component] = choice
        else:
            self._adopt(kept, now)

    def _fitting(self, choice: Choice) -> Connection | None:
        """The connection of the peer's to that candidate of ours; one in use before others."""
        (local, _), remote = choice
        fitting = [
            connection
            for connection in self._table.connections
            if connection.candidate == local
            and not connection.dialled
            and connection.remote.host == remote.address.host
            and remote.address.port in (ACTIVE_PORT, connection.remote.port)
        ]
        return min(fitting, key=lambda each: self._valid.find(each.flow, each.remote) is None, default=None)

    def _give_up(self, component: int, kept: Connection | None, now: float) -> None:
        """Close the connections of a component, all but one."""
        self._dials.pop(component, None)
        self._redial_at.pop(component, None)
        reason = "another pair was agreed on"
        own = self._own()
        for connection in self._table.connections:
            if connection.component != component or connection is kept or connection.flow not in own:
                continue
            pair = self._valid.find(connection.flow, connection.remote)
            self._table.close(connection, reason, now)
            if pair is not None:
                self._valid.invalidate(pair, reason)

    # --- connections ----------------------------------------------------------------------------------------

    def _dial(self, local: Candidate, remote: Candidate, now: float) -> None:
        active = replace(
            local,
            address=TransportAddress(host=local.address.host, port=ACTIVE_PORT),
            tcptype=TcpType.ACTIVE,
        )
        self._redial(self._valid.add(active, remote, None, self._roles.role, now), now)

    def _redial(self, pair: Pair, now: float) -> None:
        self._dials[pair.component] = pair
        self._redial_at.pop(pair.component, None)
        pair.flow = self._table.dial(pair, now).flow

    def opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A connection that we dialled is there."""
        pair = self._dials.get(connection.component)
        if pair is None or pair.flow != connection.flow:
            return
        self._table.opened(connection, local, now)
        self._redials.pop(pair.component, None)
        self._taken(connection, pair, now, replace(pair.local, address=local))

    def accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection: it is the peer's where it comes from an address that it told."""
        told = {candidate.address.host for candidate in self._remotes.signalled}
        component = connection.component
        current = self._valid.nominated(component)
        if not self._tcp or connection.remote.host not in told or component in self._dials:
            return
        choice = self._waiting.get(component)
        if self.agreed and choice is not None and choice[0][0] != connection.candidate:
            return
        if current is None:
            self._adopt(connection, now)
        elif not current.is_tcp:
            # UDP is in use; the peer may be about to say that it prefers this connection.
            self._table.prove(connection)

    def _adopt(self, connection: Connection, now: float) -> None:
        """Media takes a connection that the peer opened."""
        pair = self._valid.find(connection.flow, connection.remote)
        if pair is None:
            source = self._remotes.source_of(connection.candidate, connection.remote, 1, now)
            if source is None or self._valid.full:
                return
            pair = self._valid.add(connection.candidate, source, connection.flow, self._roles.role, now)
        self._waiting.pop(connection.component, None)
        self._taken(connection, pair, now)

    def _taken(self, connection: Connection, pair: Pair, now: float, local: Candidate | None = None) -> None:
        self._table.prove(connection)
        self._table.validate_source(connection.flow, connection.remote, connection.component)
        self._valid.validate(pair, connection.flow, now, local)
        self._valid.nominate(pair, now)
        self._nominated(pair, now)

    def lost(self, pair: Pair, now: float) -> None:
        """The connection of a pair of ours could not be had, or ended: dial again, or wait for the peer."""
        if pair.local.tcptype is not TcpType.ACTIVE:
            flow = next((s.flow for s in self._table.sockets if s.candidate == pair.local), None)
            self._waiting[pair.component] = ((pair.local, flow), pair.remote)
        elif self._dials.get(pair.component) is pair:
            tries = self._redials.get(pair.component, 0)
            self._redials[pair.component] = tries + 1
            self._redial_at[pair.component] = now + _REDIAL_DELAYS_S[min(tries, len(_REDIAL_DELAYS_S) - 1)]

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return min(self._redial_at.values(), default=None)

    def handle_timer(self, now: float) -> None:
        """Dial again what is due."""
        for component, at in list(self._redial_at.items()):
            if now >= at:
                self._redial(self._dials[component], now)

    def stop(self) -> None:
        """Dial no more."""
        self._dials.clear()
        self._redial_at.clear()
        self._waiting.clear()
