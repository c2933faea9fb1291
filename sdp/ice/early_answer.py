"""The answer of a phone that our offer rings, before one takes the call (RFC 8839 §7.1.1, §7.3)."""

from __future__ import annotations

from collections.abc import Callable

from ice.messages import Event
from sdp.errors import NegotiationError
from sdp.ice.binding import IceBinding
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.syntax.model import SessionDescription


async def begin(
    offered: IceBinding, answer: SessionDescription, on_event: Callable[[Event], None]
) -> tuple[IceBinding, NegotiatedMedia] | None:
    """Start ICE with a peer whose answer may turn out not to count; `offered` waits for the one that does.

    Both have the same sockets, and each is closed for itself.

    Args:
        offered: the stream that made the offer.
        answer: of the peer.
        on_event: hears of its ICE session from the start.

    Returns:
        The stream with that peer and what was agreed; None where the answer is without ICE or of no use, or
        where ICE cannot fork: it is taken when the call is, like any answer.
    """
    if offered.exchange.open_offer is None:
        return None
    exchange = offered.exchange.fork()
    try:
        negotiated = exchange.accept(answer)
        if negotiated.ice is None:
            return None
        session = offered.session.fork()
    except (NegotiationError, ValueError):
        return None
    binding = IceBinding(session, exchange, components=session.components)
    session.subscribe(on_event)
    try:
        binding.apply_agreed(negotiated)
    except BaseException:
        await binding.close()
        raise
    return binding, negotiated
