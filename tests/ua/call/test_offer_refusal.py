"""Which refusals of an offer lead to one that shows less, and how ours are told."""

from __future__ import annotations

import asyncio

import pytest

from sdp.syntax.protocols import Keying
from tests.ua.call.test_phone_offers import STAY
from tests.ua.peer import media_peer
from tests.ua.phones import account
from tests.ua.sip.bench import make_request
from ua.call.offer_refusal import may_take_less
from ua.call.refusal import Refusal
from ua.config.srtp import SrtpChoice
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.syntax.message import Response, make_response
from ua.sip.syntax.warning import warnings

SDP = ("Content-Type", "application/sdp")


def refused(
    status: int = 488, *rows: tuple[str, str], media: str = "", lines: tuple[str, ...] = ()
) -> Response:
    body = ""
    if media:
        head = ("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", f"m={media}")
        body = "".join(f"{line}\r\n" for line in (*head, *lines))
        rows = (*rows, SDP)
    response = make_response(make_request("INVITE"), status)
    return Response(status=status, reason="", headers=response.headers.with_added(*rows), body=body.encode())


def less(response: Response, protection: Keying = Keying.NONE) -> bool:
    return may_take_less(response, codecs=("PCMU",), protection=protection)


@pytest.mark.parametrize("code", [302, 304, 305, 330, 370])
def test_a_warning_of_what_stays_the_same_ends_it(code: int) -> None:
    assert not less(refused(488, ("Warning", f'{code} pbx "no"')))
    assert not less(refused(488, ("Warning", f'399 pbx "no", {code} pbx "no"')))


@pytest.mark.parametrize("code", [300, 301, 303, 306, 307, 399])
def test_other_warnings_leave_room_for_less(code: int) -> None:
    assert less(refused(488, ("Warning", f'{code} pbx "no"')))


def test_what_the_peer_says_that_it_has() -> None:
    assert less(refused())
    assert not less(refused(486))
    assert less(refused(media="audio 0 RTP/AVP 0 8"))
    assert not less(refused(media="audio 0 RTP/AVP 9 18"))
    assert less(refused(media="video 0 RTP/AVP 31"))
    for protection in (Keying.SRTP, Keying.DTLS):
        assert less(refused(), protection)
        assert not less(refused(media="audio 0 RTP/AVP 0"), protection)
        assert less(refused(media="audio 0 RTP/AVP 0", lines=("a=fingerprint:sha-256 00",)), protection)
    assert less(refused(media="audio 0 RTP/SAVP 0"), Keying.SRTP)
    assert not less(refused(media="audio 0 RTP/SAVP 0"), Keying.DTLS)
    assert less(refused(media="audio 0 UDP/TLS/RTP/SAVP 0"), Keying.DTLS)


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        ("no codec in common", [305]),
        ("no support for video", [304]),
        ("no support for UDP/TLS/RTP/SAVP", [302]),
        ("no support for video; no codec in common; no support for video", [304, 305]),
        ("multicast", [330]),
        ("a stream was taken out before", [399]),
        ("", []),
        ("bad\x07", []),
    ],
)
def test_warnings_of_ours(reason: str, codes: list[int]) -> None:
    told = Refusal(code=488, reason=reason).warnings
    assert [each.code for each in told] == codes
    assert all(each.text in reason for each in told)


@pytest.mark.req("sip.md:OA-4", "sdp.md:OA-9")
async def test_our_488_warns_of_what_did_not_fit() -> None:
    for change, code in (((b"RTP/AVP 0 8", b"RTP/AVP 18"), 305), ((b"audio", b"video"), 304)):
        async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
            waiting = asyncio.ensure_future(anext(phone.incoming()))
            await asyncio.sleep(0)
            peer.call(phone.addresses[0], peer.sdp().replace(*change))
            call = await waiting
            await call.accept(STAY)
            response = await peer.receive_response(488)
            assert [each.code for each in warnings(response)] == [code]
            await call.ended()


@pytest.mark.parametrize("choice", ["sdes", "dtls"])
async def test_protection_that_is_refused_is_not_offered_three_times(choice: SrtpChoice) -> None:
    ours = account("alice", srtp=choice, srtp_over_plain_sip=True)
    async with media_peer() as peer, Phone(ours, EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 488, ("Warning", '302 pbx "no support for it"'))
        assert (await call.ended()).sip_code == 488
        await peer.receive_request("ACK")
        call = await phone.place(str(peer.uri), STAY)
        peer.answer(await peer.receive_request("INVITE"), 488, SDP, body=peer.sdp(port=0))
        assert (await call.ended()).sip_code == 488
