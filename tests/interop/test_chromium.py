"""Chromium as the active side of ICE over TCP, and over UDP: the path, and the DTLS handshake on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from ice.messages import CheckReceived
from ice.session import Session
from ice.types import Role, TcpType, Transport
from tests.interop.webrtc import CLIENT_HELLO, Setup, only, our_session, read, written
from tests.peers.browser_call import browser_call
from tests.peers.dtls import Dtls
from tests.peers.netns import one_host
from tests.peers.process import Programs, until

pytestmark = [pytest.mark.peer("netns", "chromium"), pytest.mark.root]

NOMINATED_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Talk:
    """What came of a call with the browser.

    Attributes:
        session: ours, completed.
        checks: that it sent.
        pair: what it selected.
    """

    session: Session
    checks: list[CheckReceived]
    pair: dict[str, Any]


async def talk(programs: Programs, transport: Transport, *, they_offer: bool, setup: Setup) -> Talk:
    """Set a call up in a namespace as far as DTLS; `setup` is ours. Chromium says that it is connected."""
    tcp = transport is Transport.TCP
    async with one_host() as host:
        with host.entered():
            async with (
                browser_call(programs, host, offers=they_offer) as call,
                our_session(Role.CONTROLLED if they_offer else Role.CONTROLLING, tcp=tcp) as session,
            ):
                checks: list[CheckReceived] = []
                session.subscribe(lambda e: checks.append(e) if isinstance(e, CheckReceived) else None)
                path = session.path(1)
                dtls = Dtls(path, client=setup == "active")
                ours = only(session.local_description, transport, *([TcpType.PASSIVE] if tcp else []))
                told = written(ours, dtls.fingerprint, setup if they_offer else "actpass")
                if not they_offer:
                    call.set_remote(told)
                theirs, fingerprint = read(await call.description())
                if they_offer:
                    call.set_remote(told)
                assert not path.send(CLIENT_HELLO), "nothing is sent before ICE permits it"
                session.set_remote(only(theirs, transport))
                await asyncio.wait_for(session.completed(), NOMINATED_S)
                await dtls.handshake()
                assert dtls.peer_fingerprint.lower() == fingerprint.lower()
                await call.reached("connection", "connected")
                # Beside the association it goes on with its checks, in clear, and takes our answers.
                before = len(checks)
                await until(lambda: len(checks) > before, "another check")
                states = [event["state"] for event in call.of("ice")]
                assert set(states) <= {"checking", "connected", "completed"}
                pair = (await call.reached("ice", "connected"))["pair"]
    return Talk(session=session, checks=checks, pair=pair)


@pytest.mark.req("ICETCP-4.5-8", "ICETCP-7.1-11")
@pytest.mark.parametrize("setup", ["active", "passive"])
async def test_chromium_dials_and_nominates(programs: Programs, setup: Setup) -> None:
    """Whoever begins DTLS, the connection is the one that it opened to our passive candidate."""
    done = await talk(programs, Transport.TCP, they_offer=True, setup=setup)
    tcp_pair(done)
    assert done.checks[0].use_candidate, "it nominates with its first check"


async def test_chromium_dials_and_we_nominate(programs: Programs) -> None:
    tcp_pair(await talk(programs, Transport.TCP, they_offer=False, setup="passive"))


def tcp_pair(done: Talk) -> None:
    """Both say that they selected the connection that Chromium opened."""
    ours = done.session.report().selected
    assert ours is not None
    assert (ours.local.tcptype, ours.remote.tcptype) == (TcpType.PASSIVE, TcpType.ACTIVE)
    local, remote = done.pair["local"], done.pair["remote"]
    assert (local["protocol"], local["tcpType"]) == ("tcp", "active")
    assert (remote["protocol"], remote["tcpType"]) == ("tcp", "passive")
    assert remote["port"] == ours.local.address.port


@pytest.mark.parametrize("they_offer", [True, False])
async def test_over_udp_with_either_side_nominating(programs: Programs, they_offer: bool) -> None:
    done = await talk(programs, Transport.UDP, they_offer=they_offer, setup="passive")
    ours = done.session.report().selected
    assert ours is not None
    assert done.pair["local"]["protocol"] == done.pair["remote"]["protocol"] == "udp"
    assert done.pair["remote"]["port"] == ours.local.address.port
    assert done.pair["local"]["port"] == ours.remote.address.port
