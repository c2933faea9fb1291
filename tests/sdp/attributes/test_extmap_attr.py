"""a=extmap and a=extmap-allow-mixed (RFC 8285)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import extmap_attr
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import ALTERNATIVES, MID_URI, ONE_BYTE, USABLE, Extension, Extensions
from sdp.errors import ValueFault
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.keying import KeyingPolicy
from sdp.negotiation.negotiated import LocalMedia
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.answering import HEAD, accepted, names, plain
from tests.sdp.keyed import ALL, DTLS, SDES, THEIRS, Side, two, values, with_value
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


BROWSER = HEAD + "\na=group:BUNDLE 0"
DTLS_LINES = (f"a=fingerprint:{THEIRS}", "a=setup:actpass", "a=mid:0", "a=rtcp-mux")


def browser(*lines: str, head: str = BROWSER, proto: str = "UDP/TLS/RTP/SAVPF") -> str:
    """An offer in the profile of browsers."""
    return plain(*DTLS_LINES, *lines, head=head, media=f"audio 4000 {proto} 0 8")


def knowing(*uris: str) -> LocalMedia:
    """Our side, which knows these."""
    return Side(DTLS, replace(LOCAL, extensions=frozenset(uris)), 1).local()


@pytest.mark.req("BUN-3")
def test_the_answer_keeps_ids_and_drops_what_we_do_not_know() -> None:
    offer = browser(f"a=extmap:3 {LEVEL}", f"a=extmap:4 {MID_URI}", f"a=extmap:4096 {OTHER}")
    media, negotiated = accepted(offer, knowing(MID_URI, OTHER))
    values = [attribute.value for attribute in media.all("extmap")]
    assert values == [f"4 {MID_URI}", f"1 {OTHER}"]
    assert negotiated.extensions == (extension(4), extension(1, OTHER))
    # We know none by default.
    media, negotiated = accepted(offer, knowing())
    assert "extmap" not in names(media)
    assert negotiated.extensions == ()


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize("number", [15, 16, 255, 256])
def test_an_id_that_only_the_two_byte_form_has_is_left_out(number: int) -> None:
    media, _ = accepted(browser(f"a=extmap:{number} {LEVEL}"), knowing(LEVEL))
    assert "extmap" not in names(media)


@pytest.mark.req("BUN-3")
def test_each_extension_is_answered_once() -> None:
    offer = browser(f"a=extmap:3 {LEVEL} vad=off", f"a=extmap:5 {LEVEL}")
    media, _ = accepted(offer, knowing(LEVEL))
    assert [each.value for each in media.all("extmap")] == [f"3 {LEVEL} vad=off"]


def test_in_other_profiles_there_are_none() -> None:
    lines = f"a=extmap:3 {LEVEL}", f"a=extmap:4 {MID_URI}"
    knows = knowing(LEVEL, MID_URI)
    assert "extmap" not in names(accepted(plain(*lines), replace(knows, keying=LOCAL.keying))[0])
    assert "extmap" not in names(accepted(browser(*lines, proto="UDP/TLS/RTP/SAVP"), knows)[0])
    assert "extmap" in names(accepted(browser(*lines), knows)[0])


@pytest.mark.parametrize(
    ("head", "mid", "named"),
    [(BROWSER, "0", True), (HEAD, "0", False), (f"{HEAD}\na=group:BUNDLE {'m' * 17}", "m" * 17, False)],
)
def test_names_are_told_within_a_group_alone(head: str, mid: str, named: bool) -> None:
    """One that is longer than 16 bytes does not fit into the one-byte form."""
    offer = browser(f"a=extmap:3 {LEVEL}", f"a=extmap:4 {MID_URI}", head=head).replace("mid:0", f"mid:{mid}")
    negotiated = accepted(offer, knowing(LEVEL, MID_URI))[1]
    assert [each.uri for each in negotiated.extensions] == [LEVEL, MID_URI][: 1 + named]


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
    side = Side(DTLS, replace(LOCAL, ice=None, extensions=frozenset({MID_URI, OTHER})), 1)
    for value in (f"4096 {OTHER}", f"4097 {OTHER}", f"1 {OTHER}", f"1 {OTHER}"):
        text = write(side.answer(parse(browser(f"a=extmap:{value}"))).description)
        assert f"a=extmap:1 {OTHER}\r\n" in text
    assert f"a=extmap:1 {OTHER}\r\n" in write(side.offer()), "ours too"


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ((f"3 {LEVEL}", f"4 {OTHER}"), [f"3 {LEVEL}", f"4 {OTHER}"]),
        ((f"3 {LEVEL}", f"5 {OTHER}"), [f"3 {LEVEL}"]),
        ((f"4 {LEVEL}", f"3 {OTHER}"), []),
        ((f"4 {LEVEL}",), []),
        ((), []),
    ],
)
def test_an_id_that_changes_within_the_session_is_left_out(changed: tuple[str, ...], kept: list[str]) -> None:
    """RFC 8285 §7 forbids it: what is under way would be taken for something else."""
    side = Side(DTLS, replace(LOCAL, ice=None, extensions=frozenset({LEVEL, OTHER})), 1)
    side.answer(parse(browser(f"a=extmap:3 {LEVEL}", f"a=extmap:4 {OTHER}")))
    answered = side.answer(parse(browser(*(f"a=extmap:{value}" for value in changed))))
    assert values(answered.description, "extmap") == kept
    assert answered.negotiated is not None
    assert [f"{each.id} {each.uri}" for each in answered.negotiated.extensions] == kept


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize("way", ["sendonly", "inactive", "recvonly", "sendrecv"])
def test_a_hold_keeps_them(way: str) -> None:
    side = Side(DTLS, replace(LOCAL, ice=None, extensions=frozenset({LEVEL, OTHER})), 1)
    lines = f"a=extmap:3 {LEVEL}", f"a=extmap:4/{'sendrecv' if way == 'inactive' else way} {OTHER}"
    for each in ("sendrecv", way, "sendrecv"):
        answered = side.answer(parse(browser(*lines, f"a={each}")))
        assert answered.negotiated is not None
        assert [(it.id, it.uri) for it in answered.negotiated.extensions] == [(3, LEVEL), (4, OTHER)]
    held = values(side.offer(direction=Direction.INACTIVE), "extmap")
    assert held == [f"3 {LEVEL}", f"4 {OTHER}"]


# --- our offers -------------------------------------------------------------------------------------------

WEBRTC = replace(DTLS, feedback=True)


def offering(policy: KeyingPolicy = WEBRTC, **changes: Any) -> tuple[Side, Side]:
    """Two sides that know both extensions and have their stream in a group."""
    near, far = two(policy)
    for side in (near, far):
        side.media = replace(side.media, extensions=frozenset({LEVEL, MID_URI}), mid="a", **changes)
    return near, far


def test_offers_have_them_in_the_profile_of_browsers_alone() -> None:
    offer = offering()[0].offer()
    assert values(offer, "extmap") == [f"1 {MID_URI}", f"2 {LEVEL}"]
    assert "extmap-allow-mixed" not in names(offer.media[0])
    for near in (offering(DTLS)[0], offering(SDES)[0], offering(ALL)[0], offering(terse=True)[0]):
        assert values(near.offer(), "extmap") == []
    assert values(offering(ice=None)[0].offer(), "extmap") == [f"1 {LEVEL}"], "without a group no names"


def test_what_both_know_is_in_force_and_stays() -> None:
    near, far = offering()
    answered = far.answer(near.offer())
    assert answered.negotiated is not None
    agreed = near.accept(answered.description)
    assert agreed.extensions == answered.negotiated.extensions == (extension(1), extension(2, LEVEL))
    for way in (Direction.SENDONLY, Direction.SENDRECV):
        offer = far.offer(direction=way)
        assert values(offer, "extmap") == [f"1 {MID_URI}", f"2 {LEVEL}"]
        assert near.answer(offer).negotiated is not None
        assert far.accept(near.exchange.local or offer).extensions == agreed.extensions


@pytest.mark.req("BUN-3")
@pytest.mark.parametrize(
    ("answered", "taken", "remarks"),
    [
        ((f"2 {LEVEL}",), (extension(2, LEVEL),), 0),
        ((f"2/recvonly {LEVEL}",), (extension(2, LEVEL, Direction.SENDONLY),), 0),
        ((f"2/inactive {LEVEL}",), (extension(2, LEVEL, Direction.INACTIVE),), 0),
        ((f"3 {LEVEL}", f"1 {MID_URI}"), (extension(1),), 1),
        ((f"1 {LEVEL}", f"4 {OTHER}"), (), 2),
        ((), (), 0),
    ],
)
def test_an_answer_has_nothing_that_was_not_offered(
    answered: tuple[str, ...], taken: tuple[Extension, ...], remarks: int
) -> None:
    near, far = offering()
    answer = with_value(far.answer(near.offer()).description, "extmap", *answered)
    agreed = near.accept(answer)
    assert agreed.extensions == taken
    assert sum("was not offered" in each.reason for each in agreed.diagnostics) == remarks
    again = [f"{each.id} {each.uri}" for each in taken]
    assert values(near.offer(), "extmap") == again, "a further offer has what is in force"


def test_an_answer_without_the_group_leaves_the_names_out() -> None:
    near, far = offering()
    answer = far.answer(near.offer()).description
    ungrouped = replace(answer, attributes=tuple(each for each in answer.attributes if each.name != "group"))
    assert near.accept(ungrouped).extensions == (extension(2, LEVEL),)


@pytest.mark.req("BUN-6")
@pytest.mark.parametrize("level", ["session", "media"])
def test_mixed_forms_only_where_they_were_offered_and_of_use(level: str) -> None:
    knows = knowing(MID_URI)
    lines = [f"a=extmap:1 {MID_URI}"]
    assert "extmap-allow-mixed" not in names(accepted(browser(*lines), knows)[0])
    mixed = "a=extmap-allow-mixed"
    offer = browser(*lines, mixed) if level == "media" else browser(*lines, head=f"{BROWSER}\n{mixed}")
    assert "extmap-allow-mixed" in names(accepted(offer, knows)[0])
    assert "extmap-allow-mixed" not in names(accepted(offer, knowing())[0])
    assert "extmap-allow-mixed" not in write(MediaExchange(session_id=1).offer(PEER))
