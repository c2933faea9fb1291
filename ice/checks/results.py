"""What the outcome of one of our checks does to its pair (RFC 8445 §7.2.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ice.candidates.candidate import Foundations, base_of
from ice.checks.checklist import CheckList
from ice.checks.checklist_set import CheckListSet
from ice.checks.client import Check, CheckClient, CheckSucceeded
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair, ValidPair
from ice.messages import CandidateAdded, CheckAnswered
from ice.outbox import Outbox
from ice.types import Candidate, CandidateType, PairState, Transport, TransportAddress


class CheckResults:
    """Validates pairs, finds peer-reflexive candidates of ours, fails pairs."""

    def __init__(
        self,
        *,
        locals_: Iterable[Candidate],
        checks: CheckList,
        lists: CheckListSet,
        client: CheckClient,
        table: ConnectionTable,
        outbox: Outbox,
    ) -> None:
        self._locals = locals_
        self._checks = checks
        self._lists = lists
        self._client = client
        self._table = table
        self._outbox = outbox
        self._foundations = Foundations("p")
        self._learned: dict[tuple[int, Transport, TransportAddress, TransportAddress], Candidate] = {}

    def succeeded(self, outcome: CheckSucceeded, now: float) -> bool:
        """Enter the valid pair (§7.2.5.3); False where its pair was dropped meanwhile."""
        check, pair = outcome.check, outcome.check.pair
        pair.checks_answered += 1
        pair.rtt_s = outcome.rtt_s
        self._outbox.event(CheckAnswered(at=now, pair_id=pair.id, rtt_ms=outcome.rtt_s * 1000))
        if pair not in self._checks:
            return False
        self._table.validate_source(outcome.flow, pair.remote.address, pair.component)
        self._client.cancel(pair)
        local = self._seen_as(check, outcome.mapped, now)
        if pair.valid is None or pair.valid.flow != outcome.flow:
            pair.valid = ValidPair(local=local, flow=outcome.flow, at=now)
        self._checks.set_state(pair, PairState.SUCCEEDED, now)
        self._lists.unfreeze(pair.foundation, now)
        return True

    def _seen_as(self, check: Check, mapped: TransportAddress, now: float) -> Candidate:
        """The candidate of ours that the peer saw: a known one, else peer-reflexive (§7.2.5.3.1).

        Of a connection that we dialled it always is peer-reflexive: it has its own port.
        """
        ours = check.pair.local
        for candidate in (ours, *self._locals):
            place = (candidate.component, candidate.transport, candidate.tcptype, candidate.address)
            if place == (ours.component, ours.transport, ours.tcptype, mapped):
                return candidate
        base = base_of(ours)
        if ours.type is CandidateType.RELAY and mapped == base:
            # The relay's address is known; only its port stood nowhere in the active candidate.
            return replace(ours, address=mapped)
        key = (ours.component, ours.transport, base, mapped)
        known = self._learned.get(key)
        if known is not None:
            return known
        learned = Candidate(
            foundation=self._foundations.of(CandidateType.PRFLX, base.host, ours.transport, ours.tcptype),
            component=ours.component,
            transport=ours.transport,
            priority=check.priority,
            address=mapped,
            type=CandidateType.PRFLX,
            tcptype=ours.tcptype,
            related=base,
            base=base,
        )
        self._learned[key] = learned
        self._outbox.event(CandidateAdded(at=now, local=True, candidate=learned))
        return learned

    def failed(self, pair: Pair, reason: str, now: float) -> None:
        """The pair is Failed; others of its foundation keep their state (§7.2.5.2)."""
        if pair in self._checks:
            self._checks.set_state(pair, PairState.FAILED, now, reason)

    def wrong_host(self, remote: TransportAddress, reason: str, now: float) -> list[Pair]:
        """Somebody else listens at that address: fail all its TCP pairs (RFC 6544 §7.1); gives them."""
        victims = [pair for pair in self._checks if pair.is_tcp and pair.remote.address == remote]
        for pair in victims:
            self._client.cancel(pair)
            self._client.give_up_dial(pair)
            self._checks.set_state(pair, PairState.FAILED, now, reason)
        return victims
