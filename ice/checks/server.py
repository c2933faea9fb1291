"""Connectivity checks, server side: who may ask, and what is answered (RFC 8445 §7.3, RFC 8489 §9.1.3)."""

from __future__ import annotations

from dataclasses import dataclass

from ice.checks.role import Judge, Verdict
from ice.outbox import Outbox
from ice.stun.attributes import (
    Attribute,
    IceControlled,
    IceControlling,
    Priority,
    UnknownAttributes,
    UseCandidate,
    Username,
)
from ice.stun.binding import binding_error, binding_success
from ice.stun.message import StunMessage, short_term_key
from ice.types import Credentials, FlowId, Role, TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundCheck:
    """An authenticated check of the peer, answered with success.

    Attributes:
        flow: UDP socket or TCP connection it came in on.
        remote: where it came from.
        tcp: True where `flow` is a connection.
        ufrag: the peer's user name fragment.
        priority: its PRIORITY, what a peer-reflexive candidate gets.
        use_candidate: it nominates.
        switched: our role changed because of it.
    """

    flow: FlowId
    remote: TransportAddress
    tcp: bool
    ufrag: str
    priority: int
    use_candidate: bool
    switched: bool


class CheckServer:
    """Answers Binding requests; needs only our own credentials, so it does before signalling is done."""

    def __init__(self, *, local: Credentials, roles: Judge, outbox: Outbox) -> None:
        self._ufrag = local.ufrag
        self._key = short_term_key(local.password)
        self._roles = roles
        self._outbox = outbox

    def handle_request(
        self, message: StunMessage, flow: FlowId, remote: TransportAddress, *, tcp: bool, now: float
    ) -> InboundCheck | None:
        """Answer a Binding request; None where the answer was an error."""
        username = message.get(Username)
        if username is None or message.integrity_algorithm is None:
            self._refuse(message, flow, remote, tcp, 400, "Bad Request", now, authenticated=False)
            return None
        ours, _, theirs = username.value.partition(":")
        if ours != self._ufrag or not message.verifies(self._key):
            self._refuse(message, flow, remote, tcp, 401, "Unauthenticated", now, authenticated=False)
            return None
        unknown = message.unknown_required
        if unknown:
            more = UnknownAttributes(types=unknown)
            self._refuse(message, flow, remote, tcp, 420, "Unknown Attribute", now, more)
            return None
        priority = message.get(Priority)
        if priority is None or not 0 < priority.value < 2**31:
            self._refuse(message, flow, remote, tcp, 400, "Bad Request", now)
            return None
        verdict = self._judge(message)
        if verdict is Verdict.REFUSE:
            self._refuse(message, flow, remote, tcp, 487, "Role Conflict", now)
            return None
        self._outbox.send(flow, remote, binding_success(message, remote, self._key), tcp=tcp)
        return InboundCheck(
            flow=flow,
            remote=remote,
            tcp=tcp,
            ufrag=theirs,
            priority=priority.value,
            use_candidate=message.get(UseCandidate) is not None,
            switched=verdict is Verdict.SWITCHED,
        )

    def _judge(self, message: StunMessage) -> Verdict:
        controlling = message.get(IceControlling)
        if controlling is not None:
            return self._roles.judge(Role.CONTROLLING, controlling.tie_breaker)
        controlled = message.get(IceControlled)
        if controlled is not None:
            return self._roles.judge(Role.CONTROLLED, controlled.tie_breaker)
        return Verdict.FINE

    def _refuse(
        self,
        message: StunMessage,
        flow: FlowId,
        remote: TransportAddress,
        tcp: bool,
        code: int,
        reason: str,
        now: float,
        *more: Attribute,
        authenticated: bool = True,
    ) -> None:
        key = self._key if authenticated else None
        self._outbox.send(flow, remote, binding_error(message, code, reason, key, *more), tcp=tcp)
        kind = f"answered_{code}"
        self._outbox.refuse(flow, remote, kind, f"check answered {code} {reason}", now)
