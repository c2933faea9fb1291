"""How a request to the TURN server of the tests ends badly."""

from __future__ import annotations

from ice.stun.attributes import Attribute, ErrorCode


class Refusal(Exception):
    """A request ends with an error answer."""

    def __init__(self, code: int, reason: str = "", *more: Attribute, signed: bool = True) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.attributes: tuple[Attribute, ...] = (ErrorCode(code=code, reason=reason), *more)
        self.signed = signed
