"""Media over TCP without ICE (RFC 4145, RFC 4571): two bindings on real loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.net.framing import frame
from sdp.attributes.connection_attr import Setup
from sdp.attributes.direction import Direction
from sdp.attributes.rtp_attr import STATIC_FORMATS, AudioFormat
from sdp.errors import ConnectionFailed
from sdp.silent_path import SilentPath
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from sdp.tcp.binding import nearest
from sdp.tcp.events import TcpConnected, TcpConnectionRefused, TcpLost, TcpUnreachable
from tests.sdp.bodies import crlf
from tests.sdp.calls import CONFIG, HOLD, WISH, WITHOUT_MUX, carry, packet, talk, until, without
from tests.sdp.tcp_calls import Side, TcpCall, Watched, port_of, refuses, tcp_call

ROLES = [
    (Setup.ACTPASS, Setup.ACTPASS, "actpass", "active"),
    (Setup.ACTPASS, Setup.PASSIVE, "actpass", "passive"),
    (Setup.ACTPASS, Setup.ACTIVE, "actpass", "active"),
    (Setup.ACTIVE, Setup.ACTPASS, "active", "passive"),
    (Setup.ACTIVE, Setup.PASSIVE, "active", "passive"),
    (Setup.PASSIVE, Setup.ACTPASS, "passive", "active"),
    (Setup.PASSIVE, Setup.ACTIVE, "passive", "active"),
]
"""What both sides are willing to do, and what offer and answer say."""


def open_connections(side: Side) -> list[int]:
    """Local ports of all connections that were opened."""
    return [event.local.port for event in side.events if isinstance(event, TcpConnected)]


@pytest.mark.req("4145-1", "4145-2", "4145-5", "4145-10", "PROTO-2")
@pytest.mark.parametrize(("offerer", "answerer", "offered", "answered"), ROLES)
@pytest.mark.parametrize("wish", [WISH, WITHOUT_MUX], ids=["mux", "two connections"])
async def test_roles(offerer: Setup, answerer: Setup, offered: str, answered: str, wish: object) -> None:
    network = Watched()
    theirs = WISH if wish is WISH else WITHOUT_MUX
    async with tcp_call(offerer, answerer, network=network) as call:
        negotiated = await call.exchange(theirs=theirs)
        assert negotiated.ice is None
        for text, setup in ((call.offer_text, offered), (call.answer_text, answered)):
            assert f"a=setup:{setup}\r\n" in text
            assert "a=connection:new\r\n" in text
            assert (" TCP/RTP/AVP " in text) and "candidate" not in text
            # RFC 4145 §4.1: who connects writes the discard port.
            assert (port_of(text) == 9) is (setup == "active")
        alice, bob = await call.paths()
        muxed = theirs is WISH
        if not muxed:
            await both_connected(call)
        await talk(alice, bob)
        assert (alice.rtp is alice.rtcp) is muxed
        passive = call.answer_text if answered == "passive" else call.offer_text
        port = port_of(passive)
        assert [remote.port for remote in network.dialled] == ([port] if muxed else [port, port + 1])


async def both_connected(call: TcpCall) -> None:
    """Wait for the connection of RTCP too."""
    await until(lambda: all(side.told(TcpConnected, component=2) for side in (call.alice, call.bob)))


@pytest.mark.req("4145-10", "PROTO-2")
async def test_ports_are_free_once_the_connection_is_there() -> None:
    async with tcp_call(Setup.PASSIVE) as call:
        await call.exchange(theirs=WITHOUT_MUX)
        port = port_of(call.offer_text)
        await call.paths()
        await both_connected(call)
        assert await refuses(port)
        assert await refuses(port + 1)


@pytest.mark.req("4145-10")
async def test_of_several_connections_the_peers_own_is_kept() -> None:
    """Strangers from another address were first; the peer comes from that of its c= line."""
    async with tcp_call(Setup.PASSIVE, Setup.ACTIVE, connect_s=5) as call:
        text = write(call.alice.binding.offer(WISH))
        port = port_of(text)
        strangers = [
            await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)) for _ in range(2)
        ]
        answered = call.bob.binding.answer(parse(text), WISH)
        call.bob.binding.answer_sent()
        call.alice.binding.apply_answer(answered.description)
        await talk(*await call.paths())
        assert len(call.alice.told(TcpConnected)) == 1
        assert len(call.alice.told(TcpConnectionRefused)) == 2
        for reader, writer in strangers:
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()


@pytest.mark.req("4145-10")
async def test_behind_a_nat_the_peer_comes_from_elsewhere() -> None:
    async with tcp_call(Setup.PASSIVE, Setup.ACTIVE, connect_s=5) as call:
        await call.exchange(answer=lambda text: text.replace("IP4 127.0.0.1", "IP4 192.0.2.9"))
        await talk(*await call.paths())


@pytest.mark.req("4145-2")
async def test_nobody_connects_to_the_port_of_who_connects() -> None:
    network = Watched()
    async with tcp_call(Setup.ACTIVE, network=network) as call:
        await call.exchange(offer=lambda text: text.replace("m=audio 9 ", "m=audio 40000 "))
        await call.paths()
        assert [remote.port for remote in network.dialled] == [port_of(call.answer_text)]


@pytest.mark.req("4145-7")
@pytest.mark.parametrize("offerer", [Setup.ACTIVE, Setup.PASSIVE])
async def test_the_connection_is_opened_though_nobody_sends(offerer: Setup) -> None:
    async with tcp_call(offerer) as call:
        inactive = replace(WISH, direction=Direction.INACTIVE)
        negotiated = await call.exchange(inactive, inactive)
        assert negotiated.direction is Direction.INACTIVE
        alice, bob = await call.paths()
        await talk(alice, bob)


@pytest.mark.req("4145-3", "4145-4")
@pytest.mark.parametrize("back", [False, True], ids=["by the one who was dialled", "by the one who dialled"])
async def test_a_hold_keeps_the_connection(back: bool) -> None:
    async with tcp_call(Setup.PASSIVE) as call:
        await call.exchange()
        port = port_of(call.offer_text)
        paths = await call.paths()
        negotiated = await call.exchange(HOLD, WISH, back=back)
        assert "a=connection:existing" in call.offer_text
        assert "a=connection:existing" in call.answer_text
        # Who does not listen writes the discard port (RFC 4145 §4.1).
        assert port_of(call.offer_text) == 9
        assert negotiated.direction is Direction.SENDONLY
        assert await refuses(port)
        await talk(*paths)
        assert len(open_connections(call.alice)) == len(open_connections(call.bob)) == 1


@pytest.mark.req("4145-4", "OA-11")
async def test_who_was_dialled_listens_again_while_it_asks_to_keep_the_connection() -> None:
    async with tcp_call(Setup.PASSIVE) as call:
        await call.exchange()
        first = call.offer_text
        paths = await call.paths()
        await call.alice.binding.ready()
        assert not await refuses(port_of(first))
        await call.exchange()
        assert call.offer_text == first.replace("connection:new", "connection:existing").replace(
            "o=- 1 0 ", "o=- 1 1 "
        )
        assert "a=connection:existing" in call.answer_text
        assert await refuses(port_of(first))
        await talk(*paths)
        assert len(open_connections(call.alice)) == 1


@pytest.mark.req("4145-4", "4145-8")
async def test_somebody_else_answers_the_offer_to_keep_the_connection() -> None:
    """As with third-party call control: the new peer has no connection and asks for one."""
    async with tcp_call(Setup.PASSIVE) as call, tcp_call(Setup.ACTIVE) as other:
        await call.exchange()
        paths = await call.paths()
        await call.alice.binding.ready()
        third = TcpCall(call.alice, other.alice)
        await third.exchange()
        assert "a=connection:existing" in third.offer_text
        assert "a=connection:new" in third.answer_text
        alice, carol = await third.paths()
        assert alice == paths[0]
        await talk(alice, carol)
        assert await refuses(port_of(third.offer_text))
        await until(lambda: bool(call.bob.told(TcpLost)))


@pytest.mark.req("4145-6")
@pytest.mark.parametrize("back", [False, True])
async def test_a_lost_connection_is_told_and_made_anew(back: bool) -> None:
    async with tcp_call() as call:
        await call.exchange()
        paths = await call.paths()
        await call.alice.binding._rtp.close()
        await until(lambda: bool(call.bob.told(TcpLost, component=1)))
        assert not call.bob.binding.is_connected
        assert not paths[1].rtp.send(packet(1))
        side = call.bob if back else call.alice
        await side.binding.restart()
        await call.exchange(back=back)
        assert "a=connection:new" in call.offer_text
        assert "a=connection:new" in call.answer_text
        assert await call.paths() == paths
        await talk(*paths)


@pytest.mark.req("4145-6")
async def test_a_new_connection_ends_the_old_one() -> None:
    async with tcp_call() as call:
        await call.exchange()
        paths = await call.paths()
        old = call.alice.binding._rtp.connection
        assert old is not None
        await call.alice.binding.restart()
        await call.exchange()
        await call.paths()
        assert call.alice.binding._rtp.connection is not old
        await talk(*paths)
        assert not old.send(packet(1), droppable=True)


@pytest.mark.req("4145-9")
async def test_holdconn_opens_nothing_until_an_offer_with_a_role() -> None:
    network = Watched()
    async with tcp_call(Setup.ACTPASS, Setup.HOLDCONN, network=network) as call:
        await call.exchange()
        assert "a=setup:holdconn" in call.answer_text
        alice, bob = await call.paths()
        assert not alice.rtp.send(packet(1))
        assert network.dialled == []
        assert await refuses(port_of(call.offer_text))
        call.bob.binding.setup = Setup.ACTPASS
        await call.alice.binding.restart()
        await call.exchange()
        await call.paths()
        assert len(network.dialled) == 1
        await talk(alice, bob)


@pytest.mark.req("4145-8")
async def test_a_first_offer_that_asks_for_an_existing_connection() -> None:
    async with tcp_call() as call:
        offer = write(call.alice.binding.offer(WISH)).replace("connection:new", "connection:existing")
        await call.bob.binding.prepare(parse(offer), WISH)
        answered = call.bob.binding.answer(parse(offer), WISH)
        assert "a=connection:new" in write(answered.description)


@pytest.mark.req("4145-10")
@pytest.mark.parametrize("side", ["alice", "bob"])
async def test_a_connection_that_never_comes(side: str) -> None:
    """Bob dials a port that nobody listens on any more; Alice waits for a connection."""
    async with tcp_call(Setup.PASSIVE) as call:
        if side == "bob":
            text = write(call.alice.binding.offer(WISH))
            await call.alice.binding.close()
            call.bob.binding.answer(parse(text), WISH)
            call.bob.binding.answer_sent()
            with pytest.raises(ConnectionFailed, match="connection refused"):
                await call.bob.binding.paths()
            assert call.bob.told(TcpUnreachable, component=1)
        else:
            text = write(call.alice.binding.offer(WISH))
            answered = call.bob.binding.answer(parse(text), WISH)
            call.alice.binding.apply_answer(answered.description)
            with pytest.raises(ConnectionFailed, match="has not connected within"):
                await call.alice.binding.paths()
            assert await refuses(port_of(text))


async def test_ports_of_servers_are_not_dialled() -> None:
    network = Watched()
    async with tcp_call(network=network) as call:
        offer = without("a=rtcp")(write(call.alice.binding.offer(WISH)))
        offer = offer.replace(f"m=audio {port_of(offer)} ", "m=audio 25 ")
        call.bob.binding.answer(parse(offer), WISH)
        call.bob.binding.answer_sent()
        with pytest.raises(ConnectionFailed, match="port 25"):
            await call.bob.binding.paths()
        await until(lambda: bool(network.dialled))
        assert [remote.port for remote in network.dialled] == [26]


@pytest.mark.req("PROTO-2")
async def test_without_rtcp_there_is_one_connection() -> None:
    network = Watched()
    async with tcp_call(network=network) as call:
        no_rtcp = "a=ptime:20\r\n"

        def off(text: str) -> str:
            text = without("a=rtcp")(text)
            return text.replace("a=rtpmap:0 ", "b=RS:0\r\nb=RR:0\r\na=rtpmap:0 ", 1)

        text = off(write(call.alice.binding.offer(WISH)))
        assert no_rtcp in text
        answered = call.bob.binding.answer(parse(text), WISH)
        assert "b=RS:0\r\nb=RR:0\r\n" in write(answered.description)
        call.bob.binding.answer_sent()
        bob = await call.bob.binding.paths()
        assert isinstance(bob.rtcp, SilentPath)
        assert len(network.dialled) == 1


@pytest.mark.req("PROTO-2")
async def test_one_side_without_rtcp_still_has_two_connections() -> None:
    network = Watched()
    async with tcp_call(Setup.ACTIVE, network=network) as call:
        text = write(call.alice.binding.offer(WITHOUT_MUX))
        await call.bob.binding.prepare(parse(text), WITHOUT_MUX)
        answered = call.bob.binding.answer(parse(text), WITHOUT_MUX)
        answer = write(answered.description).replace("a=rtpmap:0 ", "b=RS:0\r\nb=RR:0\r\na=rtpmap:0 ", 1)
        call.bob.binding.answer_sent()
        negotiated = call.alice.binding.apply_answer(parse(answer))
        assert not negotiated.rtcp
        alice, _ = await call.paths()
        await both_connected(call)
        assert isinstance(alice.rtcp, SilentPath)
        port = port_of(answer)
        assert [remote.port for remote in network.dialled] == [port, port + 1]


RFC_OFFER = crlf("""
v=0
o=first 2520644554 2838152170 IN IP4 first.example.net
s=Example
t=0 0
c=IN IP4 192.0.2.105
m=audio 9 TCP/RTP/AVP 11
a=setup:active
a=connection:new
""")
RFC_ANSWER = crlf("""
v=0
o=second 2520644554 2838152170 IN IP4 second.example.net
s=Example
t=0 0
c=IN IP4 127.0.0.1
m=audio 16112 TCP/RTP/AVP 10 11
a=setup:passive
a=connection:new
""")


@pytest.mark.req("PROTO-2")
async def test_the_example_of_rfc_4571() -> None:
    """RFC 4571 §5, with the second participant on loopback: connections to 16112 and to 16113."""
    network = Watched()
    async with tcp_call(Setup.ACTIVE, network=network) as call:
        l16 = parse(RFC_OFFER)
        assert l16.media[0].proto == "TCP/RTP/AVP"
        wish = replace(WITHOUT_MUX, formats=_formats(11))
        text = write(call.alice.binding.offer(wish))
        assert "m=audio 9 TCP/RTP/AVP 11\r\n" in text
        negotiated = call.alice.binding.apply_answer(parse(RFC_ANSWER))
        assert negotiated.format.name == "L16"
        with pytest.raises(ConnectionFailed):
            await call.alice.binding.paths()
        await until(lambda: len(call.alice.told(TcpUnreachable)) == 2)
        assert [remote.port for remote in network.dialled] == [16112, 16113]


def _formats(*numbers: int) -> tuple[AudioFormat, ...]:
    return tuple(STATIC_FORMATS[number] for number in numbers)


@pytest.mark.req("PROTO-2")
async def test_rtcp_where_a_rtcp_says() -> None:
    network = Watched()
    async with tcp_call(network=network) as call:
        offer = write(call.alice.binding.offer(WITHOUT_MUX))
        port = port_of(offer)
        offer = offer.replace("a=ptime", f"a=rtcp:{port}\r\na=ptime", 1)
        call.bob.binding.answer(parse(offer), WITHOUT_MUX)
        call.bob.binding.answer_sent()
        await call.bob.binding.paths()
        assert [remote.port for remote in network.dialled] == [port, port]


@pytest.mark.req("ICETCP-D05-7")
async def test_what_is_no_rtp_is_not_given_to_media() -> None:
    async with tcp_call(Setup.ACTIVE, Setup.PASSIVE) as call:
        await call.exchange()
        alice, bob = await call.paths()
        connection = call.alice.binding._rtp.connection
        assert connection is not None
        connection.send(bytes.fromhex("000100002112a442") + bytes(12), droppable=False)
        await carry(alice.rtp, bob.rtp, 0)
        assert call.bob.binding._rtp.other_packets == 1
        assert len(frame(packet(1))) == len(packet(1)) + 2


@pytest.mark.parametrize(
    ("hosts", "remote", "expected"),
    [
        (("192.0.2.1", "198.51.100.1"), None, "192.0.2.1"),
        (("192.0.2.1", "198.51.100.1"), "198.51.100.9", "198.51.100.1"),
        (("192.0.2.1", "127.0.0.1"), "127.0.0.1", "127.0.0.1"),
        (("192.0.2.1", "2001:db8::1"), "2001:db8::2", "2001:db8::1"),
        (("192.0.2.1",), "2001:db8::2", "192.0.2.1"),
    ],
)
def test_our_address_for_a_peer(hosts: tuple[str, ...], remote: str | None, expected: str) -> None:
    assert nearest(hosts, remote) == expected


async def test_a_failed_offer_frees_the_ports() -> None:
    async with tcp_call() as call:
        port = port_of(write(call.alice.binding.offer(WISH)))
        call.alice.binding.offer_failed()
        assert await refuses(port)
        assert CONFIG.loopback
