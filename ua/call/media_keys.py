"""The keys of one call that go through its media: pressed and heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from media.dtmf.keys import Press
from media.dtmf.outgoing import EventTypes
from media.events import KeyHeard
from media.session import MediaSession
from sdp.attributes import event_list
from sdp.errors import ValueFault
from sdp.negotiation.negotiated import NegotiatedMedia

MediaWay = Literal["rfc4733", "inband"]


def event_types(negotiated: NegotiatedMedia, *, listens: bool = False) -> EventTypes:
    """How keys go through media, as it was agreed.

    Args:
        negotiated: what was agreed.
        listens: look for tones in the audio in any case, not only where the peer sends no events.
    """
    send = negotiated.telephone_event
    receive = {each.payload_type: each.clock_rate for each in negotiated.formats if each.is_telephone_event}
    events = event_list.USUAL
    if send is not None:
        # a list that cannot be read says nothing
        with contextlib.suppress(ValueFault):
            events = event_list.parse(send.fmtp)
    return EventTypes(
        send=None if send is None else send.payload_type,
        events=events,
        receive=receive,
        detecting=listens or not receive,
    )


class MediaKeys:
    """What one call does with keys in its media.

    Attributes:
        on_key: called with each key that the peer has pressed; may be set.
        listens: look for tones in the audio also where the peer sends events; may be set before media begins.
    """

    def __init__(self) -> None:
        self.on_key: Callable[[KeyHeard], None] = lambda _: None
        self.listens = False
        self._session: MediaSession | None = None

    def use(self, session: MediaSession, negotiated: NegotiatedMedia) -> None:
        """Go on with what was agreed last."""
        self._session = session
        session.use_events(event_types(negotiated, listens=self.listens))

    def takes(self, key: str, way: MediaWay) -> bool:
        """Whether the peer takes this key this way, now: nothing is sent to one that holds us."""
        session = self._session
        return session is not None and session.sending and session.keys.takes(key, way)

    def press(self, presses: Sequence[Press], way: MediaWay) -> Awaitable[None]:
        """Press them one after the other; the result is done once the last is out, or was given up.

        Raises:
            OverflowError: there are too many of them.
        """
        session = self._session
        if session is None:
            raise RuntimeError("there is no media yet")
        if len(presses) > session.keys.room:
            raise OverflowError(f"{len(presses)} digits are too many at once, {session.keys.room} can wait")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left = len(presses)

        def sent() -> None:
            nonlocal left
            left -= 1
            if not left and not done.done():
                done.set_result(None)

        for press in presses:
            session.keys.press(press, way, sent)
        return done
