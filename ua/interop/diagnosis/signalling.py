"""Causes in SIP: who does not answer, who does not hear us, who mixes up dialogs."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from ua.interop.diagnosis import values
from ua.interop.diagnosis.finding import Finding
from ua.interop.diagnosis.sip_message import SipMessage
from ua.interop.diagnosis.story import Story

_REFUSALS: Final = {
    403: "forbidden",
    404: "no_such_number",
    480: "unavailable",
    484: "no_such_number",
    486: "busy",
    488: "offer_refused",
    600: "busy",
    603: "declined",
    604: "no_such_number",
    606: "offer_refused",
}

_UNREACHED: Final = re.compile(r"(?i)refused|unreachable|no route|cannot be reached|no address|not known")

SHORTEST_WAIT_S: Final = 1.0
"""An answer that is missing for less may only be slow."""


def tls_name(story: Story) -> Finding | None:
    """The certificate of the server names others."""
    for reason in reversed(story.reasons):
        if "the certificate of" in reason and "names others" in reason:
            return Finding(cause="tls_name", seen=reason, where="the TLS handshake, before the first message")
    return None


def unreachable(story: Story) -> Finding | None:
    """Nothing could be sent, or the host says that nobody listens."""
    if any(not each.sent for each in story.messages):
        return None
    for entry in story.all_entries:
        reason = values.text(entry.data, "reason")
        if (
            entry.source == "sip"
            and entry.name in ("transaction", "connection")
            and _UNREACHED.search(reason)
        ):
            first = next(iter(story.messages), None)
            where = values.text(entry.data, "remote") if first is None else story.shown(first)
            return Finding(cause="unreachable", seen=reason, where=where)
    return None


def no_answer(story: Story) -> Finding | None:
    """Requests go out again and again, and nothing comes back."""
    first = story.invite or next((each for each in story.messages if each.sent and each.is_request), None)
    if first is None or not first.sent or story.end - first.at < SHORTEST_WAIT_S:
        return None
    if any(not each.sent and each.call_id == first.call_id for each in story.messages):
        return None
    times = sum(
        each.sent and (each.call_id, each.start) == (first.call_id, first.start) for each in story.messages
    )
    return Finding(
        cause="no_answer",
        seen=f"{first.method} was sent {times} times to {first.remote} and nothing came back",
        where=story.shown(first),
    )


def auth_loop(story: Story) -> Finding | None:
    """Our answer to a challenge is answered with a challenge."""
    again: list[SipMessage] = []
    asked = [each for each in story.messages if each.sent and each.is_request]
    for response in story.messages:
        if response.sent or response.status not in (401, 407):
            continue
        answered = [each for each in asked if response.answers(each) and each.has_credentials]
        challenge = response.headers.get("www-authenticate", response.headers.get("proxy-authenticate", ""))
        if answered and not re.search(r"(?i)stale\s*=\s*\"?true", challenge):
            again.append(response)
    if not again:
        return None
    last = again[-1]
    later = any(
        each.method == last.method and each.status is not None and 200 <= each.status < 300
        for each in story.messages
        if not each.sent and each.at > last.at
    )
    if later:
        return None
    return Finding(
        cause="auth_loop",
        seen=f"{last.start.partition(' ')[2]} again after the digest was sent (to {last.method})",
        where=story.shown(last),
    )


def refused(story: Story) -> Finding | None:
    """The last final answer to our INVITE says no."""
    final = _final(story)
    if final is None or final.status is None or final.status < 400 or final.status in (401, 407, 487):
        return None
    cause = _REFUSALS.get(final.status, "server_error" if final.status // 100 == 5 else "rejected")
    reason = final.headers.get("warning") or final.headers.get("reason")
    seen = f"{final.start.partition(' ')[2]}" + (f" ({reason})" if reason else "")
    return Finding(cause=cause, seen=f"the peer refused the call: {seen}", where=story.shown(final))


def tag_changed(story: Story) -> Finding | None:
    """Two answers of one phone to one INVITE, with two To tags."""
    answers = [each for each in _successes(story) if not each.sent]
    for one, other in pairwise(answers):
        if one.to_tag != other.to_tag and one.contact == other.contact:
            return Finding(
                cause="tag_changed",
                seen=f"the answer came with the To tag {one.to_tag!r} and then with {other.to_tag!r}",
                where=story.shown(other),
            )
    return None


def wrong_contact(story: Story) -> Finding | None:
    """What goes to the Contact of the answer does not arrive."""
    answers = [each for each in _successes(story) if not each.sent and each.to_tag]
    if not answers or "record-route" in answers[0].headers:
        return None
    answer = answers[0]
    host, port = answer.contact
    there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not host or there == answer.remote:
        return None
    notes = [
        (values.text(each.data, "remote"), values.text(each.data, "reason"))
        for each in story.of_kind("sip", "transaction")
    ]
    unsent = [reason for remote, reason in notes if remote == there or f"did not reach {there}" in reason]
    repeats = sum(each.to_tag == answer.to_tag for each in answers) - 1
    if not unsent and repeats < 2 and not _bye_unanswered(story):
        return None
    problem = f"sending there fails: {unsent[0]}" if unsent else "what we send there is not heard"
    return Finding(
        cause="wrong_contact",
        seen=f"the Contact of the answer is {there}, the answer came from {answer.remote}, and {problem}",
        where=story.shown(answer),
    )


def lost_ack(story: Story) -> Finding | None:
    """An answer is repeated though it was acknowledged."""
    successes = _successes(story)
    if not successes:
        return None
    first = successes[0]
    same = [each for each in successes if (each.sent, each.to_tag) == (first.sent, first.to_tag)]
    acks = [each for each in story.dialog if each.method == "ACK" and each.is_request]
    if first.sent:
        if any(not each.sent for each in acks):
            return None
        if len(same) < 3 and not any("no ACK" in reason for reason in story.reasons):
            return None
        return Finding(
            cause="lost_ack",
            seen=f"our answer was sent {len(same)} times and no ACK came",
            where=story.shown(same[-1]),
        )
    late = [each for each in same[1:] if any(ack.sent and ack.at <= each.at for ack in acks)]
    given_up = any(each.method == "BYE" and each.is_request and not each.sent for each in story.dialog)
    if len(late) < (1 if given_up else 2):
        return None
    end = ", and then hung up" if given_up else ""
    return Finding(
        cause="lost_ack",
        seen=f"the peer repeated its answer {len(late)} times after our ACK{end}",
        where=story.shown(late[-1]),
    )


def bye_unanswered(story: Story) -> Finding | None:
    """Nobody answers our BYE."""
    byes = _bye_unanswered(story)
    if not byes:
        return None
    unsent = next((reason for reason in story.reasons if reason.startswith("BYE did not reach")), "")
    return Finding(
        cause="bye_unanswered",
        seen=unsent or f"our BYE was sent {len(byes)} times and not answered",
        where=story.shown(byes[0]),
    )


def cancel_unanswered(story: Story) -> Finding | None:
    """A CANCEL does not end the INVITE."""
    cancel = next((each for each in story.dialog if each.method == "CANCEL" and each.sent), None)
    if cancel is None or not cancel.is_request or _final(story) is not None:
        return None
    taken = next((each for each in story.dialog if each.answers(cancel) and not each.sent), None)
    if taken is None and story.end - cancel.at < SHORTEST_WAIT_S:
        return None
    how = "was not answered" if taken is None else f"got {taken.start.partition(' ')[2]}"
    return Finding(
        cause="cancel_unanswered",
        seen=f"the CANCEL {how}, and no 487 came for the INVITE",
        where=story.shown(cancel if taken is None else taken),
    )


def never_bye(story: Story) -> Finding | None:
    """The other side was to hang up, and did not."""
    if not story.stood or any(
        each.method == "BYE" and each.is_request and not each.sent for each in story.dialog
    ):
        return None
    answer = next(iter(_successes(story)), None)
    waited = story.end - (story.zero if answer is None else answer.at)
    return Finding(
        cause="never_bye",
        seen=f"no BYE came in {waited:.1f} s after the answer",
        where="" if answer is None else story.shown(answer),
    )


def malformed_sip(story: Story) -> Finding | None:
    """Messages of the peer could not be read."""
    for entry in story.of_kind("sip", "refused"):
        reason, remote = values.text(entry.data, "reason"), values.text(entry.data, "remote")
        if story.invite is not None and remote == story.invite.remote and reason:
            return Finding(
                cause="malformed_sip",
                seen=f"a message of the peer was not taken: {reason}",
                where=f"from {remote}, {story.ms(entry.at)}",
            )
    return None


def _final(story: Story) -> SipMessage | None:
    """The last final answer to an INVITE of ours in the last call."""
    finals = (
        each
        for each in reversed(story.dialog)
        if not each.sent and each.method == "INVITE" and each.status is not None and each.status >= 200
    )
    return next(finals, None)


def _successes(story: Story) -> list[SipMessage]:
    """The 2xx to the INVITE that made the call, repeated ones too."""
    found = [
        each
        for each in story.dialog
        if each.method == "INVITE" and each.status is not None and 200 <= each.status < 300
    ]
    return [each for each in found if each.number == found[0].number and each.sent is found[0].sent]


def _bye_unanswered(story: Story) -> list[SipMessage]:
    """Our BYE and its repeats, where no final answer came in a while; that of the last dialog."""
    byes = [each for each in story.dialog if each.method == "BYE" and each.is_request and each.sent]
    if not byes:
        return []
    last = byes[-1]
    same = [each for each in byes if (each.number, each.to_tag) == (last.number, last.to_tag)]
    answered = any(
        each.answers(last) and not each.sent and each.to_tag == last.to_tag and (each.status or 0) >= 200
        for each in story.dialog
    )
    failed = any(reason.startswith("BYE did not reach") for reason in story.reasons)
    waited = len(same) > 1 and story.end - same[0].at >= SHORTEST_WAIT_S
    return same if not answered and (failed or waited) else []
