"""What a call makes of media that is cut (RFC 8083 §4.5), and what it agrees on extended reports."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from media.events import SendingResumed, SendingStopped
from media.rtcp.extended import XrTerms
from sdp.attributes.feedback_attr import ReportBlock
from tests.media.bench import Bench
from tests.sdp.answering import accepted, plain
from ua.call.extended_reports import xr_terms
from ua.call.sending_watch import SendingWatch
from ua.errors import MediaOneWay, QualityTooLow

WAIT_S = 10.0


def stopped(cause: str, *, really: bool = True) -> SendingStopped:
    return SendingStopped(at=1.0, cause=cause, reason="nothing arrives", stopped=really)


class Told:
    """A watch, and what it wrote into the log."""

    def __init__(self, choice: str = "stop") -> None:
        self.entries: list[dict[str, object]] = []
        self.watch = SendingWatch(
            "hang_up" if choice == "hang_up" else "stop",
            lambda name, **data: self.entries.append({"name": name, **data}),
        )


@pytest.mark.req("CB-5")
@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        ("no_reports", MediaOneWay),
        ("nothing_arrives", MediaOneWay),
        ("congestion", QualityTooLow),
        ("unusable", QualityTooLow),
        ("queue", QualityTooLow),
    ],
)
def test_a_call_whose_media_is_cut_has_a_fault_until_it_is_sent_again(
    cause: str, fault: type[Exception]
) -> None:
    told = Told()
    seen: list[object] = []
    for event in (stopped(cause), SendingResumed(at=2.0, reason="another path")):
        told.watch.take(event)
        seen.append(told.watch.fault and type(told.watch.fault))
    assert seen == [fault, None]
    assert [entry["name"] for entry in told.entries] == ["sending", "sending"]
    assert [entry["stopped"] for entry in told.entries] == [True, False]


def test_a_warning_is_no_fault() -> None:
    told = Told()
    told.watch.take(stopped("unusable", really=False))
    assert told.watch.fault is None
    assert len(told.entries) == 1


@pytest.mark.req("CB-5")
async def test_an_account_may_want_such_calls_to_end() -> None:
    ending, staying = Told("hang_up"), Told()
    waits = [asyncio.ensure_future(each.watch.lost()) for each in (ending, staying)]
    for each in (ending, staying):
        each.watch.take(stopped("congestion"))
    with pytest.raises(QualityTooLow):
        await asyncio.wait_for(waits[0], WAIT_S)
    assert not waits[1].done()
    waits[1].cancel()
    await asyncio.gather(*waits, return_exceptions=True)


@pytest.mark.req("CB-5")
async def test_another_path_brings_media_back() -> None:
    bench = Bench()
    bench.rtp.reliable, bench.rtp.accept = True, False
    bench.run(40)
    seen = [bench.session.guard.stopped]
    place = ["here"]
    told = Told()
    told.watch.begin(bench.session, lambda: place[0])
    told.watch.counted()
    seen.append(bench.session.guard.stopped)
    place[0] = "there"
    told.watch.counted()
    seen.append(bench.session.guard.stopped)
    assert seen == [True, True, False]


@pytest.mark.req("XR-3")
@pytest.mark.parametrize(
    ("blocks", "terms"),
    [
        ((), XrTerms()),
        ((ReportBlock(name="voip-metrics"),), XrTerms(voip_metrics=True)),
        ((ReportBlock(name="rcvr-rtt", value="all:100"),), XrTerms(asks=True, answers="all", longest=100)),
        ((ReportBlock(name="rcvr-rtt", value="sender"),), XrTerms(asks=True, answers="sender")),
        ((ReportBlock(name="rcvr-rtt", value="some"),), XrTerms()),
        ((ReportBlock(name="pkt-loss-rle", value="9"),), XrTerms()),
    ],
)
def test_terms_of_extended_reports(blocks: tuple[ReportBlock, ...], terms: XrTerms) -> None:
    _, negotiated = accepted(plain())
    assert xr_terms(dataclasses.replace(negotiated, extended_reports=blocks)) == terms
