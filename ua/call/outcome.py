"""What became of a call: its figures, what happened in it, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ua.call.media_leg import MediaLeg
from ua.call.path_figures import traffic
from ua.errors import MediaOneWay, UaError
from ua.events import EventLog, LogEntry, Source, plain
from ua.results import CallEvent, CallResult, PathChange

ONE_WAY_PACKETS = 25
"""Half a second of media sent without one packet coming back is a one-way call."""


class CallLog(EventLog):
    """The log as one call writes it: all of it goes on, and what the result of the call tells is kept.

    Args:
        log: where it goes on to.

    Attributes:
        kept: what the result tells.
    """

    KEPT: Final = frozenset(
        {
            "audio",
            "auto_answered",
            "digit",
            "digits_sent",
            "hold",
            "offer_retried",
            "sending",
            "stream_removed",
            "transfer",
        }
    )
    MOST: Final = 1000
    """Entries that are kept, whatever the other side does."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log
        self.kept: list[LogEntry] = []

    def record(self, at: float, party: str, source: Source, name: str, /, **data: object) -> None:
        """Append an entry."""
        self._log.record(at, party, source, name, **data)
        if source == "call" and name in self.KEPT and len(self.kept) < self.MOST:
            self.kept.append(LogEntry(at=at, party=party, source=source, name=name, data=plain(data)))

    def record_event(self, party: str, source: Source, event: object) -> None:
        """Append an event dataclass."""
        self._log.record_event(party, source, event)

    @property
    def has_readers(self) -> bool:
        """As the log."""
        return self._log.has_readers

    @property
    def entries(self) -> tuple[LogEntry, ...]:
        """What the log holds."""
        return self._log.entries

    def subscribe(self, subscriber: Callable[[LogEntry], None]) -> Callable[[], None]:
        """Call `subscriber` for each new entry of the log; the returned function ends that."""
        return self._log.subscribe(subscriber)


@dataclass(slots=True, kw_only=True)
class Times:
    """When a call came to what, monotonic seconds.

    Attributes:
        invited: the INVITE.
        answered: its 200.
        ended: the end of the signalling.
    """

    invited: float | None = None
    answered: float | None = None
    ended: float | None = None

    def since_invite(self, at: float | None) -> float | None:
        """`at` in ms after the INVITE; None where one of the two never was."""
        return None if at is None or self.invited is None else (at - self.invited) * 1000

    @property
    def duration_ms(self) -> float | None:
        """From the answer to the end."""
        if self.answered is None or self.ended is None:
            return None
        return (self.ended - self.answered) * 1000


def media_fault(media: MediaLeg | None) -> UaError | None:
    """What was wrong with the media of a call that has ended as it should."""
    return one_way(media) or (None if media is None else media.sending.fault)


def one_way(media: MediaLeg | None) -> UaError | None:
    """The error of a call that talked into the void."""
    figures = None if media is None else media.statistics
    if figures is None or media is None:
        return None
    direction = media.descriptions.direction
    both = direction.sends and direction.receives
    if both and figures.sent.packets >= ONE_WAY_PACKETS and not figures.received.packets:
        refused = ", ".join(f"{count} {reason}" for reason, count in figures.refused.items())
        return MediaOneWay(
            f"{figures.sent.packets} RTP packets were sent and none was accepted",
            seen=f"refused packets: {refused}" if refused else "no packet arrived",
            hint="a firewall or NAT may let packets through in one direction only",
        )
    return None


def make_result(
    media: MediaLeg | None,
    times: Times,
    error: UaError | None,
    *,
    party: str,
    call_id: str,
    remote: str,
    entries: Sequence[LogEntry] = (),
) -> CallResult:
    """The result of a call that is over; `entries` of the log become its events."""
    figures = None if media is None else media.statistics
    changes: tuple[PathChange, ...] = ()
    if media is not None and times.invited is not None and times.ended is not None:
        # What happens while both sides let go of the path is no change of it.
        changes = media.path_changes(times.invited, times.ended)
    base = CallResult() if error is None else CallResult.failed(error)
    return CallResult(
        result=base.result,
        error=base.error,
        sip_code=base.sip_code,
        party=party,
        call_id=call_id or None,
        remote=remote,
        setup_ms=times.since_invite(times.answered),
        media_ms=None if figures is None else times.since_invite(figures.first_received_at),
        duration_ms=times.duration_ms,
        ice=None if media is None else media.ice_summary(),
        transport=None if media is None else media.transport,
        codec=None if media is None else media.codec,
        srtp=None if media is None else media.srtp,
        sent=None if figures is None else traffic(figures.sent),
        received=None if figures is None else traffic(figures.received),
        delay_p50_ms=None if figures is None or figures.delay_ms is None else figures.delay_ms.p50,
        delay_p99_ms=None if figures is None or figures.delay_ms is None else figures.delay_ms.p99,
        mos=None if figures is None else figures.mos,
        peer_mos=None if figures is None else figures.peer_mos,
        path_changes=changes,
        events=tuple(
            CallEvent(at_ms=times.since_invite(entry.at) or 0.0, name=entry.name, data=entry.data)
            for entry in entries
        ),
        why="" if media is None else media.why,
    )
