"""The certificate of a phone for DTLS: made when it is first needed, kept for the life of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdp.attributes.fingerprint_attr import Fingerprint
from ua import clock

if TYPE_CHECKING:  # OpenSSL is not needed before the first call
    from media.protection.certificate import Certificate

HASH = "sha-256"
"""The certificate is signed with it too, so that one line is enough (RFC 8122 §5.1)."""


class DtlsIdentity:
    """Who we are in DTLS."""

    def __init__(self) -> None:
        self._certificate: Certificate | None = None

    @property
    def certificate(self) -> Certificate:
        """With its key."""
        if self._certificate is None:
            from media.protection.certificate import Certificate

            self._certificate = Certificate.generate(clock.unix())
        return self._certificate

    @property
    def fingerprint(self) -> Fingerprint:
        """As descriptions name it."""
        return Fingerprint(hash=HASH, digest=self.certificate.digest(HASH))
