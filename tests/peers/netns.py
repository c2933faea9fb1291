"""Two network namespaces with a router between them that drops UDP.

    caller (192.0.2.2) -- (192.0.2.1) router (198.51.100.1) -- (198.51.100.2) callee

The router forwards between the two, and a proxy may run in it: what the two exchange with the proxy itself
is not forwarded, so it is not filtered.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.peers.namespace import Namespace
from tests.peers.process import PeerError
from tests.peers.registry import find_program

_TABLE = "icephone_test"

_DROP_UDP = f"""
table inet {_TABLE} {{
    counter dropped {{
    }}
    chain forwarding {{
        type filter hook forward priority filter; policy accept;
        meta l4proto udp counter name dropped drop
    }}
}}
"""

_MASQUERADE = f"""
table ip {_TABLE}_nat {{
    chain leaving {{
        type nat hook postrouting priority srcnat; policy accept;
        fib saddr type != local oifname "eth1" masquerade
    }}
    chain entering {{
        type filter hook forward priority filter; policy accept;
        iifname "eth1" ct state new drop
    }}
}}
"""


def _drop_all_but_tcp(port: int) -> str:
    return f"""
table inet {_TABLE} {{
    counter dropped {{
    }}
    chain forwarding {{
        type filter hook forward priority filter; policy accept;
        tcp dport {port} accept
        tcp sport {port} accept
        meta l4proto {{ tcp, udp }} counter name dropped drop
    }}
}}
"""


def _only_443(verdict: str) -> str:
    return f"""
table inet {_TABLE} {{
    counter dropped {{
    }}
    chain forwarding {{
        type filter hook forward priority filter; policy accept;
        iifname "eth0" tcp dport 443 accept
        iifname "eth0" counter name dropped {verdict}
    }}
    chain arriving {{
        type filter hook input priority filter; policy accept;
        iifname "eth0" ct state established accept
        iifname "eth0" tcp dport 443 accept
        iifname "eth0" counter name dropped {verdict}
    }}
}}
"""


async def run(*command: str, text: str = "") -> str:
    """Run a command to its end with `text` as input; what it printed. Raises PeerError where it fails."""
    process = await asyncio.create_subprocess_exec(
        find_program(command[0]) or command[0],
        *command[1:],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate(text.encode())
    if process.returncode:
        raise PeerError(f"{' '.join(command)}: {error.decode(errors='replace').strip()}")
    return out.decode()


OPENING = "tcp flags & (syn | ack) == syn"
"""Matches the first packet of a TCP connection."""


async def filter_packets(
    namespace: Namespace, *, arriving: Sequence[str] = (), leaving: Sequence[str] = ()
) -> None:
    """Drop what matches one of these at the border of a namespace, in the place of what was said before.

    Raises:
        PeerError: the kernel does not show the rules.
    """
    table = f"table inet {_TABLE}_filter"
    chains = [
        f"chain {hook}_{_TABLE} {{\ntype filter hook {hook} priority filter\n{own} lo accept\n"
        + "\n".join(f"{match} drop" for match in matches)
        + "\n}"
        for hook, own, matches in (("input", "iifname", arriving), ("output", "oifname", leaving))
    ]
    text = f"{table}\ndelete {table}\n{table} {{\n" + "\n".join(chains) + "\n}\n"
    nft = find_program("nft") or "nft"
    await run(*namespace.prefix, nft, "-f", "-", text=text)
    listed = await run(*namespace.prefix, nft, "list", "table", "inet", f"{_TABLE}_filter")
    if listed.count(" drop") != len(arriving) + len(leaving):
        raise PeerError(f"the rules are not there: {listed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoNetworks:
    """The three namespaces."""

    caller: Namespace
    router: Namespace
    callee: Namespace

    async def drop_udp(self) -> None:
        """Let the router drop UDP; raises PeerError unless the kernel then shows the rule."""
        await self._nft("-f", "-", text=_DROP_UDP)
        rules = [
            entry["rule"]["expr"]
            for entry in await self._listed("list", "table", "inet", _TABLE)
            if "rule" in entry
        ]
        if not any({"drop": None} in rule and {"counter": "dropped"} in rule for rule in rules):
            raise PeerError(f"the rule that drops UDP is not there: {rules}")

    async def drop_all_but_tcp(self, port: int) -> None:
        """Let the router drop UDP and TCP but for connections to one port (of a SIP server, say)."""
        await self._nft("-f", "-", text=_drop_all_but_tcp(port))

    async def only_tcp_443(self, *, reject: bool) -> None:
        """Let nothing of the caller pass but TCP to port 443, of the router too; drop or reject the rest."""
        await self._nft("-f", "-", text=_only_443("reject" if reject else "drop"))

    async def masquerade(self) -> None:
        """Hide the caller behind the router's address: a NAT that lets in only what answers.

        What the router itself sends, as a relay say, keeps its address.
        """
        await self._nft("-f", "-", text=_MASQUERADE)

    async def add_link(self, *, route_after_s: float = 0.0) -> str:
        """Give the caller a second link to the router, which it uses where the first is gone; its address.

        Its route may come so many seconds after its address.
        """
        host, gateway = "203.0.113.2", "203.0.113.1"
        peer = ("peer", "name", "eth2", "netns", self.router.name)
        await run("ip", "link", "add", "eth1", "netns", self.caller.name, "type", "veth", *peer)
        for name, interface, address in (
            (self.caller.name, "eth1", host),
            (self.router.name, "eth2", gateway),
        ):
            await run("ip", "-n", name, "address", "add", f"{address}/24", "dev", interface)
            await run("ip", "-n", name, "link", "set", interface, "up")
        await asyncio.sleep(route_after_s)
        await run("ip", "-n", self.caller.name, "route", "add", "default", "via", gateway, "metric", "100")
        return host

    async def lose_address(self) -> None:
        """Take the address of the caller's first link away."""
        await run("ip", "-n", self.caller.name, "address", "del", f"{self.caller.host}/24", "dev", "eth0")

    async def lose_link(self) -> None:
        """Switch the caller's first link off."""
        await run("ip", "-n", self.caller.name, "link", "set", "eth0", "down")

    async def add_callee(self, host: str) -> Namespace:
        """One more address in the network of the callee, for a server that stands there."""
        await run("ip", "-n", self.callee.name, "address", "add", f"{host}/24", "dev", "eth0")
        return self.callee.at(host)

    async def drops(self) -> int:
        """How many packets the rule has dropped; raises PeerError where there is no such rule."""
        listed = await self._listed("list", "counter", "inet", _TABLE, "dropped")
        return next(int(entry["counter"]["packets"]) for entry in listed if "counter" in entry)

    async def _listed(self, *arguments: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads(await self._nft("--json", *arguments))["nftables"]
        return entries

    async def _nft(self, *arguments: str, text: str = "") -> str:
        return await run(*self.router.prefix, find_program("nft") or "nft", *arguments, text=text)


@asynccontextmanager
async def two_networks() -> AsyncIterator[TwoNetworks]:
    """Make the namespaces and remove them; nothing is dropped yet."""
    mark = f"icephone-{secrets.token_hex(3)}"
    networks = TwoNetworks(
        caller=Namespace(name=f"{mark}-caller", host="192.0.2.2"),
        router=Namespace(name=f"{mark}-router", host="192.0.2.1"),
        callee=Namespace(name=f"{mark}-callee", host="198.51.100.2"),
    )
    router = networks.router
    made: list[Namespace] = []
    try:
        for namespace in (networks.caller, router, networks.callee):
            await run("ip", "netns", "add", namespace.name)
            made.append(namespace)
            await run("ip", "-n", namespace.name, "link", "set", "lo", "up")
        for number, side in enumerate((networks.caller, networks.callee)):
            gateway = side.host.rpartition(".")[0] + ".1"
            link = f"eth{number}"
            peer = ("peer", "name", link, "netns", router.name)
            await run("ip", "link", "add", "eth0", "netns", side.name, "type", "veth", *peer)
            for name, interface, address in ((side.name, "eth0", side.host), (router.name, link, gateway)):
                await run("ip", "-n", name, "address", "add", f"{address}/24", "dev", interface)
                await run("ip", "-n", name, "link", "set", interface, "up")
            await run("ip", "-n", side.name, "route", "add", "default", "via", gateway)
        await run(*router.prefix, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        yield networks
    finally:
        for namespace in made:
            await run("ip", "netns", "delete", namespace.name)


@asynccontextmanager
async def one_host() -> AsyncIterator[Namespace]:
    """A namespace with an interface beside loopback, for agents that do not look at loopback."""
    namespace = Namespace(name=f"icephone-{secrets.token_hex(3)}-host", host="192.0.2.1")
    await run("ip", "netns", "add", namespace.name)
    try:
        inside = ("ip", "-n", namespace.name)
        await run(*inside, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        for interface in ("lo", "eth0", "eth1"):
            # No address appears by itself while the test runs.
            await run(*inside, "link", "set", interface, "addrgenmode", "none")
            await run(*inside, "link", "set", interface, "up")
        await run(*inside, "address", "add", f"{namespace.host}/24", "dev", "eth0")
        yield namespace
    finally:
        await run("ip", "netns", "delete", namespace.name)
