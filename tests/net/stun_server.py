"""A STUN server, and the question for a server-reflexive address (RFC 8489 §12, RFC 8445 §5.1.1.2)."""

from __future__ import annotations

from collections.abc import Callable

from ice.errors import StunError
from ice.stun.attributes import XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import TransportAddress
from tests.net.host import Host
from tests.net.tcp import Connection

PORT = 3478

ASK_TIMES_S = (0.0, 0.5, 1.5)
"""When the question is sent; loss may take all of them."""


class StunServer:
    """Answers Binding requests on every address of its host, over UDP and TCP."""

    def __init__(self, host: Host) -> None:
        self.addresses = tuple(TransportAddress(host=address, port=PORT) for address in host.interfaces)
        for address in self.addresses:
            host.udp[address] = _answerer(host, address)
            host.listeners[address] = _serve


def _answerer(host: Host, address: TransportAddress) -> Callable[[TransportAddress, bytes], None]:
    def answer(source: TransportAddress, data: bytes) -> None:
        host.send_datagram(address, source, _mapped(data, source))

    return answer


def _serve(connection: Connection) -> None:
    connection.on_frame = lambda data: connection.send(_mapped(data, connection.remote))


def _mapped(data: bytes, source: TransportAddress) -> bytes:
    request = parse(data)
    message = StunMessage(
        method=request.method,
        message_class=MessageClass.SUCCESS,
        transaction_id=request.transaction_id,
        attributes=(XorMappedAddress(address=source),),
    )
    return serialise(message, integrity_key=None, fingerprint=False)


def ask(
    host: Host,
    socket: TransportAddress,
    server: TransportAddress,
    learned: Callable[[TransportAddress], None],
) -> None:
    """Ask from a UDP socket how the server sees it; `learned` is called once, or never without an answer.

    Whatever else the socket receives until then goes where it went before.
    """
    clock = host.internet.clock
    usual = host.udp[socket]
    request = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.REQUEST,
        transaction_id=host.internet.chance.randbytes(12),
        attributes=(),
    )
    data = serialise(request, integrity_key=None, fingerprint=False)
    answered = False

    def receive(source: TransportAddress, packet: bytes) -> None:
        nonlocal answered
        if source != server:
            usual(source, packet)
            return
        try:
            message = parse(packet)
        except StunError:
            usual(source, packet)
            return
        mapped = message.get(XorMappedAddress)
        if not answered and message.transaction_id == request.transaction_id and mapped is not None:
            answered = True
            learned(mapped.address)

    def send() -> None:
        if not answered and host.udp.get(socket) is receive:
            host.send_datagram(socket, server, data)

    host.udp[socket] = receive
    for delay_s in ASK_TIMES_S:
        clock.after(delay_s, send)
