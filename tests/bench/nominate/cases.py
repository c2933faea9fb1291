"""The networks that are measured, and what a measurement says."""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import Role, Transport

ROUND_TRIP_S = 0.05

DEADLINE_S = 2.0
"""The shorter deadline that is set where everything is dropped, seconds."""

_LATE_MS = 1000
"""A failure is reported so soon after its deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network between the two.

    Attributes:
        name: for people.
        floor_ms: what the protocols allow at best, None where there is no path. UDP with regular
            nomination: check and nomination. TCP: connect, check, nomination, counted where the
            controlling side dials; where it is dialled it learns half a round trip later that it was.
        udp_passes: the network lets UDP through.
        udp_offered: the two have UDP candidates.
        dials: the roles that the network lets open TCP connections.
    """

    name: str
    floor_ms: float | None
    udp_passes: bool = False
    udp_offered: bool = True
    dials: frozenset[Role] = frozenset(Role)

    @property
    def transport(self) -> Transport | None:
        """What carries the nominated pair, None where there is none."""
        if self.udp_passes and self.udp_offered:
            return Transport.UDP
        return Transport.TCP if self.dials else None


CASES = (
    Case(name="UDP open", floor_ms=100, udp_passes=True),
    Case(name="UDP dropped", floor_ms=150),
    Case(
        name="UDP dropped, only the controlling side can dial",
        floor_ms=150,
        dials=frozenset({Role.CONTROLLING}),
    ),
    Case(
        name="UDP dropped, only the controlled side can dial",
        floor_ms=150,
        dials=frozenset({Role.CONTROLLED}),
    ),
    Case(name="TCP candidates only", floor_ms=150, udp_offered=False),
    Case(name="everything dropped", floor_ms=None, dials=frozenset()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one run of a case gave.

    Attributes:
        case: the network.
        mode: "simulated" or "sockets".
        peer: who was on the other side: "icephone", "libnice" or "pion".
        role: ours; of two of ours that of the side that is measured.
        components: 1, or 2 with RTCP beside RTP.
        transport: what carries the nominated pairs, None where there is no path.
        nominated_ms: from the peer's description to the answered nomination of all components.
        failed_ms: from the peer's description to the report that there is no path.
        given_up: pairs that had failed when we nominated.
        deadline_ms: the time that was set for it.
        runs_ms: times to the nomination of all runs, sorted, where there were several.
    """

    case: Case
    mode: str
    peer: str
    role: Role
    components: int = 1
    transport: Transport | None = None
    nominated_ms: float | None = None
    failed_ms: float | None = None
    given_up: int = 0
    deadline_ms: float | None = None
    runs_ms: tuple[float, ...] = ()

    @property
    def problem(self) -> str:
        """What is wrong with the outcome, whatever time it took; empty where it is as expected."""
        if self.case.transport is None:
            if self.nominated_ms is not None:
                return "nominated where nothing passes"
            if self.failed_ms is None or self.deadline_ms is None:
                return "no failure was reported"
            if self.failed_ms < self.deadline_ms - 1:
                return "failed before its time"
            return "failed too late" if self.failed_ms > self.deadline_ms + _LATE_MS else ""
        if self.nominated_ms is None:
            return "no path was found"
        return "" if self.transport is self.case.transport else f"took {self.transport}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "case": self.case.name,
            "transport": None if self.transport is None else self.transport.value,
            "nominated_ms": _rounded(self.nominated_ms),
            "floor_ms": self.case.floor_ms,
            "peer": self.peer,
            "role": self.role.value,
            "mode": self.mode,
            "components": self.components,
            "failed_ms": _rounded(self.failed_ms),
            "deadline_ms": _rounded(self.deadline_ms),
            "runs_ms": [_rounded(time) for time in self.runs_ms],
            "problem": self.problem,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
