"""TLS in memory: what leaves before the other side is known, damage, splits, and what is asked of whom."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from tests.certificates import CLIENT_USE, SIP_DOMAIN, Authority, Issued
from tests.ua.sip.transport.streams import options
from ua.sip.transport.stream import FramedMessage
from ua.sip.transport.tls.config import TlsConfig
from ua.sip.transport.tls.context import tls_context
from ua.sip.transport.tls.identity import judge
from ua.sip.transport.tls.layer import TlsLayer, TlsState
from ua.sip.transport.tls.wire import TlsWire
from ua.sip.transport.wire import PlainWire, WireClosed, WireFailed, WireItem, WireOpened

DOMAIN = "example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def context(authority: Authority) -> SSL.Context:
    """Of both sides of those tests that do not care."""
    return context_of(authority, authority.issue(dns=[DOMAIN]))


def context_of(authority: Authority, issued: Issued | None = None, ca: Path | None = None) -> SSL.Context:
    certificate, key = (issued.certificate, issued.key) if issued else (None, None)
    return tls_context(TlsConfig(ca_file=ca or authority.certificate, certificate=certificate, key=key))


def client(context: SSL.Context, domain: str = DOMAIN) -> TlsLayer:
    return TlsLayer(
        context,
        server_name=domain,
        who=domain,
        expected=f"a certificate for {domain}",
        judge=partial(judge, domain=domain, now=datetime.now(UTC)),
        check_chain=True,
    )


def server(context: SSL.Context, *, require: bool = False) -> TlsLayer:
    return TlsLayer(
        context,
        server_name=None,
        who="the client",
        expected="a certificate",
        judge=None,
        check_chain=True,
        require=require,
    )


def shake(one: TlsLayer, other: TlsLayer) -> tuple[bytes, bytes]:
    """Carry records both ways until nobody has any; what each side could read."""
    ours, theirs = b"", b""
    one.start()
    while True:
        out, back = one.take_output(), other.take_output()
        if not out and not back:
            return ours, theirs
        theirs += other.receive(out) if out else b""
        ours += one.receive(back) if back else b""


@pytest.mark.req("TRN-5")
def test_both_sides_open_and_what_is_written_arrives(context: SSL.Context) -> None:
    one, other = client(context), server(context)
    one.write(b"too early")
    assert shake(one, other) == (b"", b"")
    assert one.state is other.state is TlsState.OPEN
    one.write(b"x" * 200_000)
    assert other.receive(one.take_output()) == b"x" * 200_000
    assert other.peer is not None, "it was asked for its certificate, and has one"


@pytest.mark.req("TRN-5", "REG-7")
@pytest.mark.parametrize("fault", ["name", "issuer"])
def test_a_refused_server_learns_nothing_not_even_who_we_are(
    authority: Authority, tmp_path: Path, fault: str
) -> None:
    by = Authority(tmp_path, "Somebody else") if fault == "issuer" else authority
    theirs = context_of(authority, by.issue(dns=["other.example" if fault == "name" else DOMAIN]))
    ours = context_of(authority, authority.issue(dns=["alice.example"]))
    one, other = client(ours), server(theirs)
    one.write(b"early")
    _, heard = shake(one, other)
    one.write(b"late")
    assert one.state is TlsState.FAILED
    assert one.failure is not None
    assert one.failure.exit_code == 6
    assert heard == other.receive(one.take_output()) == b""
    assert other.state is TlsState.FAILED
    assert other.peer is None


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize(("uses", "good"), [((SIP_DOMAIN,), True), ((CLIENT_USE,), False)])
def test_a_certificate_for_sip_servers_alone_will_do(
    authority: Authority, uses: tuple[str, ...], good: bool
) -> None:
    theirs = context_of(authority, authority.issue(dns=[DOMAIN], uses=uses))
    one, other = client(context_of(authority)), server(theirs)
    shake(one, other)
    assert (one.state is TlsState.OPEN) is good
    if one.failure is not None:
        assert "not meant for servers" in one.failure.what


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("require", [True, False])
def test_a_client_without_certificate_is_nobody_but_welcome(
    authority: Authority, context: SSL.Context, known: bool, require: bool
) -> None:
    ours = context if known else context_of(authority)
    one, other = client(ours), server(context, require=require)
    shake(one, other)
    assert (other.state is TlsState.OPEN) is (known or not require)
    assert (other.peer is not None) is known


@pytest.mark.req("TRN-7")
def test_close_notify_is_an_end_and_silence_is_none(context: SSL.Context) -> None:
    one, other = client(context), server(context)
    shake(one, other)
    one.write(b"last words")
    one.close()
    assert other.receive(one.take_output()) == b"last words"
    assert other.state is TlsState.ENDED
    other.write(b"nothing new is started")
    other.close()
    assert one.receive(other.take_output()) == b""


def wires(context: SSL.Context) -> tuple[TlsWire, TlsWire]:
    return (
        TlsWire(client(context), PlainWire(), judge_for=lambda _: None),
        TlsWire(server(context), PlainWire(), judge_for=None),
    )


@given(cuts=st.lists(st.integers(1, 4000), max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_may_come_in_any_pieces(context: SSL.Context, cuts: list[int]) -> None:
    one, other = wires(context)
    items: dict[TlsWire, list[WireItem]] = {one: one.start(), other: other.start()}
    sizes = itertools.cycle([*cuts, 1000])

    def carry(source: TlsWire, target: TlsWire) -> bool:
        data = source.take_output()
        while data:
            size = next(sizes)
            items[target] += target.receive(data[:size])
            data = data[size:]
            if not data:
                return True
        return False

    while any([carry(one, other), carry(other, one)]):
        pass
    for number in (1, 2):
        one.send(options(number))
    one.close()
    carry(one, other)
    assert isinstance(items[one][0], WireOpened)
    assert isinstance(items[other][0], WireOpened)
    assert items[other][1:] == [
        FramedMessage(data=options(1)),
        FramedMessage(data=options(2)),
        WireClosed(reason="closed by the peer"),
    ]


@given(noise=st.binary(min_size=1, max_size=400), late=st.booleans())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_noise_is_a_failure_and_never_an_exception(context: SSL.Context, noise: bytes, late: bool) -> None:
    one, other = wires(context)
    items = one.start()
    if late:
        while out := one.take_output():
            other.receive(out)
            items += one.receive(other.take_output())
    for _ in range(3):
        items += other.receive(noise)
    other.send(options())
    other.ping()
    other.take_output()
    items += other.end()
    other.close()
    assert sum(isinstance(item, WireFailed) for item in items) <= 2
    assert not any(isinstance(item, FramedMessage) for item in items)
