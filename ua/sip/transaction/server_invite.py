"""INVITE server transaction (core; RFC 3261 §17.2.1, RFC 6026 §7.1)."""

from __future__ import annotations

from typing import ClassVar

from ua.sip.transaction.machine import Action, Input, Run, ServerTransaction, State, Step, Table
from ua.sip.transaction.timers import Timer


class ServerInvite(ServerTransaction):
    """Answers an INVITE: repeats 300-699 until the ACK; a 2xx is repeated by its dialog, not here."""

    start_state: ClassVar[State] = State.PROCEEDING
    start_steps: ClassVar[tuple[Step, ...]] = ((Run.START, Timer.TRYING),)
    table: ClassVar[Table] = {
        (State.PROCEEDING, Timer.TRYING): (State.PROCEEDING, (Action.SEND_TRYING,)),
        (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Action.SEND,)),
        (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, ((Run.STOP, Timer.TRYING), Action.SEND)),
        (State.PROCEEDING, Input.SUCCESS): (
            State.ACCEPTED,
            ((Run.STOP, Timer.TRYING), Action.SEND, (Run.START, Timer.L)),
        ),
        (State.PROCEEDING, Input.FAILURE): (
            State.COMPLETED,
            ((Run.STOP, Timer.TRYING), Action.SEND, (Run.START, Timer.G), (Run.START, Timer.H)),
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.PROCEEDING, (Action.REPORT_ERROR,)),
        (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (Action.SEND,)),
        (State.ACCEPTED, Input.ACK): (State.ACCEPTED, (Action.PASS,)),
        (State.ACCEPTED, Input.TRANSPORT_ERROR): (State.ACCEPTED, (Action.REPORT_ERROR,)),
        (State.ACCEPTED, Timer.L): (State.TERMINATED, ()),
        (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Action.SEND,)),
        (State.COMPLETED, Timer.G): (State.COMPLETED, (Action.SEND, (Run.DOUBLE, Timer.G))),
        (State.COMPLETED, Timer.H): (State.TERMINATED, (Action.REPORT_TIMEOUT,)),
        (State.COMPLETED, Input.TRANSPORT_ERROR): (State.COMPLETED, (Action.REPORT_ERROR,)),
        (State.COMPLETED, Input.ACK): (
            State.CONFIRMED,
            ((Run.STOP, Timer.G), (Run.STOP, Timer.H), (Run.START, Timer.I)),
        ),
        (State.CONFIRMED, Timer.I): (State.TERMINATED, ()),
    }
