"""Service records: where a domain offers a service, and in which order its hosts are tried (RFC 2782)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

_CHANCE_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """One SRV record.

    Attributes:
        priority: the lowest is tried first.
        weight: share among those of one priority, 0 to 65535.
        port: 0 to 65535.
        target: name of the host; "." or "" where the domain does not offer the service.
    """

    priority: int
    weight: int
    port: int
    target: str

    @property
    def offered(self) -> bool:
        """False of the record that says: not here."""
        return self.target not in ("", ".")


def in_order(records: Iterable[ServiceRecord], random: Callable[[int], bytes]) -> tuple[ServiceRecord, ...]:
    """The records in the order in which their hosts are tried.

    Lowest priority first; among equals each place is drawn by lot, by weight. Weight 0 is drawn now and then,
    as long as others are left.

    Args:
        records: of one service.
        random: random(n) gives n unpredictable bytes.
    """
    left = sorted(records, key=lambda record: (record.priority, record.weight, record.target, record.port))
    ordered: list[ServiceRecord] = []
    while left:
        equals = [record for record in left if record.priority == left[0].priority]
        total = sum(record.weight for record in equals)
        lot = int.from_bytes(random(_CHANCE_BYTES), "big") % (total + 1)
        for record in equals:
            lot -= record.weight
            if lot <= 0:
                ordered.append(record)
                left.remove(record)
                break
    return tuple(ordered)
