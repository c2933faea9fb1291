"""A suite of one's own for a PBX; docs/pytest.md explains it.

pytest docs/pytest --icephone-peer sip:pbx.example --icephone-user 1001 --icephone-extension echo=600 \
    --icephone-extension busy=606 --icephone-extension hangs_up=608
"""

import pytest

from ua.plan import Tone


async def test_registers(phone):
    """The registrar takes our password."""
    registration = await phone.register(expires=60)
    assert registration.expires_s > 0


async def test_echo(call, expect):
    """The echo sends back what it hears, over UDP, and it sounds well."""
    async with call("echo", Tone(hz=1000)):
        await expect.audio(tone=1000, seconds=1)
        await expect.path("udp")
        await expect.mos(">=4")


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_codecs(call, expect, codec):
    """The echo talks in this codec."""
    async with call("echo", Tone(hz=440), codecs=(codec,)):
        await expect.media(codec=codec)
        await expect.audio(tone=440)


async def test_busy(call, expect):
    """Who is busy says so."""
    async with call.ringing("busy"):
        await expect.status(486)


async def test_hangs_up(call, expect):
    """The PBX hangs up by itself, with a BYE."""
    async with call("hangs_up"):
        await expect.ended_by("peer")
        await expect.messages("sent INVITE", "received 2xx INVITE", "sent ACK", "received BYE")


async def test_two_phones(call, expect):
    """A call from one of our phones to another one, through the PBX."""
    stage = call.stage
    if len(stage.peer.accounts) < 2:
        pytest.skip("a second account is needed: --icephone-user once more")
    async with (
        stage.phone(0) as alice,
        stage.phone(1, registered=True) as bob,
        stage.between(alice, bob, Tone(hz=440), Tone(hz=1000)) as (calling, called),
    ):
        await expect.audio(call=calling, tone=1000)
        await expect.audio(call=called, tone=440)
