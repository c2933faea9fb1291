"""The location service: which bindings each user has (core; RFC 3261 §10.3)."""

from __future__ import annotations

from collections.abc import Iterable

from ua.pbx.binding import Binding
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import Hop


class LocationService:
    """Bindings by user; those that are over are not given out."""

    def __init__(self) -> None:
        self._bindings: dict[str, tuple[Binding, ...]] = {}

    def bindings(self, user: str, now: float) -> tuple[Binding, ...]:
        """All bindings of a user, oldest first."""
        alive = tuple(each for each in self._bindings.get(user, ()) if each.expires_at > now)
        self.replace(user, alive)
        return alive

    def replace(self, user: str, bindings: Iterable[Binding]) -> None:
        """These are the bindings of a user from now on."""
        kept = tuple(bindings)
        if kept:
            self._bindings[user] = kept
        else:
            self._bindings.pop(user, None)

    def targets(self, user: str, now: float) -> tuple[Binding, ...]:
        """Where a call for a user may go: by q, the newest first (RFC 3261 §16.6, RFC 5626 §7)."""
        callable_ones = (each for each in self.bindings(user, now) if each.contact.uri.is_sip)
        return tuple(sorted(callable_ones, key=lambda each: (-each.preference, -each.updated_at)))

    def flow_to(self, uri: Uri, now: float) -> Hop | None:
        """The flow behind a Contact that was registered over it (RFC 5626 §5.3), None without one.

        Host, port and user count: the phone says the same in the calls that it makes. They belong to the user
        who registered them first, for as long as that one is here; of several flows the newest is taken.
        """
        wanted = _place(uri)
        for bindings in self._bindings.values():
            flows = [
                each
                for each in bindings
                if each.flow is not None and each.expires_at > now and _place(each.contact.uri) == wanted
            ]
            if flows:
                return max(flows, key=lambda each: each.updated_at).flow
        return None

    def lose(self, flow: Hop) -> tuple[str, ...]:
        """A flow is gone, and what was bound to it (RFC 5626 §5.3); gives the users."""
        hit: list[str] = []
        for user, bindings in list(self._bindings.items()):
            kept = tuple(each for each in bindings if each.flow != flow)
            if len(kept) != len(bindings):
                hit.append(user)
                self.replace(user, kept)
        return tuple(hit)

    def users(self, now: float) -> tuple[str, ...]:
        """Who is registered."""
        return tuple(user for user in list(self._bindings) if self.bindings(user, now))


def _place(uri: Uri) -> tuple[str | None, str, int | None]:
    return uri.user, uri.host.lower(), uri.port
