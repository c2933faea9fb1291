"""Sentences for people: why this path, why none (what users see while a call is set up)."""

from __future__ import annotations

from collections.abc import Iterable

from ice.checks.pair import Pair
from ice.types import Transport


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def _summary(pairs: Iterable[Pair], transport: Transport) -> str:
    ours = [pair for pair in pairs if pair.local.transport is transport]
    sent = sum(pair.checks_sent for pair in ours)
    answered = sum(pair.checks_answered for pair in ours)
    name = transport.value.upper()
    if not ours:
        return f"{name}: no pair"
    text = f"{name}: {_plural(sent, 'check')}, {_plural(answered, 'answer')}"
    failed = sorted({pair.reason for pair in ours if pair.is_tcp and pair.reason and not pair.cancelled})
    return f"{text} ({'; '.join(failed)})" if failed and not answered else text


def why_selected(pair: Pair, pairs: Iterable[Pair], *, elapsed_s: float) -> str:
    """One sentence on a selected path.

    Args:
        pair: the selected pair.
        pairs: all pairs of its component, it included.
        elapsed_s: seconds since the peer's description was known.
    """
    pairs = tuple(pairs)
    rtt = "" if pair.measured_rtt_s is None else f" (round trip {_milliseconds(pair.measured_rtt_s)})"
    if not pair.is_tcp:
        others = [other for other in pairs if other is not pair and other.valid is not None]
        return f"UDP preferred over TCP{rtt}" if any(o.is_tcp for o in others) else f"UDP answered first{rtt}"
    nominated = f"TCP {pair.local.tcptype} nominated at {_milliseconds(elapsed_s)}"
    return f"{_summary(pairs, Transport.UDP)}; {nominated}"


def why_failed(pairs: Iterable[Pair], *, missing: Iterable[int], inbound: int) -> str:
    """One sentence on a session without a path.

    Args:
        pairs: all pairs.
        missing: the components without a valid pair.
        inbound: checks of the peer that were answered.
    """
    pairs = tuple(pairs)
    names = {1: "RTP", 2: "RTCP"}
    what = " and ".join(names.get(number, f"component {number}") for number in missing)
    heard = f"{_plural(inbound, 'check')} of the peer came in" if inbound else "nothing came in from the peer"
    if not pairs:
        return f"no path for {what}: no candidate of the peer fits ours; {heard}"
    tried = "; ".join(_summary(pairs, transport) for transport in Transport)
    return f"no path for {what}: {tried}; {heard}"
