"""`icephone register`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ua.cli.options import proxy_uri
from ua.cli.session import (
    load_accounts,
    need_account,
    with_instance,
    with_loopback,
    with_password,
    with_proxy,
)
from ua.cli.trace import trace_log
from ua.config.sip_uri import is_loopback, split_sip_uri
from ua.errors import ResultCode, TimedOut, UaError
from ua.events import EventLog
from ua.results import SCHEMA
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.ports import PhoneFactory, RegistrationPort
    from ua.cli.runner import Stop
    from ua.config.account import Account
    from ua.events import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRequest:
    """The arguments of the command, as typed."""

    watch: bool = False
    proxy: str | None = None
    timeout_s: float = 32.0
    config: Path | None = None
    password_file: Path | None = None
    account_name: str | None = None


async def run_register(
    request: RegisterRequest, output: Output, stop: Stop, make_phone: PhoneFactory
) -> ResultCode:
    """Register, show what the registrar granted, stay if asked to, remove the registration.

    Several accounts are registered at once; one that fails does not disturb the others.
    """
    accounts = load_accounts(request.config, request.password_file, name=request.account_name)
    prepared = [_prepared(account, request.proxy) for account in accounts]
    if len(prepared) == 1:
        return await with_password(
            prepared[0], lambda account: _register(account, request, output, stop, make_phone)
        )
    works = [_register(account, request, output, stop, make_phone) for account in prepared]
    codes = await asyncio.gather(
        *(_reported(account, output, work) for account, work in zip(prepared, works, strict=True))
    )
    failures = [code for code in codes if code not in (ResultCode.OK, ResultCode.INTERRUPTED)]
    return next(iter(failures), max(codes, key=lambda code: code.exit_code))


def _prepared(account: Account, proxy: str | None) -> Account:
    need_account(account, "register")
    account = with_instance(account)
    if proxy is not None:
        account = with_proxy(account, proxy_uri(proxy))
    if is_loopback(split_sip_uri(account.proxy or account.registrar).host):
        account = with_loopback(account)
    return account


async def _reported(account: Account, output: Output, work: Awaitable[ResultCode]) -> ResultCode:
    """What became of one account of several; its error is shown under its name."""
    try:
        return await work
    except UaError as error:
        output.complain(error.code, f"{account.uri}: {error.what}", seen=error.seen, hint=error.hint)
        output.error_object(error, uri=account.uri)
        return error.code


async def _register(
    account: Account, request: RegisterRequest, output: Output, stop: Stop, make_phone: PhoneFactory
) -> ResultCode:
    log = EventLog()
    stop_trace = trace_log(log, output)
    stop_watch = log.subscribe(lambda entry: _show(account, entry, output)) if request.watch else lambda: None
    try:
        async with make_phone(account, log) as phone:
            registering = asyncio.ensure_future(phone.register(expires=account.expires_s))
            try:
                async with asyncio.timeout(request.timeout_s):
                    if not await stop.first(registering):
                        return ResultCode.INTERRUPTED
            except TimeoutError:
                raise TimedOut(
                    f"{account.proxy or account.registrar} did not answer within {request.timeout_s:g} s",
                    hint='check the address and port; a firewall may drop UDP: transport = "tcp"',
                ) from None
            finally:
                if not registering.done():
                    registering.cancel()
                    with contextlib.suppress(asyncio.CancelledError, UaError):
                        await registering
            registration = registering.result()
            _granted(account, registration, output)
            if not request.watch:
                return ResultCode.OK
            phone.subscribe("message-summary")
            await stop.first(registration.lost())
            return ResultCode.INTERRUPTED
    finally:
        stop_watch()
        stop_trace()


def _granted(account: Account, registration: RegistrationPort, output: Output) -> None:
    output.text(f"registered {account.uri} for {registration.expires_s:.0f} s as {registration.contact}")
    output.object(
        {
            "schema": SCHEMA,
            "result": ResultCode.OK.value,
            "uri": account.uri,
            "registrar": account.registrar,
            "contact": registration.contact,
            "expires_s": registration.expires_s,
        }
    )


def _show(account: Account, entry: LogEntry, output: Output) -> None:
    """A line for each change of the registration, and of the waiting messages, while it is watched."""
    if (entry.source, entry.name) == ("sip", "subscription"):
        _show_messages(account, entry, output)
        return
    if (entry.source, entry.name) != ("sip", "registration"):
        return
    fields: dict[str, Any] = dict(entry.data)
    state = str(fields.get("state", ""))
    details = ", ".join(f"{key} {value}" for key, value in fields.items() if key != "state" and value)
    output.note(f"{account.uri}: {state}: {details}" if details else f"{account.uri}: {state}")
    output.object({"schema": SCHEMA, "event": "registration", "uri": account.uri, **fields})


def _show_messages(account: Account, entry: LogEntry, output: Output) -> None:
    """What the server says of waiting messages; one that knows nothing of them is no matter."""
    content = entry.data.get("content")
    if entry.data.get("state") != "notified" or not isinstance(content, dict):
        return
    counts: dict[str, Any] = content.get("counts") or {}
    told = ", ".join(f"{kind}: {count['new']} new, {count['old']} old" for kind, count in counts.items())
    told = told or f"messages waiting: {'yes' if content['waiting'] else 'no'}"
    output.note(f"{account.uri}: {printable(told)}")
    output.object(
        {
            "schema": SCHEMA,
            "event": "messages",
            "uri": account.uri,
            "waiting": content["waiting"],
            "counts": counts,
        }
    )
