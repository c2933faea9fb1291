"""What a URI that a user was given may put into a request (core; RFC 3261 §19.1.5)."""

from __future__ import annotations

import re
import urllib.parse
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import is_token
from ua.sip.syntax.headers import Headers, full_name
from ua.sip.syntax.uri import Uri

_OURS: Final = frozenset(
    {
        "from", "call-id", "cseq", "via", "record-route", "route", "accept", "accept-encoding",
        "accept-language", "allow", "contact", "organization", "supported", "user-agent", "max-forwards",
        "to", "authorization",
        "proxy-authorization", "require", "proxy-require", "body", "replaces",
    }
)  # fmt: skip
"""Headers that a link must not choose for us, and those of extensions that we do not speak."""

_CONTROL_RE: Final = re.compile(r"[\x00-\x1f\x7f]")


def headers_of(uri: Uri, method: str) -> Headers:
    """Headers that the URI asks for, without the dangerous and those that describe a body.

    Raises SipParseError where it asks for another method than `method`, or where a header would be malformed:
    no request is to be made from such a URI.
    """
    wanted = uri.param("method")
    if wanted is not None and wanted != method:
        raise SipParseError(f"the URI asks for {wanted}, not {method}")
    rows: list[tuple[str, str]] = []
    for member in uri.headers.split("&") if uri.headers else ():
        raw_name, _, raw_value = member.partition("=")
        name, value = urllib.parse.unquote(raw_name), urllib.parse.unquote(raw_value)
        if not is_token(name) or _CONTROL_RE.search(value):
            raise SipParseError("the URI asks for a malformed header")
        if full_name(name) not in _OURS and not full_name(name).startswith("content-"):
            rows.append((name, value))
    return Headers.of(*rows)
