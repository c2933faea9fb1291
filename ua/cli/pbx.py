"""`icephone answer --pbx`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ua.cli.session import load_account
from ua.cli.trace import trace_log
from ua.cli.web import pages
from ua.config.file import find_config, load_settings
from ua.config.pbx import pbx_config
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.pbx.extensions import NUMBERS
from ua.pbx.pbx import Pbx
from ua.results import SCHEMA

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.runner import Stop
    from ua.events import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxRequest:
    """The arguments of the command, as typed.

    Attributes:
        listen: address to receive SIP on.
        config: configuration file.
        alone: false where there are options for a phone that answers.
    """

    listen: str | None = None
    config: Path | None = None
    alone: bool = True


async def run_pbx(request: PbxRequest, output: Output, stop: Stop) -> ResultCode:
    """Serve phones until a signal comes."""
    if not request.alone:
        raise UsageError(
            "--pbx does not go with options of a phone that answers",
            hint="what it needs is in the configuration; --listen, --json and -v may be given",
        )
    settings = pbx_config(load_settings(find_config(request.config, os.environ)).pbx, os.environ)
    account = load_account(request.config, None, listen=request.listen)
    log = EventLog()
    stop_trace = trace_log(log, output)
    stop_watch = log.subscribe(lambda entry: _show(entry, output))
    try:
        async with Pbx(account, settings, log) as pbx:
            for address in pbx.addresses:
                output.note(f"listening on {address}")
            for page in pages(account, pbx.addresses):
                output.note(f"a phone for browsers: {page}")
            own = [number for number in NUMBERS if number != "609" or settings.recordings is not None]
            told = ", ".join(f"{number} {NUMBERS[number]}" for number in own)
            output.note(f"a PBX for {settings.domain}, {len(settings.users)} users; {told}")
            await stop.wait()
    finally:
        stop_watch()
        stop_trace()
    return ResultCode.INTERRUPTED


def _show(entry: LogEntry, output: Output) -> None:
    """A line for each change of where a user is."""
    if (entry.source, entry.name) != ("sip", "bindings"):
        return
    user, contacts = entry.data["user"] or "somebody", entry.data["contacts"]
    if entry.data["status"] == 401:
        return  # half of every registration
    problem = entry.data["reason"]
    output.note(f"{user}: {problem}" if problem else f"{user} is at {', '.join(contacts) or 'no phone'}")
    output.object({"schema": SCHEMA, "event": "bindings", **entry.data})
