"""Asking for the permissions of one allocation: CreatePermission, again before they lapse (RFC 8656 §9)."""

from __future__ import annotations

from dataclasses import dataclass

from ice.candidates.address import version
from ice.turn.attributes import XorPeerAddress
from ice.turn.events import PermissionRefused
from ice.turn.outbox import TurnOutbox
from ice.turn.permissions import Permission, Permissions
from ice.turn.requests import Outcome, Requests, TurnMethod
from ice.types import TransportAddress

_AGAIN_S = 5.0
"""Seconds until a refresh is tried again that nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionTag:
    """Names the CreatePermission for a host."""

    host: str


class PermissionRequests:
    """The permissions of one allocation and the requests for them.

    Args:
        relayed: the relayed address; hosts of its family only (RFC 8656 §9.1).
        requests: of the allocation.
        outbox: of the allocation.

    Attributes:
        table: the permissions.
    """

    def __init__(self, *, relayed: TransportAddress, requests: Requests, outbox: TurnOutbox) -> None:
        self.table = Permissions()
        self._version = version(relayed.host)
        self._requests = requests
        self._outbox = outbox

    def fits(self, host: str) -> bool:
        """True of a host that the relay can reach."""
        try:
            return version(host) == self._version
        except ValueError:
            return False

    def add(self, host: str, now: float) -> Permission | None:
        """The permission of a host, made where there is none; None where there can be none."""
        return self.table.add(host, now) if self.fits(host) else None

    def permit(self, host: str, now: float) -> Permission | None:
        """Ask for the permission of a host where it is wanting; None where there can be none."""
        permission = self.add(host, now)
        if permission is None:
            self._outbox.counters["not-permitted"] += 1
        elif permission.wanting(now):
            self.ask(permission, now)
        return permission

    def ask(self, permission: Permission, now: float) -> None:
        """Send the request."""
        permission.asked = True
        # The permission is for the IP address, the port means nothing (RFC 8656 §9).
        peer = XorPeerAddress(address=TransportAddress(host=permission.host, port=0))
        tag = PermissionTag(host=permission.host)
        self._requests.start(tag, TurnMethod.CREATE_PERMISSION, (peer,), now)

    def answered(self, host: str, outcome: Outcome, now: float) -> Permission | None:
        """The request for a host ended; gives its permission where the server granted it."""
        permission = self.table.get(host)
        if permission is None:
            return None
        if outcome.success is not None:
            return permission
        if outcome.code == 0 and permission.stands(now):
            permission.asked = False
            permission.refresh_at = now + _AGAIN_S
        else:
            permission.refuse(now)
            self._outbox.event(PermissionRefused(at=now, host=host, reason=outcome.reason))
        return None
