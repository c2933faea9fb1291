"""What goes in and out of the transaction layer: keys, commands, events."""

from __future__ import annotations

from dataclasses import dataclass

from ua.sip.syntax.message import Request, Response
from ua.sip.transport.hop import Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """Names a client transaction: branch and CSeq method (RFC 3261 §17.1.3)."""

    branch: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKey:
    """Names a server transaction (RFC 3261 §17.2.3).

    Attributes:
        branch: top branch; of a peer without the magic cookie the fields that RFC 2543 compared.
        sent_by: host and port of the top Via.
        method: method, INVITE for an ACK.
    """

    branch: str
    sent_by: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Command: put these bytes on the way.

    Attributes:
        hop: neighbour and connection.
        message: what the bytes say.
        data: the bytes; repeats are identical.
        key: transaction to tell when it fails, None for what has none.
    """

    hop: Hop
    message: Request | Response
    data: bytes
    key: ClientKey | ServerKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A new request (never ACK or CANCEL); `respond` is owed."""

    key: ServerKey
    request: Request
    source: Hop
    to_tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AckReceived:
    """An ACK to a 2xx, or one that belongs to nothing."""

    request: Request
    source: Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteCancelled:
    """The caller gave up before the final response: answer the INVITE with 487 (RFC 3261 §9.2)."""

    key: ServerKey
    cancel: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseReceived:
    """A response for the user: each 1xx, the first final one, and every 2xx to an INVITE."""

    key: ClientKey
    response: Response
    source: Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTimedOut:
    """Client: no final response, a 408 for the user; server: no ACK to a 300-699 (RFC 3261 §8.1.3.1)."""

    key: ClientKey | ServerKey
    hop: Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFailed:
    """The transport failed, a 503 for the user of a client transaction (RFC 3261 §8.1.3.1)."""

    key: ClientKey | ServerKey
    hop: Hop
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    """The transaction is gone."""

    key: ClientKey | ServerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDropped:
    """A well-formed message that means nothing to us."""

    message: Request | Response
    source: Hop
    reason: str


TransactionEvent = (
    RequestReceived
    | AckReceived
    | InviteCancelled
    | ResponseReceived
    | TransactionTimedOut
    | TransactionFailed
    | TransactionEnded
    | MessageDropped
)


def merge_key(request: Request) -> tuple[str, ...]:
    """What two copies of a request that came different ways have in common."""
    cseq = request.cseq
    return request.method, request.call_id, str(cseq), request.from_.tag or ""
