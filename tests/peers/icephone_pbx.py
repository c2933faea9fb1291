"""`icephone answer --pbx` in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.peers.icephone import Icephone, icephone
from tests.peers.kamailio import PASSWORD
from tests.peers.process import Programs, until


@dataclass(frozen=True, slots=True, kw_only=True)
class IcephonePbx:
    """A running PBX.

    Attributes:
        host: its address.
        port: its port for UDP and TCP.
        process: its process.
    """

    host: str
    port: int
    process: Icephone

    def uri(self, user: str) -> str:
        """The address of record of a user."""
        return f"sip:{user}@{self.host}:{self.port}"

    def contacts(self, user: str) -> list[str]:
        """Where a user is now."""
        told = [each for each in self.process.objects if each.get("event") == "bindings"]
        return next((each["contacts"] for each in reversed(told) if each["user"] == user), [])

    async def registered(self, user: str) -> str:
        """Wait until a user is registered; its contact."""
        await until(lambda: bool(self.contacts(user)), f"{user} is registered")
        return self.contacts(user)[0]


@asynccontextmanager
async def icephone_pbx(programs: Programs, *users: str) -> AsyncIterator[IcephonePbx]:
    """Run one for these users, on loopback."""
    host = "127.0.0.1"
    secrets = programs.folder / "pbx.users"
    secrets.write_text("".join(f"{user}:{PASSWORD}\n" for user in users), encoding="utf-8")
    config = programs.folder / "pbx.toml"
    # baresip 1.0 gives up where it is offered another algorithm, whatever comes after it
    config.write_text(
        f'[pbx]\ndomain = "{host}"\nusers_file = "{secrets}"\nalgorithms = ["MD5"]\n', encoding="utf-8"
    )
    process = await icephone(programs, "answer", "--pbx", "--listen", f"{host}:0", config=config)
    place = await process.noted("listening on sip:")
    await process.program.wrote("a PBX for")
    yield IcephonePbx(host=host, port=int(place.partition(":")[2].partition(";")[0]), process=process)
    assert await process.interrupt() == 130
    assert "Traceback" not in process.program.text()
