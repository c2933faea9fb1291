"""Whom a certificate speaks for, and whether that is whom we wanted (core; RFC 5922 §7, RFC 6455 §4.1).

The chain to an issuer that we trust is checked elsewhere: this is what comes after it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ua.sip.transport.tls.certificate import ANY_USE, SERVER_USE, SIP_DOMAIN, Certificate

Rules = Literal["sip", "web"]
"""RFC 5922 for SIP over TLS; for WebSockets those of HTTP over TLS (RFC 7118 §7, RFC 6455 §4.1)."""

_SERVER_USES: Final = frozenset({ANY_USE, SERVER_USE, SIP_DOMAIN})
"""An extendedKeyUsage must name one of them (RFC 5924 §4, RFC 5280 §4.2.1.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a certificate is not accepted.

    Attributes:
        problem: what is wrong with it.
        expected: what was wanted.
        found: what the certificate says.
    """

    problem: str
    expected: str
    found: str


def judge(der: bytes, *, domain: str, now: datetime, rules: Rules = "sip") -> Refusal | None:
    """What is wrong with the certificate of a server; None where it may be trusted.

    Args:
        der: the certificate.
        domain: host of the URI that we wanted to reach, before any step in the DNS.
        now: the time, in UTC.
        rules: by which the name is compared.
    """
    expected = f"a certificate for {domain}"
    try:
        certificate = Certificate.read(der)
    except ValueError as error:
        return Refusal(problem="it cannot be read", expected=expected, found=str(error))
    problem = _unusable(certificate, now) or (
        "" if names(certificate, domain, rules=rules) else "it names others"
    )
    return Refusal(problem=problem, expected=expected, found=str(certificate)) if problem else None


def judge_pinned(der: bytes, fingerprints: tuple[str, ...]) -> Refusal | None:
    """The same where only certificates with these SHA-256 fingerprints are trusted."""
    try:
        certificate = Certificate.read(der)
    except ValueError as error:
        return Refusal(problem="it cannot be read", expected="the pinned certificate", found=str(error))
    if certificate.fingerprint in fingerprints:
        return None
    expected = "a certificate with the pinned fingerprint " + " or ".join(
        ":".join(each[at : at + 2] for at in range(0, len(each), 2)) for each in fingerprints
    )
    return Refusal(problem="its fingerprint is another one", expected=expected, found=str(certificate))


def names(certificate: Certificate, domain: str, *, rules: Rules = "sip") -> bool:
    """True where the certificate speaks for this domain, or this address."""
    address = _address(domain)
    if address is not None:
        # RFC 5922 knows no addresses; who calls one means one (RFC 6125 §1.7.2, RFC 9525 §4.1).
        return any(address == _address(each) for each in certificate.addresses)
    if rules == "web":
        return any(_same_web_name(name, domain) for name in certificate.dns_names)
    wanted = normal(domain)
    return bool(wanted) and any(normal(name) == wanted for name in identities(certificate))


def identities(certificate: Certificate) -> tuple[str, ...]:
    """The SIP domains of a certificate (RFC 5922 §7.1).

    Its sip URIs without a user; where there are none, its DNS names; where it has no subjectAltName, its CNs.
    """
    hosts = tuple(host for uri in certificate.uris if (host := _host_of(uri)))
    if hosts:
        return hosts
    if certificate.has_alternative_names:
        return certificate.dns_names
    return tuple(name for name in certificate.common_names if normal(name) and " " not in name)


def normal(name: str) -> str:
    """A DNS name for comparing: lower case, A-labels, no final dot; empty where it is none (§7.2)."""
    try:
        return name.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        # labels that are too long or empty; ".example.com" is the same as itself alone
        return name.lower() if name.isascii() else ""


def _unusable(certificate: Certificate, now: datetime) -> str:
    if now < certificate.not_before:
        return f"it is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"
    if now > certificate.not_after:
        return f"it has expired at {certificate.not_after:%Y-%m-%d %H:%M} UTC"
    if certificate.uses is not None and not certificate.uses & _SERVER_USES:
        return "it is not meant for servers"
    return ""


def _host_of(uri: str) -> str:
    """Host of a sip URI without a user, else empty: such a URI names no domain."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.partition(";")[0].partition("?")[0]
    return host if host.startswith("[") else host.partition(":")[0]


def _same_web_name(name: str, domain: str) -> bool:
    """RFC 9525 §6.3: a wildcard stands for the whole first label."""
    ours, theirs = normal(domain), normal(name) if not name.startswith("*.") else name.lower()
    if theirs.startswith("*."):
        first, dot, rest = ours.partition(".")
        return bool(first and dot) and rest == normal(theirs[2:]) and "." in rest
    return bool(ours) and ours == theirs


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
