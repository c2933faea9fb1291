"""A UPnP Internet gateway as a core: answers searches, tells its description, maps ports."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ice.types import TransportAddress

_SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
_DESCRIPTION = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>
<controlURL>/ctl/L3F</controlURL></service></serviceList>
<deviceList><device><serviceList><service><serviceType>{_SERVICE}</serviceType>
<controlURL>/ctl/IPConn</controlURL></service></serviceList></device></deviceList>
</device></root>"""


@dataclass(slots=True)
class UpnpGateway:
    """One gateway.

    Attributes:
        host: its inside address.
        external: its outside address.
        location: where it says that its description is; empty for the truth.
        description: what it tells there.
        silent: True where it answers no search.
        fault: error code for every AddPortMapping; 0 for none.
        taken: external ports of somebody else.
        held: inside address, lifetime and time by protocol and external port.
        actions: names of the actions, in order.
    """

    host: str = "192.0.2.1"
    external: str = "203.0.113.7"
    location: str = ""
    description: str = _DESCRIPTION
    silent: bool = False
    fault: int = 0
    taken: set[int] = field(default_factory=set)
    held: dict[tuple[str, int], tuple[TransportAddress, int, float]] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)

    def search(self, data: bytes) -> bytes | None:
        """What it answers to a datagram for port 1900."""
        text = data.decode()
        if self.silent or not text.startswith("M-SEARCH") or '"ssdp:discover"' not in text:
            return None
        location = self.location or f"http://{self.host}:5000/rootDesc.xml"
        return f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nLocation: {location}\r\n\r\n".encode()

    def live(self, now: float) -> list[TransportAddress]:
        """Inside addresses of the mappings that have not expired."""
        return [inside for inside, lifetime, at in self.held.values() if now < at + lifetime]

    def answer(self, request: bytes, now: float) -> bytes:
        """What it answers to a whole HTTP request; chunked, as some do."""
        head, _, body = request.decode().partition("\r\n\r\n")
        if head.startswith("GET /rootDesc.xml "):
            return _response(200, self.description)
        action = re.search(r'SOAPAction: "[^"#]+#(\w+)"', head, re.IGNORECASE)
        if action is None or not head.startswith("POST /ctl/IPConn "):
            return _response(404, "")
        self.actions.append(action[1])
        arguments = dict(re.findall(r"<(New\w+)>([^<]*)</\1>", body))
        code, results = self._act(action[1], arguments, now)
        if code:
            return _response(
                500,
                "<s:Envelope xmlns:s='x'><s:Body><s:Fault><detail><UPnPError xmlns='y'>"
                f"<errorCode>{code}</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>",
            )
        return _response(200, f"<s:Envelope xmlns:s='x'><s:Body>{results}</s:Body></s:Envelope>")

    def _act(self, action: str, arguments: dict[str, str], now: float) -> tuple[int, str]:
        if action == "GetExternalIPAddress":
            return 0, f"<r><NewExternalIPAddress>{self.external}</NewExternalIPAddress></r>"
        external_port = int(arguments["NewExternalPort"])
        key = (arguments["NewProtocol"], external_port)
        if action == "DeletePortMapping":
            return (0, "") if self.held.pop(key, None) else (714, "")
        if action != "AddPortMapping":
            return 401, ""
        if self.fault:
            return self.fault, ""
        if external_port in self.taken:
            return 718, ""
        inside = TransportAddress(host=arguments["NewInternalClient"], port=int(arguments["NewInternalPort"]))
        self.held[key] = (inside, int(arguments["NewLeaseDuration"]), now)
        return 0, ""


def _response(status: int, body: str) -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(
        f"{len(part):x}\r\n".encode() + part + b"\r\n"
        for part in (data[at : at + 100] for at in range(0, len(data), 100))
    )
    return head.encode() + chunks + b"0\r\n\r\n"
