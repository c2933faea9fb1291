"""ICE attributes and descriptions."""

from __future__ import annotations

import pytest
from hypothesis import given

from ice.types import Credentials, Description, TransportAddress
from sdp.attributes import ice_attr
from sdp.attributes.ice_attr import IceReading, RemoteCandidate
from sdp.errors import ValueFault
from sdp.syntax.model import Attribute, Connection, Media, Origin, SessionDescription
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.bodies import crlf
from tests.sdp.strategies import ice_descriptions

UFRAG, PASSWORD = "8hhY", "asd88fgpdd777uzjYhagZg"


def read(session: str = "", media: str = "", *, is_answer: bool = False) -> IceReading:
    text = "\n".join(
        line
        for line in (
            "v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0",
            *session.split("\n"), "m=audio 4000 RTP/AVP 0", *media.split("\n"),
        )
        if line
    )  # fmt: skip
    description = parse(crlf(text))
    return ice_attr.read(description, description.media[0], is_answer=is_answer)


CREDENTIALS = f"a=ice-ufrag:{UFRAG}\na=ice-pwd:{PASSWORD}"


def description_of(reading: IceReading) -> Description:
    assert reading.description is not None
    return reading.description


@pytest.mark.req("SDP-ICE-1")
@pytest.mark.parametrize(
    ("session", "media"),
    [
        (CREDENTIALS, ""),
        ("", CREDENTIALS),
        (f"a=ice-pwd:{PASSWORD}", f"a=ice-ufrag:{UFRAG}"),
        (CREDENTIALS.replace("8", "9"), CREDENTIALS),
    ],
    ids=["session", "media", "both", "media wins"],
)
def test_credentials_at_both_levels(session: str, media: str) -> None:
    credentials = description_of(read(session, media)).credentials
    assert (credentials.ufrag, credentials.password) == (UFRAG, PASSWORD)


@pytest.mark.req("SDP-ICE-1")
def test_peer_without_both_credentials_does_not_use_ice() -> None:
    assert read().reason == "the peer does not use ICE"
    assert read(media=f"a=ice-ufrag:{UFRAG}").description is None
    assert read(media=f"a=ice-pwd:{PASSWORD}").description is None


@pytest.mark.req("ICETCP-D05-1")
def test_candidates_of_the_2005_draft_are_no_ice() -> None:
    description = parse(bodies.DRAFT_2005_OFFER)
    reading = ice_attr.read(description, description.media[0], is_answer=False)
    assert reading.description is None
    assert "without ice-ufrag" in reading.reason
    assert [d.line for d in reading.diagnostics] == [8]


@pytest.mark.parametrize(
    ("name", "value"),
    [("ice-ufrag", "abc"), ("ice-ufrag", "x" * 257), ("ice-ufrag", "ab-d"), ("ice-pwd", "x" * 21),
     ("ice-pwd", "x" * 257), ("ice-pwd", "")],
)  # fmt: skip
def test_malformed_credentials_are_refused_without_repeating_them(name: str, value: str) -> None:
    other = f"a=ice-pwd:{PASSWORD}" if name == "ice-ufrag" else f"a=ice-ufrag:{UFRAG}"
    reading = read(media=f"{other}\na={name}:{value}")
    assert reading.description is None
    (remark,) = reading.diagnostics
    assert remark.line == 8
    assert remark.text == f"a={name}:..."


def test_longest_credentials() -> None:
    credentials = description_of(read(media=f"a=ice-ufrag:{'u' * 256}\na=ice-pwd:{'p' * 256}")).credentials
    assert (len(credentials.ufrag), len(credentials.password)) == (256, 256)


@pytest.mark.req("SDP-ICE-7", "SDP-ICE-34")
def test_attributes_of_the_session_level() -> None:
    description = description_of(read("a=ice-lite\na=ice-pacing:20", CREDENTIALS))
    assert (description.lite, description.pacing_ms) == (True, 20)
    reading = read("", f"{CREDENTIALS}\na=ice-lite\na=ice-pacing:20")
    description = description_of(reading)
    assert (description.lite, description.pacing_ms) == (False, None)
    assert [remark.text for remark in reading.diagnostics] == ["a=ice-lite", "a=ice-pacing:20"]


@pytest.mark.req("SDP-ICE-7")
@pytest.mark.parametrize("value", ["0", "x", "", "99999999999"])
def test_bad_pacing_is_ignored(value: str) -> None:
    reading = read(f"a=ice-pacing:{value}", CREDENTIALS)
    assert description_of(reading).pacing_ms is None
    assert len(reading.diagnostics) == 1


@pytest.mark.req("SDP-ICE-34")
def test_options_are_the_union_of_both_levels() -> None:
    reading = read("a=ice-options:ice2 rtp+ecn", f"{CREDENTIALS}\na=ice-options:trickle\na=ice-options:a-b x")
    assert description_of(reading).options == {"ice2", "rtp+ecn", "trickle", "x"}
    assert [remark.text for remark in reading.diagnostics] == ["a=ice-options:a-b x"]


@pytest.mark.req("SDP-ICE-34", "SDP-ICE-5")
def test_mismatch_is_for_answers_and_for_sections() -> None:
    assert description_of(read(media=f"{CREDENTIALS}\na=ice-mismatch", is_answer=True)).mismatch
    offer = read(media=f"{CREDENTIALS}\na=ice-mismatch")
    assert not description_of(offer).mismatch
    assert len(offer.diagnostics) == 1
    session = read("a=ice-mismatch", CREDENTIALS, is_answer=True)
    assert not description_of(session).mismatch
    assert len(session.diagnostics) == 1


@pytest.mark.req("ICETCP-4.5-4", "ICETCP-D05-6", "SDP-ICE-2")
def test_bad_candidates_are_refused_alone() -> None:
    good = "1 1 UDP 77 192.0.2.3 4000 typ host"
    lines = [good, "2 1 TCP 76 192.0.2.3 4000 typ host", "3 1 tcp 75 192.0.2.3 9 typ host tcptype weird",
             "4 1 UDP 74 abc.local 4000 typ host", "5 1 SCTP 73 192.0.2.3 4000 typ host",
             "6 1 tcp 72 192.0.2.3 9 typ host tcptype active"]  # fmt: skip
    reading = read(media="\n".join([CREDENTIALS, *(f"a=candidate:{line}" for line in lines)]))
    assert [candidate.foundation for candidate in description_of(reading).candidates] == ["1", "6"]
    assert [remark.line for remark in reading.diagnostics] == [10, 11, 12, 13]
    assert all(remark.reason.startswith("candidate ignored: ") for remark in reading.diagnostics)


def test_candidates_of_the_session_level_mean_nothing() -> None:
    reading = read("a=candidate:1 1 UDP 77 192.0.2.3 4000 typ host", CREDENTIALS)
    assert description_of(reading).candidates == ()
    assert len(reading.diagnostics) == 1


@pytest.mark.req("SDP-ICE-10")
@pytest.mark.parametrize(
    "lines",
    [
        "a=remote-candidates:1 192.0.2.3 45664 2 192.0.2.3 45665",
        "a=remote-candidates:1 192.0.2.3 45664\na=remote-candidates:2 192.0.2.3 45665",
    ],
    ids=["one line", "two lines"],
)
def test_remote_candidates(lines: str) -> None:
    reading = read(media=f"{CREDENTIALS}\n{lines}")
    assert reading.remote_candidates == (
        RemoteCandidate(component=1, address=TransportAddress(host="192.0.2.3", port=45664)),
        RemoteCandidate(component=2, address=TransportAddress(host="192.0.2.3", port=45665)),
    )
    assert ice_attr.format_remote_candidates(reading.remote_candidates) == (
        "1 192.0.2.3 45664 2 192.0.2.3 45665"
    )


@pytest.mark.req("SDP-ICE-32")
def test_remote_candidates_of_an_answer_are_ignored() -> None:
    reading = read(media=f"{CREDENTIALS}\na=remote-candidates:1 192.0.2.3 45664", is_answer=True)
    assert reading.remote_candidates == ()
    assert len(reading.diagnostics) == 1


@pytest.mark.parametrize("value", ["", "1 192.0.2.3", "1 name.example 4", "0 192.0.2.3 4", "1 192.0.2.3 x"])
def test_bad_remote_candidates(value: str) -> None:
    with pytest.raises(ValueFault):
        ice_attr.parse_remote_candidates(value)
    reading = read(media=f"{CREDENTIALS}\na=remote-candidates:{value}")
    assert (reading.remote_candidates, len(reading.diagnostics)) == ((), 1)


@pytest.mark.parametrize(
    ("session", "media", "complete"),
    [
        ("", "", True),
        ("a=ice-options:ice2", "", True),
        ("a=ice-options:trickle", "", False),
        ("", "a=ice-options:trickle", False),
        ("a=ice-options:trickle", "a=end-of-candidates", True),
        ("a=ice-options:trickle\na=end-of-candidates", "", True),
    ],
)
def test_end_of_candidates(session: str, media: str, complete: bool) -> None:
    assert description_of(read(session, f"{CREDENTIALS}\n{media}")).end_of_candidates is complete


def around(description: Description) -> SessionDescription:
    """A session description that holds `description` and nothing else about ICE."""
    return SessionDescription(
        origin=Origin(session_id=1, version=1, address="192.0.2.1"),
        connection=Connection.of("192.0.2.1"),
        attributes=ice_attr.session_attributes(description),
        media=(
            Media(
                media="audio",
                port=4000,
                proto="RTP/AVP",
                formats=("0",),
                attributes=ice_attr.media_attributes(description),
            ),
        ),
    )


@given(ice_descriptions())
def test_description_round_trip(description: Description) -> None:
    session = parse(write(around(description)), strict=True)
    reading = ice_attr.read(session, session.media[0], is_answer=False)
    assert reading.diagnostics == ()
    assert reading.description == description


@pytest.mark.req("SDP-ICE-7")
def test_lite_agent_sends_no_pacing() -> None:
    description = Description(
        credentials=Credentials(ufrag=UFRAG, password=PASSWORD), candidates=(), lite=True, pacing_ms=20
    )
    names = [attribute.name for attribute in ice_attr.session_attributes(description)]
    assert names == ["ice-lite", "ice-options"]


def test_mismatch_is_written_without_candidates() -> None:
    session = parse(bodies.SIPP_OFFER)
    description = description_of(ice_attr.read(session, session.media[0], is_answer=True))
    shown = Description(credentials=description.credentials, candidates=description.candidates, mismatch=True)
    assert ice_attr.media_attributes(shown) == (
        Attribute(name="ice-ufrag", value="9uB6"),
        Attribute(name="ice-pwd", value="YH75Fviy6338Vbrhrlp8Yh"),
        Attribute(name="ice-mismatch"),
    )


@pytest.mark.parametrize(("ufrag", "password"), [("abc", PASSWORD), ("u" * 33, PASSWORD), (UFRAG, "short")])
def test_own_credentials_are_checked(ufrag: str, password: str) -> None:
    credentials = Credentials(ufrag=ufrag, password=password)
    with pytest.raises(ValueError, match="ice-chars"):
        ice_attr.media_attributes(Description(credentials=credentials, candidates=()))
