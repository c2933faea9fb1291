"""Payload types: static numbers, the dynamic range, and what rtcp-mux bars (RFC 3551 §6, RFC 5761 §4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat, formats
from sdp.negotiation.exchange import MediaExchange
from sdp.syntax.model import Attribute, Media
from tests.sdp.answering import accepted, plain
from tests.sdp.local import LOCAL, PCMU

STATIC = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    5: ("DVI4", 8000, 1),
    6: ("DVI4", 16000, 1),
    7: ("LPC", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    12: ("QCELP", 8000, 1),
    13: ("CN", 8000, 1),
    14: ("MPA", 90000, 1),
    15: ("G728", 8000, 1),
    16: ("DVI4", 11025, 1),
    17: ("DVI4", 22050, 1),
    18: ("G729", 8000, 1),
}


def section(numbers: str, *rtpmaps: str) -> Media:
    attributes = tuple(Attribute(name="rtpmap", value=value) for value in rtpmaps)
    return Media(
        media="audio", port=4000, proto="RTP/AVP", formats=tuple(numbers.split()), attributes=attributes
    )


@pytest.mark.req("PT")
def test_static_numbers_mean_their_codec_and_no_other_number_means_one() -> None:
    read, _ = formats(section(" ".join(map(str, range(128)))))
    assert {f.payload_type: (f.name, f.clock_rate, f.channels) for f in read} == STATIC
    assert set(STATIC_FORMATS) == set(STATIC)


@pytest.mark.req("PT")
def test_an_rtpmap_says_the_same_as_a_bare_static_number_or_overrides_it() -> None:
    bare, _ = formats(section("0"))
    written, _ = formats(section("0", "0 PCMU/8000"))
    other, _ = formats(section("0", "0 opus/48000/2"))
    assert [f.key for f in bare] == [f.key for f in written] == [PCMU.key]
    assert [f.key for f in other] == [("opus", 48000, 2)]


@pytest.mark.req("PT")
def test_new_numbers_come_from_the_dynamic_range_and_below_64_only_when_that_is_full() -> None:
    many = tuple(AudioFormat(payload_type=96, name=f"X-{n}", clock_rate=8000) for n in range(40))
    offer = MediaExchange(session_id=1).offer(replace(LOCAL, formats=(PCMU, *many)))
    numbers = [int(number) for number in offer.media[0].formats]
    assert numbers[:33] == [0, *range(96, 128)]
    assert numbers[33:] == list(range(35, 43))


@pytest.mark.req("PT")
@pytest.mark.parametrize("number", [64, 72, 80, 95])
def test_numbers_that_look_like_rtcp_are_not_taken_with_mux(number: int) -> None:
    media, negotiated = accepted(
        plain(f"a=rtpmap:{number} PCMU/8000", "a=rtcp-mux", media=f"audio 4000 RTP/AVP {number} 8")
    )
    assert media.formats == ("8",)
    assert negotiated.format.payload_type == 8
    assert number not in {audio.payload_type for audio in negotiated.formats}
