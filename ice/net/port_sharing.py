"""Connecting from a port that is listened on (RFC 6544 appendix B): what the system must be asked for.

A server-reflexive passive candidate and simultaneous open need it. Systems differ, so this one is tried out
once per process, on loopback.
"""

from __future__ import annotations

import errno
import functools
import socket
from collections.abc import Callable

from ice.checks.connection import DialFailure

TIMEOUT_S = 1.0
"""For each step of the trial; on loopback all of them take less than a millisecond."""

EXISTS = frozenset({errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EISCONN})
"""What connecting says where there is such a connection already: the peer's own, just accepted."""


def dial_failure(error: OSError) -> DialFailure:
    """What a failure to connect means."""
    if error.errno == errno.ECONNREFUSED:
        return DialFailure.REFUSED
    return DialFailure.EXISTS if error.errno in EXISTS else DialFailure.OTHER


def let_share(sock: socket.socket) -> None:
    """Let others use the port of a bound socket that will listen; raises OSError.

    After `bind`, so that the system still refuses a second listener: two would share what is accepted.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def share_port(sock: socket.socket) -> None:
    """Let a socket be bound to the port of such a listener; call it before `bind`. Raises OSError.

    On Linux SO_REUSEADDR alone would do only for sockets that were bound before one of them listened.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


@functools.cache
def ports_are_shared() -> bool:
    """True where this system does what is needed; tried out at the first call."""
    return holds(_try_out)


def holds(trial: Callable[[], bool]) -> bool:
    """What a trial says; where it cannot even be made, no."""
    try:
        return trial()
    except (OSError, AttributeError):
        # AttributeError: SO_REUSEPORT is unknown here.
        return False


def _try_out() -> bool:
    """The four facts: bind after listen, connect, a second such connection is refused, accepting goes on."""
    sockets: list[socket.socket] = []

    def new() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sockets.append(sock)
        sock.settimeout(TIMEOUT_S)
        return sock

    def from_port(port: tuple[str, int]) -> socket.socket:
        sock = new()
        share_port(sock)
        sock.bind(port)
        return sock

    try:
        listener = new()
        listener.bind(("127.0.0.1", 0))
        let_share(listener)
        listener.listen()
        port = listener.getsockname()
        server = new()
        server.bind(("127.0.0.1", 0))
        server.listen()
        from_port(port).connect(server.getsockname())
        accepted, source = server.accept()
        sockets.append(accepted)
        if source != port or not _exists(from_port(port), server.getsockname()):
            return False
        peer = new()
        peer.connect(port)
        accepted, source = listener.accept()
        sockets.append(accepted)
        return _exists(from_port(port), source)
    finally:
        for sock in sockets:
            sock.close()


def _exists(sock: socket.socket, remote: tuple[str, int]) -> bool:
    """True where connecting says that there is such a connection."""
    try:
        sock.connect(remote)
    except OSError as error:
        return error.errno in EXISTS
    return False
