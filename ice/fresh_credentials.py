"""Credentials that nobody can guess (RFC 8445 §5.3)."""

from __future__ import annotations

import base64
import secrets

from ice.types import Credentials

_UFRAG_BYTES = 6
"""48 bits, written as 8 ice-chars; RFC 8445 §5.3 wants 24 bits."""

_PASSWORD_BYTES = 18
"""144 bits, written as 24 ice-chars; RFC 8445 §5.3 wants 128 bits."""


def fresh_credentials() -> Credentials:
    """A user name fragment and a password, drawn by lot."""
    return Credentials(ufrag=_ice_chars(_UFRAG_BYTES), password=_ice_chars(_PASSWORD_BYTES))


def _ice_chars(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode("ascii")
