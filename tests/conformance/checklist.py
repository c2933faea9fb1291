"""Reads the checklists: one item per line, `- **ID** [STRENGTH] requirement (source) mark`."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent

FILE_RFC = {
    "ice-tcp.md": "6544",
    "ice.md": "8445",
    "media.md": "3550",
    "sdp.md": "8866",
    "sip.md": "3261",
    "stun-turn.md": "8489",
}
"""What a "§" without a number means where neither the item nor its section names an RFC."""

TEST_FOLDER_FILE = {"sdp": "sdp.md", "ua": "sip.md"}
"""Which file a bare ID means that stands in two of them, by the folder of the test."""

_ITEM = re.compile(r"^- \*\*(?P<id>[^*\s]+)\*\*(?: \[(?P<strength>[^\]]*)\])?\s*(?P<text>.*)$")
_SECTION = re.compile(r"^## (?P<title>.*)$")
_SOURCE = re.compile(r"\(([^()]*(?:§|\b\d{4}\b)[^()]*)\)")
_RFC_BEFORE_SECTION = re.compile(r"\b(\d{4})\s+(?:§|App)")
_RFC_ALONE = re.compile(r"(?:RFC )?(\d{4})(?: \?)?(?:[;,]|$)")
_RFC_NUMBER = re.compile(r"(?:RFC |\(|; )(\d{4})\b")


class Level(enum.StrEnum):
    """Strength of an item (RFC 2119); OTHER holds policies and notes, which are not counted."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    OTHER = "other"


COUNTED = (Level.MUST, Level.SHOULD, Level.MAY)

_WORDS = {
    "MUST": Level.MUST,
    "REQUIRED": Level.MUST,
    "SHOULD": Level.SHOULD,
    "RECOMMENDED": Level.SHOULD,
    "NOT RECOMMENDED": Level.SHOULD,
    "MAY": Level.MAY,
    "OPTIONAL": Level.MAY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One requirement.

    Attributes:
        file: name of the checklist, e.g. "ice-tcp.md".
        id: e.g. "ICETCP-4.2-3"; unique within its file.
        level: counted strength.
        strength: the words in brackets, empty where there are none.
        rfc: number of the RFC that its source names first.
        text: the requirement with its source.
    """

    file: str
    id: str
    level: Level
    strength: str
    rfc: str
    text: str

    @property
    def key(self) -> str:
        """`file:ID`, unique over all files."""
        return f"{self.file}:{self.id}"


class ChecklistError(Exception):
    """A checklist or a reference to it is wrong; the text says where."""


def level_of(strength: str) -> Level:
    """The level of the words in an item's brackets; the first key word decides."""
    for word in ("NOT RECOMMENDED", *_WORDS):
        if strength.startswith(word):
            return _WORDS[word]
    return Level.OTHER


def source_rfc(text: str, section: str, file: str) -> str:
    """The RFC that an item rests on: named in its source, else in its section's title, else by its file."""
    sources = list(reversed(_SOURCE.findall(text)))
    for source in (source for source in sources if "§" in source):
        if found := _RFC_BEFORE_SECTION.search(source):
            return found.group(1)
        return _default_rfc(section, file)
    for source in sources:
        if found := _RFC_ALONE.match(source):
            return found.group(1)
    return _default_rfc(section, file)


def _default_rfc(section: str, file: str) -> str:
    if found := _RFC_NUMBER.search(section):
        return found.group(1)
    return FILE_RFC.get(file, "")


def read_items(file: str, text: str) -> list[Item]:
    """All items of one checklist, in order.

    Raises:
        ChecklistError: an ID stands twice, or a line begins like an item and is none.
    """
    items: dict[str, Item] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if title := _SECTION.match(line):
            section = title["title"]
        if not line.startswith("- **"):
            continue
        found = _ITEM.match(line)
        if found is None:
            raise ChecklistError(f"{file}:{number}: not an item: {line[:60]}")
        if found["id"] in items:
            raise ChecklistError(f"{file}:{number}: {found['id']} stands twice")
        strength = found["strength"] or ""
        items[found["id"]] = Item(
            file=file,
            id=found["id"],
            level=level_of(strength),
            strength=strength,
            rfc=source_rfc(found["text"], section, file),
            text=found["text"],
        )
    return list(items.values())


class Checklists:
    """All checklists of a folder."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = tuple(items)
        self._by_key = {item.key: item for item in self.items}
        self._by_id: dict[str, list[Item]] = {}
        for item in self.items:
            self._by_id.setdefault(item.id, []).append(item)

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Checklists:
        """Read every `*.md` of `folder`; raises ChecklistError."""
        return cls(
            item
            for path in sorted(folder.glob("*.md"))
            for item in read_items(path.name, path.read_text(encoding="utf-8"))
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files, sorted."""
        return tuple(sorted({item.file for item in self.items}))

    def resolve(self, reference: str, test_path: Path) -> Item:
        """The item that a test names, as "ID" or "file:ID".

        Raises:
            ChecklistError: there is no such item, or the ID stands in several files and the folder of the
                test does not tell which one is meant.
        """
        if reference in self._by_key:
            return self._by_key[reference]
        found = self._by_id.get(reference, [])
        if len(found) > 1:
            meant = {file for folder, file in TEST_FOLDER_FILE.items() if folder in test_path.parts}
            found = [item for item in found if item.file in meant]
            if len(found) != 1:
                keys = " or ".join(item.key for item in self._by_id[reference])
                raise ChecklistError(f"{reference} stands in several checklists, write {keys}")
        if not found:
            raise ChecklistError(f"{reference} stands in no checklist")
        return found[0]
