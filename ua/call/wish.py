"""What an account wishes of the audio of its calls."""

from __future__ import annotations

from sdp.attributes.extmap_attr import AUDIO_LEVEL_URI
from sdp.negotiation.negotiated import AudioWish
from ua.call import codec_mapping
from ua.call.header_extensions import KNOWN
from ua.config.account import Account


def wish_of(account: Account) -> AudioWish:
    """The wish that a call begins with; how media is protected comes later."""
    return AudioWish(
        formats=codec_mapping.offered(account.media.codecs, dtx=account.media.dtx),
        ptime_ms=account.media.ptime_ms,
        ice=account.ice_enabled,
        ice_required=account.ice_required,
        rtcp_mux=account.media.rtcp_mux,
        extended_reports=account.media.rtcp_xr,
        extensions=KNOWN if account.media.audio_level else KNOWN - {AUDIO_LEVEL_URI},
    )
