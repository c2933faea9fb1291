"""Janus, which is ICE-lite and listens for TCP: the path, and the DTLS handshake on it."""

from __future__ import annotations

import asyncio

import pytest

from ice.types import Role, TcpType, Transport
from tests.interop.webrtc import CLIENT_HELLO, only, our_session, read, written
from tests.peers.dtls import Dtls
from tests.peers.janus import janus
from tests.peers.netns import one_host
from tests.peers.process import Programs

pytestmark = [pytest.mark.peer("netns", "janus"), pytest.mark.root]

NOMINATED_S = 10.0


@pytest.mark.req("ICETCP-4.5-8", "ICETCP-7.1-11")
@pytest.mark.parametrize("setup", ["active", "passive"])
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
async def test_a_path_and_dtls(programs: Programs, transport: Transport, setup: str) -> None:
    """We dial its passive candidate; whoever begins DTLS does not depend on that."""
    tcp = transport is Transport.TCP
    async with one_host() as host:
        with host.entered():
            async with janus(programs, host) as gateway, our_session(Role.CONTROLLING, tcp=tcp) as session:
                path = session.path(1)
                dtls = Dtls(path, client=setup == "active")
                ours = only(session.local_description, transport, *([TcpType.ACTIVE] if tcp else []))
                theirs, fingerprint = read(await gateway.echo(written(ours, dtls.fingerprint, setup)))
                assert theirs.lite
                assert not path.send(CLIENT_HELLO), "nothing is sent before ICE permits it"
                session.set_remote(only(theirs, transport))
                await asyncio.wait_for(session.completed(), NOMINATED_S)
                pair = session.report().selected
                assert pair is not None
                assert pair.local.transport is transport
                assert (pair.local.tcptype, pair.remote.tcptype) == (
                    (TcpType.ACTIVE, TcpType.PASSIVE) if tcp else (None, None)
                )
                await dtls.handshake()
                assert dtls.peer_fingerprint.lower() == fingerprint.lower()
                await gateway.up()
