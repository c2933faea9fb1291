"""Why a scenario failed, from the event log alone (core).

A rule looks at the story of one phone and finds a cause or not (`signalling`, `descriptions`, `paths`,
`audio`). Rules stand in the order in which they explain others: who is not reached needs no diagnosis of its
media. A rule is asked only where it can explain the failure: a call that was refused is no matter of its RTP.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ua.events import LogEntry
from ua.interop.diagnosis import audio, descriptions, paths, signalling
from ua.interop.diagnosis.advice import ADVICE
from ua.interop.diagnosis.finding import Finding, Topic
from ua.interop.diagnosis.story import Story
from ua.interop.failure import Failure
from ua.results import CallResult

Rule = Callable[[Story], Finding | None]

_WHOLE_CALL: Final[tuple[Topic, ...]] = (
    "setup", "agreement", "path", "audio", "reports", "keys", "end",
)  # fmt: skip
_MEDIA: Final[tuple[Topic, ...]] = ("setup", "path", "audio", "reports", "keys")

RULES: Final[tuple[tuple[Rule, tuple[Topic, ...]], ...]] = (
    (signalling.tls_name, ("registration", *_WHOLE_CALL)),
    (signalling.unreachable, ("registration", *_WHOLE_CALL)),
    (signalling.no_answer, ("registration", *_WHOLE_CALL)),
    (signalling.auth_loop, ("registration", "setup")),
    (descriptions.media_refused, _WHOLE_CALL),
    (descriptions.bad_answer, _WHOLE_CALL),
    (signalling.tag_changed, _WHOLE_CALL),
    (signalling.wrong_contact, _WHOLE_CALL),
    (signalling.lost_ack, _WHOLE_CALL),
    (signalling.cancel_unanswered, ("end",)),
    (paths.ice_mismatch, ("setup", "agreement", "path")),
    (paths.ice_password, _MEDIA),
    (paths.ice_lies, _MEDIA),
    (paths.ice_unanswered, _MEDIA),
    (paths.dtls_fingerprint, _MEDIA),
    (paths.srtp_key, _MEDIA),
    (paths.unprotected, _MEDIA),
    (descriptions.refused_description, _WHOLE_CALL),
    (signalling.refused, ("setup",)),
    (audio.wrong_payload_type, ("audio", "keys")),
    (audio.ssrc_collision, ("audio", "keys", "reports")),
    (audio.wrong_dtmf_clock, ("keys",)),
    (descriptions.no_events, ("keys",)),
    (descriptions.private_address, ("audio", "keys", "reports")),
    (descriptions.on_hold, ("audio", "keys")),
    (audio.one_way_in, ("audio", "keys", "reports")),
    (audio.wrong_codec, ("audio",)),
    (audio.one_way_out, ("audio", "keys", "reports")),
    (audio.stopped_sending, ("audio", "keys")),
    (audio.sends_silence, ("audio",)),
    (audio.rtcp_ssrc, ("reports",)),
    (audio.no_rtcp, ("reports",)),
    (audio.wrong_ptime, ("audio", "agreement")),
    (audio.packet_loss, ("audio", "keys")),
    (audio.jitter, ("audio",)),
    (signalling.bye_unanswered, ("end",)),
    (signalling.malformed_sip, ("registration", *_WHOLE_CALL)),
)
"""The rules and what they explain; the first that finds something counts."""

_FLAWS: Final = frozenset(
    {audio.rtcp_ssrc, audio.no_rtcp, audio.wrong_ptime, audio.packet_loss, audio.jitter}
)
"""A call goes on with these: they explain what they are about and nothing else."""

_TOPICS: Final[Mapping[str, tuple[Topic, ...]]] = {
    "answered": (),
    "authentication": ("registration", "setup"),
    "configuration": (),
    "internal": (),
    "lossy": ("audio",),
    "missing_message": ("registration", "setup", "end"),
    "no_answer": ("registration", "setup"),
    "no_call": ("registration", "setup"),
    "no_delayed_offer": (),
    "no_end": ("end",),
    "no_media_path": ("setup", "agreement", "path"),
    "no_rtcp": ("reports",),
    "not_silent": (),
    "one_way_audio_in": ("audio",),
    "quality": ("audio",),
    "packet_loss": ("audio",),
    "rejected": ("registration", "setup"),
    "repeated_answer": ("end",),
    "rtcp_not_heard": ("reports",),
    "server_error": ("registration", "setup"),
    "silent": ("audio",),
    "srtp_key": (),
    "tls": ("registration", "setup"),
    "unexpected_success": (),
    "unreachable": ("registration", "setup"),
    "wrong_audio": ("audio",),
    "wrong_digits": ("keys",),
    "wrong_end": ("end",),
    "wrong_media": ("agreement",),
    "wrong_dtmf_clock": ("keys",),
    "wrong_path": ("path",),
    "wrong_ptime": (),
    "wrong_state": (),
    "wrong_status": ("setup",),
}
"""What the causes that expectations give are about."""

_OPEN: Final = frozenset({"assertion", "interrupted", "timeout", "unexpected"})
"""Causes that say nothing: whatever is found explains them, but flaws."""


def diagnose(entries: Sequence[LogEntry], failure: Failure, results: Sequence[CallResult] = ()) -> Failure:
    """`failure` with the cause that explains it; as it is where the log shows none.

    Args:
        entries: all that the phones of the scenario saw.
        failure: what the expectation raised.
        results: of the calls that are over; those of the last one are looked at first.
    """
    found = find(entries, failure, results)
    if found is None:
        return failure
    said = failure.seen.strip()
    return dataclasses.replace(
        failure,
        cause=found.cause,
        seen=f"{found.seen} ({said})" if said and said not in found.seen else found.seen,
        where=found.where or failure.where,
        advice=ADVICE[found.cause],
    )


def find(entries: Sequence[LogEntry], failure: Failure, results: Sequence[CallResult] = ()) -> Finding | None:
    """The first cause that explains `failure`; None where the log shows none."""
    stories = [Story.of(entries, party) for party in _parties(entries, results)]
    if "ended by peer" in failure.expected and failure.cause in ("no_end", "wrong_end"):
        for story in stories:
            if (found := _of_the_end(story)) is not None:
                return found
    for rule, explains in RULES:
        if _explains(rule, explains, failure.cause):
            for story in stories:
                if (found := rule(story)) is not None:
                    return found
    return None


def _explains(rule: Rule, explains: tuple[Topic, ...], cause: str) -> bool:
    """Whether a rule may explain a failure with this cause; one that knows its own, the gravest alone may."""
    if cause in _OPEN:
        return rule not in _FLAWS
    topics = _TOPICS.get(cause)
    return set(explains) >= set(_WHOLE_CALL) if topics is None else bool(set(explains) & set(topics))


def _of_the_end(story: Story) -> Finding | None:
    return signalling.lost_ack(story) or signalling.never_bye(story)


def _parties(entries: Sequence[LogEntry], results: Sequence[CallResult]) -> list[str]:
    known = dict.fromkeys(each.party for each in entries)
    last = [each.party for each in reversed(results) if each.party in known]
    return list(dict.fromkeys([*last, *known]))


__all__ = ["ADVICE", "RULES", "Finding", "diagnose", "find"]
