"""Hears what happens on the sockets of `ice.net.flows.Flows`."""

from __future__ import annotations

from ice.checks.connection import DialFailure
from ice.types import FlowId, TransportAddress


class Owner:
    """Notes it."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.ends: list[str] = []

    def new_flow(self) -> FlowId:
        return FlowId(99)

    def arrived(self, flow: FlowId, remote: TransportAddress, packet: bytes) -> None:
        self.packets.append(packet)

    def opened(self, _flow: FlowId, _local: TransportAddress) -> None:
        """Nothing is dialled."""

    def failed(self, _flow: FlowId, reason: str, _failure: DialFailure) -> None:
        self.ends.append(reason)

    def accepted(
        self, _flow: FlowId, _listener: FlowId, _local: TransportAddress, _remote: TransportAddress
    ) -> None:
        """Nothing is accepted."""

    def ended(self, _flow: FlowId, reason: str) -> None:
        self.ends.append(reason)
