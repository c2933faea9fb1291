"""Format parameters in answers (RFC 3264 §6.1), and the formats of other codecs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat
from sdp.negotiation import format_match, format_parameters
from tests.sdp.answering import accepted, plain, reply
from tests.sdp.local import EVENTS, LOCAL, OPUS, PCMA, PCMU

AMR = AudioFormat(payload_type=98, name="AMR", clock_rate=8000)
ILBC = AudioFormat(payload_type=97, name="iLBC", clock_rate=8000)
SIREN = AudioFormat(payload_type=99, name="G7221", clock_rate=16000)
CN = STATIC_FORMATS[13]


@pytest.mark.req("OA-20")
@pytest.mark.parametrize(
    ("audio", "offered", "ours", "answer"),
    [
        (AMR, "octet-align=1; mode-set=0,7", "octet-align=1; mode-set=0", "octet-align=1; mode-set=0"),
        (AMR, "OCTET-ALIGN=1", "octet-align=1", "octet-align=1"),
        (ILBC, "mode=20", "mode=20", "mode=20"),
        (SIREN, "bitrate=32000", "bitrate=32000", "bitrate=32000"),
        (OPUS, "minptime=10;useinbandfec=1;x=2", "maxaveragebitrate=24000", "maxaveragebitrate=24000"),
        (OPUS, "minptime=10", "", ""),
        (EVENTS, "0-16", "0-15", "0-15"),
        (EVENTS, "0-11", "0-15,66", "0-15,66"),
        (STATIC_FORMATS[18], "annexb=no", "annexb=yes", "annexb=yes"),
    ],
)
def test_what_defines_a_format_is_echoed_and_wishes_are_free(
    audio: AudioFormat, offered: str, ours: str, answer: str
) -> None:
    theirs, own = replace(audio, fmtp=offered), replace(audio, fmtp=ours)
    assert format_parameters.is_same(theirs, own)
    assert format_parameters.answer(theirs, own) == answer


@pytest.mark.req("OA-20")
@pytest.mark.parametrize(
    ("audio", "one", "other"),
    [
        (AMR, "octet-align=1", ""),
        (AMR, "octet-align=1; crc=1", "octet-align=1"),
        (SIREN, "bitrate=24000", "bitrate=32000"),
        (ILBC, "mode=20", "mode=30"),
    ],
)
def test_formats_with_other_defining_parameters_are_others(audio: AudioFormat, one: str, other: str) -> None:
    first, second = replace(audio, fmtp=one), replace(audio, fmtp=other)
    assert not format_parameters.is_same(first, second)
    assert format_match.match([first, PCMU], [second, PCMU]) == format_match.match([PCMU], [PCMU])


@pytest.mark.req("OA-20")
def test_an_answer_on_the_wire() -> None:
    local = replace(LOCAL, formats=(replace(AMR, fmtp="octet-align=1; mode-set=7"), EVENTS))
    offer = plain(
        "a=rtpmap:100 AMR/8000",
        "a=rtpmap:101 AMR/8000",
        "a=fmtp:101 octet-align=1; robust-sorting=0",
        "a=rtpmap:102 telephone-event/8000",
        "a=fmtp:102 0-11",
        media="audio 4000 RTP/AVP 100 101 102",
    )
    with_sorting = offer.replace("; robust-sorting=0", "")
    media, _ = accepted(with_sorting, local)
    assert media.formats == ("101", "102")
    assert [attribute.value for attribute in media.all("fmtp")] == [
        "101 octet-align=1; mode-set=7",
        "102 0-15",
    ]
    assert reply(offer, local).negotiated is None


@given(st.text(alphabet="abc=; 0", max_size=40))
def test_parameters_of_any_text(text: str) -> None:
    for name, value in format_parameters.parameters(text).items():
        assert name
        assert name == name.strip().lower()
        assert ";" not in name + value


@pytest.mark.req("DTMF-SDP-5")
@pytest.mark.parametrize("wrong", ["opus/48000", "opus/16000/1", "opus/48000/1", "opus/8000/2"])
def test_opus_is_opus_48000_2(wrong: str) -> None:
    local = replace(LOCAL, formats=(OPUS,))
    media = "audio 4000 RTP/AVP 111"
    assert reply(plain("a=rtpmap:111 opus/48000/2", media=media), local).negotiated is not None
    assert reply(plain(f"a=rtpmap:111 {wrong}", media=media), local).negotiated is None


@pytest.mark.req("DTMF-SDP-5")
def test_comfort_noise_shares_the_clock_of_a_codec() -> None:
    local = replace(LOCAL, formats=(OPUS, PCMU, CN))
    both = plain("a=rtpmap:111 opus/48000/2", media="audio 4000 RTP/AVP 0 13 111")
    assert accepted(both, local)[0].formats == ("0", "13", "111")
    alone = plain("a=rtpmap:111 opus/48000/2", media="audio 4000 RTP/AVP 111 13")
    assert accepted(alone, replace(LOCAL, formats=(OPUS, CN)))[0].formats == ("111",)
    wide = plain("a=rtpmap:111 opus/48000/2", "a=rtpmap:98 CN/48000", media="audio 4000 RTP/AVP 111 98")
    assert accepted(wide, local)[0].formats == ("111",)
    assert accepted(plain(media="audio 4000 RTP/AVP 0 13"), replace(LOCAL, formats=(PCMU, PCMA, CN)))[
        0
    ].formats == ("0", "13")
