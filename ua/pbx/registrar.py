"""The registrar (core; RFC 3261 §10.3, RFC 3327 §5.3, RFC 5626 §6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ua.pbx.binding import Binding
from ua.pbx.contacts import OUTBOUND, Limits, Refused, changed, changes_of
from ua.pbx.domain import Domain, user_of
from ua.pbx.location import LocationService
from ua.pbx.sip_date import sip_date
from ua.sip.digest.server import DigestServer, Unproved
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.reasons import REASONS
from ua.sip.transport.hop import Hop

SUPPORTED: Final = ("path", OUTBOUND)
"""What a REGISTER may require."""

FLOW_TIMER_S: Final = 120
"""Seconds within which a phone must show that it lives on its flow (RFC 5626 §5.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What a REGISTER gets.

    Attributes:
        status: 200, or 400 to 500.
        reason: empty for the usual phrase.
        headers: of the response.
        user: whose bindings it was about; empty where it did not come that far.
        bindings: all that the user has, after a 200.
    """

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    user: str = ""
    bindings: tuple[Binding, ...] = ()


class Registrar:
    """Takes REGISTERs one by one.

    Args:
        domain: whose users these are.
        is_user: whether there is such a user.
        server: asks for passwords; None believes everybody.
        location: keeps the bindings.
    """

    def __init__(
        self,
        *,
        domain: Domain,
        is_user: Callable[[str], bool],
        server: DigestServer | None,
        location: LocationService,
        limits: Limits | None = None,
    ) -> None:
        self._domain = domain
        self._is_user = is_user
        self._server = server
        self._location = location
        self._limits = limits or Limits()

    def take(self, request: Request, source: Hop, *, now: float, date: datetime) -> Registered:
        """Check and carry out a REGISTER that came from `source`, in the order of RFC 3261 §10.3.

        `now` is in monotonic seconds, `date` in UTC. A request that fails has changed nothing.
        """
        if not request.uri.is_sip:
            return Registered(status=416)
        if not self._domain.is_target(request.uri):
            return Registered(status=404, reason="No Such Domain Here")
        required = [part.strip() for row in request.headers.all("require") for part in row.split(",")]
        unknown = [tag for tag in required if tag and tag.lower() not in SUPPORTED]
        if unknown:
            return Registered(status=420, headers=Headers.of(("Unsupported", ", ".join(unknown))))
        user = user_of(request.to.uri) if request.to.uri.is_sip else ""
        proof = Headers()
        if self._server is not None:
            verdict = self._server.check(request, now)
            if isinstance(verdict, Unproved):
                return Registered(status=verdict.status, headers=verdict.headers)
            if request.to.uri.is_sip and verdict.username != user:
                return Registered(status=403)
            proof = verdict.headers
        if not request.to.uri.is_sip:
            return Registered(status=400, reason="To is no SIP address")
        if not self._domain.is_home(request.to.uri) or not self._is_user(user):
            return Registered(status=404)
        return self._update(request, source, user, proof, now, date)

    def _update(
        self, request: Request, source: Hop, user: str, proof: Headers, now: float, date: datetime
    ) -> Registered:
        changes = changes_of(request, source, now, self._limits)
        if isinstance(changes, Refused):
            return _refused(changes, user)
        current = self._location.bindings(user, now)
        bindings = changed(current, changes, request, now, self._limits)
        if isinstance(bindings, Refused):
            return _refused(bindings, user)
        self._location.replace(user, bindings)
        rows: list[tuple[str, object]] = [("Contact", each.shown(now)) for each in bindings]
        rows += [("Date", sip_date(date)), ("Supported", ", ".join(SUPPORTED))]
        rows += [("Path", row) for row in request.headers.all("path")]
        if changes.outbound:
            rows += [("Require", OUTBOUND), ("Flow-Timer", FLOW_TIMER_S)]
        return Registered(status=200, headers=Headers.of(*rows, *proof), user=user, bindings=bindings)


def _refused(refused: Refused, user: str) -> Registered:
    rows = () if refused.min_expires is None else (("Min-Expires", refused.min_expires),)
    usual = refused.status in REASONS and refused.status in (423, 439)
    return Registered(
        status=refused.status, reason="" if usual else refused.reason, headers=Headers.of(*rows), user=user
    )
