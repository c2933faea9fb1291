"""A port mapper and a gateway under virtual time; messages take no time and may get lost."""

from __future__ import annotations

from collections.abc import Sequence

from ice.gateways.events import InternalPort, MappingEvent, MappingGranted, MappingProtocol
from ice.gateways.port_mapper import PortMapper
from ice.types import Transport, TransportAddress
from tests.ice.turn.turn_world import seeded
from tests.net.mapping_gateway import MappingGateway

CLIENT = "192.0.2.10"
TCP = InternalPort(transport=Transport.TCP, port=40001)
UDP = InternalPort(transport=Transport.UDP, port=40002)
BOTH = (MappingProtocol.PCP, MappingProtocol.NAT_PMP)


class MappingWorld:
    """The client's core, a gateway and what flows between them.

    Attributes:
        now: virtual time in seconds.
        up: False where nothing reaches the gateway.
        sent: every datagram of the client, with its time.
        events: what the mapper told.
    """

    def __init__(
        self,
        gateway: MappingGateway | None = None,
        *,
        protocols: Sequence[MappingProtocol] = BOTH,
        seed: int = 1,
    ) -> None:
        self.gateway = gateway or MappingGateway()
        self.mapper = PortMapper(
            client=CLIENT, gateway=self.gateway.address.host, protocols=protocols, random=seeded(seed)
        )
        self.now = 1000.0
        self.up = True
        self.sent: list[tuple[float, bytes]] = []
        self.events: list[MappingEvent] = []

    def ask(self, *ports: InternalPort) -> None:
        """Want mappings."""
        for port in ports:
            self.mapper.ask(port, self.now)
            self.deliver()

    def deliver(self) -> None:
        """Carry everything until nobody says anything."""
        while output := self.mapper.take_output():
            for data in output:
                self.sent.append((self.now, data))
                if self.up:
                    source = TransportAddress(host=CLIENT, port=50000)
                    for answer in self.gateway.answer(source, data, self.now):
                        self.mapper.receive(self.gateway.address, answer, self.now)
        self.events += self.mapper.take_events()

    def announce(self) -> None:
        """The gateway multicasts."""
        self.mapper.receive(self.gateway.address, self.gateway.announcement(self.now), self.now)
        self.deliver()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while (at := self.mapper.next_timer()) is not None and at <= end:
            self.now = max(self.now, at)
            self.mapper.handle_timer(self.now)
            self.deliver()
        self.now = end

    def times(self, since: float = 0.0) -> list[float]:
        """When the client sent, in seconds after the beginning; those after `since`."""
        return [at - 1000.0 for at, _ in self.sent if at - 1000.0 > since]

    def granted(self) -> dict[InternalPort, TransportAddress]:
        """All that was granted ever."""
        return {event.port: event.external for event in self.events if isinstance(event, MappingGranted)}
