"""Two transaction layers over a network that loses, repeats and delays, on a virtual clock."""

from __future__ import annotations

import heapq
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ua.sip.bench import UDP, Bench, make_request
from ua.sip.syntax.message import Request, make_response
from ua.sip.syntax.wire_format import parse
from ua.sip.transaction.messages import (
    RequestReceived,
    ResponseReceived,
    SendMessage,
    TransactionFailed,
    TransactionTimedOut,
)


class Network:
    """Carries datagrams between two benches with a seeded loss, doubling and delay."""

    def __init__(self, seed: int, loss: float, double: float) -> None:
        self.caller, self.callee = Bench(), Bench()
        self._chance = random.Random(seed)
        self._loss = loss
        self._double = double
        self._order = itertools.count()
        self._flying: list[tuple[float, int, Bench, bytes]] = []

    def collect(self) -> None:
        """Take what both sides send."""
        for sender, receiver in ((self.caller, self.callee), (self.callee, self.caller)):
            for command in sender.layer.take_commands():
                self._carry(sender.now, command, receiver)
            sender.events += sender.layer.take_events()

    def _carry(self, now: float, command: SendMessage, receiver: Bench) -> None:
        copies = 2 if self._chance.random() < self._double else 1
        for _ in range(copies):
            if self._chance.random() >= self._loss:
                at = now + self._chance.uniform(0.001, 0.6)
                heapq.heappush(self._flying, (at, next(self._order), receiver, command.data))

    def step(self) -> bool:
        """The next thing that happens; false where nothing is left."""
        self.collect()
        times = [bench.layer.next_timer() for bench in (self.caller, self.callee)]
        timer = min((at for at in times if at is not None), default=float("inf"))
        arrival = self._flying[0][0] if self._flying else float("inf")
        now = min(timer, arrival)
        if now == float("inf"):
            return False
        self.caller.now = self.callee.now = max(now, self.caller.now)
        if arrival <= timer:
            _, _, receiver, data = heapq.heappop(self._flying)
            receiver.layer.receive(parse(data), UDP, receiver.now)
        else:
            self.caller.layer.handle_timer(self.caller.now)
            self.callee.layer.handle_timer(self.callee.now)
        return True


@pytest.mark.req("TXN-22", "TXN-14", "TXN-17")
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
    method=st.sampled_from(["INVITE", "OPTIONS"]),
    status=st.sampled_from([200, 404, 486]),
)
def test_every_request_ends_once_whatever_the_network_does(
    seed: int, loss: float, method: str, status: int
) -> None:
    network = Network(seed, loss, double=0.3)
    request: Request = make_request(method, sent_by="192.0.2.2:5060")
    network.caller.layer.request(request, UDP, 0.0)
    answered = 0
    for _ in range(2000):
        if not network.step():
            break
        network.collect()
        for event in network.callee.events[answered:]:
            if isinstance(event, RequestReceived):
                response = make_response(event.request, status, to_tag=event.to_tag)
                network.callee.layer.respond(event.key, response, network.callee.now)
        answered = len(network.callee.events)
    else:
        raise AssertionError("it does not end")
    assert len(network.caller.layer) == len(network.callee.layer) == 0
    assert network.caller.now < 200
    finals = [
        event.response.status
        for event in network.caller.events_of(ResponseReceived)
        if event.response.is_final
    ]
    failures = network.caller.events_of(TransactionTimedOut)
    assert not network.caller.events_of(TransactionFailed)
    if method == "INVITE" and status == 200:
        assert set(finals) <= {200}  # the dialog repeats a 2xx, and each copy goes up
    else:
        assert len(finals) + len(failures) == 1
        assert finals in ([status], [])
    if loss == 0.0:
        assert finals[:1] == [status]
        assert len(network.callee.requests) == 1
    if loss == 1.0:
        assert len(failures) == 1
