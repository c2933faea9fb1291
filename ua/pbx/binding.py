"""One binding of an address-of-record to a Contact (core; RFC 3261 §10, RFC 5626 §6)."""

from __future__ import annotations

from dataclasses import dataclass

from ua.sip.syntax.grammar import without_param
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.transport.hop import Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where a user is, until when, and by whom that was said.

    Attributes:
        contact: the Contact with its parameters, without expires.
        call_id: Call-ID of the REGISTER.
        cseq: its number.
        expires_at: monotonic seconds.
        updated_at: monotonic seconds.
        path: the proxies on the way there (RFC 3327).
        instance: instance of the phone where reg-id counts (RFC 5626 §6), else empty.
        reg_id: number of the flow, None where the Contact's URI names the binding.
        flow: the neighbour that it came from directly; requests go there. None goes by the Contact's URI.
    """

    contact: NameAddr
    call_id: str
    cseq: int
    expires_at: float
    updated_at: float
    path: tuple[NameAddr, ...] = ()
    instance: str = ""
    reg_id: int | None = None
    flow: Hop | None = None

    def is_same_as(self, other: Binding) -> bool:
        """True where `other` takes the place of this one: the same flow of a phone, or the same URI."""
        if self.reg_id is not None and other.reg_id is not None:
            return (self.instance, self.reg_id) == (other.instance, other.reg_id)
        if self.reg_id is not None or other.reg_id is not None:
            return False
        return self.contact.uri.same_as(other.contact.uri)

    def shown(self, now: float) -> NameAddr:
        """The Contact of a 200 to REGISTER, with the seconds that are left (RFC 3261 §10.3 step 8)."""
        left = max(0, round(self.expires_at - now))
        return self.contact.with_param("expires", str(left))

    @property
    def preference(self) -> float:
        """The q value, 1 without one that can be read (RFC 3261 §20.10)."""
        try:
            return min(1.0, max(0.0, float(self.contact.param("q") or "1")))
        except ValueError:
            return 1.0


def stored(contact: NameAddr) -> NameAddr:
    """A Contact as it is kept: all its parameters but expires."""
    return NameAddr(uri=contact.uri, name=contact.name, params=without_param(contact.params, "expires"))
