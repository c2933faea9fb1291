"""Runs of scenarios that never took place."""

from __future__ import annotations

import dataclasses

from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict
from ua.interop.results import Description, RunResults

ONE_WAY = Failure(
    cause="one_way_audio_in",
    expected="a tone of 1000 Hz arrives within 5 s",
    seen="250 RTP packets were sent and none arrived",
    where="200 OK (CSeq 2 INVITE) at 132 ms",
    advice="let the PBX send to the address that packets come from: rtp_symmetric=yes",
)
NO_ACK = Failure(cause="lost_ack", expected="an ACK arrives", seen="the 200 was sent 7 times")

DESCRIPTIONS = {
    "registration.digest": Description(title="The registrar takes our password", rfc="RFC 3261 §22.4"),
    "calls.echo": Description(title="A call is answered and its audio comes back", rfc="RFC 3261 §13"),
    "calls.busy": Description(title="A busy number says so", rfc="RFC 3261 §21.4.24"),
    "media.opus": Description(title="A call in Opus", rfc="RFC 7587"),
    "ice.tcp": Description(title="Media takes TCP candidates", rfc="RFC 6544"),
    "ice.lite": Description(title="The peer is lite", rfc="RFC 8445 §2.5"),
}

OUTCOMES = (
    Outcome(
        scenario="registration.digest",
        verdict=Verdict.PASSED,
        duration_s=0.42,
        attempts=1,
        folder="registration.digest",
    ),
    Outcome(
        scenario="calls.echo",
        verdict=Verdict.FAILED,
        failure=ONE_WAY,
        duration_s=6.1,
        attempts=2,
        folder="calls.echo.2",
    ),
    Outcome(
        scenario="calls.busy",
        verdict=Verdict.PASSED,
        duration_s=1.0,
        attempts=2,
        flaky=True,
        folder="calls.busy.2",
    ),
    Outcome(
        scenario="media.opus",
        verdict=Verdict.SKIPPED,
        reason="this needs Opus, which the peer does not offer",
    ),
    Outcome(
        scenario="ice.tcp",
        verdict=Verdict.EXPECTED_FAILURE,
        failure=NO_ACK,
        reason="rtpengine takes no TCP candidates",
        duration_s=3.0,
        attempts=1,
        folder="ice.tcp",
    ),
    Outcome(
        scenario="ice.lite",
        verdict=Verdict.UNEXPECTED_PASS,
        reason="the manual says it is a full agent",
        duration_s=2.0,
        attempts=1,
        folder="ice.lite",
    ),
)

RUN = RunResults(
    peer="asterisk",
    peer_title="Asterisk 20",
    started="2026-03-01T12:00:00+00:00",
    version="0.1.0",
    outcomes=OUTCOMES,
    descriptions=DESCRIPTIONS,
    duration_s=12.5,
)

GOOD = dataclasses.replace(
    RUN, outcomes=(OUTCOMES[0], OUTCOMES[2], OUTCOMES[3], OUTCOMES[4]), peer="baresip", peer_title="baresip"
)


def with_outcome(run: RunResults, scenario: str, /, **changes: object) -> RunResults:
    """`run` in which one scenario ended otherwise."""
    return dataclasses.replace(
        run,
        outcomes=tuple(
            dataclasses.replace(each, **changes) if each.scenario == scenario else each  # type: ignore[arg-type]
            for each in run.outcomes
        ),
    )


def without(run: RunResults, scenario: str) -> RunResults:
    """`run` without one scenario."""
    return dataclasses.replace(run, outcomes=tuple(e for e in run.outcomes if e.scenario != scenario))
