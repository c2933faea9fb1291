"""What an answer to REGISTER means (core; RFC 3261 §10.2, §10.3, RFC 5626 §4.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ua.registration.keepalive_choice import KeepaliveChoice
from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Response

FIRST_HOP_LACKS_OUTBOUND: Final = 439

_MAY_PASS: Final = frozenset({408, 430, 480, 500, 502, 503, 504, 600, 603})
"""Refusals that may be gone the next time without any change of ours."""

MAX_FLOW_TIMER_S: Final = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a 2xx says of the flow.

    Attributes:
        outbound: True where the registrar and the first hop keep the flow (Require: outbound).
        flow_timer_s: seconds that they wait for a keep-alive, None where they do not say.
        edge_takes_stun: True where the first hop says that it takes keep-alives (ob in Path, RFC 5626 §8).
    """

    outbound: bool
    flow_timer_s: float | None
    edge_takes_stun: bool

    def wants_keepalive(self, choice: KeepaliveChoice) -> bool:
        """True where keep-alives may be sent, and shall."""
        if choice == "off":
            return False
        return choice == "always" or self.outbound or self.edge_takes_stun


def granted(response: Response) -> Granted:
    """Read a 2xx to REGISTER; what cannot be read is as if it were not there."""
    seconds = response.seconds("flow-timer")
    if seconds is not None and not 1 <= seconds <= MAX_FLOW_TIMER_S:
        seconds = None
    try:
        path = response.addresses("path")
    except SipParseError:
        path = ()
    return Granted(
        outbound="outbound" in response.headers.tokens("require"),
        flow_timer_s=None if seconds is None else float(seconds),
        edge_takes_stun=bool(path) and path[-1].uri.param("ob") is not None,
    )


def may_pass(response: Response) -> bool:
    """True for a refusal that is worth another try later; 403 and 404 are not (RFC 3261 §21.4.4)."""
    return response.status in _MAY_PASS or response.headers.first("retry-after") is not None
