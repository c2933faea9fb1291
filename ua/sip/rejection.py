"""The refusal of a request: a final response that is no success (RFC 3261 §7.2)."""

from __future__ import annotations

from ua.errors import CallRejected
from ua.sip.errors import SipError
from ua.sip.syntax.message import Response


class SipRejected(SipError, CallRejected):
    """The other side answered with a final response that is no success.

    Attributes:
        response: that response, 300 to 699.
        sip_code: its status code.
    """

    code = CallRejected.code

    def __init__(self, response: Response) -> None:
        CallRejected.__init__(
            self,
            f"rejected: {response.status} {response.reason}".rstrip(),
            sip_code=response.status,
            retry_after_s=response.seconds("retry-after"),
        )
        self.response = response
