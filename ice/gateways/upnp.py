"""Messages of UPnP Internet gateways: search, description, actions.

UDA is the UPnP Device Architecture 1.1; sections of WANIPConnection are those of version 2.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NoReturn
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ice.errors import PortMappingError
from ice.gateways.events import InternalPort
from ice.gateways.upnp_http import HttpAnswer, HttpExchange, HttpUrl, parse_url

SEARCH_PORT = 1900
SEARCH_GROUP = "239.255.255.250"
"""UDA §1.3.2: where devices hear searches; the gateway is also asked directly."""

DEVICE = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
"""Devices of later versions answer to this as well (UDA §1.3.2)."""

SERVICES = (
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
)
"""What maps ports, best first."""

CONFLICTS = frozenset({718, 729})
"""WANIPConnection §2.4.16: somebody else has that external port."""

FAULTS = {
    402: "it calls the request malformed",
    501: "the action failed",
    606: "not authorised",
    718: "the external port is taken",
    724: "the external port must be ours",
    725: "it makes no mappings that end by themselves",
    728: "it has no ports left",
    729: "the external port is taken",
}
"""What an error means, for people."""

_ENVELOPE = (
    '<?xml version="1.0"?>\r\n'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
    '<u:{action} xmlns:u="{service}">{arguments}</u:{action}></s:Body></s:Envelope>\r\n'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A service of the gateway that maps ports."""

    url: HttpUrl
    service: str


class UpnpFault(PortMappingError):
    """The gateway refused an action; `code` is that of UPnP, 0 where it gave none."""

    def __init__(self, code: int) -> None:
        super().__init__(FAULTS.get(code, f"error {code}"))
        self.code = code


def write_search(host: str) -> bytes:
    """A search for Internet gateways, sent to `host` (UDA §1.3.2)."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {host}:{SEARCH_PORT}",
        'MAN: "ssdp:discover"',
        "MX: 1",
        f"ST: {DEVICE}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def parse_search_answer(data: bytes, gateway: str) -> HttpUrl:
    """Where the description of the gateway is (UDA §1.3.3).

    Raises:
        PortMappingError: it is no such answer, or leads to another host than `gateway`.
    """
    status, *lines = data.decode("latin-1").split("\r\n")
    if not status.startswith("HTTP/1.") or status.split()[1:2] != ["200"]:
        raise PortMappingError("no answer to a search")
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "location":
            return _at_gateway(parse_url(value), gateway)
    raise PortMappingError("an answer to a search without a location")


def parse_description(answer: HttpAnswer, location: HttpUrl) -> list[Control]:
    """The services of a gateway that map ports, best first.

    Raises:
        PortMappingError: it is no description, there is none, or they are on another host.
    """
    if answer.status != 200:
        raise PortMappingError(f"its description is not there: status {answer.status}")
    root = _xml(answer.body)
    base = _text(root, "URLBase") or str(location)
    found = [
        Control(url=_at_gateway(parse_url(url, base), location.address.host), service=service)
        for element in _named(root, "service")
        if (service := _text(element, "serviceType")) in SERVICES
        and (url := _text(element, "controlURL")) is not None
    ]
    if not found:
        raise PortMappingError("it has no service that maps ports")
    return sorted(found, key=lambda control: SERVICES.index(control.service))


def external_address_request(control: Control) -> HttpExchange:
    """Asks for the external address."""
    return _action(control, "GetExternalIPAddress", ())


def parse_external_address(answer: HttpAnswer) -> str:
    """The external IPv4 address; PortMappingError where there is none."""
    text = _text(_result(answer), "NewExternalIPAddress") or ""
    try:
        address = ipaddress.IPv4Address(text.strip())
    except ValueError:
        raise PortMappingError("it tells no external address") from None
    if address.is_unspecified:
        raise PortMappingError("it has no external address")
    return str(address)


def mapping_request(
    control: Control, port: InternalPort, client: str, external_port: int, lifetime_s: int
) -> HttpExchange:
    """Asks for a mapping, or for more time for it (WANIPConnection §2.4.16).

    Args:
        control: who is asked.
        port: ours.
        client: our address.
        external_port: where the outside shall reach it.
        lifetime_s: seconds until it ends by itself.
    """
    return _action(
        control,
        "AddPortMapping",
        (
            ("NewRemoteHost", ""),
            ("NewExternalPort", str(external_port)),
            ("NewProtocol", port.transport.upper()),
            ("NewInternalPort", str(port.port)),
            ("NewInternalClient", client),
            ("NewEnabled", "1"),
            ("NewPortMappingDescription", "icephone"),
            ("NewLeaseDuration", str(lifetime_s)),
        ),
    )


def deletion_request(control: Control, port: InternalPort, external_port: int) -> HttpExchange:
    """Asks to delete a mapping (WANIPConnection §2.4.18)."""
    return _action(
        control,
        "DeletePortMapping",
        (
            ("NewRemoteHost", ""),
            ("NewExternalPort", str(external_port)),
            ("NewProtocol", port.transport.upper()),
        ),
    )


def check_done(answer: HttpAnswer) -> None:
    """UpnpFault where the action was refused; PortMappingError where that is no answer."""
    _result(answer)


def _action(control: Control, action: str, arguments: tuple[tuple[str, str], ...]) -> HttpExchange:
    text = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments)
    body = _ENVELOPE.format(action=action, service=control.service, arguments=text).encode()
    headers = {
        "Content-Type": 'text/xml; charset="utf-8"',
        "SOAPAction": f'"{control.service}#{action}"',
    }
    return HttpExchange("POST", control.url, headers, body)


def _result(answer: HttpAnswer) -> ElementTree.Element:
    if answer.status == 200:
        return _xml(answer.body)
    code = _text(_xml(answer.body), "errorCode") if answer.status == 500 else None
    try:
        raise UpnpFault(int(code or ""))
    except ValueError:
        raise PortMappingError(f"status {answer.status}") from None


def _at_gateway(url: HttpUrl, gateway: str) -> HttpUrl:
    """Nobody may send us elsewhere: not to this host, and not to others in this network."""
    if url.address.host != gateway:
        raise PortMappingError(f"{url} is not at the gateway")
    return url


class _Builder(ElementTree.TreeBuilder):
    """Takes no document type: the entities of one can be made to fill the memory."""

    def doctype(self, _name: str, _pubid: str | None, _system: str | None) -> NoReturn:
        """Refuse it before anything in it is read."""
        raise PortMappingError("XML with a document type")


def _xml(body: bytes) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314  it takes no document type
    try:
        parser.feed(body.rstrip(b"\0 \t\r\n"))
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PortMappingError(f"no XML: {error}") from None
    if not isinstance(root, ElementTree.Element):
        raise PortMappingError("no XML")
    return root


def _named(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Elements by their name alone: gateways are careless with namespaces."""
    return [element for element in root.iter() if element.tag.rpartition("}")[2] == name]


def _text(root: ElementTree.Element, name: str) -> str | None:
    found = _named(root, name)
    return found[0].text if found else None
