"""INVITE client transaction (core; RFC 3261 §17.1.1, RFC 6026 §7.2 and §8.4)."""

from __future__ import annotations

from typing import ClassVar

from ua.sip.transaction.machine import Action, ClientTransaction, Input, Run, State, Step, Table
from ua.sip.transaction.timers import Timer

_NO_REPEATS = ((Run.STOP, Timer.A), (Run.STOP, Timer.B))


class ClientInvite(ClientTransaction):
    """Sends an INVITE; acknowledges 300-699 itself, never a 2xx."""

    start_state: ClassVar[State] = State.CALLING
    start_steps: ClassVar[tuple[Step, ...]] = (Action.SEND, (Run.START, Timer.A), (Run.START, Timer.B))
    table: ClassVar[Table] = {
        (State.CALLING, Timer.A): (State.CALLING, (Action.SEND, (Run.DOUBLE, Timer.A))),
        (State.CALLING, Timer.B): (State.TERMINATED, (Action.REPORT_TIMEOUT,)),
        (State.CALLING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
        (State.CALLING, Input.PROVISIONAL): (State.PROCEEDING, (*_NO_REPEATS, Action.PASS)),
        (State.CALLING, Input.SUCCESS): (State.ACCEPTED, (*_NO_REPEATS, Action.PASS, (Run.START, Timer.M))),
        (State.CALLING, Input.FAILURE): (
            State.COMPLETED,
            (*_NO_REPEATS, Action.SEND_ACK, Action.PASS, (Run.START, Timer.D)),
        ),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
        (State.PROCEEDING, Input.SUCCESS): (
            State.ACCEPTED,
            ((Run.STOP, Timer.CANCELLED), Action.PASS, (Run.START, Timer.M)),
        ),
        (State.PROCEEDING, Input.FAILURE): (
            State.COMPLETED,
            ((Run.STOP, Timer.CANCELLED), Action.SEND_ACK, Action.PASS, (Run.START, Timer.D)),
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
        (State.PROCEEDING, Timer.CANCELLED): (State.TERMINATED, (Action.REPORT_TIMEOUT,)),
        (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (Action.PASS,)),
        (State.ACCEPTED, Timer.M): (State.TERMINATED, ()),
        (State.COMPLETED, Input.FAILURE): (State.COMPLETED, (Action.SEND_ACK,)),
        (State.COMPLETED, Timer.D): (State.TERMINATED, ()),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
    }

    @property
    def may_cancel(self) -> bool:
        """True between the first 1xx and the final response (RFC 3261 §9.1)."""
        return self.state is State.PROCEEDING

    def cancelled(self, now: float) -> None:
        """A CANCEL was sent: the final response must come in 64*T1."""
        self._set_timer(Run.START, Timer.CANCELLED, now)
