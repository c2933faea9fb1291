"""Random event sequences: what must hold for the transaction layer whatever happens."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.ua.sip.bench import TCP, UDP, Bench, make_request
from ua.sip.syntax.message import Response, make_response
from ua.sip.transaction.messages import (
    ClientKey,
    RequestReceived,
    ResponseReceived,
    ServerKey,
    TransactionEnded,
    TransactionFailed,
    TransactionTimedOut,
)

LONGEST = 400.0
numbers = st.integers(0, 3)
methods = st.sampled_from(["INVITE", "OPTIONS", "BYE"])
statuses = st.sampled_from([100, 180, 183, 200, 202, 302, 404, 486, 487, 603])
hops = st.sampled_from([UDP, TCP])


class Layer(RuleBasedStateMachine):
    """Sends, answers, receives, loses, cancels and waits in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.serial = 0
        self.clients: list[ClientKey] = []

    @rule(method=methods, hop=hops)
    def send(self, method: str, hop: object) -> None:
        self.serial += 1
        request = make_request(method, branch=f"z9hG4bKc{self.serial}", cseq=self.serial)
        chosen = TCP if hop is TCP else UDP
        self.clients.append(self.bench.layer.request(request, chosen, self.bench.now))
        self.bench.pump()

    @rule(number=numbers, status=statuses, tag=st.sampled_from(["x", "y"]))
    def peer_answers(self, number: int, status: int, tag: str) -> None:
        if self.clients:
            key = self.clients[-1 - number % len(self.clients)]
            request = make_request(key.method, branch=key.branch)
            self.bench.answer(request, status, tag=tag)

    @rule(method=st.sampled_from(["INVITE", "OPTIONS", "BYE", "ACK", "CANCEL"]), number=numbers, hop=hops)
    def peer_sends(self, method: str, number: int, hop: object) -> None:
        request = make_request(method, branch=f"z9hG4bKs{number}", call_id=str(number))
        self.bench.receive(request, TCP if hop is TCP else UDP)

    @rule(number=numbers, status=statuses)
    def we_answer(self, number: int, status: int) -> None:
        if self.bench.requests:
            self.bench.respond(status, -1 - number % len(self.bench.requests))

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        if self.clients:
            self.bench.layer.cancel(self.clients[-1 - number % len(self.clients)], self.bench.now)
            self.bench.pump()

    @rule(number=numbers)
    def sending_fails(self, number: int) -> None:
        keys: list[ClientKey | ServerKey] = [*self.clients, *(event.key for event in self.bench.requests)]
        if keys:
            self.bench.layer.transport_failed(keys[-1 - number % len(keys)], "lost", self.bench.now)
            self.bench.pump()

    @rule()
    def connection_breaks(self) -> None:
        self.bench.layer.connection_lost(1, "reset", self.bench.now)
        self.bench.pump()

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.bench.run_until(self.bench.now + seconds)

    @invariant()
    def no_timer_is_in_the_past(self) -> None:
        at = self.bench.layer.next_timer()
        assert at is None or at > self.bench.now - 1e-9

    @invariant()
    def one_end_at_most_for_each_client(self) -> None:
        ends: Counter[object] = Counter()
        for event in self.bench.events:
            if (
                isinstance(event, TransactionTimedOut | TransactionFailed)
                and isinstance(event.key, ClientKey)
            ) or (
                isinstance(event, ResponseReceived)
                and event.response.is_final
                and (event.key.method != "INVITE" or not event.response.is_success)
            ):
                ends[event.key] += 1
        late_ack_failures = [key for key, count in ends.items() if count > 1]
        for (
            key
        ) in late_ack_failures:  # a failed ACK is told after the rejection it belongs to (RFC 3261 figure 5)
            assert isinstance(key, ClientKey)
            assert key.method == "INVITE"
            assert ends[key] == 2

    @invariant()
    def never_two_final_classes_for_one_request(self) -> None:
        finals: dict[object, set[int]] = {}
        for _, command in self.bench.sent:
            if isinstance(command.message, Response) and command.message.is_final and command.key is not None:
                finals.setdefault(command.key, set()).add(command.message.status // 100)
        for event in self.bench.events:
            if isinstance(event, TransactionEnded):
                finals.pop(event.key, None)  # the key may be used again afterwards
        assert all(len(classes) == 1 for classes in finals.values())

    def teardown(self) -> None:
        for event in list(self.bench.events):
            if isinstance(event, RequestReceived):
                response = make_response(event.request, 500, to_tag=event.to_tag)
                self.bench.layer.respond(event.key, response, self.bench.now)
        for key in self.clients:
            request = make_request(key.method, branch=key.branch)
            if self.bench.layer.awaits_final(key):
                self.bench.layer.receive(make_response(request, 500, to_tag="z"), UDP, self.bench.now)
        self.bench.pump()
        self.bench.run_until(self.bench.now + LONGEST)
        assert len(self.bench.layer) == 0
        assert self.bench.layer.next_timer() is None


Layer.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLayer = pytest.mark.req("TXN-22")(Layer.TestCase)
