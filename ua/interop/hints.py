"""What to try at a PBX where something of media, keys, protection or ICE is not as it should be (core)."""

from __future__ import annotations

from typing import Final

CODEC: Final = (
    "allow the codec for this account (Asterisk: allow=ulaw,alaw,g722,opus of the endpoint; FreeSWITCH: "
    "inbound-codec-prefs of the profile), and load its module"
)
COMFORT_NOISE: Final = (
    "comfort noise is off at the peer, or it has none (FreeSWITCH: suppress-cng of the profile)"
)
MUX: Final = "the peer keeps RTCP on a port of its own: rtcp_mux=yes of the endpoint (Asterisk)"
EVENTS: Final = (
    "let the peer take telephone events: dtmf_mode=rfc4733 of the endpoint (Asterisk), dtmf-type=rfc2833 "
    "(FreeSWITCH); through a media proxy they have to keep their payload type"
)
INFO: Final = (
    "let the peer take keys by INFO: dtmf_mode=info or auto_info (Asterisk), dtmf-type=info or liberal-dtmf "
    "(FreeSWITCH)"
)
TONES: Final = (
    "let the peer listen for tones: dtmf_mode=inband (Asterisk), start_dtmf before the number reads keys "
    "(FreeSWITCH); codecs other than G.711 may spoil them"
)
SDES: Final = (
    "media_encryption=sdes of the endpoint (Asterisk), rtp_secure_media=optional with this suite "
    "(FreeSWITCH); rtpengine: SDES is on, and the suite not in SDES-no-..."
)
DTLS: Final = (
    "media_encryption=dtls and dtls_auto_generate_cert=yes of the endpoint (Asterisk); FreeSWITCH needs a "
    "certificate for DTLS-SRTP; rtpengine: DTLS=passive"
)
ICE: Final = (
    "switch ICE on: ice_support=yes of the endpoint and icesupport=yes in rtp.conf (Asterisk), "
    "apply-candidate-acl of the profile (FreeSWITCH), ICE=force (rtpengine)"
)
TCP_CANDIDATES: Final = (
    "the peer has UDP candidates alone, as most have; where UDP is blocked a TURN server that is reached "
    "over TCP or TLS helps (configs/pbx/coturn)"
)
TCP_MEDIA: Final = "the peer has no media over TCP: use ICE, or a TURN server, where UDP does not pass"
RELAY: Final = (
    "is the TURN server reached (stun and turn of [ice]), and may it relay to the peer? coturn: "
    "allowed-peer-ip, denied-peer-ip, min-port to max-port open"
)

PATHS: Final = {
    "udp": "are the RTP ports of both sides open for UDP? The report shows which candidate pairs were tried",
    "tcp": TCP_CANDIDATES,
    "relay": RELAY,
}
"""By the way that media should take."""
