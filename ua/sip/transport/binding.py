"""Which addresses and ports we listen on (RFC 3261 §18.1.1, §18.2.1; RFC 6157 §3.1)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Final

from ua.sip.config import SipConfig
from ua.sip.errors import SipUnreachable
from ua.sip.transport.stream_channel import bind_tcp
from ua.sip.transport.udp_channel import bind_udp

ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - a comparison
"""All addresses of this host."""

_BIND_ATTEMPTS: Final = 20
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})

Sockets = tuple[list[socket.socket], list[socket.socket]]
"""UDP sockets and TCP sockets; the first of each is of the family that was asked for."""


def bind_both(config: SipConfig) -> Sockets:
    """Sockets for UDP and TCP, as far as they are in use, all on one port number.

    Where we listen on all addresses of one family we do on those of the other too, if this host has it.
    Raises SipUnreachable.
    """
    error: OSError | None = None
    for _ in range(_BIND_ATTEMPTS if config.port == 0 else 1):
        opened: Sockets = ([], [])
        port = config.port
        try:
            for host in _hosts(config.host):
                if "udp" in config.transports:
                    port = _add(opened[0], bind_udp, host, port, main=host == config.host)
                if "tcp" in config.transports:
                    port = _add(opened[1], bind_tcp, host, port, main=host == config.host)
        except OSError as failure:
            error = failure
            for each in (*opened[0], *opened[1]):
                each.close()
        else:
            return opened
    raise _unusable(config, config.port, error)


def bind_stream(config: SipConfig, port: int) -> list[socket.socket]:
    """TCP sockets on a port for another transport; raises SipUnreachable."""
    opened: list[socket.socket] = []
    try:
        for host in _hosts(config.host):
            port = _add(opened, bind_tcp, host, port, main=host == config.host)
    except OSError as error:
        for each in opened:
            each.close()
        raise _unusable(config, port, error) from error
    return opened


def _hosts(host: str) -> tuple[str, ...]:
    """The addresses to bind, that of the settings first."""
    return (host, *sorted(ANY - {host})) if host in ANY else (host,)


def _add(
    opened: list[socket.socket],
    bind: Callable[[str, int], socket.socket],
    host: str,
    port: int,
    *,
    main: bool,
) -> int:
    """Bind one more; gives its port. A family that this host has not is left out, unless it was asked for."""
    try:
        bound = bind(host, port)
    except OSError as error:
        if main or error.errno not in _NO_SUCH_FAMILY:
            raise
        return port
    opened.append(bound)
    return int(bound.getsockname()[1])


def _unusable(config: SipConfig, port: int, error: OSError | None) -> SipUnreachable:
    failure = SipUnreachable(
        f"cannot use {config.host} port {port} for SIP",
        seen=(error.strerror or str(error)) if error else "",
    )
    failure.__cause__ = error
    return failure
