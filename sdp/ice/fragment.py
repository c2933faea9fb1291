"""Candidates that follow a description: application/trickle-ice-sdpfrag (RFC 8840 §4.4, §9)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ice.types import Candidate, Credentials
from sdp.attributes import ice_attr
from sdp.diagnostics import Diagnostic
from sdp.errors import SdpError
from sdp.syntax.parser import parse

CONTENT_TYPE = "application/trickle-ice-sdpfrag"

# What a description has before its attributes; the rest of a fragment is written like one.
_HEAD = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
_HEAD_LINES = _HEAD.count("\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentSection:
    """What a fragment says of one m= line.

    Attributes:
        mid: identification tag of the m= line, None where it has none.
        credentials: of the generation that the candidates belong to; its own or those of the session level.
        candidates: in the order in which they were found, those of earlier fragments included.
        end_of_candidates: no more will come.
    """

    mid: str | None
    credentials: Credentials
    candidates: tuple[Candidate, ...]
    end_of_candidates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A body of an INFO request.

    Attributes:
        sections: by pseudo m= line; one without a name where there is none, which holds for all streams.
        diagnostics: lines that were refused.
    """

    sections: tuple[FragmentSection, ...]
    diagnostics: tuple[Diagnostic, ...]


def read(body: bytes) -> Fragment:
    """Read a fragment; sections without credentials are left out, faults in lines become diagnostics.

    Raises:
        SdpError: it cannot be read at all.
    """
    text = body.decode("utf-8", errors="replace")
    try:
        whole = parse(_HEAD + text)
    except SdpError as error:
        raise SdpError(error.reason, _line(error.line)) from error
    ended = whole.first("end-of-candidates") is not None
    diagnostics = list(whole.diagnostics)
    sections = []
    for media in whole.media:
        reading = ice_attr.read(whole, media, is_answer=False)
        diagnostics += reading.diagnostics
        if reading.description is None:
            diagnostics.append(media.diagnostic(f"candidates of nobody: {reading.reason}"))
            continue
        mid = media.first("mid")
        sections.append(
            FragmentSection(
                mid=None if mid is None else mid.value,
                credentials=reading.description.credentials,
                candidates=reading.description.candidates,
                end_of_candidates=ended or media.first("end-of-candidates") is not None,
            )
        )
    if not whole.media and ended:
        ufrag, password = whole.first("ice-ufrag"), whole.first("ice-pwd")
        if ufrag is not None and password is not None:
            credentials = Credentials(ufrag=ufrag.value or "", password=password.value or "")
            sections.append(
                FragmentSection(mid=None, credentials=credentials, candidates=(), end_of_candidates=True)
            )
    return Fragment(
        sections=tuple(sections),
        diagnostics=tuple(replace(each, line=_line(each.line)) for each in diagnostics),
    )


def _line(line: int | None) -> int | None:
    return None if line is None else max(1, line - _HEAD_LINES)
