"""Several accounts in one file: `[account]`, and `[accounts.NAME]` with the same keys."""

from __future__ import annotations

import dataclasses

from ua.config.account import AccountSettings, Settings
from ua.errors import ConfigurationError

DEFAULT = "account"
"""Name of the account in `[account]`."""

ALL = "all"
"""What the command line calls all accounts of a file; none may have this name."""


def names(settings: Settings) -> tuple[str, ...]:
    """The accounts of a file, in its order, that of `[account]` first where there is one."""
    first = () if settings.account == AccountSettings() else (DEFAULT,)
    return (*first, *settings.accounts)


def chosen(settings: Settings, name: str | None = None) -> Settings:
    """The settings with one account in the place of all: the named one, or the first.

    Raises:
        ConfigurationError: the file has no account of this name.
    """
    known = names(settings)
    if name is None:
        name = known[0] if known else DEFAULT
    elif name not in known:
        raise ConfigurationError(
            f"there is no account {name!r}",
            hint=f"known are: {', '.join(known)}" if known else "write it as [accounts.NAME]",
        )
    account = settings.account if name == DEFAULT else settings.accounts[name]
    return dataclasses.replace(settings, account=account, accounts={})
