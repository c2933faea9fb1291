"""Whether an interface of this host can send: switched on, and with a carrier."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

with contextlib.suppress(ImportError):  # not on Windows
    import fcntl

_NUMBERS = {"linux": 0x8913, "darwin": 0xC0206911}
"""SIOCGIFFLAGS of linux/sockios.h and sys/sockio.h."""

_IFREQ = struct.Struct("16sH22x")
"""`struct ifreq`: name, flags."""

_UP, _RUNNING = 0x1, 0x40
"""IFF_UP and IFF_RUNNING of net/if.h."""


class InterfaceFlags:
    """Asks the system about interfaces by name, while the context lasts."""

    def __enter__(self) -> InterfaceFlags:
        self._number = _NUMBERS.get(sys.platform)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def can_send(self, name: str) -> bool:
        """True unless the system says that it is down or has no carrier."""
        if self._number is None:
            return True
        try:
            told = fcntl.ioctl(self._socket, self._number, _IFREQ.pack(name.encode()[:15], 0))
        except OSError:
            return True
        flags = _IFREQ.unpack(told)[1]
        return bool(flags & _UP) and bool(flags & _RUNNING)
