"""a=rtcp-fb (RFC 4585 §4.2) and a=rtcp-xr (RFC 3611 §5)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sdp.attributes import rtp_attr
from sdp.diagnostics import Diagnostic
from sdp.errors import ValueFault
from sdp.syntax import grammar
from sdp.syntax.model import Attribute, Media, SessionDescription
from sdp.syntax.protocols import RtpProtocol

_XR_BLOCK = re.compile(r"([A-Za-z0-9\-]+)(?:=([!-~]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One a=rtcp-fb line.

    Attributes:
        payload_type: format that it is for; None for all of the m= line ("*").
        kind: "nack", "ack", "ccm", "trr-int", "transport-cc", ...
        parameter: what follows, e.g. "pli"; empty for none.
    """

    payload_type: int | None
    kind: str
    parameter: str = ""

    @property
    def capability(self) -> tuple[str, str]:
        """What it asks for, whatever the format."""
        return self.kind, self.parameter


def parse_feedback(value: str) -> Feedback:
    """The value of a=rtcp-fb; raises ValueFault."""
    parts = value.strip(" ").split(" ", 2)
    if len(parts) < 2 or not grammar.is_token(parts[1]):
        raise ValueFault("a=rtcp-fb is not of the form format value")
    number = None if parts[0] == "*" else rtp_attr.payload_type(parts[0])
    parameter = parts[2].strip(" ") if len(parts) == 3 else ""
    if parts[1] == "trr-int":
        # RFC 4585 §4.2: ms.
        parameter = str(grammar.integer(parameter, "trr-int", maximum=10**9))
    return Feedback(payload_type=number, kind=parts[1], parameter=parameter)


def format_feedback(feedback: Feedback) -> str:
    """The value of a=rtcp-fb."""
    number = "*" if feedback.payload_type is None else str(feedback.payload_type)
    return " ".join(part for part in (number, feedback.kind, feedback.parameter) if part)


def read(media: Media, protocol: RtpProtocol | None) -> tuple[tuple[Feedback, ...], tuple[Diagnostic, ...]]:
    """The a=rtcp-fb lines of a section; they mean nothing outside the AVPF profiles (RFC 4585 §4.2)."""
    found: list[Feedback] = []
    remarks: list[Diagnostic] = []
    for line in media.all("rtcp-fb"):
        if protocol is None or not protocol.feedback:
            remarks.append(line.diagnostic("a=rtcp-fb means nothing without AVPF; ignored"))
            continue
        try:
            feedback = parse_feedback(line.value or "")
        except ValueFault as error:
            remarks.append(line.diagnostic(f"{error.reason}; ignored"))
            continue
        if feedback.payload_type is not None and str(feedback.payload_type) not in media.formats:
            remarks.append(line.diagnostic("rtcp-fb of a format that the m= line lacks; ignored"))
        elif feedback not in found:
            found.append(feedback)
    return tuple(found), tuple(remarks)


def answer(
    offered: Collection[Feedback], supported: Collection[tuple[str, str]], payload_types: Collection[int]
) -> tuple[Feedback, ...]:
    """The lines of the answer: those of the offer that we know, unchanged, none added (RFC 4585 §4.2).

    Args:
        offered: the peer's.
        supported: kind and parameter of what we do; "trr-int" with an empty parameter for any interval.
        payload_types: formats that the answer accepts.
    """
    return tuple(
        feedback
        for feedback in offered
        if (feedback.payload_type is None or feedback.payload_type in payload_types)
        and (
            feedback.capability in supported
            or ((feedback.kind, "") in supported and feedback.kind == "trr-int")
        )
    )


def regular_interval_ms(lines: Collection[Feedback], payload_type: int) -> int:
    """trr-int of a format: least ms between two regular RTCP packets, 0 where there is none (§4.2)."""
    for wanted in (payload_type, None):
        for line in lines:
            if line.kind == "trr-int" and line.payload_type == wanted:
                return int(line.parameter)
    return 0


def attributes(lines: Collection[Feedback]) -> tuple[Attribute, ...]:
    """The lines of a section."""
    return tuple(Attribute(name="rtcp-fb", value=format_feedback(line)) for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """One extended report block that the peer asks for: its name, and what follows "=" or nothing."""

    name: str
    value: str = ""


OUR_BLOCKS = (ReportBlock(name="rcvr-rtt", value="all"), ReportBlock(name="voip-metrics"))
"""What we ask for, and do."""


def report_attribute(blocks: Collection[ReportBlock]) -> Attribute:
    """The a=rtcp-xr line; without blocks it wants none (RFC 3611 §5.1)."""
    return Attribute(
        name="rtcp-xr",
        value=" ".join(f"{block.name}={block.value}" if block.value else block.name for block in blocks),
    )


def report_blocks(
    session: SessionDescription, media: Media
) -> tuple[tuple[ReportBlock, ...] | None, tuple[Diagnostic, ...]]:
    """The blocks of a=rtcp-xr (RFC 3611 §5.1): empty where it wants none, None where it says nothing.

    A media-level line wins over one of the session.
    """
    remarks: list[Diagnostic] = []
    line = media.first("rtcp-xr") or session.first("rtcp-xr")
    if line is None:
        return None, ()
    blocks: list[ReportBlock] = []
    for part in grammar.fields(line.value or ""):
        match = _XR_BLOCK.fullmatch(part)
        if match is None:
            remarks.append(line.diagnostic(f"a=rtcp-xr: {part[:32]} is no block; ignored"))
        else:
            blocks.append(ReportBlock(name=match[1], value=match[2] or ""))
    return tuple(blocks), tuple(remarks)
