"""What a phone that goes by relay alone tells of the host that it runs on (RFC 8839 §5.1, §9.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.net.sockets import HostNetwork
from ice.types import Role
from sdp.ice.binding import IceBinding
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.peers.coturn import coturn
from tests.peers.namespace import Namespace
from tests.peers.process import Programs
from tests.sdp.calls import CONFIG, WISH

ELSEWHERE = Namespace(name="", host="127.0.0.2")
"""Where the server is and relays from: another address than any that this side may name."""


@pytest.mark.req("SEC-4", "ICETCP-12-7")
async def test_no_byte_of_the_sdp_names_an_address_of_this_host(programs: Programs) -> None:
    async with coturn(programs, place=ELSEWHERE) as server:
        config = replace(CONFIG, turn_servers=(server.server("tcp"),), relay_only=True, gather_timeout_s=5.0)
        binding = await IceBinding.gather(
            network=HostNetwork(), config=config, role=Role.CONTROLLING, session_id=1
        )
        try:
            text = write(binding.offer(WISH))
        finally:
            await binding.close()
        hosts = {each.host for each in HostNetwork().host_addresses()} - {ELSEWHERE.host}
        words = text.replace("\r\n", " ").split(" ")
        assert not hosts.intersection(words)
        candidates = [line.value or "" for line in parse(text).media[0].all("candidate")]
        assert len(candidates) >= 2
        assert all(" typ relay" in line for line in candidates)
        assert f"c=IN IP4 {ELSEWHERE.host}" in text
