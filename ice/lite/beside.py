"""A lite generation beside others: what a restart asks of it (RFC 8839 §4.4.3.2).

A restart may make a lite agent of a full one and the other way round (RFC 8445 §9), so `ice.generations`
treats both alike.
"""

from __future__ import annotations

from dataclasses import replace

from ice.candidates.candidate import stands_on
from ice.checks.pair import Pair
from ice.generation_owner import GenerationOwner
from ice.lite.generation import LiteGeneration
from ice.messages import Event, PathLost, PathSelected, RoleChanged, StateChanged
from ice.outbox import Outbox
from ice.surroundings import Surroundings
from ice.types import Credentials, FlowId, SessionState


class _Gate(Outbox):
    """Holds back what the application must not hear while the media is on another generation's path."""

    def __init__(self, outbox: Outbox, which: LiteBeside, owner: GenerationOwner) -> None:
        super().__init__()
        self.counters = outbox.counters
        self.command = outbox.command  # type: ignore[method-assign]
        self._out = outbox
        self._which = which
        self._owner = owner
        self._held: dict[int, PathSelected] = {}
        self.told: dict[int, bool] = {}

    def event(self, event: Event) -> None:
        """Pass an event on, or to the owner, or keep it."""
        match event:
            case StateChanged():
                self._owner.state_changed(self._which, event.state, event.reason, event.at)
            case RoleChanged():
                self._owner.role_changed(event.at)
            case PathSelected():
                self._held[event.component] = event
                self.announce()
            case PathLost():
                self._held.pop(event.component, None)
                if self.told.pop(event.component, False) and not self._which.retired:
                    self._out.event(event)
            case _:
                self._out.event(event)

    def announce(self) -> None:
        """Tell of what may be told now."""
        for component, event in tuple(self._held.items()):
            if self._owner.speaks(self._which, component):
                del self._held[component]
                self.told[component] = True
                self._out.event(event)


class LiteBeside(LiteGeneration):
    """A `LiteGeneration` with the parts that `ice.generations` asks for.

    Args:
        credentials: our user name fragment and password.
        components: 1, or 2 with RTCP beside RTP.
        first_pair_id: the id of its first pair.
        around: what the agent has for it.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        components: int,
        first_pair_id: int,
        around: Surroundings,
    ) -> None:
        self._gate = _Gate(around.outbox, self, around.owner)
        self._first_pair_id = first_pair_id
        self._retired_until: float | None = None
        self._release_after_s = around.config.release_after_s
        self.quiet = False
        super().__init__(
            credentials=credentials,
            components=components,
            first_pair_id=first_pair_id,
            around=replace(around, outbox=self._gate),
        )

    def take_role(self) -> None:
        """The role of the agent is another one; a lite agent has nothing that depends on it."""

    # --- beside other generations (ice.generations) ---------------------------------------------------------

    def expects(self, _transaction_id: bytes) -> bool:
        """Never: a lite agent asks nothing."""
        return False

    def owns(self, flow: FlowId) -> bool:
        """True of a socket of our candidates and of a connection that serves a pair of ours."""
        return flow in self.own_flows

    @property
    def retired(self) -> bool:
        """True once the media has moved on: only checks of the peer are answered still."""
        return self._retired_until is not None

    def retire(self, now: float) -> None:
        """The media is elsewhere: answer a peer that is not there yet, then free everything."""
        self._peer.stop()
        self._retired_until = now + self._release_after_s

    def alive(self, component: int) -> bool:
        """True while media can be sent on our path."""
        pair = self._paths.pair(component)
        return not self.retired and pair is not None and pair.valid is not None

    @property
    def can_carry(self) -> bool:
        """True while every component can send."""
        return all(self.alive(component) for component in range(1, self.components + 1))

    def told(self, component: int) -> bool:
        """True where the application was told that media takes our path."""
        return self._gate.told.get(component, False)

    def announce(self, _now: float) -> None:
        """Tell of paths that were kept back until now."""
        if not self.retired:
            self._gate.announce()

    @property
    def needs(self) -> frozenset[FlowId]:
        """Sockets and connections that nobody else may free."""
        if self.retired:
            return frozenset()
        return self._paths.flows if self.state is SessionState.COMPLETED else self.own_flows

    @property
    def next_pair_id(self) -> int:
        """An id that no pair of ours has."""
        return self._first_pair_id + len(self.pairs)

    def heard_media(self, _component: int, _now: float, _packets: int = 1) -> bool:
        """Nothing follows from silence here: a lite agent cannot ask whether the peer is there."""
        return False

    def socket_lost(self, flow: FlowId, reason: str, now: float) -> bool:
        """A socket is gone; True where it carried media."""
        return self._cut_off([pair for pair in self._valid if pair.flow == flow], reason, now)

    def host_lost(self, host: str, reason: str, now: float) -> bool:
        """An address of ours is gone: drop what stands on it; True where it carried media."""
        self._locals.host_lost(host)
        return self._cut_off([pair for pair in self._valid if stands_on(pair.local, host)], reason, now)

    def _cut_off(self, lost: list[Pair], reason: str, now: float) -> bool:
        for pair in lost:
            self._valid.invalidate(pair, reason)
            if self._paths.is_selected(pair):
                self._paths.lost(pair, reason, now)
        return any(self._paths.is_selected(pair) for pair in lost)

    def advance(self, now: float) -> None:
        """Do what is due."""
        if self._retired_until is None:
            super().advance(now)
        elif now >= self._retired_until:
            self.close("not needed: the media is on the path of the restart", now)

    @property
    def next_timer(self) -> float | None:
        """When `advance` has something to do, monotonic seconds."""
        if self.state is SessionState.CLOSED:
            return None
        return super().next_timer if self._retired_until is None else self._retired_until
