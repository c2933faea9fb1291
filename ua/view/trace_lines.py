"""Entries of the event log as lines that people read: SIP messages whole, milestones of all layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ua.view.events import is_message, is_sent, message_text
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.events import LogEntry

_MILESTONES = frozenset(
    {
        ("ice", "gathering_problem"),
        ("ice", "state_changed"),
        ("ice", "role_changed"),
        ("ice", "pair_nominated"),
        ("ice", "path_selected"),
        ("ice", "path_lost"),
        ("ice", "flow_opened"),
        ("ice", "flow_closed"),
        ("ice", "packet_refused"),
        ("tcp", "tcp_listening"),
        ("tcp", "tcp_connected"),
        ("tcp", "tcp_connection_refused"),
        ("tcp", "tcp_unreachable"),
        ("tcp", "tcp_lost"),
        ("sip", "refused"),
        ("sip", "connection"),
        ("sip", "registration"),
        ("sdp", "refused"),
        ("media", "refused"),
        ("call", "state"),
        ("call", "media"),
        ("call", "hold"),
        ("call", "muted"),
        ("call", "offer_retried"),
        ("call", "transfer"),
    }
)

_OF_SIP = frozenset({"refused", "connection", "transaction", "counters"})
"""What --sip-trace tells beside the messages."""


def format_entry(entry: LogEntry, start: float, *, sip: bool = False, rest: bool = True) -> str | None:
    """The text of an entry, None where it is not worth a line: `sip` for --sip-trace, `rest` for -v."""
    head = f"{(entry.at - start) * 1000:9.1f} ms  {entry.party:<6} {entry.source}"
    data = entry.data
    if is_message(entry):
        arrow = "-->" if is_sent(entry) else "<--"
        title = (
            f"{head}  {data.get('local', '')} {arrow} {data.get('remote', '')}"
            f"  {data.get('transport', '')}, {data.get('size', '?')} bytes"
        )
        # Indented, so that no message can pass for the head of another one.
        body = "\n".join("    " + line for line in message_text(entry).split("\n"))
        return f"{title}\n{body}"
    traced = sip and entry.source == "sip" and entry.name in _OF_SIP
    if not traced and not (rest and (entry.source, entry.name) in _MILESTONES):
        return None
    # One line, whatever the other side has put into a reason.
    return printable(f"{head}  {entry.name}  {_fields(data)}".rstrip())


def _fields(data: Mapping[str, object]) -> str:
    shown = []
    for key, value in data.items():
        if isinstance(value, dict):
            if {"host", "port"} <= value.keys():
                shown.append(f"{key}={value['host']}:{value['port']}")
            elif "id" in value:
                shown.append(f"{key}={value['id']}")
            elif key == "counters":
                counts = ", ".join(f"{name}: {count}" for name, count in value.items())
                shown.append(counts or "nothing sent, nothing received")
        elif key == "text" or (key == "size" and not value):
            continue  # of a message that is shown already, or of none
        elif value not in ("", None):
            shown.append(f"{key}={value}")
    return " ".join(shown)
