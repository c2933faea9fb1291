"""What the commands that need a phone have in common."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.text import Text

from ice.config import PortMappingChoice
from ua.cli.tables import result_table
from ua.config.account import Account, Settings, account_from
from ua.config.accounts import ALL, chosen, names
from ua.config.file import find_config, load_settings
from ua.config.ice_servers import STUN_HINT, TURN_HINT, stun_server, turn_server
from ua.config.instance import instance_urn, state_path
from ua.config.media import CODECS
from ua.config.sip import TransferPolicy
from ua.errors import (
    AuthenticationError,
    ConfigurationError,
    Interrupted,
    ResultCode,
    TimedOut,
    UaError,
    UsageError,
)
from ua.plan import PathChoice
from ua.results import CallResult
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.keys import CallKeys
    from ua.cli.output import Output
    from ua.cli.ports import CallPort
    from ua.cli.runner import Stop

GOODBYE_S = 5.0
"""Seconds that a call gets to end cleanly once it was hung up."""


def load_account(
    config: Path | None,
    password_file: Path | None,
    *,
    listen: str | None = None,
    stun: Sequence[str] = (),
    turn: Sequence[str] = (),
    port_mapping: PortMappingChoice | None = None,
    name: str | None = None,
) -> Account:
    """An account of the configuration file (the first without a `name`), with the command line on top."""
    from ua.config.sip_uri import is_loopback, split_listen

    settings = chosen(load_settings(find_config(config, os.environ)), name)
    settings = with_servers(settings, stun, turn)
    if port_mapping is not None:
        ice = dataclasses.replace(settings.ice, port_mapping=port_mapping)
        settings = dataclasses.replace(settings, ice=ice)
    account = account_from(settings, environ=os.environ, password_file=password_file)
    if listen is not None:
        try:
            host, port = split_listen(listen)
        except ValueError as error:
            raise UsageError(f"--listen: {error}") from None
        account = dataclasses.replace(account, listen_host=host, listen_port=port)
    if is_loopback(account.listen_host):
        account = with_loopback(account)
    return account


def load_accounts(
    config: Path | None,
    password_file: Path | None,
    *,
    listen: str | None = None,
    stun: Sequence[str] = (),
    turn: Sequence[str] = (),
    port_mapping: PortMappingChoice | None = None,
    name: str | None = None,
) -> tuple[Account, ...]:
    """The account that is meant, or all of the file where `name` is ALL.

    The first listens where the file says; the others, on the same machine, on any ports.
    """
    wanted: tuple[str | None, ...] = (name,)
    if name == ALL:
        wanted = names(load_settings(find_config(config, os.environ))) or (None,)
        if len(wanted) > 1 and password_file is not None:
            raise UsageError(
                "--password-file is for one account", hint="write password_file under each [accounts.NAME]"
            )
    first, *others = (
        load_account(
            config, password_file, listen=listen, stun=stun, turn=turn, port_mapping=port_mapping, name=each
        )
        for each in wanted
    )
    return (first, *(_on_other_ports(account) for account in others))


def _on_other_ports(account: Account) -> Account:
    return dataclasses.replace(
        account,
        listen_port=0,
        tls_port=0,
        ws_port=None if account.ws_port is None else 0,
        wss_port=None if account.wss_port is None else 0,
    )


def with_servers(settings: Settings, stun: Sequence[str], turn: Sequence[str]) -> Settings:
    """`settings` with these servers instead of theirs; UsageError where one is no URI of such a server."""
    ice = settings.ice
    try:
        for uri in stun:
            stun_server(uri)
    except ValueError as error:
        raise UsageError(f"--stun: {error}", hint=STUN_HINT) from None
    try:
        for uri in turn:
            turn_server(uri, server_name=ice.turn_server_name)
    except ValueError as error:
        raise UsageError(f"--turn: {error}", hint=TURN_HINT) from None
    return dataclasses.replace(
        settings,
        ice=dataclasses.replace(ice, stun=tuple(stun) or ice.stun, turn=tuple(turn) or ice.turn),
    )


def need_relay(account: Account, path: PathChoice) -> None:
    """UsageError where media shall take a relay and no TURN server is known."""
    if path == "relay" and not account.ice.turn_servers:
        raise UsageError("--path relay needs a TURN server", hint="name one with --turn, or in [ice]")


def with_loopback(account: Account) -> Account:
    """`account` with ICE candidates on loopback too: asked for by a loopback address."""
    return dataclasses.replace(account, ice=dataclasses.replace(account.ice, loopback=True))


def with_instance(account: Account) -> Account:
    """`account` with the name of this phone that registrars know it by."""
    if account.registration.instance:
        return account
    named = dataclasses.replace(account.registration, instance=instance_urn(state_path(os.environ)))
    return dataclasses.replace(account, registration=named)


def with_proxy(account: Account, proxy: str) -> Account:
    """`account` with this outbound proxy alone."""
    alone = dataclasses.replace(account.registration, backup_proxies=())
    return dataclasses.replace(account, proxy=proxy, registration=alone)


def with_transfers(account: Account, policy: TransferPolicy | None) -> Account:
    """`account` with this policy for transfers, where one is named."""
    if policy is None:
        return account
    return dataclasses.replace(account, sip=dataclasses.replace(account.sip, accept_transfers=policy))


def with_codecs(account: Account, names: str | None) -> Account:
    """`account` with these codecs, in any case and with commas between; UsageError for an unknown one."""
    if names is None:
        return account
    known = {name.lower(): name for name in CODECS}
    try:
        chosen = tuple(dict.fromkeys(known[name.strip().lower()] for name in names.split(",")))
    except KeyError as error:
        hint = f"known are {', '.join(CODECS)}"
        raise UsageError(f"--codec: there is no codec {error.args[0]!r}", hint=hint) from None
    return dataclasses.replace(account, media=dataclasses.replace(account.media, codecs=chosen))


def need_account(account: Account, what: str) -> None:
    """ConfigurationError where `account` is the anonymous one."""
    if account.anonymous:
        raise ConfigurationError(
            f"{what} needs an account, and none is configured",
            hint="write one, 'icephone config path' shows where, or name a file with --config",
        )


Value = TypeVar("Value")


async def with_password(account: Account, work: Callable[[Account], Awaitable[Value]]) -> Value:
    """`work(account)`; asks for a password the server wants, if a person is there, and tries again."""
    try:
        return await work(account)
    except AuthenticationError as error:
        if not error.password_wanted or not sys.stdin.isatty():
            raise
        password = await asyncio.to_thread(_ask_password, account)
        if not password:
            raise
    return await work(dataclasses.replace(account, password=password))


def _ask_password(account: Account) -> str:
    import getpass

    with contextlib.suppress(EOFError):
        return getpass.getpass(f"password of {printable(account.auth_user)}: ")
    return ""


async def follow(
    call: CallPort,
    stop: Stop,
    *,
    timeout_s: float | None,
    act: Callable[[CallPort], Awaitable[None]] | None = None,
    keys: CallKeys | None = None,
) -> tuple[CallResult, UaError | None]:
    """Follow a call to its end: its result, and the error that explains it where it never got media.

    A call that is handed over is followed where it goes. While it stands `keys` are for it.

    Once media may flow `act` does what was asked for; where that raises UaError the call is hung up and ends
    with it. A signal hangs up. So do `timeout_s` seconds without media. AuthenticationError is raised only
    where a person can be asked for the password.
    """
    established = asyncio.ensure_future(call.established())
    try:
        async with asyncio.timeout(timeout_s):
            going_on = await stop.first(established)
    except TimeoutError:
        late = TimedOut(
            f"no call with {call.remote_uri} within {timeout_s:g} s",
            hint="a longer --timeout, or look with -v at what the other side answers",
        )
        return _ended_by(late, call, await goodbye(call)), late
    except UaError as error:
        if isinstance(error, AuthenticationError) and error.password_wanted and sys.stdin.isatty():
            raise
        return await call.ended(), error
    finally:
        if not established.done():
            established.cancel()
            with contextlib.suppress(asyncio.CancelledError, UaError):
                await established
    if going_on:
        ended = asyncio.ensure_future(call.ended())
        acting = asyncio.ensure_future(_act(call, act))
        try:
            with contextlib.nullcontext() if keys is None else keys.on(call):
                over = await stop.first(ended)
            if over:
                if acting.done() and (problem := acting.result()) is not None:
                    return _ended_by(problem, call, ended.result()), problem
                if call.successor is not None:
                    return await follow(call.successor, stop, timeout_s=timeout_s, keys=keys)
                return ended.result(), None
        finally:
            for task in (ended, acting):
                task.cancel()
            await asyncio.gather(ended, acting, return_exceptions=True)
    return _ended_by(Interrupted("interrupted"), call, await goodbye(call)), None


async def _act(call: CallPort, act: Callable[[CallPort], Awaitable[None]] | None) -> UaError | None:
    """Do what was asked for in the call; what went wrong ends it."""
    try:
        if act is not None:
            await act(call)
    except UaError as error:
        call.hang_up()
        return error
    return None


def _ended_by(error: UaError, call: CallPort, result: CallResult | None) -> CallResult:
    """`result` under the name of `error`; where there is none, one that says just that."""
    if result is None:
        return CallResult.failed(error, call_id=call.id, remote=call.remote_uri)
    sip_code = getattr(error, "sip_code", None) or result.sip_code
    return dataclasses.replace(result, result=error.code, error=error.what, sip_code=sip_code)


def tell(output: Output, result: CallResult, error: UaError | None) -> None:
    """Show how a call ended: the error if any, the table or the JSON object."""
    if error is not None:
        seen = "; ".join(filter(None, (error.seen, _refused_offers(result))))
        output.complain(error.code, error.what, seen=seen, hint=error.hint)
    elif result.result not in (ResultCode.OK, ResultCode.INTERRUPTED):
        output.complain(result.result, result.error or result.result.value)
    if result.why and not output.json:
        output.text(Text(printable(result.why)))
    if not output.json:
        output.text(result_table([result]))
    output.object(result.to_json())


def _refused_offers(result: CallResult) -> str:
    """The offers that were refused before the last one; empty without any."""
    offers = [event.data for event in result.events if event.name == "offer_retried"]
    return ", ".join(f"offered {offer.get('offered')}: {offer.get('reason')}" for offer in offers)


async def goodbye(call: CallPort) -> CallResult | None:
    """Hang up and wait for the result; None where the other side does not let go in GOODBYE_S seconds."""
    call.hang_up()
    try:
        return await asyncio.wait_for(call.ended(), GOODBYE_S)
    except TimeoutError:
        return None
