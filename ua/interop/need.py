"""What a scenario needs of a peer, and how the user says that the peer has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

Extension = Literal[
    "echo", "tone", "conference", "dtmf_read_back", "early_media", "busy", "no_answer", "hangs_up", "record",
    "redirect", "no_such_number",
]  # fmt: skip
"""A number behind which the peer does something."""

AccountNeed = Literal["account", "second_account", "third_account"]
"""Users that we may be."""

TransportNeed = Literal["udp", "tcp", "tls", "ws", "wss"]
"""How the peer takes SIP."""

Ability = Literal[
    "registrar",
    "wrong_password",
    "md5",
    "sha256",
    "auth_int",
    "several_contacts",
    "outbound",
    "forks",
    "calls_ourselves",
    "options",
    "message",
    "message_waiting",
    "transfer",
    "attended_transfer",
    "reliable",
    "session_timer",
    "update",
    "delayed_offer",
    "info",
    "rfc4733",
    "rtcp",
    "rtcp_mux",
    "opus",
    "g722",
    "l16",
    "comfort_noise",
    "sdes",
    "gcm",
    "dtls",
    "only_protected",
    "only_plain",
    "ice",
    "ice_lite",
    "ice_restart",
    "ice_tcp",
    "tcp_media",
    "turn",
    "turn_tcp",
    "symmetric_rtp",
    "no_nat",
]
"""What the peer can do."""

EvidenceNeed = Literal["recordings"]
"""What the peer leaves where we can look."""

Need = Extension | AccountNeed | TransportNeed | Ability | EvidenceNeed

EXTENSIONS: Final[tuple[Extension, ...]] = get_args(Extension)
TRANSPORTS: Final[tuple[TransportNeed, ...]] = get_args(TransportNeed)
ABILITIES: Final[tuple[Ability, ...]] = get_args(Ability)

DESCRIPTIONS: Final[Mapping[Need, str]] = {
    "echo": "a number that sends back what it hears",
    "tone": "a number that plays a tone of 1000 Hz",
    "conference": "a number that is a conference room",
    "dtmf_read_back": "a number that sends back the keys it was sent",
    "early_media": "a number that plays a tone before it answers",
    "busy": "a number that is busy",
    "no_answer": "a number that rings and is not answered",
    "hangs_up": "a number that answers and hangs up after 5 s",
    "record": "a number that records what it hears",
    "redirect": "a number that redirects to the echo",
    "no_such_number": "a number that does not exist",
    "account": "an account",
    "second_account": "a second account",
    "third_account": "a third account",
    "udp": "SIP over UDP",
    "tcp": "SIP over TCP",
    "tls": "SIP over TLS",
    "ws": "SIP over WebSocket",
    "wss": "SIP over WebSocket with TLS",
    "registrar": "a registrar",
    "wrong_password": "that a wrong password is refused",
    "md5": "passwords proved by MD5, as the first choice",
    "sha256": "passwords proved by SHA-256",
    "auth_int": "passwords proved with the body protected (auth-int)",
    "several_contacts": "several phones of one user at a time",
    "outbound": "flows that are kept (RFC 5626)",
    "forks": "that all phones of a user ring",
    "calls_ourselves": "that a user may call its own number",
    "options": "answers to OPTIONS",
    "message": "short messages",
    "message_waiting": "notifications of waiting messages",
    "transfer": "transfers by REFER",
    "attended_transfer": "transfers by REFER with Replaces",
    "reliable": "reliable provisional responses (100rel)",
    "session_timer": "session timers",
    "update": "UPDATE",
    "delayed_offer": "calls whose INVITE has no offer",
    "info": "keys by INFO",
    "rfc4733": "keys as telephone events",
    "rtcp": "RTCP",
    "rtcp_mux": "RTP and RTCP on one port",
    "opus": "Opus",
    "g722": "G.722",
    "l16": "L16",
    "comfort_noise": "comfort noise",
    "sdes": "SRTP with keys in the description",
    "gcm": "SRTP with AES-GCM",
    "dtls": "SRTP with keys by DTLS",
    "only_protected": "that media without SRTP is refused",
    "only_plain": "that SRTP is refused",
    "ice": "ICE",
    "ice_lite": "that the peer is an ICE lite agent",
    "ice_restart": "ICE restarts",
    "ice_tcp": "TCP candidates",
    "tcp_media": "RTP over TCP without ICE",
    "turn": "a TURN server",
    "turn_tcp": "a TURN server over TCP or TLS",
    "symmetric_rtp": "media without ICE that goes back to where ours comes from",
    "no_nat": "that no NAT is between the peer and us",
    "recordings": "the folder of its recordings",
}  # fmt: skip
"""What each need means, as the end of "this needs ..."."""


def remedy(need: Need) -> str:
    """What the user types where the peer has it."""
    if need in EXTENSIONS:
        return f"--extension {need}=NUMBER"
    if need in ("account", "second_account", "third_account"):
        return "--user NAME, once for each account"
    if need in TRANSPORTS:
        return f"--transport {need}"
    if need in ("turn", "turn_tcp"):
        return "--config FILE with the server in [ice]"
    if need == "recordings":
        return "a peer file with recordings = FOLDER"
    return f"--offers {need}"
