"""dialog-info documents (RFC 4235), well-meant and hostile."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ua.sip.errors import SipParseError
from ua.sip.events.dialog_info import (
    MAX_BYTES,
    NAMESPACE,
    DialogInfo,
    DialogPhase,
    DialogTable,
    DialogView,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20).map(
    lambda text: " ".join(text.split())
)
VIEWS = st.builds(
    DialogView,
    id=TEXT.filter(bool),
    phase=st.sampled_from(DialogPhase),
    call_id=TEXT,
    local_tag=TEXT,
    remote_tag=TEXT,
    direction=st.sampled_from(["", "initiator", "recipient"]),
    local=TEXT,
    remote=TEXT,
    reason=st.sampled_from(["", "rejected", "replaced"]),
)
INFOS = st.builds(
    DialogInfo,
    entity=TEXT,
    version=st.integers(0, 10**9),
    full=st.booleans(),
    dialogs=st.lists(VIEWS, max_size=4).map(tuple),
)


def document(inner: str = "", *, head: str = 'version="0" state="full" entity="sip:a@example.com"') -> bytes:
    return f'<?xml version="1.0"?><dialog-info xmlns="{NAMESPACE}" {head}>{inner}</dialog-info>'.encode()


@given(INFOS)
def test_a_document_survives_being_written(info: DialogInfo) -> None:
    assert DialogInfo.parse(bytes(info)) == info


@given(st.binary(max_size=200), st.text(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes, inner: str) -> None:
    for data in (body, document(inner)):
        with contextlib.suppress(SipParseError):
            DialogInfo.parse(data)


@pytest.mark.req("SUB-1")
def test_a_document_with_extensions() -> None:
    info = DialogInfo.parse(
        document(
            '<dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" direction="initiator">'
            '<state event="cancelled" code="487">terminated</state><duration>274</duration>'
            '<local><identity display="A">sip:alice@example.com</identity><target uri="sip:a@192.0.2.1"/>'
            "</local>"
            '<x:note xmlns:x="urn:x"><x:state>early</x:state></x:note></dialog>'
            '<dialog call-id="without id"><state>early</state></dialog>'
            '<dialog id="2"><state>odd</state></dialog>'
        )
    )
    assert info.dialogs == (
        DialogView(
            id="as7d900as8",
            phase=DialogPhase.TERMINATED,
            call_id="a84b4c76e66710",
            local_tag="1928301774",
            direction="initiator",
            local="sip:alice@example.com",
            reason="cancelled",
        ),
    )


ENTITIES = (
    '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    f'<dialog-info xmlns="{NAMESPACE}" version="0" state="full" entity="&b;"/>'
)


@pytest.mark.parametrize(
    "body",
    [
        ENTITIES.encode(),
        b'<!DOCTYPE d SYSTEM "file:///etc/hostname"><dialog-info/>',
        document("<a>" * 50 + "</a>" * 50),
        document("<a/>" * 6000),
        document(f'<dialog id="1"><state>{"x" * 5000}</state></dialog>'),
        document(" " * (MAX_BYTES + 1)),
        b'<?xml version="1.0" encoding="x-nonsense"?><a/>',
        b"<presence/>",
        document(head='version="x" state="full"'),
        document(head='version="1" state="odd"'),
        document("<dialog>"),
        b"",
    ],
    ids=[
        "entities",
        "external",
        "deep",
        "many",
        "long",
        "large",
        "encoding",
        "other",
        "version",
        "state",
        "cut",
        "empty",
    ],
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(SipParseError):
        DialogInfo.parse(body)


def view(name: str, phase: DialogPhase = DialogPhase.CONFIRMED) -> DialogView:
    return DialogView(id=name, phase=phase)


def info(version: int, *dialogs: DialogView, full: bool = False) -> DialogInfo:
    return DialogInfo(entity="sip:a@example.com", version=version, full=full, dialogs=dialogs)


@pytest.mark.req("SUB-1")
def test_documents_build_a_table() -> None:
    table = DialogTable()
    assert not table.apply(info(3, view("1"))), "a part of what we have not"
    assert table.apply(info(4, view("1"), full=True))
    assert table.apply(info(5, view("2", DialogPhase.EARLY)))
    assert set(table.dialogs) == {"1", "2"}
    assert table.apply(info(5, view("9"))), "an old one says nothing"
    assert table.apply(info(6, view("1", DialogPhase.TERMINATED)))
    assert set(table.dialogs) == {"2"}
    assert not table.apply(info(8, view("3"))), "7 is missing"
    assert set(table.dialogs) == {"2"}
    assert table.apply(info(9, full=True))
    assert table.dialogs == {}
