"""The settings of registrations: over which proxies, under which name, how they are kept up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ua.errors import ConfigurationError
from ua.registration.keepalive_choice import KeepaliveChoice
from ua.registration.settings import RECOVERY_S

MAX_PROXIES = 4
"""Outbound proxies of one account (RFC 5626 §4.2.1)."""

_URN = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9()+,.:=@;$_!*'%/?#-]{1,200}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationPolicy:
    """How the phone stays known to its registrar.

    Attributes:
        backup_proxies: outbound proxies beside that of the account, registered over as well.
        instance: URN of this phone, empty for none: registrars are not asked to keep flows then.
        keepalive: when servers get keep-alives.
        keepalive_s: the longest time between two of them, 0 for the server's or that of RFC 5626.
        recovery_s: base of the waits after failed registrations.
    """

    backup_proxies: tuple[str, ...] = ()
    instance: str = ""
    keepalive: KeepaliveChoice = "auto"
    keepalive_s: float = 0.0
    recovery_s: float = RECOVERY_S


def proxies_of(setting: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The outbound proxies of a setting that names none, one or several."""
    if setting is None or isinstance(setting, str):
        return () if setting is None else (setting,)
    return setting


def check_registration(proxy: str | tuple[str, ...] | None, instance: str | None) -> None:
    """Check `[account] proxy` and `instance`; ConfigurationError names the key."""
    count = len(proxies_of(proxy))
    if proxy is not None and not 1 <= count <= MAX_PROXIES:
        raise ConfigurationError(f"account.proxy: {count} of them; 1 to {MAX_PROXIES} can be used")
    if instance is not None and _URN.fullmatch(instance) is None:
        raise ConfigurationError(
            f"account.instance: {instance!r} is no URN",
            hint='write instance = "urn:uuid:" and a UUID, as uuidgen prints it',
        )
