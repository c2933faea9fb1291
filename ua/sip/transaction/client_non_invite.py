"""Non-INVITE client transaction (core; RFC 3261 §17.1.2)."""

from __future__ import annotations

from typing import ClassVar

from ua.sip.transaction.machine import Action, ClientTransaction, Input, Run, State, Step, Table
from ua.sip.transaction.timers import Timer

_FINAL: tuple[Step, ...] = (
    (Run.STOP, Timer.E),
    (Run.STOP, Timer.F),
    Action.PASS,
    (Run.START, Timer.K),
)


class ClientNonInvite(ClientTransaction):
    """Sends any request but INVITE and ACK."""

    start_state: ClassVar[State] = State.TRYING
    start_steps: ClassVar[tuple[Step, ...]] = (Action.SEND, (Run.START, Timer.E), (Run.START, Timer.F))
    table: ClassVar[Table] = {
        (State.TRYING, Timer.E): (State.TRYING, (Action.SEND, (Run.DOUBLE, Timer.E))),
        (State.TRYING, Timer.F): (State.TERMINATED, (Action.REPORT_TIMEOUT,)),
        (State.TRYING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
        (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
        (State.TRYING, Input.SUCCESS): (State.COMPLETED, _FINAL),
        (State.TRYING, Input.FAILURE): (State.COMPLETED, _FINAL),
        (State.PROCEEDING, Timer.E): (State.PROCEEDING, (Action.SEND, (Run.SLOW, Timer.E))),
        (State.PROCEEDING, Timer.F): (State.TERMINATED, (Action.REPORT_TIMEOUT,)),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
        (State.PROCEEDING, Input.SUCCESS): (State.COMPLETED, _FINAL),
        (State.PROCEEDING, Input.FAILURE): (State.COMPLETED, _FINAL),
        (State.COMPLETED, Timer.K): (State.TERMINATED, ()),
    }
