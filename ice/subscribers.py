"""Who hears the events of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ice.messages import Event


class Subscribers:
    """Functions that are called for every event."""

    def __init__(self) -> None:
        self._listening: list[Callable[[Event], None]] = []

    def add(self, on_event: Callable[[Event], None]) -> Callable[[], None]:
        """Call `on_event` for every event from now on; the returned function ends that."""
        self._listening.append(on_event)

        def unsubscribe() -> None:
            if on_event in self._listening:
                self._listening.remove(on_event)

        return unsubscribe

    def tell(self, event: Event) -> None:
        """Call all of them."""
        for subscriber in tuple(self._listening):
            try:
                subscriber(event)
            except Exception as error:
                # A fault of the application must not stop the checks.
                context = {"message": "a subscriber of an ICE session failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
