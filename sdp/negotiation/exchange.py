"""The offers and answers of one session, one after the other (RFC 3264 §4, §8).

State kept between exchanges: our last description with its version, the peer's, the open offer, and the
payload types in use.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ice.types import Credentials, Description
from sdp.attributes import rtp_attr
from sdp.attributes.rtp_attr import AudioFormat
from sdp.errors import ExchangeError, NegotiationError
from sdp.negotiation import answer_reading, key_agreement, keying, offer_answer, remote_audio, section
from sdp.negotiation.keying import DtlsTerms, KeyingPolicy, LocalKeying
from sdp.negotiation.negotiated import Answer, LocalMedia, NegotiatedMedia
from sdp.syntax import protocols
from sdp.syntax.model import SessionDescription

# RFC 3551 §3, table 5: the dynamic range; RFC 5761 §5.1.1: then free numbers below 64.
_DYNAMIC = (*range(96, 128), *range(35, 64))


class MediaExchange:
    """Offer and answer for the audio stream of one dialog.

    At most one offer is open at a time; answering while ours is open is glare, which SIP resolves (491).
    """

    def __init__(self, *, session_id: int, version: int = 0) -> None:
        """Start a session.

        Args:
            session_id: random, below 2^63; unique to the session.
            version: of the first description; below 2^62.
        """
        self._session_id = session_id
        self._next_version = version
        self._open: SessionDescription | None = None
        self._asked: LocalMedia | None = None
        self._own: Credentials | None = None
        self._local: SessionDescription | None = None
        self._remote: SessionDescription | None = None
        self._negotiated: NegotiatedMedia | None = None
        self._index = 0
        self._numbers: Mapping[int, tuple[str, int, int]] = {}
        self._keying: LocalKeying | None = None

    @property
    def open_offer(self) -> SessionDescription | None:
        """Our offer that waits for its answer."""
        return self._open

    @property
    def awaited(self) -> tuple[AudioFormat, ...]:
        """Formats of media that may come before the answer to our open offer (RFC 3264 §5.1).

        There are none where the offer has keys: those of the peer are in its answer (RFC 4568 §5.1.1).
        """
        asked = self._asked
        if self._open is None or asked is None or not asked.direction.receives:
            return ()
        return () if key_agreement.offered_lines(asked.keying) else asked.formats

    @property
    def local(self) -> SessionDescription | None:
        """Our description in force, None before the first exchange has ended."""
        return self._local

    @property
    def remote(self) -> SessionDescription | None:
        """The peer's description in force."""
        return self._remote

    @property
    def negotiated(self) -> NegotiatedMedia | None:
        """The result in force."""
        return self._negotiated

    def keying(
        self, policy: KeyingPolicy, draw: Callable[[int], bytes], *, renew: bool = False
    ) -> LocalKeying:
        """Our keys for the next description: new ones at first, those in force afterwards.

        Args:
            policy: what is wanted; it counts until the first exchange has ended.
            draw: gives so many unpredictable bytes.
            renew: take other keys than those in force.
        """
        ours, negotiated = self._local, self._negotiated
        if self._keying is None or ours is None or negotiated is None:
            return keying.begin(policy, draw)
        media = ours.media[negotiated.index]
        return keying.go_on(
            self._keying,
            negotiated.keys,
            proto=protocols.over_udp(media.proto),
            address=key_agreement.destination(ours, media),
            draw=draw,
            renew=renew,
        )

    def fork(self) -> MediaExchange:
        """The same state for another peer that answers our open offer (RFC 3261 §13.2.1)."""
        return copy.copy(self)  # all that it holds are values

    # --- our offers ---------------------------------------------------------------------------------------

    def offer(self, local: LocalMedia) -> SessionDescription:
        """The next offer: the first one, or one that keeps all m= lines of the session in place.

        An unchanged description keeps its version and is the same text; a changed one counts one up
        (RFC 3264 §8).

        Raises:
            ExchangeError: an offer of ours is open.
        """
        if self._open is not None:
            raise ExchangeError("our last offer is not answered yet")
        if self._local is not None and self._negotiated is None:
            raise ExchangeError("the peer has taken the stream out")
        local = replace(local, formats=self._stable(local.formats))
        if self._knows_old_names():
            local = replace(local, selected=())
        built = self._built_offer(local)
        moved = self._moved(local, built)
        if moved is not local:
            local, built = moved, self._built_offer(moved)
        self._open = self._versioned(built)
        self._asked = local
        return self._open

    def _built_offer(self, local: LocalMedia) -> SessionDescription:
        if self._local is None:
            return offer_answer.build_offer(local, session_id=self._session_id, version=self._next_version)
        return self._further_offer(local, self._local)

    def _knows_old_names(self) -> bool:
        """True for a browser: it refuses TCP/DTLS/RTP/SAVP, so that the m= line stays with UDP.

        As its own offers do it gets all candidates again, and stays on the pair that ICE selected.
        """
        agreed = self._negotiated
        if agreed is None or agreed.ice is None or agreed.peer_ice2:
            return False
        return isinstance(agreed.keys, DtlsTerms) and "trickle" in agreed.ice.options

    def _moved(self, local: LocalMedia, built: SessionDescription) -> LocalMedia:
        """The same side with other SRTP keys where the description moves our address (RFC 4568 §7.1.4)."""
        index = self._negotiated.index if self._negotiated is not None else 0
        address = key_agreement.destination(built, built.media[index])
        keying = local.keying.moved_to(address)
        return local if keying.crypto == local.keying.crypto else replace(local, keying=keying)

    def _further_offer(self, local: LocalMedia, last: SessionDescription) -> SessionDescription:
        sections = list(last.media)
        in_force = () if self._negotiated is None else self._negotiated.extensions
        sections[self._index : self._index + 1] = [offer_answer.offered_section(local, in_force)]
        groups = tuple(last.all("group"))
        return section.description(sections, origin=last.origin, ice=local.ice, groups=groups)

    def accept(self, answer: SessionDescription) -> NegotiatedMedia:
        """Take the answer to our open offer.

        An answer without ICE to a further offer means plain RTP from then on (RFC 8839 §4.4.3.1).

        Raises:
            NegotiationError: the answer leaves nothing to talk with; the state is as before the offer.
            ExchangeError: no offer is open.
        """
        if self._open is None or self._asked is None:
            raise ExchangeError("there is no open offer")
        offer, self._open = self._open, None
        asked = self._asked
        negotiated = answer_reading.accept_answer(offer, answer)
        if asked.ice_required and negotiated.ice is None:
            raise NegotiationError(f"media without ICE is not taken here, and {negotiated.ice_reason}")
        running = self._running_ice()
        if running is not None and negotiated.ice is not None:
            restarted = running.credentials != negotiated.ice.credentials
            if self._is_renewed(asked) and not restarted:
                raise NegotiationError("the answer does not restart ICE, which the offer asked for")
            if restarted and not self._is_renewed(asked):
                raise NegotiationError("the answer restarts ICE without being asked to")
        self._commit(offer, answer, negotiated, asked)
        return negotiated

    def reject(self) -> None:
        """Our open offer failed: everything is as before it (RFC 3264 §4, RFC 8839 §4.4)."""
        self._open = None

    # --- the peer's offers --------------------------------------------------------------------------------

    def answer(self, offer: SessionDescription, local: LocalMedia, *, refusal: str = "") -> Answer:
        """Answer an offer; where nothing is acceptable the state stays as it is.

        Args:
            offer: the peer's.
            local: our side.
            refusal: accept no stream, for this reason.

        Raises:
            ExchangeError: an offer of ours is open, or it `renews` and our side is as before.
        """
        if self._open is not None:
            raise ExchangeError("glare: our own offer is open")
        answered = self._answer(offer, local, refusal=refusal or self._ice_fault(offer))
        if answered.stopped:
            return self._stop(answered, offer)
        if answered.negotiated is None:
            return answered
        moved = self._moved(local, answered.description)
        if moved is not local:
            local, answered = moved, self._answer(offer, moved, refusal="")
        if answered.negotiated is None:
            return answered
        fault = self._association_fault(answered.negotiated)
        if fault:
            return self._answer(offer, local, refusal=fault)
        renews = self._leaves_ice(answered.negotiated) or self._restarts(answered.negotiated)
        if renews and not self._is_renewed(local):
            raise ExchangeError("the offer restarts or leaves ICE, and our side has not let go of it")
        description = self._versioned(answered.description)
        self._commit(description, offer, answered.negotiated, local)
        return replace(answered, description=description)

    def _stop(self, answered: Answer, offer: SessionDescription) -> Answer:
        """All streams are taken out; one of them may come back in its place (RFC 3264 §8.2)."""
        description = self._versioned(answered.description)
        self._local, self._remote, self._negotiated, self._own = description, offer, None, None
        return replace(answered, description=description)

    def _answer(self, offer: SessionDescription, local: LocalMedia, *, refusal: str) -> Answer:
        return offer_answer.answer(
            offer,
            local,
            session_id=self._session_id,
            version=self._next_version,
            previous=self._local,
            refusal=refusal,
        )

    def renews(self, offer: SessionDescription, local: LocalMedia) -> bool:
        """True where the peer's offer restarts ICE or leaves it, and would be accepted.

        Our side must then have new credentials and sockets before `answer` (RFC 8839 §4.4.2.1).
        """
        if self._open is not None or self._running_ice() is None:
            return False
        # The pairs of the ICE session that ends have no place in the answer.
        local = replace(local, selected=())
        negotiated = self._answer(offer, local, refusal=self._ice_fault(offer)).negotiated
        return negotiated is not None and (self._leaves_ice(negotiated) or self._restarts(negotiated))

    def _restarts(self, negotiated: NegotiatedMedia) -> bool:
        running = self._running_ice()
        given = negotiated.ice
        return running is not None and given is not None and running.credentials != given.credentials

    def _leaves_ice(self, negotiated: NegotiatedMedia) -> bool:
        return self._running_ice() is not None and negotiated.ice is None

    def _is_renewed(self, local: LocalMedia) -> bool:
        """True where our side has other credentials than in the descriptions in force."""
        return local.ice is None or local.ice.credentials != self._own

    def _running_ice(self) -> Description | None:
        """The peer's description that the ICE session of this call runs with."""
        return self._negotiated.ice if self._negotiated is not None else None

    def _ice_fault(self, offer: SessionDescription) -> str:
        """Why a further offer cannot go on with the running ICE session; empty where it can."""
        running = self._running_ice()
        if running is None or self._negotiated is None or self._negotiated.index >= len(offer.media):
            return ""
        media = offer.media[self._negotiated.index]
        given = remote_audio.read(offer, media, is_answer=False).ice.description
        if given is None or media.port == 0:
            return ""
        return _change_of_ice(running, given)

    def _association_fault(self, negotiated: NegotiatedMedia) -> str:
        before = self._negotiated
        if before is None:
            return ""
        moved = self._restarts(negotiated) or (
            before.ice is None and before.remote_address != negotiated.remote_address
        )
        return key_agreement.association_fault(before.keys, negotiated.keys, moved=moved)

    # --- common -------------------------------------------------------------------------------------------

    def _commit(
        self,
        ours: SessionDescription,
        theirs: SessionDescription,
        negotiated: NegotiatedMedia,
        local: LocalMedia,
    ) -> None:
        self._local, self._remote, self._negotiated = ours, theirs, negotiated
        self._index = negotiated.index
        self._own = None if local.ice is None else local.ice.credentials
        self._keying = local.keying
        for description in (ours, theirs):
            for audio in rtp_attr.formats(description.media[negotiated.index])[0]:
                # The first meaning of a number stays (RFC 3264 §8.3.2).
                number = audio.payload_type
                self._numbers = {**self._numbers, number: self._numbers.get(number, audio.key)}

    def _versioned(self, built: SessionDescription) -> SessionDescription:
        last = self._local
        if last is not None and replace(built, origin=last.origin) == last:
            return last
        version = self._next_version
        self._next_version += 1
        return replace(built, origin=replace(built.origin, version=version))

    def _stable(self, formats: Iterable[AudioFormat]) -> tuple[AudioFormat, ...]:
        """The formats under the numbers that the session gave them; numbers of others are not reused."""
        result: list[AudioFormat] = []
        used: set[int] = set()
        for audio in formats:
            number = self._number(audio, used)
            if number is not None:
                used.add(number)
                result.append(replace(audio, payload_type=number))
        return tuple(result)

    def _number(self, audio: AudioFormat, used: set[int]) -> int | None:
        wishes = [number for number, key in self._numbers.items() if key == audio.key]
        wishes.append(audio.payload_type)
        if audio.payload_type not in rtp_attr.STATIC_FORMATS:
            wishes += _DYNAMIC
        for number in wishes:
            if number not in used and self._numbers.get(number, audio.key) == audio.key:
                return number
        return None


def _change_of_ice(running: Description, given: Description) -> str:
    """RFC 8839 §4.4.1.1.1: what must not change within an ICE session."""
    if running.credentials != given.credentials:
        changed_ufrag = running.credentials.ufrag != given.credentials.ufrag
        if changed_ufrag and running.credentials.password != given.credentials.password:
            return ""
        return "the offer changes only one of ice-ufrag and ice-pwd"
    if (running.options, running.pacing_ms, running.lite) != (given.options, given.pacing_ms, given.lite):
        return "the offer changes ice-options, ice-pacing or ice-lite without an ICE restart"
    return ""
