"""Networks: what is blocked, what is translated, and which way media finds all the same."""

from __future__ import annotations

from typing import Final

from ice.net.firewall import FirewallPolicy
from ice.net.nat import INSIDE, NatNetwork
from ua.call.call import Call
from ua.config.sip_uri import split_sip_uri
from ua.interop import hints
from ua.interop.rewriting import route_to
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import MediaPlan, Tone

HTTPS: Final = 443

QUICK_S: Final = 1.0
"""Seconds of silence until our phones look for another path."""


async def _was_in_the_way(stage: Stage, call: Call, policy: FirewallPolicy) -> None:
    """The firewall has stopped something: the path was no matter of luck."""
    await stage.expect.that(
        lambda: policy.udp_dropped + policy.tcp_refused + policy.tcp_dropped > 0,
        "the firewall of the scenario has stopped packets",
        "nothing has met it: nobody tried the way that is closed",
        cause="untried",
        where=lambda: stage.expect.last_of(call),
    )


@scenario(
    id="network.udp_blocked",
    title="Where a firewall drops UDP, media goes over TCP, and a tone goes there and back",
    rfc="RFC 6544 §1",
    needs={"echo", "ice_tcp"},
)
async def udp_blocked(stage: Stage) -> None:
    policy = FirewallPolicy(udp="blocked")
    async with stage.call("echo", Tone(hz=HZ), firewall=policy) as call:
        await stage.expect.path(call, "tcp")
        await stage.expect.audio(call, tone=HZ)
        await _was_in_the_way(stage, call, policy)
    _tell(stage)


@scenario(
    id="network.only_outgoing_tcp",
    title="Where UDP is dropped and nobody may connect to us, we connect, and a tone goes there and back",
    rfc="RFC 6544 §4.1",
    needs={"echo", "ice_tcp"},
)
async def only_outgoing_tcp(stage: Stage) -> None:
    policy = FirewallPolicy(udp="blocked", tcp_inbound="blocked")
    async with stage.call("echo", Tone(hz=HZ), firewall=policy, tcp_candidates="only") as call:
        await stage.expect.path(call, "tcp")
        await stage.expect.audio(call, tone=HZ)
    _tell(stage)


@scenario(
    id="network.udp_blocked_between_users",
    title="Where UDP is dropped at one of two users, media between them goes over TCP, and both are heard",
    rfc="RFC 6544 §1",
    needs={"second_account", "registrar", "ice_tcp"},
)
async def udp_blocked_between_users(stage: Stage) -> None:
    policy = FirewallPolicy(udp="blocked")
    async with (
        stage.phone(1, registered=True, firewall=policy) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        for each in (call, called):
            await stage.expect.path(each, "tcp")
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)
        await _was_in_the_way(stage, called, policy)
    _tell(stage)


@scenario(
    id="network.udp_dies_in_the_call",
    title="Where UDP is blocked in the middle of a call, media moves to TCP, and the tone is heard again",
    rfc="RFC 6544 §11.1",
    needs={"echo", "ice_tcp", "ice_restart"},
)
async def udp_dies_in_the_call(stage: Stage) -> None:
    policy = FirewallPolicy()
    async with stage.call("echo", Tone(hz=HZ), firewall=policy, silence_s=QUICK_S) as call:
        await stage.expect.path(call, "udp")
        await stage.expect.audio(call, tone=HZ)
        policy.udp = "blocked"
        await stage.expect.path(call, "tcp", limit_s=20.0)
        await stage.expect.flows(call)
        await stage.expect.audio(call, tone=HZ)
        await _was_in_the_way(stage, call, policy)
    _tell(stage)


@scenario(
    id="network.only_443",
    title="With TCP to port 443 (or to that of the TURN server) alone, media goes through that server",
    rfc="RFC 8656 §3.1",
    needs={"echo", "turn_tcp"},
)
async def only_443(stage: Stage) -> None:
    servers = [each for each in stage.account().ice.turn_servers if each.transport != "udp"]
    ports = {each.port for each in servers}
    policy = FirewallPolicy(
        udp="blocked",
        tcp_inbound="blocked",
        tcp_ports=frozenset({HTTPS} if HTTPS in ports else ports),
    )
    async with stage.call("echo", Tone(hz=HZ), firewall=policy) as call:
        await stage.expect.path(call, "relay")
        await stage.expect.audio(call, tone=HZ)
    _tell(stage)


@scenario(
    id="network.relay_alone",
    title="With relayed candidates alone media goes through the TURN server, and our address is not told",
    rfc="RFC 8656 §3",
    needs={"echo", "turn"},
)
async def relay_alone(stage: Stage) -> None:
    async with stage.call("echo", MediaPlan(source=Tone(hz=HZ), path="relay")) as call:
        ours = stage.expect.offered(call)
        rows = [row for m in (() if ours is None else ours.streams) for row in m.rows]
        others = [row for row in rows if row.startswith("a=candidate:") and " typ relay" not in row]
        await stage.expect.that(
            lambda: ours is not None and not others,
            "our offer has relayed candidates alone",
            lambda: f"it has {others[0]}" if others else "there was none",
            cause="wrong_media",
            limit_s=0,
        )
        await stage.expect.path(call, "relay")
        await stage.expect.audio(call, tone=HZ)
    _tell(stage)


async def _nat(stage: Stage) -> NatNetwork:
    """A NAT between us and the peer, on the address of this host that leads there."""
    server = split_sip_uri(stage.peer.server(stage.peer.transports[0]))
    host = await route_to(server.host, server.port or 5060)
    known = {each.host for each in stage.network.host_addresses()}
    return NatNetwork(stage.network, host if host in known and ":" not in host else None)


@scenario(
    id="network.behind_nat",
    title="Behind a NAT that peers cannot see through, ICE finds a path, and a tone goes there and back",
    rfc="RFC 8445 §7.2.5.3.1",
    needs={"echo", "ice"},
)
async def behind_nat(stage: Stage) -> None:
    nat = await _nat(stage)
    async with stage.call("echo", Tone(hz=HZ), network=nat, tcp_candidates="never") as call:
        await _told_inside(stage, call)
        await stage.expect.described(call, r"a=ice-ufrag:.*", advice=hints.ICE)
        await stage.expect.media(call, ice=True)
        await stage.expect.path(call, "udp")
        await stage.expect.audio(call, tone=HZ)
    _tell(stage)


@scenario(
    id="network.behind_nat_without_ice",
    title="Behind a NAT, without ICE, media comes back to where ours comes from, and a tone is heard",
    rfc="RFC 4961 §3",
    needs={"echo", "symmetric_rtp"},
)
async def behind_nat_without_ice(stage: Stage) -> None:
    nat = await _nat(stage)
    async with stage.call("echo", Tone(hz=HZ), network=nat, ice_enabled=False) as call:
        await _told_inside(stage, call)
        await stage.expect.audio(call, tone=HZ, limit_s=6.0)
        await stage.expect.path(call, "udp")
    _tell(stage)


async def _told_inside(stage: Stage, call: Call) -> None:
    """Our offer names the address inside the NAT, to which no way leads."""
    ours = stage.expect.offered(call)
    await stage.expect.that(
        lambda: ours is not None and ours.host == INSIDE,
        f"our offer has the address inside the NAT, {INSIDE}",
        lambda: f"it has {'nothing' if ours is None else ours.host}",
        cause="wrong_media",
        limit_s=0,
    )


def _tell(stage: Stage) -> None:
    """Say which way media took."""
    ways = [each.why for each in stage.results if each.why]
    stage.note = f"the way of media: {ways[-1]}" if ways else ""
