"""Media to and from a peer without ICE: which sources are believed, and how a path is opened for DTLS.

The passive end of DTLS hears nothing behind a NAT before it has sent something: it sends one Binding request
without credentials, which everybody answers and nobody waits for (RFC 5763 §6.7.2).
"""

from __future__ import annotations

from ice.errors import StunError
from ice.stun.attributes import Username, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import TransportAddress


class PlainSource:
    """Tells the peer's packets from others without any check, as far as that is possible.

    The host that was signalled is believed, whatever the port: peers may send from another one than they
    receive on. As long as that host is silent, the first other host that sends is believed: media may leave
    from another machine than the one that signals.
    """

    def __init__(self, remote: TransportAddress) -> None:
        """Expect packets of the peer whose signalled address is `remote`."""
        self._signalled = remote.host
        self._believed = ""

    def accepts(self, source: TransportAddress) -> bool:
        """True where a packet from `source` counts as the peer's."""
        if source.host == self._signalled or not self._believed:
            self._believed = source.host
        return source.host == self._believed


def opening(transaction_id: bytes) -> bytes:
    """A Binding request without credentials; `transaction_id` are 12 random bytes."""
    request = StunMessage(
        method=Method.BINDING, message_class=MessageClass.REQUEST, transaction_id=transaction_id
    )
    return serialise(request, integrity_key=None, fingerprint=True)


def answer_to(packet: bytes, source: TransportAddress) -> bytes | None:
    """The answer to a Binding request without credentials, None for any other packet."""
    try:
        request = parse(packet)
    except StunError:
        return None
    if (request.method, request.message_class) != (Method.BINDING, MessageClass.REQUEST):
        return None
    if request.get(Username) is not None or request.integrity or request.unknown_required:
        return None
    response = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.SUCCESS,
        transaction_id=request.transaction_id,
        attributes=(XorMappedAddress(address=source),),
    )
    return serialise(response, integrity_key=None, fingerprint=True)
