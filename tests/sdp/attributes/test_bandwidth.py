"""b= of the peer: what we may send (RFC 3264 §5.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import bandwidth
from sdp.attributes.rtp_attr import STATIC_FORMATS
from sdp.negotiation.exchange import MediaExchange
from sdp.syntax.parser import parse
from tests.sdp.answering import HEAD, accepted, plain
from tests.sdp.local import LOCAL, OPUS, PCMA, PCMU, PLAIN

G729 = STATIC_FORMATS[18]


def offer(*limits: str, head: str = HEAD) -> str:
    """An offer of G.711 and G.729 with these b= lines."""
    lines = "".join(f"{limit}\r\n" for limit in limits)
    return plain(head=head, media="audio 4000 RTP/AVP 0 18").replace(
        "m=audio 4000 RTP/AVP 0 18\r\n", f"m=audio 4000 RTP/AVP 0 18\r\n{lines}"
    )


@pytest.mark.req("OA-22")
@pytest.mark.parametrize(
    ("limits", "codec"),
    [
        ((), "PCMU"),
        (("b=AS:64",), "PCMU"),
        (("b=AS:24",), "G729"),
        (("b=TIAS:24000",), "G729"),
        (("b=AS:80", "b=TIAS:24000"), "G729"),
        (("b=AS:4",), "G729"),
        (("b=X-Y:4",), "PCMU"),
    ],
)
def test_a_codec_that_stays_within_the_limit(limits: tuple[str, ...], codec: str) -> None:
    local = replace(LOCAL, formats=(PCMU, G729))
    _, negotiated = accepted(offer(*limits), local)
    assert negotiated.format.name == codec
    assert not negotiated.held


@pytest.mark.req("OA-22")
def test_the_limit_of_the_session_holds_where_the_stream_has_none() -> None:
    local = replace(LOCAL, formats=(PCMU, G729))
    head = HEAD.replace("\nt=0 0", "\nb=AS:24\nt=0 0")
    assert accepted(offer(head=head), local)[1].format.name == "G729"
    assert accepted(offer("b=AS:64", head=head), local)[1].format.name == "PCMU"


@pytest.mark.req("OA-22")
def test_zero_is_no_media_and_no_rtcp() -> None:
    _, negotiated = accepted(offer("b=AS:0"))
    assert negotiated.held
    assert not negotiated.direction.sends
    assert not negotiated.rtcp
    assert negotiated.remote_rtcp_address is None


@pytest.mark.req("OA-22")
def test_the_limit_of_an_answer() -> None:
    exchange = MediaExchange(session_id=1)
    local = replace(PLAIN, formats=(PCMU, G729, PCMA))
    exchange.offer(local)
    answer = offer("b=AS:24")
    assert exchange.accept(parse(answer)).format.name == "G729"
    exchange.offer(local)
    negotiated = exchange.accept(parse(answer.replace("AS:24", "AS:0")))
    assert negotiated.held
    assert not negotiated.rtcp


@pytest.mark.req("OA-22")
@given(st.lists(st.sampled_from([PCMU, PCMA, G729, OPUS]), min_size=1), st.none() | st.integers(0, 200_000))
def test_the_first_that_fits(formats: list[object], limit: int | None) -> None:
    codecs = [each for each in (PCMU, PCMA, G729, OPUS) if each in formats]
    chosen = bandwidth.fitting(codecs, limit)
    rates = [bandwidth.RATES_BPS[each.name.lower()] for each in codecs]
    fits = [each for each, rate in zip(codecs, rates, strict=True) if limit is None or rate <= limit]
    assert chosen == (fits[0] if fits else codecs[rates.index(min(rates))])
