"""Reads the data of log entries, whatever they hold: a log may come from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def text(data: Mapping[str, Any], name: str) -> str:
    """A text; empty where there is none."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def number(data: Mapping[str, Any], name: str) -> float:
    """A finite number; 0 where there is none."""
    found = optional(data, name)
    return 0.0 if found is None else found


def optional(data: Mapping[str, Any], name: str) -> float | None:
    """A finite number; None where there is none."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(data: Mapping[str, Any], name: str) -> int:
    """A number of things."""
    return int(number(data, name))


def mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; empty where there is none."""
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}
