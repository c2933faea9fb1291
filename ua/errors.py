"""Errors of the phone, each with the code that the command line and the JSON results show.

UaError                    internal
 ├─ UsageError             a wrong argument: a bad URI, a missing file
 ├─ ConfigurationError     a configuration file that cannot be read or means nothing
 ├─ AuthenticationError    the server refused user name or password, or wants one
 ├─ CallRejected           the other side said no, with a SIP code
 ├─ TimedOut               nobody answered in time
 ├─ Unreachable            no way to the host
 ├─ TlsError               a secure connection failed
 ├─ NoMediaPath            the call stands, its media found no way
 ├─ MediaOneWay            media arrives on one side only
 ├─ QualityTooLow          what arrived is worse than the threshold
 └─ Interrupted            the user or the system asked to stop
"""

from __future__ import annotations

import enum
from typing import ClassVar


class ResultCode(enum.StrEnum):
    """How a command or a call ended; `result` in the JSON."""

    OK = "ok"
    INTERNAL = "internal"
    USAGE = "usage"
    CONFIGURATION = "configuration"
    AUTHENTICATION = "authentication"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    NO_MEDIA_PATH = "no_media_path"
    MEDIA_ONE_WAY = "media_one_way"
    QUALITY = "quality"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> int:
        """Exit code of the process."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    ResultCode.OK: 0,
    ResultCode.INTERNAL: 1,
    ResultCode.USAGE: 2,
    ResultCode.CONFIGURATION: 2,
    ResultCode.AUTHENTICATION: 3,
    ResultCode.REJECTED: 4,
    ResultCode.TIMEOUT: 5,
    ResultCode.UNREACHABLE: 5,
    ResultCode.TLS: 6,
    ResultCode.NO_MEDIA_PATH: 7,
    ResultCode.MEDIA_ONE_WAY: 8,
    ResultCode.QUALITY: 9,
    ResultCode.INTERRUPTED: 130,
}


class UaError(Exception):
    """Root of all errors that this package raises.

    Attributes:
        what: one sentence, what happened.
        seen: what was seen on the wire or in the file, empty where that says nothing more.
        hint: what to try, empty where there is nothing to try.
    """

    code: ClassVar[ResultCode] = ResultCode.INTERNAL

    def __init__(self, what: str, *, seen: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.hint = hint

    @property
    def exit_code(self) -> int:
        """Exit code of the process that ends with this error."""
        return self.code.exit_code


class UsageError(UaError):
    """An argument that cannot be used: a bad URI, a missing file."""

    code = ResultCode.USAGE


class ConfigurationError(UaError):
    """The configuration cannot be read, has unknown keys or impossible values."""

    code = ResultCode.CONFIGURATION


class AuthenticationError(UaError):
    """The server refused the credentials.

    Attributes:
        password_wanted: true where the server asked and no password was known; asking the user may help.
    """

    code = ResultCode.AUTHENTICATION

    def __init__(self, what: str, *, seen: str = "", hint: str = "", password_wanted: bool = False) -> None:
        super().__init__(what, seen=seen, hint=hint)
        self.password_wanted = password_wanted


class CallRejected(UaError):
    """The other side refused the request.

    Attributes:
        sip_code: the status code of its final response (300 to 699).
        retry_after_s: seconds after which it may be asked again, None where it did not say
            (RFC 3261 §20.33). Nothing here asks again by itself.
    """

    code = ResultCode.REJECTED

    def __init__(
        self, what: str, *, sip_code: int, retry_after_s: int | None = None, seen: str = "", hint: str = ""
    ) -> None:
        super().__init__(what, seen=seen, hint=hint)
        self.sip_code = sip_code
        self.retry_after_s = retry_after_s


class TimedOut(UaError):
    """Nobody answered in time."""

    code = ResultCode.TIMEOUT


class Unreachable(UaError):
    """The name has no address, or the address refuses or cannot be reached."""

    code = ResultCode.UNREACHABLE


class TlsError(UaError):
    """The TLS connection failed or its certificate is not acceptable."""

    code = ResultCode.TLS


class NoMediaPath(UaError):
    """Media found no way: every candidate pair failed, or the path broke and no other worked."""

    code = ResultCode.NO_MEDIA_PATH


class MediaOneWay(UaError):
    """Media was sent and none came back, or the other way round."""

    code = ResultCode.MEDIA_ONE_WAY


class QualityTooLow(UaError):
    """What arrived is worse than the threshold."""

    code = ResultCode.QUALITY


class Interrupted(UaError):
    """SIGINT or SIGTERM asked to stop."""

    code = ResultCode.INTERRUPTED
