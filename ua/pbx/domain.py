"""The domain of the PBX, and the names of its users (core; RFC 3261 §10.3, §19.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from ice.types import TransportAddress
from ua.sip.syntax.grammar import same_host
from ua.sip.syntax.uri import Uri

_DEFAULT_PORTS: Final = {"sip": 5060, "sips": 5061}


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What the PBX answers for.

    Attributes:
        name: its domain; addresses-of-record are written with it.
        addresses: its own addresses and ports, which stand for the domain too.
    """

    name: str
    addresses: tuple[TransportAddress, ...] = ()

    def is_target(self, uri: Uri) -> bool:
        """True where a Request-URI names us: the domain, or one of our addresses with its port."""
        if not uri.is_sip:
            return False
        port = uri.port or _DEFAULT_PORTS[uri.scheme]
        return same_host(uri.host, self.name) or any(
            same_host(uri.host, own.host) and port == own.port for own in self.addresses
        )

    def is_home(self, uri: Uri) -> bool:
        """True where From or To names one of our users: they have no port (RFC 3261 §19.1.1)."""
        hosts = (self.name, *(own.host for own in self.addresses))
        return uri.is_sip and any(same_host(uri.host, host) for host in hosts)

    def identity(self, user: str) -> Uri:
        """The address-of-record of a user."""
        return Uri(user=user, host=self.name)


def user_of(uri: Uri) -> str:
    """The user part without escapes: the canonical form (RFC 3261 §10.3 step 5)."""
    return unquote(uri.user or "", errors="surrogateescape")
