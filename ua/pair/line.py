"""The text that people copy from one terminal to the other.

    icepair1:offer:<base64url>:<8 hexadecimal digits>

The base64url text is deflated JSON: `ice`, a description (`ice.description`); of an offer `key`, the public
key of the sender; of an answer `certificate`, the same as a certificate, and `to`, the digits of the offer
that it answers. The digits at the end are the first of the SHA-256 of all before them. What a terminal, a
mail program or a chat puts in between, line breaks, blanks, quotation marks, is skipped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any, Literal

from ice.description import description_from_json, description_to_json
from ice.errors import DescriptionError
from ice.types import Description
from ua.errors import UsageError

Kind = Literal["offer", "answer"]

PREFIX = "icepair"
VERSION = "1"

MAX_LINE = 16384
"""Characters that are read in search of one line."""

MAX_JSON = 65536
"""Bytes of the JSON in it."""

_DIGITS = 8
_NOISE = re.compile(r"[\s>\"'`\u201c\u201d\u200b\ufeff]+")
_LINE = re.compile(
    rf"{PREFIX}(\d{{1,4}}):(offer|answer):([A-Za-z0-9_-]+):([0-9a-f]{{{_DIGITS}}})", re.IGNORECASE
)
_AGAIN = "copy the whole line once more, from 'icepair' to the digits at its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one side tells the other.

    Attributes:
        kind: "offer" of the side that starts, "answer" of the side that joins.
        description: its ICE description.
        proof: how the other side knows this one: a raw Ed25519 public key in an offer, a certificate (DER)
            in an answer.
        to: digits of the offer that is answered; empty in an offer.
    """

    kind: Kind
    description: Description
    proof: bytes
    to: str = ""


def write_line(line: Line) -> str:
    """The text, without a line break."""
    value: dict[str, Any] = {"ice": description_to_json(line.description)}
    if line.kind == "offer":
        value["key"] = _encode(line.proof)
    else:
        value |= {"certificate": _encode(line.proof), "to": line.to}
    packed = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9)
    text = f"{PREFIX}{VERSION}:{line.kind}:{_encode(packed)}"
    return f"{text}:{_digits(text)}"


def digits_of(text: str) -> str:
    """The digits at the end of a line."""
    return text[-_DIGITS:]


def split_line(text: str, *, ended: bool) -> tuple[str, int] | None:
    """Find the first line in what was pasted; the line without noise, and where in `text` it ends.

    None while more may come. `ended` tells that nothing more comes.

    Raises:
        UsageError: it does not begin like a line, or it has no end.
    """
    clean: list[str] = []
    for end, character in enumerate(text, start=1):
        if _NOISE.fullmatch(character):
            continue
        clean.append(character)
        if len(clean) > _DIGITS and clean[-_DIGITS - 1] == ":" and clean.count(":") == 3:
            return "".join(clean), end
    start = "".join(clean[: len(PREFIX)]).lower()
    if not PREFIX.startswith(start) or (len(start) == len(PREFIX) and not _may_become("".join(clean))):
        shown = "".join(clean[:40])
        raise UsageError(
            "this is no line of 'icephone ice pair'", seen=f"{shown!r}", hint="it begins with 'icepair1:'"
        )
    if len(text) > MAX_LINE:
        raise UsageError(f"no line ends within {MAX_LINE} characters", hint=_AGAIN)
    if ended:
        if not clean:
            raise UsageError("the other side's line did not come", hint="paste it, or name it with --remote")
        raise UsageError("the line breaks off before its end", hint=_AGAIN)
    return None


def read_line(text: str, *, wanted: Kind, own: str) -> Line:
    """Read a line that `split_line` found.

    Args:
        text: the line.
        wanted: the kind that this side needs.
        own: the line that this side wrote itself, empty where it wrote none yet.

    Raises:
        UsageError: damaged, of the wrong kind, our own, or an answer to somebody else (OtherAnswer).
    """
    found = _LINE.fullmatch(text)
    if found is None:
        raise UsageError("this is no line of 'icephone ice pair'", hint=_AGAIN)
    if found[1] != VERSION:
        raise UsageError(
            f"the other side writes version {found[1]} of the line, this one reads {VERSION}",
            hint="use the same icephone on both sides",
        )
    if text == own:
        raise UsageError(
            "this is the line of this side, pasted back", hint="paste what the other side printed"
        )
    if _digits(text[: -_DIGITS - 1]) != found[4].lower():
        raise UsageError("the line is damaged: its check digits do not fit", hint=_AGAIN)
    kind = found[2].lower()
    if kind != wanted:
        raise UsageError(_WRONG_KIND[wanted], hint=_WRONG_KIND_HINT[wanted])
    try:
        line = _read(wanted, _unpack(found[3]))
    except (DescriptionError, ValueError) as error:
        raise UsageError(f"the line cannot be used: {error}", hint=_AGAIN) from None
    if wanted == "answer" and line.to != digits_of(own).lower():
        raise OtherAnswer(
            "the line answers another offer", hint="the other side must join with the line of this run"
        )
    return line


class OtherAnswer(UsageError):
    """An answer to an offer that is not ours: of a run before, perhaps."""


_WRONG_KIND = {
    "answer": "this is an offer, and this side has made one itself: both sides have started",
    "offer": "this is an answer, and this side waits for an offer: both sides have joined",
}
_WRONG_KIND_HINT = {
    "answer": "on the other side run 'icephone ice pair --join'",
    "offer": "on the other side run 'icephone ice pair' without --join",
}


def _may_become(text: str) -> bool:
    """True where `text`, without noise, can be the beginning of a line."""
    return (
        re.fullmatch(rf"{PREFIX}\d{{0,4}}(:[a-z]*(:[A-Za-z0-9_-]*(:[0-9a-f]*)?)?)?", text, re.IGNORECASE)
        is not None
    )


def _read(kind: Kind, packed: bytes) -> Line:
    try:
        value = json.loads(packed)
    except (ValueError, RecursionError):
        raise ValueError("it holds no JSON") from None
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    description = description_from_json(value.get("ice"))
    if kind == "offer":
        key = _decode(value.get("key"))
        if len(key) != 32:
            raise ValueError("its key has not 32 bytes")
        return Line(kind=kind, description=description, proof=key)
    to = value.get("to")
    if not isinstance(to, str):
        raise ValueError("it does not say which offer it answers")
    return Line(kind=kind, description=description, proof=_decode(value.get("certificate")), to=to)


def _unpack(text: str) -> bytes:
    inflating = zlib.decompressobj()
    try:
        data = inflating.decompress(_decode(text), MAX_JSON)
    except zlib.error:
        raise ValueError("it is not compressed as it should be") from None
    if not inflating.eof:
        raise ValueError(f"it holds more than {MAX_JSON} bytes")
    return data


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("a key is missing")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no base64url text") from None


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
