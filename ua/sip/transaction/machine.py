"""What the four transaction machines share (core; RFC 3261 §17).

Each machine is a table: (state, input) -> (next state, actions). What stands in no table is ignored. The
machines are in client_invite, client_non_invite, server_invite and server_non_invite.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, assert_never

from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.transaction.timers import Timer, Timers
from ua.sip.transport.hop import Hop


class State(enum.StrEnum):
    """States of all four machines (RFC 3261 figures 5 to 8, RFC 6026 §7)."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(enum.StrEnum):
    """What happens to a machine beside its timers; responses come from the network or from our user."""

    REQUEST = "request"
    ACK = "ack"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    TRANSPORT_ERROR = "transport error"


class Action(enum.StrEnum):
    """What a machine does beside starting and stopping timers."""

    SEND = "send"
    """Client: the request. Server: the latest response."""
    SEND_ACK = "send ACK"
    SEND_TRYING = "send 100"
    PASS = "pass to the user"  # noqa: S105 - no secret
    REPORT_TIMEOUT = "report timeout"
    REPORT_ERROR = "report transport error"


class Run(enum.StrEnum):
    """What can be done to a timer."""

    START = "start"
    DOUBLE = "double"
    SLOW = "at T2"
    STOP = "stop"


Step = Action | tuple[Run, Timer]
Rule = tuple[State, tuple[Step, ...]]
Table = Mapping[tuple[State, Input | Timer], Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmit:
    """Output: send this message to the transaction's hop."""

    message: Request | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Output: a response (client) or an ACK (server) for the user of the transaction."""

    message: Request | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut:
    """Output: no final response, or no ACK, in 64*T1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailed:
    """Output: the transport could not send."""

    reason: str


Output = Transmit | Deliver | TimedOut | SendFailed

_FIRST_STATES: Final = frozenset({State.CALLING, State.TRYING, State.PROCEEDING})


class Transaction:
    """One machine.

    Attributes:
        request: the request that made it.
        hop: where its messages go.
        state: where it stands.
        response: server: the latest response given by the user; client: the latest received.
    """

    table: ClassVar[Table]
    start_state: ClassVar[State]
    start_steps: ClassVar[tuple[Step, ...]]

    def __init__(self, *, request: Request, hop: Hop, timers: Timers, now: float) -> None:
        self.request = request
        self.hop = hop
        self.timers = timers
        self.state = self.start_state
        self.response: Response | None = None
        self._deadlines: dict[Timer, float] = {}
        self._spacing: dict[Timer, float] = {}
        self._outputs: list[Output] = []
        self._enter(self.start_state, self.start_steps, now, None, "")

    @property
    def is_terminated(self) -> bool:
        """True once nothing more can happen."""
        return self.state is State.TERMINATED

    @property
    def awaits_final(self) -> bool:
        """True before the final response."""
        return self.state in _FIRST_STATES

    def take_outputs(self) -> list[Output]:
        """What is to be done, in order; each output once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, None for never."""
        return min(self._deadlines.values(), default=None)

    def handle_timer(self, now: float) -> None:
        """Fire what is due."""
        while self._deadlines:
            timer = min(self._deadlines, key=lambda timer: self._deadlines[timer])
            if self._deadlines[timer] > now:
                return
            del self._deadlines[timer]
            self._apply(timer, now)

    def transport_error(self, reason: str, now: float) -> None:
        """The last message could not be sent, or the connection is gone."""
        self._apply(Input.TRANSPORT_ERROR, now, reason=reason)

    def _apply(
        self, what: Input | Timer, now: float, message: Request | Response | None = None, reason: str = ""
    ) -> bool:
        rule = self.table.get((self.state, what))
        if rule is None:
            return False
        self._enter(*rule, now, message, reason)
        return True

    def _enter(
        self,
        state: State,
        steps: tuple[Step, ...],
        now: float,
        message: Request | Response | None,
        reason: str,
    ) -> None:
        self.state = state
        at_once: list[Timer] = []
        for step in steps:
            if isinstance(step, Action):
                self._act(step, message, reason)
            elif self._set_timer(*step, now):
                at_once.append(step[1])
        if state is State.TERMINATED:
            self._deadlines.clear()
        for timer in at_once:
            self._apply(timer, now)

    def _act(self, action: Action, message: Request | Response | None, reason: str) -> None:
        match action:
            case Action.SEND:
                self._transmit_current()
            case Action.SEND_ACK:
                assert isinstance(message, Response)  # noqa: S101 - only responses lead here
                self._outputs.append(Transmit(message=make_ack(self.request, message)))
            case Action.SEND_TRYING:
                self.response = make_response(self.request, 100)
                self._outputs.append(Transmit(message=self.response))
            case Action.PASS:
                assert message is not None  # noqa: S101 - only messages lead here
                self._outputs.append(Deliver(message=message))
            case Action.REPORT_TIMEOUT:
                self._outputs.append(TimedOut())
            case Action.REPORT_ERROR:
                self._outputs.append(SendFailed(reason=reason))
            case _:
                assert_never(action)

    def _transmit_current(self) -> None:
        raise NotImplementedError

    def _set_timer(self, run: Run, timer: Timer, now: float) -> bool:
        """Start or stop a timer; true where it is to fire at once."""
        match run:
            case Run.STOP:
                self._deadlines.pop(timer, None)
                return False
            case Run.START:
                spacing = self.timers.first(timer, reliable=self.hop.reliable)
            case Run.DOUBLE:
                spacing = self.timers.next(timer, self._spacing[timer])
            case Run.SLOW:
                spacing = self.timers.t2
            case _:
                assert_never(run)
        if spacing == 0.0:
            return True
        if spacing < math.inf:
            self._spacing[timer] = spacing
            self._deadlines[timer] = now + spacing
        return False


class ClientTransaction(Transaction):
    """The client side: sends a request, takes responses."""

    def receive(self, response: Response, now: float) -> None:
        """A response with our branch."""
        if self._apply(class_of(response), now, response):
            self.response = response

    def _transmit_current(self) -> None:
        self._outputs.append(Transmit(message=self.request))


class ServerTransaction(Transaction):
    """The server side: takes a request and its repeats, sends responses.

    Attributes:
        to_tag: the tag that all responses of this transaction carry (RFC 3261 §8.2.6.2).
        source: where the request came from.
    """

    def __init__(
        self, *, request: Request, hop: Hop, source: Hop, to_tag: str, timers: Timers, now: float
    ) -> None:
        self.to_tag = to_tag
        self.source = source
        super().__init__(request=request, hop=hop, timers=timers, now=now)

    def receive(self, request: Request, now: float) -> None:
        """The request again, or an ACK to it."""
        self._apply(Input.ACK if request.method == "ACK" else Input.REQUEST, now, request)

    def respond(self, response: Response, now: float) -> bool:
        """A response of our user; false where the machine takes none of this class any more."""
        if (self.state, class_of(response)) not in self.table:
            return False
        self.response = response
        return self._apply(class_of(response), now, response)

    def _transmit_current(self) -> None:
        if self.response is not None:
            self._outputs.append(Transmit(message=self.response))


def class_of(response: Response) -> Input:
    """The input that a response is."""
    if response.is_provisional:
        return Input.PROVISIONAL
    return Input.SUCCESS if response.is_success else Input.FAILURE


def make_ack(invite: Request, response: Response) -> Request:
    """ACK to a 300-699: the INVITE's top Via, Route, CSeq number, the response's To (RFC 3261 §17.1.1.3)."""
    headers = invite.headers.only("from", "call-id", "route")
    headers = headers.with_added(
        ("Via", invite.via),
        ("To", response.headers.first("to") or ""),
        ("CSeq", f"{invite.cseq.number} ACK"),
        ("Max-Forwards", "70"),
    )
    return Request(method="ACK", uri=invite.uri, headers=headers)


def make_cancel(invite: Request) -> Request:
    """CANCEL of an INVITE: same URI, Call-ID, From, To, Route, CSeq number and top Via (RFC 3261 §9.1)."""
    headers = invite.headers.only("from", "to", "call-id", "route").with_added(
        ("Via", invite.via), ("CSeq", f"{invite.cseq.number} CANCEL"), ("Max-Forwards", "70")
    )
    return Request(method="CANCEL", uri=invite.uri, headers=headers)
