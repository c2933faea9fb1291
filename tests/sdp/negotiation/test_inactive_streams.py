"""Streams that carry no audio one way or both still have somewhere for RTCP to go (RFC 3264 §5.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdp.attributes.direction import Direction
from sdp.negotiation.negotiated import LocalMedia
from sdp.negotiation.offer_answer import build_offer
from tests.sdp.answering import accepted, peer_offer, plain
from tests.sdp.local import HOST, LOCAL, PLAIN

ALL = list(Direction)


@pytest.mark.req("OA-24")
@pytest.mark.parametrize("direction", ALL)
@pytest.mark.parametrize("local", [LOCAL, PLAIN], ids=["ice", "plain"])
def test_an_offer_names_a_real_address_in_every_direction(direction: Direction, local: LocalMedia) -> None:
    offer = build_offer(replace(local, direction=direction), session_id=1, version=1)
    media = offer.media[0]
    connection = offer.connection_of(media)
    assert connection is not None
    assert (connection.address, media.port) == (HOST, 5000)
    assert media.first(direction.value) is not None


@pytest.mark.req("OA-24")
@pytest.mark.parametrize("direction", ALL)
@pytest.mark.parametrize("ice", [True, False])
def test_an_answer_does_as_well_and_rtcp_goes_on(direction: Direction, ice: bool) -> None:
    text = peer_offer(direction=direction) if ice else plain(f"a={direction.value}")
    media, negotiated = accepted(text)
    assert media.port == 5000
    assert negotiated.rtcp
    assert negotiated.remote_rtcp_address is not None or negotiated.rtcp_mux
