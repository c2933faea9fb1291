"""The gateways that this host sends to the rest of the world through: what Linux tells of its routes.

Other systems tell it by calls of their own, which are not made here.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

from ice.net.network import Gateway

_IPV4_ROUTES = Path("/proc/net/route")
_IPV6_ROUTES = Path("/proc/net/ipv6_route")

# linux/route.h
_UP, _GATEWAY = 0x0001, 0x0002


def default_gateways(ipv4: Path = _IPV4_ROUTES, ipv6: Path = _IPV6_ROUTES) -> tuple[Gateway, ...]:
    """The default gateways of both families, best first; one per interface and family.

    Args:
        ipv4: file of the form of /proc/net/route.
        ipv6: file of the form of /proc/net/ipv6_route; where there is none, there is no IPv6.

    Raises:
        OSError: the system tells no IPv4 routes this way.
    """
    rows = [*_ipv4_rows(ipv4.read_text(encoding="ascii", errors="replace"))]
    if ipv6.exists():
        rows += _ipv6_rows(ipv6.read_text(encoding="ascii", errors="replace"))
    best: dict[tuple[str, int], Gateway] = {}
    for _, gateway in sorted(rows, key=lambda row: row[0]):
        best.setdefault((gateway.interface, ipaddress.ip_address(gateway.host).version), gateway)
    return tuple(best.values())


def _ipv4_rows(table: str) -> list[tuple[int, Gateway]]:
    """Metric and gateway of each default route; lines of another form mean nothing."""
    rows = []
    for line in table.splitlines():
        try:
            name, destination, gateway, flags, _, _, metric, mask, *_ = line.split()
            # The kernel prints the number that the four bytes make in its own order.
            packed = int(gateway, 16).to_bytes(4, sys.byteorder)
            default = int(destination, 16) == int(mask, 16) == 0
            used = int(flags, 16) & (_UP | _GATEWAY) == _UP | _GATEWAY
            number = int(metric)
        except (ValueError, OverflowError):
            continue
        if default and used:
            rows.append((number, Gateway(host=str(ipaddress.IPv4Address(packed)), interface=name)))
    return rows


def _ipv6_rows(table: str) -> list[tuple[int, Gateway]]:
    """Metric and gateway of each default route; lines of another form mean nothing."""
    rows = []
    for line in table.splitlines():
        try:
            destination, length, _, _, gateway, metric, _, _, flags, name = line.split()
            default = int(destination, 16) == int(length, 16) == 0
            used = int(flags, 16) & (_UP | _GATEWAY) == _UP | _GATEWAY
            address = ipaddress.IPv6Address(bytes.fromhex(gateway))
            number = int(metric, 16)
        except ValueError:
            continue
        if default and used:
            # Every interface has its own link-local addresses.
            host = f"{address}%{name}" if address.is_link_local else str(address)
            rows.append((number, Gateway(host=host, interface=name)))
    return rows
