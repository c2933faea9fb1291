"""Who we are to a realm, and the proof of it (core; RFC 7616 §3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ua.sip.digest.challenge import Challenge, hashed, quality
from ua.sip.syntax.message import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """User name and password, and to whom they may be proved; the password is kept out of repr.

    Attributes:
        username: as the server knows it.
        password: secret.
        realm: the only realm that is answered; None leaves it to `hosts`.
        hosts: names of our own servers (domain, proxy, registrar); others are not answered where `realm` is
            None. Empty: whoever asks.
        refuse_md5: true where MD5 is not answered (RFC 8760 §2.3).
        integrity: true where the body is to be protected as well, by auth-int, where the server offers it.
    """

    username: str
    password: str = field(repr=False)
    realm: str | None = None
    hosts: tuple[str, ...] = ()
    refuse_md5: bool = False
    integrity: bool = False

    def may_answer(self, challenge: Challenge, request: Request) -> bool:
        """False where a far server asks that we have nothing to do with (RFC 3261 §22.1).

        Without a realm in the settings these are ours: a server that the Request-URI names by one of `hosts`;
        a realm that is such a host, or of the same domain; a proxy of ours whose realm is no host name.
        """
        if self.realm is not None:
            return self.realm == challenge.realm
        ours = {host.lower() for host in self.hosts}
        if not ours or request.uri.host.lower() in ours:
            return True
        realm = challenge.realm.lower()
        if realm in ours:
            return True
        if "." in realm and any(
            f".{realm}".endswith(f".{host}") or host.endswith(f".{realm}") for host in ours
        ):
            return True
        if not challenge.proxy or "." in realm:
            return False
        routes = request.addresses("route")
        return bool(routes) and routes[0].uri.host.lower() in ours


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
    chosen = quality(challenge, integrity=credentials.integrity)
    a2 = joined(method, uri, hashed(challenge, body)) if chosen == "auth-int" else joined(method, uri)
    if not chosen:
        return joined(a1, challenge.nonce, a2)
    return joined(a1, challenge.nonce, f"{count:08x}", cnonce, chosen, a2)
