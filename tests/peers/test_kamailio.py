"""Kamailio starts, listens on both transports and knows who is registered."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.peers.kamailio import kamailio
from tests.peers.process import PeerError, Programs

pytestmark = pytest.mark.peer("kamailio")

OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/{transport} 127.0.0.1:{own};rport;branch=z9hG4bKa\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:{host}>\r\n"
    "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


async def test_it_answers_over_udp_and_tcp(programs: Programs) -> None:
    loop = asyncio.get_running_loop()
    async with kamailio(programs) as proxy:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.setblocking(False)
            datagrams.connect((proxy.host, proxy.port))
            own = datagrams.getsockname()[1]
            request = OPTIONS.format(host=proxy.host, port=proxy.port, transport="UDP", own=own)
            await loop.sock_sendall(datagrams, request.encode())
            assert (await asyncio.wait_for(loop.sock_recv(datagrams, 4096), 5)).startswith(b"SIP/2.0 200 OK")
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        request = OPTIONS.format(host=proxy.host, port=proxy.port, transport="TCP", own=1)
        writer.write(request.encode())
        assert (await asyncio.wait_for(reader.readline(), 5)) == b"SIP/2.0 200 OK\r\n"
        writer.close()


async def test_who_never_registered_has_no_location(programs: Programs) -> None:
    async with kamailio(programs) as proxy:
        assert await proxy.location("nobody") == []
        with pytest.raises(PeerError, match="nobody is registered"):
            await proxy.registered("nobody", 0.05)
        with pytest.raises(PeerError, match=r"(?i)method not found"):
            await proxy.ask("no.such.method")


async def test_a_second_one_does_not_disturb_the_first(programs: Programs) -> None:
    async with kamailio(programs) as first:
        async with kamailio(programs) as second:
            assert first.port != second.port
            assert await second.location("nobody") == []
        assert await first.location("nobody") == []
