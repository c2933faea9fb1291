"""An offer and our answer to it."""

from __future__ import annotations

from dataclasses import replace

from ice.types import TransportAddress
from sdp.negotiation.negotiated import Answer, LocalMedia, NegotiatedMedia
from sdp.negotiation.offer_answer import answer, build_offer
from sdp.syntax.model import Media
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.bodies import crlf
from tests.sdp.local import LOCAL, PEER, tcp_pair

HEAD = "v=0\no=peer 9 9 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0"


def reply(offer: str, local: LocalMedia = LOCAL) -> Answer:
    """Our answer, which is good SDP and has the m= lines of the offer."""
    parsed = parse(offer)
    result = answer(parsed, local, session_id=1, version=1)
    assert parse(write(result.description), strict=True) == result.description
    assert [m.media for m in result.description.media] == [m.media for m in parsed.media]
    return result


def accepted(offer: str, local: LocalMedia = LOCAL) -> tuple[Media, NegotiatedMedia]:
    result = reply(offer, local)
    assert result.negotiated is not None
    return result.description.media[result.negotiated.index], result.negotiated


def plain(*lines: str, head: str = HEAD, media: str = "audio 4000 RTP/AVP 0 8") -> str:
    return crlf("\n".join([head, f"m={media}", *lines]))


def names(media: Media) -> list[str]:
    return [attribute.name for attribute in media.attributes]


def ports(result: Answer) -> list[int]:
    return [media.port for media in result.description.media]


def peer_offer(**changes: object) -> str:
    return write(build_offer(replace(PEER, **changes), session_id=5, version=5))  # type: ignore[arg-type]


def updated(**changes: object) -> str:
    """The peer's updated offer: it accepted our TCP connection."""
    pair = tcp_pair(dialled=False)
    local = replace(pair.local, address=TransportAddress(host="198.51.100.9", port=6000))
    remote = tcp_pair().local
    selected = (replace(pair, local=local, remote=remote),)
    return peer_offer(**({"selected": selected, "controlling": True} | changes))
