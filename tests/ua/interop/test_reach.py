"""Is somebody there? Asked before scenarios are run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.process import free_ports
from tests.ua.interop.pbx import peer_at, small_pbx
from ua.config.account import Account
from ua.errors import Unreachable
from ua.interop.reach import reached


async def test_somebody_answers_over_each_transport(tmp_path: Path) -> None:
    async with small_pbx(tmp_path) as peer:
        assert await reached(peer, Account(), keep_all=False) == (peer, ())


async def test_a_closed_port_and_an_unknown_name_end_it() -> None:
    for uri in (f"sip:127.0.0.1:{free_ports(1)[0]}", "sip:nobody.invalid"):
        with pytest.raises(Unreachable):
            await reached(peer_at(uri), Account(), keep_all=False)


async def test_a_transport_that_is_not_there_is_left_out_unless_it_was_named() -> None:
    class Deaf(asyncio.DatagramProtocol):
        """Hears and says nothing."""

    port = free_ports(1)[0]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Deaf, ("127.0.0.1", port))
    try:
        peer = peer_at(f"sip:127.0.0.1:{port}")
        left, notes = await reached(peer, Account(), keep_all=False, patience_s=2.0)
        kept, _ = await reached(peer, Account(), keep_all=True, patience_s=2.0)
    finally:
        transport.close()
    assert (left.transports, kept.transports) == (("udp",), ("udp", "tcp"))
    assert [note.partition(":")[0].partition(" in ")[0] for note in notes] == [
        "no answer to OPTIONS over UDP",
        "not reached over TCP",
    ]
