"""A STUN server on real loopback that answers what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ice.gathering.servers import StunServer
from ice.net.sockets import HostNetwork
from ice.stun.attributes import Attribute, ErrorCode, MappedAddress, UnknownAttribute, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import TransportAddress

HOST = "127.0.0.1"

Answer = Callable[[StunMessage, TransportAddress], bytes | None]
"""From a request and its source to the answer; None is silence."""


def says(
    *attributes: Attribute, kind: MessageClass = MessageClass.SUCCESS, fingerprint: bool = False
) -> Answer:
    """Answer every request with these attributes."""

    def answer(request: StunMessage, _source: TransportAddress) -> bytes:
        message = StunMessage(
            method=Method.BINDING,
            message_class=kind,
            transaction_id=request.transaction_id,
            attributes=attributes,
        )
        return serialise(message, integrity_key=None, fingerprint=fingerprint)

    return answer


def sees(host: str | None = None, port_offset: int = 0) -> Answer:
    """Answer with the source of the request, its host or port changed as a NAT would change them."""

    def answer(request: StunMessage, source: TransportAddress) -> bytes | None:
        address = TransportAddress(host=host or source.host, port=source.port + port_offset)
        return says(XorMappedAddress(address=address))(request, source)

    return answer


def old(host: str) -> Answer:
    """Answer like a server of RFC 3489: in clear, and with attributes that nobody knows any more."""

    def answer(request: StunMessage, source: TransportAddress) -> bytes | None:
        mapped = MappedAddress(address=TransportAddress(host=host, port=source.port))
        itself = UnknownAttribute(number=0x0004, value=mapped.encode(b""))
        other = UnknownAttribute(number=0x0005, value=mapped.encode(b""))
        return says(mapped, itself, other)(request, source)

    return answer


def fails(code: int, reason: str) -> Answer:
    """Answer with an error."""
    return says(ErrorCode(code=code, reason=reason), kind=MessageClass.ERROR)


def silence(_request: StunMessage, _source: TransportAddress) -> bytes | None:
    """Answer nothing."""
    return None


class LoopbackStun:
    """The running server.

    Attributes:
        server: what to configure.
        requests: when each request came (seconds of the loop), from where, and what it was.
        answer: what it answers from now on.
    """

    def __init__(self, answer: Answer) -> None:
        self.server = StunServer(host=HOST, port=0)
        self.requests: list[tuple[float, TransportAddress, StunMessage]] = []
        self.answer = answer

    @property
    def sources(self) -> list[TransportAddress]:
        """Who asked, without repetition, in order."""
        return list(dict.fromkeys(source for _, source, _ in self.requests))


@asynccontextmanager
async def loopback_stun(answer: Answer | None = None) -> AsyncIterator[LoopbackStun]:
    """Run a server on a free port; without `answer` it says what it sees."""
    running = LoopbackStun(answer or sees())
    loop = asyncio.get_running_loop()

    def receive(data: bytes, source: TransportAddress) -> None:
        request = parse(data)
        running.requests.append((loop.time(), source, request))
        reply = running.answer(request, source)
        if reply is not None:
            socket.send(reply, source)

    socket = await HostNetwork().bind_udp(HOST, 0, receive)
    running.server = StunServer(host=HOST, port=socket.local.port)
    try:
        yield running
    finally:
        socket.close()
