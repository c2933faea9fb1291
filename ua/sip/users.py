"""Who the pump works for: protocols of those who wait for messages."""

from __future__ import annotations

from typing import Protocol

from ua.sip.errors import SipError, SipTimeout, SipUnreachable
from ua.sip.syntax.message import Request, Response
from ua.sip.transaction.messages import RequestReceived, TransactionFailed, TransactionTimedOut
from ua.sip.transaction.timers import Timers


class ClientUser(Protocol):
    """Who waits for the responses to a request."""

    def on_response(self, response: Response) -> None:
        """A response came."""

    def on_failure(self, error: SipError) -> None:
        """None will come: `SipTimeout` or `SipUnreachable`."""

    def on_ended(self) -> None:
        """No response will come any more; what still absorbs repeats does not hold this user."""


class ServerUser(Protocol):
    """Who answers an INVITE."""

    def cancel(self, request: Request | None = None) -> None:
        """The caller gave up; `request` is its CANCEL."""


class DialogUser(Protocol):
    """Who takes the requests of a dialog."""

    def receive_request(self, event: RequestReceived) -> None:
        """A request came; it is to be answered."""

    def receive_ack(self, request: Request) -> None:
        """An ACK came."""

    def abandon(self) -> None:
        """The endpoint is closed."""


def failure(event: TransactionTimedOut | TransactionFailed, method: str, timers: Timers) -> SipError:
    """What a `ClientUser` hears of a transaction that got no response."""
    if isinstance(event, TransactionTimedOut):
        return SipTimeout(f"no answer to {method} from {event.hop.remote} in {timers.timeout:g} s")
    return SipUnreachable(f"{method} did not reach {event.hop.remote}", seen=event.reason)
