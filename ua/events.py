"""The one event log: everything that happens in a call, in order, from all layers.

Screen, JSON lines and report are views of this log; nothing prints on its own.

Sources and names:

=======  ==================================================================================================
source   names
=======  ==================================================================================================
call     state (data: state, reason), ringback (state: on, off: play a ringing tone), hold (state: who holds),
         muted (muted), offer_retried (offered, next, reason), auto_answered,
         digits_sent (keys, way, problem),
         media (data: negotiated codec, ptime_ms, transport), verdict, digit (key, duration_ms, way),
         sending (stopped, cause, reason: a circuit breaker has cut our media, or it is sent again),
         transfer (state, target, status, reason),
         audio_heard (level_dbfs, tone_share, law: what a scenario heard in place of what it expected)
sip      message (direction, transport, local, remote, size, text), refused (reason, remote), transaction,
         connection (state, remote), registration (state, contact, expires_s, reason),
         bindings (user, contacts, status, reason: at a PBX),
         subscription (package, state, content, reason), text (sender, text, call_id),
         counters (counters: how often what happened, keep-alives too; comes when the phone is closed)
tcp      the snake_case names of the classes in `sdp.tcp.events` with their fields: media over TCP without ICE
sdp      offer, answer (direction, text), refused (line, reason)
ice      the snake_case names of the classes in `ice.messages` with their fields, gathering_problem (reason)
media    the snake_case names of the classes in `media.events`; media_counters comes every 200 ms
=======  ==================================================================================================
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Source = Literal["call", "sip", "sdp", "ice", "tcp", "media"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of the log.

    Attributes:
        at: monotonic seconds (of the event loop).
        party: who saw it, e.g. "alice"; tells the two phones of the demo apart.
        source: layer.
        name: what happened, see the module's table.
        data: plain JSON values.
    """

    at: float
    party: str
    source: Source
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)


def plain(value: object) -> Any:
    """The JSON form of a frozen dataclass, enum, mapping or sequence; passwords are left out."""
    kind: Any = type(value)
    if value is None or kind in _PLAIN:
        return value
    names = _shown(kind)
    if names is not None:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


_PLAIN: Final = frozenset({str, int, float, bool})


@functools.cache
def _shown(kind: type) -> tuple[str, ...] | None:
    """Which fields of a dataclass are shown; None for what is none."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind) if field.repr and field.name != "at")


@functools.cache
def snake_case(name: str) -> str:
    """`PathSelected` becomes `path_selected`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


KEEP_BYTES: Final = 64 << 20
"""A call writes some 100 kB a minute: hours of it fit, and a flood of messages does not fill the memory."""

_ENTRY_BYTES: Final = 500
"""What an entry takes beside its texts, about."""


class EventLog:
    """A log in memory with subscribers; beyond a limit it forgets the oldest entries.

    Args:
        keep_bytes: about so much is kept; 0 keeps nothing, subscribers hear of everything all the same.

    Attributes:
        forgotten: entries that are not kept any more.
    """

    def __init__(self, *, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._entries: deque[LogEntry] = deque()
        self._bytes = 0
        self._subscribers: list[Callable[[LogEntry], None]] = []
        self.forgotten = 0

    @property
    def entries(self) -> tuple[LogEntry, ...]:
        """All entries that are kept, oldest first."""
        return tuple(self._entries)

    def subscribe(self, subscriber: Callable[[LogEntry], None]) -> Callable[[], None]:
        """Call `subscriber` for each new entry; the returned function ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def record(self, at: float, party: str, source: Source, name: str, /, **data: object) -> None:
        """Append an entry."""
        if self.has_readers:
            self._append(LogEntry(at=at, party=party, source=source, name=name, data=plain(data)))

    def record_event(self, party: str, source: Source, event: object) -> None:
        """Append an event dataclass that holds `at`, under the snake_case name of its class."""
        if self.has_readers:
            at: float = getattr(event, "at", 0.0)
            name = snake_case(type(event).__name__)
            self._append(LogEntry(at=at, party=party, source=source, name=name, data=plain(event)))

    @property
    def has_readers(self) -> bool:
        """False where nothing is kept and nobody listens: what is recorded is lost."""
        return self._keep_bytes > 0 or bool(self._subscribers)

    def _append(self, entry: LogEntry) -> None:
        self._entries.append(entry)
        self._bytes += _size(entry)
        while self._bytes > self._keep_bytes and self._entries:
            self._bytes -= _size(self._entries.popleft())
            self.forgotten += 1
        for subscriber in tuple(self._subscribers):
            subscriber(entry)


def _size(entry: LogEntry) -> int:
    return _ENTRY_BYTES + sum(len(value) for value in entry.data.values() if isinstance(value, str))
