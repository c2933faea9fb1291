"""Digest authentication of a client (core; RFC 3261 §22, RFC 7616, RFC 8760).

A `DigestClient` belongs to one registration or one call: it keeps the challenges of its servers and answers
them unasked in later requests. A `DigestRun` belongs to one request and ends loops.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import QUOTED, TOKEN, quote, unquote
from ua.sip.syntax.message import Response

_PARAM_RE: Final = re.compile(rf"[ \t]*({TOKEN})[ \t]*=[ \t]*({QUOTED}|[^\s,\"]*)[ \t]*(?:,|\Z)")
_SCHEME_RE: Final = re.compile(rf"[ \t]*({TOKEN})[ \t]+")

MAX_STALE_ROUNDS: Final = 2
"""How often one request follows stale=true of one realm."""

_HASHES: Final = {
    name: hash_name
    for name, hash_name in (("SHA-512-256", "sha512_256"), ("SHA-256", "sha256"), ("MD5", "md5"))
    if hash_name in hashlib.algorithms_available
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """User name and password for a realm; the password is kept out of repr.

    Attributes:
        username: as the server knows it.
        password: secret.
        realm: the only realm they are sent to; None for any that asks.
    """

    username: str
    password: str = field(repr=False)
    realm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One Digest challenge (RFC 7616 §3.3).

    Attributes:
        proxy: true for Proxy-Authenticate (407), false for WWW-Authenticate (401).
        realm: as sent, quoting undone.
        nonce: as sent.
        opaque: returned unchanged, None where absent.
        algorithm: as sent, "MD5" where absent.
        algorithm_sent: false where the challenge named none.
        qop: offered qualities in lower case, empty where absent (RFC 2069).
        stale: true where only the nonce was too old.
        userhash: true where the server wants the user name hashed.
    """

    proxy: bool
    realm: str
    nonce: str
    opaque: str | None = None
    algorithm: str = "MD5"
    algorithm_sent: bool = False
    qop: tuple[str, ...] = ()
    stale: bool = False
    userhash: bool = False

    @classmethod
    def parse(cls, text: str, *, proxy: bool) -> Challenge:
        """Read one header row; raises SipParseError for other schemes and malformed rows."""
        scheme = _SCHEME_RE.match(text)
        if scheme is None or scheme[1].lower() != "digest":
            raise SipParseError("not a Digest challenge")
        params = _read_params(text[scheme.end() :])
        if "realm" not in params or "nonce" not in params:
            raise SipParseError("a challenge without realm or nonce")
        qop = tuple(part.strip().lower() for part in params.get("qop", "").split(",") if part.strip())
        return cls(
            proxy=proxy,
            realm=params["realm"],
            nonce=params["nonce"],
            opaque=params.get("opaque"),
            algorithm=params.get("algorithm", "MD5"),
            algorithm_sent="algorithm" in params,
            qop=qop,
            stale=params.get("stale", "").lower() == "true",
            userhash=params.get("userhash", "").lower() == "true",
        )

    @property
    def hash_name(self) -> str | None:
        """Name of the hash for hashlib, None where we have none for the algorithm."""
        return _HASHES.get(self.algorithm.upper().removesuffix("-SESS"))

    @property
    def is_session(self) -> bool:
        """True for the -sess algorithms."""
        return self.algorithm.upper().endswith("-SESS")

    @property
    def usable(self) -> bool:
        """True where we have the hash and one of the qualities."""
        return self.hash_name is not None and (not self.qop or bool({"auth", "auth-int"} & set(self.qop)))


def digest_response(
    challenge: Challenge,
    credentials: Credentials,
    *,
    method: str,
    uri: str,
    body: bytes = b"",
    cnonce: str = "",
    count: int = 1,
    session_cnonce: str = "",
) -> str:
    """The response value, lower-case hex (RFC 7616 §3.4.1).

    `count` is nc; `session_cnonce` the cnonce of the first request with this nonce (for -sess).
    """

    def hashed(*parts: str) -> str:
        return _hash(challenge, ":".join(parts).encode())

    a1 = hashed(credentials.username, challenge.realm, credentials.password)
    if challenge.is_session:
        a1 = hashed(a1, challenge.nonce, session_cnonce or cnonce)
    quality = _quality(challenge)
    a2 = hashed(method, uri, _hash(challenge, body)) if quality == "auth-int" else hashed(method, uri)
    if not quality:
        return hashed(a1, challenge.nonce, a2)
    return hashed(a1, challenge.nonce, f"{count:08x}", cnonce, quality, a2)


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
                nonce = _read_params(text).get("nextnonce")
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
        quality = _quality(challenge)
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
            username = _hash(challenge, f"{username}:{challenge.realm}".encode())
        parts = [
            f"username={quote(username)}",
            f"realm={quote(challenge.realm)}",
            f"nonce={quote(challenge.nonce)}",
            f"uri={quote(uri)}",
            f"response={quote(response)}",
        ]
        if challenge.algorithm_sent:
            parts.append(f"algorithm={challenge.algorithm}")
        if quality or challenge.is_session:
            parts.append(f"cnonce={quote(cnonce if quality else known.session_cnonce)}")
        if quality:
            parts += [f"qop={quality}", f"nc={known.count:08x}"]
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


def _quality(challenge: Challenge) -> str:
    if "auth" in challenge.qop or not challenge.qop:
        return "auth" if challenge.qop else ""
    return "auth-int"


def _hash(challenge: Challenge, data: bytes) -> str:
    return hashlib.new(challenge.hash_name or "md5", data, usedforsecurity=False).hexdigest()


def _read_params(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    text = text.rstrip(" \t")
    position = 0
    while position < len(text):
        match = _PARAM_RE.match(text, position)
        if match is None:
            raise SipParseError("malformed challenge")
        if match[1].lower() in found:
            raise SipParseError(f"parameter {match[1]} occurs twice in a challenge")
        found[match[1].lower()] = unquote(match[2])
        position = match.end()
    return found
