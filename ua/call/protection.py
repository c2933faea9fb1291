"""Which protection of media a call asks for and takes, by the user's choice and the way of its signalling."""

from __future__ import annotations

from collections.abc import Callable

from sdp.attributes.crypto_attr import SUITES, CryptoSuite
from sdp.attributes.fingerprint_attr import Fingerprint
from sdp.negotiation.keying import KeyingPolicy
from sdp.syntax.protocols import Keying
from ua.config.account import Account
from ua.config.srtp import SrtpChoice
from ua.errors import UsageError
from ua.sip.syntax.uri import Uri


def is_protected(account: Account, target: Uri) -> bool:
    """True where an INVITE of ours to `target` leaves by TLS (RFC 3261 §26.2.2)."""
    hop = target if account.proxy is None else Uri.parse(account.proxy)
    if "sips" in (hop.scheme, target.scheme):
        return True
    transport = hop.param("transport") or account.transport
    return transport.lower() in ("tls", "wss")


def policy(
    choice: SrtpChoice,
    *,
    keys_may_be_told: bool,
    offers: bool,
    fingerprint: Callable[[], Fingerprint],
    suites: tuple[CryptoSuite, ...] = SUITES,
) -> KeyingPolicy:
    """The policy of one call.

    `auto` offers RTP/AVP, as every peer takes it, with keys beside it where the signalling hides them
    (RFC 8643); it takes whatever the peer offers.

    Args:
        choice: the user's.
        keys_may_be_told: the signalling is encrypted, or the user does not mind (RFC 4568 §8.3).
        offers: our offer comes first: nobody answers DTLS to one without a fingerprint.
        fingerprint: gives that of our certificate, which takes a while to make.
        suites: of keys in the description, best first.

    Raises:
        UsageError: keys in the description are asked for, and everybody on the way could read them.
    """
    match choice:
        case "off":
            return KeyingPolicy()
        case "dtls" | "webrtc":
            return KeyingPolicy(
                offers=Keying.DTLS,
                accepts=frozenset({Keying.DTLS}),
                feedback=choice == "webrtc",
                fingerprints=(fingerprint(),),
            )
        case "sdes" if not keys_may_be_told:
            raise UsageError(
                "SRTP keys would be read by everybody on the way: the signalling is not encrypted",
                hint="use SIP over TLS, or --srtp dtls; srtp_over_plain_sip = true in [media] does it anyway",
            )
        case "sdes":
            return KeyingPolicy(offers=Keying.SRTP, accepts=frozenset({Keying.SRTP}), suites=suites)
        case "auto":
            accepts = {Keying.NONE} | ({Keying.SRTP} if keys_may_be_told else set())
            if offers:
                return KeyingPolicy(accepts=frozenset(accepts), best_effort=True, suites=suites)
            return KeyingPolicy(
                accepts=frozenset(accepts | {Keying.DTLS}),
                best_effort=True,
                fingerprints=(fingerprint(),),
                suites=suites,
            )
