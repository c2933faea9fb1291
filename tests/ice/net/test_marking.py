"""One DSCP value on everything that a session sends."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from ice.net.demux import PacketKind, classify
from ice.net.marking import mark
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.stun.binding import binding_success
from ice.stun.message import MessageClass, parse, short_term_key
from ice.types import Role, Transport, TransportAddress
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, NOMINATION_S, rtp
from tests.ice.test_conformance_wire import THEIRS, address_of, check, description

EXPEDITED = 46


@pytest.mark.req("ICE-7.2-4", "ICE-7.2-3")
@pytest.mark.parametrize("dscp", [EXPEDITED, 0])
async def test_checks_answers_consent_checks_and_media_have_one_mark(dscp: int) -> None:
    config = replace(CONFIG, tcp=False, consent_interval_s=0.05)
    session = Session(network=HostNetwork(dscp=dscp), config=config, role=Role.CONTROLLING)
    marks: dict[object, set[int]] = {}
    requests: set[bytes] = set()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((HOST, 0))
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)

        def arrived() -> None:
            data, control, _flags, source = peer.recvmsg(2048, 64)
            kind: object = classify(data)
            if kind is PacketKind.STUN:
                message = parse(data)
                kind = message.message_class
                if kind is MessageClass.REQUEST:
                    requests.add(message.transaction_id)
                    mapped = TransportAddress(host=source[0], port=source[1])
                    peer.sendto(binding_success(message, mapped, short_term_key(THEIRS.password)), source)
            marks.setdefault(kind, set()).add(control[0][2][0])

        loop.add_reader(peer, arrived)
        try:
            await session.gather()
            session.set_remote(description(Transport.UDP, address_of(peer)))
            async with asyncio.timeout(NOMINATION_S):
                await session.completed()
            ours = session.path(1).pair
            assert ours is not None
            local = ours.local.address
            peer.sendto(check(session.local_description.credentials, 9), (local.host, local.port))
            assert session.path(1).send(rtp(1))
            # Check, nomination, and then consent checks.
            await until(lambda: len(requests) >= 4 and len(marks) == 3)
        finally:
            loop.remove_reader(peer)
            await session.close()
    kinds = (MessageClass.REQUEST, MessageClass.SUCCESS, PacketKind.RTP)
    assert marks == {kind: {dscp << 2} for kind in kinds}


@pytest.mark.req("ICE-7.2-4")
async def test_connections_are_marked_on_both_ends_before_their_first_packet() -> None:
    for family, level, option in (
        (socket.AF_INET, socket.IPPROTO_IP, socket.IP_TOS),
        (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_TCLASS),
    ):
        host = HOST if family == socket.AF_INET else "::1"
        with socket.socket(family, socket.SOCK_STREAM) as listener, socket.socket(family) as dialler:
            mark(listener, EXPEDITED)
            mark(dialler, EXPEDITED)
            listener.bind((host, 0))
            listener.listen()
            dialler.connect(listener.getsockname())
            accepted, _ = listener.accept()
            with accepted:
                assert [s.getsockopt(level, option) for s in (accepted, dialler)] == [EXPEDITED << 2] * 2


@pytest.mark.parametrize("dscp", [-1, 64])
def test_values_that_do_not_fit_are_refused(dscp: int) -> None:
    with socket.socket() as sock, pytest.raises(ValueError, match="outside 0 to 63"):
        mark(sock, dscp)
