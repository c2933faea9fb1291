"""What one side of a standing call asks of the other beside its media: transfer, keys, texts, INFO."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Literal

from ua import clock
from ua.call.dtmf import InfoKeys
from ua.call.hold import Hold
from ua.call.state import CallState
from ua.call.surroundings import CallSurroundings
from ua.call.transfer import (
    TransferResult,
    attended_target,
    blind_target,
    put_on_hold,
    resume,
    transfer,
)
from ua.errors import CallRejected, UaError, UsageError
from ua.messages import MessageOutcome, content_type
from ua.plan import MediaSource
from ua.sip.dialog import Dialog
from ua.sip.events.dtmf import Digit
from ua.sip.events.refer_to import ReferTo
from ua.sip.invite.leg import Leg
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.uri import Uri

if TYPE_CHECKING:
    from ua.call.call import Call


class InCall(abc.ABC):
    """The part of a call that needs no more than its leg.

    Attributes:
        digits: keys that the other side has pressed, e.g. "12#".
    """

    def __init__(self, around: CallSurroundings) -> None:
        self._around = around
        self.digits = ""
        self._keys: InfoKeys | None = None

    async def transfer(self, uri: str) -> TransferResult:
        """Ask the other side to call `uri`; where that works, this call ends. Raises UsageError.

        Until that is known the call is held; where it fails the call goes on.
        """
        return await self._transfer(blind_target(uri))

    async def transfer_to(self, other: Call) -> TransferResult:
        """Join the other side with that of `other`; where that works, both calls end. Raises UsageError.

        Where `other` only rings yet it is given up, and its target called by the other side (RFC 5589 §7.6):
        a call that the target has not answered cannot be replaced there (RFC 3891 §3).
        """
        if other.state is CallState.ESTABLISHED and other.dialog is not None:
            known = (Uri.parse(other.remote_uri), Uri.parse(self._around.account.uri))
            return await self._transfer(attended_target(other.dialog, known), other)
        other.hang_up()
        await other.ended()
        return await self.transfer(other.remote_uri)

    async def send_dtmf(self, digits: str, *, by: Literal["info"] = "info") -> None:  # noqa: ARG002
        """Press keys, one after the other, by INFO requests. Raises UsageError, CallRejected, SipError."""
        leg = self._standing_leg()
        self._keys = self._keys or InfoKeys(leg)
        problem = ""
        try:
            await self._keys.press(digits)
        except UaError as error:
            problem = error.what
            raise
        finally:
            around = self._around
            around.log.record(clock.now(), around.party, "call", "digits_sent", keys=digits, problem=problem)

    async def message(self, text: str) -> MessageOutcome:
        """Send a short message in the call; tells what became of it. Raises UsageError, SipError."""
        leg = self._standing_leg()
        done = await leg.request("MESSAGE", body=text.encode(), content_type=content_type())
        return MessageOutcome.of(done.response)

    async def send_info(self, package: str, body: bytes, content_type: str) -> None:
        """Send an INFO of a package (RFC 6086 §5). Raises UsageError, CallRejected, SipError."""
        leg = self._standing_leg()
        if not leg.peer.takes_package(package):
            raise UsageError(f"the other side takes no INFO of {package}: its Recv-Info does not name it")
        headers = Headers.of(("Info-Package", package), ("Content-Disposition", "Info-Package"))
        done = await leg.request("INFO", headers=headers, body=body, content_type=content_type)
        if not done.response.is_success:
            status = done.response.status
            raise CallRejected(f"the INFO was refused: {status}", sip_code=status)

    # --- what the whole call gives ------------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def dialog(self) -> Dialog | None:
        """Its dialog, None before there is one."""

    @property
    @abc.abstractmethod
    def hold_state(self) -> Hold:
        """Who holds whom."""

    @abc.abstractmethod
    async def hold(self, music: MediaSource | None = None) -> None:
        """Put the other side on hold."""

    @abc.abstractmethod
    async def resume(self) -> None:
        """End our hold."""

    @abc.abstractmethod
    def hang_up(self) -> None:
        """End it."""

    @abc.abstractmethod
    def _standing_leg(self) -> Leg:
        """The leg of a call that stands; raises UsageError."""

    # --- inside -------------------------------------------------------------------------------------------

    async def _transfer(self, refer_to: ReferTo, *others: Call) -> TransferResult:
        leg = self._standing_leg()
        held = await put_on_hold((self, *others))
        result = await transfer(leg, refer_to)
        around = self._around
        around.log.record(
            clock.now(),
            around.party,
            "call",
            "transfer",
            state="done" if result.done else "failed",
            target=str(refer_to.target),
            status=result.status,
            reason=result.reason,
        )
        if result.done:
            self.hang_up()
        else:
            await resume(held)
        return result

    def _pressed(self, digit: Digit) -> None:
        self.digits += digit.key
        self._around.log.record(
            clock.now(), self._around.party, "call", "digit", key=digit.key, duration_ms=digit.duration_ms
        )
