"""Chromium with a page that a test works on: what a person would click, and what the page then knows."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.peers.namespace import Namespace
from tests.peers.process import PeerError, Programs, until
from tests.peers.registry import find_program

_STARTED_S = 30.0

_FLAGS = (
    *("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-dev-shm-usage", "--disable-sync", "--mute-audio"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
    *("--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"),
)


class Tab:
    """A page in a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._session = ""

    async def open(self, address: str) -> None:
        """Show the page at this address; returns when its scripts have run."""
        targets = (await self._ask("Target.getTargets"))["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = await self._ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        if error := (await self._ask("Page.navigate", url=address)).get("errorText"):
            raise PeerError(f"chromium cannot show {address}: {error}")
        await self.holds("document.readyState === 'complete'", f"{address} is loaded", 20)

    async def run(self, script: str) -> Any:
        """What a JavaScript expression comes to, awaited where it is a promise; a person is present."""
        done = await self._ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if failed := done.get("exceptionDetails"):
            raise PeerError(f"the page failed at {script}: {failed}")
        return done["result"].get("value")

    async def holds(self, script: str, what: str, timeout_s: float = 20.0) -> None:
        """Wait until an expression is true; PeerError names `what` where it is not."""

        async def seen() -> bool:
            return bool(await self.run(script))

        await until(seen, what, timeout_s)

    async def text(self, identity: str) -> str:
        """What stands in an element."""
        return str(await self.run(f"document.getElementById({json.dumps(identity)}).textContent"))

    async def type(self, identity: str, text: str) -> None:
        """Fill an input in."""
        await self.run(f"document.getElementById({json.dumps(identity)}).value = {json.dumps(text)}")

    async def click(self, selector: str) -> None:
        """Press a button."""
        await self.run(f"document.querySelector({json.dumps(selector)}).click()")

    async def prefer(self, scheme: str) -> None:
        """Show pages "dark" or "light", as a person may have set."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self._ask("Emulation.setEmulatedMedia", features=features)

    async def _ask(self, method: str, **values: object) -> dict[str, Any]:
        number = next(self._numbers)
        request: dict[str, object] = {"id": number, "method": method, "params": values}
        if self._session:
            request["sessionId"] = self._session
        await self._connection.send(json.dumps(request))
        while True:
            answer = json.loads(await self._connection.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise PeerError(f"chromium: {method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result


@asynccontextmanager
async def browser(programs: Programs, place: Namespace, *, sound: Path | None = None) -> AsyncIterator[Tab]:
    """A browser at `place`, which the caller has entered.

    Args:
        programs: of the test.
        place: where it runs; its interfaces give the candidates.
        sound: WAV file that its microphone hears, again and again; beeps without one.
    """
    profile = programs.folder / "chromium"
    command = [
        *place.prefix,
        find_program("chromium") or "chromium",
        *_FLAGS,
        *([f"--use-file-for-fake-audio-capture={sound}"] if sound is not None else []),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    program = await programs.start("chromium", command)
    told = profile / "DevToolsActivePort"
    try:
        await until(lambda: told.exists() and "\n" in told.read_text(), "chromium listens", _STARTED_S)
        port, path = told.read_text(encoding="utf-8").split()
        async with connect(
            f"ws://127.0.0.1:{port}{path}", proxy=None, max_size=None, open_timeout=30
        ) as connection:
            yield Tab(connection)
    finally:
        with contextlib.suppress(ProcessLookupError):
            await program.stop()
