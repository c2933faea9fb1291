"""One Digest challenge (core; RFC 7616 §3.3)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import QUOTED, TOKEN, unquote

_PARAM_RE: Final = re.compile(rf"[ \t]*({TOKEN})[ \t]*=[ \t]*({QUOTED}|[^\s,\"]*)[ \t]*(?:,|\Z)")
_SCHEME_RE: Final = re.compile(rf"[ \t]*({TOKEN})[ \t]+")

_HASHES: Final = {
    name: hash_name
    for name, hash_name in (("SHA-512-256", "sha512_256"), ("SHA-256", "sha256"), ("MD5", "md5"))
    if hash_name in hashlib.algorithms_available
}


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
        params = read_auth_params(text[scheme.end() :])
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
    def is_md5(self) -> bool:
        """True for MD5 and MD5-sess, which RFC 8760 keeps for old servers only."""
        return self.hash_name == "md5"

    @property
    def usable(self) -> bool:
        """True where we have the hash and one of the qualities."""
        return self.hash_name is not None and (not self.qop or bool({"auth", "auth-int"} & set(self.qop)))


def quality(challenge: Challenge, *, integrity: bool = False) -> str:
    """The quality that we answer with, empty for the form of RFC 2069; `integrity` prefers auth-int."""
    if not challenge.qop:
        return ""
    wanted = ("auth-int", "auth") if integrity else ("auth", "auth-int")
    return next((offered for offered in wanted if offered in challenge.qop), "")


def hashed(challenge: Challenge, data: bytes) -> str:
    """Lower-case hex of the challenge's hash."""
    return hashlib.new(challenge.hash_name or "md5", data, usedforsecurity=False).hexdigest()


def read_auth_params(text: str) -> dict[str, str]:
    """Parameters of a challenge or of credentials, names in lower case; raises SipParseError."""
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
