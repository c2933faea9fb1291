"""Header names on the wire."""

from __future__ import annotations

import pytest

from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.wire_format import serialise


@pytest.mark.parametrize(
    "name", ["RAck", "RSeq", "Min-SE", "SIP-ETag", "SIP-If-Match", "CSeq", "Session-Expires"]
)
def test_names_are_spelled_as_in_their_rfcs(name: str) -> None:
    body = f"x\r\n{name.title()}: 2\r\n".encode()
    data = serialise(Response(status=200, reason="OK", headers=Headers.of((name, 1)), body=body))
    head, _, rest = data.partition(b"\r\n\r\n")
    assert f"\r\n{name}: 1".encode() in head
    assert rest == body
