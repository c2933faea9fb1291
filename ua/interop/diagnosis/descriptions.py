"""Causes in the session descriptions (RFC 3264)."""

from __future__ import annotations

from ua.interop.diagnosis import values
from ua.interop.diagnosis.finding import Finding
from ua.interop.diagnosis.session import Session, is_private
from ua.interop.diagnosis.story import Story


def media_refused(story: Story) -> Finding | None:
    """The call was taken, all of its media was not."""
    for offer, answer in story.exchanges:
        if answer.sent or not answer.streams or offer.audio is None:
            continue
        if not any(each.port for each in answer.streams):
            return Finding(
                cause="media_refused",
                seen="the answer takes the call and refuses all media (every m= line has port 0)",
                where=_where(story, answer, answer.streams[0].line),
            )
    return None


def bad_answer(story: Story) -> Finding | None:
    """An answer does not answer the offer."""
    for offer, answer in story.exchanges:
        if answer.sent:
            continue
        if len(offer.streams) != len(answer.streams):
            return Finding(
                cause="bad_sdp_answer",
                seen=f"the answer has {len(answer.streams)} m= lines and the offer {len(offer.streams)}",
                where=_where(story, answer, answer.streams[-1].line if answer.streams else ""),
            )
        for asked, given in zip(offer.streams, answer.streams, strict=True):
            if not given.port or not asked.port:
                continue
            if asked.kind != given.kind:
                seen = f"the answer names {given.kind} where the offer names {asked.kind}"
            elif given.formats and not given.names & asked.names:
                codecs = ", ".join(given.codec(each) for each in given.formats)
                seen = f"the answer names {codecs} only, which was not offered"
            elif _keying(asked.protocol) != _keying(given.protocol):
                seen = f"the offer says {asked.protocol} and the answer {given.protocol}"
            else:
                continue
            return Finding(cause="bad_sdp_answer", seen=seen, where=_where(story, answer, given.line))
    return None


def refused_description(story: Story) -> Finding | None:
    """We could not take a description of the peer, and the call has no media."""
    if story.media is not None:
        return None
    for entry in story.of_kind("sdp", "refused"):
        reason = values.text(entry.data, "reason")
        if reason:
            row = values.text(entry.data, "text")
            return Finding(
                cause="bad_sdp_answer",
                seen=f"its description was not taken: {reason}",
                where=f"{row} ({story.ms(entry.at)})" if row else story.ms(entry.at),
            )
    return None


def private_address(story: Story) -> Finding | None:
    """The peer wants its media at an address that only its own network knows."""
    theirs = story.theirs
    heard = next((each for each in story.dialog if not each.sent), None)
    if theirs is None or story.media is None or story.media.get("ice") is True or heard is None:
        return None
    signalling = heard.remote.rpartition(":")[0].strip("[]")
    if story.received or not is_private(theirs.host) or theirs.host == signalling:
        return None
    return Finding(
        cause="private_address",
        seen=f"its description wants media at {theirs.host}, its signalling comes from {signalling}, "
        "and no media came",
        where=_where(story, theirs, f"c=IN IP4 {theirs.host}" if ":" not in theirs.host else theirs.host),
    )


def on_hold(story: Story) -> Finding | None:
    """The answer says that the peer does not send."""
    theirs = story.theirs
    stream = None if theirs is None else theirs.audio
    if theirs is None or stream is None or stream.direction not in ("recvonly", "inactive"):
        return None
    if story.received or _our_direction(story) != "sendrecv":
        return None
    return Finding(
        cause="not_sending",
        seen=f"its description says a={stream.direction}: it will not send",
        where=_where(story, theirs, f"a={stream.direction}"),
    )


def no_events(story: Story) -> Finding | None:
    """Keys as telephone events were not agreed."""
    theirs, ours = story.theirs, story.ours
    if theirs is None or ours is None or theirs.audio is None or ours.audio is None:
        return None
    if theirs.audio.event_clock is not None or ours.audio.event_clock is None:
        return None
    return Finding(
        cause="no_telephone_event",
        seen="its description does not name telephone-event",
        where=_where(story, theirs, theirs.audio.line),
    )


def _our_direction(story: Story) -> str:
    stream = None if story.ours is None else story.ours.audio
    return "sendrecv" if stream is None else stream.direction


def _keying(protocol: str) -> str:
    """The same for profiles that differ in feedback or transport only."""
    return "dtls" if "TLS" in protocol else "srtp" if "SAVP" in protocol else "plain"


def _where(story: Story, session: Session, row: str) -> str:
    carriers = [
        each
        for each in story.dialog
        if each.sent is session.sent and each.at <= session.at and "\nm=" in f"\n{each.body}"
    ]
    carrier = story.shown(carriers[-1]) if carriers else f"the description, {story.ms(session.at)}"
    return f"{row} in {carrier}" if row else carrier
