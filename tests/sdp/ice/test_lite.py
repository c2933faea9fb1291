"""Offers and answers of lite agents (RFC 8839 §4.4.1.3, §4.4.2.2, RFC 6544 §6.1), on real loopback."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.types import Role, SessionState, Transport
from sdp.ice.binding import IceBinding
from sdp.negotiation import lite_selection
from sdp.syntax.parser import parse
from tests.sdp.calls import (
    CONFIG,
    HOLD,
    LOOPBACK,
    WITHOUT_MUX,
    Call,
    role,
    talk,
    two,
    wants_update,
)

LITE = replace(CONFIG, lite=True)
TRUSTING = replace(LITE, udp=False, lite_unproved_tcp=True)


class OneFamily(HostNetwork):
    """This host with IPv4 alone."""

    def host_addresses(self) -> list[HostAddress]:
        return [HostAddress(host="127.0.0.1", interface=LOOPBACK, loopback=True)]


class BothFamilies(HostNetwork):
    def host_addresses(self) -> list[HostAddress]:
        return [HostAddress(host=host, interface=LOOPBACK, loopback=True) for host in ("::1", "127.0.0.1")]


def lines(text: str, name: str) -> list[str]:
    return re.findall(rf"^a={name}(?::(.*?))?\r$", text, re.MULTILINE)


def state(binding: IceBinding) -> SessionState:
    return binding.session.state


def media_line(text: str) -> str:
    return next(line for line in text.split("\r\n") if line.startswith("m="))


@pytest.mark.req("SDP-ICE-7", "SDP-ICE-20", "ICE-5.2-1")
@pytest.mark.parametrize("udp", [True, False], ids=["udp open", "udp blocked"])
@pytest.mark.parametrize("offers", [True, False], ids=["lite offers", "lite answers"])
async def test_a_lite_and_a_full_phone(udp: bool, offers: bool) -> None:
    configs = (LITE, CONFIG) if offers else (CONFIG, LITE)
    async with two(udp=udp, config=configs[0], answerer=configs[1]) as call:
        call.exchange(WITHOUT_MUX, WITHOUT_MUX)
        lite_text, full_text = call.offer_text, call.answer_text
        if not offers:
            lite_text, full_text = full_text, lite_text
        assert lines(lite_text, "ice-lite") == [""]
        assert lines(lite_text, "ice-pacing") == []
        assert lines(full_text, "ice-lite") == []
        assert not any("active" in line for line in lines(lite_text, "candidate"))
        lite, full = (call.alice, call.bob) if offers else (call.bob, call.alice)
        alice, bob = await call.paths()
        assert (role(lite), role(full)) == (Role.CONTROLLED, Role.CONTROLLING)
        await talk(alice, bob)
        assert not wants_update(call.alice)
        assert not wants_update(call.bob)


@pytest.mark.req("SDP-ICE-25")
async def test_while_ice_runs_a_lite_offer_repeats_everything() -> None:
    async with two(config=LITE, answerer=CONFIG) as call:
        first = call.alice.offer(WITHOUT_MUX)
        answered = call.bob.answer(first, WITHOUT_MUX)
        call.alice.apply_answer(answered.description)
        # The full side has not begun to check.
        assert state(call.alice) is SessionState.RUNNING
        again = call.alice.offer(WITHOUT_MUX)
        assert again == first


@pytest.mark.req("SDP-ICE-26")
@pytest.mark.parametrize("udp", [True, False], ids=["udp open", "udp blocked"])
async def test_after_completion_a_controlled_lite_offer_shows_the_valid_pair(udp: bool) -> None:
    async with two(udp=udp, config=LITE, answerer=CONFIG, network=OneFamily()) as call:
        call.exchange()
        await call.paths()
        pair = call.alice.session.path(1).pair
        assert pair is not None
        call.exchange(HOLD)
        (candidate,) = lines(call.offer_text, "candidate")
        assert f" {pair.local.address.host} {pair.local.address.port} typ host" in candidate
        assert media_line(call.offer_text).split()[1] == str(pair.local.address.port)
        assert lines(call.offer_text, "remote-candidates") == [], "it is controlled"
        assert lines(call.offer_text, "ice-lite") == [""]
        alice, bob = await call.paths()
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-27", "SDP-ICE-28")
@pytest.mark.parametrize("udp", [True, False], ids=["udp open", "udp blocked"])
async def test_a_lite_side_answers_the_selection_of_the_full_one(udp: bool) -> None:
    async with two(udp=udp, config=CONFIG, answerer=LITE, network=OneFamily()) as call:
        call.exchange()
        await call.paths()
        before = call.bob.session.path(1).remote
        call.exchange(HOLD)
        assert len(lines(call.offer_text, "remote-candidates")) == 1
        (candidate,) = lines(call.answer_text, "candidate")
        pair = call.bob.session.path(1).pair
        assert pair is not None
        assert f" {pair.local.address.host} {pair.local.address.port} typ host" in candidate
        assert call.bob.session.path(1).remote == before
        assert state(call.bob) is SessionState.COMPLETED


# --- both lite ----------------------------------------------------------------------------------------------


@pytest.mark.req("ICE-6.2-1", "ICE-8.2-2")
@pytest.mark.parametrize("mux", [True, False], ids=["mux", "two ports"])
async def test_both_lite_with_ipv4_alone_need_no_update(mux: bool) -> None:
    config = replace(LITE, tcp=False)
    async with two(config=config, network=OneFamily()) as call:
        call.exchange(replace(WITHOUT_MUX, rtcp_mux=mux), replace(WITHOUT_MUX, rtcp_mux=mux))
        assert not wants_update(call.alice)
        alice, bob = await call.paths()
        await talk(alice, bob)
        call.exchange(replace(HOLD, rtcp_mux=mux), replace(WITHOUT_MUX, rtcp_mux=mux))
        assert len(lines(call.offer_text, "remote-candidates")) == 1


async def updated(call: Call, *, mux: bool = True) -> None:
    """The updated offer of the controlling side, and its answer."""
    assert wants_update(call.alice)
    assert not wants_update(call.bob)
    wish = replace(WITHOUT_MUX, rtcp_mux=mux)
    call.exchange(wish, wish)
    assert not wants_update(call.alice)


@pytest.mark.req("ICE-6.2-1", "ICE-8.2-2", "SDP-ICE-26", "SDP-ICE-27")
@pytest.mark.parametrize("mux", [True, False], ids=["mux", "two ports"])
async def test_both_lite_with_two_families_need_one_more_offer(mux: bool) -> None:
    async with two(config=replace(LITE, tcp=False), network=BothFamilies()) as call:
        wish = replace(WITHOUT_MUX, rtcp_mux=mux)
        call.exchange(wish, wish)
        assert state(call.alice) is SessionState.RUNNING
        await updated(call, mux=mux)
        assert "remote-candidates" not in call.answer_text
        (told,) = lines(call.offer_text, "remote-candidates")
        assert told.count("::1") == (1 if mux else 2)
        assert len(lines(call.offer_text, "candidate")) == (1 if mux else 2)
        assert len(lines(call.answer_text, "candidate")) == (1 if mux else 2)
        assert state(call.alice) is SessionState.COMPLETED
        assert state(call.bob) is SessionState.COMPLETED
        alice, bob = await call.paths()
        assert alice.rtp.remote is not None
        assert alice.rtp.remote.host == "::1"
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-27")
async def test_who_is_told_a_selection_is_controlled() -> None:
    async with two(config=replace(LITE, tcp=False), network=BothFamilies()) as call:
        call.bob.session.set_role(Role.CONTROLLING)
        call.exchange()
        assert wants_update(call.bob)
        call.exchange()
        assert role(call.bob) is Role.CONTROLLED
        assert not wants_update(call.bob)
        alice, bob = await call.paths()
        await talk(alice, bob)


@pytest.mark.req("ICETCP-6.1-1", "ICETCP-4.4-2", "SDP-ICE-26")
@pytest.mark.parametrize("early", [True, False], ids=["connected before the answer", "in parallel"])
async def test_both_lite_over_tcp(early: bool) -> None:
    async with two(config=TRUSTING, network=OneFamily()) as call:
        call.exchange()
        assert wants_update(call.alice)
        if early:
            async with asyncio.timeout(10):
                while call.bob.session.path(1).pair is None:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.001)
        await updated(call)
        assert media_line(call.offer_text).startswith("m=audio 9 TCP/RTP/AVP ")
        assert lines(call.offer_text, "setup") == ["active"]
        assert lines(call.offer_text, "connection") == ["new"]
        assert lines(call.answer_text, "setup") == ["passive"]
        alice, bob = await call.paths()
        assert alice.rtp.transport is bob.rtp.transport is Transport.TCP
        await talk(alice, bob)
        before = call.alice.session.open_sockets, call.bob.session.open_sockets
        # Later offers keep the connection.
        for back in (False, True):
            call.exchange(HOLD, back=back)
            assert lines(call.offer_text, "connection") == ["existing"]
            assert lines(call.answer_text, "connection") == ["existing"]
        await talk(alice, bob)
        assert (call.alice.session.open_sockets, call.bob.session.open_sockets) == before
        assert (role(call.alice), role(call.bob)) == (Role.CONTROLLING, Role.CONTROLLED)


# --- reading ------------------------------------------------------------------------------------------------

OFFER = """v=0
o=- 1 2 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
a=ice-lite
m=audio {port} {proto} 0
a=rtcp:4001
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=remote-candidates:1 198.51.100.1 5000 2 198.51.100.1 5001
{extra}
"""


@pytest.mark.req("SDP-ICE-27")
@pytest.mark.parametrize(
    ("proto", "extra", "we_dial"),
    [
        ("RTP/AVP", "a=setup:passive", False),
        ("TCP/RTP/AVP", "a=setup:active", False),
        ("TCP/RTP/AVP", "a=setup:passive", True),
        ("TCP/RTP/AVP", "a=setup:actpass", False),
    ],
)
def test_reading_a_selection(proto: str, extra: str, we_dial: bool) -> None:
    text = OFFER.format(port=4000, proto=proto, extra=extra).replace("\n", "\r\n")
    first, second = lite_selection.read(parse(text), 0, muxed=False)
    assert [(each.component, str(each.local), str(each.remote)) for each in (first, second)] == [
        (1, "198.51.100.1:5000", "192.0.2.1:4000"),
        (2, "198.51.100.1:5001", "192.0.2.1:4001"),
    ]
    assert first.transport is (Transport.TCP if proto.startswith("TCP") else Transport.UDP)
    assert first.we_dial is we_dial


def test_nothing_to_read() -> None:
    text = OFFER.format(port=4000, proto="RTP/AVP", extra="a=sendrecv").replace("\n", "\r\n")
    assert lite_selection.read(parse(text), 1, muxed=False) == ()
    held = text.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0")
    assert lite_selection.read(parse(held), 0, muxed=False) == ()
