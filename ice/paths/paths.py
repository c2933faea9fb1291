"""The selected path of each component: chosen, kept alive, lost, found again (RFC 8445 §11, RFC 6544 §11)."""

from __future__ import annotations

from collections.abc import Callable

from ice.candidates.candidate import stands_on
from ice.candidates.priority import peer_reflexive_priority
from ice.checks.checklist import CheckList
from ice.checks.connection import Connection
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.checks.role import RoleKeeper
from ice.config import IceConfig
from ice.messages import ConsentAnswered, PathLost, PathSelected
from ice.outbox import Outbox
from ice.paths.consent import Consent, ConsentAnswer
from ice.paths.liveness import Finding, Liveness
from ice.reasons import why_selected
from ice.stun.message import StunMessage
from ice.types import CandidateType, Credentials, FlowId, TcpType, TransportAddress

# Seconds until a lost connection is dialled again: at once, then with growing patience.
_REDIAL_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0)

_FUTILE_REDIALS = 3
"""So many dials of a lost connection failed: the way is closed, or its NAT has another mapping now."""

_SILENT = "nothing comes from the peer any more"

_FUTILE_WAIT_S = 3.0
"""So long a lost connection has not come back: who dials has tried thrice, or does not know of the loss."""


class Path:
    """What one component sends its media on."""

    __slots__ = (
        "consent",
        "futile_at",
        "liveness",
        "lost",
        "pair",
        "redial_at",
        "redials",
        "selected_at",
        "told",
    )

    def __init__(self, pair: Pair, consent: Consent, liveness: Liveness, now: float) -> None:
        self.pair = pair
        self.consent = consent
        self.liveness = liveness
        self.selected_at = now
        self.lost = False
        """Its TCP connection is gone; the consent timer runs on (RFC 7675 §5.2)."""
        self.redial_at: float | None = None
        self.redials = 0
        self.futile_at: float | None = None
        """When the lost connection is despaired of and a restart is advised; redialling goes on."""
        self.told = False
        """The application knows that its media takes this path."""


class Paths:
    """The selected paths of all components.

    Args:
        local: our credentials.
        checks: the check list, for the sentences.
        table: sockets and connections.
        roles: role and tie-breaker.
        config: intervals.
        random: random(n) gives n unpredictable bytes.
        speaks: false of a component whose media is on the path of another generation.
        advise: hears why a restart would help, in words, and when.
        insist: the same, of what the controlling side does not seem to know.
        outbox: takes commands and events.
    """

    def __init__(
        self,
        *,
        local: Credentials,
        checks: CheckList,
        table: ConnectionTable,
        roles: RoleKeeper,
        config: IceConfig,
        random: Callable[[int], bytes],
        speaks: Callable[[int], bool],
        advise: Callable[[str, float], None],
        insist: Callable[[str, float], None],
        outbox: Outbox,
    ) -> None:
        self._local = local
        self._checks = checks
        self._table = table
        self._roles = roles
        self._config = config
        self._random = random
        self._speaks = speaks
        self._advise = advise
        self._insist = insist
        self._outbox = outbox
        self._remote: Credentials | None = None
        self._started_at = 0.0
        self._paths: dict[int, Path] = {}
        self._doubted: list[Pair] = []

    def set_remote(self, remote: Credentials, now: float) -> None:
        """The peer's credentials; checks begin now."""
        self._remote = remote
        self._started_at = now

    def pair(self, component: int) -> Pair | None:
        """The selected pair of a component, None before there is one."""
        path = self._paths.get(component)
        return None if path is None else path.pair

    def is_selected(self, pair: Pair) -> bool:
        """True of a pair that carries its component's media."""
        return self.pair(pair.component) is pair

    def is_lost(self, pair: Pair) -> bool:
        """True of a selected pair without its connection."""
        return self.is_selected(pair) and self._paths[pair.component].lost

    def told(self, component: int) -> bool:
        """True once the application knows that media takes our path."""
        path = self._paths.get(component)
        return path is not None and path.told

    def alive(self, component: int) -> bool:
        """True while media can be sent on our path."""
        path = self._paths.get(component)
        return path is not None and not path.lost

    def forget(self, component: int) -> None:
        """The component is not used any more."""
        self._paths.pop(component, None)

    # --- choosing -------------------------------------------------------------------------------------------

    def select(self, pair: Pair, now: float) -> None:
        """Media of the pair's component takes this valid pair from now on."""
        if self._remote is None or pair.valid is None:
            raise ValueError("only a valid pair can be selected")
        consent = Consent(
            local=self._local,
            remote=self._remote,
            roles=self._roles,
            priority=peer_reflexive_priority(pair.local),
            config=self._config,
            random=self._random,
            now=now,
        )
        self._paths[pair.component] = Path(pair, consent, Liveness(self._config.silence_s, now), now)
        ours = [other for other in self._checks.history if other.component == pair.component]
        reason = why_selected(pair, ours, elapsed_s=now - self._started_at)
        self._tell(pair, "the peer opened the TCP connection again" if pair.replaces else reason, now)

    def announce(self, now: float) -> None:
        """Tell of the paths that were kept back while the generation before carried the media."""
        for path in self._paths.values():
            if not path.told and not path.lost:
                self._tell(path.pair, path.pair.reason, now)

    def _tell(self, pair: Pair, reason: str, now: float) -> None:
        if pair.valid is None:
            raise ValueError("the path is not proved")
        pair.reason = reason
        path = self._paths[pair.component]
        path.told = self._speaks(pair.component)
        if not path.told:
            return
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

    def replaced_by(self, connection: Connection, *, nominates: bool) -> bool:
        """True where an accepted connection is the peer's new dial of the selected pair (RFC 6544 §11.1).

        It came from the same host to the same listener, and either we lost the old one, or the peer
        nominates it, or it was opened long after all other dialling has ended.
        """
        path = self._paths.get(connection.component)
        if path is None or connection.dialled or connection.pair is path.pair:
            return False
        pair = path.pair
        if pair.local != connection.candidate or pair.remote.address.host != connection.remote.host:
            return False
        late = connection.started_at > path.selected_at + self._config.release_after_s
        return path.lost or nominates or late

    # --- losing and finding again (RFC 6544 §11.1) ----------------------------------------------------------

    def connection_lost(self, pair: Pair, reason: str, now: float) -> None:
        """The connection of a selected pair is gone: tell, and dial again where it was us who dialled."""
        path = self._paths[pair.component]
        if not path.lost:
            self._lose(path, reason, now)
            path.futile_at = now + _FUTILE_WAIT_S
        if pair.local.tcptype in (TcpType.ACTIVE, TcpType.SO):
            delay = _REDIAL_DELAYS_S[min(path.redials, len(_REDIAL_DELAYS_S) - 1)]
            path.redial_at = now + delay
            path.redials += 1
            if path.redials > _FUTILE_REDIALS:
                self._despair(path, now)

    def socket_lost(self, flow: FlowId, reason: str, now: float) -> bool:
        """The socket or relay under a path is gone and nothing brings it back; True where there was one.

        The consent timer runs on: nobody has revoked anything.
        """
        return self._cut_off(
            [path for path in self._paths.values() if self._needs(path.pair, flow)], reason, now
        )

    def host_lost(self, host: str, reason: str, now: float) -> bool:
        """The same of an address of ours."""
        lost = [path for path in self._paths.values() if stands_on(path.pair.local, host)]
        return self._cut_off(lost, reason, now)

    def _cut_off(self, lost: list[Path], reason: str, now: float) -> bool:
        for path in lost:
            path.pair.flow = path.pair.valid = None
            # Nobody can dial from what is gone, or reach it.
            path.redial_at = path.futile_at = None
            if not path.lost:
                self._lose(path, reason, now)
        return bool(lost)

    def _needs(self, pair: Pair, flow: FlowId) -> bool:
        if pair.is_tcp and pair.local.type is CandidateType.RELAY:
            return flow in self._table.listeners(pair.local)
        return pair.flow == flow

    def _lose(self, path: Path, reason: str, now: float) -> None:
        path.lost = True
        if path.told and self._speaks(path.pair.component):
            self._outbox.event(PathLost(at=now, component=path.pair.component, reason=reason))

    def _despair(self, path: Path, now: float) -> None:
        if path.futile_at is None:
            return
        path.futile_at = None
        dials = path.pair.local.tcptype in (TcpType.ACTIVE, TcpType.SO)
        self._advise(
            f"the TCP connection to {path.pair.remote.address} cannot be opened again"
            if dials
            else "the peer does not open the TCP connection again",
            now,
        )

    def end(self, reason: str, now: float) -> None:
        """The session failed: no component may send any more (RFC 8445 §12.1, RFC 7675 §5.1)."""
        for path in self._paths.values():
            if not path.lost:
                self._lose(path, reason, now)

    def found_again(self, pair: Pair, now: float) -> None:
        """A check on the selected pair succeeded: a lost path may carry media again (RFC 6544 §11.1)."""
        path = self._paths[pair.component]
        path.consent.refresh(now)
        path.liveness.heard(now)
        if path.lost:
            path.lost = False
            path.redials = 0
            path.redial_at = path.futile_at = None
            self._tell(pair, "the TCP connection was lost and opened again", now)

    def redials(self, now: float) -> list[Pair]:
        """The pairs whose connection is to be dialled now."""
        due = []
        for path in self._paths.values():
            if path.redial_at is not None and now >= path.redial_at:
                path.redial_at = None
                due.append(path.pair)
        return due

    # --- silence (ice.liveness) -----------------------------------------------------------------------------

    def heard(self, component: int, now: float) -> None:
        """An authenticated check of the peer came for this component."""
        path = self._paths.get(component)
        if path is not None:
            path.liveness.heard(now)

    def heard_media(self, component: int, now: float, packets: int = 1) -> bool:
        """Media came for this component; True where `next_timer` is another one by that."""
        path = self._paths.get(component)
        return path is not None and path.liveness.heard_media(now, packets)

    def doubted(self) -> list[Pair]:
        """The selected pairs that are to be checked now, once."""
        doubted, self._doubted = self._doubted, []
        return doubted

    def _listen(self, path: Path, now: float) -> None:
        match path.liveness.handle_timer(now):
            case Finding.NOTHING:
                pass
            case Finding.CHECK:
                self._doubted.append(path.pair)
            case Finding.SILENT:
                self._advise(_SILENT, now)
            case Finding.STILL_SILENT:
                self._insist(_SILENT, now)

    # --- consent (RFC 7675) ---------------------------------------------------------------------------------

    def expects(self, transaction_id: bytes) -> bool:
        """True where this answers one of our consent checks."""
        return any(path.consent.expects(transaction_id) for path in self._paths.values())

    def handle_response(
        self, message: StunMessage, flow: FlowId, remote: TransportAddress, now: float
    ) -> tuple[bool, str]:
        """Read an answer to a consent check.

        Gives whether it was one, and why the session ends where the peer revoked its consent.
        """
        for component, path in self._paths.items():
            if not path.consent.expects(message.transaction_id):
                continue
            if flow != path.pair.flow or remote != path.pair.remote.address:
                return False, ""
            answer, rtt_s = path.consent.handle_response(message, now)
            match answer:
                case ConsentAnswer.GIVEN:
                    path.pair.rtt_s = rtt_s
                    path.liveness.heard(now)
                    self._outbox.event(ConsentAnswered(at=now, component=component, rtt_ms=rtt_s * 1000))
                    return True, ""
                case ConsentAnswer.REVOKED:
                    return True, "the peer revoked its consent"
                case ConsentAnswer.WORTHLESS:
                    return False, ""
        return False, ""

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` or `redials` has something to do."""
        times: list[float] = []
        for path in self._paths.values():
            times.append(path.consent.expires_at if path.lost else path.consent.next_timer)
            silent_at = None if path.lost else path.liveness.next_timer
            times += [at for at in (path.redial_at, path.futile_at, silent_at) if at is not None]
        return min(times, default=None)

    def handle_timer(self, now: float) -> str:
        """Send consent checks and keepalives; gives why the session ends where a consent ran out."""
        for path in self._paths.values():
            if path.futile_at is not None and now >= path.futile_at:
                self._despair(path, now)
            if path.consent.expired(now):
                silence = f"no answer of the peer for {self._config.consent_timeout_s:.0f} s"
                reason = f"the connection was lost and {silence}" if path.lost else silence
                self._advise(reason, now)
                return reason
            flow = path.pair.flow
            if path.lost or flow is None:
                continue
            data = path.consent.due(now)
            if path.consent.asked_at == now:
                path.liveness.asked(now)
            self._listen(path, now)
            if data is None:
                continue
            self._outbox.send(flow, path.pair.remote.address, data, tcp=path.pair.is_tcp)
        return ""

    @property
    def flows(self) -> frozenset[FlowId]:
        """Sockets and connections that the selected paths need, the listener of an accepted one included."""
        needed: set[FlowId] = set()
        for path in self._paths.values():
            if path.pair.flow is not None:
                needed.add(path.pair.flow)
            if path.pair.is_tcp:
                # The peer comes back to the listener when the connection is lost (RFC 6544 §11.1); and what
                # goes through a relay needs the relay (RFC 6544 §11.2).
                needed.update(self._table.listeners(path.pair.local))
        return frozenset(needed)
