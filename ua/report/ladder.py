"""The SIP messages of a call as a ladder: who said what to whom, each message in full on demand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ua.events import LogEntry
from ua.report.markup import Markup, element, join
from ua.view.events import is_message, is_sent, message_text

MAX_MESSAGES = 400
"""A longer ladder shows its first messages only, and says so."""

MATCH_S = 5.0
"""A message that both phones logged arrived within this time after it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One message; `sender` and `receiver` are parties, or addresses of those who keep no log."""

    at_ms: float
    sender: str
    receiver: str
    transport: str
    size: int
    text: str
    flight_ms: float | None = None

    @property
    def first_line(self) -> str:
        """Request or status line."""
        return self.text.split("\n", 1)[0].strip()

    @property
    def cseq(self) -> str:
        """Number and method of the transaction, "2 INVITE"; empty where there are none."""
        return " ".join(_header(self.text, "cseq").split())

    @property
    def label(self) -> str:
        """What the arrow says: "INVITE sip:bob@...", or "200 OK (INVITE)"."""
        line = self.first_line
        if line.startswith("SIP/2.0 "):
            method = self.cseq.rsplit(" ", 1)[-1]
            return f"{line.removeprefix('SIP/2.0 ')} ({method})" if method else line.removeprefix("SIP/2.0 ")
        return line.removesuffix(" SIP/2.0")


def build_ladder(entries: Sequence[LogEntry], zero: float) -> list[Arrow]:
    """The arrows in order of time; a message that both ends logged becomes one arrow."""
    messages = [entry for entry in entries if is_message(entry)]
    taken: set[int] = set()
    arrows = []
    for index, entry in enumerate(messages):
        if index in taken:
            continue
        if is_sent(entry):
            other = _arrival(messages, index, taken)
            receiver = str(entry.data.get("remote", "?"))
            flight_ms = None
            if other is not None:
                taken.add(other)
                receiver = messages[other].party
                flight_ms = (messages[other].at - entry.at) * 1000
            arrows.append(_arrow(entry, zero, entry.party, receiver, flight_ms))
        else:
            arrows.append(_arrow(entry, zero, str(entry.data.get("remote", "?")), entry.party, None))
    return sorted(arrows, key=lambda arrow: arrow.at_ms)


def _arrow(entry: LogEntry, zero: float, sender: str, receiver: str, flight_ms: float | None) -> Arrow:
    text = message_text(entry)
    return Arrow(
        at_ms=(entry.at - zero) * 1000,
        sender=sender,
        receiver=receiver,
        transport=str(entry.data.get("transport", "")),
        size=int(entry.data.get("size") or len(text)),
        text=text,
        flight_ms=flight_ms,
    )


def _arrival(messages: Sequence[LogEntry], index: int, taken: set[int]) -> int | None:
    """Index of the entry in which another party received message `index`."""
    sent = messages[index]
    for other in range(index + 1, len(messages)):
        entry = messages[other]
        if entry.at - sent.at > MATCH_S:
            break
        if (
            other not in taken
            and entry.party != sent.party
            and not is_sent(entry)
            and entry.data.get("text") == sent.data.get("text")
        ):
            return other
    return None


def _header(text: str, name: str) -> str:
    for line in text.splitlines()[1:]:
        if not line:
            break
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


def ladder_html(arrows: Sequence[Arrow], marked: Collection[int] = ()) -> Markup:
    """The ladder; every message opens on a click or with the keyboard.

    `marked` are the numbers (from 0) of those that matter most, which stand out and are open.
    """
    if not arrows:
        return element("p", "No SIP message was logged.", class_="muted")
    lanes = list(dict.fromkeys(name for arrow in arrows for name in (arrow.sender, arrow.receiver)))
    heads = element(
        "div",
        element("span", class_="time"),
        element(
            "div",
            *(
                element("span", lane, class_="lane-name", style=f"left:{_center(index, lanes):.2f}%")
                for index, lane in enumerate(lanes)
            ),
            class_="lanes",
        ),
        class_="ladder-head",
        aria_hidden="true",
    )
    rows = [
        _message(arrow, lanes, marked=number in marked) for number, arrow in enumerate(arrows[:MAX_MESSAGES])
    ]
    more = len(arrows) - len(rows)
    note = element("p", f"{more} more messages are not shown.", class_="muted") if more > 0 else join()
    return join(element("div", heads, *rows, class_="ladder"), note)


def _center(index: int, lanes: Sequence[str]) -> float:
    return (index + 0.5) / len(lanes) * 100


def _message(arrow: Arrow, lanes: Sequence[str], *, marked: bool) -> Markup:
    start, end = (_center(lanes.index(name), lanes) for name in (arrow.sender, arrow.receiver))
    left, right = min(start, end), 100 - max(start, end)
    kind = "response" if arrow.first_line.startswith("SIP/2.0") else "request"
    if arrow.first_line.startswith("SIP/2.0 ") and arrow.first_line[8:9] in "3456":
        kind += " refusal"
    heading = "right" if end >= start else "left"
    flight = "" if arrow.flight_ms is None else f", {arrow.flight_ms:.1f} ms under way"
    detail = f"{arrow.transport.upper()}, {arrow.size} bytes{flight}"
    summary = element(
        "summary",
        element("span", f"{arrow.at_ms:.1f}", class_="time"),
        element(
            "div",
            *(
                element("i", class_="lane", style=f"left:{_center(index, lanes):.2f}%", aria_hidden="true")
                for index in range(len(lanes))
            ),
            element(
                "span",
                element("span", f"{arrow.sender} to {arrow.receiver}: ", class_="sr"),
                element("b", arrow.label),
                element("small", detail),
                class_=f"arrow {heading}",
                style=f"left:{left:.2f}%;right:{right:.2f}%",
            ),
            class_="lanes",
        ),
    )
    return element(
        "details",
        summary,
        element("pre", arrow.text),
        class_=f"message {kind}{' marked' if marked else ''}",
        open="" if marked else None,
    )
