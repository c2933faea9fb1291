"""A peer connection in Chromium: its description, ours, and what its states are."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.peers.namespace import Namespace
from tests.peers.process import PeerError, Programs, until
from tests.peers.registry import find_program

_PAGE = Path(__file__).with_suffix(".html")
_LOADED_S = 30.0

_FLAGS = (
    *("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-dev-shm-usage", "--disable-sync"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
    # Else its host candidates are names that only multicast DNS resolves.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


class BrowserCall:
    """The page and what it told.

    Attributes:
        events: oldest first: "local" with its description, "ice" and "connection" with a state, "error".
    """

    def __init__(self, *, offers: bool) -> None:
        self.events: list[dict[str, Any]] = []
        self._offers = offers
        self._remote: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind so far."""
        return [event for event in self.events if event["event"] == kind]

    async def description(self) -> str:
        """Its offer or answer, with all candidates."""
        await self._until(lambda: bool(self.of("local")), "the page has a description", _LOADED_S)
        return str(self.of("local")[0]["sdp"])

    def set_remote(self, sdp: str) -> None:
        """Give it our offer or answer."""
        self._remote.set_result(sdp)

    def end(self) -> None:
        """Let the page wait for nothing any more."""
        self._remote.cancel()

    async def reached(self, kind: str, state: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait until ICE ("ice") or all of it with DTLS ("connection") is in a state; that event."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.of(kind) if event["state"] == state]

        await self._until(lambda: bool(found()), f"the page's {kind} is {state}", timeout_s)
        return found()[0]

    async def _until(self, condition: Any, what: str, timeout_s: float) -> None:
        def holds() -> bool:
            if errors := self.of("error"):
                raise PeerError(f"the page failed: {errors}")
            return bool(condition())

        await until(holds, what, timeout_s)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of the page."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split(" ", 2)
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")),
                0,
            )
            body = await reader.readexactly(length)
            kind, answer = await self._answer(method, path, body)
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + answer
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the browser was closed
        finally:
            writer.close()

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[str, bytes]:
        match method, path:
            case "POST", "/event":
                self.events.append(json.loads(body))
                return "application/json", b"{}"
            case "GET", "/role":
                return "application/json", json.dumps({"offers": self._offers}).encode()
            case "GET", "/remote":
                return "application/json", json.dumps({"sdp": await asyncio.shield(self._remote)}).encode()
            case _:
                return "text/html", _PAGE.read_bytes()


@asynccontextmanager
async def browser_call(programs: Programs, place: Namespace, *, offers: bool) -> AsyncIterator[BrowserCall]:
    """Open the page in a browser at `place`, which the caller has entered.

    Args:
        programs: of the test.
        place: where it runs; its interfaces give the candidates.
        offers: the page makes the offer.
    """
    call = BrowserCall(offers=offers)
    server = await asyncio.start_server(call.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    command = [
        *place.prefix,
        find_program("chromium") or "chromium",
        *_FLAGS,
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        f"--user-data-dir={programs.folder / 'chromium'}",
        f"http://127.0.0.1:{port}/",
    ]
    async with server:
        program = await programs.start("chromium", command)
        try:
            yield call
        finally:
            call.end()
            await program.stop()
