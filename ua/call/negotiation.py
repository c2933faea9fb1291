"""Descriptions of a stream, with the protection of media that policy and signalling allow."""

from __future__ import annotations

from dataclasses import replace

from sdp.attributes.crypto_attr import suite
from ua.call import protection
from ua.call.descriptions import Descriptions
from ua.call.identity import DtlsIdentity
from ua.call.side import Binding
from ua.config.account import Account
from ua.config.srtp import SrtpChoice
from ua.errors import UaError
from ua.events import EventLog


async def describe(
    binding: Binding,
    *,
    account: Account,
    srtp: SrtpChoice,
    identity: DtlsIdentity,
    keys_may_be_told: bool,
    offers: bool,
    log: EventLog,
    party: str,
) -> Descriptions:
    """What one call says of its media; it owns the sockets of `binding`.

    Args:
        binding: the gathered stream, or one over TCP without ICE.
        account: codecs and policies.
        srtp: whether media is protected, and how.
        identity: our certificate.
        keys_may_be_told: nobody on the way reads the descriptions.
        offers: our offer comes first.
        log: event log.
        party: our name in it.

    Raises:
        UaError: policy cannot be kept; the sockets are closed.
    """
    try:
        keying = protection.policy(
            srtp,
            keys_may_be_told=keys_may_be_told or account.media.srtp_over_plain_sip,
            offers=offers,
            fingerprint=lambda: identity.fingerprint,
            suites=tuple(found for name in account.media.srtp_suites if (found := suite(name))),
        )
    except UaError:
        await binding.close()
        raise
    descriptions = Descriptions(binding, account=account, log=log, party=party)
    descriptions.wish = replace(descriptions.wish, keying=keying)
    descriptions.keys_are_told = not keys_may_be_told
    return descriptions
