"""The messages of UPnP gateways, under damage and from strange hands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import PortMappingError
from ice.gateways import upnp
from ice.gateways.events import InternalPort
from ice.gateways.upnp_http import MAX_BODY, HttpAnswer, HttpExchange, HttpUrl, parse_url
from ice.types import Transport, TransportAddress
from tests.net.upnp_gateway import UpnpGateway

GATEWAY = "192.0.2.1"
LOCATION = HttpUrl(address=TransportAddress(host=GATEWAY, port=5000), path="/rootDesc.xml")
PORT = InternalPort(transport=Transport.TCP, port=40000)
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
CONTROL = upnp.Control(url=LOCATION, service=SERVICE)


def described(*services: tuple[str, str], base: str = "") -> HttpAnswer:
    """A description with these services and control URLs."""
    items = "".join(
        f"<service><serviceType>{kind}</serviceType><controlURL>{url}</controlURL></service>"
        for kind, url in services
    )
    body = f'<root xmlns="urn:schemas-upnp-org:device-1-0">{base}<serviceList>{items}</serviceList></root>'
    return HttpAnswer(status=200, body=body.encode())


def test_a_search_is_what_devices_listen_for() -> None:
    lines = upnp.write_search("239.255.255.250").decode().split("\r\n")
    assert lines[0] == "M-SEARCH * HTTP/1.1"
    assert 'MAN: "ssdp:discover"' in lines
    assert "HOST: 239.255.255.250:1900" in lines
    assert lines[-2:] == ["", ""]
    assert UpnpGateway().search(upnp.write_search(GATEWAY)) is not None


def test_an_answer_leads_to_the_description() -> None:
    data = b"HTTP/1.1 200 OK\r\nST: x\r\nlocation:http://192.0.2.1:5000/rootDesc.xml\r\n\r\n"
    assert upnp.parse_search_answer(data, GATEWAY) == LOCATION


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.0.2.1/\r\n\r\n",
        b"HTTP/1.1 404 X\r\nLOCATION: http://192.0.2.1/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nST: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: http://127.0.0.1:631/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: https://192.0.2.1/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: http://192.0.2.1:99999/\r\n\r\n",
    ],
)
def test_no_answer_that_leads_anywhere(data: bytes) -> None:
    with pytest.raises(PortMappingError):
        upnp.parse_search_answer(data, GATEWAY)


def test_the_best_service_comes_first() -> None:
    newest = SERVICE.replace("Connection:1", "Connection:2")
    ppp = "urn:schemas-upnp-org:service:WANPPPConnection:1"
    answer = described(("x:1", "/x"), (ppp, "/ppp"), (SERVICE, "ip?a=1"), (newest, "/new"))
    found = upnp.parse_description(answer, LOCATION)
    assert [control.service for control in found] == [newest, SERVICE, ppp]
    assert [control.url.path for control in found] == ["/new", "/ip?a=1", "/ppp"]


def test_an_old_description_names_its_base() -> None:
    answer = described((SERVICE, "ctl"), base="<URLBase>http://192.0.2.1:80/a/</URLBase>")
    (control,) = upnp.parse_description(answer, LOCATION)
    assert control.url == HttpUrl(address=TransportAddress(host=GATEWAY, port=80), path="/a/ctl")


@pytest.mark.parametrize(
    "url", ["http://192.0.2.2/ctl", "http://[::1]/ctl", "//198.51.100.1/ctl", "ftp://192.0.2.1/"]
)
def test_a_service_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(PortMappingError):
        upnp.parse_description(described((SERVICE, url)), LOCATION)


def test_an_action_says_what_it_wants() -> None:
    http = upnp.mapping_request(CONTROL, PORT, "192.0.2.10", 41000, 3600)
    head, _, body = http.request.decode().partition("\r\n\r\n")
    line, *fields = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    assert line == "POST /rootDesc.xml HTTP/1.1"
    assert headers["soapaction"] == f'"{SERVICE}#AddPortMapping"'
    assert headers["content-length"] == str(len(body))
    assert headers["host"] == "192.0.2.1:5000"
    for name, value in (
        ("NewExternalPort", "41000"),
        ("NewProtocol", "TCP"),
        ("NewInternalPort", "40000"),
        ("NewInternalClient", "192.0.2.10"),
        ("NewLeaseDuration", "3600"),
    ):
        assert f"<{name}>{value}</{name}>" in body


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HttpAnswer(status=500, body=b"<f><errorCode>718</errorCode></f>"), "the external port is taken"),
        (HttpAnswer(status=500, body=b"<f><errorCode>999</errorCode></f>"), "error 999"),
        (HttpAnswer(status=500, body=b"<f/>"), "status 500"),
        (HttpAnswer(status=401, body=b"no"), "status 401"),
        (HttpAnswer(status=200, body=b""), "no XML"),
        (HttpAnswer(status=200, body=b"<!DOCTYPE a><a/>"), "document type"),
        (HttpAnswer(status=200, body=b'<?xml version="1.0" encoding="nonsense"?><a/>'), "no XML"),
    ],
)
def test_a_refusal_is_told(answer: HttpAnswer, reason: str) -> None:
    with pytest.raises(PortMappingError, match=reason):
        upnp.check_done(answer)


def test_an_answer_comes_in_any_pieces() -> None:
    gateway = UpnpGateway()
    http = HttpExchange("GET", LOCATION)
    data = gateway.answer(http.request, 0.0)
    for size in (1, 7, len(data)):
        http = HttpExchange("GET", LOCATION)
        answers = [http.feed(data[at : at + size]) for at in range(0, len(data), size)]
        assert all(answer is None for answer in answers[:-1])
        last = answers[-1]
        assert last is not None
        assert last.body.decode() == gateway.description


def test_an_answer_without_length_ends_with_the_connection() -> None:
    http = HttpExchange("GET", LOCATION)
    assert http.feed(b"HTTP/1.0 200 OK\r\n\r\nabc") is None
    assert http.feed(b"") == HttpAnswer(status=200, body=b"abc")


def test_an_answer_without_end_is_cut_off() -> None:
    http = HttpExchange("GET", LOCATION)
    http.feed(b"HTTP/1.0 200 OK\r\n\r\n")
    with pytest.raises(PortMappingError, match="without end"):
        for _ in range(MAX_BODY // 1000 + 1):
            http.feed(bytes(1000))


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/ü"])
def test_a_path_that_cannot_be_asked_for(path: str) -> None:
    with pytest.raises(PortMappingError):
        HttpExchange("GET", HttpUrl(address=LOCATION.address, path=path))


@given(
    st.binary(max_size=300), st.sampled_from((b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nLOCATION: "))
)
def test_noise_raises_nothing_but_the_documented_error(noise: bytes, begin: bytes) -> None:
    for read in (
        lambda data: upnp.parse_search_answer(data, GATEWAY),
        lambda data: HttpExchange("GET", LOCATION).feed(data),
        lambda data: upnp.parse_description(HttpAnswer(status=200, body=data), LOCATION),
        lambda data: upnp.parse_external_address(HttpAnswer(status=200, body=data)),
        lambda data: upnp.check_done(HttpAnswer(status=500, body=data)),
    ):
        try:
            read(begin + noise)
        except PortMappingError as error:
            assert str(error)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_url_or_refused(text: str, base: str) -> None:
    try:
        url = parse_url(text, base)
    except PortMappingError:
        return
    assert url.address.host
    try:
        HttpExchange("GET", url)
    except PortMappingError as error:
        assert str(error)
