"""How long after the 200 the caller hears the first packet, with and without an answer in the 183 before it.

    python -m tests.bench.early_answer --calls 20 --round-trip-ms 50

Both sides are in this process; their datagrams, signalling excepted, take half of the round trip.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from dataclasses import replace

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import DatagramReceiver, UdpSocket
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.ua.call.media_legs import answered, media_leg
from tests.ua.peer import media_peer
from tests.ua.phones import LOOPBACK, account
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Silence
from ua.sip.syntax.body import session_of

RINGING_S = 0.5


class _SlowSocket:
    """A UDP socket on a long line."""

    def __init__(self, inner: UdpSocket, delay_s: float) -> None:
        self._inner = inner
        self._delay_s = delay_s

    @property
    def local(self) -> TransportAddress:
        return self._inner.local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        asyncio.get_running_loop().call_later(self._delay_s, self._inner.send, data, remote)
        return True

    def close(self) -> None:
        self._inner.close()


class _SlowNetwork(FirewallNetwork):
    """The host's own network; what is sent by UDP takes a while."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(HostNetwork(), FirewallPolicy())
        self._delay_s = delay_s

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        return _SlowSocket(await super().bind_udp(host, port, on_datagram), self._delay_s)


async def ms_to_media(*, early: bool, round_trip_s: float = 0.0) -> float:
    """One call over UDP: ms from the 200 to the first packet that the caller takes."""
    network = _SlowNetwork(round_trip_s / 2)
    alice = account("alice", ice=replace(LOOPBACK, tcp=False))
    async with (
        media_peer() as peer,
        Phone(alice, EventLog(), network=network) as phone,
        media_leg(network=network) as leg,
    ):
        call = await phone.place(str(peer.uri), MediaPlan(source=Silence()))
        invite = await peer.receive_request("INVITE")
        answer = await answered(leg, session_of(invite))
        leg.descriptions.answer_sent()
        starting = asyncio.ensure_future(leg.start())
        if early:
            peer.answer(invite, 183, ("Content-Type", "application/sdp"), tag="a", body=answer)
        else:
            peer.answer(invite, 180, tag="a")
        await asyncio.sleep(RINGING_S)
        started_at = asyncio.get_running_loop().time()
        peer.accept(invite, answer, tag="a")
        async with asyncio.timeout(10):
            await call.established()
            await starting
            while call.statistics is None or call.statistics.first_received_at is None:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.001)
        heard_at = call.statistics.first_received_at
        call.hang_up()
        await peer.finish()
        await call.ended()
    return (heard_at - started_at) * 1000


def main() -> None:
    """Print both medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--round-trip-ms", type=float, default=50.0)
    chosen = parser.parse_args()
    trip_s = chosen.round_trip_ms / 1000
    for early in (False, True):
        times = [asyncio.run(ms_to_media(early=early, round_trip_s=trip_s)) for _ in range(chosen.calls)]
        name = "answer in the 183" if early else "answer in the 200"
        print(f"{name}: {statistics.median(times):.0f} ms to the first packet, {max(times):.0f} at most")


if __name__ == "__main__":
    main()
