"""What to try, by cause: in the words of the programs that people run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAT: Final = (
    "Asterisk: external_signaling_address, external_media_address and local_net of the transport; "
    "FreeSWITCH: ext-sip-ip and ext-rtp-ip of the profile; rtpengine: --interface=PRIVATE!PUBLIC"
)

_CODECS: Final = (
    "Asterisk: allow=!all,ulaw,alaw,opus in the endpoint; FreeSWITCH: inbound-codec-prefs and "
    "outbound-codec-prefs"
)

ADVICE: Final[Mapping[str, str]] = {
    "tls_name": (
        "the certificate needs the name that is called in its subjectAltName (RFC 5922); call the peer by "
        "the "
        "name in its certificate, or issue one for this name (Asterisk: cert_file of the transport; "
        "Kamailio: "
        "certificate in tls.cfg; FreeSWITCH: agent.pem in tls-cert-dir)"
    ),
    "unreachable": "check host, port and transport: does somebody listen there (ss -lnpu, ss -lnpt)?",
    "no_answer": (
        "is the peer running, does it listen on this address and port, and does a firewall on the way drop "
        "the "
        "packets? Over UDP try --transport tcp: large messages get lost as fragments"
    ),
    "auth_loop": (
        "check password, auth_user and realm: Asterisk: username and password of the auth section and "
        "auth= of "
        "the endpoint; Kamailio: the domain in the subscriber table is the realm; behind a cluster each "
        "node has "
        "to accept the nonces of the others"
    ),
    "forbidden": (
        "the peer knows who calls and does not allow it: context and ACL of the account (Asterisk: "
        "context= of "
        "the endpoint and identify; FreeSWITCH: user_context, apply-inbound-acl)"
    ),
    "no_such_number": "is the number in the dialplan of the context that the account is in?",
    "unavailable": "nobody is registered under that number, or it does not want to be disturbed",
    "busy": "the number is in a call, or has reached its limit (Asterisk: device_state_busy_at, call-limit)",
    "declined": "somebody or a rule of the dialplan has declined the call",
    "offer_refused": (
        "the peer takes no codec, profile or address of the offer: compare it with the settings of the peer. "
        f"{_CODECS}; SRTP: media_encryption (Asterisk), rtp_secure_media (FreeSWITCH) on both sides alike"
    ),
    "server_error": "the log of the peer should say what went wrong in it",
    "rejected": "the log of the peer should say why it refuses this",
    "tag_changed": (
        "all answers of one phone to one INVITE carry one To tag (RFC 3261 §12.1.1): a proxy or B2BUA on "
        "the way "
        "rewrites tags, or two programs answer under one address"
    ),
    "wrong_contact": (
        "the Contact has to be an address that the caller can reach: "
        f"{_NAT}; a proxy has to call record_route() (Kamailio), and fix_nated_contact() or "
        "set_contact_alias() for phones behind a NAT"
    ),
    "lost_ack": (
        "the ACK does not get to who answered: look at Contact and Record-Route of the 200 and at what is "
        "on the "
        "way; switch off SIP ALG in the router; Asterisk: rewrite_contact=yes and force_rport=yes; Kamailio: "
        "record_route() for INVITE and loose_route() for ACK; FreeSWITCH: ext-sip-ip"
    ),
    "never_bye": (
        "the extension should hang up: Hangup() after Wait(5) in Asterisk, sleep and hangup in FreeSWITCH"
    ),
    "bye_unanswered": (
        "the BYE goes to the Contact and the Route of the answer: can they be reached from here? Is the "
        "dialog "
        "still known there (a restart, another node of a cluster, a tag that changed)?"
    ),
    "cancel_unanswered": (
        "a CANCEL has to end the INVITE with 487 (RFC 3261 §9.2): a proxy must send it on to all branches "
        "(Kamailio: t_check_trans() and t_relay() for CANCEL)"
    ),
    "malformed_sip": (
        "a message of the peer breaks the grammar: is there an ALG or a script that rewrites it?"
    ),
    "media_refused": (
        f"no codec, profile or direction of the offer was acceptable: {_CODECS}. SRTP offered to a peer "
        f"without "
        "it, and the other way round, ends like this too (media_encryption, rtp_secure_media; rtpengine: "
        "RTP/AVP or RTP/SAVP in its flags)"
    ),
    "bad_sdp_answer": (
        "an answer has the m= lines of the offer, in their order, with codecs and the profile of the offer "
        f"(RFC 3264 §6): {_CODECS}; FreeSWITCH: inbound-late-negotiation=true; Kamailio: does a script "
        f"rewrite "
        "the description twice (rtpengine_offer and rtpengine_answer for the same message)?"
    ),
    "private_address": (
        "the peer names an address of its own network for media: "
        f"{_NAT}; or let it send where packets come from: rtp_symmetric=yes (Asterisk)"
    ),
    "not_sending": "is the call on hold at the peer, or does its extension only record?",
    "no_telephone_event": (
        "Asterisk: dtmf_mode=rfc4733; FreeSWITCH: dtmf-type=rfc2833; or send the keys otherwise: "
        "--dtmf-mode info"
    ),
    "ice_mismatch": (
        "something on the way rewrites the description and leaves its candidates as they were: switch off "
        "SIP "
        "ALG; an SBC or rtpengine has to replace the candidates (ICE=force) or remove them (ICE=remove)"
    ),
    "ice_password": (
        "checks are answered by somebody else than the description comes from: two ICE agents in the peer (a "
        "media proxy before it that keeps a=ice-pwd of the PBX), or credentials of before a restart"
    ),
    "ice_lies": (
        "media has to leave from the address that ICE agreed on: symmetric RTP in the peer and in each media "
        "proxy (Asterisk: rtp_symmetric=yes, direct_media=no; rtpengine: not asymmetric)"
    ),
    "ice_unanswered": (
        "nothing answers at its candidates: open its RTP ports for UDP in the firewall (Asterisk: rtpstart "
        "to "
        "rtpend of rtp.conf; FreeSWITCH: rtp-start-port), give it its public address (Asterisk: stunaddr or "
        "ice_host_candidates in rtp.conf; FreeSWITCH: ext-rtp-ip, apply-candidate-acl), or a TURN server; "
        "and "
        "try --tcp-candidates"
    ),
    "srtp_key": (
        "who encrypts is not who sent the description: a B2BUA or media proxy that passes a=crypto through "
        "but "
        "has its own keys, or the other way round; rekeying after a re-INVITE; srtp_tag_32 (Asterisk) on one "
        "side only"
    ),
    "dtls_fingerprint": (
        "the certificate was exchanged and the description was not, or a media proxy ends DTLS: restart "
        "the peer; "
        "Asterisk: dtls_cert_file or dtls_auto_generate_cert=yes; rtpengine: DTLS=passive"
    ),
    "dtls_failed": (
        "compare a=setup on both sides, and the SRTP profiles of the peer; is UDP open in both directions?"
    ),
    "wrong_payload_type": (
        "the peer sends the numbers of its own description and not those of the other side's (RFC 3264 "
        "§5.1): "
        "Asterisk: direct_media=no, preferred_codec_only; FreeSWITCH: disable-transcoding and bypass-media "
        "off; "
        "rtpengine: codec-transcode where both sides differ"
    ),
    "wrong_codec": (
        "A-law and mu-law are mixed up: a gateway or card with the wrong law (DAHDI: companding; E1 is "
        "A-law, T1 "
        "is mu-law), or a media proxy that copies payloads from one leg to the other without transcoding"
    ),
    "ssrc_collision": (
        "the peer sends our packets back as they are: an echo at the RTP level (loopback of a media "
        "proxy), or a "
        "hairpin route; an echo extension should decode and send with its own SSRC (RFC 3550 §8.2)"
    ),
    "one_way_audio_in": (
        "open the RTP ports of both sides for UDP, and let the peer send where packets come from: Asterisk: "
        "rtp_symmetric=yes, direct_media=no, and rtpstart to rtpend open; FreeSWITCH: ext-rtp-ip, "
        f"NDLB-force-rport; {_NAT}"
    ),
    "one_way_audio_out": (
        "the peer sends, and does not hear us: open its RTP ports for UDP from outside (rtpstart to rtpend, "
        f"rtp-start-port to rtp-end-port), and let it name its public address: {_NAT}"
    ),
    "sends_silence": (
        "packets arrive and hold silence: does the extension play what it should (a sound file that is "
        "missing, "
        "Answer() before Playback()), and does the peer hear us? Look at transcoding between its codecs"
    ),
    "media_stopped": (
        "the peer has stopped sending: an RTP timeout (rtp_timeout, media_timeout), a mapping of a NAT "
        "that was "
        "forgotten, or a media proxy that ended the session"
    ),
    "wrong_ptime": (
        "Asterisk: allow=ulaw:20 and use_ptime=yes; FreeSWITCH: PCMU@20i in the codec preferences and "
        "rtp-autofix-timing; a gateway with its own packet time has to say so by a=ptime"
    ),
    "rtcp_ssrc": (
        "reports about a stream that nobody sends: a media proxy rewrites RTP and passes RTCP through; let "
        "it do "
        "both or neither (rtpengine: generate-RTCP)"
    ),
    "no_rtcp": (
        "open the port after that of RTP too, or agree on a=rtcp-mux (Asterisk: rtcp_mux=yes); FreeSWITCH: "
        "rtcp-audio-interval-msec=5000; without RTCP nobody knows loss and round trip"
    ),
    "wrong_dtmf_clock": (
        "the durations of telephone events count in the clock of the stream (RFC 4733 §2.1): the peer, or a "
        "gateway on the way, counts in another one: name telephone-event with the clock of the codec (48000 "
        "beside Opus), or use a codec at 8000 Hz: allow=ulaw,alaw"
    ),
    "packet_loss": (
        "a line that is full, or Wi-Fi: look at QoS (DSCP EF for RTP), at duplex settings, and where on "
        "the way "
        "packets get lost (mtr); Opus with in-band FEC stands more of it"
    ),
    "jitter": "a busy machine or line: give RTP priority (DSCP EF), and look at the load of the peer",
}
"""By the names of `Finding.cause`; nothing else is one."""
