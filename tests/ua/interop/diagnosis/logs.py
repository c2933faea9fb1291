"""Event logs by hand: what one phone saw of a call, entry by entry."""

from __future__ import annotations

from ua.events import LogEntry, Source
from ua.interop.diagnosis import diagnose, find
from ua.interop.failure import Failure

HERE, THERE = "192.0.2.1:5060", "198.51.100.7:5060"

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
ANSWER = (
    "v=0\r\no=- 2 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
)


class Log:
    """Grows by what its methods are told; `at` goes on with `wait`."""

    def __init__(self, party: str = "alice") -> None:
        self.party = party
        self.entries: list[LogEntry] = []
        self.at = 100.0
        self._sent = self._received = 0.0

    def wait(self, seconds: float) -> Log:
        """Time passes."""
        self.at = round(self.at + seconds, 6)
        return self

    def add(self, source: Source, name: str, **data: object) -> Log:
        """Any entry."""
        self.entries.append(LogEntry(at=self.at, party=self.party, source=source, name=name, data=data))
        return self

    def state(self, state: str, reason: str = "") -> Log:
        """The call has another state."""
        return self.add("call", "state", state=state, reason=reason)

    def message(
        self,
        direction: str,
        start: str,
        cseq: str,
        *rows: str,
        body: str = "",
        tag: str = "there",
        call: str = "call-1",
        remote: str = THERE,
    ) -> Log:
        """A SIP message."""
        head = (
            start,
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            "From: <sip:alice@example.com>;tag=here",
            f"To: <sip:600@example.com>{f';tag={tag}' if tag else ''}",
            f"Call-ID: {call}",
            f"CSeq: {cseq}",
            *rows,
        )
        text = "\r\n".join(head) + "\r\n\r\n" + body
        data = {"direction": direction, "transport": "udp", "local": HERE, "remote": remote}
        return self.add("sip", "message", **data, size=len(text), text=text, reason="")

    def invite(self, *rows: str) -> Log:
        """Our INVITE, with an offer."""
        self.state("gathering").state("calling").add("sdp", "offer", direction="out", text=OFFER)
        return self.message(
            "out", "INVITE sip:600@example.com SIP/2.0", "1 INVITE", *rows, tag="", body=OFFER
        )

    def ok(self, *rows: str, body: str = ANSWER, tag: str = "there", contact: str = THERE) -> Log:
        """The 200 to it."""
        contact_row = f"Contact: <sip:600@{contact}>"
        return self.message("in", "SIP/2.0 200 OK", "1 INVITE", contact_row, *rows, body=body, tag=tag)

    def ack(self, remote: str = THERE) -> Log:
        """Our ACK."""
        return self.message("out", f"ACK sip:600@{remote} SIP/2.0", "1 ACK", remote=remote)

    def answer(self, text: str = ANSWER) -> Log:
        """The description of the 200 is read."""
        return self.add("sdp", "answer", direction="in", text=text)

    def media(self, **data: object) -> Log:
        """Media begins."""
        agreed = {"codec": "PCMU", "ptime_ms": 20, "transport": "udp", "ice": False, "srtp": None}
        return self.add("call", "media", **{**agreed, **data}).state("established")

    def established(self, answer: str = ANSWER) -> Log:
        """A call as it should be, until media begins."""
        return self.invite().wait(0.1).ok(body=answer).ack().answer(answer).media()

    def counters(self, seconds: float = 2.0, *, sent: int = 50, received: int = 50, **data: object) -> Log:
        """The counters of so many seconds; `sent` and `received` more packets in each of them."""
        usual: dict[str, object] = {
            "lost": 0, "jitter_ms": 1.0, "packet_ms": 20.0 if received else 0.0,
            "level_received_dbfs": -10.0 if received else -127.0, "refused": {},
        }  # fmt: skip
        for _ in range(round(seconds * 5)):
            self.wait(0.2)
            self._sent += sent / 5
            self._received += received / 5
            self.add(
                "media",
                "media_counters",
                **{
                    **usual,
                    "sent_packets": round(self._sent),
                    "received_packets": round(self._received),
                    **data,
                },
            )
        return self

    def started(self, ssrc: int = 7, payload_type: int = 0) -> Log:
        """RTP of the peer comes."""
        return self.add("media", "media_started", ssrc=ssrc, payload_type=payload_type)

    def report(self, ssrc: int = 7, **data: object) -> Log:
        """An RTCP report comes."""
        usual: dict[str, object] = {
            "about": 9, "ours": 9, "sent": 50, "highest": 1000, "lost": 0, "fraction_lost": 0.0,
        }  # fmt: skip
        return self.add("media", "report_received", **{"ssrc": ssrc, **usual, **data})

    def refused(self, reason: str, count: int, *, received: int = 0) -> Log:
        """Packets are refused."""
        self.add("media", "media_refused", reason=reason)
        return self.counters(received=received, refused={reason: count})

    def cause(self, cause: str = "timeout", expected: str = "it works") -> str:
        """What is found where an expectation fails with this cause; empty for nothing."""
        found = find(self.entries, Failure(cause=cause, expected=expected, seen=""))
        return "" if found is None else found.cause

    def diagnose(self, cause: str = "timeout", expected: str = "it works", seen: str = "") -> Failure:
        """The whole failure."""
        return diagnose(self.entries, Failure(cause=cause, expected=expected, seen=seen))
