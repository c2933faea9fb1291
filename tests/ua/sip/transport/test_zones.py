"""IPv6 zones stay on their host: none is read from the wire, none is written to it (RFC 6874 §1)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from pathlib import Path

import pytest

from tests.ua.sip.bench import make_request
from tests.ua.sip.phones import phone
from ua.config.sip_uri import split_listen
from ua.sip.errors import SipParseError
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via
from ua.sip.syntax.wire_format import serialise

ZONED = "fe80::1%eth0"
INTERFACES = Path("/proc/net/if_inet6")


def link_local() -> str:
    """A link-local address of this host with its zone, empty where it has none."""
    rows = [row.split() for row in INTERFACES.read_text().splitlines()] if INTERFACES.exists() else []
    found = next((row for row in rows if row[0].startswith("fe80")), None)
    if found is None:
        return ""
    return ":".join(found[0][at : at + 4] for at in range(0, 32, 4)) + f"%{found[5]}"


@pytest.mark.req("IP6-1")
def test_a_zone_is_no_part_of_an_address_in_sip() -> None:
    for text in (f"sip:bob@[{ZONED}]", "sip:bob@[fe80::1%25eth0]:5060"):
        with pytest.raises(SipParseError):
            Uri.parse(text)
    with pytest.raises(SipParseError):
        Via.parse(f"SIP/2.0/UDP [{ZONED}]:5060;branch=z9hG4bK1")
    with pytest.raises(ValueError, match="no address to listen on"):
        split_listen(f"[{ZONED}]:5060")


@pytest.mark.req("IP6-1")
@pytest.mark.skipif(not link_local(), reason="this host has no link-local IPv6 address")
async def test_a_neighbour_on_the_link_reads_no_zone() -> None:
    host, _, interface = link_local().partition("%")
    scope = socket.if_nametoindex(interface)
    loop = asyncio.get_running_loop()
    async with phone(host="::") as bob:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as neighbour:
            neighbour.setblocking(False)
            neighbour.bind((host, 0, 0, scope))
            request = make_request("OPTIONS", sent_by="here.invalid", transport="TCP")
            port = bob.endpoint.local_addresses["udp"].port
            await loop.sock_connect(neighbour, (host, port, 0, scope))
            await loop.sock_sendall(neighbour, serialise(request))
            async with asyncio.timeout(10):
                answer = await loop.sock_recv(neighbour, 65535)
        received = ipaddress.ip_address(host)
        assert f";received={received}".encode() in answer
        assert b"%" not in answer
        # What we would tell this neighbour of ourselves.
        contact = await bob.endpoint.contact_uri(Uri.parse("sip:x@[::1]:5060"))
        assert "%" not in str(contact)
