"""Whose requests the PBX takes, and for whom (core; RFC 3261 §22.1, §16.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ua.pbx.domain import Domain, user_of
from ua.pbx.passing import hops_left
from ua.sip.digest.server import DigestServer, Unproved
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A request that goes no further.

    Attributes:
        status: what it gets.
        headers: of the response.
    """

    status: int
    headers: Headers = field(default_factory=Headers)


class Admission:
    """Looks at INVITEs and messages outside calls.

    Args:
        domain: ours.
        server: asks our own users for their passwords; None believes everybody.
    """

    def __init__(self, domain: Domain, server: DigestServer | None) -> None:
        self._domain = domain
        self._server = server

    def refuses(self, request: Request, now: float, *, within: bool = False) -> Turned | None:
        """Why a request goes no further, None where it does. Ask once for each request.

        Who calls by the name of one of our users proves to be that one; strangers may call our users, and
        nobody else. `within` is true for a request that names a call of ours.
        """
        if hops_left(request) < 0:
            return Turned(status=483)
        if not within and not self._domain.is_target(request.uri):
            return Turned(status=404)
        if self._server is None or not self._domain.is_home(request.from_.uri):
            return None
        verdict = self._server.check(request, now)
        if isinstance(verdict, Unproved):
            return Turned(status=verdict.status, headers=verdict.headers)
        return None if verdict.username == user_of(request.from_.uri) else Turned(status=403)
