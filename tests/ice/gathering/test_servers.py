"""URIs of STUN and TURN servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import ServerUriError
from ice.gathering.servers import (
    ServerTransport,
    StunServer,
    TurnServer,
    parse_stun_uri,
    parse_turn_uri,
    stun_uri,
    turn_uri,
)

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ADDRESSES = st.ip_addresses().map(str)
PORTS = st.integers(1, 65535)


@pytest.mark.req("STUN-40")
@pytest.mark.parametrize(
    ("uri", "host", "port", "transport"),
    [
        ("stun:example.com", "example.com", 3478, "udp"),
        ("STUN:Example.COM:3479", "example.com", 3479, "udp"),
        ("stun:192.0.2.1", "192.0.2.1", 3478, "udp"),
        ("stun:192.0.2.1:", "192.0.2.1", 3478, "udp"),
        ("stun:[2001:db8::1]:19302", "2001:db8::1", 19302, "udp"),
        ("stuns:example.com", "example.com", 5349, "tls"),
        ("stuns:example.com:443", "example.com", 443, "tls"),
    ],
)
def test_stun_uris(uri: str, host: str, port: int, transport: ServerTransport) -> None:
    assert parse_stun_uri(uri) == StunServer(host=host, port=port, transport=transport)


def test_a_stun_server_may_be_asked_over_tcp() -> None:
    """No URI of RFC 7064 can say so; this is what people write."""
    expected = StunServer(host="2001:db8::1", port=3478, transport="tcp")
    assert parse_stun_uri("stun:[2001:db8::1]?transport=TCP") == expected
    assert stun_uri(expected) == "stun:[2001:db8::1]?transport=tcp"


@pytest.mark.req("STUN-40")
@pytest.mark.parametrize(
    ("uri", "host", "port", "transport"),
    [
        ("turn:example.org", "example.org", 3478, "udp"),
        ("turn:example.org?transport=udp", "example.org", 3478, "udp"),
        ("turn:[2001:db8::1]:3478?transport=tcp", "2001:db8::1", 3478, "tcp"),
        ("turn:192.0.2.1:8000?transport=TCP", "192.0.2.1", 8000, "tcp"),
        ("turns:example.org", "example.org", 5349, "tls"),
        ("turns:example.org:443?transport=tcp", "example.org", 443, "tls"),
    ],
)
def test_turn_uris(uri: str, host: str, port: int, transport: ServerTransport) -> None:
    assert parse_turn_uri(uri) == TurnServer(host=host, port=port, transport=transport)


@pytest.mark.req("STUN-40")
@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("stun://example.com", "slashes"),
        ("stun:h?transport=udp", "nothing behind"),
        ("stun:h?transport=sctp", "nothing behind"),
        ("stun:h?other", "transport=udp or transport=tcp"),
        ("stuns:h?transport=tcp", "nothing behind"),
        ("stun:", "no host name"),
        ("stun:h:0", "between 1 and 65535"),
        ("stun:h:65536", "between 1 and 65535"),
        ("stun:h:http", "between 1 and 65535"),
        ("stun:h:٣", "between 1 and 65535"),
        ("stun:2001:db8::1", "form stun:host:port"),
        ("stun:[192.0.2.1]", "no IPv6 address"),
        ("stun:[fe80::1%eth0]", "no IPv6 address"),
        ("stun:192.0.2.256", "no IPv4 address"),
        ("stun:example com", "no host name"),
        ("stun:example..com", "no host name"),
        ("stun:-example.com", "no host name"),
        ("stun:example.com\n", "no host name"),
        ("stun:alice@example.com", "no user name or password"),
        ("turn:example.com", "form stun:host:port"),
        ("example.com", "form stun:host:port"),
    ],
)
def test_what_is_no_stun_uri(uri: str, says: str) -> None:
    with pytest.raises(ServerUriError, match=says):
        parse_stun_uri(uri)


@pytest.mark.req("STUN-40")
@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("turn://host", "slashes"),
        ("turn:h?transport=", "behind '\\?'"),
        ("turn:h?transport=tcp&x=1", "behind '\\?'"),
        ("turn:h?x=1", "behind '\\?'"),
        ("turn:h?", "behind '\\?'"),
        ("turn:h?transport=sctp", "'sctp' is not spoken"),
        ("turn:h?transport=tls", "'tls' is not spoken"),
        ("turns:h?transport=udp", "DTLS"),
        ("stun:h", "form turn:host:port"),
    ],
)
def test_what_is_no_turn_uri(uri: str, says: str) -> None:
    with pytest.raises(ServerUriError, match=says):
        parse_turn_uri(uri)


def test_a_password_in_a_uri_is_refused_and_not_repeated() -> None:
    for uri in ("turn:alice:secret@example.com", "turn:alice:secret@example.com:3478?transport=tcp"):
        with pytest.raises(ServerUriError) as caught:
            parse_turn_uri(uri)
        assert "secret" not in str(caught.value)


@pytest.mark.req("STUN-41")
def test_tls_to_an_address_needs_a_name_for_the_certificate() -> None:
    with pytest.raises(ServerUriError, match="certificate"):
        parse_stun_uri("stuns:192.0.2.1")
    with pytest.raises(ServerUriError, match="certificate"):
        parse_turn_uri("turns:[2001:db8::1]")
    server = parse_turn_uri("turns:192.0.2.1", server_name="turn.example.org", ca_file=Path("ca.pem"))
    assert server.server_name == "turn.example.org"
    assert server.transport == "tls"


def test_the_password_is_kept_out_of_every_text() -> None:
    server = parse_turn_uri("turn:192.0.2.1", username="alice", password="hunter2")
    assert "hunter2" not in f"{server!r} {server} {turn_uri(server)}"
    assert server.password == "hunter2"


@pytest.mark.req("STUN-40")
@given(NAMES, ADDRESSES, PORTS, st.sampled_from(["udp", "tcp", "tls"]), st.booleans())
def test_a_stun_uri_reads_as_it_was_written(
    name: str, address: str, port: int, transport: ServerTransport, literal: bool
) -> None:
    host = address if literal and transport == "udp" else name
    server = StunServer(host=host, port=port, transport=transport)
    assert parse_stun_uri(stun_uri(server)) == server


@pytest.mark.req("STUN-40")
@given(NAMES, ADDRESSES, PORTS, st.sampled_from(["udp", "tcp", "tls"]), st.booleans())
def test_a_turn_uri_reads_as_it_was_written(
    name: str, address: str, port: int, transport: ServerTransport, literal: bool
) -> None:
    host = address if literal and transport != "tls" else name
    server = TurnServer(host=host, port=port, transport=transport)
    assert parse_turn_uri(turn_uri(server)) == server


@given(st.one_of(st.text(), st.from_regex(r"(stuns?|turns?):[^\n]{0,40}(\?transport=.{0,5})?")))
def test_any_text_is_a_server_or_the_documented_error(text: str) -> None:
    for parse in (parse_stun_uri, parse_turn_uri):
        try:
            server = parse(text)
        except ServerUriError:
            continue
        assert 0 < server.port < 65536
        assert str(server).startswith(("stun", "turn"))
