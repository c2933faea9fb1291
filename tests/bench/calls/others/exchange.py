"""Offer and answer of the others' calls: one line of JSON each over TCP. The standard library alone."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Awaitable, Callable
from typing import Any

_LINE = 1 << 20

Answer = Callable[[Any], Awaitable[Any]]


async def answer_all(answer: Answer) -> asyncio.Server:
    """Give every offer to `answer`, and what it returns to who sent it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await answer(json.loads(line))).encode() + b"\n")
            await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0, limit=_LINE)


class Offers:
    """Sends offers to `target`, host:port."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.partition(":")
        self._port = int(port)

    async def __aenter__(self) -> Offers:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=_LINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self._writer.close()

    async def answered(self, offer: Any) -> Any:
        """The answer to an offer."""
        self._writer.write(json.dumps(offer).encode() + b"\n")
        return json.loads(await self._reader.readline())


def target_of(server: asyncio.Server) -> str:
    """What the caller is told."""
    host, port = server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"


def frames_of(path: str, size: int = 160) -> list[bytes]:
    """The frames of a WAV file, the last one left out where it is shorter."""
    with wave.open(path, "rb") as file:
        pcm = file.readframes(file.getnframes())
    step = 2 * size
    return [pcm[at : at + step] for at in range(0, len(pcm) - step + 1, step)]
