"""Whom a leg asks: the callbacks that its user sets, let go of once the leg is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.syntax.message import Response

if TYPE_CHECKING:
    from ua.sip.invite.incoming import IncomingInvite


class Handlers:
    """The callbacks of one leg; each may be set, None is the default.

    A leg outlives its call for 64*T1: the 2xx to its INVITE may come again, and late requests of the peer. It
    must not hold the call and its media for so long.

    Attributes:
        on_reinvite: called for each re-INVITE; without it they get 488.
        on_update: called for each UPDATE with an offer; answer it soon, nobody can be asked. Without it: 488.
        on_request: called for each other request; without it they get 405.
        make_prack_offer: gives an offer for the PRACK to a response that holds the answer; empty for none.
            It should be one that the peer is sure to take (RFC 6337 §3.2).
        on_prack_answer: called with its answer, None where it was refused.
        current_offer: gives the description for a re-INVITE that changes nothing, same version; without it
            the last one is sent again.
        on_refreshed: called with the answer to such a re-INVITE, None where it was refused.
    """

    def __init__(self) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Nobody is asked any more."""
        self.on_reinvite: Callable[[IncomingInvite], object] | None = None
        self.on_update: Callable[[IncomingOffer], object] | None = None
        self.on_request: Callable[[IncomingRequest], object] | None = None
        self.make_prack_offer: Callable[[Response], bytes] | None = None
        self.on_prack_answer: Callable[[bytes | None], object] | None = None
        self.current_offer: Callable[[], bytes] | None = None
        self.on_refreshed: Callable[[bytes | None], object] | None = None
