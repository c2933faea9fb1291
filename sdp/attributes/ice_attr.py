"""The ICE attributes of a description (RFC 8839 §5, RFC 8840 §4) and `ice.types.Description`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ice.types import Candidate, Credentials, Description, TransportAddress
from sdp.attributes.candidate_attr import MAX_COMPONENT, format_candidate, parse_candidate
from sdp.diagnostics import Diagnostic
from sdp.errors import CandidateError, ValueFault
from sdp.syntax import grammar
from sdp.syntax.model import Attribute, Media, SessionDescription

# RFC 8839 §5.4: at least 24 and 128 bits; up to 256 characters are read, a ufrag is written with up to 32.
_MIN_UFRAG, _MIN_PASSWORD, _MAX_CREDENTIAL, _MAX_OWN_UFRAG = 4, 22, 256, 32
# RFC 8839 §5.5
_MAX_PACING = 10**10 - 1
_SESSION_ONLY = ("ice-lite", "ice-pacing")
_MEDIA_ONLY = ("candidate", "remote-candidates", "ice-mismatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCandidate:
    """One value of a=remote-candidates: our own address as the controlling side selected it."""

    component: int
    address: TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class IceReading:
    """ICE as one m= section shows it.

    Attributes:
        description: None where the peer does not use ICE for this stream.
        reason: why `description` is None; empty otherwise.
        remote_candidates: a=remote-candidates of an offer (RFC 8839 §5.2).
        diagnostics: lines that were refused.
    """

    description: Description | None
    reason: str = ""
    remote_candidates: tuple[RemoteCandidate, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def read(session: SessionDescription, media: Media, *, is_answer: bool) -> IceReading:
    """Read one m= section: its own attributes before those of the session (RFC 8839 §5.4).

    A line that is malformed or stands where it may not is refused alone.
    """
    diagnostics = _misplaced(session, media)
    ufrag = _credential("ice-ufrag", _MIN_UFRAG, session, media, diagnostics)
    password = _credential("ice-pwd", _MIN_PASSWORD, session, media, diagnostics)
    candidates = _candidates(media, diagnostics)
    mismatch = _mismatch(media, diagnostics, is_answer=is_answer)
    remote_candidates = _remote_candidates(media, diagnostics, is_answer=is_answer)
    options = _options(session, media, diagnostics)
    pacing = _pacing(session, diagnostics)
    if ufrag is None or password is None:
        # RFC 8839 §4.2.5: both are needed. The 2005 draft had candidate lines without them.
        reason = (
            "the peer lists candidates without ice-ufrag and ice-pwd"
            if media.first("candidate") is not None
            else "the peer does not use ICE"
        )
        return IceReading(description=None, reason=reason, diagnostics=tuple(diagnostics))
    ended = any(each.first("end-of-candidates") is not None for each in (session, media))
    description = Description(
        credentials=Credentials(ufrag=ufrag, password=password),
        candidates=candidates,
        options=options,
        lite=session.first("ice-lite") is not None,
        pacing_ms=pacing,
        mismatch=mismatch,
        # RFC 8838 §14: without trickle a description is complete.
        end_of_candidates=ended or "trickle" not in options,
    )
    return IceReading(
        description=description, remote_candidates=remote_candidates, diagnostics=tuple(diagnostics)
    )


def _misplaced(session: SessionDescription, media: Media) -> list[Diagnostic]:
    return [
        *(
            attribute.diagnostic(f"a={attribute.name} means nothing at session level; ignored")
            for attribute in session.attributes
            if attribute.name in _MEDIA_ONLY
        ),
        *(
            attribute.diagnostic(f"a={attribute.name} means nothing at media level; ignored")
            for attribute in media.attributes
            if attribute.name in _SESSION_ONLY
        ),
    ]


def _credential(
    name: str, minimum: int, session: SessionDescription, media: Media, diagnostics: list[Diagnostic]
) -> str | None:
    attribute = media.first(name) or session.first(name)
    if attribute is None:
        return None
    value = attribute.value or ""
    if not grammar.ICE_CHARS.fullmatch(value) or not minimum <= len(value) <= _MAX_CREDENTIAL:
        # The value is a secret: the remark does not repeat it.
        reason = f"a={name} is not {minimum} to {_MAX_CREDENTIAL} ice-chars; ignored"
        diagnostics.append(Diagnostic(line=attribute.line, text=f"a={name}:...", reason=reason))
        return None
    return value


def _candidates(media: Media, diagnostics: list[Diagnostic]) -> tuple[Candidate, ...]:
    candidates: list[Candidate] = []
    for attribute in media.all("candidate"):
        try:
            candidates.append(parse_candidate(attribute.value or ""))
        except CandidateError as error:
            diagnostics.append(attribute.diagnostic(f"candidate ignored: {error.reason}"))
    return tuple(candidates)


def _mismatch(media: Media, diagnostics: list[Diagnostic], *, is_answer: bool) -> bool:
    attribute = media.first("ice-mismatch")
    if attribute is not None and not is_answer:
        diagnostics.append(attribute.diagnostic("a=ice-mismatch means nothing in an offer; ignored"))
    return attribute is not None and is_answer


def _remote_candidates(
    media: Media, diagnostics: list[Diagnostic], *, is_answer: bool
) -> tuple[RemoteCandidate, ...]:
    result: list[RemoteCandidate] = []
    for attribute in media.all("remote-candidates"):
        if is_answer:
            diagnostics.append(
                attribute.diagnostic("a=remote-candidates means nothing in an answer; ignored")
            )
            continue
        try:
            result += parse_remote_candidates(attribute.value or "")
        except ValueFault as error:
            diagnostics.append(attribute.diagnostic(f"{error.reason}; ignored"))
    return tuple(result)


def parse_remote_candidates(value: str) -> tuple[RemoteCandidate, ...]:
    """The value of a=remote-candidates: triples of component, address, port; raises ValueFault."""
    parts = grammar.fields(value)
    if not parts or len(parts) % 3:
        raise ValueFault("a=remote-candidates is not made of triples")
    result = []
    for component, address, port in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        host = grammar.ip_literal(address)
        if host is None:
            raise ValueFault("a=remote-candidates holds no IP address")
        result.append(
            RemoteCandidate(
                component=grammar.integer(component, "the component", minimum=1, maximum=MAX_COMPONENT),
                address=TransportAddress(host=host, port=grammar.port(port)),
            )
        )
    return tuple(result)


def format_remote_candidates(values: Sequence[RemoteCandidate]) -> str:
    """The value of a=remote-candidates, all components on one line (RFC 8839 §5.2)."""
    return " ".join(f"{each.component} {each.address.host} {each.address.port}" for each in values)


def _options(session: SessionDescription, media: Media, diagnostics: list[Diagnostic]) -> frozenset[str]:
    options: set[str] = set()
    for attribute in (*session.all("ice-options"), *media.all("ice-options")):
        tokens = grammar.fields(attribute.value or "")
        good = [token for token in tokens if grammar.ICE_CHARS.fullmatch(token)]
        if len(good) < len(tokens) or not tokens:
            diagnostics.append(attribute.diagnostic("a=ice-options holds no or malformed tokens; ignored"))
        options.update(good)
    return frozenset(options)


def _pacing(session: SessionDescription, diagnostics: list[Diagnostic]) -> int | None:
    attribute = session.first("ice-pacing")
    if attribute is None:
        return None
    try:
        return grammar.integer(attribute.value or "", "a=ice-pacing", minimum=1, maximum=_MAX_PACING)
    except ValueFault as error:
        diagnostics.append(attribute.diagnostic(f"{error.reason}; ignored"))
        return None


# --- writing ----------------------------------------------------------------------------------------------


def session_attributes(description: Description) -> tuple[Attribute, ...]:
    """The lines of the session level: ice-lite or ice-pacing, and ice-options."""
    lines: list[Attribute] = []
    if description.lite:
        lines.append(Attribute(name="ice-lite"))
    if description.options:
        lines.append(Attribute(name="ice-options", value=" ".join(sorted(description.options))))
    # RFC 8839 §4.3.1: a lite agent sends no ice-pacing.
    if description.pacing_ms is not None and not description.lite:
        lines.append(Attribute(name="ice-pacing", value=str(description.pacing_ms)))
    return tuple(lines)


def media_attributes(
    description: Description, *, remote_candidates: Sequence[RemoteCandidate] = ()
) -> tuple[Attribute, ...]:
    """The lines of an m= section; with `mismatch` credentials and the flag, but no candidates.

    Raises:
        ValueError: credentials or a candidate of ours break the grammar.
    """
    credentials = description.credentials
    _check_own(credentials.ufrag, _MIN_UFRAG, _MAX_OWN_UFRAG)
    _check_own(credentials.password, _MIN_PASSWORD, _MAX_CREDENTIAL)
    lines = [
        Attribute(name="ice-ufrag", value=credentials.ufrag),
        Attribute(name="ice-pwd", value=credentials.password),
    ]
    if description.mismatch:
        return (*lines, Attribute(name="ice-mismatch"))
    if remote_candidates:
        lines.append(Attribute(name="remote-candidates", value=format_remote_candidates(remote_candidates)))
    lines += (
        Attribute(name="candidate", value=format_candidate(candidate)) for candidate in description.candidates
    )
    if description.end_of_candidates:
        lines.append(Attribute(name="end-of-candidates"))
    return tuple(lines)


def _check_own(value: str, minimum: int, maximum: int) -> None:
    if not grammar.ICE_CHARS.fullmatch(value) or not minimum <= len(value) <= maximum:
        raise ValueError(f"a credential is not {minimum} to {maximum} ice-chars (RFC 8839 §5.4)")
