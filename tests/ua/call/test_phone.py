"""Two real phones on loopback: calls, refusals, hanging up, hold; SIP by UDP and TCP."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from ice.config import IceConfig
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from media.audio import samples
from media.audio.correlation import correlate
from media.audio.recorder import WavRecorder
from media.audio.wav import read_audio
from tests.ice.withheld import LosingNetwork, is_media
from tests.ua.phones import LOOPBACK, account, pair
from ua.errors import (
    CallRejected,
    Interrupted,
    NoMediaPath,
    ResultCode,
    Unreachable,
    UsageError,
)
from ua.plan import Echo, MediaPlan, Silence, Tone, WavFile

TALK = MediaPlan(source=Tone(hz=440), duration_s=0.6)
LISTEN = MediaPlan(source=Echo())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_talks_and_ends_with_bye(transport: str) -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(TALK, transport=transport)
        await ringing.accept(LISTEN)
        caller, callee = await asyncio.gather(call.ended(), ringing.ended())
    assert caller.result is callee.result is ResultCode.OK
    assert caller.call_id == callee.call_id
    assert caller.sent is not None
    assert caller.received is not None
    assert caller.sent.packets >= 5
    assert caller.received.packets >= 5
    assert caller.setup_ms is not None
    assert caller.media_ms is not None
    assert caller.media_ms >= caller.setup_ms
    assert caller.ice is not None
    assert (caller.ice.state, caller.ice.transport) == ("completed", "udp")
    assert caller.path_changes == callee.path_changes == ()
    assert "BYE" in phones.messages("bob", "in")[-1]


async def test_with_udp_blocked_the_call_runs_over_tcp(tmp_path: Path) -> None:
    policy = FirewallPolicy(udp="blocked")
    said = tmp_path / "said.wav"
    recorder = WavRecorder(said, 8000)
    recorder.write(samples.melody()[:24_000])
    recorder.close()
    heard = tmp_path / "heard.wav"
    async with pair(network=FirewallNetwork(HostNetwork(), policy)) as phones:
        call, ringing = await phones.ring(MediaPlan(source=WavFile(path=said), tail_s=0.5), transport="tcp")
        await ringing.accept(MediaPlan(source=Silence(), record=heard))
        caller = await call.ended()
        await ringing.ended()
    assert caller.ice is not None
    assert caller.ice.transport == "tcp"
    assert caller.ice.tcptype in ("active", "passive")
    assert policy.udp_dropped > 0
    assert correlate(samples.melody()[:24_000], read_audio(heard, 8000)).value >= 0.95


async def test_nothing_gets_through_ends_with_no_media_path() -> None:
    impatient = dataclasses.replace(LOOPBACK, tcp=False, patience_s=0.5, check_timeout_s=0.4)
    network = FirewallNetwork(HostNetwork(), FirewallPolicy(udp="blocked"))
    async with pair(
        alice=account("alice", ice=impatient), bob=account("bob", ice=impatient), network=network
    ) as phones:
        call, ringing = await phones.ring(TALK, transport="tcp")
        await ringing.accept(LISTEN)
        with pytest.raises(NoMediaPath):
            await call.established()
        caller, callee = await asyncio.gather(call.ended(), ringing.ended())
    assert caller.result is callee.result is ResultCode.NO_MEDIA_PATH
    assert caller.exit_code == 7
    assert caller.error


async def test_a_busy_phone_says_so() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(TALK)
        ringing.reject(486)
        with pytest.raises(CallRejected):
            await call.established()
        caller = await call.ended()
        callee = await ringing.ended()
    assert caller.result is ResultCode.REJECTED
    assert caller.sip_code == 486
    assert callee.sip_code == 486


async def test_a_phone_that_takes_no_calls_answers_480() -> None:
    async with pair() as phones:
        call = await phones.alice.place(phones.bob_uri(), TALK)
        caller = await call.ended()
    assert caller.sip_code == 480


async def test_a_phone_that_asks_for_its_calls_is_rung_before_it_looks() -> None:
    """A registrar may send one on the heels of its 200."""
    async with pair() as phones:
        calls = phones.bob.incoming()
        call = await phones.alice.place(phones.bob_uri(), TALK)
        ringing = await anext(calls)
        ringing.reject(603)
        assert (await call.ended()).sip_code == 603


async def test_hanging_up_while_it_rings_cancels() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(TALK)
        call.hang_up()
        caller, callee = await asyncio.gather(call.ended(), ringing.ended())
        with pytest.raises(Interrupted):
            await call.established()
    assert caller.result is ResultCode.INTERRUPTED
    assert callee.sip_code == 487
    assert any(line.startswith("CANCEL") for line in phones.messages("bob", "in"))


async def test_the_callee_may_hang_up() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440)))
        await ringing.accept(LISTEN)
        await asyncio.gather(call.established(), ringing.established())
        ringing.hang_up()
        caller, callee = await asyncio.gather(call.ended(), ringing.ended())
    assert caller.result is callee.result is ResultCode.OK
    assert phones.messages("alice", "in")[-1].startswith("BYE")


async def test_an_unreachable_host_is_one_clear_error() -> None:
    async with pair() as phones:
        await phones.bob.__aexit__(None, None, None)
        call = await phones.alice.place("sip:nobody@127.0.0.1:9;transport=tcp", TALK)
        with pytest.raises(Unreachable):
            await call.established()
        result = await call.ended()
    assert result.exit_code == 5


async def test_a_bad_uri_is_the_users_fault() -> None:
    async with pair() as phones:
        with pytest.raises(UsageError, match="not a SIP URI"):
            await phones.alice.place("sip:", TALK)


async def test_a_uri_that_asks_for_another_method_is_the_users_fault() -> None:
    async with pair() as phones:
        call = await phones.alice.place("sip:bob@127.0.0.1;method=BYE", TALK)
        result = await call.ended()
    assert result.result is ResultCode.USAGE
    assert "BYE" in (result.error or "")


async def test_no_codec_in_common_is_refused_with_488() -> None:
    async with pair(alice=account("alice", codecs=("PCMA",)), bob=account("bob", codecs=("PCMU",))) as phones:
        call, ringing = await phones.ring(TALK)
        await ringing.accept(LISTEN)
        caller = await call.ended()
    assert caller.sip_code == 488


async def test_a_callee_without_an_address_for_media_refuses_the_call() -> None:
    async with pair(bob=account("bob", ice=IceConfig(interfaces=("no-such-interface",)))) as phones:
        call, ringing = await phones.ring(TALK)
        await ringing.accept(LISTEN)
        caller, callee = await asyncio.gather(call.ended(), ringing.ended())
    assert caller.result is ResultCode.REJECTED
    assert callee.result is ResultCode.NO_MEDIA_PATH


async def test_switching_the_phone_off_hangs_up() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440)))
        await ringing.accept(LISTEN)
        await call.established()
        await phones.alice.__aexit__(None, None, None)
        callee = await ringing.ended()
        assert (await call.ended()).result is ResultCode.OK
    assert callee.result is ResultCode.OK


async def test_a_call_that_hears_nothing_is_one_way() -> None:
    async with pair(network=LosingNetwork(is_media)) as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440), duration_s=1.5, path="udp"))
        await ringing.accept(LISTEN)
        caller = await call.ended()
        await ringing.ended()
    assert caller.received is not None
    assert caller.received.packets == 0
    assert caller.result is ResultCode.MEDIA_ONE_WAY
    assert caller.exit_code == 8


async def test_a_call_that_plays_a_file_lasts_until_its_end(tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    recorder = WavRecorder(said, 8000)
    recorder.write(samples.melody()[: 2 * 8000])
    recorder.close()
    async with pair() as phones:
        call, ringing = await phones.ring(MediaPlan(source=WavFile(path=said), tail_s=0.2))
        await ringing.accept(LISTEN)
        await call.established()
        media = call._media
        assert media is not None
        assert media._session is not None
        media._session.sending = False
        await asyncio.sleep(0.5)
        media._session.sending = True
        caller, _ = await asyncio.gather(call.ended(), ringing.ended())
    assert caller.sent is not None
    assert caller.sent.packets >= 50
    assert caller.duration_ms is not None
    assert caller.duration_ms >= 1500
