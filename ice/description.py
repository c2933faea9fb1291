"""JSON form of descriptions and candidates, so that any rendezvous can carry them (RFC 8445 §5.3).

The reader is strict: a missing key, a wrong type or a value outside its RFC range raises DescriptionError
with the path of the culprit. Unknown keys are ignored, so that a later form may add some. The base of a
candidate is local knowledge and never written. docs/ice.md tells what each key means.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar, cast

from ice.candidates.trickle import CandidateMessage
from ice.errors import DescriptionError
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    TcpType,
    Transport,
    TransportAddress,
)

SCHEMA = 1
"""Number of this form; a reader refuses any other."""

MAX_TEXT = 65536
"""Characters of the longest text that is read."""

MAX_CANDIDATES = 256

# RFC 8839 §5.1, §5.4: foundation 1 to 32, ufrag 4 to 256, pwd 22 to 256 ice-chars.
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_OPTION = re.compile(r"[A-Za-z0-9+/]{1,256}")
_EXTENSION_NAME = re.compile(r"[!-~]{1,256}")
# RFC 8839 §5.1: extension values are VCHARs.
_EXTENSION_VALUE = re.compile(r"[!-~]{0,1024}")

_MAX_COMPONENT = 256
_MAX_PRIORITY = 2**31 - 1
_MAX_PACING_MS = 9_999_999_999
_MAX_PORT = 65535

_T = TypeVar("_T")
_E = TypeVar("_E", CandidateType, TcpType, Transport)


def dump_description(description: Description) -> str:
    """The JSON text of a description; `load_description` reads it back."""
    return json.dumps(description_to_json(description))


def load_description(text: str | bytes) -> Description:
    """Read a JSON text; raises DescriptionError."""
    if len(text) > MAX_TEXT:
        raise DescriptionError(f"the text is longer than {MAX_TEXT}")
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DescriptionError(f"not JSON: {error}") from error
    return description_from_json(value)


def description_to_json(description: Description) -> dict[str, Any]:
    """Plain JSON values of a description."""
    return {
        "schema": SCHEMA,
        "ufrag": description.credentials.ufrag,
        "password": description.credentials.password,
        "candidates": [candidate_to_json(candidate) for candidate in description.candidates],
        "options": sorted(description.options),
        "lite": description.lite,
        "pacing_ms": description.pacing_ms,
        "mismatch": description.mismatch,
        "end_of_candidates": description.end_of_candidates,
    }


def description_from_json(value: object) -> Description:
    """Read plain JSON values; raises DescriptionError."""
    entry = _Object(value, "description")
    _known_schema(entry)
    return Description(
        credentials=Credentials(
            ufrag=entry.take("ufrag", _matching(_UFRAG)),
            password=entry.take("password", _password),
        ),
        candidates=entry.take("candidates", _list(candidate_from_json, MAX_CANDIDATES)),
        options=frozenset(entry.take("options", _list(_matching(_OPTION), MAX_CANDIDATES))),
        lite=entry.take("lite", _boolean, False),
        pacing_ms=entry.take("pacing_ms", _optional(_integer(0, _MAX_PACING_MS)), None),
        mismatch=entry.take("mismatch", _boolean, False),
        end_of_candidates=entry.take("end_of_candidates", _boolean, True),
    )


def message_to_json(message: CandidateMessage) -> dict[str, Any]:
    """Plain JSON values of trickled candidates."""
    return {
        "schema": SCHEMA,
        "ufrag": message.ufrag,
        "number": message.number,
        "candidates": [candidate_to_json(candidate) for candidate in message.candidates],
        "end_of_candidates": message.end_of_candidates,
    }


def message_from_json(value: object) -> CandidateMessage:
    """Read trickled candidates; raises DescriptionError."""
    entry = _Object(value, "message")
    _known_schema(entry)
    return CandidateMessage(
        ufrag=entry.take("ufrag", _matching(_UFRAG)),
        number=entry.take("number", _integer(1, 2**31)),
        candidates=entry.take("candidates", _list(candidate_from_json, MAX_CANDIDATES), ()),
        end_of_candidates=entry.take("end_of_candidates", _boolean, False),
    )


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    """Plain JSON values of a candidate."""
    return {
        "foundation": candidate.foundation,
        "component": candidate.component,
        "transport": candidate.transport.value,
        "priority": candidate.priority,
        "address": _address_to_json(candidate.address),
        "type": candidate.type.value,
        "tcptype": None if candidate.tcptype is None else candidate.tcptype.value,
        "related": None if candidate.related is None else _address_to_json(candidate.related),
        "extensions": [list(extension) for extension in candidate.extensions],
    }


def candidate_from_json(value: object, path: str = "candidate") -> Candidate:
    """Read plain JSON values; raises DescriptionError, `path` tells where in its text."""
    entry = _Object(value, path)
    fields = {
        "foundation": entry.take("foundation", _matching(_FOUNDATION)),
        "component": entry.take("component", _integer(1, _MAX_COMPONENT)),
        "transport": entry.take("transport", _enum(Transport)),
        "priority": entry.take("priority", _integer(1, _MAX_PRIORITY)),
        "address": entry.take("address", _address),
        "type": entry.take("type", _enum(CandidateType)),
        "tcptype": entry.take("tcptype", _optional(_enum(TcpType)), None),
        "related": entry.take("related", _optional(_address), None),
        "extensions": entry.take(
            "extensions", _list(_extension, MAX_CANDIDATES), tuple[tuple[str, str], ...]()
        ),
    }
    try:
        return Candidate(**cast("dict[str, Any]", fields))
    except ValueError as error:
        raise DescriptionError(f"{path}: {error}") from error


# --- readers: (value, path) -> value or DescriptionError ---------------------------------------------------

_Reader = Callable[[object, str], _T]
_MISSING: Any = object()


class _Object:
    """A JSON object whose keys are taken one by one."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            _refuse(path, "an object", value)
        self._value = value
        self._path = path

    def take(self, key: str, read: _Reader[_T], default: _T = _MISSING) -> _T:
        if key not in self._value:
            if default is _MISSING:
                raise DescriptionError(f"{self._path}.{key} is missing")
            return default
        return read(self._value[key], f"{self._path}.{key}")


def _known_schema(entry: _Object) -> None:
    if entry.take("schema", _integer(0, 2**31)) != SCHEMA:
        raise DescriptionError(f"only schema {SCHEMA} is known")


def _refuse(path: str, expected: str, value: object) -> NoReturn:
    raise DescriptionError(f"{path}: {expected} expected, not {repr(value)[:64]}")


def _boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        _refuse(path, "true or false", value)
    return value


def _integer(least: int, most: int) -> _Reader[int]:
    def read(value: object, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            _refuse(path, f"an integer of {least} to {most}", value)
        return value

    return read


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        _refuse(path, "text", value)
    return value


def _matching(pattern: re.Pattern[str]) -> _Reader[str]:
    def read(value: object, path: str) -> str:
        text = _text(value, path)
        if not pattern.fullmatch(text):
            _refuse(path, pattern.pattern, value)
        return text

    return read


def _password(value: object, path: str) -> str:
    # What is refused may be the right password with a slip: the error does not repeat it.
    if not isinstance(value, str) or not _PASSWORD.fullmatch(value):
        raise DescriptionError(f"{path}: {_PASSWORD.pattern} expected")
    return value


def _enum(kind: type[_E]) -> _Reader[_E]:
    def read(value: object, path: str) -> _E:
        try:
            return kind(_text(value, path))
        except ValueError:
            _refuse(path, " or ".join(member.value for member in kind), value)

    return read


def _optional(read: _Reader[_T]) -> _Reader[_T | None]:
    return lambda value, path: None if value is None else read(value, path)


def _list(read: _Reader[_T], most: int) -> _Reader[tuple[_T, ...]]:
    def read_all(value: object, path: str) -> tuple[_T, ...]:
        if not isinstance(value, list | tuple) or len(value) > most:
            _refuse(path, f"a list of at most {most}", value)
        return tuple(read(item, f"{path}[{index}]") for index, item in enumerate(value))

    return read_all


def _extension(value: object, path: str) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        _refuse(path, "a name and a value", value)
    return _matching(_EXTENSION_NAME)(value[0], path), _matching(_EXTENSION_VALUE)(value[1], path)


def _address_to_json(address: TransportAddress) -> dict[str, Any]:
    return {"host": address.host, "port": address.port}


def _address(value: object, path: str) -> TransportAddress:
    entry = _Object(value, path)
    host = _text(entry.take("host", _text), f"{path}.host")
    port = entry.take("port", _integer(0, _MAX_PORT))
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        _refuse(f"{path}.host", "an IP address", host)
    if "%" in host:
        _refuse(f"{path}.host", "an IP address without a zone", host)
    return TransportAddress(host=str(literal), port=port)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
