"""The core that asks for port mappings, against a gateway under virtual time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice.gateways.events import (
    AnswerRefused,
    InternalPort,
    MappingFreed,
    MappingGranted,
    MappingLost,
    MappingProtocol,
    MappingRefused,
)
from ice.types import Transport, TransportAddress
from tests.ice.gateways.mapping_world import BOTH, CLIENT, TCP, UDP, MappingWorld
from tests.net.mapping_gateway import MappingGateway

PCP_ONLY = (MappingProtocol.PCP,)
NAT_PMP_ONLY = (MappingProtocol.NAT_PMP,)
SEEDS = range(20)


def lost(world: MappingWorld) -> list[MappingLost]:
    return [event for event in world.events if isinstance(event, MappingLost)]


def refused(world: MappingWorld) -> list[MappingRefused]:
    return [event for event in world.events if isinstance(event, MappingRefused)]


def test_pcp_maps_at_once_and_tells_where() -> None:
    world = MappingWorld()
    world.ask(TCP, UDP)
    assert world.events == [
        MappingGranted(
            port=port,
            external=TransportAddress(host="203.0.113.7", port=external),
            protocol=MappingProtocol.PCP,
        )
        for port, external in ((TCP, 20001), (UDP, 20002))
    ]
    assert len(world.sent) == 2


def test_a_gateway_of_nat_pmp_alone_is_asked_by_nat_pmp() -> None:
    world = MappingWorld(MappingGateway(pcp=False))
    world.ask(TCP)
    assert [data[0] for _, data in world.sent] == [2, 0, 0]
    assert world.granted() == {TCP: TransportAddress(host="203.0.113.7", port=TCP.port)}
    assert world.mapper.protocol is MappingProtocol.NAT_PMP


def test_who_may_speak_pcp_alone_does_not_fall_back() -> None:
    world = MappingWorld(MappingGateway(pcp=False), protocols=PCP_ONLY)
    world.ask(TCP)
    assert [event.reason for event in refused(world)] == ["it speaks NAT-PMP only"]
    assert world.mapper.idle


def test_who_may_speak_nat_pmp_alone_begins_with_it() -> None:
    world = MappingWorld(protocols=NAT_PMP_ONLY)
    world.ask(TCP)
    assert {data[0] for _, data in world.sent} == {0}
    assert world.granted()


def test_nat_pmp_asks_one_thing_after_the_other() -> None:
    world = MappingWorld(protocols=NAT_PMP_ONLY)
    world.up = False
    world.ask(TCP, UDP)
    world.run(3.0)
    assert [data for _, data in world.sent] == [b"\0\0"] * 4
    world.up = True
    world.run(1.0)
    assert set(world.granted()) == {TCP, UDP}


def test_silence_is_met_with_the_patience_of_pcp() -> None:
    world = MappingWorld()
    world.up = False
    world.ask(TCP)
    world.run(100.0)
    gaps = [after - before for before, after in itertools.pairwise(world.times(since=-1.0))]
    assert [round(gap / wanted) for gap, wanted in zip(gaps, (3, 6, 12, 24), strict=False)] == [1, 1, 1, 1]
    assert all(2 * before * 0.9 <= after <= 2 * before * 1.1 for before, after in itertools.pairwise(gaps))
    assert gaps[0] != 3.0
    assert 2.7 <= gaps[0] <= 3.3


def test_silence_is_met_with_the_patience_of_nat_pmp() -> None:
    world = MappingWorld(protocols=NAT_PMP_ONLY)
    world.up = False
    world.ask(TCP)
    world.run(200.0)
    assert world.times(since=-1.0) == [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 31.75, 63.75]
    assert refused(world) == [MappingRefused(port=TCP, reason="it does not answer")]
    assert world.mapper.next_timer() is None


@pytest.mark.req("ICETCP-5.3-3")
@pytest.mark.parametrize("seed", SEEDS)
def test_pcp_renews_by_chance_between_a_half_and_five_eighths(seed: int) -> None:
    world = MappingWorld(MappingGateway(most_s=3600), seed=seed)
    world.ask(TCP)
    world.run(2300.0)
    (renewal,) = world.times(since=1.0)
    assert 1800 <= renewal <= 2250
    (held,) = world.gateway.live(world.now)
    assert held.expires_at == 1000 + renewal + 3600


def test_renewals_of_pcp_differ_from_host_to_host() -> None:
    renewals = set()
    for seed in SEEDS:
        world = MappingWorld(MappingGateway(most_s=3600), seed=seed)
        world.ask(TCP)
        world.run(2300.0)
        renewals.add(round(world.times(since=1.0)[0]))
    assert len(renewals) > len(SEEDS) // 2


@pytest.mark.req("ICETCP-5.3-3")
@pytest.mark.parametrize("seed", SEEDS)
def test_pcp_renewals_that_are_lost_follow_each_other_ever_closer_but_never_under_4_s(seed: int) -> None:
    world = MappingWorld(MappingGateway(most_s=3600), seed=seed)
    world.ask(TCP)
    world.up = False
    world.run(3599.0)
    times = world.times(since=1.0)
    for number, at in enumerate(times[:6], start=1):
        begin = 3600 * (1 - 0.5**number)
        assert begin <= at <= begin + 3600 * 0.5 ** (number + 2) or at - times[number - 2] >= 4.0
    assert 1800 <= times[0] <= 2250
    assert 2700 <= times[1] <= 2925
    assert 3150 <= times[2] <= 3262.5
    assert all(after - before >= 4.0 for before, after in itertools.pairwise(times))
    assert lost(world) == []
    world.run(2.0)
    assert [event.reason for event in lost(world)] == ["it was not renewed in time"]


@pytest.mark.req("ICETCP-5.3-3")
def test_nat_pmp_renews_half_way_and_suggests_the_port_it_has() -> None:
    gateway = MappingGateway(pcp=False, most_s=3600)
    gateway.answer(TransportAddress(host="192.0.2.99", port=1), b"\0\2\0\0\x9c\x41\x9c\x41\0\0\x0e\x10", 0.0)
    world = MappingWorld(gateway, protocols=NAT_PMP_ONLY)
    world.ask(TCP)
    external = world.granted()[TCP].port
    assert external != TCP.port
    world.run(1799.0)
    assert world.times(since=0.0) == []
    world.run(2.0)
    assert world.times(since=0.0) == [1800.0]
    renewal = world.sent[-1][1]
    assert int.from_bytes(renewal[6:8]) == external
    assert len(world.events) == 1


@pytest.mark.req("ICETCP-5.3-3")
def test_a_pcp_renewal_suggests_the_address_it_has() -> None:
    world = MappingWorld()
    world.ask(TCP)
    first = world.sent[0][1]
    assert first[24 + 18 :] == bytes(2) + bytes(10) + b"\xff\xff" + bytes(4)
    world.run(5000.0)
    renewal = world.sent[-1][1]
    assert renewal[24 : 24 + 12] == first[24 : 24 + 12]
    assert int.from_bytes(renewal[24 + 18 : 24 + 20]) == world.granted()[TCP].port
    assert renewal[-4:] == bytes((203, 0, 113, 7))


def test_a_mapping_outlives_many_lifetimes() -> None:
    world = MappingWorld(MappingGateway(most_s=120))
    world.ask(TCP, UDP)
    for _ in range(100):
        world.run(30.0)
        assert len(world.gateway.live(world.now)) == 2
    assert lost(world) == []


@pytest.mark.req("ICETCP-5.3-3")
@pytest.mark.parametrize("protocols", [PCP_ONLY, NAT_PMP_ONLY])
def test_an_announced_change_of_address_ends_the_mapping(protocols: tuple[MappingProtocol, ...]) -> None:
    world = MappingWorld(MappingGateway(pcp=protocols == PCP_ONLY), protocols=protocols)
    world.ask(TCP)
    before = world.granted()[TCP]
    world.run(100.0)
    world.gateway.restart(world.now)
    world.gateway.external = "203.0.113.8"
    world.announce()
    world.run(6.0)
    (event,) = lost(world)
    assert event.external == before
    assert "203.0.113.8" in event.reason
    assert not world.gateway.live(world.now)
    assert world.mapper.idle


@pytest.mark.parametrize("protocols", [PCP_ONLY, NAT_PMP_ONLY])
def test_a_renewal_that_brings_another_address_ends_the_mapping(
    protocols: tuple[MappingProtocol, ...],
) -> None:
    world = MappingWorld(protocols=protocols)
    world.ask(TCP)
    world.gateway.external = "203.0.113.8"
    world.run(5000.0)
    assert [event.port for event in lost(world)] == [TCP]


@pytest.mark.parametrize("protocols", [PCP_ONLY, NAT_PMP_ONLY])
def test_a_gateway_that_began_anew_gets_its_mappings_back(protocols: tuple[MappingProtocol, ...]) -> None:
    world = MappingWorld(MappingGateway(pcp=protocols == PCP_ONLY), protocols=protocols)
    world.ask(TCP, UDP)
    told = dict(world.granted())
    world.run(100.0)
    world.gateway.restart(world.now)
    world.announce()
    assert not world.gateway.live(world.now)
    world.run(5.0)
    assert len(world.gateway.live(world.now)) == 2
    assert world.granted() == told
    assert lost(world) == []


def test_not_everybody_asks_at_once_after_a_restart() -> None:
    delays = set()
    for seed in SEEDS:
        world = MappingWorld(seed=seed)
        world.ask(TCP)
        world.run(100.0)
        world.gateway.restart(world.now)
        world.announce()
        world.run(10.0)
        delays.add(round(world.times(since=1.0)[0] - 100.0, 1))
    assert all(0 <= delay <= 5 for delay in delays)
    assert len(delays) > len(SEEDS) // 2


def test_an_announcement_with_the_clock_as_expected_changes_nothing() -> None:
    world = MappingWorld()
    world.ask(TCP)
    world.run(100.0)
    world.announce()
    world.run(10.0)
    assert len(world.sent) == 1


def test_strangers_cannot_announce_or_answer() -> None:
    world = MappingWorld()
    world.ask(TCP)
    stranger = TransportAddress(host="192.0.2.66", port=5351)
    world.gateway.restart(world.now)
    world.mapper.receive(stranger, world.gateway.announcement(world.now), world.now + 100)
    world.deliver()
    assert isinstance(world.events[-1], AnswerRefused)
    world.now += 100
    world.run(10.0)
    assert len(world.sent) == 1


@pytest.mark.req("ICETCP-5.3-2")
@pytest.mark.parametrize("protocols", [PCP_ONLY, NAT_PMP_ONLY])
def test_a_mapping_that_is_freed_is_deleted(protocols: tuple[MappingProtocol, ...]) -> None:
    world = MappingWorld(protocols=protocols)
    world.ask(TCP, UDP)
    world.mapper.free(TCP, world.now)
    world.deliver()
    assert [transport for transport, _ in world.gateway.held] == [Transport.UDP]
    assert world.events[-1] == MappingFreed(port=TCP)
    world.mapper.close(world.now)
    world.deliver()
    assert not world.gateway.held
    assert world.mapper.idle
    assert world.mapper.next_timer() is None


@pytest.mark.req("ICETCP-5.3-2")
@pytest.mark.parametrize("protocols", [PCP_ONLY, NAT_PMP_ONLY])
def test_a_deletion_suggests_nothing_and_is_repeated(protocols: tuple[MappingProtocol, ...]) -> None:
    world = MappingWorld(protocols=protocols)
    world.ask(TCP)
    world.up = False
    before = len(world.sent)
    world.mapper.close(world.now)
    world.deliver()
    world.run(100.0)
    deletions = [data for _, data in world.sent[before:]]
    assert len(deletions) == 3
    assert len(set(deletions)) == 1
    if protocols == PCP_ONLY:
        assert deletions[0][4:8] == bytes(4)
        assert deletions[0][42:] == bytes(2) + bytes(10) + b"\xff\xff" + bytes(4)
    else:
        assert deletions[0][6:] == bytes(6)
    assert world.events[-1] == MappingFreed(port=TCP)
    assert world.mapper.idle


def test_what_was_asked_and_not_answered_is_deleted_too() -> None:
    world = MappingWorld()
    world.mapper.ask(TCP, world.now)
    world.mapper.close(world.now)
    world.deliver()
    assert not world.gateway.held
    assert world.mapper.idle
    assert not world.granted()


@pytest.mark.parametrize("protocols", [PCP_ONLY, NAT_PMP_ONLY])
def test_an_older_answer_does_not_confirm_a_deletion(protocols: tuple[MappingProtocol, ...]) -> None:
    world = MappingWorld(protocols=protocols)
    world.ask(TCP)
    source = TransportAddress(host=CLIENT, port=50000)
    (older,) = world.gateway.answer(source, world.sent[-1][1], world.now)
    world.up = False
    world.mapper.close(world.now)
    world.mapper.receive(world.gateway.address, older, world.now)
    world.deliver()
    assert MappingFreed(port=TCP) not in world.events
    world.up = True
    world.run(5.0)
    assert world.events[-1] == MappingFreed(port=TCP)
    assert not world.gateway.held


def test_an_absurd_lifetime_is_not_believed() -> None:
    world = MappingWorld()
    world.gateway.most_s = 10**9
    world.mapper.ask(TCP, world.now)
    (request,) = world.mapper.take_output()
    years = request[:4] + (10**9).to_bytes(4) + request[8:]
    source = TransportAddress(host=CLIENT, port=50000)
    for answer in world.gateway.answer(source, years, world.now):
        world.mapper.receive(world.gateway.address, answer, world.now)
    world.deliver()
    assert world.granted()
    world.run(24 * 3600)
    assert world.times(since=1.0)


def test_what_was_never_asked_is_not_deleted() -> None:
    world = MappingWorld(protocols=NAT_PMP_ONLY)
    world.up = False
    world.ask(TCP)
    world.mapper.close(world.now)
    world.deliver()
    assert [data for _, data in world.sent] == [b"\0\0"]
    assert world.mapper.idle
    assert world.mapper.next_timer() is None


@pytest.mark.parametrize(("protocols", "code"), [(PCP_ONLY, 2), (PCP_ONLY, 200), (NAT_PMP_ONLY, 4)])
def test_a_refusal_is_told_and_not_asked_again(protocols: tuple[MappingProtocol, ...], code: int) -> None:
    world = MappingWorld(protocols=protocols)
    world.gateway.refuses = code
    world.ask(TCP)
    world.run(10_000.0)
    (event,) = refused(world)
    assert event.reason
    assert len(world.sent) == 1
    assert world.mapper.idle


def test_a_renewal_that_is_refused_loses_the_mapping() -> None:
    world = MappingWorld()
    world.ask(TCP)
    world.gateway.refuses = 2
    world.run(5000.0)
    assert [event.reason for event in lost(world)] == ["not authorised"]
    assert world.mapper.idle


def test_a_nat_before_the_gateway_is_told() -> None:
    world = MappingWorld()
    data_of = TransportAddress(host="198.51.100.9", port=1)
    world.up = False
    world.ask(TCP)
    for answer in world.gateway.answer(data_of, world.sent[0][1], world.now):
        world.mapper.receive(world.gateway.address, answer, world.now)
    world.deliver()
    assert refused(world)[0].reason == "there is another NAT on the way to it"


def test_the_same_port_is_not_asked_for_twice() -> None:
    world = MappingWorld()
    world.ask(TCP)
    with pytest.raises(ValueError, match="is mapped"):
        world.mapper.ask(TCP, world.now)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=20), st.sampled_from((PCP_ONLY, NAT_PMP_ONLY, BOTH)))
def test_a_gateway_that_talks_nonsense_breaks_nothing(
    noise: list[bytes], protocols: tuple[MappingProtocol, ...]
) -> None:
    world = MappingWorld(protocols=protocols)
    world.up = False
    world.ask(TCP, UDP)
    for data in noise:
        world.mapper.receive(world.gateway.address, data, world.now)
        world.run(1.0)
    world.mapper.close(world.now)
    world.run(1000.0)
    assert world.mapper.idle
    assert world.mapper.next_timer() is None


ACTION = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from((TCP, UDP))),
    st.tuples(st.just("free"), st.sampled_from((TCP, UDP))),
    st.tuples(st.just("run"), st.floats(0, 4000)),
    st.tuples(st.just("up"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("readdress"), st.sampled_from(("203.0.113.7", "203.0.113.8"))),
    st.tuples(st.just("announce"), st.none()),
    st.tuples(st.just("refuse"), st.sampled_from((0, 2))),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(ACTION, max_size=25),
    st.booleans(),
    st.booleans(),
    st.sampled_from((PCP_ONLY, NAT_PMP_ONLY, BOTH)),
)
def test_whatever_happens_nothing_is_left_at_the_end(
    actions: list[tuple[str, object]], pcp: bool, nat_pmp: bool, protocols: tuple[MappingProtocol, ...]
) -> None:
    world = MappingWorld(MappingGateway(pcp=pcp, nat_pmp=nat_pmp, most_s=3600), protocols=protocols)
    wanted: set[InternalPort] = set()
    for name, value in actions:
        match name, value:
            case "ask", InternalPort() as port if port not in wanted:
                try:
                    world.ask(port)
                except ValueError:
                    continue
                wanted.add(port)
            case "free", InternalPort() as port:
                world.mapper.free(port, world.now)
                world.deliver()
                wanted.discard(port)
            case "run", float() as seconds:
                world.run(seconds)
            case "up", bool() as up:
                world.up = up
            case "restart", _:
                world.gateway.restart(world.now)
            case "readdress", str() as host:
                world.gateway.external = host
            case "announce", _:
                world.announce()
            case "refuse", int() as code:
                world.gateway.refuses = code
            case _:
                pass
        assert len(world.sent) < 3000
    world.gateway.refuses = 0
    world.up = True
    world.mapper.close(world.now)
    world.deliver()
    world.run(20_000.0)
    assert world.mapper.idle
    assert world.mapper.next_timer() is None
    assert not world.gateway.live(world.now)
    # Every mapping that was told as granted was told as lost or freed.
    granted = sum(isinstance(event, MappingGranted) for event in world.events)
    ended = sum(isinstance(event, MappingLost | MappingFreed) for event in world.events)
    assert ended >= granted
