"""Settings of TLS for SIP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verify = Literal["full", "chain", "off"]
"""What is checked of a server: issuer and name; the issuer alone; nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """Settings of TLS for SIP, as client and as server.

    Attributes:
        ca_file: certificates (PEM) to trust instead of those of the system.
        certificate: our own, with those between it and its issuer (PEM); without it nobody can connect to us
            by TLS, and servers that ask who we are are told nothing.
        key: its private key (PEM).
        fingerprints: SHA-256 fingerprints of server certificates, as upper case hexadecimal digits without
            colons; where there are any, these certificates are trusted and no others, whoever issued them.
        verify: what is checked where nothing is pinned.
        require_client_certificate: who connects to us without a certificate is sent away.
    """

    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    fingerprints: tuple[str, ...] = ()
    verify: Verify = "full"
    require_client_certificate: bool = False
