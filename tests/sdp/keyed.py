"""Two sides that agree on keys, as tests need them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sdp.attributes.fingerprint_attr import Fingerprint
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.keying import KeyingPolicy
from sdp.negotiation.negotiated import Answer, LocalMedia, NegotiatedMedia
from sdp.syntax.model import Attribute, Media, SessionDescription
from sdp.syntax.parser import parse
from sdp.syntax.protocols import Keying
from sdp.syntax.writer import write
from tests.sdp.local import LOCAL, PEER

OURS = Fingerprint(hash="sha-256", digest=bytes(range(32)))
THEIRS = Fingerprint(hash="sha-256", digest=bytes(range(100, 132)))

SDES = KeyingPolicy(offers=Keying.SRTP, accepts=frozenset({Keying.SRTP}))
DTLS = KeyingPolicy(offers=Keying.DTLS, accepts=frozenset({Keying.DTLS}), fingerprints=(OURS,))
ALL = KeyingPolicy(
    accepts=frozenset({Keying.NONE, Keying.SRTP, Keying.DTLS}), best_effort=True, fingerprints=(OURS,)
)
BEST_EFFORT = KeyingPolicy(accepts=frozenset({Keying.NONE, Keying.SRTP}), best_effort=True)


def peer_of(policy: KeyingPolicy) -> KeyingPolicy:
    """The same wishes with another certificate."""
    return replace(policy, fingerprints=(THEIRS,) if policy.fingerprints else ())


@dataclass
class Side:
    """One end: its exchange, and its description without keys."""

    policy: KeyingPolicy
    media: LocalMedia
    seed: int
    exchange: MediaExchange = field(init=False)
    draw: Callable[[int], bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.exchange = MediaExchange(session_id=self.seed)
        self.draw = random.Random(self.seed).randbytes

    def local(self, *, renew: bool = False, **changes: Any) -> LocalMedia:
        keys = self.exchange.keying(self.policy, self.draw, renew=renew)
        return replace(self.media, keying=keys, **changes)

    def offer(self, *, renew: bool = False, **changes: Any) -> SessionDescription:
        return parse(write(self.exchange.offer(self.local(renew=renew, **changes))), strict=True)

    def answer(self, offer: SessionDescription, **changes: Any) -> Answer:
        answer = self.exchange.answer(offer, self.local(**changes))
        assert parse(write(answer.description), strict=True) == answer.description
        return answer

    def accept(self, answer: SessionDescription) -> NegotiatedMedia:
        return self.exchange.accept(parse(write(answer), strict=True))


def two(ours: KeyingPolicy, theirs: KeyingPolicy | None = None, *, ice: bool = True) -> tuple[Side, Side]:
    """Us and a peer, who wants the same where not told otherwise."""
    sides = (LOCAL, PEER) if ice else (replace(LOCAL, ice=None), replace(PEER, ice=None))
    return Side(ours, sides[0], 1), Side(peer_of(theirs or ours), sides[1], 2)


def call(
    ours: KeyingPolicy, theirs: KeyingPolicy | None = None, *, ice: bool = True
) -> tuple[Side, Side, NegotiatedMedia, NegotiatedMedia]:
    """Both, and what one exchange comes to for each."""
    near, far = two(ours, theirs, ice=ice)
    answered = far.answer(near.offer())
    assert answered.negotiated is not None, answered.reason
    return near, far, near.accept(answered.description), answered.negotiated


def audio(description: SessionDescription | None) -> Media:
    assert description is not None
    return description.media[0]


def values(description: SessionDescription | None, name: str) -> list[str]:
    """The values of the attributes of that name in the audio section."""
    return [attribute.value or "" for attribute in audio(description).all(name)]


def changed(
    description: SessionDescription, edit: Callable[[Attribute], list[Attribute]]
) -> SessionDescription:
    """The same with other attributes in its audio section."""
    media = audio(description)
    attributes = tuple(new for attribute in media.attributes for new in edit(attribute))
    return replace(description, media=(replace(media, attributes=attributes),))


def with_value(description: SessionDescription, name: str, *new: str) -> SessionDescription:
    """The same with these values instead of those of that name, at its first place."""
    kept = changed(description, lambda attribute: [] if attribute.name == name else [attribute])
    media = audio(kept)
    lines = tuple(Attribute(name=name, value=value) for value in new)
    return replace(kept, media=(replace(media, attributes=(*media.attributes, *lines)),))
