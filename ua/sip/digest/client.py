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
from ua.sip.syntax.message import Response

MAX_STALE_ROUNDS: Final = 2
"""How often one request follows stale=true of one realm."""


@dataclass(slots=True)
class _Known:
    """A challenge in use."""

    challenge: Challenge
    credentials: Credentials = field(repr=False)
    count: int = 0
    session_cnonce: str = ""


class DigestClient:
    """Credentials and the challenges that they answer.

    `random(n)` gives n unpredictable bytes for client nonces.
    """

    def __init__(self, credentials: tuple[Credentials, ...], random: Callable[[int], bytes]) -> None:
        self._credentials = credentials
        self._random = random
        self._known: dict[tuple[bool, str], _Known] = {}

    def rows(self, method: str, uri: str, body: bytes = b"") -> tuple[tuple[str, str], ...]:
        """(Proxy-)Authorization rows for a request, one for each realm that challenged us; nc counts up."""
        return tuple(self._row(known, method, uri, body) for known in self._known.values())

    def start(self) -> DigestRun:
        """The bookkeeping of one request and its retries."""
        return DigestRun(self)

    def note(self, response: Response) -> None:
        """Take the next nonce out of a success (RFC 7616 §3.5)."""
        for name, proxy in (("authentication-info", False), ("proxy-authentication-info", True)):
            text = response.headers.first(name)
            if text is None:
                continue
            try:
                nonce = read_auth_params(text).get("nextnonce")
            except SipParseError:
                continue
            same_side = [known for (side, _), known in self._known.items() if side == proxy]
            if nonce and len(same_side) == 1:
                same_side[0].challenge = replace(same_side[0].challenge, nonce=nonce)
                same_side[0].count = 0
                same_side[0].session_cnonce = ""

    def credentials_for(self, realm: str) -> Credentials | None:
        """The credentials that may be sent to a realm."""
        return next((known for known in self._credentials if known.realm in (None, realm)), None)

    def use(self, challenge: Challenge, credentials: Credentials) -> None:
        """Answer this challenge from now on."""
        self._known[challenge.proxy, challenge.realm] = _Known(challenge=challenge, credentials=credentials)

    def _row(self, known: _Known, method: str, uri: str, body: bytes) -> tuple[str, str]:
        challenge, credentials = known.challenge, known.credentials
        known.count += 1
        cnonce = self._random(16).hex()
        known.session_cnonce = known.session_cnonce or cnonce
        chosen = quality(challenge)
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

    def challenged(self, response: Response) -> str:
        """Take the challenges of a 401 or 407; empty where a retry makes sense, else why not.

        Challenges of one realm are read from the top, the first with an algorithm of ours counts
        (RFC 8760 §2.4).
        """
        proxy = response.status == 407
        chosen = _first_usable(response, proxy=proxy)
        if not chosen:
            return "no challenge that we can answer"
        problem = "no credentials for this realm"
        answered = False
        for challenge in chosen:
            credentials = self._client.credentials_for(challenge.realm)
            if credentials is None:
                continue
            key = (proxy, challenge.realm)
            rounds = self._rounds.get(key, 0)
            if rounds and not (challenge.stale and rounds <= MAX_STALE_ROUNDS):
                return "the credentials were refused"
            self._rounds[key] = rounds + 1
            self._client.use(challenge, credentials)
            answered = True
        return "" if answered else problem


def _first_usable(response: Response, *, proxy: bool) -> list[Challenge]:
    name = "proxy-authenticate" if proxy else "www-authenticate"
    chosen: dict[str, Challenge] = {}
    for text in response.headers.all(name):
        try:
            challenge = Challenge.parse(text, proxy=proxy)
        except SipParseError:
            continue
        if challenge.usable and challenge.realm not in chosen:
            chosen[challenge.realm] = challenge
    return list(chosen.values())
