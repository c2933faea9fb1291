"""What answers to REGISTER mean for the flow, and by which way requests leave then."""

from __future__ import annotations

import pytest

from ua.registration.outcome import granted, may_pass
from ua.sip.requests.routing import Routing, service_route
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.uri import Uri

PROXY = Uri.parse("sip:edge.example.com;lr")


def ok(*rows: tuple[str, str], status: int = 200) -> Response:
    return Response(status=status, headers=Headers.of(*rows))


@pytest.mark.req("TRN-4", "TRN-11")
@pytest.mark.parametrize(
    ("rows", "by_default"),
    [
        ((), False),
        ((("Supported", "outbound"),), False),
        ((("Require", "outbound"),), True),
        ((("Require", "x, OUTBOUND"),), True),
        ((("Path", "<sip:token@edge.example.com;lr;ob>"),), True),
        ((("Path", "<sip:far.example.com;lr;ob>, <sip:edge.example.com;lr>"),), False),
        ((("Path", "<sip:far.example.com;lr>, <sip:edge.example.com;lr;ob>"),), True),
        ((("Path", "nonsense <"),), False),
    ],
)
def test_keep_alives_need_a_sign_of_the_first_hop_or_a_setting(
    rows: tuple[tuple[str, str], ...], by_default: bool
) -> None:
    told = granted(ok(*rows))
    assert told.wants_keepalive("outbound") is by_default
    assert told.wants_keepalive("always")
    assert not told.wants_keepalive("off")


@pytest.mark.req("TRN-4")
@pytest.mark.parametrize(
    ("value", "seconds"), [("120", 120.0), ("0", None), ("x", None), ("999999999", None)]
)
def test_flow_timer(value: str, seconds: float | None) -> None:
    assert granted(ok(("Flow-Timer", value))).flow_timer_s == seconds


@pytest.mark.req("REG-6")
@pytest.mark.parametrize(
    ("status", "passes"),
    [(503, True), (500, True), (408, True), (480, True), (403, False), (404, False), (401, False)],
)
def test_refusals_that_may_pass(status: int, passes: bool) -> None:
    assert may_pass(ok(status=status)) is passes
    assert may_pass(ok(("Retry-After", "5"), status=status))


def test_the_service_route_follows_the_proxy_or_names_it_itself() -> None:
    routing = Routing(PROXY)
    assert [str(each) for each in routing.preset] == ["<sip:edge.example.com;lr>"]
    told = service_route(ok(("Service-Route", "<sip:home.example.com;lr>, <sip:core.example.com;lr>")))
    routing.use(PROXY, told, outbound=True)
    assert [str(each.uri) for each in routing.preset] == [
        "sip:edge.example.com;lr",
        "sip:home.example.com;lr",
        "sip:core.example.com;lr",
    ]
    assert routing.outbound
    named = service_route(
        ok(("Service-Route", "<sip:EDGE.example.com;lr;token=1>, <sip:core.example.com;lr>"))
    )
    routing.use(PROXY, named, outbound=False)
    assert [str(each.uri) for each in routing.preset] == [
        "sip:EDGE.example.com;lr;token=1",
        "sip:core.example.com;lr",
    ]
    routing.use(None, (), outbound=False)
    assert routing.preset == ()
    assert service_route(ok(("Service-Route", "<<<"))) == ()
