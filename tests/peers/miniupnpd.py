"""miniupnpd: the daemon of a home router that maps ports by PCP, NAT-PMP and UPnP."""

from __future__ import annotations

import ipaddress
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.peers.namespace import Namespace
from tests.peers.netns import TwoNetworks, run
from tests.peers.process import Program, Programs
from tests.peers.registry import find_program

ROUTER = "11.0.0.1"
OUTSIDE = "11.0.0.2"
"""The daemon maps nothing where its outside address is one for documentation; these leave no namespace."""

INSIDE6 = "2001:db8:1::2"
OUTSIDE6 = "2001:db8:2::2"

_TABLE = "icephone_router"
_MAPPINGS = "mapped"

_CONFIG = f"""
ext_ifname=eth1
listening_ip=eth0
port=5000
enable_natpmp={{natpmp}}
enable_upnp={{upnp}}
secure_mode=yes
min_lifetime=120
max_lifetime=86400
uuid=00000000-0000-0000-0000-000000000001
upnp_table_name={_TABLE}
upnp_nat_table_name={_TABLE}
upnp_forward_chain=let_in
upnp_nat_chain={_MAPPINGS}
upnp_nat_postrouting_chain=out_again
{{more}}
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

_INSIDE6_HEX = f"0x{int(ipaddress.IPv6Address(INSIDE6)):x}"
_NO_IPV4 = 'iifname "eth1" meta nfproto ipv4 drop'
_IPV6 = "ext_ifname6=eth1\nipv6_disable=no"


def _rules(port: int, more: str) -> str:
    """A NAT whose inside may open connections to one TCP port outside, and whose outside none but mapped."""
    return f"""
table inet {_TABLE} {{
    chain let_in {{ }}
    chain {_MAPPINGS} {{ }}
    chain out_again {{ }}
    chain forwarding {{
        type filter hook forward priority filter; policy drop;
        meta l4proto ipv6-icmp accept
        ct state established,related accept
        iifname "eth0" tcp dport {port} accept
        {more}
        jump let_in
    }}
    chain entering {{
        type nat hook prerouting priority dstnat; policy accept;
        jump {_MAPPINGS}
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat; policy accept;
        jump out_again
        meta nfproto ipv4 oifname "eth1" masquerade
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miniupnpd:
    """A running daemon.

    Attributes:
        inside: the host behind the router.
        router: where the daemon runs; its address is the inside one.
        outside: a host beyond it.
        program: its process.
    """

    inside: Namespace
    router: Namespace
    outside: Namespace
    program: Program

    async def holes(self) -> int:
        """How many ports of IPv6 it lets in now."""
        command = (find_program("nft") or "nft", "list", "chain", "inet", _TABLE, "let_in")
        # nft shows what the daemon compares as bytes of the packet.
        return (await run(*self.router.prefix, *command)).count(_INSIDE6_HEX)

    async def mappings(self) -> list[int]:
        """The ports inside that it maps to now."""
        command = (find_program("nft") or "nft", "--json", "list", "chain", "inet", _TABLE, _MAPPINGS)
        listed: list[dict[str, Any]] = json.loads(await run(*self.router.prefix, *command))["nftables"]
        steps = [step for entry in listed if "rule" in entry for step in entry["rule"]["expr"]]
        return [int(step["dnat"]["port"]) for step in steps if "dnat" in step]


async def _add_ipv6(networks: TwoNetworks) -> None:
    """Addresses of both sides, and the router's link-local ones as their gateways, as at home."""
    router = networks.router
    await run(*router.prefix, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
    for side, interface, host in ((networks.caller, "eth0", INSIDE6), (networks.callee, "eth1", OUTSIDE6)):
        network = host.removesuffix("2")
        for name, device, address in (
            (side.name, "eth0", f"{host}/64"),
            (router.name, interface, f"{network}1/64"),
            (router.name, interface, "fe80::1/64"),
        ):
            await run("ip", "-n", name, "address", "add", address, "dev", device, "nodad")
        await run("ip", "-n", side.name, "route", "add", "default", "via", "fe80::1", "dev", "eth0")


@asynccontextmanager
async def miniupnpd(
    programs: Programs,
    networks: TwoNetworks,
    *,
    port: int,
    natpmp: bool = True,
    upnp: bool = True,
    ipv6: bool = False,
) -> AsyncIterator[Miniupnpd]:
    """Make the router of `networks` a NAT with this daemon.

    Args:
        programs: of the test.
        networks: the caller is inside, the callee outside.
        port: the TCP port outside that the inside may connect to.
        natpmp: PCP and NAT-PMP are spoken.
        upnp: UPnP is spoken.
        ipv6: both sides have IPv6 as well, and nothing of IPv4 is let in, mapped or not.
    """
    router, outside = networks.router, replace(networks.callee, host=OUTSIDE)
    for place, interface, host in ((router, "eth1", ROUTER), (outside, "eth0", OUTSIDE)):
        await run("ip", "-n", place.name, "address", "flush", "dev", interface)
        await run("ip", "-n", place.name, "address", "add", f"{host}/24", "dev", interface)
    if ipv6:
        await _add_ipv6(networks)
    await run(
        *router.prefix, find_program("nft") or "nft", "-f", "-", text=_rules(port, _NO_IPV4 if ipv6 else "")
    )
    with tempfile.TemporaryDirectory(prefix="miniupnpd-") as name:
        folder = Path(name)
        config = folder / "miniupnpd.conf"
        spoken = {key: "yes" if value else "no" for key, value in (("natpmp", natpmp), ("upnp", upnp))}
        config.write_text(_CONFIG.format(more=_IPV6 if ipv6 else "", **spoken), encoding="utf-8")
        command = [find_program("miniupnpd") or "miniupnpd", "-d", "-f", str(config)]
        program = await programs.start(
            "miniupnpd", [*router.prefix, *command, "-P", str(folder / "pid")], cwd=folder
        )
        try:
            for enabled, line in (
                (upnp, "HTTP listening on port"),
                (natpmp, "Listening for NAT-PMP/PCP traffic"),
            ):
                if enabled:
                    await program.wrote(line)
            yield Miniupnpd(inside=networks.caller, router=router, outside=outside, program=program)
        finally:
            await program.stop()
