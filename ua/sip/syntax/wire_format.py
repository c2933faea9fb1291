"""The one door to the SIP wire format: messages to bytes and back (RFC 3261 §7).

The library behind it (docs/decisions/0001-sip-wire-format.md) splits a message into header fields and writes
them; bounds, strictness and the typed values are here and in the small modules beside it. Nobody else imports
the library.
"""

from __future__ import annotations

import re
from typing import Final

from aiosipua.headers import MULTI_INSTANCE_HEADERS
from aiosipua.message import SipMessage, SipRequest, SipResponse

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import is_token
from ua.sip.syntax.headers import Headers, full_name
from ua.sip.syntax.message import Message, Request, Response
from ua.sip.syntax.reasons import REASONS
from ua.sip.syntax.spelling import spelled
from ua.sip.syntax.uri import Uri

MAX_LINE_BYTES: Final = 8 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_ROWS: Final = 200
MAX_VIAS: Final = 70

_REQUEST_LINE_RE: Final = re.compile(r"(\S+) (\S+) SIP/(\d{1,5})\.(\d{1,5})", re.IGNORECASE)
_STATUS_LINE_RE: Final = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?", re.IGNORECASE)
_ROW_NAME_RE: Final = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*:")
_VIA_START_RE: Final = re.compile(r"SIP[ \t]*/[^/]+/[ \t]*[A-Za-z]+[ \t]+[\w.\-\[\]:]+", re.IGNORECASE)

_MANDATORY: Final = ("via", "from", "to", "call-id", "cseq")
_SINGLE: Final = (
    "from", "to", "call-id", "cseq", "max-forwards", "content-type", "expires", "event", "rack",
    "session-expires", "replaces",
)  # fmt: skip


class MalformedRequest(SipParseError):
    """A request that cannot be read, though it says where its answer goes.

    No ACK is answered, nor a request without a usable top Via (RFC 3261 §8.2.6, §18.3).

    Attributes:
        answer: the 400 or 505 that the sender should get, without a To tag of ours.
    """

    def __init__(self, reason: str, answer: Response) -> None:
        super().__init__(reason)
        self.answer = answer


def parse(data: bytes) -> Message:
    """Read one message: a datagram, or one that a stream was framed into.

    Bytes behind Content-Length are dropped; without one the body is what follows the header (RFC 3261 §18.3).
    Raises SipParseError: a MalformedRequest where the sender should get an answer.
    """
    data = data.lstrip(b"\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    if len(head) > MAX_HEADER_BYTES:
        raise SipParseError("header too long")
    lines = head.decode("utf-8", "replace").split("\r\n")
    start = lines[0]
    if not blank and lines[-1] == "":
        lines.pop()
    is_response = _STATUS_LINE_RE.fullmatch(start)
    is_request = _REQUEST_LINE_RE.fullmatch(start)
    problem = "" if blank else "no empty line after the header"
    if is_response is None and start[:4].upper() == "SIP/":
        raise SipParseError("malformed status line")
    rows, lengths, flaw = _check_rows(lines)
    problem = problem or flaw
    if is_response is None and is_request is None:
        method = start.split(" ", 1)[0]
        if len(lines) > 1 and is_token(method):
            raise _malformed("malformed request line", 400, _read_rows(rows), method)
        raise SipParseError("malformed request line")
    headers = _read_rows(rows)
    if is_response is not None:
        return _finish_response(is_response, headers, body, lengths, problem)
    assert is_request is not None  # noqa: S101 - the other case was left above
    return _finish_request(is_request, headers, body, lengths, problem)


def serialise(message: Message) -> bytes:
    """The bytes of a message; Content-Length is counted here.

    Raises ValueError where a header name or value holds a line break (a mistake of our caller).
    """
    if isinstance(message, Request):
        if not is_token(message.method):
            raise ValueError("the method is no token")
        wire: SipMessage = SipRequest(method=message.method, uri=str(message.uri), body=message.body)
    else:
        wire = SipResponse(status_code=message.status, reason_phrase=message.reason, body=message.body)
        if "\r" in message.reason or "\n" in message.reason:
            raise ValueError("line break in a reason phrase")
    for name, value in message.headers:
        wire.headers.append(name, value)
    return spelled(bytes(wire), message.headers.values)


def _check_rows(lines: list[str]) -> tuple[list[str], list[str], str]:
    """Header lines without Content-Length, the values of Content-Length, and what is wrong (or empty)."""
    kept: list[str] = []
    lengths: list[str] = []
    flaw = ""
    in_length = False
    rows = 0
    for line in lines[1:]:
        if len(line) > MAX_LINE_BYTES:
            flaw = flaw or "header line too long"
        elif "\r" in line or "\n" in line:
            flaw = flaw or "bare CR or LF in the header"
        elif line[:1] in (" ", "\t"):
            if in_length:
                lengths[-1] = f"{lengths[-1]} {line.strip()}".strip()
            elif kept:
                kept.append(line)
            else:
                flaw = flaw or "the header begins with a folded line"
        elif (name := _ROW_NAME_RE.match(line)) is None:
            flaw = flaw or "a header line without a name"
        else:
            rows += 1
            in_length = full_name(name[1]) == "content-length"
            if in_length:
                lengths.append(line[name.end() :].strip())
            elif rows <= MAX_ROWS:
                kept.append(line)
    if rows > MAX_ROWS:
        flaw = flaw or "too many header lines"
    return kept, lengths, flaw


def _read_rows(rows: list[str]) -> Headers:
    """Let the library unfold, expand compact names and split lists."""
    text = "\r\n".join(["SIP/2.0 200 OK", *rows, "", ""])
    gathered: dict[str, tuple[str, ...]] = {}
    for name, values in SipMessage.parse(text.encode()).headers.items():
        key = full_name(name)
        # an empty element of a list says nothing and would not survive being written
        if told := [value for value in values if value or key not in MULTI_INSTANCE_HEADERS]:
            gathered[key] = (*gathered.get(key, ()), *told)
    for key, values_read in gathered.items():
        if len(values_read) > 1 and any("\\" in value for value in values_read):
            # the library ends a quoted string at an escaped quote: join its list again and split it ourselves
            gathered[key] = (", ".join(values_read),)
    return Headers(gathered)


def _cut_body(body: bytes, lengths: list[str]) -> bytes:
    if not lengths:
        if len(body) > MAX_BODY_BYTES:
            raise SipParseError("body too long")
        return body
    first = lengths[0]
    if not (first.isascii() and first.isdigit()):
        raise SipParseError("malformed Content-Length")
    if any(length != first for length in lengths):
        raise SipParseError("Content-Length given twice with different values")
    if len(first) > 9 or int(first) > MAX_BODY_BYTES:
        raise SipParseError("body too long")
    if int(first) > len(body):
        raise SipParseError("body shorter than Content-Length")
    return body[: int(first)]


def _check_common(message: Message) -> None:
    headers = message.headers
    for name in _MANDATORY:
        if not headers.first(name):
            raise SipParseError(f"no {name.title()}")
    for name in _SINGLE:
        if len(headers.all(name)) > 1:
            raise SipParseError(f"{name.title()} given twice")
    if len(headers.all("via")) > MAX_VIAS:
        raise SipParseError("too many Vias")
    _ = message.via, message.from_, message.to, message.cseq


def _finish_response(
    line: re.Match[str], headers: Headers, body: bytes, lengths: list[str], problem: str
) -> Response:
    if problem:
        raise SipParseError(problem)
    response = Response(
        status=int(line[1]), reason=line[2] or "", headers=headers, body=_cut_body(body, lengths)
    )
    _check_common(response)
    return response


def _finish_request(
    line: re.Match[str], headers: Headers, body: bytes, lengths: list[str], problem: str
) -> Request:
    method = line[1]
    if not is_token(method):
        raise _malformed("malformed method", 400, headers, method)
    if (int(line[3]), int(line[4])) != (2, 0):
        raise _malformed("version is not SIP/2.0", 505, headers, method)
    try:
        if problem:
            raise SipParseError(problem)
        request = Request(
            method=method, uri=Uri.parse(line[2]), headers=headers, body=_cut_body(body, lengths)
        )
        _check_common(request)
        if request.cseq.method != method:
            raise SipParseError("CSeq names another method")
    except SipParseError as error:
        raise _malformed(error.reason, 400, headers, method) from error
    return request


def _malformed(reason: str, status: int, headers: Headers, method: str) -> SipParseError:
    """What a bad request raises; its answer is made of the parts that can be read."""
    if method == "ACK" or _VIA_START_RE.match(headers.first("via") or "") is None:
        return SipParseError(reason)
    kept = {name: headers.all(name)[:1] if name != "via" else headers.all(name) for name in _MANDATORY}
    rows = Headers({name: values for name, values in kept.items() if values})
    return MalformedRequest(reason, Response(status=status, reason=REASONS[status], headers=rows))
