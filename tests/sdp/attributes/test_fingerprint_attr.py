"""a=fingerprint, a=tls-id and a=setup as the role in DTLS."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import fingerprint_attr
from sdp.attributes.connection_attr import Setup
from sdp.attributes.fingerprint_attr import ANSWERS, DIGEST_LENGTHS, DtlsRole, Fingerprint, parse, strongest
from sdp.errors import ValueFault
from sdp.syntax.model import Attribute, Media, Origin, SessionDescription

GOOD = Fingerprint(hash="sha-256", digest=bytes(range(32)))
OTHER = Fingerprint(hash="sha-256", digest=bytes(32))
SHA512 = Fingerprint(hash="sha-512", digest=bytes(64))


def body(media: list[str], session: list[str]) -> tuple[SessionDescription, Media]:
    def lines(texts: list[str]) -> tuple[Attribute, ...]:
        return tuple(
            Attribute(name=name, value=value) for name, _, value in (text.partition(":") for text in texts)
        )

    section = Media(media="audio", port=1, proto="UDP/TLS/RTP/SAVP", formats=("0",), attributes=lines(media))
    origin = Origin(session_id=1, version=1, address="192.0.2.1")
    return SessionDescription(origin=origin, attributes=lines(session), media=(section,)), section


@pytest.mark.req("KEY-1")
@given(st.sampled_from(sorted(DIGEST_LENGTHS)), st.data())
def test_what_is_written_is_read_in_any_case(name: str, data: st.DataObject) -> None:
    length = DIGEST_LENGTHS[name]
    value = Fingerprint(hash=name, digest=data.draw(st.binary(min_size=length, max_size=length)))
    assert parse(str(value)) == value
    assert parse(str(value).lower()) == value
    assert parse(str(value).upper()) == value
    digits = str(value).split(" ")[1]
    assert digits == digits.upper()
    assert len(digits) == 3 * length - 1


@pytest.mark.req("KEY-1")
@pytest.mark.parametrize(
    "value",
    [
        "md5 " + ":".join(["00"] * 16),
        "md2 " + ":".join(["00"] * 16),
        "sha-1 " + ":".join(["00"] * 20),
        "sha-256 " + ":".join(["00"] * 31),
        "sha-256 " + ":".join(["00"] * 33),
        "sha-256 " + "00" * 32,
        "sha-256 " + ":".join(["0G"] * 32),
        "sha-256",
        "",
    ],
)
def test_weak_and_malformed_ones_are_refused(value: str) -> None:
    with pytest.raises(ValueFault):
        parse(value)
    lines, remarks = fingerprint_attr.read(*body([f"fingerprint:{value}"], []))
    assert lines.fingerprints == ()
    assert lines.told
    assert len(remarks) == 1


@pytest.mark.req("KEY-1")
def test_the_media_level_wins_over_the_session() -> None:
    lines, _ = fingerprint_attr.read(*body([f"fingerprint:{GOOD}"], [f"fingerprint:{OTHER}"]))
    assert lines.fingerprints == (GOOD,)
    lines, _ = fingerprint_attr.read(*body([], [f"fingerprint:{OTHER}"]))
    assert lines.fingerprints == (OTHER,)


@pytest.mark.req("KEY-12")
def test_those_of_the_strongest_hash_count() -> None:
    assert strongest([GOOD, SHA512, OTHER]) == (SHA512,)
    assert strongest([GOOD, OTHER, GOOD]) == (GOOD, OTHER)
    assert strongest([]) == ()


@pytest.mark.req("KEY-3")
@pytest.mark.parametrize(
    ("value", "good"),
    [("a" * 20, True), ("A-z_0/9+" * 3, True), ("a" * 255, True), ("a" * 19, False), ("a" * 256, False),
     ("a" * 19 + "=", False), ("", False)],
)  # fmt: skip
def test_a_tls_id_has_20_to_255_characters(value: str, good: bool) -> None:
    lines, remarks = fingerprint_attr.read(*body([f"tls-id:{value}"], []))
    assert lines.tls_id == (value if good else None)
    assert bool(remarks) is not good
    assert fingerprint_attr.read(*body([], [f"tls-id:{value}"]))[0].tls_id is None, "media level alone"


@pytest.mark.req("KEY-2", "ICETCP-4.5-9")
def test_an_answer_is_active_where_it_may_be_and_never_holdconn() -> None:
    assert {setup: [role.value for role in ANSWERS[setup]] for setup in Setup} == {
        Setup.ACTPASS: ["active", "passive"],
        Setup.ACTIVE: ["passive"],
        Setup.PASSIVE: ["active"],
        Setup.HOLDCONN: [],
    }
    assert DtlsRole.CLIENT.other is DtlsRole.SERVER
    assert DtlsRole.SERVER.other is DtlsRole.CLIENT


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueFault):
        parse(text)
