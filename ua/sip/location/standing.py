"""Servers that had better be left alone for a while (core; RFC 3261 §20.33, §21.5.4; RFC 3263 §4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ice.types import TransportAddress
from ua.sip.errors import SipUnreachable
from ua.sip.location.target import Target

FAILED_S: Final = 30.0
"""Seconds for which a server that did not answer is tried after the others."""

MAX_SHUT_S: Final = 3600.0
"""A longer Retry-After is cut: nobody can shut us off for days."""

_MAX_KNOWN: Final = 512

_Key = tuple[str, TransportAddress]


class Standing:
    """What is known of servers; times are monotonic seconds."""

    def __init__(self) -> None:
        self._shut: dict[_Key, float] = {}
        self._failed: dict[_Key, float] = {}
        self._answered: dict[str, Target] = {}

    def shut(self, target: Target, seconds: float, now: float) -> None:
        """The server asked with Retry-After not to be sent anything new for `seconds`."""
        if seconds > 0:
            _note(self._shut, target, now + min(seconds, MAX_SHUT_S), now)

    def failed(self, target: Target, now: float) -> None:
        """The server did not answer, or could not be reached."""
        _note(self._failed, target, now + FAILED_S, now)

    def answered(self, target: Target, call_id: str = "") -> None:
        """The server is alive, and has answered a request with this Call-ID."""
        self._failed.pop(_key(target), None)
        if call_id:
            self._answered.pop(call_id, None)
            if len(self._answered) >= _MAX_KNOWN:
                del self._answered[next(iter(self._answered))]
            self._answered[call_id] = target

    def in_order(
        self, targets: Sequence[Target], now: float, *, new: bool = True, call_id: str = ""
    ) -> tuple[Target, ...]:
        """The targets to try: those that failed lately come last, those that are shut not at all.

        Args:
            targets: best first.
            now: the time.
            new: False for a request within a dialog, which goes to servers that are shut as well.
            call_id: the server that answered a request with it comes first unless it failed: it may know
                a nonce, a registration, a dialog (RFC 3261 §10.2.6).

        Raises:
            SipUnreachable: all of them asked not to be sent anything.
        """
        open_ = [each for each in targets if not new or self._shut.get(_key(each), now) <= now]
        if targets and not open_:
            seconds = min(self._shut[_key(each)] for each in targets) - now
            names = ", ".join(str(each) for each in targets)
            raise SipUnreachable(f"{names}: not before {seconds:.0f} s from now, said the server")
        prefer = self._answered.get(call_id)
        return tuple(
            sorted(open_, key=lambda each: (self._failed.get(_key(each), now) > now, each != prefer))
        )


def _key(target: Target) -> _Key:
    return target.transport, target.address


def _note(known: dict[_Key, float], target: Target, until: float, now: float) -> None:
    for key in [key for key, end in known.items() if end <= now]:
        del known[key]
    if len(known) >= _MAX_KNOWN:
        del known[min(known, key=lambda each: known[each])]
    known[_key(target)] = until
