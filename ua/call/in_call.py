"""What a call can do while it stands: hold, mute, join a room, keys, texts, INFO, other codecs and paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from media.audio.mixer import Mixer, Seat
from media.dtmf.keys import DEFAULT_MS
from media.errors import CodecError
from ua import clock
from ua.call import codec_mapping
from ua.call.digits import DigitWay, HeardDigits
from ua.call.dtmf import Keys
from ua.call.hold import ChangeRefused, Hold, HoldRefused, holding
from ua.call.media_leg import MediaLeg
from ua.call.offers import Offers
from ua.call.state import CallState
from ua.call.surroundings import CallSurroundings
from ua.capabilities import Capabilities
from ua.config.dtmf import DtmfChoice
from ua.config.media import CodecName
from ua.errors import CallRejected, UaError, UsageError
from ua.messages import MessageOutcome, content_type
from ua.plan import MediaSource, Silence
from ua.sip.events.dtmf import Digit
from ua.sip.invite.leg import Leg
from ua.sip.syntax.headers import Headers


class InCall:
    """The part of a call that works while it stands, on what its life gives it: the leg, media and offers.

    Attributes:
        state: where it stands.
        digits: keys that the other side has pressed, e.g. "12#".
        on_digit: called with each of them and the way it came; may be set.
    """

    def __init__(self, around: CallSurroundings) -> None:
        self._around = around
        self.state = CallState.NEW
        self.digits = ""
        self.on_digit: Callable[[str, DigitWay], object] = lambda _key, _way: None
        self._leg: Leg | None = None
        self._media: MediaLeg | None = None
        self._offers: Offers | None = None
        self._keys: Keys | None = None
        self._heard_digits = HeardDigits()
        self._digit_choice: DtmfChoice = "auto"
        self._warned_of_digits = False

    @property
    def hold_state(self) -> Hold:
        """Who holds whom."""
        return Hold.NONE if self._media is None else self._media.descriptions.hold

    async def hold(self, music: MediaSource | None = None) -> None:
        """Put the other side on hold: it hears `music` (silence where None), we hear nothing.

        Raises:
            UsageError: the call does not stand, or a file cannot be used.
            HoldRefused: the other side does not take it; everything is as before.
        """
        media, offers = self._standing()
        usual = media.descriptions.usual
        media.play(Silence() if music is None else music)
        problem = await offers.ask(holding(usual))
        if problem:
            if not media.descriptions.hold.by_us:
                media.play(None)
            raise HoldRefused(f"the call was not put on hold: {problem}")

    async def resume(self) -> None:
        """End our hold; that of the other side stays. Raises as `hold` does."""
        media, offers = self._standing()
        problem = await offers.ask(media.descriptions.usual)
        if problem:
            raise HoldRefused(f"the hold was not ended: {problem}")
        media.play(None)

    @property
    def muted(self) -> bool:
        """Whether silence is sent in place of what the plan says; what plays there goes on unheard."""
        return self._media is not None and self._media.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        media, _ = self._standing()
        if muted != media.muted:
            media.muted = muted
            self._record("muted", muted=muted)

    @property
    def seat(self) -> Seat | None:
        """Its place in a conference, where it can be muted and made louder; None where it is in none."""
        return None if self._media is None else self._media.seat

    def join(self, mixer: Mixer) -> Seat:
        """Speak with all calls of a room instead of with the source of the plan, which waits.

        Raises:
            UsageError: the call does not stand.
        """
        media, _ = self._standing()
        return media.join(mixer)

    def leave(self) -> None:
        """Come back from a room; does nothing where the call is in none."""
        if self._media is not None:
            self._media.leave()

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

    # --- inside -------------------------------------------------------------------------------------------

    def _standing_leg(self) -> Leg:
        if self.state is not CallState.ESTABLISHED or self._leg is None:
            raise UsageError("the call does not stand")
        return self._leg

    def _standing(self) -> tuple[MediaLeg, Offers]:
        self._standing_leg()
        if self._media is None or self._offers is None:
            raise UsageError("the call has no media")
        return self._media, self._offers

    def _standing_media(self) -> MediaLeg:
        return self._standing()[0]

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
