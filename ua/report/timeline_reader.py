"""Reads the candidate-pair timeline from the event log."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ua.events import LogEntry
from ua.report.timeline import STOPPED, Kind, Mark, Milestone, Row, Span, Timeline
from ua.view.events import is_message, message_text


@dataclass(slots=True)
class _Track:
    """A row while the log is read."""

    party: str
    pair: dict[str, Any]
    added_ms: float
    marks: list[Mark] = field(default_factory=list)
    changes: list[tuple[float, str, str]] = field(default_factory=list)
    selected_from: float | None = None
    selected_reason: str = ""
    selected: list[Span] = field(default_factory=list)
    sent: int = 0
    answered: int = 0
    nominated: bool = False

    def has_address(self, side: str, address: object) -> bool:
        return bool(self.pair[side].get("address") == address)


def address_text(address: object) -> str:
    """The JSON form of an address as "host:port"."""
    if not isinstance(address, Mapping):
        return "?"
    host, port = str(address.get("host", "?")), address.get("port", "?")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def time_zero(entries: Sequence[LogEntry]) -> float:
    """Monotonic seconds of the first INVITE sent, else received, else of the first entry."""
    for entry in entries:
        if is_message(entry) and message_text(entry).startswith("INVITE "):
            return entry.at
    return entries[0].at if entries else 0.0


def build_timeline(entries: Sequence[LogEntry], milestones: Iterable[Milestone] = ()) -> Timeline:
    """Read the log."""
    return _Builder(time_zero(entries)).build(entries, milestones)


class _Builder:
    """Reads entries one by one; each ICE event has its method."""

    def __init__(self, zero: float) -> None:
        self._zero = zero
        self._tracks: dict[tuple[str, int], _Track] = {}
        self._selected: dict[tuple[str, int], _Track] = {}
        self._over = False
        self._early: list[tuple[str, float, Mapping[str, Any]]] = []
        self._last_ms = 0.0

    def build(self, entries: Sequence[LogEntry], milestones: Iterable[Milestone]) -> Timeline:
        marks = [*milestones, *_sip_milestones(entries, self._zero)]
        for entry in entries:
            self._take(entry)
        # Room after the last event, so that one sees what goes on.
        last_ms = max([self._last_ms, *(mark.at_ms for mark in marks)], default=0.0)
        end_ms = last_ms + min(max(10.0, 0.16 * last_ms), 400.0)
        rows = [self._row(track, end_ms) for track in self._tracks.values()]
        # The caller is the first who had anything to tell.
        parties = list(dict.fromkeys(entry.party for entry in entries))
        rows.sort(key=lambda row: (parties.index(row.party), row.component, -row.priority, row.pair_id))
        untried = {party: sum(1 for row in rows if row.party == party and not row.tried) for party in parties}
        return Timeline(
            rows=tuple(row for row in rows if row.tried),
            untried={party: count for party, count in untried.items() if count},
            milestones=tuple(sorted(marks, key=lambda mark: mark.at_ms)),
            end_ms=end_ms,
        )

    def _take(self, entry: LogEntry) -> None:
        # What is torn down after hanging up, at either end, says nothing about the search for a path.
        self._over = self._over or _ends_call(entry)
        if entry.source != "ice" or self._over:
            return
        at_ms = (entry.at - self._zero) * 1000
        handler = getattr(self, f"_on_{entry.name}", None)
        if handler is not None:
            handler(entry.party, at_ms, entry.data)

    def _seen(self, at_ms: float) -> None:
        self._last_ms = max(self._last_ms, at_ms)

    def _track(self, party: str, pair_id: object) -> _Track | None:
        return self._tracks.get((party, pair_id)) if isinstance(pair_id, int) else None

    def _on_pair_added(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        pair = dict(data["pair"])
        track = _Track(party=party, pair=pair, added_ms=at_ms)
        track.changes.append((at_ms, str(pair.get("state", "frozen")), ""))
        self._tracks[party, int(pair["id"])] = track
        # The check that taught us a peer-reflexive pair comes just before the pair.
        early, self._early = self._early, []
        for asker, when, check in early:
            if asker == party:
                self._on_check_received(party, when, check)

    def _on_pair_state_changed(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        track = self._track(party, data.get("pair_id"))
        if track is None:
            return
        state, reason = str(data.get("state", "")), str(data.get("reason", ""))
        if reason and state in ("frozen", "waiting", "in-progress"):
            # The agent gives a reason for these only where it stops checking: the path is found elsewhere.
            if track.sent and not track.answered:
                text = f"given up without an answer: {reason}"
                track.marks.append(Mark(at_ms=at_ms, kind="stopped", text=text))
            state = STOPPED
        before = track.changes[-1][1]
        track.changes.append((at_ms, state, reason))
        if state == "failed" and before != "failed":
            track.marks.append(
                Mark(at_ms=at_ms, kind="failed", text=f"failed: {reason}" if reason else "failed")
            )
            if track.sent or "cancel" not in reason:
                self._seen(at_ms)

    def _on_check_sent(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        track = self._track(party, data.get("pair_id"))
        if track is None:
            return
        track.sent += 1
        transmission = int(data.get("transmission", 1))
        if data.get("nominating"):
            mark = Mark(at_ms=at_ms, kind="nominating", text="check with USE-CANDIDATE sent")
        elif transmission > 1:
            mark = Mark(at_ms=at_ms, kind="again", text=f"check sent again, transmission {transmission}")
        else:
            mark = Mark(at_ms=at_ms, kind="check", text="check sent")
        track.marks.append(mark)
        self._seen(at_ms)

    def _on_check_answered(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        track = self._track(party, data.get("pair_id"))
        if track is not None:
            track.answered += 1
            rtt = data.get("rtt_ms")
            text = f"answered, {rtt:.2f} ms round trip" if isinstance(rtt, int | float) else "answered"
            track.marks.append(Mark(at_ms=at_ms, kind="answer", text=text))
            self._seen(at_ms)

    def _on_check_received(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        found = [
            track
            for track in self._tracks.values()
            if track.party == party
            and track.has_address("remote", data.get("remote"))
            and track.pair.get("component") == data.get("component")
        ]
        # Of several local addresses the log does not say which one it was: no guess. What arrives on a path
        # in use is the peer's question for consent (RFC 7675), which would fill the picture.
        if len(found) == 1 and found[0].selected_from is None:
            wants = " with USE-CANDIDATE" if data.get("use_candidate") else ""
            found[0].marks.append(
                Mark(at_ms=at_ms, kind="received", text=f"check of the peer{wants} received")
            )
            self._seen(at_ms)
        elif not found:
            self._early = [*self._early[-8:], (party, at_ms, data)]

    def _on_pair_nominated(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        track = self._track(party, data.get("pair_id"))
        if track is not None and not track.nominated:
            track.nominated = True
            track.marks.append(Mark(at_ms=at_ms, kind="nominated", text="nominated"))
            self._seen(at_ms)

    def _on_path_selected(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        component = int(data.get("component", 1))
        self._end_selection(party, component, at_ms)
        pair = data.get("pair") or {}
        track = self._track(party, pair.get("id"))
        if track is not None:
            # The pair as it is now: a valid TCP pair knows its real port.
            track.pair.update(pair)
            track.selected_from, track.selected_reason = at_ms, str(data.get("reason", ""))
            self._selected[party, component] = track
            self._seen(at_ms)

    def _on_path_lost(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        track = self._end_selection(party, int(data.get("component", 1)), at_ms)
        if track is not None:
            reason = str(data.get("reason", ""))
            track.marks.append(Mark(at_ms=at_ms, kind="failed", text=f"path lost: {reason}"))
            self._seen(at_ms)

    def _end_selection(self, party: str, component: int, at_ms: float) -> _Track | None:
        track = self._selected.pop((party, component), None)
        if track is not None and track.selected_from is not None:
            track.selected.append(
                Span(
                    start_ms=track.selected_from, end_ms=at_ms, state="selected", reason=track.selected_reason
                )
            )
            track.selected_from = None
        return track

    def _on_flow_opening(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        for track in self._dialled(party, data.get("remote")):
            track.marks.append(Mark(at_ms=at_ms, kind="dial", text="TCP connection dialled"))
            self._seen(at_ms)

    def _on_flow_opened(self, party: str, at_ms: float, data: Mapping[str, Any]) -> None:
        if not data.get("accepted"):
            for track in self._dialled(party, data.get("remote")):
                track.marks.append(Mark(at_ms=at_ms, kind="connected", text="TCP connection established"))
                self._seen(at_ms)

    def _dialled(self, party: str, remote: object) -> list[_Track]:
        """Pairs that use a connection which we dialled to `remote`."""
        return [
            track
            for track in self._tracks.values()
            if track.party == party
            and track.pair["local"].get("tcptype") in ("active", "so")
            and track.has_address("remote", remote)
        ]

    def _row(self, track: _Track, end_ms: float) -> Row:
        pair = track.pair
        carries = track.selected_from is not None
        if track.selected_from is not None:
            track.selected.append(
                Span(
                    start_ms=track.selected_from,
                    end_ms=end_ms,
                    state="selected",
                    reason=track.selected_reason,
                )
            )
        moments = [*track.changes, (max(end_ms, track.changes[-1][0]), "", "")]
        states = tuple(
            Span(start_ms=start, end_ms=end, state=state, reason=reason)
            for (start, state, reason), (end, _, _) in itertools.pairwise(moments)
        )
        local, remote = pair["local"], pair["remote"]
        transport = str(local.get("transport", "?"))
        kind: Kind = "tcp" if transport == "tcp" else "udp"
        if "relay" in (local.get("type"), remote.get("type")):
            kind = "relay"
        tcptype = f" {local['tcptype']}" if local.get("tcptype") else ""
        return Row(
            party=track.party,
            pair_id=int(pair["id"]),
            component=int(pair.get("component", 1)),
            kind=kind,
            title=f"{transport.upper()}{tcptype}, {local.get('type')} to {remote.get('type')}",
            local=_placeholder(local),
            remote=_placeholder(remote),
            priority=int(pair.get("priority", 0)),
            marks=tuple(track.marks),
            states=states,
            selected=tuple(track.selected),
            outcome=_outcome(track, states[-1], carries),
        )


def _ends_call(entry: LogEntry) -> bool:
    if is_message(entry):
        return message_text(entry).startswith("BYE ")
    return (entry.source, entry.name) == ("call", "state") and entry.data.get("state") in ("ending", "ended")


def _placeholder(candidate: Mapping[str, Any]) -> str:
    """The address of a candidate; the port of an active one means nothing until it is connected."""
    address = candidate.get("address")
    if (
        candidate.get("tcptype") == "active"
        and isinstance(address, Mapping)
        and address.get("port") in (0, 9)
    ):
        return f"{address.get('host')}, any port"
    return address_text(address)


def _outcome(track: _Track, last: Span, carries: bool) -> str:
    checks = (
        f"{track.sent} check{'s' * (track.sent != 1)}, {track.answered} answer{'s' * (track.answered != 1)}"
    )
    if carries:
        return f"carries the media ({checks})"
    if track.selected:
        return f"carried the media ({checks})"
    if last.state == "failed":
        reason = last.reason or "failed"
        return f"{reason} ({checks})" if track.sent and "check" not in reason else reason
    if last.state == "succeeded":
        return f"works, not needed ({checks})"
    if last.state == STOPPED:
        if not track.sent:
            return last.reason
        return f"no answer, given up ({checks})" if not track.answered else f"{last.reason} ({checks})"
    return f"{last.state} ({checks})"


def _sip_milestones(entries: Sequence[LogEntry], zero: float) -> list[Milestone]:
    """First INVITE, ringing, final response of the INVITE, as the first party that logged them saw them."""
    found: dict[str, float] = {}
    for entry in entries:
        if not is_message(entry):
            continue
        text = message_text(entry)
        line = text.split("\n", 1)[0].strip()
        words = line.split(" ", 2)
        name = None
        if line.startswith("INVITE "):
            name = "INVITE"
        elif line.startswith("SIP/2.0 ") and len(words) > 1 and _answers_invite(text):
            name = {"180": "180 Ringing", "183": "183 Progress"}.get(words[1])
            if words[1].isdigit() and 200 <= int(words[1]) < 700 and words[1] not in ("401", "407"):
                name = line.removeprefix("SIP/2.0 ")[:24]
        if name is not None:
            found.setdefault(name, (entry.at - zero) * 1000)
    return [Milestone(at_ms=max(0.0, at_ms), text=name) for name, at_ms in found.items()]


def _answers_invite(text: str) -> bool:
    return any(
        line.lower().startswith("cseq") and line.rstrip().upper().endswith("INVITE")
        for line in text.splitlines()
    )
