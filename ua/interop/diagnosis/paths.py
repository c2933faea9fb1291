"""Causes on the way of media: ICE, and SRTP on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ua.events import LogEntry
from ua.interop.diagnosis import values
from ua.interop.diagnosis.finding import Finding
from ua.interop.diagnosis.story import Story

FEW: Final = 5
"""So many packets of a kind may be strays."""


def ice_mismatch(story: Story) -> Finding | None:
    """An agent has found that somebody changed the addresses of a description on the way."""
    for _, answer in story.exchanges:
        if answer.has("a=ice-mismatch"):
            who = "we say" if answer.sent else "the peer says"
            return Finding(
                cause="ice_mismatch",
                seen=f"{who} a=ice-mismatch: the offer got another address on its way than its candidates",
                where=f"a=ice-mismatch in the answer, {story.ms(answer.at)}",
            )
    return None


def ice_password(story: Story) -> Finding | None:
    """Checks are answered under another password."""
    found = [
        each
        for each in story.of_kind("ice", "packet_refused")
        if "without the peer's password" in values.text(each.data, "reason")
    ]
    if not found or _answers(story):
        return None
    return Finding(
        cause="ice_password",
        seen=f"{len(found)} answers to checks are not signed with the a=ice-pwd of its description",
        where=f"STUN from {_remote(found[0])}, {story.ms(found[0].at)}",
    )


def ice_lies(story: Story) -> Finding | None:
    """Media comes from where no check has been."""
    found = [
        each
        for each in story.of_kind("ice", "packet_refused")
        if values.text(each.data, "reason").startswith("media from a source without")
    ]
    selected = story.of_kind("ice", "path_selected")
    if not found or not selected or story.received > FEW:
        return None
    path = values.mapping(selected[-1].data, "remote")
    return Finding(
        cause="ice_lies",
        seen=f"ICE agreed on {_address(path)}, and media comes from {_remote(found[0])}, "
        "which has answered no check",
        where=f"RTP from {_remote(found[0])}, {story.ms(found[0].at)}",
    )


def ice_unanswered(story: Story) -> Finding | None:
    """No check is answered."""
    sent = story.of_kind("ice", "check_sent")
    if not sent or _answers(story) or story.of_kind("ice", "path_selected"):
        return None
    heard = len(story.of_kind("ice", "check_received"))
    came = f"{heard} checks of the peer came" if heard else "nothing came from the peer"
    pairs = {values.count(each.data, "pair_id") for each in sent}
    candidates = [
        values.mapping(each.data, "candidate")
        for each in story.of_kind("ice", "candidate_added")
        if each.data.get("local") is False
    ]
    places = ", ".join(_address(values.mapping(each, "address")) for each in candidates[:3])
    return Finding(
        cause="ice_unanswered",
        seen=f"{len(sent)} checks on {len(pairs)} pair{'s' * (len(pairs) != 1)}, no answer, and {came}",
        where=f"checks to {places or 'its candidates'}, the first {story.ms(sent[0].at)}",
    )


def srtp_key(story: Story) -> Finding | None:
    """What comes is not protected with the keys that were told."""
    for start in ("SRTP packet not authentic", "SRTCP packet not authentic"):
        found = story.refused(start)
        if found is not None and (found[1] >= FEW or not story.received) and story.received <= found[1]:
            return Finding(
                cause="srtp_key",
                seen=f"{found[1]} packets are not protected with the key of its description",
                where=f"{start.partition(' ')[0]}, the first packet {story.ms(found[2])}",
            )
    return None


def dtls_fingerprint(story: Story) -> Finding | None:
    """The certificate of DTLS is another one than signalling names; or the handshake fails otherwise."""
    for entry in story.of_kind("call", "protection_ended"):
        reason = values.text(entry.data, "reason")
        if "is not the one that signalling names" in reason:
            return Finding(
                cause="dtls_fingerprint",
                seen="the certificate in DTLS is not that of a=fingerprint",
                where=f"the DTLS handshake, {story.ms(entry.at)}",
            )
        if "handshake" in reason or "profile" in reason:
            return Finding(
                cause="dtls_failed", seen=reason, where=f"the DTLS handshake, {story.ms(entry.at)}"
            )
    return None


def unprotected(story: Story) -> Finding | None:
    """SRTP was agreed, and plain RTP comes, or packets that nobody has keys for."""
    found = story.refused("packet before there is a key") or story.refused("packet of no known protocol")
    if found is None or found[1] < FEW or story.received:
        return None
    return Finding(
        cause="srtp_key",
        seen=f"{found[1]} packets could not be opened: {found[0]}",
        where=f"the first {story.ms(found[2])}",
    )


def _answers(story: Story) -> int:
    return len(story.of_kind("ice", "check_answered"))


def _remote(entry: LogEntry) -> str:
    return _address(values.mapping(entry.data, "remote"))


def _address(address: object) -> str:
    if not isinstance(address, Mapping) or not address:
        return "an unknown address"
    host, port = values.text(address, "host"), values.count(address, "port")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
