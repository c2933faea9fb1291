"""The addresses behind the name of a server."""

from __future__ import annotations

import asyncio
import ipaddress
import socket


async def addresses_of(host: str) -> tuple[str, ...]:
    """One IP address of each family, in the order of the system's preference; a literal is its own.

    Raises:
        OSError: the name has no address.
    """
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no host name") from error
    first: dict[int, str] = {}
    for family, _, _, _, name in found:
        if family in (socket.AF_INET, socket.AF_INET6):
            first.setdefault(family, str(name[0]).partition("%")[0])
    return tuple(first.values())
