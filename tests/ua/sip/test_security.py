"""Where sips is owed: Contacts, dialogs, next hops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.ua.sip.bench import make_request
from tests.ua.sip.phones import ALICE
from tests.ua.sip.transport.secure import pair, sips
from ua.sip.config import SipConfig
from ua.sip.dialog import Dialog, next_hop
from ua.sip.inspection import inspect
from ua.sip.rejection import SipRejected
from ua.sip.security import (
    DOWNGRADED,
    answer_demands_sips,
    as_sips,
    came_securely,
    demands_sips,
    is_downgraded,
)
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


def request(uri: str, *rows: tuple[str, str], via: str = "TLS") -> Request:
    made = make_request()
    headers = made.headers.with_rows("via", f"SIP/2.0/{via} 192.0.2.1;branch=z9hG4bKa").with_added(*rows)
    return replace(made, uri=Uri.parse(uri), headers=headers)


@pytest.mark.parametrize(
    ("uri", "secure"),
    [
        ("sip:bob@example.com", "sips:bob@example.com"),
        ("sip:bob@example.com:5061;transport=tls;x=1", "sips:bob@example.com:5061;x=1"),
        ("sip:bob@example.com;transport=tcp", "sips:bob@example.com;transport=tcp"),
        ("sip:bob@example.com;transport=udp", "sips:bob@example.com;transport=udp"),
        ("sips:bob@example.com;transport=tls", "sips:bob@example.com;transport=tls"),
        ("tel:+1", "tel:+1"),
    ],
)
def test_a_uri_over_tls_alone(uri: str, secure: str) -> None:
    assert str(as_sips(Uri.parse(uri))) == secure


@pytest.mark.req("UAC-4")
@pytest.mark.parametrize(
    ("uri", "rows", "sips"),
    [
        ("sips:bob@example.com", (), True),
        ("sip:bob@example.com", (), False),
        ("sip:bob@example.com", (("Route", "<sips:proxy.example.com;lr>"),), True),
        ("sip:bob@example.com", (("Route", "<sip:a.example.com;lr>, <sips:b.example.com;lr>"),), False),
    ],
)
def test_when_our_contact_is_sips(uri: str, rows: tuple[tuple[str, str], ...], sips: bool) -> None:
    assert demands_sips(request(uri, *rows)) is sips


@pytest.mark.req("DLG-9")
@pytest.mark.parametrize(
    ("uri", "rows", "sips"),
    [
        ("sips:bob@example.com", (("Contact", "<sip:a@192.0.2.1>"),), True),
        ("sip:bob@example.com", (("Contact", "<sip:a@192.0.2.1>"),), False),
        ("sip:bob@example.com", (("Contact", "<sips:a@192.0.2.1>"),), True),
        (
            "sip:bob@example.com",
            (("Contact", "<sip:a@192.0.2.1>"), ("Record-Route", "<sips:p.example.com;lr>")),
            True,
        ),
        (
            "sip:bob@example.com",
            (("Contact", "<sips:a@192.0.2.1>"), ("Record-Route", "<sip:p.example.com;lr>")),
            False,
        ),
        ("sip:bob@example.com", (("Contact", "<<<"),), False),
    ],
)
def test_when_the_contact_of_our_answer_is_sips(
    uri: str, rows: tuple[tuple[str, str], ...], sips: bool
) -> None:
    assert answer_demands_sips(request(uri, *rows)) is sips


@pytest.mark.req("DLG-9")
@pytest.mark.parametrize(
    ("uri", "via", "secure"),
    [
        ("sips:bob@example.com", "TLS", True),
        ("sips:bob@example.com", "WSS", True),
        ("sips:bob@example.com", "TCP", False),
        ("sip:bob@example.com", "TLS", False),
    ],
)
def test_the_dialog_of_a_callee_is_secure_by_uri_and_transport(uri: str, via: str, secure: bool) -> None:
    invite = request(uri, ("Contact", "<sip:a@192.0.2.1;transport=tls>"), via=via)
    assert came_securely(invite) is secure
    dialog = Dialog.of_callee(invite, "b")
    assert dialog.secure is secure
    assert str(dialog.make_request("BYE").uri).startswith("sips:" if secure else "sip:")


@pytest.mark.req("DLG-9", "TRN-5")
def test_a_secure_call_does_not_end_in_the_clear() -> None:
    """Where the peer's Contact is sip, or is changed to it, our requests stay sips."""
    invite = request("sips:bob@example.com")
    contact = Headers.of(("Contact", "<sip:bob@192.0.2.2>"))
    dialog = Dialog.of_caller(invite, make_response(invite, 200, to_tag="b", headers=contact))
    assert dialog.secure
    assert str(dialog.make_request("BYE").uri) == "sips:bob@192.0.2.2"
    moved = Headers.of(("Contact", "<sip:bob@192.0.2.3>"))
    dialog.refresh_target(make_response(invite, 200, to_tag="b", headers=moved))
    update = dialog.make_request("UPDATE")
    assert str(update.uri) == "sips:bob@192.0.2.3"
    assert demands_sips(update)


@pytest.mark.req("UAC-3")
def test_the_way_to_a_sips_uri_is_secure_whatever_the_route_says() -> None:
    assert str(next_hop(request("sips:bob@example.com", ("Route", "<sip:p.example.com;lr>")))) == (
        "sips:p.example.com;lr"
    )
    assert str(next_hop(request("sip:bob@example.com", ("Route", "<sip:p.example.com;lr>")))) == (
        "sip:p.example.com;lr"
    )


def test_without_tls_a_sips_request_is_refused() -> None:
    invite = request("sips:bob@example.com", ("Contact", "<sips:a@192.0.2.1>"), via="UDP")
    refusal = inspect(invite, SipConfig())
    assert refusal is not None
    assert refusal[0] == 416
    assert inspect(invite, SipConfig(transports=("udp", "tls"))) is None


@pytest.mark.req("UAS-12")
@pytest.mark.parametrize(
    ("uri", "to", "downgraded"),
    [
        ("sips:bob@example.com", "<sip:bob@example.com>", True),
        ("sips:bob@example.com", "<sips:bob@example.com>", False),
        ("sip:bob@example.com", "<sip:bob@example.com>", False),
        ("sips:bob@example.com", "<tel:+1>", False),
    ],
)
def test_a_possible_downgrade(uri: str, to: str, downgraded: bool) -> None:
    asked = request(uri)
    assert is_downgraded(replace(asked, headers=asked.headers.with_rows("to", to))) is downgraded


@pytest.mark.req("UAS-12")
async def test_a_possible_downgrade_is_shown(tmp_path: Path) -> None:
    async with pair(Authority(tmp_path)) as (alice, bob):
        for to in ("sips:bob@localhost", "sip:bob@localhost"):
            call = alice.endpoint.invite(
                sips(bob), from_=ALICE, to=NameAddr(uri=Uri.parse(to)), body=b"v=0\r\n"
            )
            (await bob.offered.get()).reject(486)
            with pytest.raises(SipRejected):
                await call.answered()
            shown = [entry for entry in bob.log if entry.reason == DOWNGRADED]
            assert len(shown) == (1 if to.startswith("sip:") else 0)
