"""Peers as TOML files: those that come with icephone, and the user's own."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ua.config.account import Account
from ua.config.ice import STRICT
from ua.config.passwords import find_password
from ua.config.sip_uri import split_sip_uri
from ua.errors import ConfigurationError, UsageError
from ua.interop.accounts import account_at
from ua.interop.need import Ability, Extension, TransportNeed
from ua.interop.peer import Limit, Peer, PeerAccount

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

GENERIC: Final = "generic"
"""The peer that is known by its address alone."""

_FOLDER: Final = "share/icephone/peers/"
"""Where the files are, below the data folder, once icephone is installed."""

_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """`[[accounts]]`: a user that we may be; its password is in a file or in the environment."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    user: str
    auth_user: str | None = None
    password_file: Path | None = None
    password_env: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitEntry:
    """`[[limits]]`: scenarios that are known to fail, why, and where that is known from."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    scenarios: tuple[str, ...]
    reason: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """A whole file; see `Peer` for what the keys mean."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    title: str
    uri: str = ""
    domain: str | None = None
    transports: tuple[TransportNeed, ...] = ("udp",)
    offers: tuple[Ability, ...] = ()
    ca_file: Path | None = None
    recordings: Path | None = None
    uris: Mapping[TransportNeed, str] = field(default_factory=dict)
    accounts: tuple[AccountEntry, ...] = ()
    extensions: Mapping[Extension, str] = field(default_factory=dict)
    phone: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[LimitEntry, ...] = ()


def shipped() -> Mapping[str, Path]:
    """The files that come with icephone, by name."""
    root = Path(__file__).parents[2]
    installed = [
        # where the distribution says, for --user and environments
        *(Path(str(file.locate())) for file in _installed() if _FOLDER in str(file).replace("\\", "/")),
        # beside the packages, for --target
        *(root / _FOLDER).glob("*.toml"),
    ]
    sources = (root / "configs" / "peers").glob("*.toml")
    # Where icephone runs from its sources, those are what is meant.
    found = {path.stem: path.resolve() for path in (*installed, *sources) if path.is_file()}
    return dict(sorted(found.items()))


def _installed() -> list[metadata.PackagePath]:
    """The files of the installed distribution; none where icephone runs from its sources."""
    try:
        return metadata.files("icephone") or []
    except metadata.PackageNotFoundError:
        return []


def find_peer(name: str, environ: Mapping[str, str], *, with_accounts: bool = True) -> Peer:
    """The peer of this name, of this file, or at this address.

    Args:
        name: of a file that comes with icephone, "asterisk"; a path of one's own; or a URI: then it is
            GENERIC with that address.
        environ: holds passwords.
        with_accounts: read those of the file, too; without it no password has to be there.

    Raises:
        UsageError: there is none.
        ConfigurationError: the file is wrong.
    """
    known = shipped()

    def load(path: Path) -> Peer:
        return load_peer(path, environ, with_accounts=with_accounts)

    if name.lower().startswith(("sip:", "sips:")):
        return at_address(load(known[GENERIC]), name)
    if name in known:
        return load(known[name])
    path = Path(name).expanduser()
    if path.is_file():
        return load(path)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    meant = f"did you mean {', '.join(near)}? " if near else ""
    raise UsageError(
        f"there is no peer {name!r}",
        hint=f"{meant}known are {', '.join(known)}; or name a file, or an address: sip:pbx.example",
    )


def at_address(peer: Peer, uri: str) -> Peer:
    """`peer` at another address; a transport that is named there is the only one. Raises UsageError."""
    try:
        parts = split_sip_uri(uri)
    except ValueError as error:
        raise UsageError(str(error), hint="write it as sip:pbx.example") from None
    transports = peer.transports
    named = next(
        (part.partition("=")[2].lower() for part in parts.parameters.split(";") if part[:10] == "transport="),
        "tls" if parts.secure else "",
    )
    if named:
        transports = tuple(each for each in ("udp", "tcp", "tls", "ws", "wss") if each == named)
        if not transports:
            raise UsageError(f"{uri!r}: there is no transport {named!r}", hint="udp, tcp, tls, ws or wss")
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    place = host if parts.port is None else f"{host}:{parts.port}"
    name = parts.host if peer.name == GENERIC else peer.name
    return dataclasses.replace(
        peer, name=name, uri=f"{'sips' if parts.secure else 'sip'}:{place}", uris={}, transports=transports
    )


def load_peer(path: Path, environ: Mapping[str, str], *, with_accounts: bool = True) -> Peer:
    """The peer of a file, whose name it has; see `find_peer`. Raises ConfigurationError."""
    settings = load_settings(path)
    if not with_accounts:
        settings = dataclasses.replace(settings, accounts=())
    try:
        return _peer(path, settings, environ)
    except ConfigurationError as error:
        raise ConfigurationError(error.what, seen=error.seen or f"in {path}", hint=error.hint) from error


def load_settings(path: Path) -> PeerSettings:
    """What a file says. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ConfigurationError(f"the file is larger than {_MAX_BYTES} bytes")
        return _settings(raw)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ConfigurationError as error:
        raise ConfigurationError(error.what, seen=error.seen or f"in {path}", hint=error.hint) from error


def _settings(raw: bytes) -> PeerSettings:
    from pydantic import ValidationError

    try:
        return _adapter().validate_python(tomllib.loads(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"this is not TOML: {error}", hint="strings need quotes") from error
    except RecursionError as error:
        raise ConfigurationError("the file is nested too deeply") from error
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        raise ConfigurationError("; ".join(_explain(problem) for problem in problems[:5])) from None


@functools.cache
def _adapter() -> TypeAdapter[PeerSettings]:
    from pydantic import TypeAdapter

    return TypeAdapter(PeerSettings)


def _explain(problem: ErrorDetails) -> str:
    """One problem as "key: what is wrong"."""
    location = [str(part) for part in problem["loc"] if part != "[key]"]
    path = ".".join(location)
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        sections: Mapping[str, Any] = {"accounts": AccountEntry, "limits": LimitEntry}
        section = sections.get(location[0], PeerSettings) if len(location) > 1 else PeerSettings
        known = [each.name for each in dataclasses.fields(section)]
        near = difflib.get_close_matches(location[-1], known, n=1)
        return f"{path}: unknown key; " + (
            f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        )
    if problem["type"] in ("missing", "missing_argument"):
        return f"{path}: is missing"
    said = problem["msg"]
    return f"{path}: {said[0].lower()}{said[1:]}"


def _peer(path: Path, settings: PeerSettings, environ: Mapping[str, str]) -> Peer:
    accounts = tuple(
        PeerAccount(
            user=entry.user,
            auth_user=entry.auth_user or entry.user,
            password=_password(number, entry, path, environ),
        )
        for number, entry in enumerate(settings.accounts)
    )
    peer = Peer(
        name=path.stem,
        title=settings.title,
        uri=settings.uri,
        domain=settings.domain,
        uris=settings.uris,
        transports=settings.transports,
        accounts=accounts,
        extensions=settings.extensions,
        abilities=frozenset(settings.offers),
        limits=tuple(
            Limit(scenarios=each.scenarios, reason=each.reason, source=each.source)
            for each in settings.limits
        ),
        ca_file=None if settings.ca_file is None else path.parent / settings.ca_file.expanduser(),
        phone=settings.phone,
        recordings=None if settings.recordings is None else path.parent / settings.recordings.expanduser(),
    )
    if not peer.transports:
        raise ConfigurationError("transports: the list is empty")
    try:
        peer.check()
        account_at(dataclasses.replace(peer, uri=peer.uri or "sip:peer.invalid"), None, Account())
    except TypeError as error:
        raise ConfigurationError(f"phone: {error}") from error
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return peer


def _password(number: int, entry: AccountEntry, path: Path, environ: Mapping[str, str]) -> str | None:
    """The password of an account; None where neither file nor variable is named."""
    if entry.password_file is not None:
        return find_password(path.parent / entry.password_file.expanduser(), None, "", "", environ)
    if entry.password_env is None:
        return None
    return find_password(None, entry.password_env, f"accounts.{number}.password_env", "", environ)
