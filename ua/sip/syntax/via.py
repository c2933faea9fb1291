"""Via: the way a response goes back (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import (
    TOKEN,
    Params,
    get_param,
    join_host_port,
    read_params,
    same_host,
    set_param,
    split_host_port,
    write_params,
)

MAGIC_COOKIE: Final = "z9hG4bK"
"""Start of every branch made by the rules of RFC 3261 §8.1.1.7."""

_VIA_RE: Final = re.compile(
    rf"[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*(?P<transport>{TOKEN})[ \t]+"
    r"(?P<sent_by>\[[^\]]*\][ \t:0-9]*|[^;\[\]]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """One hop.

    Attributes:
        transport: "UDP", "TCP" or another name, in upper case.
        host: sent-by host (no brackets).
        port: sent-by port, None where it is the default.
        params: branch, rport, received ... in order.
    """

    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value; raises SipParseError."""
        match = _VIA_RE.match(text)
        if match is None:
            raise SipParseError("malformed Via")
        host, port = split_host_port(match["sent_by"])
        return cls(
            transport=match["transport"].upper(), host=host, port=port, params=read_params(text, match.end())
        )

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {join_host_port(self.host, self.port)}{write_params(self.params)}"

    def param(self, name: str) -> str | None:
        """Value of a parameter, "" for one without value, None where it is absent."""
        return get_param(self.params, name)

    @property
    def branch(self) -> str:
        """The branch, empty where there is none (an RFC 2543 peer)."""
        return self.param("branch") or ""

    @property
    def has_cookie(self) -> bool:
        """True where the branch alone identifies the transaction (RFC 3261 §17.2.3)."""
        return self.branch.lower().startswith(MAGIC_COOKIE.lower()) and len(self.branch) > len(MAGIC_COOKIE)

    @property
    def received(self) -> str | None:
        """The received parameter without the brackets that some write around IPv6 (RFC 5118 §4.5)."""
        value = self.param("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The rport value; None where it is absent, empty or no port."""
        value = self.param("rport") or ""
        return int(value) if value.isascii() and value.isdigit() and 0 < int(value[:6]) < 65536 else None

    @property
    def sent_by_port(self) -> int:
        """The port, or the default of the transport (RFC 3261 §18.1.1, RFC 7118 §5.5)."""
        return self.port or {"TLS": 5061, "WS": 80, "WSS": 443}.get(self.transport, 5060)

    def same_sent_by(self, other: Via) -> bool:
        """True where host and port name the same sender."""
        return same_host(self.host, other.host) and self.sent_by_port == other.sent_by_port

    def with_source(self, host: str, port: int) -> Via:
        """The Via as a server notes it on arrival (RFC 3261 §18.2.1, RFC 3581 §4).

        With rport both parameters are filled; without it, received is added where sent-by is not the source
        address.
        """
        params = self.params
        if self.param("rport") is not None:
            return replace(self, params=set_param(set_param(params, "received", host), "rport", str(port)))
        if not same_host(self.host, host):
            params = set_param(params, "received", host)
        return replace(self, params=params)
