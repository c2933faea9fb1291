"""An edge proxy and registrar on loopback that a test turns this way and that (RFC 5626 §5, §6)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from ice.stun.attributes import XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, serialise
from ice.stun.message import parse as parse_stun
from ice.types import TransportAddress
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.wire_format import parse
from ua.sip.syntax.wire_format import serialise as write
from ua.sip.transport.stream import FramedMessage, KeepAlive, StreamFramer

HOST = "127.0.0.1"


@dataclass
class Edge:
    """What it heard, and what it does.

    Attributes:
        port: of UDP and TCP.
        requests: each with the transport and the number of the connection.
        pings: how many came.
        bindings: STUN requests that came.
        rows: what a 200 to REGISTER holds beside the Contact.
        statuses: answers to the next REGISTERs; afterwards 200.
        ponging: whether pings and STUN are answered.
        port_offset: what a NAT adds to the port that STUN tells.
    """

    port: int = 0
    requests: list[tuple[str, int, Request]] = field(default_factory=list)
    pings: int = 0
    bindings: int = 0
    rows: tuple[tuple[str, str], ...] = (("Require", "outbound"),)
    statuses: list[int] = field(default_factory=list)
    ponging: bool = True
    port_offset: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    writers: dict[int, asyncio.StreamWriter] = field(default_factory=dict)

    def uri(self, transport: str = "udp") -> str:
        """Where it is."""
        return f"sip:{HOST}:{self.port};transport={transport}"

    def of(self, method: str) -> list[Request]:
        """The requests of a method, in order, repeats left out."""
        found = [request for _, _, request in self.requests if request.method == method]
        return list({request.via.branch: request for request in found}.values())

    def connections(self, method: str) -> list[int]:
        """The connections that they came by, in order."""
        return [number for _, number, request in self.requests if request.method == method]

    async def until(self, method: str, count: int, seconds: float = 8.0) -> Request:
        """Wait for the request of a method that is the `count`th."""
        async with asyncio.timeout(seconds):
            while len(self.of(method)) < count:
                await self.came.wait()
                self.came.clear()
        return self.of(method)[count - 1]

    async def until_pinged(self, count: int, seconds: float = 8.0) -> None:
        """Wait for so many keep-alives."""
        async with asyncio.timeout(seconds):
            while self.pings + self.bindings < count:
                await self.came.wait()
                self.came.clear()

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self.writers.values():
            writer.close()

    def take(self, data: bytes, transport: str, number: int) -> Response | None:
        """The answer to a message."""
        message = parse(data)
        if not isinstance(message, Request):
            return None
        self.requests.append((transport, number, message))
        self.came.set()
        if message.method == "ACK":
            return None
        if message.method != "REGISTER":
            return make_response(message, 200 if message.method == "OPTIONS" else 486, to_tag="edge")
        status = self.statuses.pop(0) if self.statuses else 200
        contact = message.contacts[0]
        rows = [("Contact", str(contact)), *self.rows] if status == 200 else []
        return make_response(message, status, to_tag="edge", headers=Headers.of(*rows))

    def stun(self, data: bytes, source: tuple[str, int]) -> bytes | None:
        """The answer to a Binding request."""
        self.bindings += 1
        self.came.set()
        mapped = TransportAddress(host=source[0], port=source[1] + self.port_offset)
        answer = StunMessage(
            method=Method.BINDING,
            message_class=MessageClass.SUCCESS,
            transaction_id=parse_stun(data).transaction_id,
            attributes=(XorMappedAddress(address=mapped),),
        )
        return serialise(answer, integrity_key=None, fingerprint=False) if self.ponging else None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        number = len(self.writers) + 1
        self.writers[number] = writer
        framer = StreamFramer()
        while data := await reader.read(65536):
            for item in framer.feed(data):
                match item:
                    case FramedMessage(data=message):
                        answer = self.take(message, "tcp", number)
                        if answer is not None:
                            writer.write(write(answer))
                    case KeepAlive(ping=True):
                        self.pings += 1
                        self.came.set()
                        if self.ponging:
                            writer.write(b"\r\n")
                    case _:
                        pass
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        if data[0] < 2:
            reply = self._edge.stun(data, addr)
        else:
            answer = self._edge.take(data, "udp", 0)
            reply = None if answer is None else write(answer)
        if reply is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def edge(port: int = 0) -> AsyncIterator[Edge]:
    """Run one, on a port that is free for UDP and TCP."""
    running = Edge()
    loop = asyncio.get_running_loop()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    running.port = listener.getsockname()[1]
    datagrams, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(running), local_addr=(HOST, running.port)
    )
    server = await asyncio.start_server(running.serve, sock=listener)
    try:
        yield running
    finally:
        datagrams.close()
        server.close()
        running.hang_up()
        await server.wait_closed()
        await asyncio.sleep(0)
