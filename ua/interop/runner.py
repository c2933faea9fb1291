"""Runs scenarios against a peer: several at once, each in bounded time, again where one fails."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import Network
from ice.net.sockets import HostNetwork
from media.engine import MediaEngine
from ua import clock
from ua.config.account import Account
from ua.errors import ConfigurationError, UaError, UsageError
from ua.events import EventLog
from ua.interop.diagnosis import diagnose
from ua.interop.evidence import Evidence
from ua.interop.explained import INTERNAL, failure_of
from ua.interop.failure import Failure, Unmet
from ua.interop.folder import EVENTS, TRACEBACK
from ua.interop.leases import Leases, wanted
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Peer
from ua.interop.ports import PortRangeNetwork
from ua.interop.scenario import Scenario
from ua.interop.stage import Stage
from ua.interop.standstill import Standstill, excused, words

AT_ONCE: Final = 4
RETRIES: Final = 1

BUSY_RETRIES: Final = 2
"""How often more where this machine stood still while a scenario failed."""

LEAVING_S: Final = 30.0
"""Seconds that a scenario gets to hang up and to switch off its phones once its time is over."""


class Runner:
    """Runs scenarios.

    Args:
        peer: what is tested.
        folder: a folder of its own for each scenario is made in it.
        base: settings of the user that all phones share.
        at_once: scenarios at a time.
        retries: how often one that fails is run again; more often where this machine was too busy for it,
            after which it is an error and no failure of the peer.
        ports: of our media; any where None. Each scenario of those at a time has its own part.
        timeout_s: seconds after which a scenario is ended; None for its own.
        firewall: what all our media passes; none where None.
        standstill: tells how long this machine stood still; measured where None.
        on_start: called with a scenario that begins.
        on_outcome: called with what became of it.

    Attributes:
        outcomes: of the scenarios that are over, in the order in which they ended.
    """

    def __init__(
        self,
        peer: Peer,
        folder: Path,
        *,
        base: Account | None = None,
        at_once: int = AT_ONCE,
        retries: int = RETRIES,
        ports: range | None = None,
        timeout_s: float | None = None,
        firewall: FirewallPolicy | None = None,
        standstill: Standstill | None = None,
        on_start: Callable[[Scenario], None] = lambda _: None,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._peer = peer
        self._folder = folder
        self._base = Account() if base is None else base
        self._at_once = at_once
        self._retries = retries
        self._timeout_s = timeout_s
        self._firewall = firewall
        self._networks = [_network(self._base, ports, number, at_once) for number in range(at_once)]
        self._standstill = Standstill() if standstill is None else standstill
        self._on_start = on_start
        self._on_outcome = on_outcome
        self._leases = Leases(len(peer.accounts))
        self._engine = MediaEngine()
        self.outcomes: list[Outcome] = []

    async def run(self, scenarios: Sequence[Scenario]) -> tuple[Outcome, ...]:
        """Run them; gives what became of them, in their order.

        Where this is cancelled `outcomes` has what is there.
        """
        # Who wants most accounts waits longest for them, so it is asked first.
        waiting = sorted(scenarios, key=lambda each: -wanted(each))

        async def work(network: Network) -> None:
            while waiting:
                ready = (each for each in waiting if self._peer.lacks(each) or self._leases.has(wanted(each)))
                scenario = next(ready, None)
                if scenario is None:
                    await self._leases.returned()
                else:
                    waiting.remove(scenario)
                    self._ended(await self._surely(scenario, network))

        watching = asyncio.ensure_future(self._standstill.watch())
        workers = [asyncio.ensure_future(work(network)) for network in self._networks]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in (*workers, watching):
                worker.cancel()
            await asyncio.gather(*workers, watching, return_exceptions=True)
            await self._engine.close()
        order = {each.id: number for number, each in enumerate(scenarios)}
        return tuple(sorted(self.outcomes, key=lambda each: order[each.scenario]))

    def _ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        _tell(self._on_outcome, outcome)

    async def _surely(self, scenario: Scenario, network: Network) -> Outcome:
        """What became of a scenario; a mistake of ours around it costs no other one."""
        try:
            return await self._one(scenario, network)
        except UsageError as error:
            failure = Failure(cause="not_kept", expected=scenario.title, seen=_line(error), advice=error.hint)
        except Exception as error:
            _report(f"the scenario {scenario.id} could not be run", error)
            failure = _mistake(error, scenario, self._folder / scenario.id)
        return Outcome(
            scenario=scenario.id,
            verdict=Verdict.ERROR,
            failure=failure,
            attempts=1,
            folder=scenario.id if (self._folder / scenario.id).is_dir() else "",
        )

    async def _one(self, scenario: Scenario, network: Network) -> Outcome:
        lacks = self._peer.lacks(scenario)
        if lacks:
            return Outcome(scenario=scenario.id, verdict=Verdict.SKIPPED, reason=lacks)
        users = self._leases.take(wanted(scenario))
        _tell(self._on_start, scenario)
        self._forget(scenario)
        limit = self._peer.limit_of(scenario)
        try:
            if limit is None:
                outcome = await self._tried(scenario, network, users)
            else:
                outcome = await self._attempt(scenario, network, users, 1)
        finally:
            self._leases.give_back(wanted(scenario), users)
        if limit is not None and outcome.verdict in (Verdict.FAILED, Verdict.PASSED):
            failed = outcome.verdict is Verdict.FAILED
            return dataclasses.replace(
                outcome,
                verdict=Verdict.EXPECTED_FAILURE if failed else Verdict.UNEXPECTED_PASS,
                reason=limit.reason,
            )
        return outcome

    async def _tried(self, scenario: Scenario, network: Network, users: tuple[int, ...]) -> Outcome:
        """Run a scenario until it does not fail, so often at most; more where this machine stood still."""
        attempt, before = 1, ""
        attempts, more = 1 + self._retries, BUSY_RETRIES if self._retries else 0
        while True:
            stood = self._standstill.seconds
            outcome = await self._attempt(scenario, network, users, attempt)
            stood = self._standstill.seconds - stood
            failure = outcome.failure
            if outcome.verdict is not Verdict.FAILED or failure is None:
                return dataclasses.replace(outcome, reason=before) if outcome.flaky else outcome
            machine = excused(failure, stood, outcome.duration_s)
            if attempt >= attempts and machine is not None and more:
                attempts, more = attempts + 1, more - 1
            if attempt >= attempts:
                break
            said = (f"failed before: {failure.cause}: {failure.seen}", words(stood))
            attempt, before = attempt + 1, "; ".join(each for each in said if each)
        if machine is None:
            return outcome
        return dataclasses.replace(outcome, verdict=Verdict.ERROR, failure=machine)

    def _forget(self, scenario: Scenario) -> None:
        """Remove what a run before has left of a scenario, and nothing else."""
        for folder in self._folder.glob(f"{scenario.id}*"):
            attempt = folder.name.removeprefix(scenario.id)
            if re.fullmatch(r"(\.[0-9]+)?", attempt) and (folder / EVENTS).is_file():
                shutil.rmtree(folder, ignore_errors=True)

    async def _attempt(
        self, scenario: Scenario, network: Network, users: tuple[int, ...], attempt: int
    ) -> Outcome:
        name = scenario.id if attempt == 1 else f"{scenario.id}.{attempt}"
        started = clock.now()
        log = EventLog()
        with Evidence(self._folder / name, log) as evidence:
            passing = evidence.network(network)
            stage = Stage(
                self._peer,
                self._folder / name,
                base=self._base,
                log=log,
                network=passing if self._firewall is None else FirewallNetwork(passing, self._firewall),
                engine=self._engine,
                users=users,
            )
            limit_s = scenario.timeout_s if self._timeout_s is None else self._timeout_s
            verdict, failure = await _verdict(scenario, stage, limit_s)
        if failure is not None:
            failure = _explained(failure, stage)
        return Outcome(
            scenario=scenario.id,
            verdict=verdict,
            failure=failure,
            reason=stage.note if verdict is Verdict.PASSED else "",
            duration_s=clock.now() - started,
            attempts=attempt,
            flaky=verdict is Verdict.PASSED and attempt > 1,
            folder=name,
        )


async def _verdict(scenario: Scenario, stage: Stage, limit_s: float) -> tuple[Verdict, Failure | None]:
    """Run `scenario` for so many seconds at most: how it ended, and why."""
    task = asyncio.ensure_future(scenario.run(stage))
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if not done:
            failure = Failure(
                cause="timeout",
                expected=f"it is over in {limit_s:g} s: {scenario.title}",
                seen=f"it stood at: {stage.standing}",
                where=stage.last_message(),
            )
            await _end(task)
            return Verdict.FAILED, failure
    except BaseException:
        await _end(task)
        raise
    match _error_of(task):
        case None:
            return Verdict.PASSED, None
        case Unmet() as error:
            ours = error.failure.cause == INTERNAL
            return Verdict.ERROR if ours else Verdict.FAILED, error.failure
        case ConfigurationError() as error:
            return Verdict.ERROR, failure_of(error, expected=scenario.title)
        case UaError() as error:
            return Verdict.FAILED, failure_of(error, expected=scenario.title, where=stage.last_message())
        case error:
            _report(f"the scenario {scenario.id} failed", error)
            return Verdict.ERROR, _mistake(error, scenario, stage.folder, stage.standing)


def _mistake(error: BaseException, scenario: Scenario, folder: Path, where: str = "") -> Failure:
    """A mistake of ours, whose place is kept with the evidence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(traceback.format_exception(error))
        (folder / TRACEBACK).write_text(text, encoding="utf-8", errors="backslashreplace")
        kept = f" with {TRACEBACK}"
    except OSError:
        kept = ""
    return Failure(
        cause=INTERNAL,
        expected=scenario.title,
        seen=_line(error),
        where=where,
        advice=f"this is a mistake in the scenario or in icephone; please report it{kept}",
    )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _error_of(task: asyncio.Future[None]) -> BaseException | None:
    """What a scenario that is over has raised."""
    try:
        return task.exception()
    except asyncio.CancelledError as error:
        return error


def _explained(failure: Failure, stage: Stage) -> Failure:
    """`failure` with what the event log says of it; a mistake in there costs no more than that."""
    try:
        return diagnose(stage.log.entries, failure, stage.results)
    except Exception as error:  # what a peer sent may be beyond all that a diagnosis has thought of
        _report("a diagnosis failed", error)
        return failure


def _tell(watcher: Callable[[Any], None], what: Scenario | Outcome) -> None:
    """Tell whoever watches, who ends no run."""
    try:
        watcher(what)
    except Exception as error:
        _report("a run could not be watched", error)


def _report(what: str, error: BaseException) -> None:
    """A mistake of ours, for whoever looks after the event loop."""
    asyncio.get_running_loop().call_exception_handler({"message": what, "exception": error})


async def _end(task: asyncio.Future[None]) -> None:
    """Cancel a scenario; it may hang up and switch off its phones."""
    task.cancel()
    await asyncio.wait({task}, timeout=LEAVING_S)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=LEAVING_S)


def _network(base: Account, ports: range | None, number: int, of: int) -> Network:
    """This host, with one part of `ports`."""
    host = HostNetwork(dscp=base.media.dscp)
    if ports is None:
        return host
    size = len(ports) // of
    return PortRangeNetwork(host, ports[number * size : (number + 1) * size])
