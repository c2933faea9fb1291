"""`icephone config check | show | path`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from ua.config.account import Account, account_from
from ua.config.accounts import chosen, names
from ua.config.file import default_path, find_config, load_settings, to_json, to_toml
from ua.errors import ConfigurationError, ResultCode
from ua.results import SCHEMA
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output


def check(file: Path | None, output: Output) -> ResultCode:
    """Read the file, the password too, and say whether a phone could work with it."""
    path = find_config(file, os.environ)
    if path is None:
        raise ConfigurationError(
            f"there is no configuration file at {default_path(os.environ)}",
            hint="call and answer work without one; register needs an [account]",
        )
    settings = load_settings(path)
    accounts = [
        account_from(chosen(settings, each), environ=os.environ) for each in names(settings) or (None,)
    ]
    _check_certificates(accounts[0])
    for account in accounts:
        secret = "no password" if account.password is None else "password found"
        output.text(Text(printable(f"{path}: fine, {account.uri}, {secret}")))
    account = accounts[0]
    output.object(
        {
            "schema": SCHEMA,
            "result": ResultCode.OK.value,
            "path": str(path),
            "uri": account.uri,
            "password": account.password is not None,
            "accounts": [{"uri": each.uri, "password": each.password is not None} for each in accounts],
        }
    )
    return ResultCode.OK


def _check_certificates(account: Account) -> None:
    """Raise ConfigurationError where a file of [tls] is of no use; all accounts share it."""
    if account.tls.ca_file is not None or account.tls.certificate is not None:
        from ua.sip.transport.tls.context import tls_context

        tls_context(account.tls)


def show(file: Path | None, output: Output) -> ResultCode:
    """All settings in force, defaults included; secrets are masked."""
    path = find_config(file, os.environ)
    settings = load_settings(path)
    output.note(f"# {path or 'no file: these are the defaults'}")
    output.text(Text(printable(to_toml(settings).rstrip(), lines=True)))
    output.object(
        {
            "schema": SCHEMA,
            "result": ResultCode.OK.value,
            "path": None if path is None else str(path),
            "settings": to_json(settings),
        }
    )
    return ResultCode.OK


def path(file: Path | None, output: Output) -> ResultCode:
    """Where the file is, or would be looked for."""
    found = find_config(file, os.environ)
    place = found or default_path(os.environ)
    if found is None:
        output.note("there is no such file; defaults are in force")
    output.text(Text(printable(str(place))))
    output.object(
        {"schema": SCHEMA, "result": ResultCode.OK.value, "path": str(place), "exists": found is not None}
    )
    return ResultCode.OK
