"""How long after the 200 the caller hears the first packet, with and without an answer in the 183 before it.

    python -m tests.bench.early_answer --calls 20

Loopback, both sides in this process: what ICE itself takes, without any round trip.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

from tests.ua.peer import media_peer
from tests.ua.phones import account
from tests.ua.test_phone_ice import answered, media_leg
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Silence
from ua.sip.body import session_of

RINGING_S = 0.5


async def ms_to_media(*, early: bool) -> float:
    """One call: ms from the 200 to the first packet that the caller takes."""
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone, media_leg() as leg:
        call = await phone.place(str(peer.uri), MediaPlan(source=Silence()))
        invite = await peer.receive_request("INVITE")
        answer = await answered(leg, session_of(invite))
        leg.answer_sent()
        starting = asyncio.ensure_future(leg.start())
        if early:
            peer.answer(invite, 183, ("Content-Type", "application/sdp"), tag="a", body=answer)
        else:
            peer.answer(invite, 180, tag="a")
        await asyncio.sleep(RINGING_S)
        started_at = time.monotonic()
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
    calls = parser.parse_args().calls
    for early in (False, True):
        times = [asyncio.run(ms_to_media(early=early)) for _ in range(calls)]
        name = "answer in the 183" if early else "answer in the 200"
        print(f"{name}: {statistics.median(times):.0f} ms to the first packet, {max(times):.0f} at most")


if __name__ == "__main__":
    main()
