"""Where passwords come from: a file, or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ua.errors import ConfigurationError


def read_password_file(path: Path) -> str:
    """First line of `path` without its line end; ConfigurationError where there is none."""
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            password = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"the password file {path} cannot be read: {reason}",
            hint="check the path and its permissions; the first line is the password",
        ) from error
    if not password:
        raise ConfigurationError(f"the password file {path} is empty", hint="its first line is the password")
    return password


def find_password(
    file: Path | None, variable: str | None, key: str, default: str, environ: Mapping[str, str]
) -> str | None:
    """The password in `file`, in `variable` (named by the setting `key`), or in the variable `default`."""
    if file is not None:
        return read_password_file(file)
    if variable is None:
        return environ.get(default)
    password = environ.get(variable)
    if password is None:
        raise ConfigurationError(
            f"{key}: the environment has no variable {variable}",
            hint=f"export {variable}, or name a file instead",
        )
    return password
