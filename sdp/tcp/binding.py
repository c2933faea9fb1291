"""Media over TCP without ICE: the connections of one audio stream, driven by its offers and answers.

RFC 4145 says who connects and when, RFC 4571 what the connections carry: RTP on one, RTCP on another or,
where rtcp-mux was agreed, on the same. The order of calls is that of `sdp.ice.binding`.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.hosts import usable_hosts
from ice.net.network import Network
from ice.net.tcp_socket import describe_error
from sdp.attributes import connection_attr
from sdp.attributes.connection_attr import ConnectionUse, Setup, Step, TcpSetup
from sdp.errors import ConnectionFailed, ExchangeError
from sdp.ice.fragment import Fragment
from sdp.media_paths import Paths
from sdp.negotiation import default_destination
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.negotiated import Answer, AudioWish, LocalMedia, NegotiatedMedia, TcpSide
from sdp.negotiation.offer_size import Telling
from sdp.negotiation.remote_audio import RemoteAudio
from sdp.silent_path import SilentPath
from sdp.syntax.model import SessionDescription
from sdp.syntax.protocols import Keying
from sdp.tcp import offer as tcp_offer
from sdp.tcp.events import TcpEvent
from sdp.tcp.stream import CONNECT_S, TcpStream


class TcpBinding:
    """One audio stream of one call over TCP without ICE.

    Args:
        network: where sockets come from.
        config: which addresses and ports are used, and how long media may wait for a slow peer.
        session_id: random number below 2^63 for the o= line.
        setup: what we are willing to do: connect (ACTIVE), be connected to (PASSIVE), either (ACTPASS), or
            neither for the time being (HOLDCONN). It may be changed between two exchanges.
        offers_first: our offer comes first.
        connect_s: seconds until a connection that was agreed on must be there.

    Attributes:
        exchange: the descriptions in force.
        setup: as given.
        offers_first: as given.
        telling: of no use here, there are no candidates to tell.
        left_ice: never; there is no ICE to leave.
        needs_updated_offer: never; nothing is selected that the peer does not know.
        renews_keys: our next offer has other SRTP keys than those in force; the answer to it resets this.

    Raises:
        GatheringFailed: this host has no address to use.
    """

    left_ice = False
    needs_updated_offer = False

    def __init__(
        self,
        *,
        network: Network,
        config: IceConfig,
        session_id: int,
        setup: Setup = Setup.ACTPASS,
        offers_first: bool = True,
        connect_s: float = CONNECT_S,
    ) -> None:
        self._network, self._config = network, config
        self._hosts = self._usable_hosts()
        self.exchange = MediaExchange(session_id=session_id)
        self.setup = setup
        self.offers_first = offers_first
        self.telling = Telling()
        self._refused_ports = config.refused_ports
        self._listeners: list[Callable[[TcpEvent], None]] = []
        self._rtp, self._rtcp = (
            TcpStream(
                network=network,
                component=component,
                queue_ms=config.queue_ms,
                tell=self._tell,
                connect_s=connect_s,
            )
            for component in (1, 2)
        )
        self._host = self._hosts[0]
        self._started: NegotiatedMedia | None = None
        self._dialled = False
        self._renewed = False
        self.renews_keys = False
        self._silent = SilentPath()

    def _usable_hosts(self) -> list[str]:
        """One m= line has one address: most peers know IPv4 (as with the default candidate of ICE)."""
        hosts = usable_hosts(self._network.host_addresses(), self._config)
        first = 6 if self._config.default_ipv6 else 4
        if not hosts:
            raise GatheringFailed("no usable network address")
        return sorted(hosts, key=lambda host: ipaddress.ip_address(host).version != first)

    def subscribe(self, on_event: Callable[[TcpEvent], None]) -> Callable[[], None]:
        """Call `on_event` for every event from now on; the returned function ends that."""
        self._listeners.append(on_event)
        return lambda: self._listeners.remove(on_event)

    def _tell(self, event: TcpEvent) -> None:
        for on_event in tuple(self._listeners):
            on_event(event)

    # --- before an offer or an answer ---------------------------------------------------------------------

    async def open(self) -> None:
        """Listen for what our first offer asks for; raises GatheringFailed."""
        if self.setup in (Setup.PASSIVE, Setup.ACTPASS):
            await self._listen(self._hosts[0])

    async def restart(self) -> None:
        """The next offer asks for a new connection: this one is closed, or was lost (RFC 4145 §6.2).

        Raises:
            GatheringFailed: there is no address, or nobody can listen there any more.
            ExchangeError: an offer of ours is open.
        """
        if self.exchange.open_offer is not None:
            raise ExchangeError("our last offer is not answered yet")
        self._hosts = self._usable_hosts()
        await self.open()
        self._renewed = True

    async def move(self) -> None:
        """Go to another address of ours: `restart` has seen to that."""

    def stands_on(self, host: str) -> bool:
        """True where the connection of RTP leaves from this address of ours."""
        return self._rtp.connection is not None and self._rtp.connection.local.host == host

    async def ready(self) -> None:
        """Be ready for the answer to our next offer, which keeps the connection (RFC 4145 §5.1).

        The peer may want a new one all the same: who was connected to listens on the same port again.

        Raises:
            GatheringFailed: nobody can listen here any more.
        """
        connection = self._rtp.connection
        if connection is None or self._dialled or self._rtp.listening is not None:
            return
        second = self._rtcp.connection
        await self._listen(
            connection.local.host, connection.local.port, 0 if second is None else second.local.port
        )

    async def prepare(self, offer: SessionDescription, wish: AudioWish) -> None:  # noqa: ARG002 - as with ICE
        """Do what the answer to the peer's offer needs; raises GatheringFailed."""
        remote = tcp_offer.find(offer)
        if remote is None:
            return
        self._host = self._nearest(_host_of(remote))
        if tcp_offer.needs_listener(
            remote,
            can_dial=self._can_dial,
            can_listen=self._can_listen,
            has_connection=self._rtp.connection is not None,
        ):
            await self._listen(self._host)

    async def _listen(self, host: str, port: int = 0, rtcp_port: int = 0) -> None:
        try:
            await self._rtp.listen(host, port)
            above = 0 if self._rtp.listening is None else (self._rtp.listening.port + 1) % 65536
            try:
                await self._rtcp.listen(host, rtcp_port or above)
            except OSError:
                # Another port will do, a=rtcp names it (RFC 3605).
                await self._rtcp.listen(host)
        except OSError as error:
            self._release()
            raise GatheringFailed(f"TCP on {host}: {describe_error(error)}") from error
        self._host = host

    def _release(self) -> None:
        self._rtp.ignore()
        self._rtcp.ignore()

    # --- offers and answers -------------------------------------------------------------------------------

    def offer(self, wish: AudioWish, *, room: int | None = None) -> SessionDescription:  # noqa: ARG002
        """The next offer; it keeps the connection there is, unless `restart` came before.

        Args:
            wish: what is asked for.
            room: of no use here, there are no candidates to leave out.

        Raises:
            ExchangeError: an offer of ours is open.
        """
        return self.exchange.offer(self._local(wish))

    def apply_answer(self, answer: SessionDescription) -> NegotiatedMedia:
        """Take the answer to our offer, and connect or be connected to.

        Raises:
            NegotiationError: the answer leaves nothing to talk with; a running stream goes on as before.
        """
        negotiated = self.exchange.accept(answer)
        self.renews_keys = False
        self._apply(negotiated, we_offered=True)
        return negotiated

    def offer_failed(self) -> None:
        """Our offer was rejected or timed out: everything stays as it was."""
        self.exchange.reject()
        self._renewed = False
        self._release()

    def answer(self, offer: SessionDescription, wish: AudioWish) -> Answer:
        """Answer an offer; `prepare` comes before, `answer_sent` after it.

        Raises:
            ExchangeError: an offer of ours is open (491 is due).
        """
        answered = self.exchange.answer(offer, self._local(wish))
        if answered.negotiated is None:
            self._release()
        return answered

    def answer_sent(self) -> None:
        """Our answer has left: connect, or be connected to.

        Raises:
            ExchangeError: there is no answer with an accepted stream.
        """
        if self.exchange.negotiated is None:
            raise ExchangeError("there is no answer yet")
        self._apply(self.exchange.negotiated, we_offered=False)

    def take_fragment(self, fragment: Fragment) -> list[str]:
        """Candidates mean nothing here; says so."""
        return ["candidates for a stream without ICE" for _ in fragment.sections]

    # --- the path -----------------------------------------------------------------------------------------

    async def paths(self, *, selected: bool = True) -> Paths:  # noqa: ARG002 - as with ICE
        """Wait for the connection of RTP; RTCP's may come later, or never.

        Where none was wanted (holdconn) the paths carry nothing.

        Raises:
            ConnectionFailed: there is none; the text says why.
            ExchangeError: offer and answer are not complete.
        """
        started = self._started
        if started is None:
            raise ExchangeError("offer and answer come first")
        reason = await self._rtp.settled()
        if reason:
            raise ConnectionFailed(f"no TCP connection for media: {reason}")
        if started.rtcp_mux:
            return Paths(self._rtp.path, self._rtp.path)
        second = started.rtcp and started.components == 2
        return Paths(self._rtp.path, self._rtcp.path if second else self._silent)

    @property
    def is_connected(self) -> bool:
        """True while RTP has its connection."""
        return self._rtp.connection is not None

    async def stop(self) -> None:
        """The peer has taken the stream out: free its sockets (RFC 3264 §8.2). An offer may bring it back."""
        self._started = None
        self._rtp.nothing()
        self._rtcp.nothing()

    async def close(self) -> None:
        """Free every socket of the stream."""
        await self._rtp.close()
        await self._rtcp.close()

    # --- inside -------------------------------------------------------------------------------------------

    @property
    def _can_dial(self) -> bool:
        return self.setup in (Setup.ACTIVE, Setup.ACTPASS)

    @property
    def _can_listen(self) -> bool:
        return self.setup in (Setup.PASSIVE, Setup.ACTPASS)

    def _local(self, wish: AudioWish) -> LocalMedia:
        address, rtcp_address = self._rtp.listening, self._rtcp.listening
        connection = self._rtp.connection
        if address is None and connection is not None and not self._dialled:
            # An answer that keeps the connection repeats where it came to.
            second = self._rtcp.connection
            address, rtcp_address = connection.local, None if second is None else second.local
        return LocalMedia(
            formats=wish.formats,
            direction=wish.direction,
            ptime_ms=wish.ptime_ms,
            address=address,
            rtcp_address=rtcp_address,
            rtcp_mux=wish.rtcp_mux,
            rtcp_mux_only=wish.rtcp_mux_only,
            ice_required=wish.ice_required,
            extended_reports=wish.extended_reports,
            # a=setup would have two meanings with DTLS (RFC 8842 §5).
            keying=self.exchange.keying(
                replace(wish.keying, accepts=wish.keying.accepts - {Keying.DTLS}),
                secrets.token_bytes,
                renew=self.renews_keys,
            ),
            tcp=TcpSide(
                offer=self._offered(),
                host=self._host if connection is None else connection.local.host,
                can_dial=self._can_dial,
                can_listen=self._can_listen,
                has_connection=connection is not None,
            ),
        )

    def _offered(self) -> TcpSetup:
        """a=setup and a=connection of our next offer."""
        listens = self._rtp.listening is not None
        if self._rtp.connection is not None and not self._renewed:
            setup = Setup.PASSIVE if listens else Setup.ACTIVE if self._can_dial else Setup.HOLDCONN
            return TcpSetup(setup=setup, connection=ConnectionUse.EXISTING)
        setup = self.setup
        if not listens and setup is Setup.ACTPASS:
            setup = Setup.ACTIVE
        elif not listens and setup is Setup.PASSIVE:
            setup = Setup.HOLDCONN
        return TcpSetup(setup=setup, connection=ConnectionUse.NEW)

    def _apply(self, negotiated: NegotiatedMedia, *, we_offered: bool) -> None:
        self._started = negotiated
        self._renewed = False
        if negotiated.tcp is None:
            raise ExchangeError("the stream is not one over TCP")
        step = connection_attr.step(negotiated.tcp, we_offered=we_offered)
        if step is Step.KEEP:
            self._release()
            return
        self._dialled = step is Step.CONNECT
        targets = [(self._rtp, negotiated.remote_address), (self._rtcp, negotiated.remote_rtcp_address)]
        running = 0 if step is Step.NOTHING else negotiated.components
        for stream, _ in targets[running:]:
            stream.nothing()
        for stream, remote in targets[:running]:
            if step is Step.CONNECT:
                local_host = self._nearest(None if remote is None else remote.host)
                stream.dial(local_host, remote, refused=self._refused_ports)
            else:
                stream.accept(None if remote is None else remote.host)

    def _nearest(self, remote: str | None) -> str:
        return nearest(self._hosts, remote)


def nearest(hosts: Sequence[str], remote: str | None) -> str:
    """The one of our addresses that has most leading bits in common with the peer's (RFC 6724 §5, rule 9).

    Args:
        hosts: at least one IP address, best first.
        remote: the peer's IP address; None or one of a family that we have not gives the best of ours.
    """
    if remote is None:
        return hosts[0]
    peer = ipaddress.ip_address(remote)
    alike = [host for host in hosts if ipaddress.ip_address(host).version == peer.version]
    if not alike:
        return hosts[0]
    return min(alike, key=lambda host: (int(ipaddress.ip_address(host)) ^ int(peer)).bit_length())


def _host_of(remote: RemoteAudio) -> str | None:
    defaults = default_destination.read(remote.session, remote.media, remote.rtcp, muxed=False)
    address = None if defaults.rtp is None else defaults.rtp.address
    return None if address is None else address.host
