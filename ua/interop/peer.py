"""A peer: what is tested, how it is reached, what it offers, what it is known not to do (core)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol

from ua.config.sip_uri import split_sip_uri
from ua.interop.need import DESCRIPTIONS, EXTENSIONS, Extension, Need, remedy
from ua.sip.transport.hop import SipTransport


class Demanding(Protocol):
    """What a peer is told of a scenario (`ua.interop.scenario.Scenario`)."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def needs(self) -> frozenset[Need]:
        """What the peer must offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAccount:
    """A user that we may be.

    Attributes:
        user: user part of its address.
        auth_user: user name for authentication.
        password: None where there is none.
    """

    user: str
    auth_user: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Something that the peer is known not to do: a failure of these scenarios is expected.

    Attributes:
        scenarios: ids or patterns, "security.*".
        reason: why, one sentence.
        source: where that is known from: documentation, an issue, a measurement.
    """

    scenarios: tuple[str, ...]
    reason: str
    source: str

    def holds_for(self, scenario: str) -> bool:
        """True where it is about the scenario of this id."""
        return any(fnmatchcase(scenario, pattern) for pattern in self.scenarios)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer.

    Attributes:
        name: short, for tables and folders.
        title: what it is, for people.
        uri: where it is, "sip:pbx.example:5070"; empty where nobody has said yet.
        domain: host part of its users' addresses, where it is another than that of `uri`.
        uris: where it is over a transport, where that is another place than `uri`.
        transports: how it takes SIP; the first is what scenarios use that say nothing else.
        accounts: users that we may be; none for a phone that is called directly.
        extensions: number, or whole URI, by what is behind it.
        abilities: what it can do beside that.
        limits: what it is known not to do.
        ca_file: certificates that its own is checked with; None for those of the system.
        phone: settings of our phones at this peer, as `stage.phone` takes them.
        recordings: folder in which its recordings appear; None where we cannot look there.
    """

    name: str
    title: str
    uri: str = ""
    domain: str | None = None
    uris: Mapping[SipTransport, str] = field(default_factory=dict)
    transports: tuple[SipTransport, ...] = ("udp",)
    accounts: tuple[PeerAccount, ...] = ()
    extensions: Mapping[Extension, str] = field(default_factory=dict)
    abilities: frozenset[Need] = frozenset()
    limits: tuple[Limit, ...] = ()
    ca_file: Path | None = None
    phone: Mapping[str, Any] = field(default_factory=dict)
    recordings: Path | None = None

    @property
    def offers(self) -> frozenset[Need]:
        """All that scenarios may need of it, and have."""
        users: tuple[Need, ...] = ("account", "second_account", "third_account")
        own: tuple[Need, ...] = () if self.recordings is None else ("recordings",)
        return self.abilities | {*self.extensions, *self.transports, *users[: len(self.accounts)], *own}

    def lacks(self, scenario: Demanding) -> str:
        """Why `scenario` is skipped, and what the user can do about it; empty where it can be run."""
        missing = sorted(scenario.needs - self.offers)
        if not missing:
            return ""
        what = " and ".join(DESCRIPTIONS[need] for need in missing)
        return f"needs {what}: {' '.join(dict.fromkeys(remedy(need) for need in missing))}"

    def limit_of(self, scenario: Demanding) -> Limit | None:
        """The first limit that `scenario` runs into."""
        return next((each for each in self.limits if each.holds_for(scenario.id)), None)

    def server(self, transport: SipTransport) -> str:
        """URI of the server over `transport`."""
        return self.uris.get(transport, self.uri)

    @property
    def home(self) -> str:
        """Host part, with the port where that is none of the usual, of its users' addresses."""
        if self.domain is not None:
            return self.domain
        parts = split_sip_uri(self.uri)
        host = f"[{parts.host}]" if ":" in parts.host else parts.host
        return host if parts.port is None else f"{host}:{parts.port}"

    def address(self, user: str) -> str:
        """Address of record of a user."""
        return f"{'sips' if split_sip_uri(self.uri).secure else 'sip'}:{user}@{self.home}"

    def extension(self, need: Extension) -> str:
        """URI of what is behind an extension; KeyError where the peer has none."""
        number = self.extensions[need]
        return number if number.lower().startswith(("sip:", "sips:")) else self.address(number)

    def check(self) -> None:
        """ValueError where an address is none, or an extension is no extension."""
        for uri in (self.uri, *self.uris.values()):
            if uri:
                split_sip_uri(uri)
        for need in self.extensions:
            if need not in EXTENSIONS:
                raise ValueError(f"{need!r} is no extension; known are {', '.join(EXTENSIONS)}")
