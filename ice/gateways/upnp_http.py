"""One HTTP request and its answer, without IO; h11 reads and writes the bytes (extra `upnp`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ice.candidates.address import normalised
from ice.errors import PortMappingError
from ice.types import TransportAddress

if TYPE_CHECKING:
    import h11

MAX_BODY = 256 * 1024
"""Bytes; descriptions of gateways have some ten thousand."""

MISSING = "UPnP needs h11: pip install 'icephone[upnp]'"
"""What people are told where the extra is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUrl:
    """A URL with an IP address in it.

    Attributes:
        address: of the server.
        path: with its query.
    """

    address: TransportAddress
    path: str

    def __str__(self) -> str:
        return f"http://{self.address}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status and body of an answer."""

    status: int
    body: bytes


def available() -> bool:
    """True where h11 is installed."""
    try:
        import h11  # noqa: F401
    except ImportError:
        return False
    return True


def parse_url(text: str, base: str = "") -> HttpUrl:
    """Read a URL, relative to `base` where it is.

    Raises:
        PortMappingError: it is not of HTTP, or names its host otherwise than by an IP address.
    """
    try:
        parts = urlsplit(urljoin(base, text.strip()))
        address = normalised(TransportAddress(host=parts.hostname or "", port=parts.port or 80))
    except ValueError:
        raise PortMappingError(f"{text!r} is no URL with an IP address") from None
    if parts.scheme != "http":
        raise PortMappingError(f"{text!r} is no URL of HTTP")
    path = parts.path or "/"
    return HttpUrl(address=address, path=f"{path}?{parts.query}" if parts.query else path)


class HttpExchange:
    """A request, and the answer as its bytes come.

    Args:
        method: GET or POST.
        url: what is asked.
        headers: those that are not the same for all requests.
        body: of the request.

    Attributes:
        request: the bytes to send.

    Raises:
        PortMappingError: h11 is not installed, or the URL cannot be written in a request.
    """

    def __init__(
        self, method: str, url: HttpUrl, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        try:
            import h11
        except ImportError:
            raise PortMappingError(MISSING) from None
        self._h11 = h11
        self._connection = h11.Connection(h11.CLIENT)
        self._status = 0
        self._body = bytearray()
        fields = {
            "Host": str(url.address),
            "Connection": "close",
            "User-Agent": "icephone UPnP/1.1",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }
        try:
            head = h11.Request(method=method, target=url.path, headers=list(fields.items()))
            events: list[h11.Event] = [head, h11.Data(data=body), h11.EndOfMessage()]
            self.request = b"".join(self._connection.send(event) or b"" for event in events)
        except (h11.LocalProtocolError, UnicodeError):
            raise PortMappingError(f"{url} cannot be asked for") from None

    def feed(self, data: bytes) -> HttpAnswer | None:
        """Take bytes of the server, none at its end; the answer once it is whole.

        Raises:
            PortMappingError: it is no answer, or a very long one.
        """
        h11 = self._h11
        try:
            self._connection.receive_data(data)
            while True:
                event = self._connection.next_event()
                match event:
                    case h11.Response(status_code=status):
                        self._status = status
                    case h11.Data(data=part):
                        self._body += part
                        if len(self._body) > MAX_BODY:
                            raise PortMappingError("an answer without end")
                    case h11.EndOfMessage():
                        return HttpAnswer(status=self._status, body=bytes(self._body))
                    case h11.InformationalResponse():
                        pass
                    case _:
                        return None
        except h11.RemoteProtocolError as error:
            raise PortMappingError(f"no answer of HTTP: {error}") from None
