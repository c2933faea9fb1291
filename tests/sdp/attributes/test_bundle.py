"""BUNDLE (RFC 9143): the offers of browsers, and which m= line a packet belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import bundle
from sdp.attributes.bundle import Group
from sdp.negotiation.negotiated import Answer
from sdp.syntax.model import Media
from sdp.syntax.parser import parse
from tests.sdp import bodies
from tests.sdp.answering import names, reply
from tests.sdp.bodies import crlf
from tests.sdp.local import LOCAL, PLAIN

BROWSER = bodies.CHROMIUM_OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")
"""A recorded offer, with a profile that needs no keys."""

VIDEO = crlf("""
m=video 9 RTP/AVP 96
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=mid:1
a=rtpmap:96 VP8/90000
a=rtcp-mux
a=simulcast:send hi;lo
a=rid:hi send
a=rid:lo send
a=ssrc-group:FID 1 2
a=end-of-candidates
""")
DATA = crlf("""
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5000
""")
WHOLE = BROWSER.replace("BUNDLE 0", "BUNDLE 0 1 2") + VIDEO + DATA


def groups(result: Answer) -> list[str]:
    return [attribute.value or "" for attribute in result.description.all("group")]


@pytest.mark.req("BUN-1", "BUN-4", "BUN-5")
def test_audio_of_a_browser_is_accepted_and_all_else_refused() -> None:
    result = reply(WHOLE)
    assert [media.port != 0 for media in result.description.media] == [True, False, False]
    assert groups(result) == ["BUNDLE 0"]
    audio, *refused = result.description.media
    assert audio.first("mid") is not None
    assert {"ice-ufrag", "ice-pwd", "candidate"} <= set(names(audio))
    for media in refused:
        assert names(media) == []
    assert result.negotiated is not None
    assert result.negotiated.mid == "0"
    # Nothing of what browsers write is worth a remark but what we refused.
    assert [remark.reason for remark in result.diagnostics if "refused" not in remark.reason] == [
        "a=rtcp-fb means nothing without AVPF; ignored"
    ]


@pytest.mark.req("BUN-1")
def test_bundle_only_is_no_refusal_by_the_peer() -> None:
    """Audio behind a video line that we refuse: its group has no transport left (RFC 9143 §7.3.1)."""
    audio = crlf("m=audio 0 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=mid:a\na=bundle-only")
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 1 a\r\n"
    offer = head + VIDEO + audio
    session = parse(offer)
    assert bundle.is_bundle_only(session, session.media[1])
    result = reply(offer)
    assert result.negotiated is None
    assert not result.stopped
    assert groups(result) == []
    alone = parse(offer.replace("BUNDLE 1 a", "BUNDLE 1"))
    assert not bundle.is_bundle_only(alone, alone.media[1])


@pytest.mark.req("BUN-1")
def test_without_a_group_the_answer_has_none() -> None:
    assert groups(reply(BROWSER.replace("a=group:BUNDLE 0\r\n", ""))) == []
    assert groups(reply(BROWSER.replace("BUNDLE 0", "LS 0"))) == []
    assert groups(reply(BROWSER.replace("BUNDLE 0", "BUNDLE 7"))) == []


@pytest.mark.req("BUN-1")
def test_another_line_first() -> None:
    """The group's first line is refused: the next one that is accepted carries the transport."""
    head, _, audio = BROWSER.replace("BUNDLE 0", "BUNDLE 1 0").partition("m=audio")
    result = reply(head + VIDEO + "m=audio" + audio)
    assert [media.port != 0 for media in result.description.media] == [False, True]
    assert groups(result) == ["BUNDLE 0"]


@pytest.mark.req("BUN-4")
@pytest.mark.parametrize("name", sorted(bodies.ALL))
def test_recorded_descriptions_are_read_without_fault(name: str) -> None:
    offer = bodies.ALL[name]
    for local in (LOCAL, PLAIN):
        reply(offer, local)


@given(st.text(alphabet="BUNDLE 01a\t:", max_size=30))
def test_any_text_is_a_group_or_none(text: str) -> None:
    group = bundle.parse_group(text)
    if group is not None:
        assert bundle.parse_group(bundle.group_line(group).value or "") == group


MIDS = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=6)


@pytest.mark.req("BUN-1")
@given(MIDS, st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_the_answer_groups_what_is_accepted_and_no_more(
    mids: list[str], accepted: set[int], bundle_only: set[int]
) -> None:
    head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=group:BUNDLE " + " ".join(mids)
    lines = [
        f"m=audio {0 if index in bundle_only else 4000 + index} RTP/AVP 0\na=mid:{mid}"
        for index, mid in enumerate(mids)
    ]
    session = parse(crlf("\n".join([head, *lines])))
    found = bundle.answered(session, accepted)
    kept = [mid for index, mid in enumerate(mids) if index in accepted]
    with_transport = any(index in accepted and index not in bundle_only for index in range(len(mids)))
    assert found == ((bundle.group_line(Group(mids=tuple(kept))),) if with_transport else ())


def test_mid_of() -> None:
    media = Media(media="audio", port=9, proto="RTP/AVP", formats=("0",))
    assert bundle.mid_of(media) is None
