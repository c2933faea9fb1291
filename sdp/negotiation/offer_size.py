"""Which of our candidates a peer is told: all, or less where it cannot bear them or the offer must be small.

A candidate that the peer is not told of still takes part on our side: the peer learns of it from our checks
(RFC 8445 §7.3.1.3). The addresses of the m= section stay, or ICE would not match (RFC 8839 §4.2.5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from ice.types import Candidate, Description, TcpType, Transport, TransportAddress
from sdp.attributes.candidate_attr import format_candidate
from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat


class Telling:
    """What one peer is told.

    Attributes:
        tcp: TCP candidates too.
    """

    def __init__(self) -> None:
        self.tcp = True
        self._short: Description | None = None

    def of(self, description: Description) -> Description:
        """Our description as the peer is told: within one generation of ICE always the same."""
        short = self._short
        if short is not None and short.credentials == description.credentials:
            candidates = short.candidates
        else:
            candidates = description.candidates
        return replace(description, candidates=candidates if self.tcp else without_tcp(candidates))

    def shorten(
        self, description: Description, *, excess: int, defaults: Collection[TransportAddress]
    ) -> Description | None:
        """The description with fewer candidates from now on; None where that cannot or need not be."""
        kept = fewer(description.candidates, excess=excess, defaults=defaults)
        if kept is None or len(kept) == len(description.candidates):
            return None
        self._short = replace(description, candidates=kept)
        return self._short


def static_formats(formats: tuple[AudioFormat, ...]) -> tuple[AudioFormat, ...]:
    """Codecs that need no line of their own, and what goes beside them; all where there is none of these."""
    codecs = {audio for audio in formats if audio.carries_audio and audio.payload_type in STATIC_FORMATS}
    clocks = {audio.clock_rate for audio in codecs}
    kept = (
        audio
        for audio in formats
        if audio in codecs or (not audio.carries_audio and audio.clock_rate in clocks)
    )
    return tuple(kept) if codecs else formats


def line_bytes(candidate: Candidate) -> int:
    """Bytes of the a=candidate line with its line end."""
    return len(f"a=candidate:{format_candidate(candidate)}\r\n".encode())


def without_tcp(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates of UDP alone."""
    return tuple(each for each in candidates if each.transport is Transport.UDP)


def fewer(
    candidates: Sequence[Candidate], *, excess: int, defaults: Collection[TransportAddress]
) -> tuple[Candidate, ...] | None:
    """The candidates without those that are missed least, in the order they had.

    Active TCP candidates go first, for they tell the peer no address, then second ones of a kind, then those
    of RTCP. The defaults and one candidate of TCP that can be connected to stay.

    Args:
        candidates: all.
        excess: bytes that must go.
        defaults: addresses of the m= section and of RTCP.

    Returns:
        None where so much cannot be left out.
    """
    ranked = _ranked(candidates, defaults)
    kept = list(ranked)
    while excess > 0 and kept and not _must_stay(kept[-1], kept, defaults):
        excess -= line_bytes(kept.pop())
    if excess > 0:
        return None
    return tuple(each for each in candidates if each in kept)


def _ranked(candidates: Sequence[Candidate], defaults: Collection[TransportAddress]) -> list[Candidate]:
    """The candidates, the ones that must stay first, the ones that are missed least last."""
    kinds: Counter[tuple[object, ...]] = Counter()
    ranks: dict[Candidate, tuple[object, ...]] = {}
    for each in sorted(candidates, key=lambda candidate: -candidate.priority):
        kind = (each.component, each.type, each.transport, each.tcptype, ":" in each.address.host)
        dialled = _is_reached_by_tcp(each) and not any(_is_reached_by_tcp(other) for other in ranks)
        ranks[each] = (
            not _is_default(each, defaults),
            not dialled,
            each.tcptype is TcpType.ACTIVE,
            each.component > 1,
            kinds[kind],
            -each.priority,
        )
        kinds[kind] += 1
    return sorted(candidates, key=ranks.__getitem__)


def _must_stay(
    candidate: Candidate, kept: Sequence[Candidate], defaults: Collection[TransportAddress]
) -> bool:
    """True for the defaults, and for the only candidate that the peer can dial."""
    if _is_default(candidate, defaults):
        return True
    return _is_reached_by_tcp(candidate) and sum(1 for each in kept if _is_reached_by_tcp(each)) == 1


def _is_default(candidate: Candidate, defaults: Collection[TransportAddress]) -> bool:
    return candidate.transport is Transport.UDP and candidate.address in defaults


def _is_reached_by_tcp(candidate: Candidate) -> bool:
    return (
        candidate.transport is Transport.TCP
        and candidate.tcptype is not TcpType.ACTIVE
        and candidate.component == 1
    )
