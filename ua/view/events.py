"""Small questions that all views ask of entries of the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ua.events import LogEntry


def is_sent(entry: LogEntry) -> bool:
    """True for a message or description that the party sent, False for one that it received."""
    return entry.data.get("direction") in ("out", "sent")


def is_message(entry: LogEntry) -> bool:
    """True for a SIP message."""
    return entry.source == "sip" and entry.name == "message"


def message_text(entry: LogEntry) -> str:
    """Text of a SIP message or of a session description with plain line feeds, without the last ones."""
    return str(entry.data.get("text", "")).replace("\r\n", "\n").rstrip("\n")
