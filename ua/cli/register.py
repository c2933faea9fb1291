"""`icephone register`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ua.cli.options import is_loopback, proxy_uri
from ua.cli.session import load_account, need_account, with_instance, with_loopback, with_password, with_proxy
from ua.cli.trace import trace_log
from ua.config.sip_uri import split_sip_uri
from ua.errors import ResultCode, TimedOut, UaError
from ua.events import EventLog
from ua.results import SCHEMA
from ua.text import printable

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
    """Register, show what the registrar granted, stay if asked to, remove the registration."""
    account = load_account(request.config, request.password_file, name=request.account_name)
    need_account(account, "register")
    account = with_instance(account)
    if request.proxy is not None:
        account = with_proxy(account, proxy_uri(request.proxy))
    if is_loopback(split_sip_uri(account.proxy or account.registrar).host):
        account = with_loopback(account)
    log = EventLog()
    stop_trace = trace_log(log, output)
    stop_watch = log.subscribe(lambda entry: _show(entry, output)) if request.watch else lambda: None

    async def register(account: Account) -> ResultCode:
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

    try:
        return await with_password(account, register)
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


def _show(entry: LogEntry, output: Output) -> None:
    """A line for each change of the registration, and of the waiting messages, while it is watched."""
    if (entry.source, entry.name) == ("sip", "subscription"):
        _show_messages(entry, output)
        return
    if (entry.source, entry.name) != ("sip", "registration"):
        return
    fields: dict[str, Any] = dict(entry.data)
    state = str(fields.get("state", ""))
    details = ", ".join(f"{key} {value}" for key, value in fields.items() if key != "state" and value)
    output.note(f"{state}: {details}" if details else state)
    output.object({"schema": SCHEMA, "event": "registration", **fields})


def _show_messages(entry: LogEntry, output: Output) -> None:
    """What the server says of waiting messages; one that knows nothing of them is no matter."""
    content = entry.data.get("content")
    if entry.data.get("state") != "notified" or not isinstance(content, dict):
        return
    counts: dict[str, Any] = content.get("counts") or {}
    told = ", ".join(f"{kind}: {count['new']} new, {count['old']} old" for kind, count in counts.items())
    output.note(printable(told) if told else f"messages waiting: {'yes' if content['waiting'] else 'no'}")
    output.object({"schema": SCHEMA, "event": "messages", "waiting": content["waiting"], "counts": counts})
