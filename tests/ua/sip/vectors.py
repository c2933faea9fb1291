"""The messages of tests/vectors/sip and strategies that make others."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response
from ua.sip.syntax.uri import Uri

FOLDER = Path(__file__).parents[2] / "vectors" / "sip"


def vector(name: str) -> bytes:
    """The bytes of `folder/name` (without .dat)."""
    return (FOLDER / f"{name}.dat").read_bytes()


def vector_names(folder: str) -> list[str]:
    """All `folder/name` of one folder."""
    return sorted(f"{folder}/{path.stem}" for path in (FOLDER / folder).glob("*.dat"))


PEERS = vector_names("peers")
TORTURE = vector_names("rfc4475")
IPV6 = vector_names("rfc5118")

tokens = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
hosts = st.one_of(
    st.sampled_from(["example.com", "a.b-c.example", "192.0.2.7", "2001:db8::1", "::1", "localhost"]),
    st.from_regex(r"[a-z]([a-z0-9\-]{0,10}[a-z0-9])?", fullmatch=True),
)
ports = st.none() | st.integers(1, 65535)
uri_params = st.lists(
    st.tuples(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.none() | st.from_regex(r"[a-zA-Z0-9%.]{0}[a-z0-9~]{1,8}", fullmatch=True),
    ),
    max_size=4,
    unique_by=lambda param: param[0],
).map(tuple)
uris = st.builds(
    Uri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=st.none() | st.from_regex(r"[A-Za-z0-9;?&=+$,%]{0}[a-z0-9;?/.]{1,12}", fullmatch=True),
    host=hosts,
    port=ports,
    params=uri_params,
)
texts = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"], blacklist_characters="\x85"), max_size=20
)
"""Any text that fits on one header line."""

_extra_rows = st.lists(
    st.tuples(st.sampled_from(["x-one", "x-two", "subject", "user-agent"]), texts.map(str.strip)),
    max_size=4,
    unique_by=lambda row: row[0],
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any well-formed request."""
    method = draw(st.sampled_from(["INVITE", "OPTIONS", "BYE", "REGISTER", "X-ODD"]))
    headers = Headers.of(
        ("Via", f"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{draw(st.integers(0, 2**64))}"),
        ("From", f"<{draw(uris)}>;tag={draw(tokens)}"),
        ("To", f"<{draw(uris)}>"),
        ("Call-ID", f"{draw(tokens)}@{draw(tokens)}"),
        ("CSeq", f"{draw(st.integers(0, 2**32 - 1))} {method}"),
        ("Max-Forwards", "70"),
        *draw(_extra_rows),
    )
    return Request(method=method, uri=draw(uris), headers=headers, body=draw(st.binary(max_size=200)))


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """Any well-formed response."""
    request = draw(requests())
    return Response(
        status=draw(st.integers(100, 699)),
        reason=draw(texts).strip(),
        headers=request.headers.without("max-forwards"),
        body=request.body,
    )


messages = st.one_of(requests(), responses())
