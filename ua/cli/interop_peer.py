"""The peer that arguments of `icephone test run` mean, and the settings of our phones at it."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ua.config.account import PASSWORD_VARIABLE, Account, Settings, account_from
from ua.config.accounts import chosen, names
from ua.config.file import find_config, load_settings
from ua.config.passwords import read_password_file
from ua.config.sip_uri import split_sip_uri
from ua.errors import UsageError
from ua.interop.need import ABILITIES, EXTENSIONS, TRANSPORTS, Extension, Need
from ua.interop.peer import Peer, PeerAccount
from ua.interop.peer_file import GENERIC, at_address, find_peer
from ua.sip.transport.hop import SipTransport

AskPassword = Callable[[str], str]
"""Asks a person for the password of a user; empty where there is none."""

SERVER_HINT: Final = "name its address: --peer sip:pbx.example, or --server sip:pbx.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRequest:
    """The arguments that say what is tested, as typed."""

    peer: str = GENERIC
    server: str | None = None
    users: tuple[str, ...] = ()
    password_files: tuple[Path, ...] = ()
    extensions: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    config: Path | None = None

    @property
    def leaves_transport_open(self) -> bool:
        """True where nobody has said how an address takes SIP."""
        place = (self.server or self.peer).lower()
        is_address = self.peer == GENERIC or self.peer.lower().startswith(("sip:", "sips:"))
        return is_address and not self.transports and "transport=" not in place and place[:5] != "sips:"


def chosen_peer(
    request: PeerRequest, environ: Mapping[str, str], ask: AskPassword | None = None
) -> tuple[Peer, Account]:
    """The peer, and the settings that our phones at it share.

    `ask` is there where a person can be asked. Raises UsageError, ConfigurationError.
    """
    settings = load_settings(find_config(request.config, environ))
    base = _base(settings, environ)
    peer = find_peer(request.peer, environ, with_accounts=not request.users)
    if request.server is not None:
        peer = at_address(peer, request.server)
    if request.users:
        peer = _with_users(peer, request, environ, ask)
    elif not peer.accounts and (request.config is not None or not peer.uri):
        peer = _with_accounts(peer, settings, environ)
    if not peer.uri:
        raise UsageError(f"nobody has said where {peer.title} is", hint=SERVER_HINT)
    peer = _with_abilities(peer, request, base)
    return peer, base


def _base(settings: Settings, environ: Mapping[str, str]) -> Account:
    """What the configuration says of all phones; several at a time cannot listen on one port."""
    account = account_from(chosen(settings), environ=environ)
    plain = Account()
    return dataclasses.replace(
        account,
        uri=plain.uri,
        auth_user=plain.auth_user,
        password=None,
        proxy=None,
        registrar=plain.registrar,
        display_name="",
        hides_identity=False,
        listen_port=0,
        tls_port=0,
        ws_port=None,
        wss_port=None,
        registration=dataclasses.replace(account.registration, backup_proxies=()),
    )


def _with_users(
    peer: Peer, request: PeerRequest, environ: Mapping[str, str], ask: AskPassword | None
) -> Peer:
    domains = {domain for each in request.users if (domain := each.partition("@")[2])}
    if len(domains) > 1:
        raise UsageError(f"--user: several domains: {', '.join(sorted(domains))}", hint="a run has one")
    users = tuple(each.partition("@")[0].removeprefix("sip:") for each in request.users)
    if not all(users) or len(set(users)) != len(users):
        raise UsageError("--user: a name is empty, or there twice", hint="write 1001 or 1001@example.com")
    known = [read_password_file(file) for file in request.password_files]
    accounts: list[PeerAccount] = []
    for number, user in enumerate(users):
        variable = PASSWORD_VARIABLE if number == 0 else f"{PASSWORD_VARIABLE}_{number + 1}"
        password: str | None = environ.get(variable)
        if known:
            password = known[min(number, len(known) - 1)]
        elif password is None and accounts:
            password = accounts[-1].password
        elif password is None and ask is not None:
            password = ask(user) or None
        accounts.append(PeerAccount(user=user, auth_user=user, password=password))
    return dataclasses.replace(peer, accounts=tuple(accounts), domain=next(iter(domains), peer.domain))


def _with_accounts(peer: Peer, settings: Settings, environ: Mapping[str, str]) -> Peer:
    """The accounts of a configuration file, and its server where nobody has named another one."""
    accounts = [account_from(chosen(settings, name), environ=environ) for name in names(settings)]
    if not accounts or accounts[0].anonymous:
        return peer
    first = accounts[0]
    domain = split_sip_uri(first.uri).host
    if not peer.uri:
        peer = at_address(peer, first.proxy or first.registrar)
        peer = dataclasses.replace(peer, transports=(first.transport,))
    users = tuple(
        PeerAccount(
            user=split_sip_uri(each.uri).user or each.auth_user,
            auth_user=each.auth_user,
            password=each.password,
        )
        for each in accounts
        if split_sip_uri(each.uri).host == domain
    )
    other = None if domain == split_sip_uri(peer.uri).host else domain
    return dataclasses.replace(peer, accounts=users, domain=other or peer.domain)


def _with_abilities(peer: Peer, request: PeerRequest, base: Account) -> Peer:
    """What the arguments and the configuration say that can be done, beside what the file says."""
    numbers = dict(peer.extensions)
    for text in request.extensions:
        name, _, number = text.partition("=")
        if not number:
            raise UsageError(f"--extension: {text!r} names no number", hint="write --extension echo=600")
        numbers[cast("Extension", _one(name, EXTENSIONS, "--extension"))] = number
    abilities: set[Need] = set(peer.abilities)
    for name in _listed(request.offers):
        abilities.add(cast("Need", _one(name, ABILITIES, "--offers")))
    if base.ice.turn_servers:
        abilities.add("turn")
        if any(each.transport != "udp" for each in base.ice.turn_servers):
            abilities.add("turn_tcp")
    transports = tuple(_one(name, TRANSPORTS, "--transport") for name in _listed(request.transports))
    return dataclasses.replace(
        peer,
        extensions=numbers,
        abilities=frozenset(abilities),
        transports=cast("tuple[SipTransport, ...]", transports) or peer.transports,
    )


def _listed(texts: Sequence[str]) -> tuple[str, ...]:
    """The names of options that may be repeated and have commas."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def _one(name: str, known: Sequence[str], option: str) -> str:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise UsageError(f"{option}: there is no {name!r}", hint=hint)
    return name


def ask_password(user: str) -> str:
    """Ask on the terminal."""
    import getpass

    try:
        return getpass.getpass(f"password of {user} (empty: none): ")
    except EOFError:
        return ""


def person() -> AskPassword | None:
    """How a person can be asked, None where nobody is there."""
    return ask_password if sys.stdin.isatty() else None
