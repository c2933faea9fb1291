"""Marks for the routers: one DSCP value for everything that a socket sends (RFC 8445 §7.2.3, RFC 7675 §6).

Media, checks, their answers and consent checks leave from one socket, so they carry one value: routers that
go by it treat a check as they will treat the media.
"""

from __future__ import annotations

import contextlib
import socket

MAX_DSCP = 63

_ECN_BITS = 2


def mark(sock: socket.socket, dscp: int) -> None:
    """Have everything that leaves marked; a system that does not let us leaves it unmarked.

    Raises:
        ValueError: the value is outside 0 to 63.
    """
    if not 0 <= dscp <= MAX_DSCP:
        raise ValueError(f"a DSCP value of {dscp} is outside 0 to {MAX_DSCP}")
    if not dscp:
        return
    level, option = (
        (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
        if sock.family == socket.AF_INET6
        else (socket.IPPROTO_IP, socket.IP_TOS)
    )
    with contextlib.suppress(OSError):
        sock.setsockopt(level, option, dscp << _ECN_BITS)
