"""A scenario: one thing that should work between this phone and a peer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ua.interop.need import Need

if TYPE_CHECKING:
    from ua.interop.stage import Stage

Run = Callable[["Stage"], Awaitable[None]]

TIMEOUT_S: Final = 60.0
"""A scenario that knows better says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario.

    Attributes:
        id: its name, "calls.busy"; what is before the point is its suite.
        title: what should happen, one sentence.
        rfc: where that is written, e.g. "RFC 3261 §21.4.24".
        needs: what the peer must offer; where it does not, the scenario is skipped.
        run: does it; raises Unmet where something is not as it should be.
        basic: true where it belongs to the set "basic": what every PBX should do, quickly tried.
        timeout_s: seconds after which it is ended.
    """

    id: str
    title: str
    rfc: str
    needs: frozenset[Need]
    run: Run = field(repr=False)
    basic: bool = False
    timeout_s: float = TIMEOUT_S

    @property
    def suite(self) -> str:
        """Its suite, "calls"."""
        return self.id.partition(".")[0]

    def to_json(self) -> dict[str, Any]:
        """What a list of scenarios tells of it."""
        return {
            "id": self.id,
            "suite": self.suite,
            "title": self.title,
            "rfc": self.rfc,
            "needs": sorted(self.needs),
            "basic": self.basic,
            "timeout_s": self.timeout_s,
        }


def scenario(
    *,
    id: str,  # noqa: A002  what a scenario is known by is called so everywhere
    title: str,
    rfc: str,
    needs: Iterable[Need] = (),
    basic: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Callable[[Run], Scenario]:
    """Make a scenario of the function below; see `Scenario` for the arguments."""

    def made(run: Run) -> Scenario:
        return Scenario(
            id=id, title=title, rfc=rfc, needs=frozenset(needs), run=run, basic=basic, timeout_s=timeout_s
        )

    return made
