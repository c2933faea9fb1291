"""Bodies of INFO requests that bring candidates (RFC 8840 §9)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.types import Credentials
from sdp.errors import SdpError
from sdp.ice.fragment import read
from tests.sdp.bodies import crlf

CREDENTIALS = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
OURS = Credentials(ufrag="abcd", password="0123456789012345678901")
HOST = "a=candidate:1 1 UDP 2130706431 192.0.2.7 5000 typ host\n"
PASSIVE = "a=candidate:2 1 TCP 2124414975 192.0.2.7 5001 typ host tcptype passive\n"


@pytest.mark.req("TRI-6")
@pytest.mark.parametrize("level", ["session", "media"])
def test_candidates_by_m_line(level: str) -> None:
    session, media = (CREDENTIALS, "") if level == "session" else ("", CREDENTIALS)
    body = crlf(
        f"{session}m=audio 9 RTP/AVP 0\n{media}a=mid:1\n{HOST}{PASSIVE}"
        f"m=audio 9 RTP/AVP 0\n{media}a=mid:2\na=end-of-candidates"
    )
    first, second = read(body.encode()).sections
    assert (first.mid, second.mid) == ("1", "2")
    assert [candidate.foundation for candidate in first.candidates] == ["1", "2"]
    assert (first.end_of_candidates, second.end_of_candidates) == (False, True)
    assert first.credentials == second.credentials == OURS


@pytest.mark.req("TRI-6")
@pytest.mark.parametrize("sections", ["", "m=audio 9 RTP/AVP 0\na=mid:1\n"])
def test_the_end_at_the_session_level_is_the_end_of_all(sections: str) -> None:
    body = crlf(f"{CREDENTIALS}a=end-of-candidates\n{sections}".rstrip("\n"))
    (section,) = read(body.encode()).sections
    assert section.end_of_candidates
    assert section.credentials == OURS


def test_lines_are_counted_from_the_first_of_the_fragment() -> None:
    body = crlf(f"{CREDENTIALS}m=audio 9 RTP/AVP 0\na=mid:1\na=candidate:nonsense\n{HOST}".rstrip("\n"))
    fragment = read(body.encode())
    assert [remark.line for remark in fragment.diagnostics] == [5]
    assert len(fragment.sections[0].candidates) == 1


def test_candidates_without_credentials_are_of_nobody() -> None:
    fragment = read(crlf(f"m=audio 9 RTP/AVP 0\na=mid:1\n{HOST}".rstrip("\n")).encode())
    assert fragment.sections == ()
    assert any("of nobody" in remark.reason for remark in fragment.diagnostics)


@given(st.binary(max_size=300) | st.text(alphabet="amidce=:-0123456789 \r\n", max_size=300).map(str.encode))
def test_anything_else_is_one_error_or_a_fragment(body: bytes) -> None:
    with contextlib.suppress(SdpError):
        read(body)
