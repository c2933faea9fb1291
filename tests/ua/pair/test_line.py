"""The line that people copy: what is done to it on the way, and what is wrong with it."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.description import MAX_CANDIDATES, description_to_json
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    TcpType,
    Transport,
    TransportAddress,
)
from ua.errors import UsageError
from ua.pair.line import MAX_JSON, MAX_LINE, Line, digits_of, read_line, split_line, write_line


def candidate(number: int, transport: Transport = Transport.UDP) -> Candidate:
    return Candidate(
        foundation=f"{number}",
        component=1,
        transport=transport,
        priority=2130706431 - number,
        address=TransportAddress(host=f"192.0.2.{number}", port=40000 + number),
        type=CandidateType.HOST,
        tcptype=TcpType.PASSIVE if transport is Transport.TCP else None,
    )


def description(count: int = 2) -> Description:
    return Description(
        credentials=Credentials(ufrag="someufrag", password="p" * 24),
        candidates=tuple(candidate(n, Transport.TCP if n % 2 else Transport.UDP) for n in range(count)),
        pacing_ms=10,
    )


OFFER = write_line(Line(kind="offer", description=description(), proof=bytes(range(32))))
ANSWER = write_line(Line(kind="answer", description=description(), proof=bytes(225), to=digits_of(OFFER)))


def refused(text: str, *, wanted: str = "offer", own: str = "", ended: bool = True) -> str:
    """The message that a person gets."""
    with pytest.raises(UsageError) as caught:
        found = split_line(text, ended=ended)
        assert found is not None
        read_line(found[0], wanted=wanted, own=own)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.req("USE-1", "USE-2")
def test_a_line_says_what_was_written() -> None:
    line = Line(kind="offer", description=description(12), proof=bytes(range(32)))
    text = write_line(line)
    assert read_line(text, wanted="offer", own="") == line
    # It is for eyes and clipboards: one line, no character that a shell or a chat changes.
    assert len(text) < 1024
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:")


def test_an_answer_names_the_offer() -> None:
    assert read_line(ANSWER, wanted="answer", own=OFFER).to == digits_of(OFFER)


@pytest.mark.parametrize(
    "pasted",
    [
        OFFER + "\n",
        OFFER + "\r\n",
        "\n\n  " + OFFER + "  \n",
        "\n".join(OFFER[at : at + 72] for at in range(0, len(OFFER), 72)) + "\n",
        "\r\n".join("> " + OFFER[at : at + 60] for at in range(0, len(OFFER), 60)) + "\r\n",
        f'"{OFFER}"\n',
        f"\u201c{OFFER}\u201d\n",
    ],
    ids=["lf", "crlf", "blanks", "wrapped", "quoted-mail", "quotes", "round-quotes"],
)
def test_what_mail_and_terminals_do_to_a_line(pasted: str) -> None:
    found = split_line(pasted, ended=False)
    assert found is not None
    assert found[0] == OFFER


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([" ", "\n", "\r\n", "\t", ">"])), max_size=20)
)
def test_noise_anywhere_changes_nothing(noise: list[tuple[int, str]]) -> None:
    text = OFFER
    for at, what in noise:
        at %= len(text)
        text = text[:at] + what + text[at:]
    found = split_line(text, ended=True)
    assert found is not None
    assert found == (OFFER, len(text))


@given(st.integers(0, len(OFFER) - 1))
def test_a_part_of_a_line_is_waited_for_and_then_refused(length: int) -> None:
    assert split_line(OFFER[:length], ended=False) is None
    with pytest.raises(UsageError):
        split_line(OFFER[:length], ended=True)


def test_what_follows_the_line_is_left_alone() -> None:
    found = split_line(OFFER + "\ndata:that:follows:deadbeef", ended=False)
    assert found == (OFFER, len(OFFER))


@given(st.text(max_size=200))
def test_any_text_is_a_line_or_one_documented_error(text: str) -> None:
    try:
        found = split_line(text, ended=True)
        if found is not None:
            read_line(found[0], wanted="offer", own="")
    except UsageError as error:
        assert error.what


@given(st.integers(0, len(OFFER) - 1), st.sampled_from("Aa0-_:"))
def test_one_wrong_character_is_found(at: int, character: str) -> None:
    if OFFER[at].lower() == character.lower():
        return
    damaged = OFFER[:at] + character + OFFER[at + 1 :]
    with pytest.raises(UsageError):
        found = split_line(damaged, ended=True)
        if found is not None:
            read_line(found[0], wanted="offer", own="")


def test_each_mistake_has_its_own_message() -> None:
    assert refused("hello there\n") == "this is no line of 'icephone ice pair'"
    assert refused("") == "the other side's line did not come"
    assert refused(OFFER[:-3]) == "the line breaks off before its end"
    assert refused(OFFER, wanted="answer", own=OFFER) == "this is the line of this side, pasted back"
    assert "both sides have started" in refused(OFFER, wanted="answer", own=OFFER.replace("a", "b"))
    assert "both sides have joined" in refused(ANSWER)
    assert refused(ANSWER, wanted="answer", own=OFFER[:-1] + "x") == "the line answers another offer"
    assert "version 2" in refused(OFFER.replace("icepair1", "icepair2"))
    changed = OFFER.replace("offer:e", "offer:f")
    assert refused(changed) == "the line is damaged: its check digits do not fit"
    assert refused("icepair1:offer:" + "A" * MAX_LINE, ended=False).startswith("no line ends within")


def packed(value: Any, *, kind: str = "offer") -> str:
    """A line with right check digits around anything."""
    data = zlib.compress(value if isinstance(value, bytes) else json.dumps(value).encode())
    text = f"icepair1:{kind}:{base64.urlsafe_b64encode(data).decode().rstrip('=')}"
    import hashlib

    return f"{text}:{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@pytest.mark.parametrize(
    "value",
    [
        b"no json",
        b"[" * 5000,
        b" " * (MAX_JSON + 1),
        [],
        {},
        {"ice": description_to_json(description())},
        {"ice": description_to_json(description()), "key": "AAAA"},
        {"ice": description_to_json(description()), "key": "!"},
        {
            "ice": {**description_to_json(description()), "candidates": [{}] * (MAX_CANDIDATES + 1)},
            "key": "A",
        },
    ],
)
def test_what_is_in_a_line_is_checked(value: Any) -> None:
    assert refused(packed(value)).startswith("the line cannot be used: ")


def test_an_answer_without_its_offer_or_certificate() -> None:
    ice = description_to_json(description())
    for value in ({"ice": ice, "certificate": "AAAA"}, {"ice": ice, "to": "00000000"}):
        text = refused(packed(value, kind="answer"), wanted="answer", own=OFFER)
        assert text.startswith("the line cannot be used: ")
