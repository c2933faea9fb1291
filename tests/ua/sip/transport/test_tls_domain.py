"""The name that counts in TLS is that of the URI, wherever the DNS leads (RFC 5922 §4, §7.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.net.loopback_dns import loopback_dns
from tests.ua.sip.phones import ALICE, phone
from tests.ua.sip.transport.secure import TLS_FIRST, sips, tls_of, tls_server
from ua.sip.errors import SipTlsError
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport


def zone(port: int) -> dict[tuple[str, str], list[str]]:
    """example.com has its secure SIP on a host of another name, found by NAPTR and SRV."""
    return {
        ("example.com", "NAPTR"): ['10 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.'],
        ("_sips._tcp.example.com", "SRV"): [f"1 1 {port} pbx.hosting.example."],
        ("pbx.hosting.example", "A"): ["127.0.0.1"],
    }


@pytest.mark.req("TRN-5", "REG-7")
@pytest.mark.parametrize(
    ("name", "good"),
    [("example.com", True), ("pbx.hosting.example", False), ("_sips._tcp.example.com", False)],
)
async def test_the_certificate_names_the_domain_and_not_the_host_behind_it(
    tmp_path: Path, name: str, good: bool
) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue(dns=[name])
    async with (
        phone(transports=TLS_FIRST, tls=tls_of(authority, issued)) as bob,
        loopback_dns(zone(bob.endpoint.local_addresses["tls"].port)) as dns,
        phone(transports=TLS_FIRST, tls=tls_of(authority), name_servers=(dns.address,)) as alice,
    ):
        series = alice.endpoint.series(target=Uri.parse("sips:example.com"), from_=ALICE)
        if good:
            done = await series.request("OPTIONS")
            assert done.response.status == 200
            return
        with pytest.raises(SipTlsError) as caught:
            await series.request("OPTIONS")
        assert "expected a certificate for example.com" in caught.value.seen
        assert bob.count("OPTIONS", "in") == 0


@pytest.mark.req("TRN-5")
async def test_the_server_is_told_the_domain(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        tls_server(authority.issue(dns=["other.example"])) as (port, heard),
        loopback_dns(zone(port)) as dns,
        phone(transports=TLS_FIRST, tls=tls_of(authority), name_servers=(dns.address,)) as alice,
    ):
        with pytest.raises(SipTlsError):
            await alice.endpoint.request("OPTIONS", Uri.parse("sips:bob@example.com"), from_=ALICE)
    assert heard.names == ["example.com"]
    assert heard.data == b""


@pytest.mark.req("TRN-7")
async def test_a_connection_is_not_used_for_a_domain_that_its_certificate_does_not_name(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    records = {(f"{name}.example", "A"): ["127.0.0.1"] for name in ("one", "two", "three")}
    issued = authority.issue(dns=["one.example", "two.example"])
    async with (
        loopback_dns(records) as dns,
        phone(transports=TLS_FIRST, tls=tls_of(authority, issued)) as bob,
        phone(transports=TLS_FIRST, tls=tls_of(authority), name_servers=(dns.address,)) as alice,
    ):
        for name, good in (("one", True), ("two", True), ("three", False), ("one", True)):
            asked = alice.endpoint.request("OPTIONS", sips(bob, f"{name}.example"), from_=ALICE)
            if good:
                assert (await asked).response.status == 200
            else:
                with pytest.raises(SipTlsError):
                    await asked
        assert len([entry for entry in alice.log if entry.reason.startswith("opened")]) == 1


@pytest.mark.req("TRN-5", "TRN-7")
async def test_a_server_that_was_found_by_name_may_call_itself_by_its_address(tmp_path: Path) -> None:
    """As proxies do in Record-Route; the name is what counts, also where the connection is made anew."""
    authority = Authority(tmp_path)
    async with (
        phone(transports=TLS_FIRST, tls=tls_of(authority, authority.issue(dns=["localhost"]))) as bob,
        phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice,
    ):
        by_name, by_address = sips(bob, "localhost"), sips(bob, "127.0.0.1")
        with pytest.raises(SipTlsError):
            await alice.endpoint.request("OPTIONS", by_address, from_=ALICE)
        for target in (by_name, by_address):
            assert (await alice.endpoint.request("OPTIONS", target, from_=ALICE)).response.status == 200
        (connection,) = alice.endpoint._stack.transport.streams["tls"].connections
        connection.abort("lost")
        await connection.gone
        assert (await alice.endpoint.request("OPTIONS", by_address, from_=ALICE)).response.status == 200


@pytest.mark.req("TRN-6")
async def test_a_websocket_that_was_secure_stays_so(tmp_path: Path) -> None:
    """transport=ws in Record-Route says nothing of TLS; the connection did, and a new one has it too."""
    authority = Authority(tmp_path)
    issued = authority.issue(dns=["localhost"])
    spoken: tuple[SipTransport, ...] = ("wss", "ws", "tcp")
    async with (
        phone(transports=spoken, tls=tls_of(authority, issued), wss_port=0) as bob,
        phone(transports=spoken, tls=tls_of(authority)) as alice,
    ):
        port = bob.endpoint.local_addresses["wss"].port
        for uri in (f"sips:bob@localhost:{port};transport=ws", f"sip:bob@127.0.0.1:{port};transport=ws"):
            done = await alice.endpoint.request("OPTIONS", Uri.parse(uri), from_=ALICE)
            assert done.response.status == 200
            (connection,) = alice.endpoint._stack.transport.streams["wss"].connections
            connection.abort("lost")
            await connection.gone
        assert {entry.transport for entry in alice.log if entry.kind == "message"} == {"wss"}
