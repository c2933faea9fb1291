"""What one phone saw of its last call, sorted out of the event log."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ua.events import LogEntry, Source
from ua.interop.diagnosis import values
from ua.interop.diagnosis.session import Session
from ua.interop.diagnosis.sip_message import SipMessage


@dataclass(frozen=True, kw_only=True)
class Story:
    """The entries of one phone, those of its last call for what belongs to calls.

    Attributes:
        entries: in order of time.
        all_entries: those of its calls before, too.
    """

    entries: tuple[LogEntry, ...]
    all_entries: tuple[LogEntry, ...]

    @classmethod
    def of(cls, entries: Sequence[LogEntry], party: str) -> Story:
        """The story of `party`."""
        own = tuple(sorted((each for each in entries if each.party == party), key=lambda each: each.at))
        begin = 0
        ended = False
        for index, entry in enumerate(own):
            if (entry.source, entry.name) != ("call", "state"):
                continue
            state = entry.data.get("state")
            if ended and state not in ("ended", "ending"):
                begin, ended = index, False
            ended = ended or state == "ended"
        return cls(entries=own[begin:], all_entries=own)

    # --- what there is ------------------------------------------------------------------------------------

    def of_kind(self, source: Source, *names: str) -> tuple[LogEntry, ...]:
        """Its entries of a source with one of these names."""
        return tuple(each for each in self.entries if each.source == source and each.name in names)

    @functools.cached_property
    def messages(self) -> tuple[SipMessage, ...]:
        """All SIP messages, of earlier calls too: registrations are among them."""
        return tuple(
            SipMessage.read(each)
            for each in self.all_entries
            if (each.source, each.name) == ("sip", "message")
        )

    @functools.cached_property
    def invite(self) -> SipMessage | None:
        """The INVITE that began the last call: the first one of its Call-ID."""
        last = next((each for each in reversed(self.messages) if _is_invite(each)), None)
        if last is None:
            return None
        same = (each for each in self.messages if _is_invite(each) and each.call_id == last.call_id)
        return next(same, None)

    @functools.cached_property
    def dialog(self) -> tuple[SipMessage, ...]:
        """The messages of the last call."""
        if self.invite is None:
            return ()
        return tuple(each for each in self.messages if each.call_id == self.invite.call_id)

    @functools.cached_property
    def zero(self) -> float:
        """What times count from: the INVITE, or the first entry."""
        if self.invite is not None:
            return self.invite.at
        return self.entries[0].at if self.entries else 0.0

    @functools.cached_property
    def end(self) -> float:
        """Time of the last entry."""
        return self.entries[-1].at if self.entries else 0.0

    def ms(self, at: float) -> str:
        """A time, for people."""
        if at <= self.zero:
            return "at the start"
        after = "after the INVITE" if self.invite is not None else "after the start"
        return f"{(at - self.zero) * 1000:.0f} ms {after}"

    def shown(self, message: SipMessage) -> str:
        """A message as the `where` of a failure."""
        return f"{message.title}, {'sent' if message.sent else 'received'} {self.ms(message.at)}"

    # --- descriptions -------------------------------------------------------------------------------------

    @functools.cached_property
    def exchanges(self) -> tuple[tuple[Session, Session], ...]:
        """Offers with their answers."""
        found: list[tuple[Session, Session]] = []
        offer: Session | None = None
        for entry in self.of_kind("sdp", "offer", "answer"):
            session = Session.read(entry)
            if entry.name == "offer":
                offer = session
            elif offer is not None:
                found.append((offer, session))
                offer = None
        return tuple(found)

    @functools.cached_property
    def theirs(self) -> Session | None:
        """The last description of the peer that is part of an exchange."""
        for pair in reversed(self.exchanges):
            for session in pair:
                if not session.sent:
                    return session
        return None

    @functools.cached_property
    def ours(self) -> Session | None:
        """The last description of ours that is part of an exchange."""
        for pair in reversed(self.exchanges):
            for session in pair:
                if session.sent:
                    return session
        return None

    # --- how it went --------------------------------------------------------------------------------------

    @functools.cached_property
    def media(self) -> Mapping[str, Any] | None:
        """What media began with, None where it did not."""
        found = self.of_kind("call", "media")
        return found[-1].data if found else None

    @functools.cached_property
    def counters(self) -> tuple[LogEntry, ...]:
        """The counters of media."""
        return self.of_kind("media", "media_counters")

    @functools.cached_property
    def last_counters(self) -> Mapping[str, Any]:
        """The last of them; empty before there are some."""
        return self.counters[-1].data if self.counters else {}

    @property
    def sent(self) -> int:
        """RTP packets sent."""
        return values.count(self.last_counters, "sent_packets")

    @property
    def received(self) -> int:
        """RTP packets accepted."""
        return values.count(self.last_counters, "received_packets")

    def refused(self, start: str) -> tuple[str, int, float] | None:
        """Reason, number and first time of packets refused for a reason that begins like this."""
        first = next(
            (
                each
                for each in self.of_kind("media", "media_refused")
                if values.text(each.data, "reason").startswith(start)
            ),
            None,
        )
        if first is None:
            return None
        reason = values.text(first.data, "reason")
        return reason, max(1, values.count(values.mapping(self.last_counters, "refused"), reason)), first.at

    @functools.cached_property
    def reports(self) -> tuple[LogEntry, ...]:
        """RTCP reports of the peer."""
        return self.of_kind("media", "report_received")

    @functools.cached_property
    def reasons(self) -> tuple[str, ...]:
        """All that entries give as a reason, of SIP and of the call."""
        return tuple(
            values.text(each.data, "reason") for each in self.all_entries if each.source in ("sip", "call")
        )

    @property
    def stood(self) -> bool:
        """True where the call was established."""
        return any(values.text(each.data, "state") == "established" for each in self.of_kind("call", "state"))


def _is_invite(message: SipMessage) -> bool:
    return message.is_request and message.method == "INVITE"
