"""The candidates of the peer: signalled ones, sifted, and those its checks reveal (RFC 8445 §7.3.1.3)."""

from __future__ import annotations

from dataclasses import replace

from ice.candidates.address import normalised, target_refusal
from ice.config import IceConfig
from ice.messages import CandidateAdded, CandidateRefused
from ice.outbox import Outbox
from ice.types import Candidate, CandidateType, TcpType, Transport, TransportAddress

_MAX_LEARNED_UDP = 64
"""So many addresses may the peer's checks over UDP reveal that nobody told us."""


_OTHER_END: dict[TcpType | None, TcpType] = {TcpType.PASSIVE: TcpType.ACTIVE, TcpType.SO: TcpType.SO}
"""What dialled a connection that one of ours accepted (RFC 6544 §7.2)."""


class RemoteCandidates:
    """What the peer has; nobody but these is ever sent a check."""

    def __init__(self, *, config: IceConfig, outbox: Outbox) -> None:
        self._config = config
        self._outbox = outbox
        self._signalled: list[Candidate] = []
        self._learned: dict[tuple[int, Transport, TransportAddress], Candidate] = {}

    @property
    def signalled(self) -> tuple[Candidate, ...]:
        """What the peer told us and we use, in its order."""
        return tuple(self._signalled)

    @property
    def components(self) -> int:
        """The highest component that the peer has a candidate for, 0 without any."""
        return max((candidate.component for candidate in self._signalled), default=0)

    def add(self, candidate: Candidate, now: float) -> Candidate | None:
        """Take a signalled candidate; None where it is refused or was known."""
        reason = target_refusal(
            candidate.address,
            port_matters=candidate.tcptype is not TcpType.ACTIVE,
            loopback=self._config.loopback,
        )
        if not reason and _is_dialled(candidate) and candidate.address.port in self._config.refused_ports:
            reason = f"TCP port {candidate.address.port} is not dialled"
        if not reason and len(self._signalled) >= self._config.max_remote_candidates:
            reason = f"over the limit of {self._config.max_remote_candidates} candidates"
        if reason:
            self._outbox.counters["candidates_refused"] += 1
            self._outbox.event(CandidateRefused(at=now, candidate=candidate, reason=reason))
            return None
        candidate = replace(candidate, address=normalised(candidate.address), base=None)
        if any(_same_place(candidate, known) for known in self._signalled):
            return None
        self._signalled.append(candidate)
        self._outbox.event(CandidateAdded(at=now, local=False, candidate=candidate))
        return candidate

    def source_of(
        self, local: Candidate, remote: TransportAddress, priority: int, now: float
    ) -> Candidate | None:
        """Whose check came from `remote` to `local`: a known candidate, else a new peer-reflexive one.

        An accepted connection never comes from a signalled active candidate, whose port means nothing; to a
        simultaneous-open one it comes from such a candidate.
        None where the peer has shown too many addresses for UDP: between two NATs that give every
        destination a port of its own, each check of ours would reveal another one, without end.
        """
        if local.tcptype in (None, TcpType.SO):
            place = (local.component, local.transport, local.tcptype, remote)
            for candidate in self._signalled:
                if (
                    candidate.component,
                    candidate.transport,
                    candidate.tcptype,
                    candidate.address,
                ) == place:
                    return candidate
        key = (local.component, local.transport, remote)
        known = self._learned.get(key)
        if known is not None:
            return known
        if local.transport is Transport.UDP and self._learned_udp >= _MAX_LEARNED_UDP:
            return None
        learned = Candidate(
            foundation=self._fresh_foundation(),
            component=local.component,
            transport=local.transport,
            priority=priority,
            address=remote,
            type=CandidateType.RELAY if self._is_relay(local, remote) else CandidateType.PRFLX,
            tcptype=_OTHER_END.get(local.tcptype),
        )
        self._learned[key] = learned
        self._outbox.event(CandidateAdded(at=now, local=False, candidate=learned))
        return learned

    def _is_relay(self, local: Candidate, remote: TransportAddress) -> bool:
        """True of a connection that came from the peer's relay: it dials for the peer (RFC 6062 §5.2).

        It tells its own port, so its address is that of no signalled candidate; its host is.
        """
        hosts = {candidate.type for candidate in self._signalled if candidate.address.host == remote.host}
        return local.transport is Transport.TCP and hosts == {CandidateType.RELAY}

    @property
    def _learned_udp(self) -> int:
        return sum(transport is Transport.UDP for _, transport, _ in self._learned)

    def _fresh_foundation(self) -> str:
        # RFC 8445 §7.3.1.3: different from all other remote candidates.
        taken = {candidate.foundation for candidate in (*self._signalled, *self._learned.values())}
        number = len(taken) + 1
        while f"r{number}" in taken:
            number += 1
        return f"r{number}"


def _is_dialled(candidate: Candidate) -> bool:
    return candidate.transport is Transport.TCP and candidate.tcptype is not TcpType.ACTIVE


def _same_place(one: Candidate, other: Candidate) -> bool:
    return (one.component, one.transport, one.tcptype, one.address) == (
        other.component,
        other.transport,
        other.tcptype,
        other.address,
    )
