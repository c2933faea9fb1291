"""A host with temporary IPv6 addresses is not given away by its other ones (RFC 8445 §5.1.1.1, RFC 7721)."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.candidates.address import trackable
from ice.config import IceConfig
from ice.gathering.hosts import usable_hosts
from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork

PERMANENT, TEMPORARY, DAD_FAILED, DEPRECATED, TENTATIVE = 0x80, 0x01, 0x08, 0x20, 0x40
STABLE = "2001:db8:1::aaaa"
PRIVATE = "2001:db8:1::1234"


def row(host: str, flags: int, *, interface: str = "eth0", prefix: int = 64) -> str:
    """One line of /proc/net/if_inet6."""
    return f"{ipaddress.IPv6Address(host).packed.hex()} 02 {prefix:02x} 00 {flags:02x} {interface:>8}\n"


@pytest.mark.req("ICE-5.1.1.1-2", "ICETCP-5.1-2")
def test_addresses_beside_a_temporary_one_are_hidden() -> None:
    table = "".join(
        [
            row(STABLE, PERMANENT),
            row("2001:db8:1::5", 0),
            row(PRIVATE, TEMPORARY),
            row("2001:db8:1::6", TEMPORARY | DEPRECATED),
            row("2001:db8:2::aaaa", PERMANENT),
            row("2001:db8:1::7", PERMANENT, interface="eth1"),
            row("::1", PERMANENT, interface="lo", prefix=128),
        ]
    )
    assert trackable(table) == {(STABLE, "eth0"), ("2001:db8:1::5", "eth0")}


@pytest.mark.req("ICE-5.1.1.1-2", "ICETCP-5.1-2")
@pytest.mark.parametrize("flag", [DAD_FAILED, DEPRECATED, TENTATIVE])
def test_a_temporary_address_that_is_not_used_hides_nothing(flag: int) -> None:
    assert trackable(row(STABLE, PERMANENT) + row(PRIVATE, TEMPORARY | flag)) == frozenset()


@pytest.mark.req("ICE-5.1.1.1-2", "ICETCP-5.1-2")
def test_the_prefix_is_that_of_the_temporary_address() -> None:
    """An address from DHCP has a prefix of 128 bits and lies in the same network all the same."""
    assert trackable(row(STABLE, PERMANENT, prefix=128) + row(PRIVATE, TEMPORARY)) == {(STABLE, "eth0")}
    assert trackable(row("2001:db8:1:0:1::", 0) + row(PRIVATE, TEMPORARY, prefix=112)) == frozenset()


@given(st.text() | st.from_regex(r"[0-9a-f]{32}( [0-9a-f]{2}){4} +[a-z0-9]{1,8}\n", fullmatch=True))
def test_any_table_can_be_read(table: str) -> None:
    assert trackable(table) == frozenset()


@pytest.mark.req("ICE-5.1.1.1-2", "ICETCP-5.1-2")
def test_the_network_of_this_host_leaves_them_out(tmp_path: Path) -> None:
    table = tmp_path / "if_inet6"
    everywhere = HostNetwork(ipv6_table=tmp_path / "missing").host_addresses()
    loopback = next((a for a in everywhere if a.host == "::1"), None)
    if loopback is None:
        pytest.skip("this host has no IPv6 loopback address")
    name = loopback.interface
    table.write_text(row("::1", PERMANENT, interface=name) + row("::2", TEMPORARY, interface=name, prefix=64))
    assert list(HostNetwork(ipv6_table=table).host_addresses()) == [
        address for address in everywhere if address != loopback
    ]
    table.write_text(row("::1", PERMANENT, interface=name))
    assert list(HostNetwork(ipv6_table=table).host_addresses()) == list(everywhere)


@pytest.mark.parametrize("known_s", [60.0, 0.0])
def test_what_was_found_counts_for_a_while(tmp_path: Path, known_s: float) -> None:
    table = tmp_path / "if_inet6"
    network = HostNetwork(ipv6_table=table, known_s=known_s)
    before = list(network.host_addresses())
    loopback = next((a for a in before if a.host == "::1"), None)
    if loopback is None:
        pytest.skip("this host has no IPv6 loopback address")
    name = loopback.interface
    table.write_text(row("::1", PERMANENT, interface=name) + row("::2", TEMPORARY, interface=name, prefix=64))
    assert (loopback in network.host_addresses()) is (known_s > 0)


@pytest.mark.req("ICE-5.1.1.1-2", "ICETCP-5.1-2")
def test_link_local_addresses_are_never_gathered() -> None:
    addresses = [HostAddress(host=host, interface="eth0") for host in ("fe80::1", PRIVATE, "169.254.1.1")]
    assert usable_hosts(addresses, IceConfig()) == (PRIVATE,)
