"""One request with all its attempts (core; RFC 3261 §8.1.3, §22; DIG-3, LIM-5 of the checklist)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final, assert_never

from ua.sip.digest.client import DigestClient
from ua.sip.retry.amendment import Amendment
from ua.sip.retry.outcome import Outcome, outcome
from ua.sip.retry.remedies import remedy
from ua.sip.retry.targets import RedirectPolicy, TargetSet
from ua.sip.syntax.message import Request, Response

MAX_ATTEMPTS: Final = 40
"""No request is sent more often, whatever servers say."""

_MAX_REMEDIES: Final = {422: 3}
"""How often the remedy for a code is tried; for all others once."""


class Attempts:
    """Decides what becomes of a request after each final response.

    For each attempt: send `amend(draft)`, where the draft has the next CSeq; then ask `again` with the
    response, or `failed` where there was none. Each way to go on is bounded.

    Args:
        digest: credentials, None where there are none.
        policy: whether redirections are followed.

    Attributes:
        auth_problem: why the last 401 or 407 was not answered, empty otherwise.
        notes: what the user should know of how it went.
    """

    def __init__(self, digest: DigestClient | None, policy: RedirectPolicy) -> None:
        self._digest = digest
        self._run = None if digest is None else digest.start()
        self._policy = policy
        self._amendment = Amendment()
        self._targets: TargetSet | None = None
        self._tried: Counter[int] = Counter()
        self._sent = 0
        self.auth_problem = ""
        self.notes: list[str] = []

    def amend(self, draft: Request) -> Request:
        """The request of the next attempt: changed as responses asked, with credentials."""
        if self._targets is None:
            self._targets = TargetSet(draft.uri, draft.method, self._policy)
        self._sent += 1
        request = self._amendment.apply(draft)
        if self._digest is None:
            return request
        rows = self._digest.rows(request.method, str(request.uri), request.body)
        return replace(request, headers=request.headers.with_added(*rows))

    def again(self, request: Request, response: Response) -> bool:
        """True where a further attempt makes sense after this final response to `request`."""
        in_dialog = request.to.tag is not None
        self.auth_problem = ""
        further = False
        match outcome(response.status, request.method, in_dialog=in_dialog):
            case Outcome.PENDING | Outcome.DONE:
                if self._digest is not None and response.is_success:
                    self._digest.note(response)
            case Outcome.REDIRECTED:
                if self._targets is not None:
                    self.notes += self._targets.add(response, in_dialog=in_dialog)
                further = self._next_target()
            case Outcome.CHALLENGED:
                further = self._authenticate(request, response) or self._next_target()
            case Outcome.AMENDABLE:
                further = self._change(request, response) or self._next_target()
            case Outcome.FAILED | Outcome.TOO_BRIEF | Outcome.GLARE | Outcome.DIALOG_GONE:
                further = self._next_target()
            case Outcome.REFUSED_EVERYWHERE:
                if self._targets is not None:
                    self._targets.clear()
            case unknown:
                assert_never(unknown)
        if self._digest is not None:
            self.notes += self._digest.take_warnings()
        return further and self._sent < MAX_ATTEMPTS

    def failed(self) -> bool:
        """True where a further attempt makes sense after a timeout or a broken transport."""
        return self._sent < MAX_ATTEMPTS and self._next_target()

    def take_notes(self) -> list[str]:
        """`notes`, each once."""
        notes, self.notes = self.notes, []
        return notes

    def _authenticate(self, request: Request, response: Response) -> bool:
        self.auth_problem = "no credentials" if self._run is None else self._run.challenged(request, response)
        return not self.auth_problem

    def _change(self, request: Request, response: Response) -> bool:
        status = response.status
        if self._tried[status] >= _MAX_REMEDIES.get(status, 1):
            return False
        self._tried[status] += 1
        changed = remedy(self._amendment, request, response)
        if changed is None:
            return False
        self._amendment = changed
        return True

    def _next_target(self) -> bool:
        target = None if self._targets is None else self._targets.next()
        if target is None:
            return False
        self._amendment = replace(self._amendment, target=target, uri=None)
        if self._digest is not None:
            self._digest.forget_servers()
            self._run = self._digest.start()
        self.notes.append(f"redirected to {target.proxy or target.uri}")
        return True
