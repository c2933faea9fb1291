"""`[pbx]` of a configuration file: the domain and the users of `icephone answer --pbx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from ua.config.ice import STRICT
from ua.errors import ConfigurationError
from ua.pbx.config import PbxConfig

USERS_VARIABLE: Final = "ICEPHONE_PBX_USERS"
"""Environment variable with the users where no file is named, one a line or with spaces between them."""

_HINT: Final = "write one user a line, as user:password"


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxSettings:
    """`[pbx]`: whom the PBX serves.

    Attributes:
        domain: host part of its users' addresses; their phones have it in their account.
        users_file: file with one user a line, "user:password"; None takes ICEPHONE_PBX_USERS.
        recordings: folder for what number 609 records; None for no such number.
        max_calls: calls at a time; further ones get 503.
        algorithms: how passwords are proved, best first; some phones give up at one that they do not know.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    domain: str = "localhost"
    users_file: Path | None = None
    recordings: Path | None = None
    max_calls: int = 100
    algorithms: tuple[Literal["SHA-512-256", "SHA-256", "MD5"], ...] = ("SHA-256", "MD5")


def pbx_config(settings: PbxSettings, environ: Mapping[str, str]) -> PbxConfig:
    """What the PBX works with; raises ConfigurationError where it has no users."""
    if settings.max_calls < 1:
        raise ConfigurationError("pbx.max_calls: there must be room for one call at least")
    if not settings.algorithms:
        raise ConfigurationError("pbx.algorithms: the list is empty")
    if settings.recordings is not None and not settings.recordings.is_dir():
        raise ConfigurationError(f"pbx.recordings: there is no folder {settings.recordings}")
    if settings.users_file is not None:
        try:
            text = settings.users_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            what = f"pbx.users_file: {settings.users_file} cannot be read: {reason}"
            raise ConfigurationError(what) from error
        lines = text.splitlines()
    elif USERS_VARIABLE in environ:
        lines = environ[USERS_VARIABLE].split()
    else:
        raise ConfigurationError(
            "a PBX needs users, and none are configured",
            hint=f"name a file as users_file in [pbx], or set {USERS_VARIABLE}; {_HINT}",
        )
    return PbxConfig(
        domain=settings.domain,
        users=_users(lines),
        recordings=settings.recordings,
        max_calls=settings.max_calls,
        algorithms=settings.algorithms,
    )


def _users(lines: list[str]) -> dict[str, str]:
    """Password by user; empty lines and those after "#" say nothing."""
    users: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, colon, password = text.partition(":")
        if not colon or not name or not password:
            raise ConfigurationError(f"users of the PBX, line {number}: not user:password", hint=_HINT)
        if name in users:
            raise ConfigurationError(f"users of the PBX, line {number}: {name!r} is there twice")
        users[name] = password
    if not users:
        raise ConfigurationError("the PBX has no users", hint=_HINT)
    return users
