"""Allocations at a TURN server (RFC 8656 §7, RFC 6062 §4): the door to relayed addresses.

relayed = await allocate(server, network=network, local_host="192.0.2.1", on_datagram=receive, random=random)
relayed.send(data, peer)
...
relayed.close()
await relayed.wait_closed()
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import Callable
from dataclasses import dataclass

from ice.errors import TurnError
from ice.gathering.servers import TurnServer
from ice.net.network import DatagramReceiver, Network, TcpConnection
from ice.net.tcp_socket import describe_error
from ice.net.udp_socket import family_of, require_literal
from ice.turn.allocation import ALLOCATION_MISMATCH, Allocation
from ice.turn.control import Control, StreamControl, open_stream, open_udp
from ice.turn.events import Allocated, AllocationFailed, UserNameInClear
from ice.turn.listener import RelayedListener
from ice.turn.relayed_socket import RelayedSocket
from ice.turn.runner import AllocationRunner, EventReceiver
from ice.types import Transport, TransportAddress

__all__ = ["RelayedListener", "RelayedSocket", "allocate", "listen"]

MAX_PORTS = 3
"""Local ports that are tried where the server remembers another allocation of ours (RFC 8656 §7.4)."""

MAX_REDIRECTS = 3


async def allocate(
    server: TurnServer,
    *,
    network: Network,
    local_host: str,
    on_datagram: DatagramReceiver,
    random: Callable[[int], bytes],
    on_event: EventReceiver | None = None,
    software: str = "",
    ipv6: bool = False,
) -> RelayedSocket:
    """Get a relayed UDP address. May be cancelled: everything is freed, the allocation given back.

    Args:
        server: where, how and as whom. Over TLS its name is checked.
        network: where the way to the server comes from.
        local_host: our address towards the server, an IP literal. With IPv6 an IPv6 relayed address is asked
            for first.
        on_datagram: takes what peers send, with the peer's address.
        random: gives unpredictable bytes.
        on_event: takes what the allocation tells: loss of the relay, refused permissions, dropped messages.
        software: what the server is told of us; empty for nothing.
        ipv6: ask for an IPv6 relayed address first also where `local_host` is an IPv4 one.

    Raises:
        TurnError: there is none; the text says why, the code is the server's.
    """
    caller = _Caller(
        network=network,
        local_host=local_host,
        random=random,
        transport=Transport.UDP,
        software=software,
        ipv6=ipv6 or ":" in local_host,
    )
    runner, _ = await _allocate(server, caller)
    _warn(server, runner, on_event)
    return RelayedSocket(runner, on_datagram=on_datagram, on_event=on_event)


async def listen(
    server: TurnServer,
    *,
    network: Network,
    local_host: str,
    on_accept: Callable[[TcpConnection], None],
    random: Callable[[int], bytes],
    on_event: EventReceiver | None = None,
    software: str = "",
) -> RelayedListener:
    """Get a relayed TCP address (RFC 6062); like `allocate`, for a server that is reached over TCP or TLS.

    Args:
        server: where, how and as whom. Over TLS its name is checked, for each connection.
        network: where the ways to the server come from.
        local_host: our address towards the server, an IP literal.
        on_accept: takes the connections of peers.
        random: gives unpredictable bytes.
        on_event: takes what the allocation tells.
        software: what the server is told of us; empty for nothing.

    Raises:
        TurnError: there is none; the text says why, the code is the server's.
        ValueError: the server is reached over UDP.
    """
    caller = _Caller(
        network=network,
        local_host=local_host,
        random=random,
        transport=Transport.TCP,
        software=software,
        ipv6=":" in local_host,
    )
    runner, asked = await _allocate(server, caller)
    _warn(server, runner, on_event)
    return RelayedListener(
        runner,
        # RFC 6062 §4.3: to the very address, whatever the name leads to by now.
        open_stream=lambda: open_stream(network, asked, runner.server, local_host),
        on_accept=on_accept,
        on_event=on_event,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Who asks for the allocation, and for what."""

    network: Network
    local_host: str
    random: Callable[[int], bytes]
    transport: Transport
    software: str
    ipv6: bool


def _warn(server: TurnServer, runner: AllocationRunner, on_event: EventReceiver | None) -> None:
    """Tell where a user name that names a person could be read on the way (RFC 8656 §21.1.6)."""
    readable = server.transport != "tls" and runner.allocation.user_in_clear
    if readable and "@" in server.username and on_event is not None:
        on_event(UserNameInClear(at=runner.clock.now()))


async def _allocate(server: TurnServer, caller: _Caller) -> tuple[AllocationRunner, TurnServer]:
    """The allocation, and the server that gave it in the end."""
    addresses = await _resolve(server, caller.local_host)
    asked: set[TransportAddress] = set()
    asking = server
    while True:
        asked.update(addresses)
        result = await _allocate_at(asking, addresses, caller)
        if isinstance(result, AllocationRunner):
            return result, asking
        fitting = [a for a in result.alternates if family_of(a.host) == family_of(caller.local_host)]
        # RFC 8489 §10: never back to where the request was before.
        if not fitting or fitting[0] in asked or len(asked) > MAX_REDIRECTS:
            raise TurnError(f"{server}: {result.reason}", code=result.code)
        addresses = fitting[:1]
        name = result.domain or asking.server_name or asking.host
        asking = dataclasses.replace(asking, server_name=name)


async def _allocate_at(
    server: TurnServer, addresses: list[TransportAddress], caller: _Caller
) -> AllocationRunner | AllocationFailed:
    ports = 0
    while True:
        runner, control = await _open(server, addresses, caller)
        try:
            result = await runner.start(control)
        except BaseException:
            runner.abort()
            raise
        if isinstance(result, Allocated):
            return runner
        await runner.wait_closed()
        ports += 1
        if result.code != ALLOCATION_MISMATCH or ports == MAX_PORTS:
            return result


async def _open(
    server: TurnServer, addresses: list[TransportAddress], caller: _Caller
) -> tuple[AllocationRunner, Control]:
    """Open a way to the first of the addresses that can be had."""
    *others, last = addresses
    for address in others:
        with contextlib.suppress(TurnError):
            return await _open_to(server, address, caller)
    return await _open_to(server, last, caller)


async def _open_to(
    server: TurnServer, address: TransportAddress, caller: _Caller
) -> tuple[AllocationRunner, Control]:
    allocation = Allocation(
        username=server.username,
        password=server.password,
        reliable=server.transport != "udp",
        random=caller.random,
        ipv6=caller.ipv6,
        transport=caller.transport,
        software=caller.software,
    )
    runner = AllocationRunner(allocation=allocation, server=address)
    if server.transport != "udp":
        stream = await open_stream(caller.network, server, address, caller.local_host)
        return runner, StreamControl(stream, runner.received, runner.connection_ended)
    try:
        return runner, await open_udp(caller.network, caller.local_host, address, runner.received)
    except OSError as error:
        reason = describe_error(error)
        raise TurnError(f"{server}: no socket on {caller.local_host}: {reason}") from error


async def _resolve(server: TurnServer, local_host: str) -> list[TransportAddress]:
    """The addresses of the server in the family of `local_host`; raises TurnError where there is none."""
    family = family_of(local_host)
    with contextlib.suppress(OSError):
        require_literal(server.host)
        if family_of(server.host) != family:
            raise TurnError(f"{server} cannot be reached from {local_host}")
        return [TransportAddress(host=server.host, port=server.port)]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            server.host, server.port, family=family, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else str(error)
        raise TurnError(f"{server}: its name is not known: {reason}") from error
    hosts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [TransportAddress(host=host, port=server.port) for host in hosts]
