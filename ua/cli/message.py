"""`icephone message`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ua.cli.options import proxy_uri, target_uri
from ua.cli.session import load_account, with_password, with_proxy
from ua.cli.trace import trace_log
from ua.errors import CallRejected, ResultCode, TimedOut, UaError
from ua.events import EventLog
from ua.results import SCHEMA
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.ports import PhoneFactory
    from ua.cli.runner import Stop
    from ua.config.account import Account
    from ua.messages import MessageOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest:
    """The arguments of the command, as typed."""

    uri: str
    text: str
    proxy: str | None = None
    timeout_s: float = 32.0
    config: Path | None = None
    password_file: Path | None = None
    account_name: str | None = None


async def run_message(
    request: MessageRequest, output: Output, stop: Stop, make_phone: PhoneFactory
) -> ResultCode:
    """Send the text, wait for the answer and show it; a refusal raises CallRejected."""
    account = load_account(request.config, request.password_file, name=request.account_name)
    if request.proxy is not None:
        account = with_proxy(account, proxy_uri(request.proxy))
    uri = target_uri(request.uri, account)
    log = EventLog()
    stop_trace = trace_log(log, output)

    async def send(account: Account) -> MessageOutcome | None:
        async with make_phone(account, log) as phone:
            sending = asyncio.ensure_future(phone.message(uri, request.text))
            try:
                async with asyncio.timeout(request.timeout_s):
                    return sending.result() if await stop.first(sending) else None
            except TimeoutError:
                raise TimedOut(f"{uri} did not answer within {request.timeout_s:g} s") from None
            finally:
                if not sending.done():
                    sending.cancel()
                    with contextlib.suppress(asyncio.CancelledError, UaError):
                        await sending

    try:
        outcome = await with_password(account, send)
    finally:
        stop_trace()
    if outcome is None:
        return ResultCode.INTERRUPTED
    said = f"{outcome.status} {printable(outcome.reason)}".rstrip()
    if not outcome.accepted:
        raise CallRejected(f"{uri} refused the message: {said}", sip_code=outcome.status)
    output.text(f"{said}: {uri} has the message")
    output.object({"schema": SCHEMA, "result": ResultCode.OK.value, "uri": uri, "sip_code": outcome.status})
    return ResultCode.OK
