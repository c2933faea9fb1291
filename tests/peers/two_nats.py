"""Two hosts, each behind a NAT of its own, and a public network between them where servers may run.

    left (10.1.0.2) -- NAT -- (192.0.2.1) public (198.51.100.1) -- NAT -- right (10.2.0.2)

The NATs let nothing in that does not answer. The addresses that they show are 192.0.2.2 and 198.51.100.2.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.peers.namespace import Namespace
from tests.peers.netns import run
from tests.peers.registry import find_program

_NAT = """
table ip icephone_nat {
    chain leaving {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "outer" masquerade
    }
    chain entering {
        type filter hook forward priority filter; policy accept;
        iifname "outer" ct state new drop
    }
    chain arriving {
        type filter hook input priority filter; policy accept;
        iifname "outer" ct state new drop
    }
}
"""

_NO_TCP = """
table ip icephone_udp_only {
    chain forwarding {
        type filter hook forward priority filter - 1; policy accept;
        meta l4proto tcp drop
    }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoNats:
    """The namespaces."""

    left: Namespace
    right: Namespace
    public: Namespace
    nats: tuple[Namespace, Namespace]

    async def drop_tcp(self) -> None:
        """Let UDP alone through both NATs."""
        for nat in self.nats:
            await run(*nat.prefix, find_program("nft") or "nft", "-f", "-", text=_NO_TCP)

    async def forget_after(self, seconds: int) -> None:
        """Let both NATs forget UDP mappings that were not used for so long."""
        for nat in self.nats:
            for key in ("udp_timeout", "udp_timeout_stream"):
                path = f"/proc/sys/net/netfilter/nf_conntrack_{key}"
                await run(*nat.prefix, "sh", "-c", f"echo {seconds} >{path}")


@asynccontextmanager
async def two_nats() -> AsyncIterator[TwoNats]:
    """Make the namespaces and remove them."""
    mark = f"icephone-{secrets.token_hex(3)}"

    def place(name: str, host: str) -> Namespace:
        return Namespace(name=f"{mark}-{name}", host=host)

    hosts = (place("left", "10.1.0.2"), place("right", "10.2.0.2"))
    nats = (place("lnat", "10.1.0.1"), place("rnat", "10.2.0.1"))
    public = place("public", "192.0.2.1")
    nets = TwoNats(left=hosts[0], right=hosts[1], public=public, nats=nats)
    made: list[Namespace] = []
    try:
        for namespace in (*hosts, *nats, public):
            await run("ip", "netns", "add", namespace.name)
            made.append(namespace)
            await run("ip", "-n", namespace.name, "link", "set", "lo", "up")
        for number, (host, nat) in enumerate(zip(hosts, nats, strict=True)):
            outside = ("192.0.2", "198.51.100")[number]
            await _link(host, "eth0", f"{host.host}/24", nat, "inner", f"{nat.host}/24")
            await _link(nat, "outer", f"{outside}.2/24", public, f"eth{number}", f"{outside}.1/24")
            await run("ip", "-n", host.name, "route", "add", "default", "via", nat.host)
            await run("ip", "-n", nat.name, "route", "add", "default", "via", f"{outside}.1")
            await run(*nat.prefix, find_program("nft") or "nft", "-f", "-", text=_NAT)
        for router in (*nats, public):
            await run(*router.prefix, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        yield nets
    finally:
        for namespace in made:
            await run("ip", "netns", "delete", namespace.name)


async def _link(
    here: Namespace, name: str, address: str, there: Namespace, far_name: str, far_address: str
) -> None:
    peer = ("peer", "name", far_name, "netns", there.name)
    await run("ip", "link", "add", name, "netns", here.name, "type", "veth", *peer)
    for namespace, link, its_address in ((here, name, address), (there, far_name, far_address)):
        await run("ip", "-n", namespace.name, "address", "add", its_address, "dev", link)
        await run("ip", "-n", namespace.name, "link", "set", link, "up")
