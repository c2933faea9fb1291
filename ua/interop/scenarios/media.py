"""Media: each codec, packets of each length, what changes in the call, silence, RTCP, the clock."""

from __future__ import annotations

from typing import Final

from ua.config.media import CodecName
from ua.errors import UaError
from ua.interop import hints
from ua.interop.explained import failure_of
from ua.interop.failure import Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Silence, Tone

PAUSE_S: Final = 5.0
"""Seconds that a pause gets to be one."""


async def _spoken(stage: Stage, codec: CodecName, *, hz: float = HZ) -> None:
    """A tone goes there and back in this codec, and is good."""
    async with stage.call("echo", Tone(hz=hz), codecs=(codec,)) as call:
        await stage.expect.media(call, codec=codec.partition("/")[0])
        await stage.expect.audio(call, tone=hz)
        await stage.expect.mos(call, ">=3.5")


@scenario(
    id="media.pcmu",
    title="A tone goes there and back in PCMU",
    rfc="RFC 3551 §4.5.14",
    needs={"echo"},
)
async def pcmu(stage: Stage) -> None:
    await _spoken(stage, "PCMU")


@scenario(
    id="media.pcma",
    title="A tone goes there and back in PCMA",
    rfc="RFC 3551 §4.5.14",
    needs={"echo"},
)
async def pcma(stage: Stage) -> None:
    await _spoken(stage, "PCMA")


@scenario(
    id="media.g722",
    title="A tone goes there and back in G.722",
    rfc="RFC 3551 §4.5.2",
    needs={"echo", "g722"},
)
async def g722(stage: Stage) -> None:
    await _spoken(stage, "G722")


@scenario(
    id="media.wide_band",
    title="In G.722 a tone of 5 kHz comes back, which 8000 samples a second could not hold",
    rfc="RFC 3551 §4.5.2",
    needs={"echo", "g722"},
)
async def wide_band(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=5000), codecs=("G722",)) as call:
        await stage.expect.media(call, codec="G722")
        await stage.expect.audio(call, tone=5000)


@scenario(
    id="media.opus",
    title="A tone goes there and back in Opus",
    rfc="RFC 7587",
    needs={"echo", "opus"},
)
async def opus(stage: Stage) -> None:
    await _spoken(stage, "opus")


@scenario(
    id="media.l16",
    title="A tone goes there and back in L16 at 8000 Hz",
    rfc="RFC 3551 §4.5.11",
    needs={"echo", "l16"},
)
async def l16(stage: Stage) -> None:
    await _spoken(stage, "L16/8000")


async def _packed(stage: Stage, ms: int) -> None:
    """A tone comes back in packets of the length that our description asks for."""
    async with stage.call("echo", Tone(hz=HZ), codecs=("PCMU", "PCMA"), ptime_ms=ms) as call:
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.packet_time(call, ms)


@scenario(
    id="media.ptime_10",
    title="Asked for packets of 10 ms the peer sends such, and a tone comes back",
    rfc="RFC 8866 §6.4",
    needs={"echo"},
)
async def ptime_10(stage: Stage) -> None:
    await _packed(stage, 10)


@scenario(
    id="media.ptime_20",
    title="Asked for packets of 20 ms the peer sends such, and a tone comes back",
    rfc="RFC 8866 §6.4",
    needs={"echo"},
)
async def ptime_20(stage: Stage) -> None:
    await _packed(stage, 20)


@scenario(
    id="media.ptime_30",
    title="Asked for packets of 30 ms the peer sends such, and a tone comes back",
    rfc="RFC 8866 §6.4",
    needs={"echo"},
)
async def ptime_30(stage: Stage) -> None:
    await _packed(stage, 30)


@scenario(
    id="media.ptime_40",
    title="Asked for packets of 40 ms the peer sends such, and a tone comes back",
    rfc="RFC 8866 §6.4",
    needs={"echo"},
)
async def ptime_40(stage: Stage) -> None:
    await _packed(stage, 40)


@scenario(
    id="media.ptime_60",
    title="Asked for packets of 60 ms the peer sends such, and a tone comes back",
    rfc="RFC 8866 §6.4",
    needs={"echo"},
)
async def ptime_60(stage: Stage) -> None:
    await _packed(stage, 60)


@scenario(
    id="media.codec_changed",
    title="A re-INVITE takes the call from PCMU to PCMA and back, and a tone is heard in each",
    rfc="RFC 3264 §8.3.2",
    needs={"echo"},
)
async def codec_changed(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), codecs=("PCMU",)) as call:
        await stage.expect.audio(call, tone=HZ)
        changes: tuple[tuple[CodecName, int], ...] = (("PCMA", 8), ("PCMU", 0))
        for codec, number in changes:
            try:
                await call.use_codecs((codec,))
            except UaError as error:
                expected = f"the offer of {codec} in the call is taken"
                raise Unmet(failure_of(error, expected=expected, where=stage.expect.last_of(call))) from error
            await stage.expect.described(call, rf"m=audio [1-9]\d* \S+ {number}\b.*", advice=hints.CODEC)
            await stage.expect.audio(call, tone=HZ)
    await stage.expect.messages(
        "sent INVITE",
        "received 200 INVITE",
        *("sent INVITE", "received 200 INVITE", "sent ACK") * 2,
        call=call,
    )


@scenario(
    id="media.silence",
    title="While we are muted silence comes back, as packets, and the tone is there again afterwards",
    rfc="RFC 3550 §5.1",
    needs={"echo"},
)
async def silence(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        await stage.expect.audio(call, tone=HZ)
        call.muted = True
        await stage.expect.audio(call, silence=True, limit_s=PAUSE_S)
        await stage.expect.flows(call, limit_s=PAUSE_S)
        await stage.expect.audio(call, silence=True, limit_s=PAUSE_S)
        call.muted = False
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="media.silence_from_the_start",
    title="A call that begins with silence stands, with media both ways",
    rfc="RFC 3550 §5.1",
    needs={"echo"},
)
async def silence_from_the_start(stage: Stage) -> None:
    async with stage.call("echo", Silence()) as call:
        await stage.expect.flows(call)
        await stage.expect.audio(call, silence=True, limit_s=PAUSE_S)


@scenario(
    id="media.comfort_noise",
    title="Comfort noise is agreed, pauses stay quiet, and what is said after one is heard",
    rfc="RFC 3389",
    needs={"echo", "comfort_noise"},
)
async def comfort_noise(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), codecs=("PCMU",), dtx=True) as call:
        await stage.expect.described(call, r"m=audio \d+ \S+ .*\b13\b.*", advice=hints.COMFORT_NOISE)
        await stage.expect.audio(call, tone=HZ)
        call.muted = True
        await stage.expect.audio(call, silence=True, seconds=1.0)
        call.muted = False
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="media.rtcp_mux",
    title="RTP and RTCP share a port, and the reports of both sides arrive",
    rfc="RFC 5761 §5.1.1",
    needs={"echo", "rtcp", "rtcp_mux"},
)
async def rtcp_mux(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), ice_enabled=False) as call:
        await stage.expect.described(call, "a=rtcp-mux", advice=hints.MUX)
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.rtcp_both_ways(call)


@scenario(
    id="media.rtcp_two_ports",
    title="RTCP has a port of its own, and the reports of both sides arrive",
    rfc="RFC 3550 §11",
    needs={"echo", "rtcp"},
)
async def rtcp_two_ports(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), ice_enabled=False, rtcp_mux=False) as call:
        await stage.expect.undescribed(call, "a=rtcp-mux", advice="it answers what was not offered")
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.rtcp_both_ways(call)


@scenario(
    id="media.rtcp_component",
    title="Without rtcp-mux ICE finds a path for RTCP too, and the peer reports",
    rfc="RFC 8445 §5.1.1.1",
    needs={"echo", "rtcp", "ice"},
)
async def rtcp_component(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), rtcp_mux=False) as call:
        await stage.expect.media(call, ice=True)
        await stage.expect.described(call, r"a=candidate:\S+ 2 .*", advice=hints.ICE)
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.rtcp(call)


@scenario(
    id="media.steady",
    title="For five seconds a tone comes at the pace of its clock, without loss and without a hole",
    rfc="RFC 3550 §5.1",
    needs={"tone"},
)
async def steady(stage: Stage) -> None:
    async with stage.call("tone") as call:
        await stage.expect.audio(call, tone=1000)
        await stage.expect.steady(call, 5.0)
        await stage.expect.audio(call, tone=1000, seconds=1.0)
        await stage.expect.mos(call, ">=3.5")
