"""Looks at the addresses of this host while somebody wants to know: once for all sessions of a process.

Every system tells its addresses when asked, few tell of changes, so it asks, every second. That costs the
process about 1 ms each time (`python -m tests.bench.addresses`), however many sessions there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ice.net.address_watch import AddressWatch
from ice.net.network import Network
from ice.net.sockets import HostNetwork

POLL_S = 1.0
"""Seconds between two looks."""

Gone = Callable[[str], None]
"""Takes an address that is not there any more."""

_polls: dict[tuple[int, object], AddressPoll] = {}
"""Those that run, by event loop and network; all plain networks of this host are one."""


class AddressPoll:
    """Asks one network for its addresses again and again. Made inside a running event loop.

    Args:
        network: is asked.
        ended: called when nobody wants to know any more.
    """

    def __init__(self, network: Network, ended: Callable[[], None]) -> None:
        self._network = network
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._watch: AddressWatch | None = None
        self._subscribers: list[Gone] = []
        self._timer: asyncio.TimerHandle | None = None

    def subscribe(self, on_gone: Gone) -> Callable[[], None]:
        """Tell `on_gone` of each address that goes; the returned function ends that."""
        self._subscribers.append(on_gone)
        if self._timer is None:
            self._look()

        def end() -> None:
            if on_gone in self._subscribers:
                self._subscribers.remove(on_gone)
                if not self._subscribers:
                    self._stop()

        return end

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ended()

    def _look(self) -> None:
        self._timer = self._loop.call_later(POLL_S, self._look)
        try:
            hosts = [address.host for address in self._network.host_addresses()]
        except OSError:
            # The system does not tell now; that says nothing about the addresses.
            return
        if self._watch is None:
            self._watch = AddressWatch(hosts)
            return
        for host in self._watch.look(hosts):
            for tell in tuple(self._subscribers):
                tell(host)


def watch_addresses(network: Network, on_gone: Gone) -> Callable[[], None]:
    """Tell `on_gone` of each address of this network that goes, from now on.

    Gives the function that ends it, which may be called again. Made inside a running event loop.
    """
    # Two of the plain kind see the same interfaces, whatever else they differ in.
    source: object = HostNetwork if type(network) is HostNetwork else id(network)
    key = id(asyncio.get_running_loop()), source

    def forget() -> None:
        del _polls[key]

    if key not in _polls:
        _polls[key] = AddressPoll(network, forget)
    return _polls[key].subscribe(on_gone)
