"""The values of the lines of RFC 8866 §5, one function for each letter; all raise ValueFault."""

from __future__ import annotations

import ipaddress

from sdp.errors import ValueFault
from sdp.syntax import grammar
from sdp.syntax.model import Bandwidth, Connection, Media, Origin, Time

# Some peers write an NTP time as session id, which fills all 64 bits.
_MAX_UNSIGNED_64 = 2**64 - 1


def origin(value: str, *, strict: bool) -> Origin:
    """The value of o= (RFC 8866 §5.2); the numbers fit 63 bits, 64 when not strict."""
    parts = grammar.fields(value)
    if len(parts) != 6:
        raise ValueFault("o= has not six fields")
    username, session_id, version, nettype, addrtype, address = parts
    maximum = grammar.MAX_SIGNED_64 if strict else _MAX_UNSIGNED_64
    if not (grammar.is_token(nettype) and grammar.is_token(addrtype)):
        raise ValueFault("the network or address type is not a token")
    if not (grammar.NON_WS.fullmatch(username) and grammar.NON_WS.fullmatch(address)):
        raise ValueFault("the user name or address holds a control character")
    return Origin(
        username=username,
        session_id=grammar.integer(session_id, "the session id", maximum=maximum),
        version=grammar.integer(version, "the session version", maximum=maximum),
        nettype=nettype,
        addrtype=addrtype,
        address=address,
    )


def connection(value: str) -> Connection:
    """The value of c= (RFC 8866 §5.7): unicast has no suffix, IPv4 multicast needs its TTL."""
    parts = grammar.fields(value)
    if len(parts) != 3:
        raise ValueFault("c= has not three fields")
    nettype, addrtype, whole = parts
    if not (grammar.is_token(nettype) and grammar.is_token(addrtype)):
        raise ValueFault("the network or address type is not a token")
    address, slash, suffix = whole.partition("/")
    if nettype != "IN" or addrtype not in ("IP4", "IP6"):
        if not grammar.NON_WS.fullmatch(whole):
            raise ValueFault("the address holds a control character")
        return Connection(nettype=nettype, addrtype=addrtype, address=address, suffix=suffix)
    literal = grammar.ip_literal(address)
    if literal is None:
        if slash or not grammar.FQDN.fullmatch(address):
            raise ValueFault("the address is neither an IP address nor a name")
        return Connection(nettype=nettype, addrtype=addrtype, address=address)
    _check_suffix(literal, suffix, slash=bool(slash))
    return Connection(nettype=nettype, addrtype=addrtype, address=literal, suffix=suffix)


def _check_suffix(literal: str, suffix: str, *, slash: bool) -> None:
    group = ipaddress.ip_address(literal)
    if not group.is_multicast:
        if slash:
            raise ValueFault("a unicast address has no suffix")
        return
    numbers = suffix.split("/") if slash else []
    if group.version == 4:
        if not 1 <= len(numbers) <= 2:
            raise ValueFault("an IPv4 multicast address needs its TTL")
        grammar.integer(numbers[0], "the TTL", maximum=255)
        numbers = numbers[1:]
    if len(numbers) > 1:
        raise ValueFault("an IPv6 multicast address has no TTL")
    for number in numbers:
        grammar.integer(number, "the number of addresses", minimum=1, maximum=65535)


def bandwidth(value: str) -> Bandwidth:
    """The value of b= (RFC 8866 §5.8)."""
    kind, colon, number = value.partition(":")
    if not colon or not grammar.is_token(kind):
        raise ValueFault("b= is not of the form type:number")
    return Bandwidth(type=kind, value=grammar.integer(number, "the bandwidth"))


def time(value: str) -> Time:
    """The value of t=: 0 or at least ten digits each (RFC 8866 §5.9)."""
    parts = grammar.fields(value)
    if len(parts) != 2:
        raise ValueFault("t= has not two fields")
    if not all(grammar.TIME.fullmatch(part) for part in parts):
        raise ValueFault("a time is neither 0 nor a number of ten digits or more")
    return Time(start=int(parts[0]), stop=int(parts[1]))


def is_repeat(value: str) -> bool:
    """True for the value of r=: interval, duration, offsets (RFC 8866 §5.10)."""
    parts = grammar.fields(value)
    return (
        len(parts) >= 3
        and all(grammar.TYPED_TIME.fullmatch(part) for part in parts)
        and not value.startswith(("-", "0"))
        and " -" not in value
    )


def is_zone(value: str) -> bool:
    """True for the value of z=: pairs of time and offset (RFC 8866 §5.11)."""
    parts = grammar.fields(value)
    return (
        len(parts) >= 2
        and len(parts) % 2 == 0
        and all(grammar.TIME.fullmatch(part) for part in parts[::2])
        and all(grammar.TYPED_TIME.fullmatch(part) for part in parts[1::2])
    )


def media(value: str, line: int | None) -> Media:
    """The head of an m= section (RFC 8866 §5.14)."""
    parts = grammar.fields(value)
    if len(parts) < 4:
        raise ValueFault("m= has not four fields")
    kind, port, proto, *formats = parts
    number, slash, count = port.partition("/")
    if not grammar.is_token(kind) or not all(grammar.is_token(each) for each in formats):
        raise ValueFault("the media type or a format is not a token")
    if not grammar.PROTO.fullmatch(proto):
        raise ValueFault("the protocol is not made of tokens")
    return Media(
        media=kind,
        port=grammar.port(number),
        port_count=grammar.integer(count, "the number of ports", minimum=1, maximum=65535) if slash else 1,
        proto=proto,
        formats=tuple(formats),
        line=line,
    )
