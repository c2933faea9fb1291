"""SIP over TLS: who is at the other end, what is refused, and that nothing leaves before."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from functools import partial
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.distinct import distinct
from tests.peers.process import until
from tests.ua.sip.phones import ALICE, Phone, phone
from tests.ua.sip.transport.secure import TLS_FIRST, pair, sips, tls_of, tls_server
from tests.ua.sip.transport.streams import options
from ua.errors import ConfigurationError, ResultCode
from ua.sip.errors import SipTlsError, SipUnreachable
from ua.sip.rejection import SipRejected
from ua.sip.syntax.uri import Uri
from ua.sip.transport.tls.config import TlsConfig


async def ask(alice: Phone, uri: Uri | str) -> int:
    target = Uri.parse(uri) if isinstance(uri, str) else uri
    return (await alice.endpoint.request("OPTIONS", target, from_=ALICE)).response.status


def refusing(caught: pytest.ExceptionInfo[SipTlsError]) -> str:
    assert caught.value.code is ResultCode.TLS
    assert caught.value.exit_code == 6
    return f"{caught.value.what} {caught.value.seen}"


@pytest.mark.req("TRN-5", "UAC-3")
async def test_a_request_for_a_sips_uri_goes_over_tls(authority: Authority) -> None:
    async with pair(authority) as (alice, bob):
        assert await ask(alice, sips(bob)) == 200
        asked = next(entry for entry in bob.log if entry.kind == "message")
        assert asked.transport == "tls"
        assert f"OPTIONS {sips(bob)} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:" in asked.text
        opened = next(entry.reason for entry in alice.log if entry.kind == "connection")
        assert opened.startswith("opened: TLSv1.3, a certificate for DNS:localhost, IP:127.0.0.1")


@pytest.mark.req("UAC-4", "DLG-9")
async def test_a_sips_call_has_sips_contacts_on_both_sides(authority: Authority) -> None:
    async with pair(authority) as (alice, bob):
        call = alice.endpoint.invite(sips(bob), from_=ALICE, body=b"v=0\r\n")
        incoming = await bob.offered.get()
        incoming.ring()
        leg = incoming.accept(b"v=0\r\n")
        await call.answered()
        assert call.leg is not None
        again = asyncio.ensure_future(leg.reinvite(b"v=0\r\n"))
        await again
        await call.leg.bye()
        ports = [each.endpoint.local_addresses["tls"].port for each in (alice, bob)]
        sent = distinct(entry.text for entry in (*alice.log, *bob.log) if entry.direction == "out")
        contacts = [line for text in sent for line in text.split("\r\n") if line.startswith("Contact:")]
        assert len(contacts) == 4  # INVITE, 180, 200, re-INVITE
        assert set(contacts) == {
            f"Contact: <sips:alice@127.0.0.1:{ports[0]}>",
            f"Contact: <sips:bob@127.0.0.1:{ports[1]}>",
        }
        assert leg.dialog.secure
        assert call.leg.dialog.secure
        assert {entry.transport for entry in alice.log if entry.kind == "message"} == {"tls"}


@pytest.mark.req("TRN-5")
async def test_the_server_hears_the_domain_of_the_uri(authority: Authority) -> None:
    async with tls_server(authority.issue(dns=["localhost"])) as (port, heard):
        async with phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await ask(alice, f"sips:bob@localhost:{port}")
        assert heard.names == ["localhost"]
        assert heard.data.startswith(b"OPTIONS sips:bob@localhost")


@pytest.mark.req("TRN-5", "REG-7")
@pytest.mark.parametrize(
    ("names", "days", "found"),
    [
        ({"dns": ["other.example"]}, (-1, 30), "DNS:other.example"),
        ({"uris": ["sip:other.example"], "dns": ["localhost"]}, (-1, 30), "URI:sip:other.example"),
        ({"dns": ["*.localhost", "local*"]}, (-1, 30), "DNS:*.localhost"),
        ({"dns": ["localhost"]}, (-30, -1), "has expired"),
    ],
)
async def test_before_the_certificate_is_accepted_nothing_is_sent(
    authority: Authority, names: dict[str, list[str]], days: tuple[int, int], found: str
) -> None:
    issued = authority.issue("localhost", days=days, **names)
    async with tls_server(issued) as (port, heard):
        async with phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice:
            series = alice.endpoint.series(target=Uri.parse(f"sips:localhost:{port}"), from_=ALICE)
            with pytest.raises(SipTlsError) as caught:
                await series.request("REGISTER", contact=())
        text = refusing(caught)
        assert "the certificate of localhost is refused" in text
        assert "expected a certificate for localhost" in text
        assert found in text
        assert issued.fingerprint in text.replace(":", "")
    assert heard.data == b""


@pytest.mark.req("TRN-5")
async def test_a_certificate_of_an_unknown_issuer_is_refused_and_described(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "Somebody else")
    issued = other.issue(dns=["localhost"])
    async with tls_server(issued) as (port, heard):
        async with phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice:
            with pytest.raises(SipTlsError) as caught:
                await ask(alice, f"sips:bob@localhost:{port}")
        text = refusing(caught)
        assert "its issuer is not known here" in text
        assert f"an issuer in {authority.certificate}" in text
        assert "issued by CN=Somebody else" in text
        assert issued.fingerprint in text.replace(":", "")
    assert heard.data == b""


@pytest.mark.parametrize("verify", ["full", "chain", "off"])
@pytest.mark.parametrize("fault", ["issuer", "name", "none"])
async def test_what_is_checked_is_a_matter_of_the_settings(
    authority: Authority, tmp_path: Path, verify: str, fault: str
) -> None:
    other = Authority(tmp_path, "Somebody else")
    by = other if fault == "issuer" else authority
    issued = by.issue(dns=["other.example" if fault == "name" else "localhost"])
    good = fault == "none" or verify == "off" or (verify == "chain" and fault == "name")
    async with (
        phone(transports=TLS_FIRST, tls=tls_of(authority, issued)) as bob,
        phone(transports=TLS_FIRST, tls=tls_of(authority, verify=verify)) as alice,
    ):
        if good:
            assert await ask(alice, sips(bob)) == 200
        else:
            with pytest.raises(SipTlsError):
                await ask(alice, sips(bob))


async def test_a_pinned_certificate_is_trusted_and_no_other(authority: Authority, tmp_path: Path) -> None:
    unknown = Authority(tmp_path, "Somebody else").issue("whoever", days=(-30, -1))
    known = authority.issue(dns=["localhost"])
    pinned = TlsConfig(ca_file=authority.certificate, fingerprints=(unknown.fingerprint,))
    async with (
        phone(transports=TLS_FIRST, tls=tls_of(authority, unknown)) as bob,
        phone(transports=TLS_FIRST, tls=tls_of(authority, known)) as carol,
        phone(transports=TLS_FIRST, tls=pinned) as alice,
    ):
        assert await ask(alice, sips(bob)) == 200
        with pytest.raises(SipTlsError) as caught:
            await ask(alice, sips(carol))
        assert unknown.fingerprint in refusing(caught).replace(":", "")


@pytest.mark.req("TRN-5")
async def test_old_versions_of_tls_are_not_spoken(authority: Authority) -> None:
    issued = authority.issue(dns=["localhost"])
    old, good = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2
    async with phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice:
        with pytest.warns(DeprecationWarning):
            async with tls_server(issued, versions=(old, old)) as (port, heard):
                with pytest.raises(SipTlsError):
                    await ask(alice, f"sips:bob@localhost:{port}")
        assert heard.data == b""
        async with tls_server(issued, versions=(good, good)) as (port, heard):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await ask(alice, f"sips:bob@localhost:{port}")
    assert heard.data.startswith(b"OPTIONS")


@pytest.mark.req("TRN-5")
async def test_sips_never_falls_to_another_transport(authority: Authority) -> None:
    """Bob listens on TCP and UDP at this very port, and would answer."""
    async with phone() as bob, phone(transports=("udp", "tcp", "tls"), tls=tls_of(authority)) as alice:
        port = bob.endpoint.local_addresses["udp"].port
        with pytest.raises(SipUnreachable):
            await ask(alice, f"sips:bob@127.0.0.1:{port}")
        with pytest.raises(SipUnreachable, match=r"udp|UDP"):
            await ask(alice, f"sips:bob@127.0.0.1:{port};transport=udp")
        assert bob.count("OPTIONS", "in") == 0
        assert await ask(alice, f"sip:bob@127.0.0.1:{port}") == 200


@pytest.mark.req("TRN-5")
async def test_transport_tls_in_a_sip_uri_is_understood(authority: Authority) -> None:
    async with pair(authority) as (alice, bob):
        port = bob.endpoint.local_addresses["tls"].port
        assert await ask(alice, f"sip:bob@localhost:{port};transport=tls") == 200
        assert {entry.transport for entry in bob.log if entry.kind == "message"} == {"tls"}


@pytest.mark.req("TRN-5")
async def test_a_client_without_certificate_may_call_unless_one_is_required(
    authority: Authority, tmp_path: Path
) -> None:
    issued = authority.issue(dns=["localhost"])
    strict = tls_of(authority, issued, require_client_certificate=True)
    stranger = tls_of(authority, None)
    forged = Authority(tmp_path, "Somebody else").issue(dns=["localhost"])
    forger = TlsConfig(ca_file=authority.certificate, certificate=forged.certificate, key=forged.key)
    async with (
        phone(transports=TLS_FIRST, tls=tls_of(authority, issued)) as open_one,
        phone(transports=TLS_FIRST, tls=strict) as strict_one,
    ):
        async with phone(transports=TLS_FIRST, tls=stranger) as alice:
            assert await ask(alice, sips(open_one)) == 200
            with pytest.raises(SipUnreachable):
                await ask(alice, sips(strict_one))
        async with phone(transports=TLS_FIRST, tls=tls_of(authority, issued)) as alice:
            assert await ask(alice, sips(strict_one)) == 200
        async with phone(transports=TLS_FIRST, tls=forger) as alice:
            with pytest.raises(SipUnreachable):
                await ask(alice, sips(open_one))
        accepted = [entry.reason for entry in open_one.log if entry.reason.startswith("accepted")]
        assert accepted == ["accepted: TLSv1.3, no certificate"]
        assert any("issued by CN=Somebody else" in reason for reason in open_one.refusals())


async def test_a_phone_without_certificate_is_called_back_over_its_own_connection(
    authority: Authority,
) -> None:
    """It cannot be connected to; a BYE to it goes down the connection that it has opened."""
    issued = authority.issue(dns=["localhost"], addresses=["127.0.0.1"])
    async with (
        phone(transports=TLS_FIRST, tls=tls_of(authority, issued)) as bob,
        phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice,
    ):
        assert "tls" not in alice.endpoint.local_addresses
        call = alice.endpoint.invite(sips(bob), from_=ALICE, body=b"v=0\r\n")
        leg = (await bob.offered.get()).accept(b"v=0\r\n")
        await call.answered()
        await leg.bye()
        assert call.leg is not None
        assert (await call.leg.ended).by == "remote"
        assert len([entry for entry in bob.log if entry.reason.startswith("opened")]) == 0


@pytest.mark.req("TRN-7", "LIM-3")
async def test_who_does_not_shake_hands_is_cut_off(authority: Authority) -> None:
    issued = authority.issue(dns=["localhost"])
    async with phone(transports=TLS_FIRST, tls=tls_of(authority, issued), handshake_timeout=0.2) as bob:
        port = bob.endpoint.local_addresses["tls"].port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(2):
            assert await reader.read(100) == b""
        writer.close()
        await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(options())
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionError):
                assert b"SIP/2.0" not in await reader.read(100)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        assert bob.refusals() == ["TLS with the client failed http request"]


@pytest.mark.req("TRN-7")
async def test_a_server_that_does_not_shake_hands_is_not_waited_for(authority: Authority) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with phone(transports=TLS_FIRST, tls=tls_of(authority), handshake_timeout=0.2) as alice:
        with pytest.raises(SipUnreachable) as caught:
            await ask(alice, f"sips:bob@127.0.0.1:{port}")
        assert "no handshake in time" in caught.value.seen
    server.close()
    await server.wait_closed()


@pytest.mark.req("TRN-7")
async def test_close_notify_ends_what_is_pending_and_nothing_new_is_started_there(
    authority: Authority,
) -> None:
    async with tls_server(authority.issue(dns=["localhost"])) as (port, heard):
        async with phone(transports=TLS_FIRST, tls=tls_of(authority)) as alice:

            def was_asked(times: int) -> bool:
                return heard.data.count(b"OPTIONS sips") == times

            for round_ in (1, 2):
                asked = asyncio.ensure_future(ask(alice, f"sips:bob@localhost:{port}"))
                await until(partial(was_asked, round_), "it was asked", 2)
                heard.writers[-1].close()
                with pytest.raises(SipUnreachable) as caught:
                    async with asyncio.timeout(1):
                        await asked
                assert "closed by the peer" in caught.value.seen
        assert heard.connections == 2


@pytest.mark.req("TRN-7")
async def test_connections_are_used_again_and_shared_by_requests_at_once(authority: Authority) -> None:
    async with pair(authority) as (alice, bob):
        assert await asyncio.gather(*(ask(alice, sips(bob)) for _ in range(5))) == [200] * 5
        assert await ask(alice, sips(bob)) == 200
        opened = [entry for entry in alice.log if entry.reason.startswith("opened")]
        assert len(opened) == 1
        # another name at the same address: the certificate is good for it too
        assert await ask(alice, sips(bob, "127.0.0.1")) == 200
        assert len([entry for entry in alice.log if entry.reason.startswith("opened")]) == 1


@pytest.mark.req("TRN-7")
async def test_what_nobody_uses_is_closed_after_a_while(authority: Authority) -> None:
    async with pair(authority, idle_timeout=0.3) as (alice, bob):
        assert await ask(alice, sips(bob)) == 200
        log = (alice.log, bob.log)
        await until(
            lambda: any(each.reason == "not used for long" for own in log for each in own), "closed", 3
        )
        assert await ask(alice, sips(bob)) == 200
        assert len([entry for entry in alice.log if entry.reason.startswith("opened")]) == 2


async def test_a_call_that_needs_a_login_over_tls(authority: Authority) -> None:
    """Refusals pass through TLS like all else."""
    async with pair(authority) as (alice, bob):
        call = alice.endpoint.invite(sips(bob), from_=ALICE, body=b"v=0\r\n")
        (await bob.offered.get()).reject(486)
        with pytest.raises(SipRejected):
            await call.answered()


@pytest.mark.parametrize("fault", ["no file", "no certificate", "another key", "no authority"])
async def test_files_of_no_use_are_told(authority: Authority, tmp_path: Path, fault: str) -> None:
    issued, other = authority.issue(dns=["localhost"]), authority.issue(dns=["localhost"])
    empty = tmp_path / "empty.pem"
    empty.touch()
    tls = {
        "no file": TlsConfig(certificate=tmp_path / "nowhere.pem", key=issued.key),
        "no certificate": TlsConfig(certificate=empty, key=issued.key),
        "another key": TlsConfig(certificate=issued.certificate, key=other.key),
        "no authority": TlsConfig(ca_file=empty),
    }[fault]
    key = {"no authority": "ca_file", "another key": "key"}.get(fault, "certificate")
    with pytest.raises(ConfigurationError, match=f"tls.{key}: "):
        async with phone(transports=TLS_FIRST, tls=tls):
            pytest.fail("it started")
