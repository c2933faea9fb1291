"""The PBX itself: one SIP endpoint, its registrar and its switchboard."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from ice.net.network import Network
from ice.net.sockets import HostNetwork
from ice.stun.message import StunMessage
from ice.types import TransportAddress
from media.engine import MediaEngine
from ua import clock
from ua.call.surroundings import CallSurroundings
from ua.config.account import Account
from ua.events import EventLog
from ua.pbx.admission import Admission
from ua.pbx.config import PbxConfig
from ua.pbx.domain import Domain
from ua.pbx.location import LocationService
from ua.pbx.registrar import Registrar
from ua.pbx.switchboard import Switchboard
from ua.sip.config import SipConfig
from ua.sip.digest.server import DigestServer
from ua.sip.endpoint import SipEndpoint
from ua.sip.events import replaces
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.rack import RELIABLE
from ua.sip.invite.session_timer import TIMER
from ua.sip.log import SipLogEntry
from ua.sip.retry.targets import RedirectPolicy
from ua.sip.transport.hop import Hop
from ua.transport_mapping import direct_uri, with_transports

METHODS = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE",
    "MESSAGE", "REGISTER",
)  # fmt: skip
"""What the PBX takes; what it does not act on itself it passes to the other leg."""

_UNDERSTOOD = ("ice", "norefersub", "trickle-ice", "answermode", "privacy")
"""Extensions that requests may require, and that the phones settle among themselves."""

PARTY = "pbx"


class Pbx:
    """A small PBX, used as an async context manager; leaving it ends every call.

    Args:
        account: which addresses, ports, transports and certificates it has, and the policy of its own media.
        settings: domain and users.
        log: takes everything that happens.
        network: where the media of its own numbers come from; this host's where None.
    """

    def __init__(
        self, account: Account, settings: PbxConfig, log: EventLog, *, network: Network | None = None
    ) -> None:
        self._account = account
        self._settings = settings
        self._log = log
        self._network = network or HostNetwork(dscp=account.media.dscp)
        self._engine = MediaEngine()
        self._endpoint: SipEndpoint | None = None
        self._switchboard: Switchboard | None = None
        self._registrar: Registrar | None = None
        self._watched: set[Hop] = set()
        self.location = LocationService()

    async def __aenter__(self) -> Self:
        """Open the SIP sockets; raises Unreachable where address or port cannot be had."""
        account, settings = self._account, self._settings
        config = SipConfig(
            host=account.listen_host,
            port=account.listen_port,
            user="pbx",
            user_agent=account.sip.user_agent,
            redirects=RedirectPolicy(follow=False),
            allow=METHODS,
            supported=(RELIABLE, TIMER, replaces.TAG),
            understood=_UNDERSTOOD,
            accept=("application/sdp", "multipart/mixed"),
            session_expires=account.sip.session_expires_s,
            name_servers=account.ice.name_servers,
        )
        self._endpoint = endpoint = SipEndpoint(
            with_transports(config, account),
            on_invite=lambda incoming: self._board.offered(incoming),
            on_request=lambda request: self._board.take(request),
            on_register=self._register,
            on_log=self._on_sip,
        )
        await endpoint.start()
        domain = Domain(name=settings.domain, addresses=self._own_addresses(endpoint))
        endpoint.routing.flow_to = lambda uri: self.location.flow_to(uri, clock.now())
        server = self._authenticator()
        self._registrar = Registrar(
            domain=domain,
            is_user=settings.is_user,
            server=server,
            location=self.location,
            limits=settings.limits,
        )
        around = CallSurroundings(
            account=account, network=self._network, engine=self._engine, log=self._log, party=PARTY
        )
        self._switchboard = Switchboard(
            settings, endpoint, around, self.location, domain, Admission(domain, server)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """End every call, close the sockets."""
        if self._switchboard is not None:
            await self._switchboard.close()
        await self._engine.close()
        if self._endpoint is not None:
            await self._endpoint.close()

    @property
    def addresses(self) -> tuple[str, ...]:
        """URIs that reach the PBX, one for each transport and address."""
        return tuple(
            str(direct_uri(transport, user=None, host=host, port=address.port))
            for transport, address in self._sip.local_addresses.items()
            for host in self._hosts(address.host)
        )

    @property
    def alive(self) -> Mapping[str, int]:
        """Calls and requests on their way, by kind; empty where all is over."""
        return self._board.alive

    @property
    def _sip(self) -> SipEndpoint:
        if self._endpoint is None:
            raise RuntimeError("a PBX is used as an async context manager")
        return self._endpoint

    @property
    def _board(self) -> Switchboard:
        if self._switchboard is None:
            raise RuntimeError("a PBX is used as an async context manager")
        return self._switchboard

    def _own_addresses(self, endpoint: SipEndpoint) -> tuple[TransportAddress, ...]:
        return tuple(
            TransportAddress(host=host, port=address.port)
            for address in endpoint.local_addresses.values()
            for host in self._hosts(address.host)
        )

    def _hosts(self, bound: str) -> list[str]:
        """The addresses behind a bound one: itself, or those of all interfaces."""
        if bound not in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
            return [bound]
        return [each.host for each in self._network.host_addresses() if not each.host.startswith("fe80")]

    def _authenticator(self) -> DigestServer | None:
        users = self._settings.users
        if not users:
            return None
        return DigestServer(
            realm=self._settings.domain,
            password_of=users.get,
            key=secrets.token_bytes(32),
            algorithms=self._settings.algorithms,
        )

    def _register(self, incoming: IncomingRequest) -> None:
        """A REGISTER; one after the other, for nothing here waits."""
        if self._registrar is None:
            incoming.respond(503)
            return
        now = clock.now()
        done = self._registrar.take(incoming.request, incoming.source, now=now, date=datetime.now(UTC))
        incoming.respond(done.status, done.reason, headers=done.headers)
        problem = "" if done.status == 200 else f"{done.status} {done.reason}".rstrip()
        self._tell(done.user, done.status, problem)
        for binding in done.bindings:
            flow = binding.flow
            if flow is not None and flow.reliable and flow not in self._watched:
                self._watched.add(flow)
                self._sip.flows.watch(flow, _FlowWatch(self, flow))

    def lose(self, flow: Hop, reason: str) -> None:
        """A connection has ended: nobody is there any more who registered by it (RFC 5626 §5.3)."""
        self._watched.discard(flow)
        for user in self.location.lose(flow):
            self._tell(user, 0, f"connection lost: {reason}")

    def _tell(self, user: str, status: int, problem: str) -> None:
        """Where a user is now, and what has gone wrong."""
        now = clock.now()
        contacts = [str(each.shown(now)) for each in self.location.bindings(user, now)]
        self._log.record(
            now, PARTY, "sip", "bindings", user=user, status=status, contacts=contacts, reason=problem
        )

    def _on_sip(self, entry: SipLogEntry) -> None:
        self._log.record(entry.at, PARTY, "sip", entry.kind, **entry.data)


class _FlowWatch:
    """Hears of the end of one flow."""

    def __init__(self, pbx: Pbx, flow: Hop) -> None:
        self._pbx = pbx
        self._flow = flow

    def on_flow_lost(self, reason: str) -> None:
        """The connection is gone."""
        self._pbx.lose(self._flow, reason)

    def on_pong(self) -> None:
        """The PBX does not ping."""

    def on_stun(self, message: StunMessage) -> None:
        """The PBX sends no STUN requests by SIP."""
