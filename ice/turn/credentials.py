"""Long-term credentials, the client's side with one server (RFC 8489 §9.2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata

from ice.stun.attributes import Attribute, ErrorCode, Username
from ice.stun.credential_attributes import (
    Algorithm,
    Nonce,
    PasswordAlgorithm,
    PasswordAlgorithms,
    Realm,
    Userhash,
)
from ice.stun.message import IntegrityAlgorithm, StunMessage

MD5 = 1
SHA256 = 2
"""Password algorithms (RFC 8489 §18.5)."""

UNAUTHENTICATED = 401
STALE_NONCE = 438

MAX_STALE = 3
"""Consecutive 438 answers that are followed; a server that never settles is left."""

_COOKIE = "obMatJos2"
_FEATURES_SIZE = 4
# RFC 8489 §18.1: bit 0 is the most significant one of 24.
_PASSWORD_ALGORITHMS = 1 << 23
_USERNAME_ANONYMITY = 1 << 22


def opaque_string(text: str) -> str:
    """Prepare a realm or a password (RFC 8265 §4.2): spaces become plain ones, then NFC; ASCII stays."""
    if text.isascii():
        return text
    plain = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    return unicodedata.normalize("NFC", plain)


def long_term_key(username: str, realm: str, password: str, algorithm: int = MD5) -> bytes:
    """The key (RFC 8489 §9.2.2): MD5 (16 bytes) or SHA-256 (32 bytes) of "user:realm:password"."""
    text = f"{username}:{opaque_string(realm)}:{opaque_string(password)}".encode()
    if algorithm == SHA256:
        return hashlib.sha256(text).digest()
    return hashlib.md5(text, usedforsecurity=False).digest()


def user_hash(username: str, realm: str) -> bytes:
    """USERHASH (RFC 8489 §14.4), 32 bytes."""
    return hashlib.sha256(f"{username}:{opaque_string(realm)}".encode()).digest()


def security_features(nonce: str) -> int:
    """The 24 feature bits of a nonce cookie (RFC 8489 §9.2, bit 0 the highest); 0 without a cookie."""
    encoded = nonce[len(_COOKIE) : len(_COOKIE) + _FEATURES_SIZE]
    if not nonce.startswith(_COOKIE) or len(encoded) != _FEATURES_SIZE:
        return 0
    try:
        return int.from_bytes(base64.b64decode(encoded, validate=True), "big")
    except (binascii.Error, ValueError):
        return 0


def hides_algorithms(message: StunMessage) -> bool:
    """True where the nonce promises PASSWORD-ALGORITHMS, and they were taken out on the way (§9.2.1)."""
    nonce = message.get(Nonce)
    return (
        nonce is not None
        and bool(security_features(nonce.value) & _PASSWORD_ALGORITHMS)
        and message.get(PasswordAlgorithms) is None
    )


class LongTermCredentials:
    """Username and password, and what the server asked for so far.

    Before the first challenge nothing is added to a request (RFC 8489 §9.2.3.1); afterwards every request
    carries realm and nonce from the start (§9.2.3.2). The password is in no repr.
    """

    __slots__ = ("_attributes", "_key", "_offered", "_password", "_realm", "_stale", "_username", "integrity")

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._realm: str | None = None
        self._attributes: tuple[Attribute, ...] = ()
        self._key: bytes | None = None
        self._offered: PasswordAlgorithms | None = None
        self._stale = 0
        self.integrity = IntegrityAlgorithm.SHA1

    def __repr__(self) -> str:
        return f"LongTermCredentials(username={self._username!r}, realm={self._realm!r})"

    def copied(self) -> LongTermCredentials:
        """The same account, and what the server asked for so far, for another connection to it.

        Servers may give every connection a nonce of its own.
        """
        copy = LongTermCredentials(self._username, self._password)
        copy._realm, copy._attributes, copy._key = self._realm, self._attributes, self._key
        copy._offered, copy.integrity = self._offered, self.integrity
        return copy

    @property
    def in_clear(self) -> bool:
        """True where requests carry the user name itself, not its hash."""
        return any(isinstance(item, Username) for item in self._attributes)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What a request carries beside its own attributes."""
        return self._attributes

    @property
    def key(self) -> bytes | None:
        """The key of requests and answers; None before the first challenge."""
        return self._key

    def settled(self) -> None:
        """An authenticated answer came: the nonce is good."""
        self._stale = 0

    def challenged(self, answer: StunMessage, used: tuple[Attribute, ...]) -> str:
        """Learn from a 401 or 438 answer to a request that carried the `attributes` `used`.

        Returns:
            Why the request must not be tried again; empty where it is to be sent anew.
        """
        error, realm, nonce = answer.get(ErrorCode), answer.get(Realm), answer.get(Nonce)
        stale = error is not None and error.code == STALE_NONCE
        name = self._realm if stale and self._realm is not None else None if realm is None else realm.value
        if not self._username:
            return "the server asks for a user name and a password"
        if nonce is None or name is None:
            return "the server asks for authentication without realm or nonce"
        if hides_algorithms(answer):
            return "the server's list of password algorithms is missing: somebody may have taken it out"
        if used and used is not self._attributes:
            # Another request was told before this one, and what it learned is newer.
            return ""
        if stale:
            self._stale += 1
            if self._stale > MAX_STALE:
                return f"the server called {self._stale} nonces in a row stale"
        elif used and name == self._realm:
            # RFC 8489 §9.2.5: never the same credentials again.
            return "the server refused the user name or the password"
        return self._adopt(name, nonce, answer.get(PasswordAlgorithms))

    def _adopt(self, realm: str, nonce: Nonce, offered: PasswordAlgorithms | None) -> str:
        # RFC 8489 §9.2.5: once algorithms were offered there is no way back to SHA-1 and MD5.
        offered = offered or self._offered
        number = MD5
        more: tuple[Attribute, ...] = ()
        if offered is not None:
            numbers = {algorithm.number for algorithm in offered.algorithms if not algorithm.parameters}
            # RFC 8656 §6: SHA-256 where both are offered, whatever the order.
            supported = [candidate for candidate in (SHA256, MD5) if candidate in numbers]
            if not supported:
                return "the server offers no password algorithm that is known here"
            number = supported[0]
            more = (offered, PasswordAlgorithm(algorithm=Algorithm(number=number)))
        anonymous = bool(security_features(nonce.value) & _USERNAME_ANONYMITY)
        user: Attribute = (
            Userhash(value=user_hash(self._username, realm)) if anonymous else Username(value=self._username)
        )
        self._realm, self._offered = realm, offered
        self._key = long_term_key(self._username, realm, self._password, number)
        self.integrity = IntegrityAlgorithm.SHA1 if offered is None else IntegrityAlgorithm.SHA256
        self._attributes = (user, Realm(value=realm), nonce, *more)
        return ""
