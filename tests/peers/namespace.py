"""Network namespaces: where a peer runs, and how a test reaches into one."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.peers.registry import find_program

_FOLDER = Path("/run/netns")
"""Where iproute2 keeps the named ones."""

_CLONE_NEWNET = 0x40000000
"""linux/sched.h"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A network namespace and an address in it.

    Attributes:
        name: unique on this host; empty for the one that the test itself runs in.
        host: the address.
    """

    name: str
    host: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command to run it inside."""
        return (find_program("ip") or "ip", "netns", "exec", self.name) if self.name else ()

    def at(self, host: str) -> Namespace:
        """Another address of the same namespace."""
        return replace(self, host=host)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside: sockets that the calling thread makes, and programs that it starts, belong there.

        Only the thread of a test's event loop enters, one namespace at a time. Needs root unless it is the
        test's own.
        """
        if not self.name:
            yield
            return
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            inside = os.open(_FOLDER / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _set_namespace(inside)
            finally:
                os.close(inside)
            try:
                yield
            finally:
                _set_namespace(before)
        finally:
            os.close(before)

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection from inside to a port of `host`, an IPv4 address; raises OSError."""
        with self.entered():
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, (self.host, port))
            return await asyncio.open_connection(sock=connection)
        except BaseException:
            connection.close()
            raise

    async def accepts(self, port: int) -> bool:
        """True where somebody listens for TCP at a port of `host`."""
        try:
            _, writer = await self.connect(port)
        except OSError:
            return False
        writer.close()
        return True


LOOPBACK = Namespace(name="", host="127.0.0.1")
"""This host, seen from the test."""


def _set_namespace(descriptor: int) -> None:
    """Move the calling thread."""
    # os.setns came with Python 3.12.
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
