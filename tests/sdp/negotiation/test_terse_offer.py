"""Offers that must be short say nothing that goes without saying."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import TransportAddress
from sdp.attributes import rtp_attr
from sdp.attributes.direction import Direction
from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.negotiated import LocalMedia
from sdp.negotiation.offer_size import static_formats
from sdp.syntax import parser, writer

OPUS = AudioFormat(payload_type=111, name="opus", clock_rate=48000, channels=2, fmtp="useinbandfec=1")
EVENTS = AudioFormat(payload_type=101, name="telephone-event", clock_rate=8000, fmtp="0-15")
WIDE_EVENTS = AudioFormat(payload_type=100, name="telephone-event", clock_rate=48000, fmtp="0-15")
EVERY = (OPUS, STATIC_FORMATS[9], STATIC_FORMATS[0], STATIC_FORMATS[13], WIDE_EVENTS, EVENTS)


def lines(*formats: AudioFormat, terse: bool) -> list[str]:
    return [f"{each.name}:{each.value}" for each in rtp_attr.format_attributes(tuple(formats), terse=terse)]


@pytest.mark.req("DTMF-SDP-1")
def test_static_payload_types_need_no_word_and_events_are_listed() -> None:
    assert lines(*EVERY, terse=True) == [
        "rtpmap:111 opus/48000/2",
        "fmtp:111 useinbandfec=1",
        "rtpmap:100 telephone-event/48000",
        "fmtp:100 0-15",
        "rtpmap:101 telephone-event/8000",
        "fmtp:101 0-15",
    ]
    assert len(lines(*EVERY, terse=False)) == 9


def test_what_is_not_usual_is_said_however_short() -> None:
    other = replace(STATIC_FORMATS[0], clock_rate=16000)
    assert lines(other, terse=True) == ["rtpmap:0 PCMU/16000"]
    assert lines(replace(EVENTS, fmtp="0-11"), terse=True)[1] == "fmtp:101 0-11"
    with_parameters = replace(STATIC_FORMATS[9], fmtp="bitrate=64000")
    assert lines(with_parameters, terse=True) == ["fmtp:9 bitrate=64000"]


@pytest.mark.parametrize(
    ("direction", "ptime_ms", "said"),
    [
        (Direction.SENDRECV, 20, set()),
        (Direction.SENDONLY, 20, {"sendonly"}),
        (Direction.SENDRECV, 40, {"ptime"}),
    ],
)
def test_both_say_the_same_to_who_reads_them(direction: Direction, ptime_ms: int, said: set[str]) -> None:
    local = LocalMedia(
        formats=EVERY,
        direction=direction,
        ptime_ms=ptime_ms,
        address=TransportAddress(host="192.0.2.1", port=4000),
    )
    read = []
    for terse in (False, True):
        exchange = MediaExchange(session_id=1)
        offer = parser.parse(writer.write(exchange.offer(replace(local, terse=terse))).encode())
        media = offer.media[0]
        names = {attribute.name for attribute in media.attributes}
        assert names & {"ptime", "sendrecv", "sendonly"} == (said if terse else {"ptime", direction.value})
        formats, remarks = rtp_attr.formats(media)
        assert not remarks
        read.append([(each.payload_type, each.key) for each in formats])
    assert read[0] == read[1]


def test_the_last_thing_to_leave_out_is_a_codec_that_needs_lines_of_its_own() -> None:
    assert static_formats(EVERY) == (STATIC_FORMATS[9], STATIC_FORMATS[0], STATIC_FORMATS[13], EVENTS)
    assert static_formats((OPUS, WIDE_EVENTS)) == (OPUS, WIDE_EVENTS)
