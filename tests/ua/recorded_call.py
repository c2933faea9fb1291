"""Event logs of calls as the phones write them, built with the real event classes."""

from __future__ import annotations

import dataclasses

from ice.messages import (
    CandidateAdded,
    CheckAnswered,
    CheckReceived,
    CheckSent,
    ConsentAnswered,
    FlowClosed,
    FlowOpened,
    FlowOpening,
    PacketRefused,
    PairAdded,
    PairNominated,
    PairStateChanged,
    PathSelected,
    StateChanged,
)
from ice.types import (
    Candidate,
    CandidateType,
    FlowId,
    PairState,
    PairView,
    SessionState,
    TcpType,
    Transport,
    TransportAddress,
)
from media.events import MediaCounters
from ua.errors import ResultCode
from ua.events import EventLog
from ua.results import CallResult, IceSummary, PathChange, Traffic

ALICE = "192.0.2.10"
BOB = "192.0.2.20"
START = 1000.0
REASON = "UDP: 4 checks, 0 answers; TCP active nominated at 168 ms"


def address(host: str, port: int) -> TransportAddress:
    return TransportAddress(host=host, port=port)


def candidate(
    host: str, port: int, tcptype: TcpType | None = None, kind: CandidateType = CandidateType.HOST
) -> Candidate:
    return Candidate(
        foundation="1",
        component=1,
        transport=Transport.UDP if tcptype is None else Transport.TCP,
        priority=2130706431 if tcptype is None else 2122317823,
        address=address(host, port),
        type=kind,
        tcptype=tcptype,
    )


def pair(number: int, local: Candidate, remote: Candidate, **more: object) -> PairView:
    view = PairView(
        id=number,
        component=1,
        local=local,
        remote=remote,
        priority=9151314440652587007 - number,
        state=PairState.FROZEN,
    )
    return dataclasses.replace(view, **more)  # type: ignore[arg-type]


UDP_A = candidate(ALICE, 40000)
UDP_B = candidate(BOB, 50000)
ACTIVE_A = candidate(ALICE, 9, TcpType.ACTIVE)
PASSIVE_A = candidate(ALICE, 40002, TcpType.PASSIVE)
ACTIVE_B = candidate(BOB, 9, TcpType.ACTIVE)
PASSIVE_B = candidate(BOB, 50002, TcpType.PASSIVE)
PRFLX_A = candidate(ALICE, 43210, TcpType.ACTIVE, CandidateType.PRFLX)

OFFER = "\r\n".join(
    [
        "v=0",
        f"o=- 4711 1 IN IP4 {ALICE}",
        "s=-",
        f"c=IN IP4 {ALICE}",
        "t=0 0",
        "a=ice-options:ice2",
        "m=audio 40000 RTP/AVP 0 8",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=ice-ufrag:8hhY",
        "a=ice-pwd:asd88fgpdd777uzjYhagZg",
        f"a=candidate:1 1 UDP 2130706431 {ALICE} 40000 typ host",
        f"a=candidate:2 1 TCP 2124414975 {ALICE} 9 typ host tcptype active",
        f"a=candidate:3 1 TCP 2120220671 {ALICE} 40002 typ host tcptype passive",
        "a=candidate:4 1 UDP 99999999999 example.invalid 1 typ host",
        "",
    ]
)
ANSWER = (
    OFFER.replace(ALICE, BOB)
    .replace(" 40000 ", " 50000 ")
    .replace(" 40002 ", " 50002 ")
    .replace("RTP/AVP 0 8", "RTP/AVP 0")
    .replace("a=candidate:4 1 UDP 99999999999 example.invalid 1 typ host\r\n", "")
)


class Recorder:
    """Writes a log with times in ms after the INVITE."""

    def __init__(self) -> None:
        self.log = EventLog()

    def ice(self, party: str, event: object) -> None:
        self.log.record_event(party, "ice", event)

    def sip(self, at_ms: float, sender: str, receiver: str, text: str, *, delay_ms: float = 0.4) -> None:
        ends = {"alice": f"{ALICE}:5060", "bob": f"{BOB}:5060"}
        for party, direction, late in ((sender, "sent", 0.0), (receiver, "received", delay_ms)):
            other = receiver if party == sender else sender
            self.log.record(
                at(at_ms + late),
                party,
                "sip",
                "message",
                direction=direction,
                transport="udp",
                local=ends[party],
                remote=ends[other],
                size=len(text),
                text=text,
            )


def at(ms: float) -> float:
    return START + ms / 1000


def request(method: str, body: str = "") -> str:
    return (
        f"{method} sip:bob@{BOB} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE}:5060;branch=z9hG4bK1\r\n"
        f"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: c1@example.com\r\n"
        f"CSeq: 1 {method}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def response(status: str, method: str, body: str = "") -> str:
    return f"SIP/2.0 {status}\r\n" + request(method, body).split("\r\n", 1)[1]


def udp_blocked_log(*, mute: bool = False) -> EventLog:
    """A call whose UDP checks die and whose TCP pair is nominated after 168 ms."""
    r = Recorder()
    log = r.log
    log.record(at(0), "alice", "call", "state", state="calling", reason="")
    log.record(at(0), "alice", "sdp", "offer", direction="sent", text=OFFER)
    r.sip(0.5, "alice", "bob", request("INVITE", OFFER))
    log.record(at(1.2), "bob", "sdp", "offer", direction="received", text=OFFER)
    log.record(
        at(1.3),
        "bob",
        "sdp",
        "refused",
        line="a=candidate:4 1 UDP 99999999999 example.invalid 1 typ host",
        reason="priority is not between 1 and 2^31-1",
    )
    r.sip(2.0, "bob", "alice", response("100 Trying", "INVITE"))
    r.sip(12.0, "bob", "alice", response("180 Ringing", "INVITE"))
    for known in (UDP_B, ACTIVE_B, PASSIVE_B):
        r.ice("bob", CandidateAdded(at=at(14.0), local=True, candidate=known))
    log.record(at(15.0), "bob", "sdp", "answer", direction="sent", text=ANSWER)
    r.sip(15.5, "bob", "alice", response("200 OK", "INVITE", ANSWER))
    r.sip(18.0, "alice", "bob", request("ACK"))
    log.record(at(17.0), "alice", "sdp", "answer", direction="received", text=ANSWER)

    udp, tcp, back = 1, 2, 3
    r.ice("alice", StateChanged(at=at(18), state=SessionState.RUNNING))
    for number, local, remote in (
        (udp, UDP_A, UDP_B),
        (tcp, ACTIVE_A, PASSIVE_B),
        (back, PASSIVE_A, ACTIVE_B),
    ):
        r.ice("alice", PairAdded(at=at(18), pair=pair(number, local, remote)))
    for number, local, remote in (
        (udp, UDP_B, UDP_A),
        (tcp, ACTIVE_B, PASSIVE_A),
        (back, PASSIVE_B, ACTIVE_A),
    ):
        r.ice("bob", PairAdded(at=at(16), pair=pair(number, local, remote)))
    r.ice("bob", PairStateChanged(at=at(17), pair_id=udp, state=PairState.IN_PROGRESS))
    r.ice("bob", CheckSent(at=at(17), pair_id=udp, transmission=1, nominating=False))
    r.ice("bob", CheckSent(at=at(77), pair_id=udp, transmission=2, nominating=False))
    r.ice("alice", PairStateChanged(at=at(20), pair_id=udp, state=PairState.IN_PROGRESS))
    for number, when in enumerate((20, 70, 120), start=1):
        r.ice("alice", CheckSent(at=at(when), pair_id=udp, transmission=number, nominating=False))
    r.ice("alice", PairStateChanged(at=at(40), pair_id=tcp, state=PairState.IN_PROGRESS))
    r.ice("alice", FlowOpening(at=at(40), flow=FlowId(7), local=address(ALICE, 0), remote=PASSIVE_B.address))
    r.ice(
        "alice",
        FlowOpened(
            at=at(90), flow=FlowId(7), local=PRFLX_A.address, remote=PASSIVE_B.address, accepted=False
        ),
    )
    r.ice(
        "bob",
        FlowOpened(at=at(89), flow=FlowId(9), local=PASSIVE_B.address, remote=PRFLX_A.address, accepted=True),
    )
    r.ice("alice", CheckSent(at=at(91), pair_id=tcp, transmission=1, nominating=False))
    r.ice(
        "bob",
        CheckReceived(at=at(93), component=1, flow=FlowId(9), remote=PRFLX_A.address, use_candidate=False),
    )
    r.ice("bob", PairAdded(at=at(93), pair=pair(4, PASSIVE_B, PRFLX_A)))
    r.ice("bob", PairStateChanged(at=at(93), pair_id=4, state=PairState.IN_PROGRESS))
    r.ice("bob", CheckSent(at=at(94), pair_id=4, transmission=1, nominating=False))
    r.ice("alice", CheckAnswered(at=at(118), pair_id=tcp, rtt_ms=27.0))
    r.ice("alice", PairStateChanged(at=at(118), pair_id=tcp, state=PairState.SUCCEEDED))
    r.ice("bob", CheckAnswered(at=at(119), pair_id=4, rtt_ms=25.0))
    r.ice("bob", PairStateChanged(at=at(119), pair_id=4, state=PairState.SUCCEEDED))
    r.ice("alice", CheckSent(at=at(142), pair_id=tcp, transmission=1, nominating=True))
    r.ice(
        "bob",
        CheckReceived(at=at(155), component=1, flow=FlowId(9), remote=PRFLX_A.address, use_candidate=True),
    )
    chosen = pair(
        tcp, PRFLX_A, PASSIVE_B, state=PairState.SUCCEEDED, nominated=True, selected=True, rtt_ms=26.0
    )
    mirror = pair(
        4, PASSIVE_B, PRFLX_A, state=PairState.SUCCEEDED, nominated=True, selected=True, rtt_ms=25.0
    )
    r.ice("bob", PairNominated(at=at(155), pair_id=4))
    r.ice(
        "bob",
        PathSelected(
            at=at(155),
            component=1,
            flow=FlowId(9),
            remote=PRFLX_A.address,
            pair=mirror,
            reason="the peer nominated TCP",
        ),
    )
    r.ice("alice", CheckAnswered(at=at(168), pair_id=tcp, rtt_ms=26.0))
    r.ice("alice", PairNominated(at=at(168), pair_id=tcp))
    r.ice(
        "alice",
        PathSelected(
            at=at(168), component=1, flow=FlowId(7), remote=PASSIVE_B.address, pair=chosen, reason=REASON
        ),
    )
    r.ice(
        "alice",
        PairStateChanged(at=at(168.2), pair_id=udp, state=PairState.FAILED, reason="3 checks, no answer"),
    )
    r.ice(
        "bob", PairStateChanged(at=at(156), pair_id=udp, state=PairState.FAILED, reason="2 checks, no answer")
    )
    r.ice(
        "bob",
        PacketRefused(
            at=at(130), flow=FlowId(9), remote=address("198.51.100.7", 1024), reason="not a STUN message"
        ),
    )
    r.ice("alice", StateChanged(at=at(168.3), state=SessionState.COMPLETED))
    log.record(at(170), "alice", "call", "state", state="established", reason="")
    log.record(at(158), "bob", "call", "state", state="established", reason="")
    for tick in range(1, 26):
        for party in ("alice", "bob"):
            packets = 10 * tick
            counters = MediaCounters(
                at=at(170 + 200 * tick),
                sent_packets=packets,
                received_packets=packets - (1 if tick > 12 else 0),
                lost=1 if tick > 12 else 0,
                jitter_ms=1.5 + 0.8 * ((tick * 7) % 5) + (2.0 if party == "bob" else 0.0),
                buffer_ms=42.0 + 4 * ((tick * 3) % 4),
                packet_ms=20.0,
                round_trip_ms=26.0,
                level_sent_dbfs=-127.0 if mute else -20.0 - tick % 4,
                level_received_dbfs=-24.0 - tick % 3,
                mos=4.31,
                loss_percent=100 / packets if tick > 12 else 0.0,
            )
            log.record_event(party, "media", counters)
    r.ice("alice", ConsentAnswered(at=at(5100), component=1, rtt_ms=25.4))
    log.record(at(5200), "alice", "call", "state", state="ending", reason="hung up after 5 s")
    log.record(at(5200), "bob", "call", "state", state="ending", reason="BYE")
    r.sip(5200, "alice", "bob", request("BYE"))
    r.sip(5202, "bob", "alice", response("200 OK", "BYE"))
    r.ice("alice", FlowClosed(at=at(5203), flow=FlowId(7), reason="closed"))
    return in_order(log)


def in_order(log: EventLog) -> EventLog:
    """The same log with its entries in the order in which they happened."""
    ordered = EventLog()
    for entry in sorted(log.entries, key=lambda entry: entry.at):
        ordered.record(entry.at, entry.party, entry.source, entry.name, **entry.data)
    return ordered


def results() -> tuple[CallResult, CallResult]:
    """The results of both sides of that call."""
    selected = pair(
        2,
        PRFLX_A,
        PASSIVE_B,
        state=PairState.SUCCEEDED,
        nominated=True,
        selected=True,
        checks_sent=2,
        checks_answered=2,
        rtt_ms=26.0,
        reason=REASON,
    )
    failed = pair(1, UDP_A, UDP_B, state=PairState.FAILED, checks_sent=3, reason="3 checks, no answer")
    caller = CallResult(
        party="alice",
        call_id="c1@example.com",
        remote="sip:bob@example.com",
        setup_ms=15.9,
        media_ms=189.3,
        ice=IceSummary.from_pairs(
            (failed, selected), state="completed", role="controlling", nominated_ms=150.0, reason=REASON
        ),
        codec="PCMU",
        sent=Traffic(packets=250, bytes=40000, lost=0, jitter_ms=1.2),
        received=Traffic(packets=249, bytes=39840, lost=1, jitter_ms=2.3),
        delay_p50_ms=61.0,
        delay_p99_ms=92.4,
        mos=4.31,
        path_changes=(
            PathChange(
                at_ms=168.0,
                transport="tcp",
                local=str(PRFLX_A.address),
                remote=str(PASSIVE_B.address),
                reason=REASON,
            ),
        ),
        why=REASON,
    )
    callee = dataclasses.replace(caller, party="bob", remote="sip:alice@example.com", result=ResultCode.OK)
    return caller, callee
