"""Binding requests of checks and consent, and what their answers say (RFC 8445 §7.1, §7.2, RFC 7675 §5.1)."""

from __future__ import annotations

from ice.stun.attributes import (
    Attribute,
    ErrorCode,
    IceControlled,
    IceControlling,
    Priority,
    UseCandidate,
    Username,
    XorMappedAddress,
)
from ice.stun.message import (
    MessageClass,
    Method,
    StunMessage,
    serialise,
    short_term_key,
)
from ice.types import Credentials, Role, TransportAddress


def binding_request(
    *,
    transaction_id: bytes,
    local: Credentials,
    remote: Credentials,
    role: Role,
    tie_breaker: int,
    priority: int,
    use_candidate: bool,
) -> bytes:
    """A connectivity check (RFC 8445 §7.2.4), protected with the peer's password.

    Raises:
        ValueError: USE-CANDIDATE of a controlled agent (RFC 8445 §7.1.2).
    """
    attributes: list[Attribute] = [
        Username(value=f"{remote.ufrag}:{local.ufrag}"),
        Priority(value=priority),
    ]
    if role is Role.CONTROLLING:
        attributes.append(IceControlling(tie_breaker=tie_breaker))
    else:
        attributes.append(IceControlled(tie_breaker=tie_breaker))
    if use_candidate:
        if role is not Role.CONTROLLING:
            raise ValueError("only the controlling agent nominates")
        attributes.append(UseCandidate())
    message = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.REQUEST,
        transaction_id=transaction_id,
        attributes=tuple(attributes),
    )
    return serialise(message, integrity_key=short_term_key(remote.password), fingerprint=True)


def binding_indication(transaction_id: bytes) -> bytes:
    """A keepalive (RFC 8445 §11): no credentials, no answer."""
    message = StunMessage(
        method=Method.BINDING, message_class=MessageClass.INDICATION, transaction_id=transaction_id
    )
    return serialise(message, integrity_key=None, fingerprint=True)


def binding_success(request: StunMessage, mapped: TransportAddress, key: bytes) -> bytes:
    """The answer to a check: where it came from, protected with the password of the request."""
    return _answer(request, MessageClass.SUCCESS, (XorMappedAddress(address=mapped),), key)


def binding_error(request: StunMessage, code: int, reason: str, key: bytes | None, *more: Attribute) -> bytes:
    """An error answer; `key` is None where the request was not authenticated (RFC 8489 §9.1.3)."""
    return _answer(request, MessageClass.ERROR, (ErrorCode(code=code, reason=reason), *more), key)


def _answer(
    request: StunMessage, message_class: MessageClass, attributes: tuple[Attribute, ...], key: bytes | None
) -> bytes:
    answer = StunMessage(
        method=Method.BINDING,
        message_class=message_class,
        transaction_id=request.transaction_id,
        attributes=attributes,
    )
    algorithm = request.integrity_algorithm
    if algorithm is None:
        return serialise(answer, integrity_key=None, fingerprint=True)
    # RFC 8489 §9.1.3: with the algorithm of the request.
    return serialise(answer, integrity_key=key, fingerprint=True, algorithm=algorithm)
