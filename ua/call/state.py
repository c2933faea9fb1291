"""The states of a call, as a table (core).

A call is placed or offered, rings, is answered, finds its media path and ends. What may follow what stands
in `TRANSITIONS`; everything else is a mistake of ours and raises.
"""

from __future__ import annotations

import enum
from typing import Final

from ua.errors import UaError


class CallState(enum.StrEnum):
    """Where a call stands."""

    NEW = "new"
    GATHERING = "gathering"
    CALLING = "calling"
    RINGING = "ringing"
    CONNECTING = "connecting"
    ESTABLISHED = "established"
    ENDING = "ending"
    ENDED = "ended"


class CallStateError(UaError):
    """The call was asked for something that its state does not allow."""


TRANSITIONS: Final[dict[CallState, frozenset[CallState]]] = {
    CallState.NEW: frozenset({CallState.GATHERING, CallState.RINGING, CallState.ENDING, CallState.ENDED}),
    CallState.GATHERING: frozenset(
        {CallState.CALLING, CallState.CONNECTING, CallState.ENDING, CallState.ENDED}
    ),
    CallState.CALLING: frozenset(
        {CallState.RINGING, CallState.CONNECTING, CallState.ENDING, CallState.ENDED}
    ),
    CallState.RINGING: frozenset(
        {CallState.GATHERING, CallState.CONNECTING, CallState.ENDING, CallState.ENDED}
    ),
    CallState.CONNECTING: frozenset({CallState.ESTABLISHED, CallState.ENDING, CallState.ENDED}),
    CallState.ESTABLISHED: frozenset({CallState.ENDING, CallState.ENDED}),
    CallState.ENDING: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}
"""CALLING: INVITE sent. CONNECTING: answered, media path sought. ESTABLISHED: media may flow."""


def next_state(current: CallState, wanted: CallState) -> CallState:
    """Return `wanted` where the table allows it after `current`; raises CallStateError otherwise."""
    if wanted not in TRANSITIONS[current]:
        raise CallStateError(f"a call that is {current} cannot become {wanted}")
    return wanted
