"""Expectations: each is met by what it is for, and says what was seen where it is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ice.net.firewall import FirewallPolicy
from media.audio.recorder import WavRecorder
from media.audio.samples import melody
from tests.ua.interop.pbx import small_pbx
from ua.errors import AuthenticationError, CallRejected, UsageError
from ua.interop.failure import Failure, Unmet
from ua.interop.stage import Stage
from ua.plan import MediaPlan, Silence, Tone, WavFile

SHORT = 0.3


@asynccontextmanager
async def stage_at(tmp_path: Path, **changes: object) -> AsyncIterator[Stage]:
    async with small_pbx(tmp_path, **changes) as peer:
        yield Stage(peer, tmp_path)


async def unmet(expectation: Awaitable[object]) -> Failure:
    with pytest.raises(Unmet) as caught:
        await expectation
    return caught.value.failure


async def test_what_is_heard(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage, stage.call("tone") as call:
        expect = stage.expect
        await expect.audio(call, tone=1000)
        await expect.audio(call)
        wrong = await unmet(expect.audio(call, tone=440, limit_s=1.0))
        loud = await unmet(expect.audio(call, silence=True, limit_s=1.0))
        await expect.mos(call, "> 1")
        poor = await unmet(expect.mos(call, "<1", limit_s=SHORT))
        with pytest.raises(ValueError, match="comparison"):
            await expect.mos(call, "4")
    assert (wrong.cause, wrong.expected) == ("wrong_audio", "a tone of 440 Hz is heard for 0.5 s")
    assert "0 % of it at 440 Hz" in wrong.seen
    assert "packets received" in wrong.where
    assert (loud.cause, poor.cause) == ("not_silent", "quality")


async def test_silence_is_heard_where_nothing_is_said(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage, stage.call("echo", Silence()) as call:
        await stage.expect.audio(call, silence=True)
        assert (await unmet(stage.expect.audio(call, limit_s=1.0))).cause == "silent"
        assert (await unmet(stage.expect.audio(call, tone=1000, limit_s=1.0))).cause == "wrong_audio"


async def test_what_was_said_comes_back(tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    recorder = WavRecorder(said, 8000)
    recorder.write(melody(8000)[:16000])
    recorder.close()
    async with stage_at(tmp_path) as stage:
        for _ in range(3):  # a machine that stands still loses some of it
            async with stage.call("echo", WavFile(path=said)) as call:
                with contextlib.suppress(Unmet):
                    await stage.expect.audio(call, speech=said, limit_s=5.0)
                    break
        else:
            pytest.fail("it did not come back")
        async with stage.call("tone") as call:
            failure = await unmet(stage.expect.audio(call, speech=said, limit_s=2.0))
    assert failure.cause == "wrong_audio"
    assert "said.wav" in failure.expected


async def test_how_media_goes(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage:
        expect = stage.expect
        async with stage.call("echo", Tone(hz=440), codecs=("PCMA",)) as call:
            await expect.media(call, codec="PCMA", ptime_ms=20, ice=True, srtp=None)
            other = await unmet(expect.media(call, codec="PCMU", limit_s=SHORT))
            plain = await unmet(expect.media(call, srtp=True, limit_s=SHORT))
            await expect.path(call, "udp")
            path = await unmet(expect.path(call, "relay", limit_s=SHORT))
            await expect.rtcp(call)
        async with stage.call("echo", MediaPlan(source=Tone(hz=440), path="tcp")) as call:
            await expect.path(call, "tcp")
    assert (other.cause, other.seen) == ("wrong_media", "agreed was codec PCMA")
    assert plain.expected == "media is agreed with srtp True"
    assert (path.cause, path.seen) == ("wrong_path", "it goes over udp")


async def test_messages_and_the_end_of_a_call(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage:
        expect = stage.expect
        async with stage.call("echo") as call:
            sent, answered, *_ = await expect.messages("sent INVITE", "received 2xx INVITE", call=call)
            assert (sent.method, answered.status) == ("INVITE", 200)
            missing = await unmet(expect.messages("sent INVITE", "received BYE", call=call, limit_s=SHORT))
            standing = await unmet(expect.ended_by(call, "peer", limit_s=SHORT))
            answer = await unmet(expect.status(call, 486))
            call.hang_up()
            await expect.ended_by(call, "us")
            by_us = await unmet(expect.ended_by(call, "peer"))
            digits = await unmet(expect.digits(call, "12", limit_s=SHORT))
    assert missing.cause == "missing_message"
    assert missing.seen.startswith("there was no message for 'received BYE' after INVITE (CSeq 1 INVITE)")
    assert (standing.cause, standing.seen) == ("no_end", "after 0.3 s the call is established")
    assert (answer.cause, answer.seen) == ("answered", "the call was answered")
    assert "200 OK" in answer.where
    assert (by_us.cause, by_us.seen) == ("wrong_end", "BYE was sent by us")
    assert (digits.cause, digits.seen) == ("wrong_digits", "no key came")


async def test_refusals(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage:
        expect = stage.expect
        async with stage.ringing("busy") as call:
            assert (await expect.status(call, 486)).sip_code == 486
            wrong = await unmet(expect.status(call, 404, 480))
        async with stage.ringing("no_answer") as call:
            waits = await unmet(expect.status(call, 486, limit_s=SHORT))
        failure = await unmet(stage.call("busy").__aenter__())
        error = await expect.refused(refuses(AuthenticationError("no")), AuthenticationError)
        assert error.what == "no"
        worked = await unmet(expect.refused(asyncio.sleep(0)))
        other = await unmet(expect.refused(refuses(UsageError("no")), AuthenticationError))
    assert (wrong.cause, wrong.expected) == ("wrong_status", "the call is refused with 404 or 480")
    assert "486" in wrong.seen
    assert wrong.where.startswith("486 ")
    assert waits.cause == "no_end"
    assert (failure.cause, failure.where[:4]) == ("rejected", "486 ")
    assert (worked.cause, other.cause) == ("unexpected_success", "wrong_state")


async def refuses(error: Exception) -> None:
    raise error


async def test_a_call_between_two_phones_of_ours(tmp_path: Path) -> None:
    async with (
        stage_at(tmp_path) as stage,
        stage.phone(1, registered=True) as callee,
        stage.phone(0) as caller,
    ):
        nobody = await unmet(stage.rings(callee, limit_s=SHORT))
        async with stage.between(caller, callee, Tone(hz=440), Tone(hz=1000)) as (call, called):
            await stage.expect.audio(call, tone=1000)
            await stage.expect.audio(called, tone=440)
        async with stage.arriving(caller, callee) as (call, called):
            called.reject(603)
            await stage.expect.status(call, 603)
        refused = await unmet(stage.between(caller, callee, to=2).__aenter__())
    assert (nobody.cause, refused.cause) == ("no_call", "rejected")
    assert [each.sip_code for each in stage.results].count(603) == 2


async def test_a_call_that_had_media_one_way_has_failed(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage:
        with pytest.raises(Unmet) as caught:
            async with stage.call(
                "echo", Tone(hz=440), firewall=FirewallPolicy(udp="blocked"), ice_enabled=False
            ) as call:
                await stage.expect.that(
                    lambda: call.statistics is not None and call.statistics.sent.packets > 30, "sent", "not"
                )
    assert caught.value.failure.cause == "one_way_audio_in"


async def test_phones_of_one_account_have_names_of_their_own_in_the_log(tmp_path: Path) -> None:
    async with stage_at(tmp_path) as stage, stage.phone() as one, stage.phone() as two:
        for phone in (one, two):
            with pytest.raises(CallRejected):
                await (await phone.place(stage.uri("busy"), MediaPlan())).established()
    assert {each.party for each in stage.log.entries} == {"1001", "1001-2"}
