"""A whole call whose media does no good (RFC 8083 §4.5): two phones and a bad path, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from ice.net.network import DatagramReceiver, UdpSocket
from ice.net.outer_network import OuterNetwork
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from media.rtp.packet import is_rtcp
from tests.media.virtual_loop import run_virtually
from tests.ua.phones import account, pair
from ua import clock
from ua.errors import ResultCode
from ua.plan import MediaPlan, Silence

TALK_S = 12.0
"""All is well for so long: both have reported by then."""


class LossyNetwork(OuterNetwork):
    """Loses media from a moment on.

    Args:
        rtp: share of the RTP packets, 0 to 1.
        rtcp: the same of RTCP.
    """

    def __init__(self, *, rtp: float = 0.0, rtcp: float = 0.0) -> None:
        super().__init__(HostNetwork())
        self.bad = False
        self._shares = {False: rtp, True: rtcp}
        self._owed = {False: 0.0, True: 0.0}

    def loses(self, data: bytes) -> bool:
        """Whether this packet is lost: evenly spread, and never one of ICE."""
        if not self.bad or data[0] >> 6 != 2:
            return False
        kind = is_rtcp(data)
        self._owed[kind] += self._shares[kind]
        if self._owed[kind] < 1:
            return False
        self._owed[kind] -= 1
        return True

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """A socket that loses what arrives."""

        def received(data: bytes, remote: TransportAddress) -> None:
            if not self.loses(data):
                on_datagram(data, remote)

        return await self._inner.bind_udp(host, port, received)


async def called(
    network: LossyNetwork, choice: str, *, seconds: float
) -> tuple[ResultCode, str, list[str], float]:
    """Result and error of a call that Alice places, the causes that its log names, and its end, s."""
    async with pair(alice=account("alice", circuit_breaker=choice), network=network) as phones:
        call, ringing = await phones.ring(MediaPlan(source=Silence()))
        await ringing.accept(MediaPlan(source=Silence()))
        await call.established()
        await asyncio.sleep(TALK_S)
        network.bad, since = True, clock.now()
        ended = asyncio.ensure_future(call.ended())
        await asyncio.wait({ended, asyncio.ensure_future(ringing.ended())}, timeout=seconds)
        after = clock.now() - since
        if not ended.done():
            call.hang_up()
        result = await ended
        await ringing.ended()
        causes = [
            str(each.data["cause"])
            for each in phones.log.entries
            if (each.party, each.source, each.name) == ("alice", "call", "sending")
        ]
        assert any(each.startswith("BYE ") for each in phones.messages("bob", "in"))
    return result.result, result.error or "", causes, after


@pytest.mark.req("CB-5")
@pytest.mark.parametrize(
    ("rtp", "rtcp", "cause", "code", "within_s"),
    [
        (0.0, 1.0, "no_reports", ResultCode.MEDIA_ONE_WAY, (10, 30)),
        (0.8, 0.0, "unusable", ResultCode.QUALITY, (10, 60)),
    ],
)
def test_a_call_that_is_to_end_ends_with_what_was_seen(
    rtp: float, rtcp: float, cause: str, code: ResultCode, within_s: tuple[float, float]
) -> None:
    async def main() -> None:
        network = LossyNetwork(rtp=rtp, rtcp=rtcp)
        result, error, causes, after = await called(network, "hang_up", seconds=120)
        assert (result, causes) == (code, [cause])
        assert error
        assert within_s[0] <= after <= within_s[1]

    run_virtually(main())


@pytest.mark.req("CB-5")
def test_a_call_that_is_to_go_on_goes_on() -> None:
    async def main() -> None:
        network = LossyNetwork(rtcp=1.0)
        result, _, causes, after = await called(network, "stop", seconds=60)
        assert (result, causes) == (ResultCode.MEDIA_ONE_WAY, ["no_reports"])
        assert after > 59

    run_virtually(main())
