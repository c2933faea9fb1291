"""Permissions of one allocation, by peer IP address (RFC 8656 §9): a table that sends nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ice.types import TransportAddress

LIFETIME_S = 300.0
"""RFC 8656 §9: exactly."""

REFRESH_S = 240.0
"""Seconds after which a permission that is in use is asked for again."""

REFUSED_S = 60.0
"""Seconds for which a refused permission is not asked for again."""

MAX_HOSTS = 64
MAX_HELD = 8
"""Datagrams per host that wait for the permission; ICE sends its checks again."""


@dataclass(slots=True, kw_only=True)
class Permission:
    """What stands for one host.

    Attributes:
        host: IP literal.
        asked: True while a request for it is on its way.
        expires_at: until when it stands; None before the first success.
        refresh_at: when to ask again, if it was used.
        refused_until: until when nothing is asked; None where it was not refused.
        used_at: when data went to or came from the host.
        kept: asked for again whether it is used or not.
        held: datagrams that wait for it, oldest first.
    """

    host: str
    asked: bool = False
    expires_at: float | None = None
    refresh_at: float | None = None
    refused_until: float | None = None
    used_at: float
    kept: bool = False
    held: deque[tuple[bytes, TransportAddress]] = field(default_factory=deque)

    def stands(self, now: float) -> bool:
        """True where the server passes data on."""
        return self.expires_at is not None and now < self.expires_at

    def admits(self, now: float) -> bool:
        """True where data of the host may come: the first success may be overtaken by it."""
        return self.stands(now) or (self.asked and self.expires_at is None)

    def refused(self, now: float) -> bool:
        """True where the server does not want it, for now."""
        return self.refused_until is not None and now < self.refused_until

    def wanting(self, now: float) -> bool:
        """True where it is worth asking for: it does not stand, is not asked for and was not refused."""
        return not (self.asked or self.stands(now) or self.refused(now))

    def hold(self, data: bytes, peer: TransportAddress) -> bool:
        """Keep a datagram; False where an older one was dropped for it."""
        self.held.append((data, peer))
        if len(self.held) <= MAX_HELD:
            return True
        self.held.popleft()
        return False

    def granted(self, now: float) -> list[tuple[bytes, TransportAddress]]:
        """It stands from now on; returns what waited for it."""
        self.asked = False
        self.refused_until = None
        self.expires_at = now + LIFETIME_S
        self.refresh_at = now + REFRESH_S
        waited = list(self.held)
        self.held.clear()
        return waited

    def refuse(self, now: float) -> None:
        """The server does not want it; what waited is dropped."""
        self.asked = False
        self.expires_at = self.refresh_at = None
        self.refused_until = now + REFUSED_S
        self.held.clear()

    def next_timer(self) -> float | None:
        """When it is to be refreshed or forgotten."""
        if self.asked:
            return None
        times = (self.refresh_at, self.expires_at, self.refused_until)
        return min((at for at in times if at is not None), default=None)


class Permissions:
    """The table."""

    def __init__(self) -> None:
        self._hosts: dict[str, Permission] = {}

    def get(self, host: str) -> Permission | None:
        """The entry of a host."""
        return self._hosts.get(host)

    def add(self, host: str, now: float) -> Permission | None:
        """The entry of a host, made where there is none; None where the table is full."""
        found = self._hosts.get(host)
        if found is None and len(self._hosts) < MAX_HOSTS:
            found = self._hosts[host] = Permission(host=host, used_at=now)
        return found

    def due(self, now: float) -> list[Permission]:
        """Entries in use, to be asked for again; takes out what lapsed or was refused long ago."""
        found: list[Permission] = []
        for entry in tuple(self._hosts.values()):
            at = entry.next_timer()
            if at is None or now < at:
                continue
            refreshing = entry.refresh_at is not None and entry.refused_until is None and entry.stands(now)
            if not refreshing:
                del self._hosts[entry.host]
            elif entry.kept or (
                entry.expires_at is not None and entry.used_at > entry.expires_at - LIFETIME_S
            ):
                found.append(entry)
            else:
                # Nobody needs it: it lapses.
                entry.refresh_at = None
        return found

    @property
    def next_timer(self) -> float | None:
        """When `due` has something to do."""
        times = (entry.next_timer() for entry in self._hosts.values())
        return min((at for at in times if at is not None), default=None)
