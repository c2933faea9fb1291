"""One allocation and one server under virtual time; messages take no time and may get lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

from ice.turn.allocation import Allocation
from ice.turn.events import PeerData, TurnEvent
from ice.types import TransportAddress
from tests.net.turn_server import TurnServer

USER = "alice"
PASSWORD = "open-sesame"
CLIENT = TransportAddress(host="192.0.2.10", port=40000)
PEER = TransportAddress(host="198.51.100.5", port=5000)
CHECK = b"\x00\x01\x00\x00" + bytes(16)
RTP = b"\x80\x00" + bytes(20)

_E = TypeVar("_E")


def seeded(seed: int) -> Callable[[int], bytes]:
    """Bytes that are the same in every run."""
    return random.Random(seed).randbytes


class TurnWorld:
    """The client's core, the server's core and what flows between them.

    Attributes:
        now: virtual time in seconds.
        to_server: False where nothing reaches the server.
        to_client: False where nothing reaches the client.
        sent: every message of the client, with its time.
        events: what the allocation told.
        at_peers: what arrived at peers: from, to, payload.
        forge: looks at each message to the client and may put others in its place.
    """

    def __init__(
        self,
        server: TurnServer | None = None,
        *,
        password: str = PASSWORD,
        reliable: bool = False,
        ipv6: bool = False,
        username: str = USER,
        seed: int = 1,
        **options: Any,
    ) -> None:
        self.server = server or TurnServer(users={USER: PASSWORD}, random=seeded(seed), **options)
        self.allocation = Allocation(
            username=username, password=password, reliable=reliable, random=seeded(seed + 1), ipv6=ipv6
        )
        self.now = 1000.0
        self.to_server = self.to_client = True
        self.sent: list[tuple[float, bytes]] = []
        self.events: list[TurnEvent] = []
        self.at_peers: list[tuple[TransportAddress, TransportAddress, bytes]] = []
        self.forge: Callable[[bytes], list[bytes]] = lambda message: [message]

    def told(self, kind: type[_E]) -> list[_E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def data(self) -> list[tuple[TransportAddress, bytes]]:
        """What peers sent, as the owner of the allocation gets it."""
        return [(event.peer, event.data) for event in self.told(PeerData)]

    def start(self) -> TurnWorld:
        """Ask for the allocation."""
        self.allocation.start(self.now)
        self.settle()
        return self

    def send(self, data: bytes, peer: TransportAddress = PEER) -> bool:
        """Send through the relay."""
        sent = self.allocation.send(data, peer, self.now)
        self.settle()
        return sent

    def peer_sends(self, data: bytes, peer: TransportAddress = PEER) -> None:
        """A peer sends to the relayed address of the only allocation."""
        for relay in tuple(self.server.relays.values()):
            self.server.relay(peer, relay.relayed, data, self.now)
        self.settle()

    def close(self) -> None:
        """Give the allocation back."""
        self.allocation.close(self.now)
        self.settle()

    def settle(self) -> None:
        """Carry messages until nobody has more."""
        while True:
            output = self.allocation.take_output()
            self.events += self.allocation.take_events()
            for message in output:
                self.sent.append((self.now, message))
                if self.to_server:
                    self.server.receive(CLIENT, message, self.now)
            self.at_peers += self.server.take_relayed()
            answers = self.server.take_output()
            for client, answer in answers:
                if self.to_client and client == CLIENT:
                    for message in self.forge(answer):
                        self.allocation.receive(message, self.now)
            if not output and not answers:
                self.events += self.allocation.take_events()
                return

    def run(self, seconds: float) -> None:
        """Let time pass; every timer rings when it is due."""
        end = self.now + seconds
        turns = 0
        while (at := self.allocation.next_timer()) is not None and at <= end:
            assert at >= self.now - 1e-6, "a timer in the past"
            turns = turns + 1 if at <= self.now else 0
            assert turns < 10, "a timer that does not move on"
            self.now = max(self.now, at)
            self.allocation.handle_timer(self.now)
            self.settle()
        self.now = end
