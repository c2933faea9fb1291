"""What a registration is to be like."""

from __future__ import annotations

from dataclasses import dataclass, field

from ua.registration.backoff import Backoff, recovering
from ua.registration.keepalive_choice import KeepaliveChoice

FEATURES: tuple[tuple[str, str | None], ...] = (("+sip.ice", None),)
"""What our Contact tells of us (RFC 5768 §4)."""

RECOVERY_S = 2.0
"""Base of the waits after failures where all flows are down; see docs/decisions/0017-servers-and-flows.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSettings:
    """Settings of one registration.

    Attributes:
        expires_s: seconds to ask for.
        instance: URN of this phone, the same for ever (RFC 5626 §4.1); empty: flows are not asked for.
        keepalive: when keep-alives are sent.
        keepalive_s: the longest time between two of them, 0 for what the registrar says, else RFC 5626.
        backoff: how long to wait after failures.
        wants_password: True where no password is known.
    """

    expires_s: int
    instance: str = ""
    keepalive: KeepaliveChoice = "auto"
    keepalive_s: float = 0.0
    backoff: Backoff = field(default_factory=lambda: recovering(RECOVERY_S))
    wants_password: bool = False
