"""The session descriptions of a call side by side, refused lines struck out, candidates in use marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ua.events import LogEntry
from ua.report.markup import Markup, element
from ua.view.events import is_sent, message_text

IN_USE = "carries the media"


@dataclass(slots=True)
class SdpText:
    """One offer or answer with the remarks of both sides on its lines.

    Attributes:
        kind: "offer" or "answer".
        author: party that sent it, or "peer".
        at_ms: ms after the INVITE when it was first logged.
        lines: its lines.
        refused: line number (from 0) and why it was refused.
        remarks: line number (from 0) and a remark.
    """

    kind: str
    author: str
    at_ms: float
    lines: tuple[str, ...]
    refused: dict[int, str] = field(default_factory=dict)
    remarks: dict[int, str] = field(default_factory=dict)


def build_sdps(entries: Sequence[LogEntry], zero: float) -> list[SdpText]:
    """The descriptions in order, each once, however many sides logged it."""
    found: list[SdpText] = []
    latest: dict[str, SdpText] = {}
    waiting: dict[str, list[LogEntry]] = {}
    for entry in entries:
        if entry.source == "sdp" and entry.name in ("offer", "answer"):
            sdp = _sdp(entry, zero, found)
            if not is_sent(entry):
                latest[entry.party] = sdp
                for refusal in waiting.pop(entry.party, []):
                    _refuse(sdp, refusal)
        elif entry.source == "sdp" and entry.name == "refused":
            # A line may be refused before its description is logged as a whole.
            target = latest.get(entry.party)
            if target is None or not _refuse(target, entry):
                waiting.setdefault(entry.party, []).append(entry)
        elif entry.source == "ice" and entry.name == "path_selected":
            pair = entry.data.get("pair") or {}
            for sdp in found:
                _mark_in_use(sdp, pair.get("local" if sdp.author == entry.party else "remote"))
    for sdp in found:
        _mark_refused_media(sdp)
    return found


def _sdp(entry: LogEntry, zero: float, found: list[SdpText]) -> SdpText:
    lines = tuple(message_text(entry).split("\n"))
    sent = is_sent(entry)
    for sdp in found:
        if sdp.lines == lines and sdp.kind == entry.name:
            if sent:
                sdp.author = entry.party
            return sdp
    author = entry.party if sent else "peer"
    found.append(SdpText(kind=entry.name, author=author, at_ms=(entry.at - zero) * 1000, lines=lines))
    return found[-1]


def _refuse(sdp: SdpText, entry: LogEntry) -> bool:
    """Strike a line out, found by its number (from 1) or its text; False where it is not in here."""
    reason = str(entry.data.get("reason", "refused"))
    number, text = entry.data.get("line"), entry.data.get("text")
    if isinstance(number, str):
        number, text = None, number
    if isinstance(number, int) and 0 < number <= len(sdp.lines):
        index = number - 1
        if not isinstance(text, str) or text.strip() in sdp.lines[index]:
            sdp.refused[index] = reason
            return True
    if isinstance(text, str) and text.strip():
        for index, line in enumerate(sdp.lines):
            if text.strip() in line:
                sdp.refused[index] = reason
                return True
    return False


def _mark_in_use(sdp: SdpText, candidate: object) -> None:
    """Marks the lines of a candidate; a peer-reflexive one belongs to the active line of its host."""
    if not isinstance(candidate, dict) or not isinstance(candidate.get("address"), dict):
        return
    host, port = candidate["address"].get("host"), candidate["address"].get("port")
    for number, line in enumerate(sdp.lines):
        match = re.match(r"a=candidate:\S+ (\d+) (\S+) \d+ (\S+) (\d+) typ \S+(.*)", line)
        if (
            match is not None
            and match[1] == str(candidate.get("component"))
            and match[2].lower() == candidate.get("transport")
            and match[3] == host
        ):
            active = candidate.get("tcptype") == "active" and "tcptype active" in match[5]
            if active or match[4] == str(port):
                sdp.remarks[number] = IN_USE


def _mark_refused_media(sdp: SdpText) -> None:
    """An m-line with port 0 is refused with all its attributes (RFC 3264 §6)."""
    refused = False
    for number, line in enumerate(sdp.lines):
        if line.startswith("m="):
            refused = re.match(r"m=\S+ 0 ", line) is not None
            if refused:
                sdp.refused.setdefault(number, "port 0: this stream is refused")
        elif refused:
            sdp.refused.setdefault(number, "")


def sdps_html(sdps: Sequence[SdpText]) -> Markup:
    """The descriptions side by side."""
    if not sdps:
        return element("p", "No session description was logged.", class_="muted")
    return element("div", *(_panel(sdp) for sdp in sdps), class_="sdps")


def _panel(sdp: SdpText) -> Markup:
    rows = []
    for number, line in enumerate(sdp.lines):
        refused, remark = number in sdp.refused, sdp.remarks.get(number)
        note = sdp.refused.get(number) or remark
        text = element("del", line) if refused else element("span", line)
        rows.append(
            element(
                "li",
                text,
                *([element("em", note)] if note else []),
                class_="refused" if refused else "used" if remark else None,
            )
        )
    return element(
        "section",
        element("h3", f"{sdp.kind.capitalize()} of {sdp.author} ", element("small", f"{sdp.at_ms:.1f} ms")),
        element("ol", *rows, class_="sdp"),
        class_="panel",
    )
