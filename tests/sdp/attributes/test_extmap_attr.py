"""a=extmap and a=extmap-allow-mixed (RFC 8285)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import extmap_attr
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import ALTERNATIVES, MID_URI, ONE_BYTE, USABLE, Extension, Extensions
from sdp.errors import ValueFault
from sdp.negotiation.exchange import MediaExchange
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.answering import HEAD, accepted, names, plain
from tests.sdp.local import LOCAL, PEER

LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
OTHER = "http://example.com/082005/ext.htm#ttime"


def extension(number: int, uri: str = MID_URI, way: Direction | None = None, more: str = "") -> Extension:
    return Extension(id=number, uri=uri, direction=way, parameters=more)


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"1 {MID_URI}", extension(1)),
        (f"2/sendonly {OTHER} short", extension(2, OTHER, Direction.SENDONLY, "short")),
        (f"255 {LEVEL}", extension(255, LEVEL)),
        (f"256 {LEVEL}", extension(256, LEVEL)),
        (f"4351/inactive {LEVEL}", extension(4351, LEVEL, Direction.INACTIVE)),
    ],
)
def test_values(text: str, expected: Extension) -> None:
    assert extmap_attr.parse_extmap(text) == expected
    assert extmap_attr.format_extmap(expected) == text


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize(
    "text",
    ["", "1", f"0 {LEVEL}", f"257 {LEVEL}", f"4095 {LEVEL}", f"4352 {LEVEL}", "1 level", f"1/both {LEVEL}"],
)
def test_what_is_no_extension(text: str) -> None:
    with pytest.raises(ValueFault):
        extmap_attr.parse_extmap(text)


@given(st.text(max_size=60))
def test_any_text_is_an_extension_or_a_fault(text: str) -> None:
    try:
        value = extmap_attr.parse_extmap(text)
    except ValueFault:
        return
    assert extmap_attr.parse_extmap(extmap_attr.format_extmap(value)) == value


@pytest.mark.req("BUN-3")
def test_levels_ids_and_repeats() -> None:
    offer = parse(
        plain(
            f"a=extmap:1 {MID_URI}",
            f"a=extmap:1 {LEVEL}",
            f"a=extmap:2 {MID_URI}",
            "a=extmap:0 urn:x",
            head=HEAD + f"\na=extmap:3 {OTHER}",
        )
    )
    read, remarks = extmap_attr.read(offer, offer.media[0])
    assert read.listed == (extension(1),)
    assert len(remarks) == 4
    session = parse(plain(head=HEAD + f"\na=extmap:3 {OTHER}"))
    assert extmap_attr.read(session, session.media[0])[0].listed == (extension(3, OTHER),)


@pytest.mark.req("BUN-3")
def test_the_answer_keeps_ids_and_drops_what_we_do_not_know() -> None:
    offer = plain(f"a=extmap:3 {LEVEL}", f"a=extmap:4 {MID_URI}", f"a=extmap:4096 {OTHER}")
    media, _ = accepted(offer, replace(LOCAL, extensions=frozenset({MID_URI, OTHER})))
    values = [attribute.value for attribute in media.all("extmap")]
    assert values == [f"4 {MID_URI}", f"1 {OTHER}"]
    # We know none by default.
    assert "extmap" not in names(accepted(offer)[0])


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize(
    ("theirs", "way", "ours"),
    [
        (Direction.SENDONLY, Direction.SENDRECV, Direction.RECVONLY),
        (Direction.RECVONLY, Direction.SENDRECV, Direction.SENDONLY),
        (Direction.SENDRECV, Direction.RECVONLY, Direction.RECVONLY),
        (Direction.INACTIVE, Direction.SENDRECV, Direction.INACTIVE),
        (None, Direction.SENDRECV, None),
    ],
)
def test_directions_are_mirrored(theirs: Direction | None, way: Direction, ours: Direction | None) -> None:
    offered = Extensions(listed=(extension(1, way=theirs),))
    assert extmap_attr.answer(offered, {MID_URI}, way).listed == (extension(1, way=ours),)


@pytest.mark.req("BUN-3")
def test_a_direction_that_leaves_nothing() -> None:
    offered = Extensions(listed=(extension(1, way=Direction.SENDONLY),))
    assert extmap_attr.answer(offered, {MID_URI}, Direction.SENDONLY).listed == ()


@pytest.mark.req("BUN-3")
def test_of_alternatives_one_is_taken_under_a_free_id() -> None:
    offered = Extensions(
        listed=(
            extension(1, LEVEL),
            extension(4096, OTHER),
            extension(4096, MID_URI),
            extension(4097, "urn:x"),
        )
    )
    listed = extmap_attr.answer(offered, {OTHER, MID_URI, "urn:x"}, Direction.SENDRECV).listed
    assert listed == (extension(2, OTHER), extension(3, "urn:x"))


URIS = [MID_URI, LEVEL, OTHER, "urn:x", "urn:y"]
OFFERS = st.lists(
    st.builds(
        extension,
        st.one_of(st.integers(1, 16), st.integers(4096, 4099)),
        st.sampled_from(URIS),
        st.sampled_from([None, *Direction]),
    ),
    max_size=8,
    unique_by=(lambda each: each.id, lambda each: each.uri),
)


@pytest.mark.req("BUN-3")
@given(OFFERS, OFFERS, st.sets(st.sampled_from(URIS)), st.sampled_from(list(Direction)))
def test_answers_obey_the_rules_and_ids_never_change(
    first: list[Extension], second: list[Extension], supported: set[str], way: Direction
) -> None:
    one = extmap_attr.answer(Extensions(listed=tuple(first)), supported, way).listed
    two = extmap_attr.answer(Extensions(listed=tuple(second)), supported, way, earlier=one).listed
    used = {each.uri: each.id for each in one}
    for offered, answer in ((first, one), (second, two)):
        ids = [each.id for each in answer]
        assert len(set(ids)) == len(ids)
        given_ids = {each.uri: each.id for each in offered}
        for each in answer:
            assert each.id in USABLE
            assert each.uri in supported
            assert each.id == given_ids[each.uri] or given_ids[each.uri] in ALTERNATIVES
            assert each.id in ONE_BYTE or each.id in (given_ids[each.uri], used.get(each.uri))
    assert all(used.get(each.uri, each.id) == each.id for each in two)
    assert not {each.id for each in two if each.uri not in used} & set(used.values())


@pytest.mark.req("BUN-3")
def test_a_further_offer_keeps_the_ids() -> None:
    exchange = MediaExchange(session_id=1)
    local = replace(LOCAL, extensions=frozenset({MID_URI, OTHER}))
    for first, second in ((f"4096 {OTHER}", f"4097 {OTHER}"), (f"1 {OTHER}", f"1 {OTHER}")):
        for value in (first, second):
            offer = parse(plain(f"a=extmap:{value}"))
            text = write(exchange.answer(offer, replace(local, ice=None)).description)
            assert f"a=extmap:1 {OTHER}\r\n" in text


@pytest.mark.req("BUN-6")
@pytest.mark.parametrize("level", ["session", "media"])
def test_mixed_forms_only_where_they_were_offered_and_of_use(level: str) -> None:
    knows = replace(LOCAL, extensions=frozenset({MID_URI}))
    lines = [f"a=extmap:1 {MID_URI}"]
    assert "extmap-allow-mixed" not in names(accepted(plain(*lines), knows)[0])
    mixed = "a=extmap-allow-mixed"
    offer = plain(*lines, mixed) if level == "media" else plain(*lines, head=f"{HEAD}\n{mixed}")
    assert "extmap-allow-mixed" in names(accepted(offer, knows)[0])
    assert "extmap-allow-mixed" not in names(accepted(offer)[0])
    assert "extmap-allow-mixed" not in write(MediaExchange(session_id=1).offer(PEER))
