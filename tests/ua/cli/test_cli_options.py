"""What is typed: durations, URIs, files."""

from __future__ import annotations

import contextlib
import wave
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from ua.cli.options import (
    checked_tone,
    one_of,
    parse_duration,
    proxy_uri,
    readable_wav,
    target_uri,
    writable,
)
from ua.cli.session import with_codecs
from ua.config.account import Account
from ua.config.sip_uri import is_loopback
from ua.errors import UsageError

ALICE = Account(uri="sip:alice@example.com")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("1.5s", 1.5), ("7", 7), ("10 MIN", 600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5x", "-5s", "0s", "1e9s", "8d", "5 s s", "nan", "inf"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(typer.BadParameter):
        assert parse_duration(text) > 0


@pytest.mark.parametrize(
    ("typed", "uri"),
    [
        ("sip:bob@192.0.2.1:5070", "sip:bob@192.0.2.1:5070"),
        (" sip:192.0.2.1 ", "sip:192.0.2.1"),
        ("bob@example.org", "sip:bob@example.org"),
        ("bob", "sip:bob@example.com"),
        ("+49123", "sip:+49123@example.com"),
    ],
)
def test_whom_to_call(typed: str, uri: str) -> None:
    assert target_uri(typed, ALICE) == uri


def test_a_bare_name_at_a_secure_account() -> None:
    assert target_uri("bob", Account(uri="sips:alice@example.com")) == "sips:bob@example.com"
    assert target_uri("bob@192.0.2.1", Account(uri="sips:alice@example.com")) == "sip:bob@192.0.2.1"
    assert target_uri("sips:bob@192.0.2.1", Account()) == "sips:bob@192.0.2.1"


def test_a_bare_name_at_an_account_with_an_ipv6_server() -> None:
    assert target_uri("bob", Account(uri="sip:alice@[2001:db8::1]")) == "sip:bob@[2001:db8::1]"


@pytest.mark.parametrize(
    "typed", ["", "bob", "192.0.2.1:5060", "http://example.com", "sips:bob@example.com;transport=udp", "a b"]
)
def test_what_cannot_be_called_without_an_account(typed: str) -> None:
    with pytest.raises(UsageError, match="cannot call"):
        target_uri(typed, Account())


def test_proxies() -> None:
    assert proxy_uri("192.0.2.1:5060;transport=tcp") == "sip:192.0.2.1:5060;transport=tcp"
    assert proxy_uri("sip:proxy.example.com") == "sip:proxy.example.com"
    assert proxy_uri("sips:proxy.example.com") == "sips:proxy.example.com"
    with pytest.raises(UsageError, match="--proxy"):
        proxy_uri("http://proxy.example.com")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("192.0.2.1", False),
        ("example.com", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_codecs_in_any_case() -> None:
    assert with_codecs(ALICE, None) is ALICE
    assert with_codecs(ALICE, "OPUS, pcmu,l16/16000").media.codecs == ("opus", "PCMU", "L16/16000")
    with pytest.raises(UsageError, match="no codec 'g729'") as caught:
        with_codecs(ALICE, "PCMU,G729")
    assert "known are opus, G722" in str(caught.value.hint)


def test_only_one_source_at_a_time() -> None:
    one_of(wav=None, tone=None, silence=False)
    one_of(wav=Path("a"), tone=None)
    with pytest.raises(UsageError, match="--wav and --tone cannot be used together"):
        one_of(wav=Path("a"), tone=440.0, silence=False)


def test_tones_that_a_telephone_carries() -> None:
    assert checked_tone(440.0) == 440.0
    assert checked_tone(None) is None
    for hz in (5.0, 5000.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="cannot be sent"):
            checked_tone(hz)


def write_wav(path: Path, frames: int = 4000, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * frames))
    return path


def test_files_that_can_be_played(tmp_path: Path) -> None:
    file = write_wav(tmp_path / "a.wav")
    assert readable_wav(file) == file
    pcm = write_wav(tmp_path / "b.wav").read_bytes()
    # The same samples, said to be IEEE floats of 16 bits less: a format that only the media package reads.
    extensible = tmp_path / "c.wav"
    floats = bytes(4 * 4000)
    head = b"RIFF" + (36 + len(floats)).to_bytes(4, "little") + pcm[8:16] + (16).to_bytes(4, "little")
    form = (3).to_bytes(2, "little") + (1).to_bytes(2, "little") + (8000).to_bytes(4, "little")
    form += (32000).to_bytes(4, "little") + (4).to_bytes(2, "little") + (32).to_bytes(2, "little")
    extensible.write_bytes(head + form + b"data" + len(floats).to_bytes(4, "little") + floats)
    assert readable_wav(extensible) == extensible


def test_files_that_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        readable_wav(tmp_path / "none.wav")
    with pytest.raises(UsageError, match="cannot be read"):
        readable_wav(tmp_path)
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF and nothing that follows")
    with pytest.raises(UsageError) as caught:
        readable_wav(noise)
    assert str(noise) in caught.value.what
    assert "convert" in caught.value.hint


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    assert writable(tmp_path / "a.wav", "--record") == tmp_path / "a.wav"
    with pytest.raises(UsageError, match="is a folder"):
        writable(tmp_path, "--record")
    with pytest.raises(UsageError, match="there is no folder"):
        writable(tmp_path / "no" / "a.wav", "--record")
