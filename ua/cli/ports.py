"""What the commands need of a phone; satisfied by `ua.phone` and by the phones of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ua.config.account import Account
from ua.events import EventLog
from ua.messages import MessageOutcome
from ua.plan import MediaPlan
from ua.results import CallResult
from ua.watching import Package

if TYPE_CHECKING:
    from ua.call.transfer import TransferResult


class CallPort(Protocol):
    """One call."""

    @property
    def id(self) -> str:
        """Call-ID."""

    @property
    def remote_uri(self) -> str:
        """URI of the other side."""

    @property
    def muted(self) -> bool:
        """Whether the other side hears silence in place of us."""

    @muted.setter
    def muted(self, muted: bool) -> None: ...

    @property
    def successor(self) -> CallPort | None:
        """The call that took the place of this one, by a transfer or by Replaces; None without."""

    async def established(self) -> None:
        """Return once media may flow; raises the UaError that ended the call before that."""

    async def ended(self) -> CallResult:
        """Return once the call is over, however it ended; never raises UaError. May be awaited twice."""

    async def send_dtmf(self, digits: str) -> None:
        """Press keys; raises UsageError where the other side takes none, CallRejected for a refused one."""

    async def transfer(self, uri: str) -> TransferResult:
        """Ask the other side to call `uri`; where that works, this call ends."""

    def hang_up(self) -> None:
        """CANCEL or BYE, whatever the state needs; a call that is over stays over."""


class IncomingCallPort(CallPort, Protocol):
    """A call that rings here."""

    async def accept(self, plan: MediaPlan) -> None:
        """Answer it."""

    def reject(self, code: int) -> None:
        """Refuse it with a final response."""


class TransferPort(Protocol):
    """The other side asks us to call somebody else."""

    @property
    def call(self) -> object | None:
        """The call in which we are asked; None outside any."""

    @property
    def target(self) -> str:
        """Whom to call."""

    async def accept(self) -> object:
        """Call there with the media of the call that goes on; raises UaError."""

    def decline(self) -> None:
        """Call nobody."""


class RegistrationPort(Protocol):
    """A registration that keeps itself alive; the phone removes it when it closes."""

    @property
    def contact(self) -> str:
        """The URI that the registrar knows us by."""

    @property
    def expires_s(self) -> float:
        """Seconds that the registrar granted."""

    async def lost(self) -> None:
        """Never return while the registration stands; raises the UaError that ended it."""


class PhonePort(Protocol):
    """A phone."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """URIs that reach this phone directly, e.g. "sip:192.0.2.1:5060"."""

    async def register(self, *, expires: int) -> RegistrationPort:
        """Register for `expires` seconds and keep it up; raises UaError."""

    async def place(self, uri: str, plan: MediaPlan) -> CallPort:
        """Start a call; raises UaError where not even an INVITE can be sent."""

    async def message(self, uri: str, text: str) -> MessageOutcome:
        """Send a short message; tells what became of it. Raises UaError where no answer came."""

    def subscribe(self, package: Package, uri: str | None = None, *, expires: int = 3600) -> object:
        """Watch `uri`, ourselves where None; what is told comes to the log."""

    def incoming(self) -> AsyncIterator[IncomingCallPort]:
        """The calls that arrive, ringing."""

    def transfers(self) -> AsyncIterator[TransferPort]:
        """Who asks us to call somebody else; asked once, they wait for a decision."""


PhoneFactory = Callable[[Account, EventLog], PhonePort]
"""Makes the phone of an account."""


def real_phone(account: Account, log: EventLog) -> PhonePort:
    """The phone on the network of this host."""
    from ua.phone import Phone

    return Phone(account, log)
