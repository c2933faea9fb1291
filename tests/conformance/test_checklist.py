"""The reader of the checklists, and the checklists themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.checklist import ChecklistError, Checklists, Level, level_of, read_items, source_rfc

TEXT = """# x.md

## 1. One (RFC 4571)
- **X-1** [MUST] Do it. (§2) ✓
  test: it is done.
- **X-2** [SHOULD NOT, POLICY] Do not. (8445 §6.1.2, §7; 8839 §4)
- **X-3** Only said so.
## 2. Two
- **X-4** [MAY, POLICY: not yet] Perhaps (7675).
"""


def test_items_have_their_level_text_and_rfc() -> None:
    items = read_items("ice.md", TEXT)
    assert [(item.id, item.level, item.rfc) for item in items] == [
        ("X-1", Level.MUST, "4571"),
        ("X-2", Level.SHOULD, "8445"),
        ("X-3", Level.OTHER, "4571"),
        ("X-4", Level.MAY, "7675"),
    ]
    assert items[0].text == "Do it. (§2) ✓"
    assert items[0].key == "ice.md:X-1"


@pytest.mark.parametrize(
    ("strength", "level"),
    [
        ("MUST", Level.MUST),
        ("MUST NOT", Level.MUST),
        ("MUST, POLICY", Level.MUST),
        ("REQUIRED", Level.MUST),
        ("MUST by 8863; optional by 8839", Level.MUST),
        ("SHOULD", Level.SHOULD),
        ("RECOMMENDED", Level.SHOULD),
        ("NOT RECOMMENDED", Level.SHOULD),
        ("MAY", Level.MAY),
        ("OPTIONAL", Level.MAY),
        ("POLICY", Level.OTHER),
        ("note", Level.OTHER),
        ("", Level.OTHER),
    ],
)
def test_the_first_key_word_is_the_level(strength: str, level: Level) -> None:
    assert level_of(strength) is level


def test_the_rfc_is_that_of_the_item_the_section_or_the_file() -> None:
    assert source_rfc("a (8839 §5.1; 8445 §3)", "9. SDP (RFC 8866)", "ice.md") == "8839"
    assert source_rfc("a (§5.1)", "9. Framing (RFC 4571)", "ice.md") == "4571"
    assert source_rfc("a (§5.1)", "9. Numbers", "ice.md") == "8445"
    assert source_rfc("a (8000 Hz)", "9. Numbers", "media.md") == "3550"
    assert source_rfc("a (3428 ?)", "9. Numbers", "sip.md") == "3428"


def test_an_id_that_stands_twice_is_refused() -> None:
    with pytest.raises(ChecklistError, match=r"x\.md:10: X-1 stands twice"):
        read_items("x.md", TEXT + "- **X-1** [MUST] Again.\n")


def test_a_line_that_is_nearly_an_item_is_refused() -> None:
    with pytest.raises(ChecklistError, match="not an item"):
        read_items("x.md", "- **X 1** [MUST] Do.\n")


def test_references_are_resolved() -> None:
    both = read_items("sdp.md", "- **OA-1** [MUST] a\n") + read_items("sip.md", "- **OA-1** [MUST] b\n")
    lists = Checklists([*both, *read_items("ice.md", "- **ICE-1** [MUST] c\n")])
    elsewhere = Path("tests/interop/test_x.py")
    assert lists.resolve("ICE-1", elsewhere).key == "ice.md:ICE-1"
    assert lists.resolve("sip.md:OA-1", elsewhere).text == "b"
    assert lists.resolve("OA-1", Path("tests/sdp/test_x.py")).key == "sdp.md:OA-1"
    assert lists.resolve("OA-1", Path("tests/ua/sip/test_x.py")).key == "sip.md:OA-1"
    with pytest.raises(ChecklistError, match="several checklists"):
        lists.resolve("OA-1", elsewhere)
    with pytest.raises(ChecklistError, match="no checklist"):
        lists.resolve("ICE-2", elsewhere)


def test_the_checklists_of_the_project_are_read_whole() -> None:
    lists = Checklists.read()
    assert lists.files == ("ice-tcp.md", "ice.md", "media.md", "sdp.md", "sip.md", "stun-turn.md")
    for file in lists.files:
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert sum(item.file == file for item in lists.items) == text.count("\n- **")
    assert lists.resolve("ICETCP-4.2-3", Path()).level is Level.SHOULD
