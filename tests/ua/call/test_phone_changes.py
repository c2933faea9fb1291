"""A call that changes what it speaks, or its way, because the user wants it."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from tests.ua.phones import Pair, account, pair
from ua.call.call import Call
from ua.call.hold import ChangeRefused
from ua.errors import UsageError
from ua.events import EventLog
from ua.plan import MediaPlan, Tone

STAY = MediaPlan(source=Tone(hz=440))


async def talking(phones: Pair) -> tuple[Call, Call]:
    ours, theirs = await phones.ring(STAY)
    await theirs.accept(STAY)
    await asyncio.gather(ours.established(), theirs.established())
    return ours, theirs


async def hears_more(call: Call) -> None:
    """Further packets arrive."""
    before = 0 if call.statistics is None else call.statistics.received.packets
    async with asyncio.timeout(15):
        while call.statistics is None or call.statistics.received.packets < before + 10:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def described(log: EventLog, name: str, direction: str) -> list[str]:
    """The descriptions that Alice has sent or received."""
    return [
        str(each.data["text"])
        for each in log.entries
        if (each.party, each.source, each.name) == ("alice", "sdp", name)
        and each.data["direction"] == direction
    ]


def ufrag(text: str) -> str:
    return next(row for row in text.split("\r\n") if row.startswith("a=ice-ufrag:"))


async def test_another_codec_in_the_call() -> None:
    async with pair() as phones:
        ours, theirs = await talking(phones)
        assert ours._media is not None
        assert ours._media.codec == "PCMU"
        await ours.use_codecs(("PCMA",))
        for call in (ours, theirs):
            assert call._media is not None
            assert call._media.codec == "PCMA"
        await hears_more(ours)
        await hears_more(theirs)
        assert not any("payload type" in reason for reason in ours.statistics.refused)  # type: ignore[union-attr]


async def test_a_codec_that_the_other_side_lacks_changes_nothing() -> None:
    async with pair() as phones:
        ours, _ = await talking(phones)
        with pytest.raises(ChangeRefused, match="488"):
            await ours.use_codecs(("L16/8000",))
        assert ours._media is not None
        assert ours._media.codec == "PCMU"
        await hears_more(ours)
        await ours.use_codecs(("PCMA", "PCMU"))
        assert ours._media.codec == "PCMA"


async def test_a_codec_that_nobody_knows_is_a_mistake() -> None:
    async with pair() as phones:
        ours, _ = await talking(phones)
        with pytest.raises(UsageError, match="no codec"):
            await ours.use_codecs(("G729",))  # type: ignore[arg-type]


async def test_ice_is_restarted_on_demand_and_media_goes_on() -> None:
    async with pair() as phones:
        ours, theirs = await talking(phones)
        await ours.restart_ice()
        for name, direction in (("offer", "out"), ("answer", "in")):
            texts = described(phones.log, name, direction)
            assert ufrag(texts[0]) != ufrag(texts[1]), "new credentials say that it restarts"
        await hears_more(ours)
        await hears_more(theirs)


async def test_a_call_without_rtcp_mux_has_a_port_for_rtcp() -> None:
    async with pair(bob=account("bob", rtcp_mux=False)) as phones:
        await talking(phones)
        assert "a=rtcp-mux" in described(phones.log, "offer", "out")[0]
        (answer,) = described(phones.log, "answer", "in")
        assert "a=rtcp-mux" not in answer
        assert " 2 UDP " in answer, "the second component is RTCP"


@pytest.mark.parametrize("chooses", ["caller", "callee"])
async def test_one_suite_alone(chooses: str) -> None:
    every = account("alice", srtp="sdes", srtp_over_plain_sip=True)
    one = account("bob", srtp="sdes", srtp_over_plain_sip=True, srtp_suites=("AES_CM_128_HMAC_SHA1_32",))
    if chooses == "caller":
        every, one = dataclasses.replace(every, uri=one.uri), dataclasses.replace(one, uri=every.uri)
        phones_of = pair(alice=one, bob=every)
    else:
        phones_of = pair(alice=every, bob=one)
    async with phones_of as phones:
        ours, _ = await talking(phones)
        assert ours._media is not None
        assert ours._media.srtp is not None
        assert ours._media.srtp.endswith("_32")
        offered = described(phones.log, "offer", "out")[0].count("a=crypto:")
        assert offered == (1 if chooses == "caller" else 4)
