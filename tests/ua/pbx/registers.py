"""REGISTERs and a registrar on a virtual clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ice.types import TransportAddress
from tests.ua.sip.bench import counting_random
from ua.pbx.contacts import Limits
from ua.pbx.domain import Domain
from ua.pbx.location import LocationService
from ua.pbx.registrar import Registered, Registrar
from ua.sip.digest.client import DigestClient
from ua.sip.digest.credentials import Credentials
from ua.sip.digest.server import DigestServer
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, make_response
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import Hop

HOME = TransportAddress(host="192.0.2.1", port=5060)
ALICE = Hop(transport="tcp", remote=TransportAddress(host="192.0.2.7", port=40001), connection=1)
AGAIN = Hop(transport="tcp", remote=TransportAddress(host="192.0.2.7", port=40002), connection=2)
DATE = datetime(2002, 2, 21, 13, 2, 3, tzinfo=UTC)
PASSWORDS = {"alice": "correct horse", "bob": "battery staple"}


def register(
    *contacts: str,
    cseq: int = 1,
    call_id: str = "one",
    user: str = "alice",
    to: str | None = None,
    uri: str = "sip:example.com",
    rows: tuple[tuple[str, object], ...] = (),
    vias: int = 1,
) -> Request:
    """A REGISTER of a user with these Contacts."""
    return Request(
        method="REGISTER",
        uri=Uri.parse(uri),
        headers=Headers.of(
            *(("Via", f"SIP/2.0/TCP 192.0.2.{7 + n};branch=z9hG4bK{call_id}{cseq}") for n in range(vias)),
            ("From", f"<sip:{user}@example.com>;tag=a"),
            ("To", to or f"<sip:{user}@example.com>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} REGISTER"),
            *(("Contact", contact) for contact in contacts),
            *rows,
        ),
    )


@dataclass
class Bench:
    """A registrar and its clock."""

    registrar: Registrar
    location: LocationService
    server: DigestServer | None = None
    now: float = 1000.0

    def take(self, request: Request, source: Hop = ALICE) -> Registered:
        """What it gets."""
        return self.registrar.take(request, source, now=self.now, date=DATE)

    def proved(self, request: Request, username: str = "alice", password: str = "") -> Request:
        """The request with the answer to a challenge of now."""
        assert self.server is not None
        challenge = self.server.challenge(request, self.now)
        known = Credentials(username=username, password=password or PASSWORDS[username])
        client = DigestClient((known,), counting_random())
        problem = client.start().challenged(request, make_response(request, 401, headers=challenge.headers))
        assert problem == ""
        rows = client.rows("REGISTER", str(request.uri))
        return replace(request, headers=request.headers.with_added(*rows))

    def contacts(self, user: str = "alice") -> list[str]:
        """The URIs that a user is bound to."""
        return [str(each.contact.uri) for each in self.location.bindings(user, self.now)]


def bench(*, asks: bool = False, limits: Limits | None = None) -> Bench:
    """A registrar of example.com for anybody, or for alice and bob where it asks for passwords."""
    location = LocationService()
    server = DigestServer(realm="example.com", password_of=PASSWORDS.get, key=b"k" * 32) if asks else None
    registrar = Registrar(
        domain=Domain(name="example.com", addresses=(HOME,)),
        is_user=(lambda user: user in PASSWORDS) if asks else bool,
        server=server,
        location=location,
        limits=limits,
    )
    return Bench(registrar, location, server)
