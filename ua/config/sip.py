"""`[sip]` of a configuration file: our end of the signalling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ua.config.ice import STRICT
from ua.config.sip_uri import split_listen
from ua.errors import ConfigurationError
from ua.registration.keepalive_choice import KeepaliveChoice
from ua.registration.settings import RECOVERY_S
from ua.sip.retry.targets import MAX_HOPS

TransferPolicy = Literal["never", "ask", "always"]
"""Who may make us call somebody else, or replace a call of ours."""


ReliablePolicy = Literal["auto", "require", "off"]
"""Whether provisional responses are made reliable (RFC 3262)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSettings:
    """`[sip]`: our end of the signalling.

    Attributes:
        listen: "host:port" to receive on; port 0 takes any, host 0.0.0.0 or [::] listens everywhere.
        user_agent: text of the User-Agent and Server header; empty leaves it out.
        accept_transfers: who may make us call somebody else: "ask" leaves it to the program that uses the
            library, and nobody may where it does not listen.
        follow_redirects: true where a 3xx is followed to the addresses that it names.
        max_redirects: redirections of redirections that are followed, 1 to 5.
        reliable: provisional responses that are acknowledged (RFC 3262): "auto" where the other side can,
            "require" refuses calls with those who cannot, "off".
        session_expires_s: seconds after which a call that nobody refreshes ends (RFC 4028), 90 to 86400; 0
            asks for none.
        invite_bytes: an INVITE by UDP leaves candidates out to be no longer than this, where it can; one that
            is much longer goes by TCP. 0 leaves out none.
        silence_ms: ms without any response to an INVITE after which a smaller one is tried, 500 to 32000.
        challenge_callers: true where who calls us must know our user name and password.
        requests_per_s: new requests that one host may send us in a second, 10 to 10000; more get 503,
            and many more are dropped. 50 calls a second of a PBX, which is one host, are about 250.
        keepalive: when servers get keep-alives: "outbound", where they say that they take them (RFC 5626);
            "auto", there too, and over UDP elsewhere by REGISTER; "always", because you know that they answer
            CRLF CRLF over streams and STUN over UDP; "off".
        keepalive_s: the longest time between two of them in seconds; 0 for what the server says, else 120
            over streams and 29 over UDP, or 8 where it is a REGISTER to a server in a private network.
        recovery_s: seconds that the first waits after a failed registration are made of; each is twice as
            long as the one before, up to 60 times this (RFC 5626 §4.5).
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    listen: str = "0.0.0.0:0"
    user_agent: str = "icephone"
    accept_transfers: TransferPolicy = "ask"
    follow_redirects: bool = True
    max_redirects: int = MAX_HOPS
    reliable: ReliablePolicy = "auto"
    session_expires_s: int = 1800
    invite_bytes: int = 1200
    silence_ms: int = 6000
    challenge_callers: bool = False
    requests_per_s: int = 500
    keepalive: KeepaliveChoice = "auto"
    keepalive_s: int = 0
    recovery_s: float = RECOVERY_S


def check_sip(sip: SipSettings) -> None:
    """Check what types cannot say; ConfigurationError names the key."""
    try:
        split_listen(sip.listen)
    except ValueError as error:
        raise ConfigurationError(f"sip.listen: {error}") from None
    if not 0 <= sip.keepalive_s <= 3600:
        raise ConfigurationError(f"sip.keepalive_s: {sip.keepalive_s} is not between 0 and 3600")
    if not 10 <= sip.requests_per_s <= 10_000:
        raise ConfigurationError(f"sip.requests_per_s: {sip.requests_per_s} is not between 10 and 10000")
    if not 0.5 <= sip.recovery_s <= 600:
        raise ConfigurationError(f"sip.recovery_s: {sip.recovery_s} is not between 0.5 and 600")
    if not 1 <= sip.max_redirects <= MAX_HOPS:
        raise ConfigurationError(f"sip.max_redirects: {sip.max_redirects} is not between 1 and {MAX_HOPS}")
    if not 500 <= sip.silence_ms <= 32000:
        raise ConfigurationError(f"sip.silence_ms: {sip.silence_ms} is not between 500 and 32000")
    if sip.invite_bytes and not 600 <= sip.invite_bytes <= 65000:
        raise ConfigurationError(
            f"sip.invite_bytes: {sip.invite_bytes} is neither 0 nor between 600 and 65000"
        )
    if sip.session_expires_s and not 90 <= sip.session_expires_s <= 86400:
        raise ConfigurationError(
            f"sip.session_expires_s: {sip.session_expires_s} is neither 0 nor between 90 and 86400"
        )
