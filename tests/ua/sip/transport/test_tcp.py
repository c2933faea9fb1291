"""SIP over TCP: framing, keep-alive, limits, lost connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from tests.ua.sip.phones import ALICE, phone
from tests.ua.sip.syntax.test_message import INVITE
from tests.ua.sip.transport.streams import Stream, options, stream_to
from tests.ua.sip.vectors import vector
from ua.sip.syntax.message import Message, Request, Response, make_response
from ua.sip.syntax.wire_format import parse, serialise


@pytest.mark.req("SIP-7-2", "TRN-3")
async def test_several_requests_in_one_segment_and_one_in_many() -> None:
    async with phone() as bob, stream_to(bob) as stream:
        stream.writer.write(options(1) + b"\r\n\r\n" + options(2) + options(3))
        replies = [await stream.receive() for _ in range(3)]
        assert [reply.cseq.number for reply in replies] == [1, 2, 3]
        for byte in options(4):
            stream.writer.write(bytes([byte]))
            await stream.writer.drain()
        assert (await stream.receive()).cseq.number == 4


@pytest.mark.req("SIP-7-2")
async def test_a_ping_gets_a_pong_at_once() -> None:
    async with phone() as bob, stream_to(bob) as stream:
        stream.writer.write(b"\r\n")
        stream.writer.write(b"\r\n")
        async with asyncio.timeout(2):
            assert await stream.reader.readexactly(2) == b"\r\n"


@pytest.mark.req("SIP-7-14", "SIP-7-2")
@pytest.mark.parametrize("name", ["ncl", "mcl01"])
async def test_a_stream_without_length_is_answered_400_and_closed(name: str) -> None:
    async with phone() as bob, stream_to(bob) as stream:
        stream.writer.write(vector(f"rfc4475/{name}") + options())
        reply = await stream.receive()
        assert isinstance(reply, Response)
        assert reply.status == 400
        assert await stream.closed()
        assert len(bob.refusals()) == 1


@pytest.mark.req("SIP-7-14")
async def test_no_length_at_all_is_400() -> None:
    async with phone() as bob, stream_to(bob) as stream:
        stream.writer.write(INVITE + b"\r\n")
        reply = await stream.receive()
        assert isinstance(reply, Response)
        assert reply.status == 400
        assert await stream.closed()


@pytest.mark.req("LIM-1", "SIP-7-14")
async def test_a_megabyte_without_end_is_cut_off() -> None:
    async with phone() as bob, stream_to(bob) as stream:
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                stream.writer.write(b"x" * 16384)
                await stream.writer.drain()
        assert await stream.closed()
        assert bob.refusals() == ["header too long"]


@pytest.mark.req("LIM-3")
async def test_half_a_message_is_not_waited_for_long() -> None:
    async with phone() as bob, stream_to(bob) as stream:
        stream.writer.write(vector("rfc4475/clerr"))
        assert await stream.closed()
        assert any("half a message" in entry.reason for entry in bob.log)


@pytest.mark.req("LIM-3")
async def test_one_host_cannot_open_connections_without_end() -> None:
    async with phone() as bob:
        address = bob.endpoint.local_addresses["tcp"]
        sockets = [socket.create_connection((address.host, address.port)) for _ in range(25)]
        try:
            await asyncio.sleep(0.1)
            assert bob.refusals().count("too many connections") == 5
        finally:
            for each in sockets:
                each.close()
        await asyncio.sleep(0.05)
        async with stream_to(bob) as stream:
            stream.writer.write(options())
            assert isinstance(await stream.receive(), Response)


async def test_a_malformed_message_does_not_end_a_stream_that_can_be_framed() -> None:
    async with phone() as bob, stream_to(bob) as stream:
        stream.writer.write(vector("rfc4475/multi01") + options())
        first, second = await stream.receive(), await stream.receive()
        assert isinstance(first, Response)
        assert isinstance(second, Response)
        assert (first.status, second.status) == (400, 200)


@pytest.mark.req("TRN-10")
async def test_a_lost_connection_fails_the_requests_on_it() -> None:
    from ua.sip.errors import SipUnreachable
    from ua.sip.syntax.uri import Uri

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with phone() as alice:
        with pytest.raises(SipUnreachable) as caught:
            await alice.endpoint.request(
                "OPTIONS", Uri.parse(f"sip:x@127.0.0.1:{port};transport=tcp"), from_=ALICE
            )
        assert "closed by the peer" in caught.value.seen
    server.close()
    await server.wait_closed()


@pytest.mark.req("TRN-3", "TRN-9")
async def test_a_response_whose_connection_is_gone_goes_to_the_listener_of_the_sender() -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.put_nowait(await Stream(reader, writer).receive())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with phone() as bob:
        async with stream_to(bob) as stream:
            request = parse(
                INVITE.replace(b"SIP/2.0/UDP 192.0.2.1:5060", f"SIP/2.0/TCP 127.0.0.1:{port}".encode())
                + b"\r\n"
            )
            assert isinstance(request, Request)
            with_contact = request.headers.with_added(("Contact", "<sip:a@127.0.0.1>"))
            stream.writer.write(serialise(Request(method="INVITE", uri=request.uri, headers=with_contact)))
            incoming = await bob.offered.get()
        await asyncio.sleep(0.05)
        incoming.reject(486)
        async with asyncio.timeout(2):
            response = await arrived.get()
        assert isinstance(response, Response)
        assert response.status == 486
    server.close()
    await server.wait_closed()


@pytest.mark.req("TRN-9")
async def test_a_request_comes_down_the_connection_that_we_opened() -> None:
    done: asyncio.Queue[Message] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = Stream(reader, writer)
        register = await stream.receive()
        assert isinstance(register, Request)
        writer.write(serialise(make_response(register, 200, to_tag="r")))
        writer.write(options(9))
        done.put_nowait(await stream.receive())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with phone() as alice:
        from ua.sip.syntax.uri import Uri

        await alice.endpoint.request("OPTIONS", Uri.parse(f"sip:127.0.0.1:{port};transport=tcp"), from_=ALICE)
        async with asyncio.timeout(2):
            reply = await done.get()
        assert isinstance(reply, Response)
        assert (reply.status, reply.cseq.number) == (200, 9)
    server.close()
    await server.wait_closed()


async def test_small_messages_are_not_held_back() -> None:
    """Nagle's algorithm is off on both sides."""
    async with phone() as alice, phone() as bob:
        await alice.endpoint.request("OPTIONS", bob.uri("tcp"), from_=ALICE)
        for each in (alice, bob):
            connections = each.endpoint._stack.transport.streams["tcp"].connections
            assert connections
            for connection in connections:
                assert connection._transport is not None
                raw = connection._transport.get_extra_info("socket")
                assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
