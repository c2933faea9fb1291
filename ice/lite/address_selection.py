"""Which of several addresses to send to where nothing can be tried out (RFC 6724)."""

from __future__ import annotations

import ipaddress

_POLICY = tuple(
    (ipaddress.IPv6Network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0),
        ("::/0", 40, 1),
        ("::ffff:0:0/96", 35, 4),
        ("2002::/16", 30, 2),
        ("2001::/32", 5, 5),
        ("fc00::/7", 3, 13),
        ("::/96", 1, 3),
        ("fec0::/10", 1, 11),
        ("3ffe::/16", 1, 12),
    )
)
"""The default policy table (§2.1): prefix, precedence, label."""

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE

Rank = tuple[int, int, int, int, int]


def precedence(host: str) -> int:
    """How much an address is preferred, 1 to 50; raises ValueError where `host` is no IP literal."""
    return _policy(host)[0]


def rank(source: str, destination: str) -> Rank:
    """The place of a destination that is reached from `source`: the smallest of all is the best one (§6).

    Rules 2, 5, 6, 8 and 9; what the others ask (deprecated addresses, home addresses, tunnels) is not known
    here.

    Raises:
        ValueError: one of them is no IP literal.
    """
    return (
        int(_scope(source) != _scope(destination)),
        int(_policy(source)[1] != _policy(destination)[1]),
        -precedence(destination),
        _scope(destination),
        -_common_prefix(source, destination),
    )


def _mapped(host: str) -> ipaddress.IPv6Address:
    ip = ipaddress.ip_address(host)
    return ipaddress.IPv6Address(f"::ffff:{ip}") if isinstance(ip, ipaddress.IPv4Address) else ip


def _policy(host: str) -> tuple[int, int]:
    ip = _mapped(host)
    rows = [row for row in _POLICY if ip in row[0]]
    _, preferred, label = max(rows, key=lambda row: row[0].prefixlen)
    return preferred, label


def _scope(host: str) -> int:
    """RFC 6724 §3.1 and §3.2: private IPv4 addresses and unique local IPv6 addresses are global here."""
    ip = ipaddress.ip_address(host)
    if ip.is_loopback or ip.is_link_local:
        return _LINK_LOCAL
    if isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local:
        return _SITE_LOCAL
    return _GLOBAL


def _common_prefix(one: str, other: str) -> int:
    """Leading bits that two addresses share; of IPv6 those of the network alone (§2.2)."""
    here, there = _mapped(one), _mapped(other)
    same = 128 - (int(here) ^ int(there)).bit_length()
    return same if here.ipv4_mapped else min(same, 64)
