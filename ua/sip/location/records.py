"""What is asked of the domain name system, and what it says (RFC 3263 §4, RFC 3403, RFC 2782)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from ice.gathering.srv import ServiceRecord


class Kind(enum.StrEnum):
    """What is wanted of a name."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    ADDRESS = "address"
    """A and AAAA, in the order in which they are to be tried (RFC 6157 §5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question.

    Attributes:
        kind: what is wanted.
        name: the domain name, in lower case, without the last dot.
    """

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NaptrRecord:
    """One NAPTR record (RFC 3403 §4.1).

    Attributes:
        order: the lowest is taken first.
        preference: the same among those of one order.
        flags: "s" where the replacement has service records, "a" where it has addresses.
        service: for instance "SIP+D2U".
        regexp: empty in the records that count here.
        replacement: the next name to ask for.
    """

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRecord:
    """One A or AAAA record, or a line of the hosts file.

    Attributes:
        host: an IPv4 or IPv6 address.
    """

    host: str


Record = NaptrRecord | ServiceRecord | AddressRecord

Answers = Mapping[Question, tuple[Record, ...]]
"""The records of each question; none where there are none or nobody tells."""


def question(kind: Kind, name: str) -> Question:
    """A question for a name in any spelling."""
    return Question(kind=kind, name=name.rstrip(".").lower())
