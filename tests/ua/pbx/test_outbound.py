"""Flows: registrations that are bound to the connection that they came by (RFC 5626), and Path (RFC 3327)."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from tests.ua.pbx.desk import desk
from tests.ua.pbx.line import DOMAIN, USERS, line
from tests.ua.pbx.registers import AGAIN, ALICE, bench, register
from tests.ua.sip.bench import counting_random
from ua.pbx.registrar import FLOW_TIMER_S
from ua.plan import MediaPlan, Tone
from ua.sip.digest.client import DigestClient
from ua.sip.digest.credentials import Credentials
from ua.sip.rejection import SipRejected
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import parse as read
from ua.sip.syntax.wire_format import serialise as write

INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"'
OUTBOUND = (("Supported", "outbound, path"),)
PHONE = f"<sip:alice@192.0.2.7:5060;transport=tcp>;reg-id=1;{INSTANCE}"


@pytest.mark.req("PBX-3")
def test_a_flow_is_kept_and_said_to_be() -> None:
    pbx = bench()
    done = pbx.take(register(PHONE, rows=OUTBOUND))
    assert done.status == 200
    assert done.headers.first("require") == "outbound"
    assert done.headers.first("flow-timer") == str(FLOW_TIMER_S)
    contact = Uri.parse("sip:alice@192.0.2.7:5060;transport=tcp;ob")
    assert pbx.location.flow_to(contact, pbx.now) == ALICE
    assert pbx.location.flow_to(Uri.parse("sip:alice@192.0.2.7:5062"), pbx.now) is None
    pbx.now += 3600
    assert pbx.location.flow_to(contact, pbx.now) is None, "it is over"


@pytest.mark.req("PBX-3")
def test_the_same_flow_number_of_a_phone_replaces_its_binding() -> None:
    pbx = bench()
    moved = f"<sip:alice@192.0.2.99;transport=tcp>;reg-id=1;{INSTANCE}"
    second = f"<sip:alice@192.0.2.99;transport=tcp>;reg-id=2;{INSTANCE}"
    assert pbx.take(register(PHONE, rows=OUTBOUND)).status == 200
    assert pbx.take(register(moved, cseq=2, rows=OUTBOUND), AGAIN).status == 200
    assert pbx.contacts() == ["sip:alice@192.0.2.99;transport=tcp"]
    assert pbx.location.bindings("alice", pbx.now)[0].flow == AGAIN
    assert pbx.take(register(second, call_id="two", rows=OUTBOUND)).status == 200
    assert len(pbx.contacts()) == 2
    assert pbx.location.lose(AGAIN) == ("alice",)
    assert [each.reg_id for each in pbx.location.bindings("alice", pbx.now)] == [2]


@pytest.mark.req("PBX-3")
@pytest.mark.parametrize(
    ("contact", "rows"),
    [
        (f"<sip:alice@192.0.2.7>;{INSTANCE}", OUTBOUND),
        ("<sip:alice@192.0.2.7>;reg-id=1", OUTBOUND),
        (f"<sip:alice@192.0.2.7>;reg-id=0;{INSTANCE}", OUTBOUND),
        (f"<sip:alice@192.0.2.7>;reg-id=one;{INSTANCE}", OUTBOUND),
    ],
)
def test_without_both_numbers_it_is_a_plain_binding(contact: str, rows: tuple[tuple[str, str], ...]) -> None:
    pbx = bench()
    done = pbx.take(register(contact, rows=rows))
    assert (done.status, done.headers.first("require")) == (200, None)
    assert pbx.location.bindings("alice", pbx.now)[0].reg_id is None


@pytest.mark.req("PBX-3")
def test_a_proxy_on_the_way_must_keep_the_flow() -> None:
    pbx = bench()
    assert pbx.take(register(PHONE, rows=OUTBOUND, vias=2)).status == 439
    assert not pbx.contacts()
    unasked = pbx.take(register(PHONE, cseq=2, vias=2))
    assert (unasked.status, unasked.headers.first("require")) == (200, None), "reg-id is ignored"
    path = ("Path", "<sip:token@edge.example.com;lr;ob>")
    done = pbx.take(register(PHONE, call_id="two", rows=(*OUTBOUND, path), vias=2))
    assert (done.status, done.headers.first("require")) == (200, "outbound")
    assert done.headers.first("path") == path[1]
    kept = pbx.location.bindings("alice", pbx.now)[-1]
    assert (kept.flow, [str(each.uri) for each in kept.path]) == (None, ["sip:token@edge.example.com;lr;ob"])


@pytest.mark.req("PBX-3")
def test_a_path_without_ob_keeps_no_flow() -> None:
    pbx = bench()
    path = ("Path", "<sip:token@edge.example.com;lr>")
    assert pbx.take(register(PHONE, rows=(*OUTBOUND, path), vias=2)).status == 439
    assert not pbx.contacts()


@pytest.mark.req("PBX-3")
def test_of_two_flows_the_newest_is_taken_and_nobody_takes_those_of_another_user() -> None:
    pbx = bench()
    contact = Uri.parse("sip:alice@192.0.2.7:5060")
    third = dataclasses.replace(AGAIN, connection=3)
    assert pbx.take(register(PHONE, rows=OUTBOUND)).status == 200
    pbx.now += 1
    second = PHONE.replace("reg-id=1", "reg-id=2")
    assert pbx.take(register(second, call_id="two", rows=OUTBOUND), AGAIN).status == 200
    assert pbx.location.flow_to(contact, pbx.now) == AGAIN
    pbx.now += 1
    assert pbx.take(register(PHONE, user="bob", call_id="three", rows=OUTBOUND), third).status == 200
    assert pbx.location.flow_to(contact, pbx.now) == AGAIN
    pbx.location.lose(AGAIN)
    pbx.location.lose(ALICE)
    assert pbx.location.flow_to(contact, pbx.now) == third


@pytest.mark.req("PBX-3")
def test_a_flow_is_one_contact_at_a_time() -> None:
    pbx = bench()
    assert pbx.take(register(PHONE, "<sip:alice@192.0.2.8>", rows=OUTBOUND)).status == 400
    assert not pbx.contacts()
    gone = "<sip:alice@192.0.2.8>;expires=0"
    assert pbx.take(register(PHONE, gone, cseq=2, rows=OUTBOUND)).status == 200


@pytest.mark.req("PBX-3")
async def test_calls_go_to_the_connection_that_the_phone_registered_by_last() -> None:
    contact = f"<sip:bob@192.0.2.200:5060;transport=tcp>;reg-id=1;{INSTANCE}"
    async with line() as pbx, pbx.phone("alice") as alice:
        place = pbx.address("tcp")
        first = await _connect(place, contact, 1)
        second = await _connect(place, contact, 3)
        call = await alice.place(f"sip:bob@{DOMAIN}", MediaPlan(source=Tone(hz=440)))
        head = await asyncio.wait_for(second[0].readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"INVITE sip:bob@192.0.2.200:5060;transport=tcp SIP/2.0\r\n")
        second[1].write(b"\r\n\r\n")
        call.hang_up()
        await asyncio.sleep(0)
        for _, writer in (first, second):
            writer.close()
            await writer.wait_closed()
        await call.ended()
        async with asyncio.timeout(10):
            while pbx.pbx.location.users(0.0) != ("alice",):  # noqa: ASYNC110 - connections end when they end
                await asyncio.sleep(0.01)


@pytest.mark.req("PBX-3")
async def test_signs_of_life_are_answered() -> None:
    async with line() as pbx:
        place = pbx.address("tcp")
        reader, writer = await asyncio.open_connection(place.host, place.port)
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 10) == b"\r\n"
        writer.close()
        await writer.wait_closed()
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        class Hear(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                answers.put_nowait(data)

        udp = pbx.address()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Hear, remote_addr=(udp.host, udp.port or 5060)
        )
        ask = StunMessage(
            method=Method.BINDING, message_class=MessageClass.REQUEST, transaction_id=b"t" * 12, attributes=()
        )
        transport.sendto(serialise(ask, integrity_key=None, fingerprint=False))
        answer = parse(await asyncio.wait_for(answers.get(), 10))
        assert (answer.message_class, answer.transaction_id) == (MessageClass.SUCCESS, b"t" * 12)
        transport.close()


async def _connect(place: Uri, contact: str, cseq: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that bob has registered by."""
    reader, writer = await asyncio.open_connection(place.host, place.port)
    known = Credentials(username="bob", password=USERS["bob"], realm=DOMAIN)
    client = DigestClient((known,), counting_random())
    run = client.start()
    for number in (cseq, cseq + 1):
        request = register(
            contact,
            cseq=number,
            uri=f"sip:{DOMAIN}",
            to=f"<sip:bob@{DOMAIN}>",
            rows=(*OUTBOUND, *client.rows("REGISTER", f"sip:{DOMAIN}")),
        )
        writer.write(write(request))
        response = read(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10))
        assert isinstance(response, Response)
        assert response.status == (401 if number == cseq else 200)
        if response.status == 401:
            assert run.challenged(request, response) == ""
    return reader, writer


@pytest.mark.req("PBX-3")
async def test_two_phones_of_one_page_are_told_apart() -> None:
    """They have one made-up name, and a connection each."""
    async with (
        line(ws_port=0) as pbx,
        desk(pbx, "alice") as alice,
        desk(pbx, "bob", transport="ws", transports=("ws",), registers=False) as bob,
        desk(pbx, "carol", transport="ws", transports=("ws",), registers=False) as carol,
    ):
        for each in (bob, carol):
            series = each.phone.endpoint.series(
                target=Uri(host=DOMAIN), from_=each.aor, to=each.aor, credentials=each.known
            )
            rows = Headers.of(("Contact", f"<sip:{each.user}@page.invalid;transport=ws>;reg-id=1;{INSTANCE}"))
            assert (await series.request("REGISTER", headers=rows)).response.status == 200
        for each in (bob, carol):
            invite = alice.call(each.user)
            incoming = await asyncio.wait_for(each.asked(), 10)
            assert incoming.request.uri.user == each.user
            incoming.reject(486)
            with pytest.raises(SipRejected):
                await invite.answered()
        await pbx.idle()
