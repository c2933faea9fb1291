"""The JSON form of descriptions and candidates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.description import (
    SCHEMA,
    candidate_from_json,
    candidate_to_json,
    description_from_json,
    description_to_json,
    dump_description,
    load_description,
)
from ice.errors import DescriptionError
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    TcpType,
    Transport,
    TransportAddress,
)

ICE_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
ice_text = st.text(ICE_CHARS, min_size=22, max_size=256)
addresses = st.builds(
    TransportAddress,
    host=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    port=st.integers(0, 65535),
)
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
fields: dict[str, Any] = {
    "foundation": st.text(ICE_CHARS, min_size=1, max_size=32),
    "component": st.integers(1, 256),
    "priority": st.integers(1, 2**31 - 1),
    "address": addresses,
    "type": st.sampled_from(CandidateType),
    "related": st.one_of(st.none(), addresses),
    "extensions": st.lists(st.tuples(tokens, tokens), max_size=4).map(tuple),
    "base": st.one_of(st.none(), addresses),
}
candidates = st.one_of(
    st.builds(Candidate, transport=st.just(Transport.UDP), tcptype=st.none(), **fields),
    st.builds(Candidate, transport=st.just(Transport.TCP), tcptype=st.sampled_from(TcpType), **fields),
)
descriptions = st.builds(
    Description,
    credentials=st.builds(Credentials, ufrag=ice_text, password=ice_text),
    candidates=st.lists(candidates, max_size=6).map(tuple),
    options=st.frozensets(st.text(ICE_CHARS, min_size=1, max_size=12), max_size=4),
    lite=st.booleans(),
    pacing_ms=st.one_of(st.none(), st.integers(0, 10_000)),
    mismatch=st.booleans(),
    end_of_candidates=st.booleans(),
)
EXAMPLE: dict[str, Any] = {
    "schema": SCHEMA,
    "ufrag": "evtj",
    "password": "VOkJxbRl1RmTxUk/WvJxBt",
    "candidates": [
        {
            "foundation": "1",
            "component": 1,
            "transport": "tcp",
            "priority": 2124414975,
            "address": {"host": "192.0.2.1", "port": 8998},
            "type": "host",
            "tcptype": "passive",
            "related": None,
            "extensions": [["generation", "0"]],
        }
    ],
    "options": ["ice2"],
    "lite": False,
    "pacing_ms": 20,
    "mismatch": False,
    "end_of_candidates": True,
}


FIRST = ("candidates", 0)


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The example with one value in another place."""
    copy: dict[str, Any] = json.loads(json.dumps(EXAMPLE))
    target: Any = copy
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return copy


@given(descriptions)
@pytest.mark.req("USE-1", "USE-2")
def test_load_after_dump_is_the_identity(description: Description) -> None:
    assert load_description(dump_description(description)) == description
    assert load_description(dump_description(description).encode()) == description


@given(candidates)
def test_the_base_is_never_told(candidate: Candidate) -> None:
    again = candidate_from_json(json.loads(json.dumps(candidate_to_json(candidate))))
    assert again == candidate
    assert again.base is None


def test_example() -> None:
    description = description_from_json(EXAMPLE)
    assert description.credentials == Credentials(ufrag="evtj", password="VOkJxbRl1RmTxUk/WvJxBt")
    assert description.candidates[0].tcptype is TcpType.PASSIVE
    assert description_to_json(description) == EXAMPLE


def test_optional_keys_have_defaults() -> None:
    short = {key: EXAMPLE[key] for key in ("schema", "ufrag", "password", "options")}
    description = description_from_json(short | {"candidates": []})
    assert not description.lite
    assert description.pacing_ms is None
    assert description.end_of_candidates


@given(st.sampled_from([(), FIRST, (*FIRST, "address")]), st.text(max_size=20), st.integers())
@pytest.mark.req("USE-2")
def test_unknown_keys_are_ignored(place: tuple[str | int, ...], key: str, value: int) -> None:
    key = f"x-{key}"
    assert description_from_json(changed((*place, key), value)) == description_from_json(EXAMPLE)


def test_addresses_get_their_canonical_spelling() -> None:
    entry = EXAMPLE["candidates"][0] | {"address": {"host": "2001:DB8:0::1", "port": 1}}
    assert candidate_from_json(entry).address.host == "2001:db8::1"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("schema",), 2, "schema"),
        (("schema",), True, "schema"),
        (("ufrag",), "abc", "ufrag"),
        (("ufrag",), "ab cd", "ufrag"),
        (("ufrag",), None, "ufrag"),
        (("password",), "x" * 21, "password"),
        (("password",), "x" * 257, "password"),
        (("candidates",), {}, "candidates"),
        (("candidates",), [None], "candidates[0]"),
        (("options",), ["ice2", ""], "options[1]"),
        (("lite",), 0, "lite"),
        (("pacing_ms",), 1.5, "pacing_ms"),
        (("pacing_ms",), -1, "pacing_ms"),
        ((*FIRST, "foundation"), "", "candidates[0].foundation"),
        ((*FIRST, "foundation"), "a b", "candidates[0].foundation"),
        ((*FIRST, "foundation"), "x" * 33, "candidates[0].foundation"),
        ((*FIRST, "component"), 0, "candidates[0].component"),
        ((*FIRST, "component"), 257, "candidates[0].component"),
        ((*FIRST, "component"), "1", "candidates[0].component"),
        ((*FIRST, "priority"), 0, "candidates[0].priority"),
        ((*FIRST, "priority"), 2**31, "candidates[0].priority"),
        ((*FIRST, "transport"), "sctp", "candidates[0].transport"),
        ((*FIRST, "transport"), "udp", "tcptype"),
        ((*FIRST, "tcptype"), None, "tcptype"),
        ((*FIRST, "tcptype"), "pass", "candidates[0].tcptype"),
        ((*FIRST, "type"), "guess", "candidates[0].type"),
        ((*FIRST, "address"), {"host": "example.com", "port": 1}, "candidates[0].address.host"),
        ((*FIRST, "address"), {"host": "fe80::1%eth0", "port": 1}, "candidates[0].address.host"),
        ((*FIRST, "address"), {"host": "192.0.2.1", "port": 65536}, "candidates[0].address.port"),
        ((*FIRST, "address"), {"host": "192.0.2.1"}, "candidates[0].address.port"),
        ((*FIRST, "related"), "192.0.2.1:9", "candidates[0].related"),
        ((*FIRST, "extensions"), [["a"]], "candidates[0].extensions[0]"),
        ((*FIRST, "extensions"), [["a b", "c"]], "candidates[0].extensions[0]"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    path: tuple[str | int, ...], value: object, where: str
) -> None:
    with pytest.raises(DescriptionError) as caught:
        description_from_json(changed(path, value))
    assert where in str(caught.value)


@pytest.mark.parametrize("key", ["schema", "ufrag", "password", "candidates", "options"])
def test_required_keys(key: str) -> None:
    with pytest.raises(DescriptionError, match=f"{key} is missing"):
        description_from_json({name: value for name, value in EXAMPLE.items() if name != key})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"schema": 1, "schema": 1}',
        '{"schema": NaN}',
        "[" * 60_000,
        " " * 70_000,
        b"\xff\xfe\xfd",
        '{"schema": 1' + "0" * 5000 + "}",
    ],
    ids=range(10),
)
def test_bad_texts_are_refused(text: str | bytes) -> None:
    with pytest.raises(DescriptionError):
        load_description(text)


@pytest.mark.parametrize(("key", "value"), [("lite", "yes"), ("password", "short secret")])
def test_errors_do_not_tell_the_password(key: str, value: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        description_from_json(changed((key,), value))
    assert EXAMPLE["password"] not in str(caught.value)
    assert "secret" not in str(caught.value)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(sorted(EXAMPLE)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_random_json_raises_only_description_errors(value: object) -> None:
    with pytest.raises(DescriptionError):
        load_description(json.dumps(value))


@given(st.sampled_from(sorted(EXAMPLE["candidates"][0])), json_values)
def test_a_mutated_candidate_is_read_or_refused(key: str, value: object) -> None:
    try:
        candidate = candidate_from_json(EXAMPLE["candidates"][0] | {key: value})
    except DescriptionError:
        return
    assert candidate_from_json(candidate_to_json(candidate)) == candidate
