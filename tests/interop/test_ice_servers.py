"""Sessions that gather from coturn, as a STUN and as a TURN server, on real loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.servers import ServerTransport, TurnServer
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, CandidateType, Description, Role, Transport
from sdp.ice.binding import IceBinding
from sdp.negotiation.negotiated import AudioWish
from sdp.syntax import writer
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, Side, connect, exchange_packets, two
from tests.peers.coturn import coturn
from tests.peers.namespace import LOOPBACK
from tests.peers.process import Programs, free_ports
from ua.call.codec_mapping import formats

pytestmark = pytest.mark.peer("coturn")

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])


def relaying(server: TurnServer, *, only: bool = False, base: IceConfig = CONFIG) -> IceConfig:
    """UDP by relay; what TCP by relay does stands in test_coturn_ice_tcp."""
    return replace(base, turn_servers=(server,), tcp_relay=False, relay_only=only, gather_timeout_s=5.0)


def relayed(description: Description) -> list[Candidate]:
    return [candidate for candidate in description.candidates if candidate.type is CandidateType.RELAY]


@TRANSPORTS
@pytest.mark.req("ICE-5.1.1.2-2", "ICETCP-4.1-6", "ICE-5.1.1.3-1", "ICE-7.3.1.2-1", "TURN-11", "USE-6")
async def test_media_goes_by_relay(programs: Programs, transport: ServerTransport) -> None:
    async with coturn(programs) as server:
        config = relaying(server.server(transport), only=True)
        async with two(config=config, answerer=CONFIG, components=2) as (left, right, _):
            candidates = left.description.candidates
            assert len(candidates) == 2
            assert {candidate.component for candidate in candidates} == {1, 2}
            assert len({candidate.foundation for candidate in candidates}) == 1
            for candidate in candidates:
                # RFC 8839 §5.1: nothing tells where we are.
                assert (candidate.type, candidate.transport) == (CandidateType.RELAY, Transport.UDP)
                assert (candidate.tcptype, candidate.related, candidate.base) == (None, None, None)
                assert candidate.address.port >= 49152
                assert left.session.default_address(candidate.component) == candidate.address
            await connect(left, right)
            for component in (1, 2):
                await exchange_packets(left, right, component, count=20)
            ours, theirs = left.session.report().selected, right.session.report().selected
            assert ours is not None
            assert theirs is not None
            assert ours.local.type is theirs.remote.type is CandidateType.RELAY
            assert ours.local.address == theirs.remote.address
            # Our answers name the peer as the relay saw it: it learns nothing new about itself.
            assert {pair.local.type for pair in right.session.report().pairs} == {CandidateType.HOST}
        await server.program.wrote("REFRESH processed, success")
        assert left.session.open_sockets == 0


async def test_two_relays_meet(programs: Programs) -> None:
    async with coturn(programs) as server:
        one = relaying(server.server("tcp"), only=True)
        other = relaying(server.server("udp"), only=True)
        async with two(config=one, answerer=other) as (left, right, _):
            await connect(left, right)
            await exchange_packets(left, right, 1, count=20)


@pytest.mark.req("ICE-5.1.1.2-1", "ICE-5.1.3-1", "ICE-5.1.2.1-1", "USE-6")
async def test_a_relay_is_the_last_resort(programs: Programs) -> None:
    async with coturn(programs) as server:
        config = replace(relaying(server.server("udp")), stun_servers=())
        async with two(config=config, answerer=CONFIG) as (left, right, _):
            (relay,) = relayed(left.description)
            assert relay.priority < min(
                candidate.priority for candidate in left.description.candidates if candidate != relay
            )
            assert relay.related is not None
            assert relay.related.host == HOST
            # The server was asked as a STUN server too; without a NAT it told nothing new.
            assert [c for c in left.description.candidates if c.type is CandidateType.SRFLX] == []
            assert left.session.report().gathering_problems == ()
            await connect(left, right)
            selected = left.session.report().selected
            assert selected is not None
            assert selected.local.type is CandidateType.HOST


async def test_without_udp_a_relay_is_reached_over_tcp_alone(programs: Programs) -> None:
    async with coturn(programs) as server:
        config = replace(CONFIG, udp=False, gather_timeout_s=5.0)
        config = replace(config, turn_servers=(server.server("udp"), server.server("tcp")))
        async with two(config=config, udp=False) as (left, _, policy):
            assert [c.transport for c in relayed(left.description)] == [
                Transport.UDP,
                Transport.TCP,
                Transport.TCP,
            ]
            assert policy.udp_dropped == 0


@pytest.mark.req("TURN-5")
async def test_a_wrong_password_is_told_and_the_rest_is_used(programs: Programs) -> None:
    async with coturn(programs) as server:
        config = relaying(server.server("udp", password="wrong"))
        async with two(config=config, answerer=CONFIG) as (left, right, _):
            assert relayed(left.description) == []
            (problem,) = left.session.report().gathering_problems
            assert f"turn:{HOST}:{server.port}: " in problem
            assert "401" in problem
            await connect(left, right)


async def test_without_a_relay_there_is_none(programs: Programs) -> None:
    del programs
    (port,) = free_ports(1, HOST)
    config = relaying(
        TurnServer(host=HOST, port=port, transport="tcp", username="a", password="b"), only=True
    )
    session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
    with pytest.raises(GatheringFailed, match=r"no relayed candidate: turn:.*refused"):
        await session.gather()
    assert session.open_sockets == 0
    bare = Session(network=HostNetwork(), config=replace(CONFIG, relay_only=True), role=Role.CONTROLLING)
    with pytest.raises(GatheringFailed, match="no TURN server can be used"):
        await bare.gather()


async def test_a_relay_that_is_late_is_waited_for_where_there_is_nothing_else(programs: Programs) -> None:
    async with coturn(programs) as server:
        # So early that no server could have answered.
        config = replace(relaying(server.server("tls"), only=True), gather_timeout_s=0.000001)
        session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING, components=2)
        assert len(relayed(await session.gather())) == 2
        await session.close()
        config = replace(config, relay_only=False)
        session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
        assert relayed(await session.gather()) == []
        (problem,) = session.report().gathering_problems
        assert problem.endswith("no answer in time")
        await session.close()
    with_silence = replace(config, relay_only=True, gather_patience_s=0.05)
    session = Session(network=HostNetwork(), config=with_silence, role=Role.CONTROLLING)
    with pytest.raises(GatheringFailed):
        await session.gather()


async def test_the_relay_that_ice_does_not_need_is_given_back(programs: Programs) -> None:
    async with coturn(programs) as server:
        config = replace(relaying(server.server("udp")), release_after_s=0.1)
        async with two(config=config, answerer=CONFIG) as (left, right, _):
            await connect(left, right)
            await server.program.wrote("REFRESH processed, success")
            await until(lambda: left.session.open_sockets == 1)
            await exchange_packets(left, right, 1, count=5)


async def test_a_relay_that_is_lost_is_told(programs: Programs) -> None:
    async with coturn(programs) as server:
        config = relaying(server.server("tcp"), only=True)
        async with two(config=config, answerer=CONFIG) as (left, right, _):
            await connect(left, right)
            assert left.session.report().gathering_problems == ()
            await server.program.stop()
            await until(lambda: bool(left.session.report().gathering_problems))
            (problem,) = left.session.report().gathering_problems
            assert problem.startswith(
                f"TURN server turn:{HOST}:{server.port}?transport=tcp: the relay is lost: "
            )


async def test_a_peer_without_ice_gets_media_by_relay(programs: Programs) -> None:
    async with coturn(programs) as server:
        side = Side(Role.CONTROLLING, HostNetwork(), relaying(server.server("tcp"), only=True), 1)
        await side.session.gather()
        heard: list[tuple[bytes, object]] = []
        peer = await HostNetwork().bind_udp(HOST, 0, lambda data, remote: heard.append((data, remote)))
        path = side.session.plain_path(1, peer.local)
        packet = b"\x80" + bytes(40)
        path.send(packet)
        await until(lambda: bool(heard))
        assert heard == [(packet, side.session.default_address(1))]
        peer.send(packet, side.session.default_address(1))
        await until(lambda: side.received[1] == [packet])
        peer.close()
        await side.session.close()
        await asyncio.sleep(0)


@pytest.mark.req("USE-6")
async def test_an_offer_by_relay_alone_tells_no_address_of_this_host(programs: Programs) -> None:
    async with coturn(programs, place=LOOPBACK.at("127.0.0.2")) as server:
        binding = await IceBinding.gather(
            network=HostNetwork(),
            config=replace(relaying(server.server("tcp"), only=True), tcp_relay=True),
            role=Role.CONTROLLING,
            session_id=1,
        )
        text = writer.write(binding.offer(AudioWish(formats=formats(("PCMU",)))))
        await binding.close()
    assert HOST not in text
    assert "o=- 1 0 IN IP4 127.0.0.2\r\n" in text
    assert "c=IN IP4 127.0.0.2\r\n" in text
    candidates = [line for line in text.splitlines() if line.startswith("a=candidate:")]
    hidden = " typ relay raddr 0.0.0.0 rport 9"
    ends = [line.partition(hidden)[2] for line in candidates if hidden in line]
    assert ends == ["", "", " tcptype active", " tcptype active", " tcptype passive", " tcptype passive"]
    assert len(candidates) == len(ends)
