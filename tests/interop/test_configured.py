"""The configurations that `configs/pbx` gives to users, run as they stand there."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ice.gathering.servers import ServerTransport
from tests.certificates import Authority
from tests.peers.configured import (
    DOMAIN,
    ConfiguredKamailio,
    configured_coturn,
    configured_kamailio,
    configured_rtpengine,
    password,
)
from tests.peers.icephone_pbx import icephone_pbx
from tests.peers.process import Programs, until
from tests.peers.tones import tone_share
from tests.ua.phones import LOOPBACK, account, changed, pair
from ua.config.account import Account
from ua.errors import AuthenticationError, ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.transport.tls.config import TlsConfig

TALK = MediaPlan(source=Tone(hz=440))


@dataclass(frozen=True, kw_only=True)
class World:
    """A proxy, and what phones need to know of it."""

    proxy: ConfiguredKamailio
    authority: Authority
    log: EventLog

    def account(self, user: str, transport: str = "udp", **changes: object) -> Account:
        """The account of a user."""
        port = self.proxy.ports.get(transport, self.proxy.port)
        scheme, named = {"tls": ("sips", "tcp"), "wss": ("sips", "ws")}.get(transport, ("sip", transport))
        base = account(
            user,
            uri=f"sip:{user}@{DOMAIN}",
            password=password(user),
            registrar=f"sip:{DOMAIN}",
            proxy=f"{scheme}:{self.proxy.host}:{port};transport={named};lr",
            transport=transport,
            tls=TlsConfig(ca_file=self.authority.certificate),
        )
        return changed(base, **changes)

    @asynccontextmanager
    async def phone(self, user: str, transport: str = "udp", **changes: object) -> AsyncIterator[Phone]:
        """A phone that has registered."""
        async with Phone(self.account(user, transport, **changes), self.log) as phone:
            await phone.register(expires=300)
            yield phone


@asynccontextmanager
async def world(programs: Programs, authority: Authority, *, relayed: bool = False) -> AsyncIterator[World]:
    """The proxy, a PBX of ours behind it for the numbers with media, and a relay where one is asked for."""
    async with icephone_pbx(programs, "nobody") as pbx:
        media = f"{pbx.host}:{pbx.port}"
        if not relayed:
            async with configured_kamailio(programs, authority, media=media) as proxy:
                yield World(proxy=proxy, authority=authority, log=EventLog())
            return
        async with (
            configured_rtpengine(programs) as relay,
            configured_kamailio(programs, authority, media=media, rtpengine=relay) as proxy,
        ):
            yield World(proxy=proxy, authority=authority, log=EventLog())


async def hear(phone: Phone, number: str, heard: Path, hz: float, *, whole: float = 0.8) -> None:
    """Call a number until it is heard."""
    call = await phone.place(f"sip:{number}@{DOMAIN}", MediaPlan(source=Tone(hz=440), record=heard))
    await until(lambda: heard.exists() and tone_share(heard, hz) > whole, f"{hz:g} Hz of {number}", 20)
    call.hang_up()
    await call.ended()


@pytest.mark.peer("kamailio", "kamailio-tls")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "ws", "wss"])
async def test_users_register_and_call_each_other(
    programs: Programs, authority: Authority, transport: str
) -> None:
    async with (
        world(programs, authority) as here,
        here.phone("1001", transport) as caller,
        here.phone("1002", transport) as callee,
    ):
        ringing = asyncio.ensure_future(anext(callee.incoming()))
        await asyncio.sleep(0)
        call = await caller.place(f"sip:1002@{DOMAIN}", TALK)
        answered = await asyncio.wait_for(ringing, 10)
        await answered.accept(TALK)
        await asyncio.gather(call.established(), answered.established())
        await call.hold()
        await call.resume()
        answered.hang_up()
        results = await asyncio.gather(call.ended(), answered.ended())
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]


@pytest.mark.peer("kamailio", "kamailio-tls")
async def test_who_is_let_in(programs: Programs, authority: Authority) -> None:
    async with world(programs, authority) as here:
        for user, secret in (("1001", "wrong"), ("1009", "<null>"), ("1009", "")):
            async with Phone(here.account(user, password=secret), here.log) as phone:
                with pytest.raises(AuthenticationError):
                    await phone.register(expires=300)

        async def status(user: str, to: str, **changes: object) -> int | None:
            async with Phone(changed(here.account(user), **changes), here.log) as phone:
                call = await phone.place(to, MediaPlan())
                return (await asyncio.wait_for(call.ended(), 15)).sip_code

        assert await status("1001", f"sip:1002@{DOMAIN}") == 480, "a user without a phone"
        assert await status("1001", f"sip:nobody@{DOMAIN}") == 404
        as_other = {"auth_user": "1002", "password": password("1002")}
        assert await status("1001", f"sip:600@{DOMAIN}", **as_other) == 403
        stranger = {"uri": "sip:x@elsewhere.example", "password": None}
        assert await status("1001", "sip:y@elsewhere.example", **stranger) == 403, "it relays for nobody"


@pytest.mark.peer("kamailio", "kamailio-tls")
async def test_the_numbers(programs: Programs, authority: Authority, tmp_path: Path) -> None:
    async with world(programs, authority) as here, here.phone("1001") as phone:
        await asyncio.gather(
            hear(phone, "600", tmp_path / "600.wav", 440),
            hear(phone, "601", tmp_path / "601.wav", 1000),
            hear(phone, "604", tmp_path / "604.wav", 440),
            hear(phone, "605", tmp_path / "605.wav", 1000),
        )
        assert tone_share(tmp_path / "605.wav", 440) > 0.8, "before the answer"
        busy = await phone.place(f"sip:606@{DOMAIN}", TALK)
        assert (await busy.ended()).sip_code == 486
        rings = await phone.place(f"sip:607@{DOMAIN}", TALK)
        await until(lambda: rings.state == "ringing", "607 rings")
        rings.hang_up()
        assert (await rings.ended()).result is ResultCode.INTERRUPTED
        keys = await phone.place(f"sip:603@{DOMAIN}", TALK)
        short = await phone.place(f"sip:608@{DOMAIN}", TALK)
        await keys.established()
        await keys.send_dtmf("42#")
        await until(lambda: keys.digits == "42#", "keys come back", 20)
        keys.hang_up()
        await keys.ended()
        result = await asyncio.wait_for(short.ended(), 20)
        assert result.result is ResultCode.OK
        assert (result.duration_ms or 0) > 4500


@pytest.mark.peer("kamailio", "kamailio-tls", "rtpengine")
async def test_media_through_the_relay(programs: Programs, authority: Authority, tmp_path: Path) -> None:
    async with (
        world(programs, authority, relayed=True) as here,
        here.phone("1001") as caller,
        here.phone("1002", ice_enabled=False) as callee,
    ):
        ringing = asyncio.ensure_future(anext(callee.incoming()))
        await asyncio.sleep(0)
        heard = tmp_path / "one.wav", tmp_path / "other.wav"
        call = await caller.place(f"sip:1002@{DOMAIN}", MediaPlan(source=Tone(hz=440), record=heard[0]))
        answered = await asyncio.wait_for(ringing, 10)
        await answered.accept(MediaPlan(source=Tone(hz=1000), record=heard[1]))
        await asyncio.gather(call.established(), answered.established())
        for file, hz in zip(heard, (1000, 440), strict=True):
            await until(lambda file=file, hz=hz: tone_share(file, hz) > 0.8, f"{hz} Hz", 20)  # type: ignore[misc]
        call.hang_up()
        await asyncio.gather(call.ended(), answered.ended())
        await hear(caller, "600", tmp_path / "600.wav", 440)
        ports = [int(word.split()[1]) for word in _offers(here.log)]
    assert len(set(ports)) > 2, "the relay has put its own in"


def _offers(log: EventLog) -> list[str]:
    return [
        line
        for each in log.entries
        if each.name == "message"
        for line in str(each.data["text"]).split("\r\n")
        if line.startswith("m=audio ")
    ]


@pytest.mark.peer("coturn")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_call_by_the_relay_alone(
    programs: Programs, authority: Authority, transport: ServerTransport, tmp_path: Path
) -> None:
    heard = tmp_path / "heard.wav"
    async with configured_coturn(programs, authority) as server:
        ice = dataclasses.replace(LOOPBACK, turn_servers=(server.server(transport),))
        async with pair(alice=account("alice", ice=ice)) as phones:
            call, ring = await phones.ring(MediaPlan(source=Tone(hz=440), record=heard, path="relay"))
            await ring.accept(MediaPlan(source=Tone(hz=1000)))
            await asyncio.gather(call.established(), ring.established())
            await until(lambda: tone_share(heard, 1000) > 0.8, "its tone is heard by the relay", 20)
            call.hang_up()
            result, _ = await asyncio.gather(call.ended(), ring.ended())
        assert result.result is ResultCode.OK
        assert result.ice is not None
        assert result.ice.local_type == "relay"
