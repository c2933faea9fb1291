"""What one side of a standing call asks of the other beside its media: transfer, keys, texts, INFO."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from media.dtmf.keys import DEFAULT_MS
from media.errors import CodecError
from ua import clock, codec_mapping
from ua.call.digits import DigitWay, HeardDigits
from ua.call.dtmf import Keys
from ua.call.hold import ChangeRefused, Hold
from ua.call.media_leg import MediaLeg
from ua.call.offers import Offers
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
from ua.capabilities import Capabilities
from ua.config.dtmf import DtmfChoice
from ua.config.media import CodecName
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
        on_digit: called with each of them and the way it came; may be set.
    """

    def __init__(self, around: CallSurroundings) -> None:
        self._around = around
        self.digits = ""
        self.on_digit: Callable[[str, DigitWay], object] = lambda _key, _way: None
        self._keys: Keys | None = None
        self._heard_digits = HeardDigits()
        self._digit_choice: DtmfChoice = "auto"
        self._warned_of_digits = False

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

    async def send_dtmf(
        self,
        digits: str,
        *,
        by: DtmfChoice | None = None,
        duration_ms: int = DEFAULT_MS,
        pause_ms: int = DEFAULT_MS,
    ) -> None:
        """Press keys, one after the other; returns once the last is out.

        Args:
            digits: 0 to 9, *, #, A to D, ! for a hook flash; blanks and dashes are left out.
            by: which way; None takes that of the plan, or of the account.
            duration_ms: how long each is held.
            pause_ms: between two of them.

        Raises:
            UsageError: the call does not stand, or the other side takes them by none of the ways.
            CallRejected: it refused one.
            Interrupted: the call ended before the last was out.
            SipError: an INFO was not answered.
        """
        leg, media = self._standing_leg(), self._standing_media()
        self._keys = self._keys or Keys(leg, media, self._warn_of_digits)
        problem = ""
        try:
            await self._keys.press(
                digits, by=by or self._digit_choice, duration_ms=duration_ms, pause_ms=pause_ms
            )
        except UaError as error:
            problem = error.what
            raise
        finally:
            self._record("digits_sent", keys=digits, way=self._keys.way, problem=problem)

    async def message(self, text: str) -> MessageOutcome:
        """Send a short message in the call; tells what became of it. Raises UsageError, SipError."""
        leg = self._standing_leg()
        done = await leg.request("MESSAGE", body=text.encode(), content_type=content_type())
        return MessageOutcome.of(done.response)

    async def options(self) -> Capabilities:
        """Ask in the call what the other side can do; gives the answer, whatever its status.

        Raises UsageError, SipError. A call that the other side does not know any more ends by the answer
        (RFC 3261 §12.2.1.2).
        """
        return Capabilities.of((await self._standing_leg().request("OPTIONS")).response)

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

    async def use_codecs(self, codecs: Sequence[CodecName]) -> None:
        """Offer these codecs and no others from now on, best first.

        Raises:
            UsageError: the call does not stand, or one of them cannot be used here.
            ChangeRefused: the other side has none of them, or changes nothing; everything is as before.
        """
        _, offers = self._standing()
        try:
            formats = codec_mapping.offered(codecs, dtx=self._around.account.media.dtx)
        except CodecError as error:
            raise UsageError(str(error)) from error
        problem = await offers.use(formats)
        if problem:
            raise ChangeRefused(f"the codec was not changed: {problem}")

    async def restart_ice(self) -> None:
        """Look for the path of media anew (RFC 8445 §9); meanwhile media goes on by the one of before.

        Where there is no ICE, this is an offer like any.

        Raises:
            UsageError: the call does not stand.
            ChangeRefused: the other side does not take it; everything is as before.
        """
        _, offers = self._standing()
        problem = await offers.restart()
        if problem:
            raise ChangeRefused(f"ICE was not restarted: {problem}")

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

    @abc.abstractmethod
    def _standing(self) -> tuple[MediaLeg, Offers]:
        """The media of a call that stands, and its offers; raises UsageError."""

    def _standing_media(self) -> MediaLeg:
        return self._standing()[0]

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
        self._heard(digit.key, digit.duration_ms, "info")

    def _use_keys(self, media: MediaLeg, *, choice: DtmfChoice) -> None:
        """Take the keys that are pressed in this media; send ours by `choice`."""
        self._digit_choice = choice
        media.keys.listens = choice == "inband"
        media.keys.on_key = lambda key: self._heard(key.key, key.duration_ms, key.way)

    def _heard(self, key: str, duration_ms: int, way: DigitWay) -> None:
        if self._heard_digits.is_new(key, way, clock.now()):
            self.digits += key
            self._record("digit", key=key, duration_ms=duration_ms, way=way)
            self.on_digit(key, way)

    def _warn_of_digits(self, way: DigitWay) -> None:
        """RFC 4733 §6: who reads the packets reads the digits."""
        if self._warned_of_digits or (way == "info") or self._standing_media().srtp is not None:
            return
        self._warned_of_digits = True
        self._record("unprotected", reason="digits go out in media that is not encrypted")

    def _record(self, name: str, **data: object) -> None:
        self._around.log.record(clock.now(), self._around.party, "call", name, **data)
