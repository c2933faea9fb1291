"""What a PBX is told: its domain and its users (core)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ua.pbx.contacts import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxConfig:
    """Settings of a PBX.

    Attributes:
        domain: the host part of its users' addresses.
        users: password by user; empty takes everybody, under any name, without a password.
        recordings: folder for what number 609 records, None for no such number.
        limits: how long bindings last.
        max_calls: calls at a time; further ones get 503.
        algorithms: of the challenges, best first; some phones give up at one that they do not know.
        ring_s: seconds that a phone may ring without a word.
    """

    domain: str
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    recordings: Path | None = None
    limits: Limits = field(default_factory=Limits)
    max_calls: int = 100
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    ring_s: float = 180.0

    def is_user(self, name: str) -> bool:
        """True where there is such a user."""
        return bool(name) and (not self.users or name in self.users)
