"""Whatever arrives: only the documented errors, and answers that fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes.direction import Direction
from sdp.errors import NegotiationError, SdpError
from sdp.negotiation.answer_reading import accept_answer
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.negotiated import LocalMedia
from sdp.negotiation.offer_answer import answer, build_offer
from sdp.syntax.model import SessionDescription
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.local import EVENTS, LOCAL, OPUS, PCMA, PCMU, PLAIN, tcp_pair
from tests.sdp.strategies import ice_descriptions, session_descriptions

LOCALS = [
    LOCAL,
    PLAIN,
    LocalMedia(formats=(OPUS, EVENTS), ice=LOCAL.ice),
    LocalMedia(
        formats=(PCMA, PCMU), ice=LOCAL.ice, address=LOCAL.address, selected=(tcp_pair(),), controlling=True
    ),
]
real = st.sampled_from(list(bodies.ALL.values()))


@given(session_descriptions())
@pytest.mark.req("SDP-8866-18")
def test_parse_after_write_is_the_identity(description: SessionDescription) -> None:
    text = write(description)
    again = parse(text)
    assert again == description
    assert write(again) == text
    assert parse(text.encode()) == description
    if not description.unknown and not any(media.unknown for media in description.media):
        letters = {remark.text[:2] for remark in parse(text).diagnostics}
        # Several c= lines and several port pairs are legal and remarked.
        assert letters <= {"m="}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real description after a few of the accidents that befall texts."""
    body = draw(real)
    for _ in range(draw(st.integers(1, 4))):
        lines = body.split("\r\n")
        body = draw(st.sampled_from(MUTATIONS))(draw, body, lines)
    return body.encode(errors="replace")


def _drop(draw: st.DrawFn, _body: str, lines: list[str]) -> str:
    del lines[draw(st.integers(0, len(lines) - 1))]
    return "\r\n".join(lines)


def _double(draw: st.DrawFn, _body: str, lines: list[str]) -> str:
    lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
    return "\r\n".join(lines)


def _cut(draw: st.DrawFn, body: str, _lines: list[str]) -> str:
    start = draw(st.integers(0, len(body)))
    return body[:start] + body[start + draw(st.integers(1, 40)) :]


def _insert(draw: st.DrawFn, body: str, _lines: list[str]) -> str:
    place = draw(st.integers(0, len(body)))
    return body[:place] + draw(st.text(max_size=8)) + body[place:]


def _field(draw: st.DrawFn, _body: str, lines: list[str]) -> str:
    index = draw(st.integers(0, len(lines) - 1))
    fields = lines[index].split(" ")
    values = st.sampled_from(
        ["", "0", "-1", "9", "65536", "9" * 25, "::", "0.0.0.0", "x", "\u0663", "%", "1/2"]
    )
    fields[draw(st.integers(0, len(fields) - 1))] = draw(values)
    lines[index] = " ".join(fields)
    return "\r\n".join(lines)


def _swap(draw: st.DrawFn, _body: str, lines: list[str]) -> str:
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    lines[first], lines[second] = lines[second], lines[first]
    return "\r\n".join(lines)


MUTATIONS: list[Callable[[st.DrawFn, str, list[str]], str]] = [_drop, _double, _cut, _insert, _field, _swap]


def take(body: bytes | str, local: LocalMedia) -> None:
    """Everything that a peer's text goes through; only SdpError may come out."""
    try:
        description = parse(body)
    except SdpError:
        return
    for remark in description.diagnostics:
        assert remark.reason
    assert parse(write(description)) == description
    offer_of_peer(description, local)
    answer_of_peer(description, local)


def offer_of_peer(description: SessionDescription, local: LocalMedia) -> None:
    result = answer(description, local, session_id=1, version=1)
    assert len(result.description.media) == len(description.media)
    for asked, given_ in zip(description.media, result.description.media, strict=True):
        assert (asked.media, asked.proto) == (given_.media, given_.proto)
        assert asked.port != 0 or given_.port == 0
        assert set(given_.formats) <= set(asked.formats)
    assert parse(write(result.description), strict=True) == result.description
    live = [media for media in result.description.media if media.port]
    assert (result.negotiated is not None) == (len(live) == 1) == (not result.reason)
    if result.negotiated is not None:
        assert result.negotiated.direction.limited_to(local.direction) is result.negotiated.direction
        assert result.negotiated.format.carries_audio


def answer_of_peer(description: SessionDescription, local: LocalMedia) -> None:
    exchange = MediaExchange(session_id=1)
    exchange.offer(local)
    try:
        negotiated = exchange.accept(description)
    except NegotiationError:
        assert exchange.local is None
        return
    assert negotiated.format.key in {audio.key for audio in local.formats}
    assert len(exchange.offer(local).media) == len(description.media)


@given(mutated(), st.sampled_from(LOCALS))
@pytest.mark.req("SDP-8866-10", "OA-1", "BUN-4")
def test_mutated_real_descriptions(body: bytes, local: LocalMedia) -> None:
    take(body, local)


@given(st.binary(max_size=300))
@pytest.mark.req("SDP-8866-10")
def test_random_bytes(body: bytes) -> None:
    take(body, LOCAL)
    take(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n" + body, LOCAL)


@given(session_descriptions(), st.sampled_from(LOCALS))
def test_generated_descriptions(description: SessionDescription, local: LocalMedia) -> None:
    take(write(description), local)


@given(
    st.sampled_from(LOCALS[:2]), st.sampled_from(Direction), st.sampled_from(Direction), ice_descriptions()
)
@pytest.mark.req("OA-3", "OA-5", "SDP-8866-18")
def test_two_of_our_agents_understand_each_other(
    bob: LocalMedia, wish: Direction, other: Direction, ice: object
) -> None:
    alice = LocalMedia(formats=(PCMA, PCMU, EVENTS), direction=wish, ice=ice, address=LOCAL.address)  # type: ignore[arg-type]
    offer = build_offer(alice, session_id=1, version=1)
    assert parse(write(offer), strict=True) == offer
    answered = answer(parse(write(offer)), _wishing(bob, other), session_id=2, version=1)
    theirs = answered.negotiated
    if theirs is None:
        # Alice's default is not among these candidates: none is written, and Bob needs one.
        assert bob is PLAIN
        assert "no default address" in answered.reason
        return
    ours = accept_answer(offer, parse(write(answered.description)))
    assert ours.direction is theirs.direction.reverse
    assert (ours.format, ours.rtcp_mux) == (theirs.format, theirs.rtcp_mux)
    if theirs.ice is not None:
        assert ours.ice is not None
        assert ours.ice_reason == theirs.ice_reason == ""
        assert ours.components == theirs.components


def _wishing(local: LocalMedia, direction: Direction) -> LocalMedia:
    return LocalMedia(
        formats=local.formats,
        direction=direction,
        ice=local.ice,
        address=local.address,
        rtcp_address=local.rtcp_address,
    )
