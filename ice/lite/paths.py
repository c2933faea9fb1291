"""The selected paths of a lite agent: kept alive, lost, found again (RFC 8445 §11, §12.1.1, RFC 6544 §11.1).

A lite agent asks for no consent, it only gives it (RFC 7675 §1): as long as the connection stands it sends.
"""

from __future__ import annotations

from collections.abc import Callable

from ice.checks.connection import Connection
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.config import IceConfig
from ice.messages import PathLost, PathSelected
from ice.outbox import Outbox
from ice.stun.binding import binding_indication
from ice.stun.message import TRANSACTION_ID_SIZE
from ice.types import FlowId, TcpType


class LitePath:
    """What one component sends its media on."""

    __slots__ = ("keepalive_at", "lost_at", "pair", "selected_at")

    def __init__(self, pair: Pair, keepalive_at: float, now: float) -> None:
        self.pair = pair
        self.keepalive_at = keepalive_at
        self.selected_at = now
        self.lost_at: float | None = None


class LitePaths:
    """The selected paths of all components.

    Args:
        table: sockets and connections.
        config: intervals.
        random: random(n) gives n unpredictable bytes.
        outbox: takes commands and events.
    """

    def __init__(
        self,
        *,
        table: ConnectionTable,
        config: IceConfig,
        random: Callable[[int], bytes],
        outbox: Outbox,
    ) -> None:
        self._table = table
        self._config = config
        self._random = random
        self._outbox = outbox
        self._paths: dict[int, LitePath] = {}

    def pair(self, component: int) -> Pair | None:
        """The selected pair of a component, None before there is one."""
        path = self._paths.get(component)
        return None if path is None else path.pair

    def is_selected(self, pair: Pair) -> bool:
        """True of a pair that carries its component's media."""
        return self.pair(pair.component) is pair

    def carries(self, pair: Pair) -> bool:
        """True of a selected pair that was not lost."""
        path = self._paths.get(pair.component)
        return path is not None and path.pair is pair and path.lost_at is None

    def forget(self, component: int) -> None:
        """The component is not used any more."""
        self._paths.pop(component, None)

    def select(self, pair: Pair, reason: str, now: float) -> None:
        """Media of the pair's component takes this valid pair from now on."""
        if pair.valid is None:
            raise ValueError("only a valid pair can be selected")
        self._paths[pair.component] = LitePath(pair, now + self._config.keepalive_s, now)
        pair.reason = reason
        self._outbox.event(
            PathSelected(
                at=now,
                component=pair.component,
                flow=pair.valid.flow,
                remote=pair.remote.address,
                pair=pair.view(selected=True),
                reason=reason,
            )
        )

    # --- losing and finding again ---------------------------------------------------------------------------

    def lost(self, pair: Pair, reason: str, now: float) -> None:
        """The connection of a selected pair is gone."""
        path = self._paths[pair.component]
        if path.lost_at is None:
            path.lost_at = now
            self._outbox.event(PathLost(at=now, component=pair.component, reason=reason))

    def comes_back(self, connection: Connection, *, nominates: bool) -> bool:
        """True where an accepted connection is the peer's new dial of the selected pair (RFC 6544 §11.1).

        It came from the same host to the same listener, and either we lost the old one, or the peer
        nominates it.
        """
        path = self._paths.get(connection.component)
        if path is None or connection.dialled or connection.flow == path.pair.flow:
            return False
        pair = path.pair
        if pair.local != connection.candidate or pair.remote.address.host != connection.remote.host:
            return False
        return path.lost_at is not None or nominates

    def end(self, reason: str, now: float) -> None:
        """No component may send any more."""
        for path in self._paths.values():
            self.lost(path.pair, reason, now)

    # --- keepalives (RFC 8445 §11) --------------------------------------------------------------------------

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        patience = self._config.consent_timeout_s
        return min(
            (
                path.keepalive_at if path.lost_at is None else path.lost_at + patience
                for path in self._paths.values()
            ),
            default=None,
        )

    def handle_timer(self, now: float) -> str:
        """Send keepalives; gives why the session ends where a lost path was not found again in time."""
        for path in self._paths.values():
            if path.lost_at is not None:
                if now >= path.lost_at + self._config.consent_timeout_s:
                    waited = f"{self._config.consent_timeout_s:.0f} s"
                    return f"the connection was lost and the peer did not open it again within {waited}"
            elif now >= path.keepalive_at:
                path.keepalive_at = now + self._config.keepalive_s
                flow, remote = path.pair.flow, path.pair.remote.address
                if flow is not None:
                    data = binding_indication(self._random(TRANSACTION_ID_SIZE))
                    self._outbox.send(flow, remote, data, tcp=path.pair.is_tcp)
        return ""

    @property
    def flows(self) -> frozenset[FlowId]:
        """Sockets and connections that the selected paths need, the listener of an accepted one included."""
        needed: set[FlowId] = set()
        for path in self._paths.values():
            if path.pair.flow is not None:
                needed.add(path.pair.flow)
            if path.pair.local.tcptype is TcpType.PASSIVE:
                needed.update(self._table.listeners(path.pair.local))
        return frozenset(needed)
