"""a=group:BUNDLE, a=mid and a=bundle-only: several m= lines on one transport (RFC 9143).

We talk over one audio m= line. A browser offers it in a group, mostly with others: it is accepted alone, and
the group of the answer holds it alone; the refused lines are out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdp.syntax import grammar
from sdp.syntax.model import Attribute, Media, SessionDescription

SEMANTICS = "BUNDLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One BUNDLE group: identification tags in order; the first one's m= line carries the transport."""

    mids: tuple[str, ...]


def parse_group(value: str) -> Group | None:
    """The value of a=group (RFC 5888 §5) where it is a BUNDLE group of tokens, else None."""
    parts = grammar.fields(value)
    if not parts or parts[0] != SEMANTICS or not all(grammar.is_token(part) for part in parts[1:]):
        return None
    return Group(mids=tuple(dict.fromkeys(parts[1:])))


def group_line(group: Group) -> Attribute:
    """The a=group line."""
    return Attribute(name="group", value=" ".join((SEMANTICS, *group.mids)))


def mid_of(media: Media) -> str | None:
    """The identification tag of an m= line (RFC 5888 §4), None without a usable one."""
    attribute = media.first("mid")
    return attribute.value if attribute is not None and grammar.is_token(attribute.value or "") else None


def group_of(session: SessionDescription, media: Media) -> Group | None:
    """The group that an m= line is in, None where it is in none."""
    mid = mid_of(media)
    for attribute in session.all("group"):
        group = parse_group(attribute.value or "")
        if group is not None and mid in group.mids:
            return group
    return None


def is_bundle_only(session: SessionDescription, media: Media) -> bool:
    """True for an m= line that is offered as part of its group alone: its port 0 refuses nothing (§6)."""
    return media.port == 0 and media.first("bundle-only") is not None and group_of(session, media) is not None


def answered(session: SessionDescription, accepted: Iterable[int]) -> tuple[Attribute, ...]:
    """The a=group lines of an answer (RFC 9143 §7.3).

    Each group keeps the lines that are accepted, as long as one of them has a transport of its own, which
    the group can use (§7.3.1): its port in the offer is not 0.

    Args:
        session: the offer.
        accepted: numbers of the m= lines that the answer accepts, from 0.
    """
    indices = frozenset(accepted)
    by_mid: Mapping[str, int] = {
        mid: index for index, media in enumerate(session.media) if (mid := mid_of(media)) is not None
    }
    lines: list[Attribute] = []
    for attribute in session.all("group"):
        group = parse_group(attribute.value or "")
        if group is None:
            continue
        kept = tuple(mid for mid in group.mids if by_mid.get(mid) in indices)
        if any(session.media[by_mid[mid]].port != 0 for mid in kept):
            lines.append(group_line(Group(mids=kept)))
    return tuple(lines)


class Demultiplexer:
    """Which m= line of a group a packet belongs to (RFC 9143 §9.2).

    The MID header extension decides, then what is known of the SSRC, then a payload type that one m= line
    alone has. What is learnt from one packet holds for the next ones of its SSRC.

    Args:
        mids: number of the m= line by identification tag.
        payload_types: payload types of each m= line, by number.
        ssrcs: number of the m= line by SSRC, as far as a=ssrc tells.
    """

    def __init__(
        self,
        *,
        mids: Mapping[str, int],
        payload_types: Mapping[int, Iterable[int]],
        ssrcs: Mapping[int, int] | None = None,
    ) -> None:
        self._mids = dict(mids)
        self._ssrcs = dict(ssrcs or {})
        owners: dict[int, list[int]] = {}
        for index, numbers in payload_types.items():
            for number in set(numbers):
                owners.setdefault(number, []).append(index)
        self._unique = {number: found[0] for number, found in owners.items() if len(found) == 1}
        self._listed = {index: frozenset(numbers) for index, numbers in payload_types.items()}

    def route(self, *, ssrc: int, payload_type: int, mid: str | None = None) -> int | None:
        """Number of the m= line; None for a packet that is to be dropped."""
        if mid is not None:
            if mid not in self._mids:
                return None
            self._ssrcs[ssrc] = self._mids[mid]
        index = self._ssrcs.get(ssrc)
        if index is None:
            index = self._unique.get(payload_type)
            if index is None:
                return None
            self._ssrcs[ssrc] = index
        return index if payload_type in self._listed.get(index, ()) else None
