"""Makes the wire that a connection needs: plain, TLS, WebSocket, or one in the other."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from OpenSSL import SSL

from ice.types import TransportAddress
from ua.sip.config import SipConfig
from ua.sip.syntax.grammar import is_address
from ua.sip.transport.hop import OVER_TLS, OVER_WEBSOCKET, SipTransport
from ua.sip.transport.tls.context import tls_context
from ua.sip.transport.tls.identity import Refusal, Rules, judge, judge_pinned
from ua.sip.transport.tls.layer import Judge, TlsLayer
from ua.sip.transport.tls.wire import TlsWire
from ua.sip.transport.websocket.wire import WebSocketWire
from ua.sip.transport.wire import PlainWire, Wire


class Wires:
    """Wires for the connections of one endpoint.

    Raises ConfigurationError where TLS is in use and a file of its settings is not.
    """

    def __init__(self, config: SipConfig) -> None:
        self._config = config
        self._context: SSL.Context | None = None
        if OVER_TLS & set(config.transports) and (config.tls.ca_file or config.tls.certificate):
            self._context = tls_context(config.tls)  # reading the system's takes a while: on demand

    def client(self, transport: SipTransport, *, domain: str, remote: TransportAddress) -> Wire:
        """For a connection that we open to this address, to reach this domain."""
        name = domain.strip("[]")
        inner: Wire = PlainWire()
        if transport in OVER_WEBSOCKET:
            inner = WebSocketWire(
                self._config.websocket, secure=transport == "wss", domain=name, remote=remote
            )
        if transport not in OVER_TLS:
            return inner
        rules: Rules = "web" if transport == "wss" else "sip"
        tls = self._config.tls
        layer = TlsLayer(
            self._tls_context(),
            server_name="" if is_address(name) else name,
            who=name,
            expected=f"a certificate for {name} by an issuer in {tls.ca_file or 'the system'}",
            judge=self._judge(rules, name),
            check_chain=tls.verify != "off" and not tls.fingerprints,
        )
        return TlsWire(layer, inner, judge_for=partial(self._judge, rules))

    def server(self, transport: SipTransport) -> Wire:
        """For a connection that somebody opens to us."""
        inner: Wire = PlainWire()
        if transport in OVER_WEBSOCKET:
            inner = WebSocketWire(self._config.websocket, secure=transport == "wss")
        if transport not in OVER_TLS:
            return inner
        tls = self._config.tls
        layer = TlsLayer(
            self._tls_context(),
            server_name=None,
            who="the client",
            expected=f"a certificate by an issuer in {tls.ca_file or 'the system'}",
            judge=None,
            check_chain=tls.verify != "off",
            ask=transport == "tls",  # a browser would bother its user
            require=tls.require_client_certificate and transport == "tls",
        )
        return TlsWire(layer, inner, judge_for=None)

    def _tls_context(self) -> SSL.Context:
        if self._context is None:
            self._context = tls_context(self._config.tls)
        return self._context

    def _judge(self, rules: Rules, domain: str) -> Judge | None:
        tls = self._config.tls
        if tls.fingerprints:
            return partial(judge_pinned, fingerprints=tls.fingerprints)
        if tls.verify != "full":
            return None

        def judged(der: bytes) -> Refusal | None:
            return judge(der, domain=domain, now=datetime.now(UTC), rules=rules)

        return judged
