"""Two associations and the wires between them, in order or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from media.protection.certificate import Certificate
from media.protection.dtls import DtlsAssociation, DtlsConnected, DtlsEvent
from media.protection.srtp import PROFILES, SrtpProfile

ALICE, BOB, MALLORY = (Certificate.generate(1_800_000_000.0) for _ in range(3))


def known(*certificates: Certificate) -> tuple[tuple[str, bytes], ...]:
    return tuple(("sha-256", each.digest()) for each in certificates)


def association(
    certificate: Certificate,
    *,
    is_client: bool,
    peer: Certificate,
    profiles: tuple[SrtpProfile, ...] = tuple(PROFILES.values()),
) -> DtlsAssociation:
    return DtlsAssociation(
        certificate=certificate, is_client=is_client, fingerprints=known(peer), profiles=profiles
    )


@dataclass
class Two:
    """A client and a server; `meddle` gives what arrives instead of the datagrams of one flight."""

    client: DtlsAssociation
    server: DtlsAssociation
    meddle: Callable[[bool, list[bytes]], list[bytes]] = lambda _, flight: flight
    sent: int = 0
    events: dict[bool, list[DtlsEvent]] = field(default_factory=lambda: {True: [], False: []})

    def start(self, now: float = 0.0) -> None:
        self.client.start(now)
        self.server.start(now)

    def run(self, now: float = 0.0) -> None:
        """Carry datagrams both ways until there are no more."""
        moved = True
        while moved:
            moved = False
            for from_client, end, other in (
                (True, self.client, self.server),
                (False, self.server, self.client),
            ):
                flight = end.take_datagrams()
                moved = moved or bool(flight)
                self.sent += len(flight)
                for datagram in self.meddle(from_client, flight):
                    other.receive(datagram, now)
                self.events[from_client] += end.take_events()

    def keys(self) -> tuple[DtlsConnected, DtlsConnected]:
        """What both came to."""
        (client,), (server,) = (
            [event for event in self.events[side] if isinstance(event, DtlsConnected)]
            for side in (True, False)
        )
        return client, server
