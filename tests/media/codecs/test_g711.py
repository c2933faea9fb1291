from __future__ import annotations

import math
from array import array

import pytest

from media.audio.samples import melody
from media.codecs import PCMA, PCMU, for_name
from media.codecs.g711 import G711
from media.errors import CodecError


def mu_law(code: int) -> int:
    """The value of a mu-law code by the formula of G.711, in 16-bit scale."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) * 2 + 33) << ((code >> 4) & 7)) - 33
    return (-magnitude if code & 0x80 else magnitude) * 4


def a_law(code: int) -> int:
    """The value of an A-law code by the formula of G.711, in 16-bit scale."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = mantissa * 2 + 1 if exponent == 0 else (mantissa * 2 + 33) << (exponent - 1)
    return (magnitude if code & 0x80 else -magnitude) * 8


@pytest.mark.req("PCM-1")
def test_all_codes_agree_with_the_tables_of_g711() -> None:
    codes = bytes(range(256))
    assert array("h", PCMU.decode(codes)).tolist() == [mu_law(code) for code in range(256)]
    assert array("h", PCMA.decode(codes)).tolist() == [a_law(code) for code in range(256)]


@pytest.mark.req("PCM-1")
def test_silence_has_the_code_of_positive_zero() -> None:
    assert PCMU.encode(bytes(4)) == b"\xff\xff"
    assert PCMA.encode(bytes(4)) == b"\xd5\xd5"


@pytest.mark.req("PCM-1")
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_every_code_survives_decoding_and_encoding(codec: G711) -> None:
    codes = bytes(code for code in range(256) if codec is not PCMU or code != 0x7F)  # 0x7F is negative zero
    assert codec.encode(codec.decode(codes)) == codes


@pytest.mark.req("PCM-1")
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_a_byte_is_a_sample(codec: G711) -> None:
    assert len(codec.encode(bytes(320))) == 160
    for length in (1, 160, 1600):
        assert codec.duration(bytes(length)) == length
        assert len(codec.decode(bytes(length))) == 2 * length
    assert codec.maximum_payload == 1600


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_music_keeps_over_35_db(codec: G711) -> None:
    samples = array("h", melody())
    coded = array("h", codec.decode(codec.encode(melody())))
    noise = sum((a - b) ** 2 for a, b in zip(samples, coded, strict=True))
    assert 10 * math.log10(sum(a * a for a in samples) / noise) > 35


def test_codecs_are_found_by_their_rtpmap_name_in_any_case() -> None:
    assert for_name("pcmu") is for_name("PCMU") is PCMU
    assert for_name("PCMA") is PCMA
    with pytest.raises(CodecError, match="G729"):
        for_name("G729")
