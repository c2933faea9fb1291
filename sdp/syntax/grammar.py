"""The ABNF of RFC 8866 §9 as named fragments, and the limits of the parser.

Digits are ASCII digits only; integers are capped in length before they are converted.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from sdp.errors import ValueFault

# Policy: a description that a phone has a use for is far below these.
MAX_BYTES = 64 * 1024
MAX_MEDIA = 64
MAX_ATTRIBUTES = 512
MAX_LINE = 4096

# RFC 8866 §5.2: session ids and versions fit a signed 64-bit integer.
MAX_SIGNED_64 = 2**63 - 1
MAX_DIGITS = 20
MAX_PORT = 65535

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+")
PROTO = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+(?:/[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+)*")
NON_WS = re.compile("[!-~\x80-\U0010ffff]+")
DIGITS = re.compile(r"[0-9]+")
FQDN = re.compile(r"[A-Za-z0-9.\-]{4,}")
# RFC 8866 §6.4, non-zero-int-or-real; leading zeros are read too.
MILLISECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
TIME = re.compile(r"0|[1-9][0-9]{9,19}")
TYPED_TIME = re.compile(r"-?[0-9]{1,20}[dhms]?")
# An IPv4-mapped address in full.
_LONGEST_IP = 45
# RFC 8839 §5.1
ICE_CHARS = re.compile(r"[A-Za-z0-9+/]+")


def fields(value: str) -> list[str]:
    """The parts of `value` between spaces; several spaces count as one."""
    return [part for part in value.split(" ") if part]


def is_token(text: str) -> bool:
    """True for a token of RFC 8866 §9."""
    return TOKEN.fullmatch(text) is not None


def integer(text: str, what: str, *, minimum: int = 0, maximum: int = MAX_SIGNED_64) -> int:
    """A decimal number within bounds; raises ValueFault that names `what`."""
    if not DIGITS.fullmatch(text):
        raise ValueFault(f"{what} is not a number")
    if len(text) > MAX_DIGITS:
        raise ValueFault(f"{what} has more than {MAX_DIGITS} digits")
    number = int(text)
    if not minimum <= number <= maximum:
        raise ValueFault(f"{what} is not within {minimum} to {maximum}")
    return number


def port(text: str, what: str = "the port") -> int:
    """A port number from 0 to 65535; raises ValueFault."""
    return integer(text, what, maximum=MAX_PORT)


def ip_literal(text: str) -> str | None:
    """`text` as a canonical IPv4 or IPv6 literal (RFC 5952), None where it is something else.

    Zones ("fe80::1%eth0") have no place in SDP and make it None.
    """
    return None if "%" in text or len(text) > _LONGEST_IP else _canonical(text)


@lru_cache(maxsize=256)  # a description has few addresses, and names each of them often
def _canonical(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def is_ipv6(host: str) -> bool:
    """True for an IPv6 literal: the colon tells (RFC 8839 §5.1)."""
    return ":" in host
