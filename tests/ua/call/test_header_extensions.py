"""Two phones that talk as browsers do tell each other how loud they are (RFC 6464)."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.net.firewall import FirewallPolicy
from media.header_extensions import ExtensionTerms
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import AUDIO_LEVEL_URI, MID_URI, Extension
from tests.sdp.keyed import DTLS, call
from tests.ua.call.test_media_leg import ACCOUNT, exchange, wire
from ua.call.header_extensions import extension_terms
from ua.call.media_leg import MediaLeg
from ua.plan import MediaPlan, Silence, Tone

WAIT_S = 20.0
_LEVEL = Extension(id=1, uri=AUDIO_LEVEL_URI)
_MID = Extension(id=4, uri=MID_URI)


@pytest.mark.parametrize(
    ("extensions", "mid", "terms"),
    [
        ((), "a", ExtensionTerms()),
        (
            (_LEVEL, _MID),
            "a",
            ExtensionTerms(send_level=1, receive_level=1, send_mid=4, receive_mid=4, mid=b"a"),
        ),
        ((_LEVEL, _MID), None, ExtensionTerms(send_level=1, receive_level=1)),
        (
            (dataclasses.replace(_LEVEL, direction=Direction.SENDONLY, parameters="vad=off"),),
            "a",
            ExtensionTerms(send_level=1, voice=False),
        ),
        (
            (
                dataclasses.replace(_LEVEL, direction=Direction.INACTIVE),
                dataclasses.replace(_MID, direction=Direction.RECVONLY),
            ),
            "a",
            ExtensionTerms(receive_mid=4, mid=b"a"),
        ),
    ],
)
@pytest.mark.parametrize("way", [Direction.SENDRECV, Direction.INACTIVE])
def test_what_was_agreed_is_what_media_does(
    extensions: tuple[Extension, ...], mid: str | None, terms: ExtensionTerms, way: Direction
) -> None:
    """A hold changes nothing in it."""
    agreed = dataclasses.replace(call(DTLS)[2], extensions=extensions, mid=mid, direction=way)
    assert extension_terms(agreed) == terms


async def told(*legs: MediaLeg) -> list[float]:
    """Wait until each has heard how loud the other is; what it heard."""
    for _ in range(round(WAIT_S / 0.1)):
        await asyncio.sleep(0.1)
        if all(leg.statistics and (leg.statistics.level_told_dbov or -127) > -100 for leg in legs):
            break
    figures = [leg.statistics for leg in legs]
    return [
        -127 if each is None or each.level_told_dbov is None else each.level_told_dbov for each in figures
    ]


async def test_each_knows_how_loud_the_other_is_also_after_a_hold() -> None:
    async with wire(FirewallPolicy()) as between:
        alice = await between.leg(offers=True, plan=MediaPlan(source=Tone(hz=440), srtp="webrtc"))
        bob = await between.leg(offers=False, plan=MediaPlan(source=Tone(hz=1000)))
        await exchange(alice, bob)
        await asyncio.gather(alice.start(), bob.start())
        before = await told(alice, bob)
        offers = []
        for way in (Direction.SENDONLY, Direction.SENDRECV):
            alice.descriptions.wish = dataclasses.replace(alice.descriptions.wish, direction=way)
            offers.append(alice.descriptions.offer())
            answer = await bob.descriptions.answer(offers[-1])
            assert isinstance(answer, bytes)
            bob.descriptions.answer_sent()
            alice.descriptions.apply_answer(answer)
        await asyncio.sleep(0.3)
        after = await told(alice, bob)
        counters = [entry for entry in between.log.entries if entry.name == "media_counters"]
    # a sine of -6 dBFS, as WAV files count, is 3 dB below that in power
    assert before == pytest.approx([-9, -9], abs=3)
    assert after == pytest.approx([-9, -9], abs=3)
    for offer in offers:
        assert f"a=extmap:1 {MID_URI}\r\na=extmap:2 {AUDIO_LEVEL_URI}\r\n".encode() in offer
    assert any((entry.data["level_told_dbov"] or -127) > -20 for entry in counters)
    assert all(entry.data["malformed_extensions"] == 0 for entry in counters)
    assert all(entry.data["refused"] == {} for entry in counters)


async def test_who_does_not_want_it_tells_nothing_and_others_are_not_asked() -> None:
    account = dataclasses.replace(ACCOUNT, media=dataclasses.replace(ACCOUNT.media, audio_level=False))
    quiet = MediaPlan(source=Silence(), srtp="webrtc")
    async with wire(FirewallPolicy()) as between:
        alice = await between.leg(offers=True, plan=quiet, account=account)
        offer = alice.descriptions.offer()
        assert MID_URI.encode() in offer
        assert AUDIO_LEVEL_URI.encode() not in offer
        for srtp in ("auto", "dtls"):
            leg = await between.leg(offers=True, plan=dataclasses.replace(quiet, srtp=srtp))
            assert b"extmap" not in leg.descriptions.offer(), srtp
        bob = await between.leg(offers=False, plan=dataclasses.replace(quiet, srtp=None), account=account)
        loud = await between.leg(offers=True, plan=quiet)
        answer = await bob.descriptions.answer(loud.descriptions.offer())
        assert isinstance(answer, bytes)
        assert AUDIO_LEVEL_URI.encode() not in answer
        assert MID_URI.encode() in answer
