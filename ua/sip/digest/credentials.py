"""Who we are to a realm, and the proof of it (core; RFC 7616 §3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ua.sip.digest.challenge import Challenge, hashed, quality


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

    def joined(*parts: str) -> str:
        return hashed(challenge, ":".join(parts).encode())

    a1 = joined(credentials.username, challenge.realm, credentials.password)
    if challenge.is_session:
        a1 = joined(a1, challenge.nonce, session_cnonce or cnonce)
    chosen = quality(challenge)
    a2 = joined(method, uri, hashed(challenge, body)) if chosen == "auth-int" else joined(method, uri)
    if not chosen:
        return joined(a1, challenge.nonce, a2)
    return joined(a1, challenge.nonce, f"{count:08x}", cnonce, chosen, a2)
