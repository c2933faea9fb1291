"""SRTP over TCP without ICE: keys in the description, since a=setup says who connects (RFC 7850 §3.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdp.negotiation.keying import SdesKeys
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.calls import WISH, talk
from tests.sdp.keyed import ALL, DTLS, SDES
from tests.sdp.tcp_calls import tcp_call


@pytest.mark.req("KEY-5")
async def test_keys_are_agreed_on_in_each_exchange() -> None:
    wish = replace(WISH, keying=SDES)
    async with tcp_call() as call:
        for connection in ("new", "existing"):
            ours = await call.exchange(wish, wish)
            assert " TCP/RTP/SAVP " in call.offer_text
            assert f"a=connection:{connection}" in call.answer_text
            theirs = call.bob.binding.exchange.negotiated
            assert theirs is not None
            assert isinstance(ours.keys, SdesKeys)
            assert isinstance(theirs.keys, SdesKeys)
            assert ours.keys.local == theirs.keys.remote[0].material
            assert theirs.keys.local == ours.keys.remote[0].material
            await talk(*await call.paths())


@pytest.mark.req("KEY-5")
async def test_who_wants_keys_refuses_plain_media_and_dtls_is_not_done_here() -> None:
    async with tcp_call() as call:
        offer = write(call.alice.binding.offer(WISH))
        assert call.bob.binding.answer(parse(offer), replace(WISH, keying=SDES)).negotiated is None
        dtls = offer.replace("TCP/RTP/AVP", "TCP/DTLS/RTP/SAVP")
        assert call.bob.binding.answer(parse(dtls), replace(WISH, keying=DTLS)).negotiated is None
        assert call.bob.binding.answer(parse(offer), replace(WISH, keying=ALL)).negotiated is not None
