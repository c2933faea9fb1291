"""What phones of the tests need of the place where they register."""

from __future__ import annotations

from typing import Protocol


class Registrar(Protocol):
    """A `Kamailio`, or a PBX of ours."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def port(self) -> int:
        """Its port for UDP and TCP."""

    def uri(self, user: str) -> str:
        """The address of record of a user."""

    async def registered(self, user: str) -> str:
        """Wait until a user is registered; its contact."""
