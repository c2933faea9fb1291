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

from ice.errors import TurnError
from ice.network import DatagramReceiver, Network
from ice.servers import TurnServer
from ice.tcp_connection import describe_error
from ice.turn_allocation import ALLOCATION_MISMATCH, Allocation
from ice.turn_control import Control, open_stream, open_udp
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
        network: where the UDP socket to the server comes from; TCP and TLS are dialled directly.
        local_host: our address towards the server, an IP literal. With IPv6 an IPv6 relayed address is asked
            for first.
        on_datagram: takes what peers send, with the peer's address.
        random: gives unpredictable bytes.
        on_event: takes what the allocation tells: loss of the relay, refused permissions, dropped messages.

    Raises:
        TurnError: there is none; the text says why, the code is the server's.
    """
    addresses = await _resolve(server, local_host)
    asked: set[TransportAddress] = set()
    asking = server
    while True:
        asked.update(addresses)
        result = await _allocate_at(asking, addresses, network, local_host, on_datagram, random, on_event)
        if isinstance(result, RelayedSocket):
            return result
        error = TurnError(f"{server}: {result.reason}", code=result.code)
        fitting = [a for a in result.alternates if family_of(a.host) == family_of(local_host)]
        # RFC 8489 §10: never back to where the request was before.
        if not fitting or fitting[0] in asked or len(asked) > MAX_REDIRECTS:
            raise error
        addresses = fitting[:1]
        name = result.domain or asking.server_name or asking.host
        asking = dataclasses.replace(asking, server_name=name)


async def _allocate_at(
    server: TurnServer,
    addresses: list[TransportAddress],
    network: Network,
    local_host: str,
    on_datagram: DatagramReceiver,
    random: Callable[[int], bytes],
    on_event: EventReceiver | None,
) -> RelayedSocket | AllocationFailed:
    failed: AllocationFailed | None = None
    for _ in range(MAX_PORTS):
        relayed, control = await _open(server, addresses, network, local_host, on_datagram, random, on_event)
        try:
            result = await relayed.start(control)
        except BaseException:
            relayed.abort()
            raise
        if isinstance(result, Allocated):
            return relayed
        await relayed.wait_closed()
        failed = result
        if result.code != ALLOCATION_MISMATCH:
            break
    assert failed is not None  # noqa: S101  the loop runs at least once
    return failed


async def _open(
    server: TurnServer,
    addresses: list[TransportAddress],
    network: Network,
    local_host: str,
    on_datagram: DatagramReceiver,
    random: Callable[[int], bytes],
    on_event: EventReceiver | None,
) -> tuple[RelayedSocket, Control]:
    """Open a way to the first of the addresses that can be had."""
    error: TurnError | None = None
    for address in addresses:
        allocation = Allocation(
            username=server.username,
            password=server.password,
            reliable=server.transport != "udp",
            random=random,
            ipv6=":" in local_host,
        )
        relayed = RelayedSocket(
            allocation=allocation, server=address, on_datagram=on_datagram, on_event=on_event
        )
        try:
            if server.transport == "udp":
                return relayed, await open_udp(network, local_host, address, relayed.received)
            return relayed, await open_stream(
                server, address, local_host, relayed.received, relayed.connection_ended
            )
        except TurnError as reason:
            error = reason
        except OSError as reason:
            error = TurnError(f"{server}: no socket on {local_host}: {describe_error(reason)}")
            error.__cause__ = reason
    assert error is not None  # noqa: S101  there is at least one address
    raise error


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
