"""The procedures of RFC 3263 §4 (core): which questions to ask for a URI, and which targets come out.

`locating` is a generator: it yields questions that may be asked together, takes their answers, and returns
the targets, best first. Whoever drives it asks real name servers, or a table.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Final

from ice.gathering.srv import ServiceRecord, in_order
from ice.types import TransportAddress
from ua.sip.errors import SipUnreachable
from ua.sip.location.records import AddressRecord, Answers, Kind, NaptrRecord, Question, question
from ua.sip.location.target import Target
from ua.sip.syntax.grammar import is_address
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import OVER_TLS, SipTransport

MAX_TARGETS: Final = 4
"""Targets of one request that are tried."""

DEFAULT_PORTS: Final[dict[str, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""RFC 3261 §19.1.2, RFC 7118 §5.5."""

_SECURE: Final = {"udp": "", "tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}
"""What a transport parameter means in a sips URI (RFC 3261 §26.2.2: tcp is TLS there, udp is impossible)."""

_SRV: Final = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
"""WebSocket servers have service records behind NAPTR ones only (RFC 7118 §5.5)."""

_NAPTR: Final = {
    "SIP+D2U": "udp",
    "SIP+D2T": "tcp",
    "SIPS+D2T": "tls",
    "SIP+D2W": "ws",
    "SIPS+D2W": "wss",
}
"""RFC 3263 §4.1, RFC 7118 §10.2."""

Locating = Generator[tuple[Question, ...], Answers, tuple[Target, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A host that may still be a name."""

    transport: SipTransport
    host: str
    port: int


def locating(
    uri: Uri,
    *,
    transports: tuple[SipTransport, ...],
    versions: frozenset[int],
    random: Callable[[int], bytes],
) -> Locating:
    """Where a request to this URI may be sent, best first, at most MAX_TARGETS.

    The transport parameter decides. Else, for an address or where the URI has a port, the first of
    `transports`; else the NAPTR records, else the service records of each transport in the order of
    `transports`, else the addresses of the domain. sips URIs go over secure transports only, and so does
    everything where the first of `transports` is secure and the URI names none.

    Args:
        uri: next hop.
        transports: what we speak; the first is preferred.
        versions: IP versions that we have sockets for: 4, 6.
        random: random(n) gives n unpredictable bytes, for the weights of service records.

    Raises:
        SipUnreachable: there is no target; the text says why.
    """
    spoken, chosen = _transports(uri, transports)
    name = (uri.param("maddr") or uri.host).strip("[]").rstrip(".")
    places: list[_Place]
    if is_address(name) or uri.port is not None:
        transport = chosen or spoken[0]
        places = [_Place(transport=transport, host=name, port=uri.port or DEFAULT_PORTS[transport])]
    elif chosen is not None:
        places = yield from _by_service(name, (chosen,), random)
    else:
        places = yield from _by_domain(name, spoken, random)
    return (yield from _addressed(places, uri.host, versions))


def _transports(
    uri: Uri, transports: tuple[SipTransport, ...]
) -> tuple[tuple[SipTransport, ...], SipTransport | None]:
    """What may be used, and the one that the URI names; raises SipUnreachable."""
    if not uri.is_sip:
        raise SipUnreachable(f"{uri.scheme} URIs cannot be called", hint="use sip:user@host")
    spoken = transports
    wanted = uri.transport
    if uri.scheme == "sips" or (wanted is None and transports[0] in OVER_TLS):
        spoken = tuple(transport for transport in transports if transport in OVER_TLS)
    if not spoken:
        raise SipUnreachable(
            "sips needs TLS, which is not in use here", hint='use sip:, or transport = "tls"'
        )
    if wanted is None:
        return spoken, None
    if uri.scheme == "sips":
        wanted = _SECURE.get(wanted, "")
        if not wanted:
            raise SipUnreachable(f"a sips URI cannot be reached over {uri.transport}")
    for transport in spoken:
        if transport == wanted:
            return spoken, transport
    raise SipUnreachable(f"transport {wanted} is not in use here")


def _by_domain(
    name: str, spoken: tuple[SipTransport, ...], random: Callable[[int], bytes]
) -> Generator[tuple[Question, ...], Answers, list[_Place]]:
    """NAPTR, then service records, then the domain itself (RFC 3263 §4.1, §4.2)."""
    services = {transport: f"{_SRV[transport]}.{name}" for transport in spoken if transport in _SRV}
    asked = question(Kind.NAPTR, name)
    # Together: a name server that knows no NAPTR costs no round trip, one that drops it only one wait.
    answers = yield (asked, *(question(Kind.SRV, service) for service in services.values()))
    pointers = _pointers(answers.get(asked, ()), spoken)
    if not pointers:
        return _from_services(name, tuple(services.items()), answers, random) or [_default(name, spoken[0])]
    more = tuple(
        wanted
        for _, record in pointers
        if record.flags.lower() == "s" and (wanted := question(Kind.SRV, record.replacement)) not in answers
    )
    if more:
        answers = {**answers, **(yield tuple(dict.fromkeys(more)))}
    places: list[_Place] = []
    for transport, record in pointers:
        if record.flags.lower() == "a":
            places.append(_default(record.replacement.rstrip("."), transport))
        else:
            places += _from_services(name, ((transport, record.replacement),), answers, random)
    return places or [_default(name, pointers[0][0])]


def _by_service(
    name: str, spoken: tuple[SipTransport, ...], random: Callable[[int], bytes]
) -> Generator[tuple[Question, ...], Answers, list[_Place]]:
    """The service records of a transport that the URI names; else the host of that name."""
    services = tuple((transport, f"{_SRV[transport]}.{name}") for transport in spoken if transport in _SRV)
    answers: Answers = {}
    if services:
        answers = yield tuple(question(Kind.SRV, service) for _, service in services)
    return _from_services(name, services, answers, random) or [_default(name, spoken[0])]


def _pointers(
    records: tuple[object, ...], spoken: tuple[SipTransport, ...]
) -> list[tuple[SipTransport, NaptrRecord]]:
    """The NAPTR records that we can follow, in their order, one for each transport."""
    known = {transport: transport for transport in spoken}
    found: dict[SipTransport, NaptrRecord] = {}
    naptr = (record for record in records if isinstance(record, NaptrRecord))
    for record in sorted(naptr, key=lambda record: (record.order, record.preference)):
        transport = known.get(_NAPTR.get(record.service.upper(), ""))  # type: ignore[call-overload]
        if transport is None or record.regexp or record.flags.lower() not in ("s", "a"):
            continue
        if record.replacement not in ("", "."):
            found.setdefault(transport, record)
    return list(found.items())


def _from_services(
    name: str,
    services: tuple[tuple[SipTransport, str], ...],
    answers: Answers,
    random: Callable[[int], bytes],
) -> list[_Place]:
    """The hosts of the service records; empty where there are no records.

    Raises SipUnreachable where the domain says that it has no such service (RFC 2782: target ".").
    """
    places: list[_Place] = []
    refused = False
    for transport, service in services:
        found = answers.get(question(Kind.SRV, service), ())
        records = in_order((record for record in found if isinstance(record, ServiceRecord)), random)
        refused = refused or (bool(records) and not any(record.offered for record in records))
        places += [
            _Place(transport=transport, host=record.target.rstrip("."), port=record.port)
            for record in records
            if record.offered and 0 < record.port < 65536
        ]
    if refused and not places:
        raise SipUnreachable(f"{name} says that it offers no SIP service")
    return places


def _default(name: str, transport: SipTransport) -> _Place:
    return _Place(transport=transport, host=name, port=DEFAULT_PORTS[transport])


def _addressed(
    places: list[_Place], domain: str, versions: frozenset[int]
) -> Generator[tuple[Question, ...], Answers, tuple[Target, ...]]:
    """The places with addresses; of several hosts each gives at most one address of each family."""
    places = places[:MAX_TARGETS]
    names = dict.fromkeys(place.host for place in places if not is_address(place.host))
    answers: Answers = {}
    if names:
        answers = yield tuple(question(Kind.ADDRESS, name) for name in names)
    targets: dict[Target, None] = {}
    unfit = ""
    for place in places:
        count: dict[int, int] = {}
        for host in _hosts(place.host, answers):
            version = ipaddress.ip_address(host).version
            if version not in versions:
                unfit = unfit or f"no IPv{version} socket to reach {host}"
            elif len(places) == 1 or not count.get(version):
                count[version] = 1
                address = TransportAddress(host=host, port=place.port)
                targets[Target(transport=place.transport, address=address, domain=domain)] = None
    if not targets:
        raise SipUnreachable(unfit or f"the name {places[0].host} has no address")
    return tuple(targets)[:MAX_TARGETS]


def _hosts(host: str, answers: Answers) -> Iterator[str]:
    if is_address(host):
        yield str(ipaddress.ip_address(host))
        return
    for record in answers.get(question(Kind.ADDRESS, host), ()):
        if isinstance(record, AddressRecord) and is_address(record.host):
            yield record.host
