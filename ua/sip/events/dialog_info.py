"""application/dialog-info+xml: what calls somebody has (core; RFC 4235).

The XML comes from strangers: documents with a DTD are refused (so there are no entities to expand), and size,
depth and number of elements are bounded.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final, Self
from xml.parsers import expat

from ua.sip.errors import SipParseError

PACKAGE: Final = "dialog"
CONTENT_TYPE: Final = "application/dialog-info+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:dialog-info"

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 16
MAX_ELEMENTS: Final = 5000
MAX_TEXT: Final = 2048


class DialogPhase(enum.StrEnum):
    """Where a dialog stands (RFC 4235 §3.7.1)."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


_PHASES: Final = frozenset(phase.value for phase in DialogPhase)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogView:
    """One dialog of the one who is watched.

    Attributes:
        id: name of the dialog within the document.
        phase: where it stands.
        call_id: its Call-ID, empty where it is not told; so are the tags.
        local_tag: tag of the one who is watched.
        remote_tag: tag of the other side.
        direction: "initiator" or "recipient" of the call, empty where it is not told.
        local: URI of the one who is watched, in this call; may be empty.
        remote: URI of the other side, may be empty.
        reason: why it is terminated ("cancelled", "rejected", "replaced" ...), may be empty.
    """

    id: str
    phase: DialogPhase
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""
    direction: str = ""
    local: str = ""
    remote: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogInfo:
    """One document.

    Attributes:
        entity: URI of the one who is watched.
        version: rises by one from document to document of a subscription.
        full: true where it lists all dialogs, false where only those that changed.
        dialogs: the dialogs, in order.
    """

    entity: str
    version: int
    full: bool
    dialogs: tuple[DialogView, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a document; raises SipParseError for what is no XML, too large, or no dialog-info."""
        if len(body) > MAX_BYTES:
            raise SipParseError("dialog-info too long")
        reader = _Reader()
        try:
            reader.parser.Parse(body, True)
        except expat.ExpatError as error:
            raise SipParseError(f"dialog-info is no XML: {error}") from error
        except (ValueError, LookupError) as error:  # an encoding that Python does not have
            raise SipParseError("dialog-info in an unknown encoding") from error
        version = reader.root.get("version", "")
        if not version.isascii() or not version.isdigit() or len(version) > 10:
            raise SipParseError("dialog-info without a version")
        if reader.root.get("state") not in ("full", "partial"):
            raise SipParseError("dialog-info that is neither full nor partial")
        return cls(
            entity=reader.root.get("entity", ""),
            version=int(version),
            full=reader.root["state"] == "full",
            dialogs=tuple(reader.dialogs),
        )

    def __bytes__(self) -> bytes:
        """The document; characters that XML cannot hold are left out."""
        rows = ['<?xml version="1.0" encoding="UTF-8"?>']
        head = _attributes(
            xmlns=NAMESPACE,
            version=str(self.version),
            state="full" if self.full else "partial",
            entity=self.entity,
        )
        rows.append(f"<dialog-info{head}>")
        for dialog in self.dialogs:
            attributes = _attributes(
                id=dialog.id,
                **{
                    name: value
                    for name, value in (
                        ("call-id", dialog.call_id),
                        ("local-tag", dialog.local_tag),
                        ("remote-tag", dialog.remote_tag),
                        ("direction", dialog.direction),
                    )
                    if value
                },
            )
            event = _attributes(event=dialog.reason) if dialog.reason else ""
            sides = "".join(
                f"<{side}><identity>{_text(uri)}</identity></{side}>"
                for side, uri in (("local", dialog.local), ("remote", dialog.remote))
                if uri
            )
            rows.append(f"<dialog{attributes}><state{event}>{dialog.phase}</state>{sides}</dialog>")
        return "\r\n".join([*rows, "</dialog-info>", ""]).encode()


def _text(value: str) -> str:
    return escape("".join(character for character in value if _is_xml(ord(character))))


def _is_xml(code: int) -> bool:
    return 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_text(value)}"' for name, value in values.items())


class _Reader:
    """Takes the elements that matter, wherever an extension put others."""

    def __init__(self) -> None:
        self.root: dict[str, str] = {}
        self.dialogs: list[DialogView] = []
        self._path: list[str] = []
        self._elements = 0
        self._text = ""
        self._dialog: dict[str, str] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse_dtd
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse_dtd(self, *_: object) -> None:
        raise SipParseError("dialog-info with a DTD")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        known = local if space in (NAMESPACE, "") else ""
        self._elements += 1
        if len(self._path) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise SipParseError("dialog-info with too many elements")
        if not self._path:
            if known != "dialog-info":
                raise SipParseError("XML that is no dialog-info")
            self.root = attributes
        self._path.append(known)
        self._text = ""
        if self._path == ["dialog-info", "dialog"]:
            self._dialog = {
                key: attributes.get(key, "")
                for key in ("id", "call-id", "local-tag", "remote-tag", "direction")
            }
        elif self._path == ["dialog-info", "dialog", "state"]:
            self._dialog["reason"] = attributes.get("event", "")

    def _characters(self, text: str) -> None:
        self._text += text
        if len(self._text) > MAX_TEXT:
            raise SipParseError("dialog-info with a long text")

    def _end(self, _: str) -> None:
        text, self._text = self._text.strip(), ""
        match self._path:
            case ["dialog-info", "dialog", "state"]:
                self._dialog["state"] = text.lower()
            case ["dialog-info", "dialog", ("local" | "remote") as side, "identity"]:
                self._dialog[side] = text
            case ["dialog-info", "dialog"]:
                self._finish()
            case _:
                pass
        self._path.pop()

    def _finish(self) -> None:
        """A dialog without id or known state says nothing."""
        found = self._dialog
        phase = found.get("state", "")
        if found["id"] and phase in _PHASES:
            self.dialogs.append(
                DialogView(
                    id=found["id"],
                    phase=DialogPhase(phase),
                    call_id=found["call-id"],
                    local_tag=found["local-tag"],
                    remote_tag=found["remote-tag"],
                    direction=found["direction"],
                    local=found.get("local", ""),
                    remote=found.get("remote", ""),
                    reason=found.get("reason", ""),
                )
            )


@dataclass(slots=True)
class DialogTable:
    """What is known of the dialogs of one who is watched, document by document (RFC 4235 §4.3).

    Attributes:
        version: that of the last document that counted, None before the first.
        dialogs: those that stand, by id.
    """

    version: int | None = None
    dialogs: Mapping[str, DialogView] = field(default_factory=dict)

    def apply(self, info: DialogInfo) -> bool:
        """Take a document; false where documents are missing: a refresh brings a full one.

        One that is not newer than the last is left out.
        """
        if self.version is not None and info.version <= self.version:
            return True
        if not info.full and (self.version is None or info.version != self.version + 1):
            return False
        dialogs = {} if info.full else dict(self.dialogs)
        for dialog in info.dialogs:
            if dialog.phase is DialogPhase.TERMINATED:
                dialogs.pop(dialog.id, None)
            else:
                dialogs[dialog.id] = dialog
        self.version, self.dialogs = info.version, dialogs
        return True
