"""Which message may carry an offer or an answer now (core; RFC 6337; RFC 3261 §13.2.1, 3262 §5, 3311 §5).

An offer goes in one message and its answer in another, in six ways and no others (RFC 6337 §2.2):

    INVITE -> 2xx    INVITE -> reliable 1xx    2xx -> ACK    reliable 1xx -> PRACK
    PRACK -> 2xx to it    UPDATE -> 2xx to it

One machine stands on each side of a dialog and sees the same messages, as sent or as received. A description
that we may not send raises SipStateError; what the peer may not send becomes a `Reading` with a fault.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final, assert_never

from ua.sip.errors import SipStateError


class Side(enum.StrEnum):
    """Who sent a message."""

    LOCAL = "local"
    REMOTE = "remote"

    @property
    def other(self) -> Side:
        """The other one."""
        return Side.REMOTE if self is Side.LOCAL else Side.LOCAL


class Carrier(enum.StrEnum):
    """Messages that move the exchange of descriptions, with a description or without one."""

    INVITE = "INVITE"
    RELIABLE = "reliable 1xx"
    UNRELIABLE = "1xx"
    SUCCESS = "2xx"
    FAILURE = "failure of INVITE"
    ACK = "ACK"
    PRACK = "PRACK"
    PRACK_SUCCESS = "2xx to PRACK"
    PRACK_FAILURE = "failure of PRACK"
    UPDATE = "UPDATE"
    UPDATE_SUCCESS = "2xx to UPDATE"
    UPDATE_FAILURE = "failure of UPDATE"


CARRIERS: Final = {
    "INVITE": (Carrier.INVITE, Carrier.SUCCESS, Carrier.FAILURE),
    "UPDATE": (Carrier.UPDATE, Carrier.UPDATE_SUCCESS, Carrier.UPDATE_FAILURE),
    "PRACK": (Carrier.PRACK, Carrier.PRACK_SUCCESS, Carrier.PRACK_FAILURE),
}
"""A request, its 2xx and its refusal, by method."""


class Meaning(enum.StrEnum):
    """What the description in a message is."""

    OFFER = "offer"
    ANSWER = "answer"
    NOTHING = "nothing"
    """No description, or one that says nothing new and is to be ignored (RFC 3261 §13.2.1)."""


class Fault(enum.StrEnum):
    """What is wrong with a message of the peer."""

    GLARE = "our offer is open"
    """To be answered with 491 (RFC 3261 §14.2, RFC 3311 §5.2)."""
    BUSY = "the peer's offer is open"
    """To be answered with 500 and Retry-After (RFC 3261 §14.2, RFC 3311 §5.2)."""
    NO_ANSWER = "no answer to our offer"
    NO_OFFER = "no offer where there must be one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a message of the peer means."""

    meaning: Meaning = Meaning.NOTHING
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOffer:
    """An offer without its answer."""

    by: Side
    carrier: Carrier


class InviteStage(enum.StrEnum):
    """How far the description of an INVITE transaction has come."""

    OFFERED = "offered"
    """The INVITE has an offer, which is open."""
    ASKED = "asked"
    """The INVITE has none: the first reliable response must (RFC 3261 §13.2.1)."""
    COUNTERED = "countered"
    """A response has offered; the PRACK or ACK answers."""
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningInvite:
    """An INVITE without its final response.

    Attributes:
        by: who sent it.
        stage: how far it is.
        unproved: the answer is in a reliable 1xx that has no PRACK yet.
    """

    by: Side
    stage: InviteStage
    unproved: bool = False


_ANSWERS: Final = {
    Carrier.ACK: Carrier.SUCCESS,
    Carrier.PRACK_SUCCESS: Carrier.PRACK,
    Carrier.UPDATE_SUCCESS: Carrier.UPDATE,
}
"""Carriers of answers alone, and where their offers were."""


class OfferAnswer:
    """The exchange of descriptions in one dialog.

    Attributes:
        open: the offer that waits for its answer, None without one.
        established: true once an offer was answered for good.
    """

    def __init__(self) -> None:
        self.open: OpenOffer | None = None
        self.established = False
        self._invite: RunningInvite | None = None
        self._updates: set[Side] = set()

    @property
    def inviting(self) -> Side | None:
        """Whose INVITE has no final response yet."""
        return None if self._invite is None else self._invite.by

    # --- ours ---------------------------------------------------------------------------------------------

    def check(self, carrier: Carrier, *, session: bool) -> str:
        """Why we may not send this now, empty where we may."""
        return self._check(Side.LOCAL, carrier, session)

    def sent(self, carrier: Carrier, *, session: bool) -> Meaning:
        """We send a message, with a description or without; raises SipStateError where it may not be."""
        problem = self.check(carrier, session=session)
        if problem:
            raise SipStateError(problem)
        return self._apply(Side.LOCAL, carrier, session)

    # --- the peer's ---------------------------------------------------------------------------------------

    def received(self, carrier: Carrier, *, session: bool) -> Reading:
        """The peer has sent a message; one with a fault that is answered by a failure changes nothing."""
        fault = self._fault(carrier, session)
        if fault in (Fault.GLARE, Fault.BUSY):
            return Reading(fault=fault)
        return Reading(meaning=self._apply(Side.REMOTE, carrier, session), fault=fault)

    def _fault(self, carrier: Carrier, session: bool) -> Fault | None:
        match carrier:
            case Carrier.INVITE:
                if self._invite is not None:
                    return _collision(self._invite.by)
                return self._crossing(offer=True)
            case Carrier.UPDATE:
                if Side.REMOTE in self._updates:
                    return Fault.BUSY
                return self._crossing(offer=session)
            case Carrier.PRACK:
                if self._awaits(Side.REMOTE, Carrier.RELIABLE):
                    return None if session else Fault.NO_ANSWER
                return self._crossing(offer=session)
            case Carrier.ACK | Carrier.PRACK_SUCCESS | Carrier.UPDATE_SUCCESS:
                missing = self._awaits(Side.REMOTE, _ANSWERS[carrier]) and not session
                return Fault.NO_ANSWER if missing else None
            case Carrier.SUCCESS | Carrier.RELIABLE:
                return self._missing(Side.REMOTE, carrier, session)
            case Carrier.UNRELIABLE | Carrier.FAILURE | Carrier.PRACK_FAILURE | Carrier.UPDATE_FAILURE:
                return None
            case _:
                assert_never(carrier)

    def _crossing(self, *, offer: bool) -> Fault | None:
        """What an offer of the peer in a request collides with."""
        if not offer:
            return None
        if self.open is not None:
            return _collision(self.open.by)
        if self._invite is not None and self._invite.stage is not InviteStage.SETTLED:
            return _collision(self._invite.by)
        return None

    # --- both sides ---------------------------------------------------------------------------------------

    def _awaits(self, by: Side, offered_in: Carrier) -> bool:
        """True where `by` owes the answer to an offer in this carrier."""
        return self.open == OpenOffer(by=by.other, carrier=offered_in)

    def _stage(self, by: Side) -> InviteStage | None:
        """The stage of an INVITE that `by` responds to."""
        return self._invite.stage if self._invite is not None and self._invite.by is by.other else None

    def _missing(self, by: Side, carrier: Carrier, session: bool) -> Fault | None:
        stage = self._stage(by)
        if session or stage in (None, InviteStage.SETTLED, InviteStage.COUNTERED):
            return None
        if stage is InviteStage.ASKED:
            return Fault.NO_OFFER
        return Fault.NO_ANSWER if carrier is Carrier.SUCCESS else None

    def _check(self, by: Side, carrier: Carrier, session: bool) -> str:
        stage = self._stage(by)
        match carrier:
            case Carrier.INVITE:
                if self._invite is not None:
                    return "an INVITE is pending"
                return "" if self.open is None else "an offer is open"
            case Carrier.RELIABLE | Carrier.SUCCESS | Carrier.UNRELIABLE:
                if stage is None:
                    return "no INVITE is pending"
                missing = self._missing(by, carrier, session)
                if missing is not None and carrier is not Carrier.UNRELIABLE:
                    return missing.value
                return self._check_description(carrier, stage) if session else ""
            case Carrier.PRACK:
                if self._awaits(by, Carrier.RELIABLE):
                    return "" if session else "the PRACK must answer the offer"
                return self._check_offer() if session else ""
            case Carrier.UPDATE:
                if by in self._updates:
                    return "an UPDATE is pending"
                if session and self._invite is not None and self._invite.unproved and stage is not None:
                    return "the answer to the INVITE has no PRACK yet"
                return self._check_offer() if session else ""
            case Carrier.ACK | Carrier.PRACK_SUCCESS | Carrier.UPDATE_SUCCESS:
                owed = self._awaits(by, _ANSWERS[carrier])
                if session and not owed:
                    return f"no offer waits for an answer in this {carrier}"
                # an ACK goes out whatever comes of the offer: without it the 2xx is repeated
                missing_answer = owed and not session and carrier is not Carrier.ACK
                return "the offer must be answered" if missing_answer else ""
            case Carrier.FAILURE | Carrier.PRACK_FAILURE | Carrier.UPDATE_FAILURE:
                return ""
            case _:
                assert_never(carrier)

    def _check_description(self, carrier: Carrier, stage: InviteStage) -> str:
        if stage is InviteStage.OFFERED:
            return ""
        if stage is InviteStage.ASKED:
            return "an offer goes in a reliable response" if carrier is Carrier.UNRELIABLE else ""
        return "" if carrier is Carrier.UNRELIABLE else "the INVITE has its answer"

    def _check_offer(self) -> str:
        if self.open is not None:
            return "an offer is open"
        if self._invite is not None and self._invite.stage is not InviteStage.SETTLED:
            return "the description of the INVITE is open"
        return "" if self.established else "there is no session yet"

    def _apply(self, by: Side, carrier: Carrier, session: bool) -> Meaning:
        match carrier:
            case Carrier.INVITE:
                stage = InviteStage.OFFERED if session else InviteStage.ASKED
                self._invite = RunningInvite(by=by, stage=stage)
                return self._offer(by, carrier) if session else Meaning.NOTHING
            case Carrier.RELIABLE | Carrier.SUCCESS:
                return self._apply_response(by, carrier, session)
            case Carrier.UPDATE:
                self._updates.add(by)
                return self._offer(by, carrier) if session else Meaning.NOTHING
            case Carrier.PRACK:
                return self._apply_prack(by, session)
            case Carrier.ACK | Carrier.PRACK_SUCCESS | Carrier.UPDATE_SUCCESS:
                if carrier is Carrier.UPDATE_SUCCESS:
                    self._updates.discard(by.other)
                if not self._awaits(by, _ANSWERS[carrier]):
                    return Meaning.NOTHING
                return self._answer() if session else self._drop()
            case Carrier.FAILURE:
                return self._apply_failure(by)
            case Carrier.PRACK_FAILURE | Carrier.UPDATE_FAILURE:
                request = Carrier.PRACK if carrier is Carrier.PRACK_FAILURE else Carrier.UPDATE
                if request is Carrier.UPDATE:
                    self._updates.discard(by.other)
                return self._drop() if self._awaits(by, request) else Meaning.NOTHING
            case Carrier.UNRELIABLE:
                return Meaning.NOTHING
            case _:
                assert_never(carrier)

    def _apply_response(self, by: Side, carrier: Carrier, session: bool) -> Meaning:
        """A reliable response to an INVITE: 1xx or 2xx."""
        invite = self._invite
        if invite is None or invite.by is by:
            return Meaning.NOTHING
        meaning = Meaning.NOTHING
        if session and invite.stage is InviteStage.OFFERED:
            meaning = self._answer()
            invite = replace(invite, stage=InviteStage.SETTLED, unproved=carrier is Carrier.RELIABLE)
        elif session and invite.stage is InviteStage.ASKED:
            meaning = self._offer(by, carrier)
            invite = replace(invite, stage=InviteStage.COUNTERED)
        elif not session and carrier is Carrier.SUCCESS and invite.stage is InviteStage.OFFERED:
            self._drop()
        self._invite = None if carrier is Carrier.SUCCESS else invite
        return meaning

    def _apply_prack(self, by: Side, session: bool) -> Meaning:
        if self._invite is not None and self._invite.by is by:
            self._invite = replace(self._invite, unproved=False)
        if self._awaits(by, Carrier.RELIABLE):
            if self._invite is not None:
                self._invite = replace(self._invite, stage=InviteStage.SETTLED)
            return self._answer() if session else self._drop()
        return self._offer(by, Carrier.PRACK) if session else Meaning.NOTHING

    def _apply_failure(self, by: Side) -> Meaning:
        """The INVITE was rejected: what it offered, or was offered in its responses, is void."""
        if self._invite is None or self._invite.by is by:
            return Meaning.NOTHING
        if self._invite.stage in (InviteStage.OFFERED, InviteStage.COUNTERED):
            self._drop()
        self._invite = None
        return Meaning.NOTHING

    def _offer(self, by: Side, carrier: Carrier) -> Meaning:
        self.open = OpenOffer(by=by, carrier=carrier)
        return Meaning.OFFER

    def _answer(self) -> Meaning:
        self.open = None
        self.established = True
        return Meaning.ANSWER

    def _drop(self) -> Meaning:
        self.open = None
        return Meaning.NOTHING


def _collision(by: Side) -> Fault:
    return Fault.GLARE if by is Side.LOCAL else Fault.BUSY
