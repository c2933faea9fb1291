"""Who sends us requests: digest authentication of those outside of dialogs (RFC 3261 §22.1, §26.3.2.4)."""

from __future__ import annotations

from collections.abc import Callable

from ua.sip.digest.server import DigestServer, Unproved, Verdict
from ua.sip.stack import Stack
from ua.sip.syntax.message import Request, Response, make_response


class Callers:
    """Asks those who send us requests to prove who they are.

    Attributes:
        server: knows whose requests we take for theirs; None knows nobody; may be set.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.server: DigestServer | None = None

    def authenticate(self, request: Request) -> Verdict | None:
        """Who sent this request, e.g. a REFER outside of dialogs?

        Ask once for each request. `Proved` has a user name, and headers for our response; `Unproved` a status
        and headers to reject it with, and the reason for the log. None without a server: refuse with 403 what
        must be authenticated.
        """
        return None if self.server is None else self.server.check(request, self._stack.now())

    def challenge(self, wanted: Callable[[Request], bool]) -> None:
        """Ask who sends those requests outside of dialogs that are `wanted`, before anything else is done.

        The challenge leaves nothing behind: no transaction, no repeats. Without a server nobody is asked.
        """

        def refuse(request: Request) -> Response | None:
            if request.to.tag is not None or not wanted(request):
                return None
            verdict = self.authenticate(request)
            if not isinstance(verdict, Unproved):
                return None
            tag = self._stack.layer.tag_of(request)
            return make_response(request, verdict.status, to_tag=tag, headers=verdict.headers)

        self._stack.layer.refuse = refuse
