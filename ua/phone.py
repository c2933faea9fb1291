"""The phone: one account, one SIP endpoint, its registration and its calls."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from ice.net.network import Network
from ice.net.sockets import HostNetwork
from media.engine import MediaEngine
from media.errors import CodecError
from ua import clock
from ua.call import codec_mapping
from ua.call.call import CLOSE_S
from ua.call.incoming import IncomingCall
from ua.call.info import TRICKLE_ICE
from ua.call.outgoing import OutgoingCall, refused_credentials
from ua.call.surroundings import CallSurroundings
from ua.call.transferred import TransferRequest
from ua.capabilities import Capabilities
from ua.config.account import ANONYMOUS_URI, Account
from ua.config.sip_uri import split_sip_uri
from ua.errors import ConfigurationError, UsageError
from ua.events import EventLog
from ua.messages import MessageOutcome, TextMessage, check_size, content_type
from ua.plan import MediaPlan
from ua.reception import Reception
from ua.registration.backoff import recovering
from ua.registration.registration import Registration
from ua.registration.settings import FEATURES, RegistrationSettings
from ua.sip.config import SipConfig
from ua.sip.digest.credentials import Credentials
from ua.sip.digest.server import DigestServer
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipParseError
from ua.sip.events import replaces
from ua.sip.events.refer_to import NO_SUBSCRIPTION
from ua.sip.invite.rack import RELIABLE
from ua.sip.invite.session_timer import TIMER
from ua.sip.log import SipLogEntry
from ua.sip.requests.series import RequestSeries
from ua.sip.retry.targets import RedirectPolicy
from ua.sip.security import is_sips
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.admission import Limits
from ua.transport_mapping import direct_uri, with_transports
from ua.watching import ACCEPTED, Package, Watch

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "INFO",
    "PRACK",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
)
"""What we take within and outside calls."""

HIDDEN = NameAddr(uri=Uri.parse(ANONYMOUS_URI), name="Anonymous")
"""Who we are to others where we do not want to say it (RFC 3261 §8.1.1.3)."""


class Phone:
    """A phone, used as an async context manager; leaving it hangs up and unregisters.

    Args:
        account: who we are, with the policy of ICE and media.
        log: takes everything that happens.
        network: where media sockets come from; this host's where None.
        party: our name in the log; the user part of the account's URI where None.
        engine: the clock of media, where several phones share one; it stays open when the phone is closed.
    """

    def __init__(
        self,
        account: Account,
        log: EventLog,
        *,
        network: Network | None = None,
        party: str | None = None,
        engine: MediaEngine | None = None,
    ) -> None:
        self._account = account
        self._log = log
        self._identity = NameAddr(uri=_uri(account.uri, "account.uri"), name=account.display_name)
        self._shown = HIDDEN if account.hides_identity else self._identity
        self._party = party or self._identity.uri.user or "icephone"
        self._network = network or HostNetwork(dscp=account.media.dscp)
        self._shares_engine = engine is not None
        self._engine = MediaEngine() if engine is None else engine  # one without sessions is false
        self._around = CallSurroundings(
            account=account, network=self._network, engine=self._engine, log=log, party=self._party
        )
        self._reception = Reception(self._around, self._call)
        self._watches: list[Watch] = []
        self._endpoint: SipEndpoint | None = None
        self._registrations: list[Registration] = []

    async def __aenter__(self) -> Self:
        """Open the SIP sockets; raises Unreachable where address or port cannot be had.

        Raises ConfigurationError where a codec of the account cannot be used here.
        """
        account = self._account
        try:
            codec_mapping.formats(account.media.codecs)
        except CodecError as error:
            raise ConfigurationError(f"media.codecs: {error}") from error
        config = SipConfig(
            host=account.listen_host,
            port=account.listen_port,
            user=self._shown.uri.user or "",
            user_agent=account.sip.user_agent,
            redirects=RedirectPolicy(follow=account.sip.follow_redirects, max_hops=account.sip.max_redirects),
            features=tuple(name for name, _ in FEATURES),
            allow=tuple(each for each in METHODS if each != "PRACK" or account.sip.reliable != "off"),
            supported=(
                *(() if account.sip.reliable == "off" else (RELIABLE,)),
                TIMER,
                TRICKLE_ICE,
                replaces.TAG,
                NO_SUBSCRIPTION,
            ),
            session_expires=account.sip.session_expires_s,
            limits=Limits.of_requests(account.sip.requests_per_s),
            info_packages=(TRICKLE_ICE,),
            proxy=self._proxies[0] if self._proxies else None,
            name_servers=account.ice.name_servers,
        )
        config = with_transports(config, account)
        self._endpoint = SipEndpoint(
            config,
            on_invite=self._reception.offered,
            on_request=self._reception.take,
            on_log=self._on_sip,
        )
        self._reception.endpoint = self._endpoint
        self._endpoint.server.availability = self._reception.availability
        self._endpoint.server.session_capabilities = lambda: codec_mapping.capabilities(
            account.media.codecs, session_id=secrets.randbits(62)
        )
        self._endpoint.callers.server = self._authenticator()
        if account.sip.challenge_callers:
            self._endpoint.callers.challenge(lambda request: request.method == "INVITE")
        await self._endpoint.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Hang up every call, end what is watched, remove the registrations, close the sockets."""
        await self._reception.close()
        if self._around.lingering:
            await asyncio.wait(self._around.lingering, timeout=CLOSE_S)
        await asyncio.gather(*(watch.close() for watch in self._watches))
        for registration in self._registrations:
            await registration.close()
        if not self._shares_engine:
            await self._engine.close()
        if self._endpoint is not None:
            await self._endpoint.close()
            counters = self._endpoint.counters
            self._log.record(
                clock.now(), self._party, "sip", "counters", counters=dict(sorted(counters.items()))
            )

    @property
    def do_not_disturb(self) -> bool:
        """True where callers are told that we are not available (480)."""
        return self._reception.do_not_disturb

    @do_not_disturb.setter
    def do_not_disturb(self, wanted: bool) -> None:
        self._reception.do_not_disturb = wanted

    @property
    def auto_plan(self) -> MediaPlan:
        """The media of calls that are answered without a person."""
        return self._reception.auto_plan

    @auto_plan.setter
    def auto_plan(self, plan: MediaPlan) -> None:
        self._reception.auto_plan = plan

    @property
    def addresses(self) -> tuple[str, ...]:
        """URIs that reach this phone directly, e.g. "sip:192.0.2.1:5060"."""
        user = self._identity.uri.user
        return tuple(
            str(direct_uri(transport, user=user, host=host, port=address.port))
            for transport, address in self._sip.local_addresses.items()
            for host in self._hosts(address.host)
        )

    def _hosts(self, bound: str) -> list[str]:
        """The addresses behind a bound one: itself, or those of all interfaces."""
        if bound not in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
            return [bound]
        usable = [each for each in self._network.host_addresses() if not each.host.startswith("fe80")]
        return [each.host for each in usable if not each.loopback] or [each.host for each in usable]

    async def register(self, *, expires: int) -> Registration:
        """Register for `expires` seconds and keep it up; raises UaError."""
        account = self._account
        settings = RegistrationSettings(
            expires_s=expires,
            instance=account.registration.instance,
            keepalive=account.registration.keepalive,
            keepalive_s=account.registration.keepalive_s,
            backoff=recovering(account.registration.recovery_s),
            wants_password=account.password is None,
        )
        registration = Registration(
            self._sip,
            self._register_series,
            proxies=self._proxies,
            settings=settings,
            network=self._network,
            random=secrets.token_bytes,
            log=self._log,
            party=self._party,
        )
        await registration.start()
        self._registrations.append(registration)
        return registration

    async def place(self, uri: str, plan: MediaPlan) -> OutgoingCall:
        """Call `uri`; the call tells the rest. Raises UsageError where the URI is none."""
        required = Headers.of(("Require", RELIABLE)) if self._account.sip.reliable == "require" else Headers()
        return await self._call(uri, plan, required)

    async def _call(self, uri: str, plan: MediaPlan, headers: Headers) -> OutgoingCall:
        target = _target(uri)
        headers = headers.with_added(*self._privacy)
        call = OutgoingCall(
            self._around,
            self._sip,
            target=target,
            from_=self._shown,
            credentials=self._credentials,
            plan=plan,
            headers=headers,
        )
        self._reception.keep(call)
        return call

    def incoming(self) -> AsyncIterator[IncomingCall]:
        """The calls that arrive from now on, ringing; callers heard before that we are not available."""
        return self._reception.calls()

    def transfers(self) -> AsyncIterator[TransferRequest]:
        """Who asks us to call somebody else; see `accept_transfers` of `[sip]`."""
        return self._reception.transfers.requests()

    async def message(self, uri: str, text: str) -> MessageOutcome:
        """Send a short message outside calls; tells what became of it, whatever the answer.

        Raises UsageError where the URI is none or the text too long, AuthenticationError, SipError where no
        answer came.
        """
        body = text.encode()
        target = _target(uri)
        series = self._sip.series(target=target, from_=self._shown, credentials=self._credentials)
        if not is_sips(target):
            check_size(self._sip.size_of(series.draft("MESSAGE", self._privacy, body, content_type())), text)
        done = await series.request("MESSAGE", headers=self._privacy, body=body, content_type=content_type())
        response = done.response
        if response.status in (401, 407):
            raise refused_credentials(response, done.auth_problem, wanted=not self._credentials)
        return MessageOutcome.of(response)

    async def options(self, uri: str) -> Capabilities:
        """Ask what `uri` can do; gives the answer, whatever its status.

        Raises UsageError where the URI is none, SipError where no answer came.
        """
        series = self._sip.series(target=_target(uri), from_=self._shown, credentials=self._credentials)
        headers = self._privacy.with_added(("Accept", SDP))
        return Capabilities.of((await series.request("OPTIONS", headers=headers)).response)

    def messages(self) -> AsyncIterator[TextMessage]:
        """The short messages that arrive. Until this is iterated, senders hear that nobody is here."""
        return self._reception.messages.read()

    def subscribe(self, package: Package, uri: str | None = None, *, expires: int = 3600) -> Watch:
        """Watch `uri`, ourselves where None: "message-summary" or "dialog". Raises UsageError."""
        target = self._identity.uri if uri is None else _target(uri)
        watch = Watch(
            package,
            lambda on_notify, on_end: self._sip.subscribe(
                package,
                target,
                from_=self._identity,
                accept=(ACCEPTED[package],),
                expires=expires,
                on_notify=on_notify,
                on_end=on_end,
                credentials=self._credentials,
            ),
            log=self._log,
            party=self._party,
        )
        self._watches.append(watch)
        return watch

    # --- inside -------------------------------------------------------------------------------------------

    @property
    def _sip(self) -> SipEndpoint:
        if self._endpoint is None:
            raise RuntimeError("a phone is used as an async context manager")
        return self._endpoint

    def _authenticator(self) -> DigestServer | None:
        """Knows our own user: who proves to have our password is taken for ourselves."""
        account = self._account
        if account.password is None:
            return None
        return DigestServer(
            realm=account.realm or account.domain or self._identity.uri.host,
            password_of={account.auth_user: account.password}.get,
            key=secrets.token_bytes(32),
            algorithms=("SHA-256",) if account.refuse_md5 else ("SHA-256", "MD5"),
        )

    @property
    def _privacy(self) -> Headers:
        """Servers that know who we are keep it to themselves where we hide it (RFC 3325 §9.3)."""
        return Headers.of(("Privacy", "id")) if self._account.hides_identity else Headers()

    @property
    def _proxies(self) -> tuple[Uri, ...]:
        """The outbound proxies as loose routes, the preferred one first."""
        account = self._account
        texts = () if account.proxy is None else (account.proxy, *account.registration.backup_proxies)
        return tuple(_uri(text, "account.proxy").with_param("lr", None) for text in texts)

    def _register_series(self, proxy: Uri | None) -> RequestSeries:
        """The REGISTER requests of one flow; what the registrar says of ways out is not for them."""
        return self._sip.series(
            target=_uri(self._account.registrar, "account.registrar"),
            from_=self._identity,
            to=self._identity,
            credentials=self._credentials,
            routes=() if proxy is None else (NameAddr(uri=proxy),),
        )

    @property
    def _credentials(self) -> tuple[Credentials, ...]:
        account = self._account
        if account.password is None:
            return ()
        # Without an account there is no server of our own: the password is for the one that is called.
        ours = (
            () if account.anonymous else (account.uri, account.registrar, account.proxy or account.registrar)
        )
        known = Credentials(
            username=account.auth_user,
            password=account.password,
            realm=account.realm,
            hosts=tuple(split_sip_uri(uri).host for uri in ours),
            refuse_md5=account.refuse_md5,
            integrity=account.auth_int,
        )
        return (known,)

    def _on_sip(self, entry: SipLogEntry) -> None:
        self._log.record(entry.at, self._party, "sip", entry.kind, **entry.data)


def _target(uri: str) -> Uri:
    try:
        return Uri.parse(uri)
    except SipParseError as error:
        raise UsageError(f"{uri!r} is not a SIP URI: {error.reason}") from error


def _uri(text: str, key: str) -> Uri:
    try:
        return Uri.parse(text)
    except SipParseError as error:
        raise ConfigurationError(f"{key}: {text!r} is not a SIP URI: {error.reason}") from error
