"""Settings of a SIP endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from ice.types import TransportAddress
from ua.sip.retry.targets import RedirectPolicy
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.admission import Limits
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import SipTransport
from ua.sip.transport.tls.config import TlsConfig
from ua.sip.transport.websocket.config import WebSocketConfig

ICE_OPTION = "ice"
"""Option tag of an INVITE that must not go on without ICE (RFC 5768 §5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipConfig:
    """Settings of a SIP endpoint.

    Attributes:
        host: local address to bind, "0.0.0.0" or "::" for all of a family.
        port: local port of UDP and TCP, 0 for one that is free on both.
        transports: what is spoken; the first is used where a URI leaves it open (RFC 3263 §4.1 names UDP).
            UDP and TCP are bound; TLS is where there is a certificate, WebSockets where they have a port.
        tls_port: local port of TLS, 0 for any.
        ws_port: local port of WebSockets, 0 for any, None where nobody is to connect to us so.
        wss_port: the same for WebSockets over TLS.
        tls: certificates, and whom we trust.
        websocket: path and origins of WebSockets.
        user: user part of our Contact, may be empty.
        user_agent: User-Agent and Server, empty for none.
        proxy: outbound proxy as a loose route, used for every request outside a dialog (RFC 3261 §8.1.2).
        allow: methods we take, in Allow.
        supported: option tags of extensions in use, in Supported.
        understood: option tags that a request may require besides; ICE is not in Supported (RFC 5768 §4).
        info_packages: packages of INFO that we take, in Recv-Info (RFC 6086 §5.3.1).
        accept: body types we take, in Accept.
        features: media feature tags of our Contact in answers to OPTIONS, e.g. "+sip.ice" (RFC 5768 §4).
        redirects: whether a 3xx is followed to the addresses that it names (RFC 3261 §8.1.3.4).
        session_expires: seconds of a session without a refresh that we ask for (RFC 4028), 0 to ask for none.
        min_session_expires: seconds of it that we take at least, 90 or more.
        timers: T1, T2, T4.
        limits: how many requests of others are taken.
        connect_timeout: seconds for a connection.
        handshake_timeout: seconds for the handshakes of TLS and WebSocket on it.
        partial_timeout: seconds that half a message may wait on a stream, and that who connects may take to
            say anything.
        idle_timeout: seconds without any message after which a connection is closed; 64*T1 at least (§18).
        udp_max_bytes: a longer request goes over TCP (RFC 3261 §18.1.1).
        max_connections: connections of one transport at a time.
        name_servers: asked where servers are; empty: those of the system.
        max_connections_per_host: those that one remote address may have opened to us.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a phone is called from outside
    port: int = 0
    transports: tuple[SipTransport, ...] = ("udp", "tcp")
    tls_port: int = 0
    ws_port: int | None = None
    wss_port: int | None = None
    tls: TlsConfig = field(default_factory=TlsConfig)
    websocket: WebSocketConfig = field(default_factory=WebSocketConfig)
    user: str = ""
    user_agent: str = "icephone"
    proxy: Uri | None = None
    allow: tuple[str, ...] = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE")
    supported: tuple[str, ...] = ("100rel", "timer")
    understood: tuple[str, ...] = (ICE_OPTION,)
    info_packages: tuple[str, ...] = ()
    accept: tuple[str, ...] = ("application/sdp",)
    features: tuple[str, ...] = ()
    redirects: RedirectPolicy = field(default_factory=RedirectPolicy)
    session_expires: int = 1800
    min_session_expires: int = 90
    timers: Timers = field(default_factory=Timers)
    limits: Limits = field(default_factory=Limits)
    connect_timeout: float = 4.0
    handshake_timeout: float = 10.0
    partial_timeout: float = 30.0
    idle_timeout: float = 3600.0
    udp_max_bytes: int = 1300
    max_connections: int = 200
    max_connections_per_host: int = 20
    name_servers: tuple[TransportAddress, ...] = ()
