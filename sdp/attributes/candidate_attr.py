"""The only codec of a=candidate (RFC 8839 §5.1, RFC 6544 §4.5).

Reading takes what peers write: either case, `tcptype` at any place among the extensions, port 0 for an
active candidate, unknown name and value pairs. Writing puts `tcptype` first among the extensions.
"""

from __future__ import annotations

from collections.abc import Sequence

from ice.types import Candidate, CandidateType, TcpType, Transport, TransportAddress
from sdp.errors import CandidateError, ValueFault
from sdp.syntax import grammar

# RFC 8839 §5.1
MAX_FOUNDATION = 32
MAX_COMPONENT = 256
MAX_PRIORITY = 2**31 - 1

# RFC 6544 §4.5: the discard port stands for "no port".
DISCARD_PORT = 9


def parse_candidate(value: str) -> Candidate:
    """Read the value of a=candidate (what follows "candidate:").

    Raises:
        CandidateError: the line must be ignored: malformed, a name instead of an address, an unknown
            transport or type, a TCP candidate without a known tcptype (RFC 8839 §5.1).
    """
    try:
        return _parse(value)
    except CandidateError:
        raise
    except ValueFault as error:
        raise CandidateError(error.reason) from None


def _parse(value: str) -> Candidate:
    parts = grammar.fields(value)
    if len(parts) < 8:
        raise CandidateError("the candidate has fewer than eight fields")
    foundation, component, transport_token, priority, host, port, keyword, kind = parts[:8]
    if not grammar.ICE_CHARS.fullmatch(foundation) or len(foundation) > MAX_FOUNDATION:
        raise CandidateError("the foundation is not 1 to 32 ice-chars")
    if keyword.lower() != "typ":
        raise CandidateError("the candidate has no typ")
    transport = _transport(transport_token)
    extensions = _pairs(parts[8:])
    tcptype = None
    if transport is Transport.TCP:
        tcptype, extensions = _take_tcptype(extensions)
    candidate_type = _type(kind)
    related = None
    if candidate_type is not CandidateType.HOST:
        related, extensions = _take_related(extensions)
    return Candidate(
        foundation=foundation,
        component=grammar.integer(component, "the component", minimum=1, maximum=MAX_COMPONENT),
        transport=transport,
        priority=grammar.integer(priority, "the priority", minimum=1, maximum=MAX_PRIORITY),
        address=TransportAddress(host=_host(host), port=_port(port, tcptype)),
        type=candidate_type,
        tcptype=tcptype,
        related=related,
        extensions=tuple(extensions),
    )


def _transport(token: str) -> Transport:
    # RFC 6544 §4.5, RFC 5234 §2.3: quoted literals ignore case.
    try:
        return Transport(token.lower())
    except ValueError:
        raise CandidateError("the transport is unknown") from None


def _type(token: str) -> CandidateType:
    try:
        return CandidateType(token.lower())
    except ValueError:
        raise CandidateError("the candidate type is unknown") from None


def _host(text: str) -> str:
    literal = grammar.ip_literal(text)
    if literal is None:
        # RFC 8839 §5.1: such lines are ignored.
        raise CandidateError("the address is not an IP address")
    return literal


def _port(text: str, tcptype: TcpType | None) -> int:
    port = grammar.port(text)
    if port != 0:
        return port
    if tcptype is TcpType.ACTIVE:
        return DISCARD_PORT
    raise CandidateError("the port is 0")


def _pairs(parts: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, value in zip(parts[::2], parts[1::2], strict=False)]
    if len(parts) % 2:
        # RFC 8839 §5.1: an extension value may be empty.
        pairs.append((parts[-1], ""))
    for name, _ in pairs:
        if not grammar.is_token(name):
            raise CandidateError("the name of an extension is not a token")
    return pairs


def _take_tcptype(pairs: list[tuple[str, str]]) -> tuple[TcpType, list[tuple[str, str]]]:
    for index, (name, value) in enumerate(pairs):
        if name.lower() == "tcptype":
            try:
                return TcpType(value.lower()), pairs[:index] + pairs[index + 1 :]
            except ValueError:
                raise CandidateError("the tcptype is unknown") from None
    raise CandidateError("a TCP candidate without tcptype")


def _take_related(pairs: list[tuple[str, str]]) -> tuple[TransportAddress | None, list[tuple[str, str]]]:
    """Raddr and rport, where both are there and usable; else they stay among the extensions."""
    names = [name.lower() for name, _ in pairs]
    if "raddr" not in names or "rport" not in names:
        return None, pairs
    host_at, port_at = names.index("raddr"), names.index("rport")
    host = grammar.ip_literal(pairs[host_at][1])
    try:
        port = grammar.port(pairs[port_at][1])
    except ValueFault:
        return None, pairs
    if host is None:
        return None, pairs
    rest = [pair for index, pair in enumerate(pairs) if index not in (host_at, port_at)]
    return TransportAddress(host=host, port=port), rest


def format_candidate(candidate: Candidate) -> str:
    """Write the value of a=candidate (what follows "candidate:").

    A candidate other than host without a known related address gets the hidden form, 0.0.0.0 or ::
    with port 9 (RFC 8839 §5.1).

    Raises:
        ValueError: the candidate is ours and wrong: a name or a zone instead of an address, a component,
            priority or foundation out of range.
    """
    _check(candidate)
    address = candidate.address
    parts = [
        candidate.foundation,
        str(candidate.component),
        candidate.transport.value.upper(),
        str(candidate.priority),
        address.host,
        str(address.port),
        "typ",
        candidate.type.value,
    ]
    if candidate.type is not CandidateType.HOST and not _has_related_extension(candidate):
        related = candidate.related or TransportAddress(
            host="::" if grammar.is_ipv6(address.host) else "0.0.0.0",  # noqa: S104 - the hidden form, not bound
            port=DISCARD_PORT,
        )
        parts += ["raddr", related.host, "rport", str(related.port)]
    if candidate.tcptype is not None:
        parts += ["tcptype", candidate.tcptype.value]
    for name, value in candidate.extensions:
        parts += [name, value]
    return " ".join(parts)


def _has_related_extension(candidate: Candidate) -> bool:
    return candidate.related is None and any(name.lower() == "raddr" for name, _ in candidate.extensions)


def _check(candidate: Candidate) -> None:
    for address in (candidate.address, candidate.related):
        if address is not None and grammar.ip_literal(address.host) is None:
            raise ValueError(f"{address.host} is not an IP address (RFC 8839 §5.1)")
    if not grammar.ICE_CHARS.fullmatch(candidate.foundation) or len(candidate.foundation) > MAX_FOUNDATION:
        raise ValueError("the foundation is not 1 to 32 ice-chars")
    if not 1 <= candidate.component <= MAX_COMPONENT:
        raise ValueError("the component is not within 1 to 256")
    if not 1 <= candidate.priority <= MAX_PRIORITY:
        raise ValueError("the priority is not within 1 to 2^31-1")
