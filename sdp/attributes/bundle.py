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
