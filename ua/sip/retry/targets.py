"""Where a redirected request goes: each address once, best first (core; RFC 3261 §8.1.3.4, §21.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.uri_headers import headers_of

MAX_HOPS: Final = 5
"""Redirections of redirections."""

MAX_TARGETS: Final = 10
"""Addresses tried for one request besides the first."""

_Q_RE: Final = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectPolicy:
    """What a user allows.

    Attributes:
        follow: false where a 3xx is a failure.
        max_hops: redirections of redirections that are followed, 1 to MAX_HOPS.
    """

    follow: bool = True
    max_hops: int = MAX_HOPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One address.

    Attributes:
        uri: without method and headers.
        headers: what the URI asks for, as far as it does no harm (RFC 3261 §19.1.5).
        proxy: the proxy that a 305 names, None where the request goes straight to `uri`.
        q: preference, 0 to 1.
        hops: redirections that led here.
    """

    uri: Uri
    headers: Headers
    proxy: Uri | None = None
    q: float = 1.0
    hops: int = 0


class TargetSet:
    """The addresses of one request. Tried are those that `next` gave, and the first.

    Args:
        first: the Request-URI of the first attempt.
        method: of the request.
        policy: what the user allows.
    """

    def __init__(self, first: Uri, method: str, policy: RedirectPolicy) -> None:
        self._method = method
        self._policy = policy
        self._now = Target(uri=first.as_request_uri(), headers=Headers())
        self._seen = [self._now]
        self._waiting: list[Target] = []

    @property
    def current(self) -> Target:
        """The address that is tried now."""
        return self._now

    def add(self, response: Response, *, in_dialog: bool) -> list[str]:
        """Take the Contacts of a 3xx; gives what the user should know of those that are left out."""
        if not self._policy.follow:
            return ["a redirection is not followed: follow_redirects is off"]
        if self._now.hops >= min(self._policy.max_hops, MAX_HOPS):
            return [f"a redirection is not followed: it is the {self._now.hops + 1}th in a row"]
        if response.status == 305 and in_dialog:
            return ["a 305 inside a dialog is not followed: its route is fixed"]
        try:
            contacts = response.contacts
        except SipParseError as error:
            return [f"a redirection to nowhere: {error.reason}"]
        return [note for contact in contacts if (note := self._consider(contact, response.status))]

    def next(self) -> Target | None:
        """The best address that was not tried, None where there is none left."""
        if not self._waiting:
            return None
        best = max(self._waiting, key=lambda target: target.q)  # the first of equals
        self._waiting.remove(best)
        self._now = best
        return best

    def clear(self) -> None:
        """Nobody else is to be asked."""
        self._waiting.clear()

    def _consider(self, contact: NameAddr, status: int) -> str:
        uri = contact.uri
        if not uri.is_sip:
            return f"{uri} is left out: no SIP address"
        if self._now.uri.scheme == "sips" and uri.scheme != "sips":
            return f"{uri} is left out: the call is to be secure (sips) all the way"
        try:
            headers = headers_of(uri, self._method)
        except SipParseError as error:
            return f"{uri} is left out: {error.reason}"
        bare = uri.as_request_uri()
        target = Target(
            uri=self._now.uri if status == 305 else bare,
            headers=Headers() if status == 305 else headers,
            proxy=bare.with_param("lr", None) if status == 305 else None,
            q=_preference(contact.param("q")),
            hops=self._now.hops + 1,
        )
        if any(_same(target, seen) for seen in self._seen):
            return ""
        if len(self._seen) > MAX_TARGETS:
            return f"{uri} is left out: {MAX_TARGETS} addresses are enough"
        self._seen.append(target)
        self._waiting.append(target)
        return ""


def _same(one: Target, other: Target) -> bool:
    if (one.proxy is None) != (other.proxy is None):
        return False
    proxies = one.proxy is None or other.proxy is None or one.proxy.same_as(other.proxy)
    return proxies and one.uri.same_as(other.uri)


def _preference(text: str | None) -> float:
    """Value of q of a Contact (RFC 3261 §20.10): 1 where there is none, 0 where it is malformed."""
    if text is None:
        return 1.0
    return float(text) if _Q_RE.fullmatch(text.strip()) else 0.0
