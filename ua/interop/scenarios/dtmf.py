"""Keys: by telephone events, by INFO and as tones, there and back."""

from __future__ import annotations

import dataclasses
from typing import Final

from ua.call.call import Call
from ua.call.digits import DigitWay
from ua.config.media import CodecName
from ua.errors import UaError
from ua.interop import hints
from ua.interop.explained import failure_of
from ua.interop.failure import Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.plan import MediaPlan, Silence

KEYS: Final = "159#"
ALL_KEYS: Final = "1234567890*#ABCD"

ADVICE: Final = {"rfc4733": hints.EVENTS, "info": hints.INFO, "inband": hints.TONES}

BACK_S: Final = 20.0
"""Seconds that the keys get to come back."""

SHORT_MS: Final = 60
"""A key that is as short as people press it."""

LONG_MS: Final = 2500


async def _press(
    stage: Stage, call: Call, keys: str, by: DigitWay, *, duration_ms: int = 100, pause_ms: int = 100
) -> None:
    """Press keys; where they cannot go this way, that is a failure."""
    with stage.step(f"pressing {keys}"):
        try:
            await call.send_dtmf(keys, by=by, duration_ms=duration_ms, pause_ms=pause_ms)
        except UaError as error:
            expected = f"the peer takes keys by {by}"
            where = stage.expect.last_of(call)
            failure = failure_of(error, expected=expected, where=where)
            raise Unmet(dataclasses.replace(failure, advice=ADVICE[by])) from error


async def _back(stage: Stage, keys: str, by: DigitWay, codec: CodecName = "PCMU", **press: int) -> None:
    """Press keys at the number that sends them back; they come back, each once."""
    async with stage.call("dtmf_read_back", MediaPlan(dtmf=by), codecs=(codec,)) as call:
        await stage.expect.flows(call, packets=10)
        await _press(stage, call, keys, by, **press)
        await stage.expect.digits(call, keys, limit_s=BACK_S, advice=ADVICE[by])


@scenario(
    id="dtmf.rfc4733",
    title="Keys that are sent as telephone events come back",
    rfc="RFC 4733 §2.5",
    needs={"dtmf_read_back", "rfc4733"},
)
async def rfc4733(stage: Stage) -> None:
    await _back(stage, KEYS, "rfc4733")


@scenario(
    id="dtmf.all_keys",
    title="All sixteen keys, short ones, are sent as telephone events and come back",
    rfc="RFC 4733 §3.2",
    needs={"dtmf_read_back", "rfc4733"},
)
async def all_keys(stage: Stage) -> None:
    await _back(stage, ALL_KEYS, "rfc4733", duration_ms=SHORT_MS, pause_ms=SHORT_MS)


@scenario(
    id="dtmf.repeated_key",
    title="A key that is pressed three times is three keys",
    rfc="RFC 4733 §2.5.1.2",
    needs={"dtmf_read_back", "rfc4733"},
)
async def repeated_key(stage: Stage) -> None:
    await _back(stage, "1112", "rfc4733")


@scenario(
    id="dtmf.long_key",
    title="A key that is held for 2.5 s is one key, and so is the one after it",
    rfc="RFC 4733 §2.5.1.3",
    needs={"dtmf_read_back", "rfc4733"},
)
async def long_key(stage: Stage) -> None:
    await _back(stage, "7", "rfc4733", duration_ms=LONG_MS)


@scenario(
    id="dtmf.beside_opus",
    title="Beside Opus telephone events have a clock of 48000 Hz, or one of their own, and keys come back",
    rfc="RFC 4733 §2.1",
    needs={"dtmf_read_back", "rfc4733", "opus"},
)
async def beside_opus(stage: Stage) -> None:
    await _back(stage, KEYS, "rfc4733", codec="opus")


@scenario(
    id="dtmf.info",
    title="Keys that are sent by INFO are taken, and come back",
    rfc="RFC 6086 §2",
    needs={"dtmf_read_back", "info"},
)
async def info(stage: Stage) -> None:
    async with stage.call("dtmf_read_back", MediaPlan(dtmf="info")) as call:
        await _press(stage, call, KEYS, "info")
        await stage.expect.messages(*("sent INFO", "received 200 INFO") * len(KEYS), call=call)
        await stage.expect.digits(call, KEYS, limit_s=BACK_S, advice=hints.INFO)


@scenario(
    id="dtmf.inband",
    title="Keys that are sent as tones come back",
    rfc="ITU-T Q.23",
    needs={"dtmf_read_back"},
)
async def inband(stage: Stage) -> None:
    async with stage.call("dtmf_read_back", MediaPlan(dtmf="inband"), codecs=("PCMU", "PCMA")) as call:
        await stage.expect.flows(call, packets=10)
        await _press(stage, call, KEYS, "inband")
        await stage.expect.that(
            lambda: len(call.digits) < len(KEYS) - 1,
            "the peer sends the keys back once they are all there",
            f"it sends back what it hears while it hears it: {call.digits}",
            cause="echoes",
            where=lambda: stage.expect.last_of(call),
            advice="dtmf_read_back has to be a number that reads keys, not one that echoes",
            limit_s=0,
        )
        await stage.expect.digits(call, KEYS, limit_s=BACK_S, advice=hints.TONES)


async def _between(stage: Stage, by: DigitWay) -> None:
    """Two users press keys at each other."""
    async with (
        stage.phone(1, registered=True, dtmf=by) as callee,
        stage.phone(0, registered=True, dtmf=by) as caller,
        stage.between(caller, callee, MediaPlan(source=Silence(), dtmf=by), MediaPlan(dtmf=by)) as (
            call,
            called,
        ),
    ):
        await stage.expect.flows(call, packets=10)
        await stage.expect.flows(called, packets=10)
        await _press(stage, call, KEYS, by)
        await stage.expect.digits(called, KEYS, advice=ADVICE[by])
        await _press(stage, called, "0*D", by)
        await stage.expect.digits(call, "0*D", advice=ADVICE[by])


@scenario(
    id="dtmf.between_users",
    title="Keys as telephone events go from one user to the other, and back",
    rfc="RFC 4733 §2.5",
    needs={"second_account", "registrar", "rfc4733"},
)
async def between_users(stage: Stage) -> None:
    await _between(stage, "rfc4733")


@scenario(
    id="dtmf.info_between_users",
    title="Keys by INFO go from one user to the other, and back",
    rfc="RFC 6086 §2",
    needs={"second_account", "registrar", "info"},
)
async def info_between_users(stage: Stage) -> None:
    await _between(stage, "info")


@scenario(
    id="dtmf.inband_between_users",
    title="Keys as tones go from one user to the other, and back",
    rfc="ITU-T Q.23",
    needs={"second_account", "registrar"},
)
async def inband_between_users(stage: Stage) -> None:
    await _between(stage, "inband")
