"""What another side says that it can do, in its answer to OPTIONS (RFC 3261 §11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ua.sip.syntax.message import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The answer to OPTIONS.

    Attributes:
        status: of the final response; what an INVITE would get, where the other side takes it seriously.
        reason: of the final response.
        methods: that it takes (Allow); empty where it does not say.
        extensions: that it has (Supported).
        types: of bodies that it takes (Accept).
        software: what it calls itself (Server, User-Agent).
    """

    status: int
    reason: str
    methods: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    software: str = ""

    @classmethod
    def of(cls, response: Response) -> Self:
        """What a final response tells."""
        headers = response.headers
        return cls(
            status=response.status,
            reason=response.reason,
            methods=headers.members("allow"),
            extensions=headers.members("supported"),
            types=headers.members("accept"),
            software=headers.first("server") or headers.first("user-agent") or "",
        )
