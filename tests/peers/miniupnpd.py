"""miniupnpd: the daemon of a home router that maps ports by PCP, NAT-PMP and UPnP."""

from __future__ import annotations

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
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


def _rules(port: int) -> str:
    """A NAT whose inside may open connections to one TCP port outside, and whose outside none but mapped."""
    return f"""
table inet {_TABLE} {{
    chain let_in {{ }}
    chain {_MAPPINGS} {{ }}
    chain out_again {{ }}
    chain forwarding {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname "eth0" tcp dport {port} accept
        jump let_in
    }}
    chain entering {{
        type nat hook prerouting priority dstnat; policy accept;
        jump {_MAPPINGS}
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat; policy accept;
        jump out_again
        oifname "eth1" masquerade
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

    async def mappings(self) -> list[int]:
        """The ports inside that it maps to now."""
        command = (find_program("nft") or "nft", "--json", "list", "chain", "inet", _TABLE, _MAPPINGS)
        listed: list[dict[str, Any]] = json.loads(await run(*self.router.prefix, *command))["nftables"]
        steps = [step for entry in listed if "rule" in entry for step in entry["rule"]["expr"]]
        return [int(step["dnat"]["port"]) for step in steps if "dnat" in step]


@asynccontextmanager
async def miniupnpd(
    programs: Programs, networks: TwoNetworks, *, port: int, natpmp: bool = True, upnp: bool = True
) -> AsyncIterator[Miniupnpd]:
    """Make the router of `networks` a NAT with this daemon.

    Args:
        programs: of the test.
        networks: the caller is inside, the callee outside.
        port: the TCP port outside that the inside may connect to.
        natpmp: PCP and NAT-PMP are spoken.
        upnp: UPnP is spoken.
    """
    router, outside = networks.router, replace(networks.callee, host=OUTSIDE)
    for place, interface, host in ((router, "eth1", ROUTER), (outside, "eth0", OUTSIDE)):
        await run("ip", "-n", place.name, "address", "flush", "dev", interface)
        await run("ip", "-n", place.name, "address", "add", f"{host}/24", "dev", interface)
    await run(*router.prefix, find_program("nft") or "nft", "-f", "-", text=_rules(port))
    with tempfile.TemporaryDirectory(prefix="miniupnpd-") as name:
        folder = Path(name)
        config = folder / "miniupnpd.conf"
        spoken = {key: "yes" if value else "no" for key, value in (("natpmp", natpmp), ("upnp", upnp))}
        config.write_text(_CONFIG.format(**spoken), encoding="utf-8")
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
