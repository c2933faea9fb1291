"""What an IP address may be used for (RFC 8445 §6.1.2.2, RFC 6544 §12)."""

from __future__ import annotations

import functools
import ipaddress

from ice.types import TransportAddress


def normalised(address: TransportAddress) -> TransportAddress:
    """The address in its one canonical spelling; raises ValueError where the host is no IP literal."""
    return TransportAddress(host=str(_parsed(address.host)), port=address.port)


# Candidates come in groups of one host.
@functools.lru_cache(maxsize=256)
def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(host)


@functools.lru_cache(maxsize=256)
def version(host: str) -> int:
    """4 or 6; raises ValueError where `host` is no IP literal."""
    return ipaddress.ip_address(host).version


_NOBODY_OUTSIDE = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
)
"""RFC 1918, RFC 6598, RFC 1122, RFC 3927: what has such an address is not reached from the Internet."""


def is_private(host: str) -> bool:
    """True for an IPv4 address that means nothing outside some network."""
    ip = ipaddress.ip_address(host)
    return isinstance(ip, ipaddress.IPv4Address) and any(ip in network for network in _NOBODY_OUTSIDE)


_UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")


def is_unique_local(host: str) -> bool:
    """True for an IPv6 address that means nothing outside some network (RFC 4193)."""
    ip = ipaddress.ip_address(host)
    return isinstance(ip, ipaddress.IPv6Address) and ip in _UNIQUE_LOCAL


@functools.lru_cache(maxsize=256)
def can_reach(local: str, remote: str) -> bool:
    """True where checks from `local` to `remote` make sense: one family, link-local with link-local only."""
    here, there = ipaddress.ip_address(local), ipaddress.ip_address(remote)
    if here.version != there.version:
        return False
    return here.version == 4 or here.is_link_local is there.is_link_local


def may_ask(local: str, server: str) -> bool:
    """True where a request from `local` may reach `server`: one family, loopback with loopback only."""
    here, there = ipaddress.ip_address(local), ipaddress.ip_address(server)
    return here.version == there.version and here.is_loopback is there.is_loopback


_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def target_refusal(address: TransportAddress, *, port_matters: bool, loopback: bool) -> str:
    """Why nothing is ever sent to `address`, empty where it may be.

    Descriptions come from strangers: they must not aim our checks at many hosts at once or at this one.

    Args:
        address: the peer's address; its host may be any text.
        port_matters: False for active TCP candidates, which are never dialled.
        loopback: True where loopback addresses are allowed (tests, the demo).
    """
    try:
        ip = _parsed(address.host)
    except ValueError:
        return "not an IP address"
    if ip.is_unspecified:
        return "unspecified address"
    if ip.is_multicast:
        return "multicast address"
    if ip == _BROADCAST:
        return "broadcast address"
    if ip.is_loopback and not loopback:
        return "loopback address"
    if port_matters and not 0 < address.port < 65536:
        return f"port {address.port}"
    return ""


# linux/if_addr.h
_TEMPORARY, _DAD_FAILED, _DEPRECATED, _TENTATIVE = 0x01, 0x08, 0x20, 0x40


def trackable(table: str) -> frozenset[tuple[str, str]]:
    """IPv6 addresses that would tell who we are beside a temporary address of the same network.

    RFC 8445 §5.1.1.1: where an address that prevents tracking is used (RFC 7721), other addresses of its
    interface and prefix are not gathered. Temporary addresses that are not in use yet, or not any more, do
    not count.

    Args:
        table: text of /proc/net/if_inet6: address, number, prefix length, scope and flags in hex, and the
            name of the interface; lines of another form mean nothing.

    Returns:
        Address and interface of each.
    """
    rows = [row for line in table.splitlines() if (row := _row(line)) is not None]
    private = {
        (name, address.network)
        for name, address, flags in rows
        if flags & _TEMPORARY and not flags & (_DAD_FAILED | _DEPRECATED | _TENTATIVE)
    }
    return frozenset(
        (str(address.ip), name)
        for name, address, flags in rows
        if not flags & _TEMPORARY
        and any(name == other and address.ip in network for other, network in private)
    )


def _row(line: str) -> tuple[str, ipaddress.IPv6Interface, int] | None:
    try:
        host, _, prefix, _, flags, name = line.split()
        return name, ipaddress.IPv6Interface((bytes.fromhex(host), int(prefix, 16))), int(flags, 16)
    except ValueError:
        return None
