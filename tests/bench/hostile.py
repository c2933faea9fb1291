"""What a hostile description costs: ``python -m tests.bench.hostile [--candidates 1000] [--json]``.

A stranger who may call us lists as many candidates as fit, UDP and TCP, all at one victim, and nobody there
answers. Counted is what leaves until ICE has given up, and how long the processor was busy; time itself is
simulated. The exit code is 1 where more leaves than the limits of RFC 6544 §12 and RFC 8445 §19.5 allow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

from ice.config import IceConfig
from ice.messages import CloseFlow, OpenTcp, SendDatagram, SendFrame
from ice.stun.transaction import RC
from ice.types import (
    Candidate,
    CandidateType,
    Description,
    Role,
    SessionState,
    TcpType,
    Transport,
    TransportAddress,
)
from sdp.attributes import ice_attr
from sdp.attributes.candidate_attr import format_candidate
from sdp.errors import SdpError
from sdp.syntax.parser import parse
from tests.ice.single import THEIRS, Single

VICTIM = "203.0.113.99"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one description cost.

    Attributes:
        candidates: how many it listed.
        refused: why SDP refuses to read so much, empty where it does not; ICE got it all the same.
        parse_ms: reading it as SDP, ms of processor time.
        ice_ms: everything that ICE did until it gave up, ms of processor time.
        packets: datagrams and frames that left.
        sent_bytes: what they held.
        dials: connections that were tried.
        most_dialling: the most that were tried at one moment.
        simulated_s: how long it went on.
        events: what the application was told.
        gave_up: the session failed, as it must.
    """

    candidates: int
    refused: str
    parse_ms: float
    ice_ms: float
    packets: int
    sent_bytes: int
    dials: int
    most_dialling: int
    simulated_s: float
    events: int
    gave_up: bool


def hostile_description(count: int) -> Description:
    """So many candidates at the victim, half of them TCP, as another rendezvous than SDP may bring them."""
    candidates = tuple(
        Candidate(
            foundation=str(number),
            component=1,
            transport=Transport.TCP if number % 2 else Transport.UDP,
            priority=2_000_000_000 - number,
            address=TransportAddress(host=VICTIM, port=10_000 + number),
            type=CandidateType.HOST,
            tcptype=TcpType.PASSIVE if number % 2 else None,
        )
        for number in range(count)
    )
    return Description(credentials=THEIRS, candidates=candidates, pacing_ms=5)


def hostile_sdp(count: int) -> str:
    """The same as an offer."""
    head = f"v=0\r\no=mallory 1 1 IN IP4 {VICTIM}\r\ns=-\r\nc=IN IP4 {VICTIM}\r\nt=0 0\r\n"
    own = "m=audio 10000 RTP/AVP 0\r\na=ice-ufrag:evil\r\na=ice-pwd:mallorymallorymallory22\r\n"
    candidates = hostile_description(count).candidates
    lines = (f"a=candidate:{format_candidate(candidate)}\r\n" for candidate in candidates)
    return head + own + "".join(lines)


def attack(count: int, role: Role = Role.CONTROLLED, config: IceConfig | None = None) -> Cost:
    """Take such an offer and see ICE to its end."""
    began = time.process_time()
    try:
        session = parse(hostile_sdp(count))
        ice_attr.read(session, session.media[0], is_answer=False)
        refused = ""
    except SdpError as error:
        refused = error.reason
    parsed = time.process_time()
    one = Single(role, config=config)
    start = one.now
    one.agent.set_remote(hostile_description(count), one.now)
    one.take()
    dialling: set[int] = set()
    most = seen = 0
    while one.agent.state is SessionState.RUNNING and (at := one.agent.next_timer()) is not None:
        one.now = max(one.now, at)
        one.agent.handle_timer(one.now)
        one.take()
        for command in one.commands[seen:]:
            if isinstance(command, OpenTcp):
                dialling.add(command.flow)
            elif isinstance(command, CloseFlow):
                dialling.discard(command.flow)
            most = max(most, len(dialling))
        seen = len(one.commands)
    busy = time.process_time() - parsed
    packets = [c for c in one.commands if isinstance(c, SendDatagram | SendFrame)]
    return Cost(
        candidates=count,
        refused=refused,
        parse_ms=(parsed - began) * 1000,
        ice_ms=busy * 1000,
        packets=len(packets),
        sent_bytes=sum(len(packet.data) for packet in packets),
        dials=len(one.dials()),
        most_dialling=most,
        simulated_s=one.now - start,
        events=len(one.events),
        gave_up=one.agent.state is SessionState.FAILED,
    )


def within_limits(cost: Cost, config: IceConfig) -> bool:
    """True where no more left than the limits allow, whatever the description listed."""
    checked = config.max_remote_candidates
    return (
        cost.gave_up
        and cost.packets <= checked * RC
        and cost.dials <= checked
        and cost.most_dialling <= config.max_dials_per_address
    )


def line(cost: Cost) -> str:
    """One cost for people."""
    read = "refused" if cost.refused else "read"
    return (
        f"{cost.candidates:5} candidates: {read} in {cost.parse_ms:.1f} ms, checked in {cost.ice_ms:.1f} ms"
        f" of processor time; {cost.packets} packets ({cost.sent_bytes} bytes), {cost.dials} dials,"
        f" {cost.most_dialling} at once; {cost.simulated_s:.1f} s until it was given up"
    )


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    costs = [attack(count) for count in (1, 32, options.candidates)]
    if options.json:
        print(json.dumps({"costs": [asdict(cost) for cost in costs]}))
    else:
        print("\n".join(map(line, costs)))
    return 0 if all(within_limits(cost, IceConfig()) for cost in costs) else 1


if __name__ == "__main__":
    sys.exit(main())
