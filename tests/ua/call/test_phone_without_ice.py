"""A phone that is told to do without ICE."""

from __future__ import annotations

import asyncio
import socket

import pytest

from media.rtp.packet import is_rtcp
from tests.peers.hearing import hears
from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.config.account import account_from
from ua.config.file import parse_settings
from ua.config.srtp import SrtpChoice
from ua.errors import ConfigurationError, ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.syntax.body import session_of

STAY = MediaPlan(source=Tone(hz=440))


@pytest.mark.parametrize("without", ["alice", "bob"])
async def test_one_of_two_is_enough_for_plain_rtp(without: str) -> None:
    alice, bob = (account(name, ice_enabled=name != without) for name in ("alice", "bob"))
    async with pair(alice=alice, bob=bob) as phones:
        ours, theirs = await phones.ring(STAY)
        await theirs.accept(STAY)
        await asyncio.gather(ours.established(), theirs.established())
        await asyncio.gather(hears(ours), hears(theirs))
        ours.hang_up()
        results = await asyncio.gather(ours.ended(), theirs.ended())
        sent = {
            (entry.party, str(entry.data["text"]))
            for entry in phones.log.entries
            if (entry.source, entry.name) == ("sip", "message") and entry.data["direction"] == "out"
        }
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]
    assert all(each.why.startswith("plain RTP over UDP without ICE") for each in results)
    described = [(party, text) for party, text in sent if "\r\nm=audio " in text]
    assert {party for party, _ in described} == {"alice", "bob"}
    for party, text in described:
        assert ("\r\na=ice-ufrag:" in text) is (party != without == "bob")


async def test_a_path_that_needs_ice_is_refused() -> None:
    async with pair(alice=account("alice", ice_enabled=False)) as both:
        call = await both.alice.place(both.bob_uri(), MediaPlan(path="tcp"))
        with pytest.raises(UsageError, match="--path tcp needs ICE"):
            await call.established()
        assert (await call.ended()).exit_code == 2


def test_it_stands_in_the_account_file() -> None:
    assert not account_from(parse_settings(b"[ice]\nenabled = false"), environ={}).ice_enabled
    for also in ("required = true", "udp = false", 'tcp_candidates = "only"', "lite = true"):
        with pytest.raises(ConfigurationError, match=r"ice\.enabled"):
            account_from(parse_settings(f"[ice]\nenabled = false\n{also}".encode()), environ={})


@pytest.mark.req("RTP-33")
async def test_without_ice_and_mux_rtcp_has_the_port_above() -> None:
    """RTP on an even one; the peer has two of its own, which are told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
        reports.setblocking(False)
        reports.bind(("127.0.0.1", 0))
        async with media_peer() as peer, Phone(account("alice", ice_enabled=False), EventLog()) as phone:
            call = await phone.place(str(peer.uri), STAY)
            invite = await peer.receive_request("INVITE")
            offer = (session_of(invite) or b"").decode().split("\r\n")
            port = int(next(line for line in offer if line.startswith("m=")).split(" ")[1])
            assert port % 2 == 0
            told = next((line for line in offer if line.startswith("a=rtcp:")), f"a=rtcp:{port + 1}")
            assert told.partition(":")[2].split(" ")[0] == str(port + 1)
            peer.accept(invite, peer.sdp(f"a=rtcp:{reports.getsockname()[1]}"))
            await call.established()
            data, source = await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(reports, 2048), 15)
            assert is_rtcp(data)
            assert source == ("127.0.0.1", port + 1)
            _, source = await asyncio.get_running_loop().sock_recvfrom(peer.media, 2048)
            assert source == ("127.0.0.1", port)
            call.hang_up()
            await peer.finish()
            await call.ended()


@pytest.mark.parametrize("srtp", ["sdes", "dtls"])
@pytest.mark.parametrize("leaves_offer", [False, True])
async def test_protected_media_needs_no_ice(srtp: SrtpChoice, *, leaves_offer: bool) -> None:
    settings = {"ice_enabled": False, "srtp": srtp, "srtp_over_plain_sip": True}
    async with pair(alice=account("alice", **settings), bob=account("bob", **settings)) as phones:
        ours, theirs = await phones.ring(MediaPlan(source=Tone(hz=440), leaves_offer=leaves_offer))
        await theirs.accept(STAY)
        await asyncio.gather(ours.established(), theirs.established())
        await ours.hold()
        await ours.resume()
        await asyncio.gather(hears(ours), hears(theirs))
        ours.hang_up()
        for result in await asyncio.gather(ours.ended(), theirs.ended()):
            assert result.result is ResultCode.OK
            assert result.srtp == "AEAD_AES_256_GCM"
            assert result.why.startswith("plain RTP over UDP without ICE")
