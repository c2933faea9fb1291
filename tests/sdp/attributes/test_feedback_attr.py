"""a=rtcp-fb (RFC 4585) and a=rtcp-xr (RFC 3611)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import feedback_attr
from sdp.attributes.feedback_attr import Feedback, ReportBlock
from sdp.errors import ValueFault
from sdp.negotiation import remote_audio
from sdp.negotiation.offer_answer import build_offer
from sdp.syntax import protocols
from sdp.syntax.model import Attribute
from sdp.syntax.parser import parse
from sdp.syntax.protocols import RTP_AVP
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.answering import HEAD, accepted, names, plain
from tests.sdp.local import LOCAL

NACK = Feedback(payload_type=None, kind="nack")


@pytest.mark.req("RTCP-6")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* nack", NACK),
        ("111 transport-cc", Feedback(payload_type=111, kind="transport-cc")),
        ("96 nack pli", Feedback(payload_type=96, kind="nack", parameter="pli")),
        ("96 trr-int 100", Feedback(payload_type=96, kind="trr-int", parameter="100")),
        ("96 ccm fir", Feedback(payload_type=96, kind="ccm", parameter="fir")),
    ],
)
def test_values(text: str, expected: Feedback) -> None:
    assert feedback_attr.parse_feedback(text) == expected
    assert feedback_attr.format_feedback(expected) == text


@pytest.mark.req("RTCP-6")
@pytest.mark.parametrize("text", ["", "96", "128 nack", "x nack", "96 trr-int", "96 trr-int soon", "96 (x)"])
def test_what_is_no_feedback(text: str) -> None:
    with pytest.raises(ValueFault):
        feedback_attr.parse_feedback(text)


@given(st.text(max_size=40))
def test_any_text_is_feedback_or_a_fault(text: str) -> None:
    try:
        value = feedback_attr.parse_feedback(text)
    except ValueFault:
        return
    assert feedback_attr.parse_feedback(feedback_attr.format_feedback(value)) == value


@pytest.mark.req("RTCP-6")
def test_under_avp_it_is_ignored_with_a_remark() -> None:
    offer = parse(plain("a=rtcp-fb:* nack"))
    assert feedback_attr.read(offer.media[0], RTP_AVP)[0] == ()
    assert feedback_attr.read(offer.media[0], None)[0] == ()
    remote = remote_audio.read(offer, offer.media[0], is_answer=False)
    assert remote.feedback == ()
    assert "AVPF" in remote.diagnostics[0].reason
    assert "rtcp-fb" not in names(accepted(plain("a=rtcp-fb:* nack"))[0])


@pytest.mark.req("RTCP-6")
def test_at_session_level_it_means_nothing() -> None:
    offer = parse(plain(head=HEAD + "\na=rtcp-fb:* nack", media="audio 4000 RTP/AVPF 0"))
    assert remote_audio.read(offer, offer.media[0], is_answer=False).feedback == ()


@pytest.mark.req("RTCP-6")
def test_the_offer_of_a_browser() -> None:
    offer = parse(bodies.CHROMIUM_OFFER)
    read, _ = feedback_attr.read(offer.media[0], protocols.lookup(offer.media[0].proto))
    assert read == (Feedback(payload_type=111, kind="transport-cc"),)
    assert feedback_attr.answer(read, {("nack", "")}, [111]) == ()
    assert feedback_attr.answer(read, {("transport-cc", "")}, [0]) == ()
    assert feedback_attr.answer(read, {("transport-cc", "")}, [111, 0]) == read


LINES = st.lists(
    st.builds(
        Feedback,
        payload_type=st.sampled_from([None, 0, 8]),
        kind=st.sampled_from(["nack", "ack", "ccm"]),
        parameter=st.sampled_from(["", "pli", "fir"]),
    ),
    max_size=8,
)


@pytest.mark.req("RTCP-6")
@given(LINES, st.sets(st.tuples(st.sampled_from(["nack", "ccm"]), st.sampled_from(["", "pli"]))))
def test_the_answer_is_a_part_of_the_offer(lines: list[Feedback], supported: set[tuple[str, str]]) -> None:
    answer = feedback_attr.answer(lines, supported, [0])
    assert list(answer) == [
        line for line in lines if line.capability in supported and line.payload_type in (None, 0)
    ]


@pytest.mark.req("RTCP-6")
def test_regular_interval() -> None:
    lines = [
        Feedback(payload_type=0, kind="trr-int", parameter="100"),
        Feedback(payload_type=None, kind="trr-int", parameter="250"),
    ]
    assert feedback_attr.regular_interval_ms(lines, 0) == 100
    assert feedback_attr.regular_interval_ms(lines, 8) == 250
    assert feedback_attr.regular_interval_ms([NACK], 0) == 0
    assert feedback_attr.answer(lines, {("trr-int", "")}, [8]) == (lines[1],)


@pytest.mark.req("RTCP-6")
def test_extended_reports() -> None:
    def blocks(*lines: str, head: str = HEAD) -> tuple[ReportBlock, ...] | None:
        offer = parse(plain(*lines, head=head))
        return feedback_attr.report_blocks(offer, offer.media[0])[0]

    assert blocks() is None
    assert blocks("a=rtcp-xr:") == ()
    assert blocks("a=rtcp-xr") == ()
    voip = (ReportBlock(name="rcvr-rtt", value="all:100"), ReportBlock(name="voip-metrics"))
    assert blocks("a=rtcp-xr:rcvr-rtt=all:100 voip-metrics") == voip
    assert blocks("a=rtcp-xr:", head=HEAD + "\na=rtcp-xr:voip-metrics") == ()
    assert blocks(head=HEAD + "\na=rtcp-xr:voip-metrics") == (ReportBlock(name="voip-metrics"),)
    # Who sends none says so by silence.
    assert "rtcp-xr" not in names(accepted(plain("a=rtcp-xr:voip-metrics"))[0])


@given(st.text(alphabet="abc=:-, \x7f", max_size=40))
def test_any_text_of_extended_reports(text: str) -> None:
    offer = parse(plain())
    media = replace(offer.media[0], attributes=(Attribute(name="rtcp-xr", value=text),))
    blocks, remarks = feedback_attr.report_blocks(offer, media)
    assert blocks is not None
    assert len(blocks) + len(remarks) == len(text.split(" ")) - text.split(" ").count("")


@pytest.mark.req("XR-3")
def test_extended_reports_are_asked_for_by_who_does_them() -> None:
    local = replace(LOCAL, extended_reports=True)
    offer = write(build_offer(local, session_id=1, version=1))
    assert "a=rtcp-xr:rcvr-rtt=all voip-metrics\r\n" in offer
    assert "rtcp-xr" not in write(build_offer(replace(local, terse=True), session_id=1, version=1))
    media, negotiated = accepted(plain("a=rtcp-xr:voip-metrics"), local)
    assert media.first("rtcp-xr") is not None
    assert negotiated.extended_reports == (ReportBlock(name="voip-metrics"),)
    for silent in ((), ("a=rtcp-xr:",)):
        media, negotiated = accepted(plain(*silent), local)
        assert media.first("rtcp-xr") is None
        assert negotiated.extended_reports == ()
    assert accepted(plain("a=rtcp-xr:voip-metrics"))[1].extended_reports == ()
