"""Formats and packet times of an RTP section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import rtp_attr
from sdp.attributes.rtp_attr import AudioFormat, PacketTimes
from sdp.errors import ValueFault
from sdp.syntax.model import Attribute, Media


def media(formats: str, *lines: str) -> Media:
    attributes = []
    for number, line in enumerate(lines, start=10):
        name, colon, value = line.partition(":")
        attributes.append(Attribute(name=name, value=value if colon else None, line=number))
    return Media(
        media="audio",
        port=4000,
        proto="RTP/AVP",
        formats=tuple(formats.split()),
        attributes=tuple(attributes),
        line=9,
    )


@pytest.mark.req("SDP-8866-7")
def test_static_formats_need_no_rtpmap() -> None:
    formats, remarks = rtp_attr.formats(media("0 8 9 18"))
    assert [(f.payload_type, f.name, f.clock_rate) for f in formats] == [
        (0, "PCMU", 8000),
        (8, "PCMA", 8000),
        (9, "G722", 8000),
        (18, "G729", 8000),
    ]
    assert remarks == ()


@pytest.mark.req("SDP-8866-7")
def test_names_compare_without_case_and_one_channel_is_the_default() -> None:
    short = rtp_attr.parse_rtpmap("0 pcmu/8000")
    long = rtp_attr.parse_rtpmap("0 PCMU/8000/1")
    assert short.key == long.key
    assert rtp_attr.parse_rtpmap("0 PCMU/8000/2").key != long.key
    assert rtp_attr.format_rtpmap(long) == "0 PCMU/8000"
    assert rtp_attr.format_rtpmap(rtp_attr.parse_rtpmap("111 opus/48000/2")) == "111 opus/48000/2"


@pytest.mark.req("SDP-8866-7")
def test_second_rtpmap_is_ignored_with_a_remark() -> None:
    formats, remarks = rtp_attr.formats(media("96", "rtpmap:96 opus/48000/2", "rtpmap:96 PCMU/8000"))
    assert [f.name for f in formats] == ["opus"]
    assert [remark.line for remark in remarks] == [11]


@pytest.mark.parametrize(
    "value", ["", "96", "96 opus", "128 opus/48000", "x opus/48000", "96 opus/0", "96 opus/48000/2/1",
              "96 op(us/48000", "96 opus/48000/0", "-1 opus/48000"]
)  # fmt: skip
def test_malformed_rtpmap(value: str) -> None:
    with pytest.raises(ValueFault):
        rtp_attr.parse_rtpmap(value)
    formats, remarks = rtp_attr.formats(media("0", f"rtpmap:{value}"))
    assert [f.name for f in formats] == ["PCMU"]
    assert len(remarks) == 1


def test_formats_that_cannot_be_used() -> None:
    formats, remarks = rtp_attr.formats(media("0 0 97 200 t38", "rtpmap:50 x/8000", "fmtp:50 x"))
    assert [f.payload_type for f in formats] == [0]
    assert [remark.line for remark in remarks] == [10, 11, 9, 9, 9, 9]


@pytest.mark.req("SDP-8866-8")
def test_fmtp() -> None:
    formats, remarks = rtp_attr.formats(
        media("111", "rtpmap:111 opus/48000/2", "fmtp:111 minptime=10; UseInbandFEC=1 ;x", "fmtp:111 y=1",
              "fmtp:96 z=1", "fmtp:q z=1")
    )  # fmt: skip
    assert formats[0].fmtp == "minptime=10; UseInbandFEC=1 ;x"
    assert [remark.line for remark in remarks] == [12, 13, 14]


@pytest.mark.req("RTCP-2")
def test_mux_bars_the_numbers_of_rtcp() -> None:
    section = media("72 96", "rtpmap:72 PCMU/8000", "rtpmap:96 PCMA/8000")
    assert [f.payload_type for f in rtp_attr.formats(section)[0]] == [72, 96]
    formats, remarks = rtp_attr.formats(section, muxed=True)
    assert [f.payload_type for f in formats] == [96]
    assert len(remarks) == 1
    for barred in (64, 95):
        section = media(str(barred), f"rtpmap:{barred} PCMU/8000")
        assert rtp_attr.formats(section, muxed=True)[0] == ()
    for free in (63, 96):
        section = media(str(free), f"rtpmap:{free} PCMU/8000")
        assert len(rtp_attr.formats(section, muxed=True)[0]) == 1


@pytest.mark.req("DTMF-SDP-2")
def test_what_carries_audio() -> None:
    def audio(name: str) -> AudioFormat:
        return AudioFormat(payload_type=96, name=name, clock_rate=8000)

    assert [audio(name).carries_audio for name in ("PCMU", "opus", "telephone-event", "CN", "red")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert audio("Telephone-Event").is_telephone_event


def test_formats_round_trip() -> None:
    formats = (
        AudioFormat(payload_type=0, name="PCMU", clock_rate=8000),
        AudioFormat(payload_type=101, name="telephone-event", clock_rate=8000, fmtp="0-15"),
    )
    lines = rtp_attr.format_attributes(formats)
    assert [str(line) for line in lines] == [
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
    ]
    section = Media(media="audio", port=1, proto="RTP/AVP", formats=("0", "101"), attributes=lines)
    assert rtp_attr.formats(section) == (formats, ())


@pytest.mark.req("SDP-8866-8")
@pytest.mark.parametrize(
    ("value", "expected"),
    [("20", 20.0), ("2.5", 2.5), ("0", None), ("0.0", None), ("-1", None), ("x", None), ("", None),
     ("1e3", None), ("9" * 30, None)],
)  # fmt: skip
def test_packet_times(value: str, expected: float | None) -> None:
    times, remarks = rtp_attr.packet_times(media("0", f"ptime:{value}", f"maxptime:{value}"))
    assert times == PacketTimes(ptime_ms=expected, maxptime_ms=expected)
    assert len(remarks) == (0 if expected else 2)


@pytest.mark.req("OA-21")
@pytest.mark.parametrize(
    ("ptime", "maxptime", "frame", "expected"),
    [
        (None, None, 1, 20),
        (30.0, None, 1, 30),
        (30.0, 150.0, 20, 20),
        (60.0, 40.0, 1, 40),
        (None, 10.0, 1, 10),
        (2.5, None, 1, 2),
        (10.0, None, 20, 20),
        (500.0, None, 1, 200),
        (0.5, 0.5, 1, 1),
    ],
)
def test_packet_time_to_send_with(
    ptime: float | None, maxptime: float | None, frame: int, expected: int
) -> None:
    times = PacketTimes(ptime_ms=ptime, maxptime_ms=maxptime)
    assert rtp_attr.sending_ptime(times, frame_ms=frame) == expected


positive = st.none() | st.floats(0.1, 10**6)


@given(positive, positive, st.integers(1, 60))
def test_packet_time_is_whole_frames_within_the_limit(
    ptime: float | None, maxptime: float | None, frame: int
) -> None:
    result = rtp_attr.sending_ptime(PacketTimes(ptime_ms=ptime, maxptime_ms=maxptime), frame_ms=frame)
    assert result % frame == 0
    assert frame <= result
    assert result == frame or (maxptime is None or result <= maxptime)
