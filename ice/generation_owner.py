"""Who keeps generations, as one of them sees it."""

from __future__ import annotations

from typing import Protocol

from ice.types import FlowId, SessionState


class GenerationOwner(Protocol):
    """What a generation tells and asks; `which` is the generation itself."""

    def state_changed(self, which: object, state: SessionState, reason: str, now: float) -> None:
        """It has reached another state."""

    def role_changed(self, now: float) -> None:
        """The role of the agent has changed: all generations must follow."""

    def speaks(self, which: object, component: int) -> bool:
        """True where the media of a component is on its path, not on another one's."""

    def advise_restart(self, which: object, reason: str, now: float) -> None:
        """Its path cannot be kept."""

    def insist_on_restart(self, which: object, reason: str, now: float) -> None:
        """The controlling side should have restarted: anybody may."""

    def needed_beside(self, which: object) -> frozenset[FlowId]:
        """Sockets and connections that the others use."""
