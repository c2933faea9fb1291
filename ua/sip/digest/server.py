"""Digest authentication of who asks us (core; RFC 3261 §22, RFC 7616 §5, RFC 8760 §2)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ua.sip.digest.challenge import Challenge, read_auth_params
from ua.sip.digest.credentials import Credentials, digest_response
from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import quote
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri

LIFETIME_S: Final = 300.0
"""Seconds that a nonce is good for."""

MAX_NONCES: Final = 1000
"""Nonces in use at a time; the oldest is stale when there are more."""

_WINDOW: Final = 64
"""So many counts below the highest may still come, each once: requests overtake each other."""

_NONCE_RE: Final = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{16})\.([0-9a-f]{24})")
_COUNT_RE: Final = re.compile(r"[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """The request comes from who it says.

    Attributes:
        username: who that is.
        headers: for our response to it: (Proxy-)Authentication-Info.
    """

    username: str
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproved:
    """It may come from anybody.

    Attributes:
        status: 401, or 407 of a proxy, to answer with.
        headers: the challenges for that answer.
        reason: what is wrong, for the log; no secret.
        stale: true where the password was right and only the nonce was not.
    """

    status: int
    headers: Headers
    reason: str
    stale: bool = False


Verdict = Proved | Unproved


@dataclass(slots=True)
class _Used:
    """The counts that came with one nonce.

    Attributes:
        issued_ms: when it was made.
        highest: the highest count.
        seen: bit n is set where highest - n came.
    """

    issued_ms: int
    highest: int = 0
    seen: int = 0

    def take(self, count: int) -> bool:
        """False where this count came before, or is too old to tell."""
        if count > self.highest:
            self.seen = ((self.seen << (count - self.highest)) | 1) & ((1 << _WINDOW) - 1)
            self.highest = count
            return True
        behind = self.highest - count
        if behind >= _WINDOW or self.seen >> behind & 1:
            return False
        self.seen |= 1 << behind
        return True


class DigestServer:
    """Challenges requests and checks the answers.

    A challenge leaves nothing behind: what a nonce must tell is in it, under a key of ours. Only a nonce that
    was answered with the right password is remembered, for its counts.

    Args:
        realm: whose users these are.
        password_of: gives the password of a user, None for nobody of ours.
        key: at least 16 unpredictable bytes.
        algorithms: what we take, best first; one challenge each.
        proxy: true for 407.
    """

    def __init__(
        self,
        *,
        realm: str,
        password_of: Callable[[str], str | None],
        key: bytes,
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        proxy: bool = False,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self.realm = realm
        self._password_of = password_of
        self._key = key
        self._algorithms = algorithms
        self._proxy = proxy
        self._lifetime_ms = int(lifetime_s * 1000)
        self._used: dict[str, _Used] = {}
        self._oldest_ms = 0

    def __len__(self) -> int:
        """Nonces remembered."""
        return len(self._used)

    def check(self, request: Request, now: float) -> Verdict:
        """Who sent this request? `now` is in monotonic seconds. For each request once: counts are used up."""
        reason = "no credentials"
        for params in self._answers(request):
            verdict = self._judge(request, params, now)
            if not isinstance(verdict, str):
                return verdict
            reason = verdict
        return self.challenge(request, now, reason=reason)

    def challenge(self, request: Request, now: float, *, reason: str = "", stale: bool = False) -> Unproved:
        """Ask for credentials, with a new nonce; equal requests of one moment get equal nonces."""
        name = "Proxy-Authenticate" if self._proxy else "WWW-Authenticate"
        nonce = self._new_nonce(request, now)
        text = f'Digest realm={quote(self.realm)}, nonce="{nonce}", qop="auth,auth-int"'
        rest = ", stale=true" if stale else ""
        rows = ((name, f"{text}, algorithm={algorithm}{rest}") for algorithm in self._algorithms)
        status = 407 if self._proxy else 401
        return Unproved(status=status, headers=Headers.of(*rows), reason=reason, stale=stale)

    def _answers(self, request: Request) -> Iterator[dict[str, str]]:
        """Digest credentials for our realm."""
        for row in request.headers.all("proxy-authorization" if self._proxy else "authorization"):
            scheme, _, text = row.strip().partition(" ")
            if scheme.lower() != "digest":
                continue
            try:
                params = read_auth_params(text)
            except SipParseError:
                continue
            if params.get("realm") == self.realm:
                yield params

    def _judge(self, request: Request, params: dict[str, str], now: float) -> Verdict | str:
        """The verdict on one row of credentials, or why it is worth nothing."""
        username = params.get("username", "")
        count, cnonce, nonce = params.get("nc", ""), params.get("cnonce", ""), params.get("nonce", "")
        algorithm, quality = params.get("algorithm", "MD5"), params.get("qop", "").lower()
        if algorithm.upper() not in {known.upper() for known in self._algorithms}:
            return "an algorithm that was not offered"
        if quality not in ("auth", "auth-int") or _COUNT_RE.fullmatch(count) is None or not cnonce:
            return "credentials without qop, nc or cnonce"
        if not _is_for(params.get("uri", ""), request):
            return "credentials for another address"
        password = self._password_of(username)
        proof = _Proof(
            challenge=Challenge(
                proxy=self._proxy, realm=self.realm, nonce=nonce, algorithm=algorithm, qop=(quality,)
            ),
            credentials=Credentials(username=username, password=password or ""),
            uri=params.get("uri", ""),
            cnonce=cnonce,
            count=int(count, 16),
        )
        right = hmac.compare_digest(
            proof.response(request.method, request.body).encode(), params.get("response", "").lower().encode()
        )
        if not right or password is None:
            return f"a wrong password, or no user of ours: {username!r}"
        issued = self._issued_ms(nonce)
        now_ms = int(now * 1000)
        if issued is None or now_ms - issued > self._lifetime_ms or issued <= self._oldest_ms:
            return self.challenge(request, now, reason=f"an old nonce of {username!r}", stale=True)
        used = self._remember(nonce, issued, now_ms)
        if not used.take(proof.count):
            return self.challenge(
                request, now, reason=f"a count of {username!r} that came before", stale=True
            )
        following = self._new_nonce(request, now) if 2 * (now_ms - issued) > self._lifetime_ms else ""
        return Proved(username=username, headers=self._info(proof, quality, count, following))

    def _info(self, proof: _Proof, quality: str, count: str, following: str) -> Headers:
        """Our own proof; over the method and address alone, as the body of the response is not known yet."""
        name = "Proxy-Authentication-Info" if self._proxy else "Authentication-Info"
        parts = [f'nextnonce="{following}"'] if following else []
        if quality == "auth":
            shown = proof.response("", b"")
            parts += [f'qop=auth, rspauth="{shown}", cnonce={quote(proof.cnonce)}, nc={count}']
        return Headers.of((name, ", ".join(parts))) if parts else Headers()

    def _remember(self, nonce: str, issued: int, now_ms: int) -> _Used:
        if nonce not in self._used:
            alive = {
                one: used for one, used in self._used.items() if now_ms - used.issued_ms <= self._lifetime_ms
            }
            self._used = alive
            if len(alive) >= MAX_NONCES:
                oldest = min(alive, key=lambda one: alive[one].issued_ms)
                self._oldest_ms = alive.pop(oldest).issued_ms
            alive[nonce] = _Used(issued_ms=issued)
        return self._used[nonce]

    def _new_nonce(self, request: Request, now: float) -> str:
        issued = f"{max(0, int(now * 1000)):x}"
        marks = (request.via.branch, request.call_id, str(request.cseq), request.from_.tag or "")
        salt = self._mac("salt", *marks)[:16]
        return f"{issued}.{salt}.{self._mac('nonce', issued, salt, self.realm)[:24]}"

    def _issued_ms(self, nonce: str) -> int | None:
        """When we made this nonce; None where we did not."""
        match = _NONCE_RE.fullmatch(nonce)
        if match is None:
            return None
        wanted = self._mac("nonce", match[1], match[2], self.realm)[:24]
        return int(match[1], 16) if hmac.compare_digest(wanted, match[3]) else None

    def _mac(self, *parts: str) -> str:
        text = "\0".join(parts).encode("utf-8", "surrogateescape")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """What a response value is made of, but for method and body."""

    challenge: Challenge
    credentials: Credentials = field(repr=False)
    uri: str
    cnonce: str
    count: int

    def response(self, method: str, body: bytes) -> str:
        return digest_response(
            self.challenge,
            self.credentials,
            method=method,
            uri=self.uri,
            body=body,
            cnonce=self.cnonce,
            count=self.count,
        )


def _is_for(text: str, request: Request) -> bool:
    """Loosely: proxies on the way may have changed the Request-URI (RFC 7616 §3.4.6, RFC 3261 §22.1)."""
    try:
        uri = Uri.parse(text)
    except SipParseError:
        return False
    users = {request.uri.user, request.to.uri.user}
    return uri.same_as(request.uri) or (uri.is_sip and uri.user in users)
