"""Non-INVITE server transaction (core; RFC 3261 §17.2.2)."""

from __future__ import annotations

from typing import ClassVar

from ua.sip.transaction.machine import Action, Input, Run, ServerTransaction, State, Step, Table
from ua.sip.transaction.timers import Timer

_FINAL: tuple[Step, ...] = (Action.SEND, (Run.START, Timer.J))


class ServerNonInvite(ServerTransaction):
    """Answers any request but INVITE and ACK."""

    start_state: ClassVar[State] = State.TRYING
    start_steps: ClassVar[tuple[Step, ...]] = ()
    table: ClassVar[Table] = {
        (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND,)),
        (State.TRYING, Input.SUCCESS): (State.COMPLETED, _FINAL),
        (State.TRYING, Input.FAILURE): (State.COMPLETED, _FINAL),
        (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Action.SEND,)),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND,)),
        (State.PROCEEDING, Input.SUCCESS): (State.COMPLETED, _FINAL),
        (State.PROCEEDING, Input.FAILURE): (State.COMPLETED, _FINAL),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
        (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Action.SEND,)),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.REPORT_ERROR,)),
        (State.COMPLETED, Timer.J): (State.TERMINATED, ()),
    }
