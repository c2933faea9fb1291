"""How ICE ends for a lite agent: completion, failure, freeing what is not needed (RFC 8445 §8.2, §8.3.2)."""

from __future__ import annotations

from collections.abc import Callable

from ice.checks.pair import Pair
from ice.config import IceConfig
from ice.lite.paths import LitePaths
from ice.lite.valid_list import ValidList
from ice.messages import StateChanged
from ice.outbox import Outbox
from ice.types import Description, SessionState

_STILL_TRYING_S = 5.0
"""A peer whose last check is not older than that has not given up."""


class LiteConclusion:
    """The state of the session and what moves it.

    Args:
        components: how many components the stream has.
        valid: the valid list.
        paths: selected paths.
        config: times.
        checked: how many checks were answered, and when the last of them came.
        agreed: whether a lite peer knows which pairs are used.
        free: gives back what is not needed, for a reason, now.
        outbox: takes the events.
    """

    def __init__(
        self,
        *,
        components: int,
        valid: ValidList,
        paths: LitePaths,
        config: IceConfig,
        checked: Callable[[], tuple[int, float | None]],
        agreed: Callable[[], bool],
        free: Callable[[str, float], None],
        outbox: Outbox,
    ) -> None:
        self.state = SessionState.NEW
        self.components = components
        self._valid = valid
        self._paths = paths
        self._config = config
        self._checked = checked
        self._agreed = agreed
        self._free = free
        self._outbox = outbox
        self._remote: Description | None = None
        self._started_at = 0.0
        self._release_at: float | None = None

    def set_state(self, state: SessionState, now: float, reason: str = "") -> None:
        """Move to a state and tell so."""
        if state is not self.state:
            self.state = state
            self._outbox.event(StateChanged(at=now, state=state, reason=reason))

    def start(self, remote: Description, now: float) -> None:
        """The peer's description is known; patience runs from here."""
        self._remote = remote
        self._started_at = now
        self.set_state(SessionState.RUNNING, now)

    # --- completion -----------------------------------------------------------------------------------------

    def nominated(self, pair: Pair, now: float) -> None:
        """A pair is valid and the one of its component."""
        if self.state is not SessionState.COMPLETED:
            self.complete(now)
        elif pair.component <= self.components and not self._paths.carries(pair):
            self._select(pair, now)
            self._release_later(now)

    def complete(self, now: float) -> None:
        """Use the nominated pairs once every component has one (RFC 8445 §12.1.1), and conclude."""
        if self.state is not SessionState.RUNNING:
            return
        nominated = [self._valid.nominated(number) for number in range(1, self.components + 1)]
        pairs = [pair for pair in nominated if pair is not None and pair.valid is not None]
        if len(pairs) < len(nominated):
            return
        for pair in pairs:
            if not self._paths.carries(pair):
                self._select(pair, now)
        if self._remote is not None and self._remote.lite and not self._agreed():
            # RFC 8445 §8.2: complete after and only after the updated exchange.
            return
        self.set_state(SessionState.COMPLETED, now)
        self._release_later(now)

    def _select(self, pair: Pair, now: float) -> None:
        before = self._paths.pair(pair.component)
        if before is not None and before.is_tcp and pair.is_tcp and before.local == pair.local:
            reason = "the peer opened the TCP connection again"
        else:
            reason = self._why(pair, now)
        self._paths.select(pair, reason, now)

    def _why(self, pair: Pair, now: float) -> str:
        name = f"TCP {pair.local.tcptype}" if pair.is_tcp else "UDP"
        after = f"{(now - self._started_at) * 1000:.0f} ms"
        if self._remote is not None and self._remote.lite:
            return f"{name} without checks: both sides are ICE lite"
        return f"{name} nominated by the peer at {after}; this side is ICE lite"

    def limit_components(self, count: int, now: float) -> None:
        """Components beyond `count` are not used."""
        for component in range(count + 1, self.components + 1):
            self._paths.forget(component)
        self.components = min(count, self.components)
        self.complete(now)

    # --- failure --------------------------------------------------------------------------------------------

    @property
    def _patient_until(self) -> float:
        """When a session without nomination has failed: later where the peer still checks, within limits."""
        until = self._started_at + self._config.patience_s
        if self._config.patience_s < self._config.check_timeout_s:
            return until
        _, last_at = self._checked()
        if last_at is None:
            return until
        return min(max(until, last_at + _STILL_TRYING_S), until + self._config.patience_s)

    def fail_if_hopeless(self, now: float) -> None:
        """Fail where the peer has not nominated in time."""
        if self.state is SessionState.RUNNING and now >= self._patient_until:
            self.fail(self._why_failed(), now)

    def _why_failed(self) -> str:
        missing = [
            {1: "RTP", 2: "RTCP"}.get(number, f"component {number}")
            for number in range(1, self.components + 1)
            if self._valid.nominated(number) is None
        ]
        if self._remote is not None and self._remote.lite:
            if not missing:
                return "both sides are ICE lite, and the peer never said which pairs it uses"
            return f"no path for {' and '.join(missing)}: both sides are ICE lite, and nobody connected"
        answered, _ = self._checked()
        heard = f"{answered} of its checks were answered" if answered else "no check of it came in"
        return (
            f"no path for {' and '.join(missing)}: this side is ICE lite, the peer nominated nothing; {heard}"
        )

    def fail(self, reason: str, now: float) -> None:
        """The session ends without a path."""
        self._release_at = None
        self._paths.end(reason, now)
        self.set_state(SessionState.FAILED, now, reason)

    # --- freeing (RFC 8445 §8.3.2) --------------------------------------------------------------------------

    def _release_later(self, now: float) -> None:
        """At once, but for a peer that may nominate once more (RFC 5245)."""
        aggressive = self._remote is not None and "ice2" not in self._remote.options and not self._remote.lite
        self._release_at = now + (self._config.release_after_s if aggressive else 0.0)

    def release(self, now: float) -> None:
        """Close the connections and sockets that no selected path needs."""
        if self._release_at is None or now < self._release_at:
            return
        self._release_at = None
        self._free("not needed: ICE is completed", now)

    @property
    def next_timer(self) -> float | None:
        """When there is something to decide or to free."""
        times = [self._release_at]
        if self.state is SessionState.RUNNING:
            times.append(self._patient_until)
        return min((at for at in times if at is not None), default=None)
