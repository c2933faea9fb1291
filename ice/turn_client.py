"""Allocations at a TURN server (RFC 8656 §7): the door to relayed addresses.

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
from ice.network import DatagramReceiver, Network
from ice.servers import TurnServer
from ice.tcp_connection import describe_error
from ice.turn_allocation import ALLOCATION_MISMATCH, Allocation
from ice.turn_control import Control, StreamControl, open_stream, open_udp
from ice.turn_events import Allocated, AllocationFailed
from ice.turn_socket import EventReceiver, RelayedSocket
from ice.types import TransportAddress
from ice.udp_socket import family_of, require_literal

__all__ = ["RelayedSocket", "allocate"]

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

    Raises:
        TurnError: there is none; the text says why, the code is the server's.
    """
    caller = _Caller(
        network=network, local_host=local_host, on_datagram=on_datagram, random=random, on_event=on_event
    )
    addresses = await _resolve(server, local_host)
    asked: set[TransportAddress] = set()
    asking = server
    while True:
        asked.update(addresses)
        result = await _allocate_at(asking, addresses, caller)
        if isinstance(result, RelayedSocket):
            return result
        fitting = [a for a in result.alternates if family_of(a.host) == family_of(local_host)]
        # RFC 8489 §10: never back to where the request was before.
        if not fitting or fitting[0] in asked or len(asked) > MAX_REDIRECTS:
            raise TurnError(f"{server}: {result.reason}", code=result.code)
        addresses = fitting[:1]
        name = result.domain or asking.server_name or asking.host
        asking = dataclasses.replace(asking, server_name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Who asks for the allocation: the arguments of `allocate`."""

    network: Network
    local_host: str
    on_datagram: DatagramReceiver
    random: Callable[[int], bytes]
    on_event: EventReceiver | None


async def _allocate_at(
    server: TurnServer, addresses: list[TransportAddress], caller: _Caller
) -> RelayedSocket | AllocationFailed:
    ports = 0
    while True:
        relayed, control = await _open(server, addresses, caller)
        try:
            result = await relayed.start(control)
        except BaseException:
            relayed.abort()
            raise
        if isinstance(result, Allocated):
            return relayed
        await relayed.wait_closed()
        ports += 1
        if result.code != ALLOCATION_MISMATCH or ports == MAX_PORTS:
            return result


async def _open(
    server: TurnServer, addresses: list[TransportAddress], caller: _Caller
) -> tuple[RelayedSocket, Control]:
    """Open a way to the first of the addresses that can be had."""
    *others, last = addresses
    for address in others:
        with contextlib.suppress(TurnError):
            return await _open_to(server, address, caller)
    return await _open_to(server, last, caller)


async def _open_to(
    server: TurnServer, address: TransportAddress, caller: _Caller
) -> tuple[RelayedSocket, Control]:
    relayed = RelayedSocket(
        allocation=Allocation(
            username=server.username,
            password=server.password,
            reliable=server.transport != "udp",
            random=caller.random,
            ipv6=":" in caller.local_host,
        ),
        server=address,
        on_datagram=caller.on_datagram,
        on_event=caller.on_event,
    )
    if server.transport != "udp":
        stream = await open_stream(caller.network, server, address, caller.local_host)
        return relayed, StreamControl(stream, relayed.received, relayed.connection_ended)
    try:
        return relayed, await open_udp(caller.network, caller.local_host, address, relayed.received)
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
