"""What an application may choose about ICE."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from ice.candidates.preference import Prefer, Priorities, Prioritisation
from ice.gathering.servers import StunServer, TurnServer
from ice.turn.refusals import Refusals
from ice.types import TransportAddress

PortMappingChoice = Literal["off", "auto", "pcp", "nat-pmp", "upnp"]
"""How a NAT is asked for port mappings; "auto" tries one after the other until one works."""

SENSITIVE_PORTS = (
    7, 19, 20, 21, 22, 23, 25, 53, 79, 110, 111, 119, 135, 139, 143, 389, 445, 465, 514, 515, 587, 636, 993,
    995, 2049, 5060, 5061, 6379, 6665, 6666, 6667, 6668, 6669, 6697, 9100, 11211,
)  # fmt: skip
"""TCP ports of servers that act on what a stranger sends: mail, IRC, printers and their like."""


SimultaneousOpen = Literal["auto", "on", "off"]

UNRELIABLE_INTERFACES = ("tun", "tap", "utun", "wg", "ppp", "ipsec", "tailscale", "zt", "wwan", "rmnet")
"""Tunnels and mobile networks: what they lead to is mostly reached more directly, or at lower cost."""


PLAIN_CANDIDATES = 4
"""Two addresses, and two components of each."""

SOFTWARE = "icephone"
"""What TURN servers are told of us: no version, which would tell what can be attacked (RFC 8656 §21.1.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceConfig:
    """Policy of one ICE session.

    Raises:
        ValueError: a lite agent with servers, port mapping or `relay_only`.

    Attributes:
        udp: gather UDP candidates; without it UDP relays are reached over TCP and TLS only.
        tcp: gather TCP candidates (RFC 6544 §4.1: switchable).
        simultaneous_open: gather TCP candidates that both sides connect at once (RFC 6544 §3): "auto" where
            the system can and they can be of use, "on" on every address where the system can, "off".
        lite: be a lite agent (RFC 8445 §2.5): host candidates alone, and checks are answered, never sent. For
            hosts that everybody can reach.
        lite_unproved_tcp: use TCP where the peer is lite as well, though nothing proves then who is at the
            other end of the connection (RFC 6544 §12).
        default_ipv6: the default candidate is an IPv6 one where there is any (RFC 8445 §5.2).
        loopback: gather on loopback too (tests and the demo; RFC 8445 §5.1.1.1 forbids it otherwise).
        interfaces: names of the interfaces to use; empty means all real ones.
        unreliable_interfaces: beginnings of names of interfaces that come last (RFC 8421 §3): their
            candidates have lower priorities than all others of their type.
        stun_servers: asked for server-reflexive candidates (RFC 8445 §5.1.1.2), best first.
        turn_servers: asked for relayed candidates, best first.
        name_servers: asked where servers are that are domain names; empty: those of the system.
        port_mapping: ask the gateway to map ports towards our sockets (RFC 6544 §5.3). It changes what a NAT
            or firewall lets in, so it is off unless a person wants it.
        server_reflexive: learn from the servers how they see us, over UDP and TCP (RFC 8445 §5.1.1.2).
        udp_relay: ask them to relay UDP.
        tcp_relay: ask those that are reached over TCP or TLS to relay TCP too (RFC 6062).
        turn_software: what they are told of us (SOFTWARE, RFC 8656 §5); empty for nothing.
        refusals: which of them have refused us; shared by all sessions with this configuration.
        relay_ipv6: on a host without IPv6 ask the TURN servers for IPv6 addresses besides (RFC 8656 §5).
        relay_only: relayed candidates alone, and no address of this host in them (RFC 8839 §5.1).
        prefer: what counts more where UDP and TCP are both gathered: type or transport (RFC 6544 §4.2).
        prioritisation: policy of the application, in place of `prefer`.
        gather_timeout_s: seconds until servers that have not answered are waited for no longer.
        gather_patience_s: seconds until that where there is no candidate yet.
        pacing_ms: proposed Ta in ms; the larger value of both sides counts, 50 where the peer is silent.
        max_candidates: most candidates in a description.
        max_pairs: most pairs in all check lists of a session, shared evenly (RFC 8445 §6.1.2.5).
        max_remote_candidates: remote candidates beyond this number are refused.
        max_dials_per_address: connection attempts outstanding to one address, of all streams (RFC 6544 §12).
        refused_ports: TCP ports that are never dialled, whatever the peer's description says (RFC 6544 §12).
        max_unproved_connections: accepted connections per listener without a valid check.
        max_unproved_in_all: the same over all listeners of a session.
        unproved_timeout_s: seconds such a connection may stay.
        unproved_bytes: bytes such a connection may send.
        check_timeout_s: Ti, seconds from dialling or sending to giving up (RFC 8489 §6.2.2).
        patience_s: PAC timer (RFC 8863 §4): no failure is reported earlier. Where it is shorter than
            `check_timeout_s`, it is a deadline: a component without its path by then has failed.
        consent_interval_s: mean seconds between consent checks (RFC 7675 §5.1).
        consent_timeout_s: seconds without an answer until sending stops.
        watch_addresses: drop candidates as soon as their address is gone from this host (RFC 8445 §5.1.1.4).
        silence_s: seconds of silence of a peer that was heard until a restart is advised, long before its
            consent runs out (`ice.paths.liveness`); 0: not before.
        keepalive_s: Tr, seconds of silence before a keepalive (RFC 8445 §11).
        release_after_s: unused candidates are freed this long after completion (RFC 8445 §8.3.1).
        queue_ms: media is dropped while the oldest byte that a TCP connection has not delivered is older, in
            ms; on paths with a longer round trip that and 100 ms count.
    """

    udp: bool = True
    tcp: bool = True
    simultaneous_open: SimultaneousOpen = "auto"
    lite: bool = False
    lite_unproved_tcp: bool = False
    default_ipv6: bool = False
    loopback: bool = False
    interfaces: tuple[str, ...] = ()
    unreliable_interfaces: tuple[str, ...] = UNRELIABLE_INTERFACES
    stun_servers: tuple[StunServer, ...] = ()
    turn_servers: tuple[TurnServer, ...] = ()
    name_servers: tuple[TransportAddress, ...] = ()
    port_mapping: PortMappingChoice = "off"
    server_reflexive: bool = True
    udp_relay: bool = True
    tcp_relay: bool = True
    turn_software: str = SOFTWARE
    refusals: Refusals = field(default_factory=Refusals, compare=False, repr=False)
    relay_ipv6: bool = False
    relay_only: bool = False
    prefer: Prefer = "type"
    prioritisation: Prioritisation | None = None
    gather_timeout_s: float = 0.5
    gather_patience_s: float = 5.0
    pacing_ms: int = 10
    max_candidates: int = 12
    max_pairs: int = 100
    max_remote_candidates: int = 32
    max_dials_per_address: int = 5
    refused_ports: tuple[int, ...] = SENSITIVE_PORTS
    max_unproved_connections: int = 16
    max_unproved_in_all: int = 32
    unproved_timeout_s: float = 10.0
    unproved_bytes: int = 2048
    check_timeout_s: float = 39.5
    patience_s: float = 39.5
    consent_interval_s: float = 5.0
    consent_timeout_s: float = 30.0
    watch_addresses: bool = True
    silence_s: float = 3.0
    keepalive_s: float = 15.0
    release_after_s: float = 3.0
    queue_ms: int = 150

    def __post_init__(self) -> None:
        asks = self.stun_servers or self.turn_servers or self.relay_only or self.port_mapping != "off"
        if self.lite and asks:
            raise ValueError("a lite agent asks nobody: it has host candidates alone (RFC 8445 §5.2)")

    def without_ice(self) -> IceConfig:
        """What a peer needs that has told that it has no ICE: a UDP address, the default one.

        Two hosts are looked at, for there may be one of each IP version; servers are asked over UDP alone.
        """
        if not self.udp:
            return self
        return replace(self, tcp=False, max_candidates=min(self.max_candidates, PLAIN_CANDIDATES))

    def priorities(self) -> Priorities:
        """Gives the candidates of one session their priorities."""
        mixed = self.udp and self.tcp and not self.lite
        return Priorities(self.prefer, mixed=mixed, policy=self.prioritisation)
