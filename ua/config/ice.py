"""`[ice]` of a configuration file: its values, their faults, and the policy of ICE that they describe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, assert_never

from ice.candidates.preference import Prefer
from ice.config import SOFTWARE, UNRELIABLE_INTERFACES, IceConfig, PortMappingChoice, SimultaneousOpen
from ice.gateways.upnp_http import MISSING, available
from ua.config.ice_servers import STUN_HINT, TURN_HINT, stun_server, turn_server
from ua.errors import ConfigurationError

TcpCandidates = Literal["auto", "never", "only"]
"""TCP candidates in our descriptions: beside UDP, and left out where a peer refuses them; never; alone."""

STRICT: Mapping[str, Any] = {"extra": "forbid"}
"""Unknown keys of a section are an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceSettings:
    """`[ice]`: which candidates are gathered and how fast they are checked.

    Attributes:
        enabled: false talks plain RTP over UDP with everybody, in offers and answers.
        udp: gather UDP candidates.
        tcp: gather TCP candidates (RFC 6544 §4.1).
        tcp_candidates: what peers are told of them: "auto" tells them beside UDP, offers without them, then
            without ICE, where a peer refuses; "never"; "only" tells no others.
        simultaneous_open: TCP candidates that both sides connect at once; "auto" where they can be of use.
        lite: be a lite agent (RFC 8445 §2.5): host candidates alone, checks are answered and never sent; for
            hosts with a public address.
        lite_unproved_tcp: TCP with a peer that is lite as well, where nothing proves who is at the other end.
        default_ipv6: IPv6 instead of IPv4 for peers without ICE, where this host has both.
        loopback: use loopback addresses too.
        interfaces: names of the interfaces to use; empty means all real ones.
        unreliable_interfaces: beginnings of names of interfaces whose addresses are tried last.
        prefer: what counts more between UDP and TCP, "type" (as in the RFC) or "transport": UDP before TCP.
        pacing_ms: ms between two checks (Ta, RFC 8445 §14.2), 5 to 1000.
        stun: URIs of STUN servers (RFC 7064), best first.
        turn: URIs of TURN servers (RFC 7065), best first.
        turn_user: our user name at the TURN servers.
        turn_password_file: file whose first line is the password there.
        turn_password_env: environment variable that holds it.
        turn_ca_file: certificates to trust for turns: URIs instead of those of the system.
        turn_server_name: name in the certificates of the TURN servers where their URIs hold addresses.
        tcp_relay: ask the TURN servers that are reached over TCP or TLS to relay TCP too (RFC 6062): for
            peers that nothing but TCP gets to.
        turn_software: tell TURN servers the name of this program.
        port_mapping: ask the router to let calls in (PCP, NAT-PMP, UPnP; RFC 6544 §5.3): "auto" by what it
            speaks. "off" unless a person wants it: it changes what the router lets in.
        relay_ipv6: without IPv6 of our own, be reached over IPv6 by the TURN servers.
        relay_only: media by TURN alone; nobody is told an address of this host.
        required: refuse calls with phones that have no ICE (RFC 8839 §9.3).
        server_reflexive: tell what STUN and TURN servers see of us; off, they are asked for relays alone.
        gather_timeout_ms: ms that servers are waited for before a call goes on without them, 50 to 30000.
        watch_addresses: move a call at once when its address is gone from this host.
        silence_ms: ms of silence until a call looks for another path (0: only after 30 s), else 500 to 30000.
        patience_ms: ms until a call whose media has found no path fails, 500 to 39500, not earlier.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    enabled: bool = True
    udp: bool = True
    tcp: bool = True
    tcp_candidates: TcpCandidates = "auto"
    simultaneous_open: SimultaneousOpen = "auto"
    lite: bool = False
    lite_unproved_tcp: bool = False
    default_ipv6: bool = False
    loopback: bool = False
    interfaces: tuple[str, ...] = ()
    unreliable_interfaces: tuple[str, ...] = UNRELIABLE_INTERFACES
    prefer: Prefer = "type"
    pacing_ms: int = 10
    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    turn_user: str = ""
    turn_password_file: Path | None = None
    turn_password_env: str | None = None
    turn_ca_file: Path | None = None
    turn_server_name: str | None = None
    tcp_relay: bool = True
    turn_software: bool = True
    port_mapping: PortMappingChoice = "off"
    relay_ipv6: bool = False
    relay_only: bool = False
    required: bool = False
    server_reflexive: bool = True
    gather_timeout_ms: int = 500
    patience_ms: int = 39500
    watch_addresses: bool = True
    silence_ms: int = 3000


def check_ice(ice: IceSettings) -> None:
    """Check what types cannot say; ConfigurationError names the key."""
    for key, value, low, high in (
        ("ice.pacing_ms", ice.pacing_ms, 5, 1000),
        ("ice.gather_timeout_ms", ice.gather_timeout_ms, 50, 30000),
        ("ice.patience_ms", ice.patience_ms, 500, 39500),
    ):
        if not low <= value <= high:
            raise ConfigurationError(f"{key}: {value} is not between {low} and {high}")
    if ice.silence_ms and not 500 <= ice.silence_ms <= 30000:
        raise ConfigurationError(f"ice.silence_ms: {ice.silence_ms} is neither 0 nor between 500 and 30000")
    if not (ice.udp or ice.tcp):
        raise ConfigurationError("ice.tcp: udp and tcp are both off", hint="switch one of them on")
    needs_it = ice.required or ice.relay_only or ice.lite
    if not ice.enabled and (needs_it or not ice.udp or ice.tcp_candidates == "only"):
        raise ConfigurationError(
            "ice.enabled: without ICE there is UDP alone, and something else is asked for",
            hint="look at required, relay_only, lite, udp and tcp_candidates",
        )
    if (ice.tcp_candidates, ice.tcp) == ("only", False) or (ice.tcp_candidates, ice.udp) == ("never", False):
        raise ConfigurationError(
            f"ice.tcp_candidates: {ice.tcp_candidates!r} leaves nothing with udp and tcp as they are set"
        )
    for number, uri in enumerate(ice.stun):
        try:
            stun_server(uri)
        except ValueError as error:
            raise ConfigurationError(f"ice.stun.{number}: {error}", hint=STUN_HINT) from None
    for number, uri in enumerate(ice.turn):
        try:
            turn_server(uri, server_name=ice.turn_server_name)
        except ValueError as error:
            raise ConfigurationError(f"ice.turn.{number}: {error}", hint=TURN_HINT) from None
    if ice.turn_password_file is not None and ice.turn_password_env is not None:
        raise ConfigurationError(
            "ice.turn_password_env: turn_password_file is set as well", hint="keep one of the two"
        )
    if ice.lite and (ice.stun or ice.turn or ice.relay_only or ice.port_mapping != "off"):
        raise ConfigurationError(
            "ice.lite: a lite agent asks nobody, and stun, turn, relay_only or port_mapping is set",
            hint="lite is for hosts with a public address; behind a NAT switch it off",
        )
    if ice.port_mapping == "upnp" and not available():
        raise ConfigurationError(f"ice.port_mapping: {MISSING}")
    if ice.relay_only and not ice.turn:
        raise ConfigurationError("ice.relay_only: there is no TURN server in ice.turn", hint=TURN_HINT)


def ice_config(ice: IceSettings, turn_password: str) -> IceConfig:
    """The policy that these settings, which were checked, describe."""
    turn_servers = (
        turn_server(
            uri,
            user=ice.turn_user,
            password=turn_password,
            server_name=ice.turn_server_name,
            ca_file=ice.turn_ca_file,
        )
        for uri in ice.turn
    )
    config = IceConfig(
        udp=ice.udp,
        tcp=ice.tcp,
        simultaneous_open=ice.simultaneous_open,
        lite=ice.lite,
        lite_unproved_tcp=ice.lite_unproved_tcp,
        default_ipv6=ice.default_ipv6,
        loopback=ice.loopback,
        interfaces=ice.interfaces,
        unreliable_interfaces=ice.unreliable_interfaces,
        prefer=ice.prefer,
        pacing_ms=ice.pacing_ms,
        stun_servers=tuple(stun_server(uri) for uri in ice.stun),
        turn_servers=tuple(turn_servers),
        tcp_relay=ice.tcp_relay,
        turn_software=SOFTWARE if ice.turn_software else "",
        port_mapping=ice.port_mapping,
        relay_ipv6=ice.relay_ipv6,
        relay_only=ice.relay_only,
        server_reflexive=ice.server_reflexive,
        gather_timeout_s=ice.gather_timeout_ms / 1000,
        patience_s=ice.patience_ms / 1000,
        watch_addresses=ice.watch_addresses,
        silence_s=ice.silence_ms / 1000,
    )
    return with_tcp_candidates(config, ice.tcp_candidates)


def with_tcp_candidates(config: IceConfig, choice: TcpCandidates) -> IceConfig:
    """`config` narrowed to this choice."""
    match choice:
        case "auto":
            return config
        case "never":
            return dataclasses.replace(config, udp=True, tcp=False)
        case "only":
            # Relays send UDP on to the peer, however they are reached, unless they relay TCP (RFC 6062).
            return dataclasses.replace(config, udp=False, tcp=True, udp_relay=False)
        case _:
            assert_never(choice)
