"""Finding, reading and showing the TOML configuration file."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ua.config.account import AccountSettings, Settings, check_settings
from ua.config.accounts import ALL, chosen
from ua.config.ice import IceSettings
from ua.config.pbx import PbxSettings
from ua.config.tls import TlsSettings
from ua.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

CONFIG_VARIABLE = "ICEPHONE_CONFIG"
"""Environment variable that names the configuration file."""

MAX_CONFIG_BYTES = 1 << 20
"""A larger file is refused."""


def default_path(environ: Mapping[str, str]) -> Path:
    """Where the file is looked for by default (XDG base directories)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    # A relative XDG path is invalid and ignored, says the base directory specification.
    folder = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "icephone" / "config.toml"


def find_config(argument: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: `argument`, ICEPHONE_CONFIG, or the default path where it exists; else None.

    Raises ConfigurationError where a file was asked for and is not there.
    """
    asked = argument or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if asked is None:
        path = default_path(environ)
        return path if path.exists() else None
    asked = asked.expanduser()
    if not asked.is_file():
        origin = "--config" if argument is not None else CONFIG_VARIABLE
        raise ConfigurationError(
            f"there is no configuration file {asked}",
            seen=f"the path comes from {origin}",
            hint="'icephone config path' shows where it is looked for by default",
        )
    return asked


def load_settings(path: Path | None) -> Settings:
    """Settings of the file, or the defaults where `path` is None; paths in it are relative to it.

    Raises ConfigurationError with the key, or the line, that is wrong.
    """
    if path is None:
        return Settings()
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigurationError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        settings = parse_settings(raw)
        _check(settings)
    except ConfigurationError as error:
        raise ConfigurationError(error.what, seen=error.seen or f"in {path}", hint=error.hint) from error
    return dataclasses.replace(
        settings,
        account=_with_paths(settings.account, path.parent, "password_file"),
        accounts={
            name: _with_paths(account, path.parent, "password_file")
            for name, account in settings.accounts.items()
        },
        ice=_with_paths(settings.ice, path.parent, "turn_password_file", "turn_ca_file"),
        tls=_with_paths(settings.tls, path.parent, "ca_file", "certificate", "key"),
        pbx=_with_paths(settings.pbx, path.parent, "users_file", "recordings"),
    )


def _check(settings: Settings) -> None:
    check_settings(settings)
    for name in settings.accounts:
        if name == ALL:
            raise ConfigurationError("accounts.all: this name means all accounts", hint="choose another one")
        try:
            check_settings(chosen(settings, name))
        except ConfigurationError as error:
            what = re.sub(r"^account\b", f"accounts.{name}", error.what)
            raise ConfigurationError(what, seen=error.seen, hint=error.hint) from error


_Section = TypeVar("_Section", AccountSettings, IceSettings, TlsSettings, PbxSettings)


def _with_paths(section: _Section, folder: Path, *keys: str) -> _Section:
    """`section` with these paths relative to `folder`; absolute ones stay as they are."""
    found = {key: getattr(section, key) for key in keys}
    return dataclasses.replace(
        section, **{key: folder / path.expanduser() for key, path in found.items() if path is not None}
    )


def parse_settings(raw: bytes) -> Settings:
    """Settings of the bytes of a TOML file; ConfigurationError where they are none."""
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"byte {error.start} of the configuration is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"the configuration is not TOML: {error}", hint="strings need quotes, sections [brackets]"
        ) from error
    except RecursionError as error:
        raise ConfigurationError("the configuration is nested too deeply") from error
    from pydantic import ValidationError

    try:
        return _adapter().validate_python(table)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        raise ConfigurationError("; ".join(_explain(problem) for problem in problems[:5])) from None


@functools.cache
def _adapter() -> TypeAdapter[Settings]:
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)


def _explain(problem: ErrorDetails) -> str:
    """One problem as "section.key: what is wrong"."""
    location = problem["loc"]
    path = ".".join(str(part) for part in location)
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _keys_at(location[:-1])
        return f"{path}: unknown key{_suggestion(str(location[-1]), known)}"
    if problem["type"] == "dataclass_type":
        return f"{path}: should be a section, written [{path}]"
    given = problem["input"]
    shown = "" if "password" in path or isinstance(given, dict) else f", not {json.dumps(given, default=str)}"
    message = re.sub(r"^Input should be ", "", problem["msg"])
    return f"{path}: should be {message}{shown}"


def _keys_at(location: Sequence[int | str]) -> tuple[str, ...]:
    """Names of the keys of the section at `location`."""
    section: Any = Settings()
    for part in location:
        section = AccountSettings() if isinstance(section, Mapping) else getattr(section, str(part))
    return tuple(field.name for field in dataclasses.fields(section))


_ALIASES = {
    "password": "password_file",
    "passwd": "password_file",
    "username": "auth_user",
    "user": "auth_user",
    "aor": "uri",
    "outbound_proxy": "proxy",
    "server": "proxy",
    "host": "listen",
    "port": "listen",
}
"""What people write where they mean another key."""


def _suggestion(key: str, known: Sequence[str]) -> str:
    """The end of a sentence that names the key that was probably meant."""
    names = {name: name for name in known} | {
        alias: name for alias, name in _ALIASES.items() if name in known
    }
    close = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {names[close[0]]!r}?"
    return f"; known here: {', '.join(known)}"


def to_json(settings: Settings) -> dict[str, Any]:
    """All settings as plain values; a password inside a URI is masked."""
    values = dataclasses.asdict(settings)
    accounts = values.pop("accounts")
    _mask((*values.values(), *accounts.values()))
    return values | ({"accounts": accounts} if accounts else {})


def _mask(sections: Iterable[dict[str, Any]]) -> None:
    for section in sections:
        for key, value in section.items():
            if isinstance(value, Path):
                section[key] = str(value)
            elif isinstance(value, str):
                section[key] = re.sub(r"(?i)^(sips?:[^:@;?]*):[^@]*@", r"\1:***@", value)


def to_toml(settings: Settings) -> str:
    """All settings as TOML that `load_settings` reads again; unset ones are left out."""
    lines: list[str] = []
    sections = to_json(settings)
    accounts = sections.pop("accounts", {})
    # A name may be any string; what JSON quotes TOML reads.
    sections |= {f"accounts.{json.dumps(name)}": values for name, values in accounts.items()}
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            if value is not None:
                # JSON strings, numbers, booleans and lists of them are TOML too; DEL is the exception.
                text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
                lines.append(f"{key} = {text}")
        lines.append("")
    return "\n".join(lines)
