"""Digest authentication of a client (core; RFC 3261 §22, RFC 7616, RFC 8760).

A `DigestClient` belongs to one registration or one call: it keeps the challenges of its servers and answers
them unasked in later requests. A `DigestRun` belongs to one request and ends loops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from ua.sip.digest.challenge import Challenge, hashed, quality, read_auth_params
from ua.sip.digest.credentials import Credentials, digest_response
from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import quote
from ua.sip.syntax.message import Request, Response

MAX_STALE_ROUNDS: Final = 2
"""How often one request follows stale=true of one realm."""

MAX_ROUNDS: Final = 8
"""How many challenges of all realms together one request answers."""


@dataclass(slots=True)
class _Known:
    """A challenge in use."""

    challenge: Challenge
    credentials: Credentials = field(repr=False)
    count: int = 0
    session_cnonce: str = ""
    last: tuple[str, str] = ("", "")
    """cnonce and Request-URI of the request that was sent last."""


class DigestClient:
    """Credentials and the challenges that they answer.

    `random(n)` gives n unpredictable bytes for client nonces.
    """

    def __init__(self, credentials: tuple[Credentials, ...], random: Callable[[int], bytes]) -> None:
        self._credentials = credentials
        self._random = random
        self._known: dict[tuple[bool, str], _Known] = {}
        self._warnings: list[str] = []

    def rows(self, method: str, uri: str, body: bytes = b"") -> tuple[tuple[str, str], ...]:
        """(Proxy-)Authorization rows for a request, one for each realm that challenged us; nc counts up."""
        return tuple(self._row(known, method, uri, body) for known in self._known.values())

    def start(self) -> DigestRun:
        """The bookkeeping of one request and its retries."""
        return DigestRun(self)

    def note(self, response: Response) -> None:
        """Read a success: the next nonce, and the server's own proof (RFC 7616 §3.5)."""
        for name, proxy in (("authentication-info", False), ("proxy-authentication-info", True)):
            text = response.headers.first(name)
            if text is None:
                continue
            try:
                params = read_auth_params(text)
            except SipParseError:
                continue
            same_side = [known for (side, _), known in self._known.items() if side == proxy]
            if len(same_side) == 1:
                self._check_server(same_side[0], params, response.body)
                _take_next_nonce(same_side[0], params.get("nextnonce", ""))

    def take_warnings(self) -> list[str]:
        """What the user should know of how it went; each once."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def forget_servers(self) -> None:
        """The request goes to another server now: only what proxies asked for stays (RFC 3261 §22.2)."""
        self._known = {key: known for key, known in self._known.items() if known.challenge.proxy}

    def credentials_for(self, challenge: Challenge, request: Request) -> Credentials | None:
        """The credentials that may be proved to who sent a challenge to `request`."""
        known = self._known.get((challenge.proxy, challenge.realm))
        if known is not None:
            return known.credentials
        return next((one for one in self._credentials if one.may_answer(challenge, request)), None)

    def use(self, challenge: Challenge, credentials: Credentials) -> None:
        """Answer this challenge from now on."""
        key = (challenge.proxy, challenge.realm)
        if challenge.is_md5 and (key not in self._known or not self._known[key].challenge.is_md5):
            self._warnings.append(f"{challenge.realm} takes MD5, which is weak (RFC 8760)")
        self._known[key] = _Known(challenge=challenge, credentials=credentials)

    def _check_server(self, known: _Known, params: dict[str, str], body: bytes) -> None:
        """Look at rspauth, where it is: the proof that the server knows the password (RFC 7616 §3.5)."""
        cnonce, uri = known.last
        shown = params.get("rspauth")
        if shown is None or params.get("cnonce", cnonce) != cnonce:
            return  # of another request than the last
        wanted = digest_response(
            known.challenge,
            known.credentials,
            method="",
            uri=uri,
            body=body,
            cnonce=cnonce,
            count=known.count,
            session_cnonce=known.session_cnonce,
        )
        if shown.lower() != wanted:
            self._warnings.append(f"the server of {known.challenge.realm} does not know the password")

    def _row(self, known: _Known, method: str, uri: str, body: bytes) -> tuple[str, str]:
        challenge, credentials = known.challenge, known.credentials
        known.count += 1
        cnonce = self._random(16).hex()
        known.session_cnonce = known.session_cnonce or cnonce
        known.last = (cnonce, uri)
        chosen = quality(challenge, integrity=credentials.integrity)
        response = digest_response(
            challenge,
            credentials,
            method=method,
            uri=uri,
            body=body,
            cnonce=cnonce,
            count=known.count,
            session_cnonce=known.session_cnonce,
        )
        username = credentials.username
        if challenge.userhash:
            username = hashed(challenge, f"{username}:{challenge.realm}".encode())
        parts = [
            f"username={quote(username)}",
            f"realm={quote(challenge.realm)}",
            f"nonce={quote(challenge.nonce)}",
            f"uri={quote(uri)}",
            f"response={quote(response)}",
        ]
        if challenge.algorithm_sent:
            parts.append(f"algorithm={challenge.algorithm}")
        if chosen or challenge.is_session:
            parts.append(f"cnonce={quote(cnonce if chosen else known.session_cnonce)}")
        if chosen:
            parts += [f"qop={chosen}", f"nc={known.count:08x}"]
        if challenge.opaque is not None:
            parts.append(f"opaque={quote(challenge.opaque)}")
        if challenge.userhash:
            parts.append("userhash=true")
        name = "Proxy-Authorization" if challenge.proxy else "Authorization"
        return name, "Digest " + ", ".join(parts)


class DigestRun:
    """One request and its retries: one password try and a few stale rounds for each realm."""

    def __init__(self, client: DigestClient) -> None:
        self._client = client
        self._rounds: dict[tuple[bool, str], int] = {}

    def challenged(self, request: Request, response: Response) -> str:
        """Take the challenges of a 401 or 407 to `request`; empty where a retry makes sense, else why not.

        Challenges of one realm are read from the top, the first with an algorithm of ours counts
        (RFC 8760 §2.4).
        """
        proxy = response.status == 407
        challenges = _challenges(response, proxy=proxy)
        if not any(challenge.usable for challenge in challenges):
            return "no challenge that we can answer"
        # A proxy that forked puts what all branches asked for into one response (RFC 3261 §22.3).
        challenges += _challenges(response, proxy=not proxy)
        problem = ""
        answered: set[tuple[bool, str]] = set()
        for challenge in challenges:
            key = (challenge.proxy, challenge.realm)
            if key in answered or not challenge.usable:
                continue
            credentials = self._client.credentials_for(challenge, request)
            if credentials is None:
                problem = problem or f"no credentials for realm {challenge.realm!r}"
                continue
            if challenge.is_md5 and credentials.refuse_md5:
                problem = problem or f"realm {challenge.realm!r} takes MD5 only, which is refused here"
                continue
            rounds = self._rounds.get(key, 0)
            if rounds and not (challenge.stale and rounds <= MAX_STALE_ROUNDS):
                return "the credentials were refused"
            if sum(self._rounds.values()) >= MAX_ROUNDS:
                return "too many challenges"
            self._rounds[key] = rounds + 1
            self._client.use(challenge, credentials)
            answered.add(key)
        return "" if answered else problem


def _challenges(response: Response, *, proxy: bool) -> list[Challenge]:
    """The Digest challenges of servers or of proxies, as they stand (RFC 3261 §22.2, §22.3)."""
    found: list[Challenge] = []
    for text in response.headers.all("proxy-authenticate" if proxy else "www-authenticate"):
        try:
            found.append(Challenge.parse(text, proxy=proxy))
        except SipParseError:
            continue  # of another scheme, or malformed: the next one may do
    return found


def _take_next_nonce(known: _Known, nonce: str) -> None:
    if nonce:
        known.challenge = replace(known.challenge, nonce=nonce)
        known.count = 0
        known.session_cnonce = ""
