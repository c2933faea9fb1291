"""`icephone ice pair`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice.config import PortMappingChoice
from ice.errors import GatheringFailed, IceFailed
from ice.messages import Event, PathLost, PathSelected, StateChanged
from ice.net.network import Network
from ice.session import Session
from ice.types import CandidateType, Description, PairView, Role, SessionState
from ua import clock
from ua.call.path_figures import with_ice
from ua.cli.ice_lines import Lines
from ua.cli.output import Output
from ua.cli.session import load_account, need_relay
from ua.errors import Interrupted, NoMediaPath, ResultCode, TimedOut, UaError
from ua.pair.files import Input
from ua.pair.identity import Identity
from ua.pair.line import Kind, Line, digits_of, write_line
from ua.pair.pipe import Pipe
from ua.plan import MediaPlan, PathChoice
from ua.results import SCHEMA

if TYPE_CHECKING:
    from ua.cli.runner import Stop

STDIN, STDOUT = 0, 1

AGAIN_S = 8.0
"""Seconds that a check of the side that joins may take, and then comes another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRequest:
    """The arguments of the command, as typed."""

    join: bool = False
    local: Path | None = None
    remote: Path | None = None
    path: PathChoice = "auto"
    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    port_mapping: PortMappingChoice | None = None
    wait_s: float = 600.0
    timeout_s: float = 60.0
    config: Path | None = None


class PairOutput(Output):
    """Everything on stderr, JSON as well: standard output belongs to the pipe.

    Attributes:
        details: what the result holds beside how it ended.
    """

    def __init__(self, *, json_results: bool = False, verbose: bool = False, quiet: bool = False) -> None:
        super().__init__(json_results=json_results, verbose=verbose, quiet=quiet)
        self.details: dict[str, Any] = {}

    def object(self, value: dict[str, Any]) -> None:
        """One event or the result as a line of JSON on stderr."""
        if self.json:
            more = self.details if "result" in value else {}
            sys.stderr.write(json.dumps({"schema": SCHEMA, **value, **more}, allow_nan=False) + "\n")
            sys.stderr.flush()

    def note(self, text: str, style: str = "") -> None:
        """A line for people; none among the JSON."""
        if not self.json:
            super().note(text, style)

    def error(self, error: UaError) -> None:
        """The same of an error: the JSON has it as an object."""
        if not self.json:
            super().error(error)


async def run_pair(request: PairRequest, output: PairOutput, stop: Stop, network: Network) -> ResultCode:
    """Join the two machines and carry the pipe; raises UaError."""
    run = _Run(request, output, network)
    work = asyncio.ensure_future(run.run())
    try:
        if not await stop.first(work):
            raise Interrupted("interrupted")
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError, UaError):
            await work
    return ResultCode.OK


class _Run:
    """One run of the command."""

    def __init__(self, request: PairRequest, output: PairOutput, network: Network) -> None:
        self._request = request
        self._output = output
        self._network = network
        self._identity = Identity()
        self._source = Input(STDIN)
        self._lines = Lines(request.local, request.remote, self._source, output)

    async def run(self) -> None:
        """Exchange the lines, find a path, carry the pipe."""
        async with self._session() as session:
            if self._request.join:
                theirs = await self._join(session)
            else:
                theirs = await self._start(session)
            await self._carry(session, theirs)

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        request = self._request
        account = load_account(
            request.config, None, stun=request.stun, turn=request.turn, port_mapping=request.port_mapping
        )
        need_relay(account, request.path)
        config = MediaPlan(path=request.path).ice_config(account.ice)
        # Two lite agents might need a second line each (RFC 8445 §8.2).
        config = dataclasses.replace(config, patience_s=self._patience_s, lite=False)
        if request.join:
            config = dataclasses.replace(config, check_timeout_s=AGAIN_S)
        session = Session(
            network=self._network,
            config=config,
            role=Role.CONTROLLED if request.join else Role.CONTROLLING,
        )
        try:
            yield session
        finally:
            await session.close()

    async def _start(self, session: Session) -> Line:
        """Offer, and wait for the answer."""
        text = self._write(await self._gather(session), to="")
        self._lines.tell("offer", text)
        _, theirs = await self._hear("answer")
        return theirs

    async def _join(self, session: Session) -> Line:
        """Wait for the offer, and answer it."""
        offer, theirs = await self._hear("offer")
        text = self._write(await self._gather(session), to=digits_of(offer).lower())
        self._lines.tell("answer", text)
        return theirs

    async def _hear(self, wanted: Kind) -> tuple[str, Line]:
        wait_s = self._request.wait_s
        try:
            async with asyncio.timeout(wait_s):
                return await self._lines.hear(wanted)
        except TimeoutError:
            raise TimedOut(
                f"the line of the other side did not come within {wait_s:g} s", hint="a longer --wait"
            ) from None

    def _write(self, description: Description, *, to: str) -> str:
        if self._request.join:
            proof = self._identity.certificate_der
            return write_line(Line(kind="answer", description=description, proof=proof, to=to))
        return write_line(Line(kind="offer", description=description, proof=self._identity.public_key))

    async def _gather(self, session: Session) -> Description:
        try:
            description = await session.gather()
        except GatheringFailed as error:
            raise NoMediaPath(
                f"this machine has no candidate: {error}", hint="look at [ice] in 'icephone config show'"
            ) from error
        for problem in session.report().gathering_problems:
            self._output.note(problem)
            self._output.object({"event": "gathering_problem", "reason": problem})
        return description

    async def _carry(self, session: Session, theirs: Line) -> None:
        started = clock.now()
        pipe = Pipe(
            session.path(1),
            identity=self._identity,
            proof=theirs.proof,
            dials=not self._request.join,
            source=self._source,
            sink=STDOUT,
            on_open=lambda: self._opened(session, started),
        )
        unsubscribe = session.subscribe(lambda event: self._follow(event, pipe))
        try:
            await self._connect(session, theirs.description)
            await pipe.run()
        finally:
            unsubscribe()
            transfer = pipe.transfer
            self._output.details = {
                "ice": with_ice(session.report()).to_json(),
                "sent": {"bytes": transfer.sent_bytes, "sha256": transfer.sent_sha256},
                "received": {"bytes": transfer.received_bytes, "sha256": transfer.received_sha256},
            }
        self._output.note(f"done: {transfer.sent_bytes} bytes sent, {transfer.received_bytes} bytes received")
        self._output.object({"result": ResultCode.OK.value, "error": None, "seen": None, "hint": None})

    async def _connect(self, session: Session, theirs: Description) -> None:
        session.set_remote(theirs)
        again = asyncio.ensure_future(self._check_again(session)) if self._request.join else None
        try:
            async with asyncio.timeout(self._patience_s):
                await session.completed()
        except TimeoutError:
            raise NoMediaPath(f"no path within {self._patience_s:g} s", hint=_NO_PATH_HINT) from None
        except IceFailed as error:
            raise NoMediaPath(f"no path: {error}", hint=_NO_PATH_HINT) from error
        finally:
            if again is not None:
                again.cancel()

    @property
    def _patience_s(self) -> float:
        """Seconds for a path; on the side that joins those too in which our answer is copied."""
        return self._request.timeout_s + (self._request.wait_s if self._request.join else 0.0)

    async def _check_again(self, session: Session) -> None:
        """Keep the NAT in front of us open until the other side has our answer and checks as well."""
        while True:
            await asyncio.sleep(AGAIN_S)
            session.check_again()

    # --- what is told ---------------------------------------------------------------------------------------

    def _opened(self, session: Session, started: float) -> None:
        report = session.report()
        pair = report.selected
        open_ms = (clock.now() - started) * 1000
        self._output.note(f"connected {_shown(pair)}, nominated after {report.nominated_ms or 0:.0f} ms")
        if report.reason:
            self._output.note(report.reason)
        self._output.object(
            {"event": "connected", "ice": with_ice(session.report()).to_json(), "open_ms": round(open_ms, 1)}
        )

    def _follow(self, event: Event, pipe: Pipe) -> None:
        match event:
            case PathLost():
                self._output.note(f"the path is lost: {event.reason}")
                self._output.object({"event": "path_lost", "reason": event.reason})
            case PathSelected():
                self._output.trace(f"path {_shown(event.pair)}: {event.reason}")
            case StateChanged(state=SessionState.FAILED):
                pipe.fail(NoMediaPath(f"no path any more: {event.reason}", hint=_NO_PATH_HINT))
            case _:
                pass


_NO_PATH_HINT = "name a STUN server on both sides (--stun) and a TURN server on one (--turn)"


def _shown(pair: PairView | None) -> str:
    """The path as people want to read it: "over TCP, direct, 192.0.2.1:5000 to 198.51.100.2:5000"."""
    if pair is None:
        return "over no pair"
    relayed = CandidateType.RELAY in (pair.local.type, pair.remote.type)
    return (
        f"over {pair.local.transport.value.upper()}, {'relayed' if relayed else 'direct'}, "
        f"{pair.local.address} to {pair.remote.address}"
    )
