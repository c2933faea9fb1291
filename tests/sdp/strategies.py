"""Generated candidates, ICE descriptions and session descriptions."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    TcpType,
    Transport,
    TransportAddress,
)
from sdp.syntax.model import (
    Attribute,
    Bandwidth,
    Connection,
    Media,
    Origin,
    SessionDescription,
    Time,
    UnknownLine,
)

ICE_CHARS = string.ascii_letters + string.digits + "+/"
TOKEN_CHARS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`{|}~"
VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))

tokens = st.text(TOKEN_CHARS, min_size=1, max_size=12)
words = st.text(VISIBLE, min_size=1, max_size=12)
texts = st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1, max_size=40)
ports = st.integers(1, 65535)
hosts = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))
addresses = st.builds(lambda host, port: TransportAddress(host=host, port=port), hosts, ports)


@st.composite
def candidates(draw: st.DrawFn, max_component: int = 256) -> Candidate:
    """Any candidate that may stand in a description."""
    kind = draw(st.sampled_from(CandidateType))
    tcptype = draw(st.none() | st.sampled_from(TcpType))
    names = tokens.filter(lambda name: name.lower() not in ("tcptype", "raddr", "rport"))
    return Candidate(
        foundation=draw(st.text(ICE_CHARS, min_size=1, max_size=32)),
        component=draw(st.integers(1, max_component)),
        transport=Transport.UDP if tcptype is None else Transport.TCP,
        priority=draw(st.integers(1, 2**31 - 1)),
        address=draw(addresses),
        type=kind,
        tcptype=tcptype,
        related=None if kind is CandidateType.HOST else draw(addresses),
        extensions=tuple(draw(st.lists(st.tuples(names, words), max_size=3))),
    )


def credentials() -> st.SearchStrategy[Credentials]:
    return st.builds(
        lambda ufrag, password: Credentials(ufrag=ufrag, password=password),
        st.text(ICE_CHARS, min_size=4, max_size=32),
        st.text(ICE_CHARS, min_size=22, max_size=40),
    )


@st.composite
def ice_descriptions(draw: st.DrawFn) -> Description:
    """What an agent without trickle tells."""
    lite = draw(st.booleans())
    return Description(
        credentials=draw(credentials()),
        candidates=tuple(draw(st.lists(candidates(max_component=2), max_size=6))),
        options=draw(
            st.frozensets(
                st.text(ICE_CHARS, min_size=1, max_size=8).filter(lambda t: t != "trickle"), max_size=3
            )
        ),
        lite=lite,
        pacing_ms=None if lite else draw(st.none() | st.integers(1, 10**10 - 1)),
    )


attributes = st.builds(lambda name, value: Attribute(name=name, value=value), tokens, st.none() | texts)
bandwidths = st.builds(lambda kind, value: Bandwidth(type=kind, value=value), tokens, st.integers(0, 2**40))
unknown_lines = st.builds(
    lambda letter, value: UnknownLine(letter=letter, value=value), st.sampled_from("dfghjlnqwxyABZ09"), texts
)
unicast = (
    hosts.filter(lambda host: not Connection.of(host).multicast).map(Connection.of)
    | st.text(string.ascii_lowercase, min_size=4, max_size=9).map(lambda name: Connection(address=name))
    | st.builds(lambda ttl: Connection(address="233.252.0.1", suffix=str(ttl)), st.integers(0, 255))
)
instants = st.just(0) | st.integers(10**9, 10**12)
times = st.builds(
    lambda start, stop, repeats, zone: Time(
        start=start, stop=stop, repeats=tuple(repeats), zone=zone if repeats else None
    ),
    instants,
    instants,
    st.lists(st.sampled_from(["604800 3600 0 90000", "7d 1h 0 25h", "1 0 0"]), max_size=2),
    st.none() | st.sampled_from(["3730928400 -1h", "3730928400 -1h 3749680800 0"]),
)


@st.composite
def media(draw: st.DrawFn, *, session_connection: bool) -> Media:
    connections = draw(st.lists(unicast, max_size=2))
    port = draw(st.integers(0, 65535)) if connections or session_connection else 0
    return Media(
        media=draw(tokens),
        port=port,
        port_count=draw(st.integers(1, 4)),
        proto="/".join(draw(st.lists(tokens, min_size=1, max_size=3))),
        formats=tuple(draw(st.lists(tokens, min_size=1, max_size=5))),
        title=draw(st.none() | texts),
        connections=tuple(connections),
        bandwidths=tuple(draw(st.lists(bandwidths, max_size=2))),
        attributes=tuple(draw(st.lists(attributes, max_size=5))),
        unknown=tuple(draw(st.lists(unknown_lines, max_size=2))),
    )


@st.composite
def session_descriptions(draw: st.DrawFn) -> SessionDescription:
    """Any description that the model can hold and RFC 8866 allows to be written."""
    connection = draw(st.none() | unicast)
    return SessionDescription(
        origin=Origin(
            username=draw(words),
            session_id=draw(st.integers(0, 2**63 - 1)),
            version=draw(st.integers(0, 2**63 - 1)),
            addrtype=draw(st.sampled_from(["IP4", "IP6"])),
            address=draw(words),
        ),
        name=draw(st.just("-") | texts.filter(lambda text: bool(text.strip(" ")))),
        information=draw(st.none() | texts),
        uri=draw(st.none() | texts),
        emails=tuple(draw(st.lists(texts, max_size=2))),
        phones=tuple(draw(st.lists(texts, max_size=2))),
        connection=connection,
        bandwidths=tuple(draw(st.lists(bandwidths, max_size=2))),
        times=tuple(draw(st.lists(times, min_size=1, max_size=2))),
        attributes=tuple(draw(st.lists(attributes, max_size=5))),
        unknown=tuple(draw(st.lists(unknown_lines, max_size=2))),
        media=tuple(draw(st.lists(media(session_connection=connection is not None), max_size=3))),
    )
