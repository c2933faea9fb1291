"""How calls ended, in the JSON form that scripts read.

The keys of these objects are a promise: `SCHEMA` rises when one changes its meaning or goes away.
Times are in ms, sizes in bytes; what is unknown is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ice.types import Candidate, PairView
from ua.errors import ResultCode, UaError

SCHEMA = 1
"""Version of the JSON objects."""


def _rounded(value: float | None, digits: int = 1) -> float | None:
    """`value` for people and JSON; what is no number becomes null."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return round(value, digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class IceSummary:
    """What ICE did for a call.

    Attributes:
        state: new, running, completed, failed, closed, or "off" where the peer has no ICE.
        role: controlling or controlled; None without ICE.
        nominated_ms: from knowing both descriptions to all components nominated.
        local: our address of the media path, "host:port".
        remote: the peer's address of the media path.
        local_type: host, srflx, prflx or relay: what our address is; None without ICE.
        remote_type: the same of the peer's address.
        transport: udp or tcp.
        tcptype: active, passive or so from our side; None on UDP.
        pairs: every pair of the check list.
        reason: one sentence why this path, or why none.
    """

    state: str = "new"
    role: str | None = None
    nominated_ms: float | None = None
    local: str | None = None
    remote: str | None = None
    local_type: str | None = None
    remote_type: str | None = None
    transport: str | None = None
    tcptype: str | None = None
    pairs: tuple[PairView, ...] = ()
    reason: str = ""

    @classmethod
    def from_pairs(
        cls,
        pairs: Sequence[PairView],
        *,
        state: str,
        role: str | None,
        nominated_ms: float | None,
        selected: PairView | None = None,
        reason: str = "",
    ) -> IceSummary:
        """The summary of an ICE session; `selected` is the pair of component 1, found in `pairs` if None."""
        chosen = selected or next((pair for pair in pairs if pair.selected and pair.component == 1), None)
        return cls(
            state=state,
            role=role,
            nominated_ms=nominated_ms,
            local=None if chosen is None else str(chosen.local.address),
            remote=None if chosen is None else str(chosen.remote.address),
            local_type=None if chosen is None else chosen.local.type.value,
            remote_type=None if chosen is None else chosen.remote.type.value,
            transport=None if chosen is None else chosen.local.transport.value,
            tcptype=None if chosen is None or chosen.local.tcptype is None else chosen.local.tcptype.value,
            pairs=tuple(pairs),
            reason=reason or ("" if chosen is None else chosen.reason),
        )

    def to_json(self) -> dict[str, Any]:
        """The `ice` object."""
        return {
            "state": self.state,
            "role": self.role,
            "nominated_ms": _rounded(self.nominated_ms),
            "local": self.local,
            "remote": self.remote,
            "local_type": self.local_type,
            "remote_type": self.remote_type,
            "transport": self.transport,
            "tcptype": self.tcptype,
            "reason": self.reason,
            "pairs": [pair_to_json(pair) for pair in self.pairs],
        }


def _candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    return {
        "address": str(candidate.address),
        "type": candidate.type.value,
        "tcptype": None if candidate.tcptype is None else candidate.tcptype.value,
        "priority": candidate.priority,
        "foundation": candidate.foundation,
    }


def pair_to_json(pair: PairView) -> dict[str, Any]:
    """One element of `ice.pairs`."""
    return {
        "id": pair.id,
        "component": pair.component,
        "transport": pair.local.transport.value,
        "local": _candidate_to_json(pair.local),
        "remote": _candidate_to_json(pair.remote),
        "priority": pair.priority,
        "state": pair.state.value,
        "nominated": pair.nominated,
        "selected": pair.selected,
        "checks_sent": pair.checks_sent,
        "checks_answered": pair.checks_answered,
        "rtt_ms": _rounded(pair.rtt_ms, 3),
        "reason": pair.reason,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """RTP in one direction.

    Attributes:
        packets: RTP packets.
        bytes: bytes of their payloads.
        lost: packets lost on the way; of what we sent the peer's report, None where it sent none.
        dropped_stale: packets thrown away because they came or waited too long.
        jitter_ms: interarrival jitter (RFC 3550 §6.4.1).
    """

    packets: int = 0
    bytes: int = 0
    lost: int | None = None
    dropped_stale: int = 0
    jitter_ms: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The `sent` or `received` object."""
        return {
            "packets": self.packets,
            "bytes": self.bytes,
            "lost": self.lost,
            "dropped_stale": self.dropped_stale,
            "jitter_ms": _rounded(self.jitter_ms, 2),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PathChange:
    """Media moved to another pair.

    Attributes:
        at_ms: ms after the INVITE.
        component: 1 RTP, 2 RTCP.
        transport: transport of the new path, None where the path was lost.
        local: our address of the new path.
        remote: the peer's address of the new path.
        reason: one sentence.
    """

    at_ms: float
    component: int = 1
    transport: str | None = None
    local: str | None = None
    remote: str | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One element of `path_changes`."""
        return {
            "at_ms": _rounded(self.at_ms),
            "component": self.component,
            "transport": self.transport,
            "local": self.local,
            "remote": self.remote,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Something that happened in a call, or before its answer.

    Attributes:
        at_ms: ms after the INVITE.
        name: as in the event log, e.g. "hold" or "offer_retried".
        data: as there.
    """

    at_ms: float
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One element of `events`."""
        return {"at_ms": _rounded(self.at_ms), "event": self.name, **self.data}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """One finished call, seen from one side.

    Attributes:
        result: how it ended.
        party: name of the phone in the event log.
        call_id: Call-ID of the dialog, None where no INVITE was made.
        remote: URI of the other side.
        setup_ms: INVITE to 200.
        media_ms: INVITE to the first RTP received.
        duration_ms: 200 to BYE.
        ice: what ICE did, None where it never came to that, or where media went over TCP without it.
        transport: udp or tcp, of the media path; None where there was none.
        codec: rtpmap name of the codec sent.
        srtp: name of the SRTP profile, None for plain RTP.
        sent: RTP sent.
        received: RTP received.
        delay_p50_ms: median delay from the peer's clock to playing, in ms, as far as it can be known.
        delay_p99_ms: 99th percentile of the same.
        mos: estimated mean opinion score, 1 to 4.5 (ITU-T G.107).
        peer_mos: the same of what the peer hears, by its own reports (RFC 3611); None where it sends none.
        path_changes: when media moved.
        events: holds, smaller offers after refusals, transfers, digits, in order.
        why: one sentence, which path was taken and why.
        sip_code: status code of the final response that refused the call.
        retry_after_s: seconds after which it may be called again, where that response said so.
        error: one sentence, what went wrong; None where `result` is ok.
    """

    result: ResultCode = ResultCode.OK
    party: str = ""
    call_id: str | None = None
    remote: str | None = None
    setup_ms: float | None = None
    media_ms: float | None = None
    duration_ms: float | None = None
    ice: IceSummary | None = None
    transport: str | None = None
    codec: str | None = None
    srtp: str | None = None
    sent: Traffic | None = None
    received: Traffic | None = None
    delay_p50_ms: float | None = None
    delay_p99_ms: float | None = None
    mos: float | None = None
    peer_mos: float | None = None
    path_changes: tuple[PathChange, ...] = ()
    events: tuple[CallEvent, ...] = ()
    why: str = ""
    sip_code: int | None = None
    retry_after_s: int | None = None
    error: str | None = None

    @classmethod
    def failed(
        cls, error: UaError, *, party: str = "", call_id: str | None = None, remote: str | None = None
    ) -> CallResult:
        """The result of a call that ended with `error` before it had anything else to tell."""
        return cls(
            result=error.code,
            party=party,
            call_id=call_id,
            remote=remote,
            error=error.what,
            sip_code=getattr(error, "sip_code", None),
            retry_after_s=getattr(error, "retry_after_s", None),
        )

    @property
    def exit_code(self) -> int:
        """Exit code of a process whose only matter was this call."""
        return self.result.exit_code

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "schema": SCHEMA,
            "result": self.result.value,
            "party": self.party,
            "call_id": self.call_id,
            "remote": self.remote,
            "setup_ms": _rounded(self.setup_ms),
            "media_ms": _rounded(self.media_ms),
            "duration_ms": _rounded(self.duration_ms),
            "ice": None if self.ice is None else self.ice.to_json(),
            "transport": self.transport,
            "codec": self.codec,
            "srtp": self.srtp,
            "sent": None if self.sent is None else self.sent.to_json(),
            "received": None if self.received is None else self.received.to_json(),
            "delay_ms": {"p50": _rounded(self.delay_p50_ms), "p99": _rounded(self.delay_p99_ms)},
            "mos": _rounded(self.mos, 2),
            "peer_mos": _rounded(self.peer_mos, 1),
            "path_changes": [change.to_json() for change in self.path_changes],
            "events": [event.to_json() for event in self.events],
            "why": self.why,
            "sip_code": self.sip_code,
            "retry_after_s": self.retry_after_s,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo showed.

    Attributes:
        caller: the call as the caller saw it.
        callee: the call as the callee saw it.
        correlation: aligned normalised correlation of what was sent and what arrived, -1 to 1.
        verdict: one sentence, which path was taken and why.
        udp_dropped: datagrams that the firewall dropped.
        stood_still_s: seconds that this machine kept the demo from running, which is heard as holes.
    """

    caller: CallResult
    callee: CallResult
    correlation: float
    verdict: str
    udp_dropped: int = 0
    stood_still_s: float = 0.0

    @property
    def result(self) -> ResultCode:
        """The worse of both sides: the caller's, unless that is ok; quality where the audio differs."""
        if self.caller.result is not ResultCode.OK:
            return self.caller.result
        if self.callee.result is not ResultCode.OK:
            return self.callee.result
        return ResultCode.OK if self.correlation >= CORRELATION_THRESHOLD else ResultCode.QUALITY

    def to_json(self) -> dict[str, Any]:
        """The caller's object with the demo's own keys and the callee's object beside it."""
        return self.caller.to_json() | {
            "result": self.result.value,
            "correlation": _rounded(self.correlation, 4),
            "udp_dropped": self.udp_dropped,
            "stood_still_s": _rounded(self.stood_still_s, 3),
            "verdict": self.verdict,
            "callee": self.callee.to_json(),
        }


CORRELATION_THRESHOLD = 0.95
"""Below this what arrived does not count as what was sent."""
