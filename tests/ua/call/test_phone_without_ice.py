"""A phone that is told to do without ICE."""

from __future__ import annotations

import asyncio

import pytest

from tests.peers.hearing import hears
from tests.ua.phones import account, pair
from ua.config.account import account_from
from ua.config.file import parse_settings
from ua.errors import ConfigurationError, ResultCode, UsageError
from ua.plan import MediaPlan, Tone

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
