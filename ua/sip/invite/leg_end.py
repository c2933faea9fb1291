"""How a call ended, as SIP sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnd:
    """How a leg ended.

    Attributes:
        by: "local" (we said BYE or rejected), "remote" (the peer did), "failure" (the peer is lost).
        reason: why, for people; the peer's Reason header where it gave one (RFC 3326).
    """

    by: Literal["local", "remote", "failure"]
    reason: str
