"""The name that counts in TLS is that of the URI, wherever the DNS leads (RFC 5922 §4, §7.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.net.loopback_dns import loopback_dns
from tests.ua.sip.phones import ALICE, phone
from tests.ua.sip.transport.secure import TLS_FIRST, tls_of, tls_server
from ua.sip.errors import SipTlsError
from ua.sip.syntax.uri import Uri


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
