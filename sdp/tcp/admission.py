"""Which of the connections that come to one port is the peer's, for media over TCP without ICE.

RFC 4145 has nothing that proves who connects: the first connection is taken, one from the address in the
peer's c= line before all others. Behind a NAT the peer comes from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFERENCE_S = 0.25
"""Seconds that a connection from elsewhere waits for one from the address that the peer has signalled."""

MOST_WAITING = 4
"""Connections that wait to be ruled on; further ones are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What becomes of a connection.

    Attributes:
        number: that `arrived` got.
        taken: it is the peer's; otherwise it is to be closed.
        reason: why it is closed; empty where it is taken.
    """

    number: int
    taken: bool
    reason: str = ""


@dataclass(slots=True)
class _Waiting:
    number: int
    host: str
    until: float | None


class Admission:
    """Rules on the connections of one port until one of them is taken. `now` is monotonic seconds.

    Before `expect` connections wait: the peer may connect before its answer has come.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._expecting = False
        self._host: str | None = None
        self._over = False

    def expect(self, host: str | None, now: float) -> list[Ruling]:
        """The peer's description is there; `host` is the IP address of its c= line, None without one."""
        self._expecting, self._host = True, host
        for each in self._waiting:
            each.until = now + PREFERENCE_S
        return self._rule(now)

    def arrived(self, number: int, host: str, now: float) -> list[Ruling]:
        """A connection came from the IP address `host`; `number` is new each time."""
        if self._over:
            return [Ruling(number=number, taken=False, reason="the peer is connected already")]
        if len(self._waiting) >= MOST_WAITING and not (self._expecting and host == self._host):
            return [Ruling(number=number, taken=False, reason="too many connections wait")]
        until = now + PREFERENCE_S if self._expecting else None
        self._waiting.append(_Waiting(number, host, until))
        return self._rule(now)

    def handle_timer(self, now: float) -> list[Ruling]:
        """`next_timer` has come."""
        return self._rule(now)

    def next_timer(self) -> float | None:
        """When to call `handle_timer`; None: not at all."""
        return min((each.until for each in self._waiting if each.until is not None), default=None)

    def stop(self) -> list[Ruling]:
        """No connection is wanted any more: those that wait are closed, and all that come."""
        self._over = True
        waiting, self._waiting = self._waiting, []
        return [Ruling(number=each.number, taken=False, reason="no connection is wanted") for each in waiting]

    def _rule(self, now: float) -> list[Ruling]:
        if not self._expecting:
            return []
        chosen = next((each for each in self._waiting if each.host == self._host), None)
        if chosen is None:
            first = next(iter(self._waiting), None)
            if first is None or (self._host is not None and first.until is not None and first.until > now):
                return []
            chosen = first
        self._over = True
        waiting, self._waiting = self._waiting, []
        return [
            Ruling(number=each.number, taken=True)
            if each is chosen
            else Ruling(number=each.number, taken=False, reason="the peer is connected already")
            for each in waiting
        ]
