"""What an ICE stream of a call does whatever else is agreed: all candidates at once, checks while on hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ice.messages import CheckReceived, ConsentAnswered, Event
from ice.types import Transport
from sdp.attributes.candidate_attr import parse_candidate
from sdp.attributes.direction import Direction
from sdp.ice.binding import IceBinding
from sdp.negotiation.negotiated import AudioWish
from tests.sdp.calls import CONFIG, HOLD, WISH, talk, two, until

INACTIVE = replace(WISH, direction=Direction.INACTIVE)
OFTEN = replace(CONFIG, consent_interval_s=0.03)

TRICKLING = {
    "session level": lambda text: text,
    "m= line": lambda text: text.replace(" trickle", "").replace(
        "a=ptime", "a=ice-options:trickle\r\na=ptime"
    ),
    "not at all": lambda text: text.replace(" trickle", ""),
}


@pytest.mark.req("TRI-1")
@pytest.mark.parametrize("edit", TRICKLING.values(), ids=TRICKLING)
@pytest.mark.parametrize("end", [True, False], ids=["all are there", "more may come"])
async def test_all_our_candidates_go_at_once_whatever_the_peer_is_able_to_do(
    edit: Callable[[str], str], end: bool
) -> None:
    """Half trickle: a description of ours is whole and says so, and late candidates of the peer are taken."""

    def of_peer(text: str) -> str:
        edited = edit(text)
        return edited if end else edited.replace("a=end-of-candidates\r\n", "")

    async with two() as call:
        bound = {binding: binding.session.open_sockets for binding in (call.alice, call.bob)}
        ours, answered = call.exchange(offer=of_peer, answer=of_peer)
        assert ours.ice is not None
        offer = call.alice.exchange.local
        assert offer is not None
        # What Bob wrote, before it was edited on its way.
        for binding, description in ((call.alice, offer), (call.bob, answered.description)):
            media = description.media[0]
            every = (*description.all("ice-options"), *media.all("ice-options"))
            assert [line.value for line in every] == ["ice2 trickle"]
            assert media.first("end-of-candidates") is not None
            shown = [parse_candidate(line.value or "") for line in media.all("candidate")]
            gathered = binding.session.local_description.candidates
            components = {1, 2} if binding is call.alice else {1}
            assert {(c.component, c.transport, c.address) for c in shown} == {
                (c.component, c.transport, c.address) for c in gathered if c.component in components
            }
            with_sockets = [c for c in gathered if c.transport is Transport.UDP or c.address.port != 9]
            assert len(with_sockets) == bound[binding]
        alice, bob = await call.paths()
        await talk(alice, bob)


class Upkeep:
    """What crosses a side's path besides media, from now on."""

    def __init__(self, binding: IceBinding) -> None:
        self.answered = 0
        self.asked = 0
        binding.session.subscribe(self._count)

    def _count(self, event: Event) -> None:
        self.answered += isinstance(event, ConsentAnswered)
        self.asked += isinstance(event, CheckReceived)

    async def goes_on(self) -> None:
        """Five checks of each side, each answered."""
        enough = self.answered + 5, self.asked + 5
        await until(lambda: self.answered >= enough[0] and self.asked >= enough[1])


@pytest.mark.req("ICETCP-K-3")
@pytest.mark.parametrize("udp", [True, False], ids=["UDP", "TCP"])
@pytest.mark.parametrize("back", [False, True], ids=["offerer holds", "answerer holds"])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(HOLD, WISH), (INACTIVE, INACTIVE)], ids=["sendonly", "inactive"]
)
async def test_checks_go_on_while_a_stream_is_on_hold(
    udp: bool, back: bool, ours: AudioWish, theirs: AudioWish
) -> None:
    async with two(udp=udp, config=OFTEN) as call:
        call.exchange()
        alice, bob = await call.paths()
        negotiated, _ = call.exchange(ours, theirs, back=back)
        assert negotiated.direction is ours.direction
        for binding in (call.alice, call.bob):
            await Upkeep(binding).goes_on()
        assert alice.rtp.sent_packets == bob.rtp.sent_packets == 0
        call.exchange(back=back)
        await talk(alice, bob)
