"""One TURN allocation, the client's side (RFC 8656 §6 to §8): it relays UDP, or TCP (RFC 6062 §4).

A core: messages of the server go in by `receive`, messages to it come out by `take_output`, news by
`take_events`. Refreshes, permissions and channels are its own matter.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, assert_never

from ice.candidates.address import version
from ice.errors import StunError
from ice.net.demux import PacketKind, classify
from ice.stun.attributes import AlternateDomain, AlternateServer, Attribute, Software, XorMappedAddress
from ice.stun.binding import binding_indication
from ice.stun.message import TRANSACTION_ID_SIZE, MessageClass, StunMessage, parse
from ice.turn.attributes import (
    IPV6,
    TCP_PROTOCOL,
    UDP_PROTOCOL,
    Lifetime,
    RequestedAddressFamily,
    RequestedTransport,
    XorRelayedAddress,
)
from ice.turn.bind import ConnectionBind
from ice.turn.connections import PeerConnections
from ice.turn.credentials import LongTermCredentials
from ice.turn.events import Allocated, AllocationFailed, AllocationLost, Released, TurnEvent
from ice.turn.message_stream import CHANNEL_HEADER_SIZE
from ice.turn.outbox import TurnOutbox
from ice.turn.peers import Peers
from ice.turn.requests import BAD_REQUEST, Outcome, Requests, TurnMethod
from ice.types import Transport, TransportAddress

REFRESH_BEFORE_S = 60.0
"""Seconds before its end at which an allocation is refreshed (RFC 8656 §8)."""

KEEPALIVE_S = 10.0
"""Seconds of silence, twice as many at most, after which an indication keeps the port at a NAT open."""

RELEASE_S = 1.0
"""Seconds for which the answer to the last Refresh is waited for."""

_LEAST_WAIT_S = 1.0

TRY_ALTERNATE: Final = 300
ALLOCATION_MISMATCH: Final = 437
FAMILY_NOT_SUPPORTED: Final = 440
TRANSPORT_NOT_SUPPORTED: Final = 442

_ADVICE: Mapping[int, str] = {
    403: "the server forbids it",
    ALLOCATION_MISMATCH: "the server remembers another allocation of this port",
    FAMILY_NOT_SUPPORTED: "the server has no address of this family",
    441: "the allocation belongs to another user",
    TRANSPORT_NOT_SUPPORTED: "the server does not relay this transport",
    486: "the user has too many allocations at this server",
    508: "the server has no port or bandwidth left",
}
"""What codes mean, for people (RFC 8656 §19)."""


class AllocationState(enum.StrEnum):
    """Where an allocation stands."""

    NEW = "new"
    ALLOCATING = "allocating"
    ALLOCATED = "allocated"
    RELEASING = "releasing"
    ENDED = "ended"


class _Tag(enum.Enum):
    ALLOCATE = enum.auto()
    REFRESH = enum.auto()
    RELEASE = enum.auto()


class Allocation:
    """One allocation on one 5-tuple. `now` is monotonic seconds; bytes of the server never make it raise.

    Args:
        username: of the account; empty where the server wants none.
        password: of the account.
        reliable: True over TCP and TLS.
        random: gives unpredictable bytes.
        ipv6: ask for an IPv6 relayed address; IPv4 where the server has none.
        transport: what it relays to and from peers; TCP only where `reliable` (RFC 6062 §4.1).
        software: what the server is told of us (RFC 8656 §5); empty for nothing.
    """

    def __init__(
        self,
        *,
        username: str,
        password: str,
        reliable: bool,
        random: Callable[[int], bytes],
        ipv6: bool = False,
        transport: Transport = Transport.UDP,
        software: str = "",
    ) -> None:
        if transport is Transport.TCP and not reliable:
            raise ValueError("TCP is relayed over TCP and TLS only (RFC 6062 §4.1)")
        self._random = random
        self._ipv6 = ipv6
        self._transport = transport
        self._software = (Software(value=software),) if software else ()
        self._outbox = TurnOutbox()
        self._credentials = LongTermCredentials(username, password)
        self._requests = Requests(
            credentials=self._credentials, reliable=reliable, random=random, outbox=self._outbox
        )
        self._peers: Peers | PeerConnections | None = None
        self._refresh_at: float | None = None
        self._expires_at = 0.0
        self._keepalive_at = 0.0
        self._sent_before = 0
        self.state = AllocationState.NEW

    @property
    def user_in_clear(self) -> bool:
        """True where requests name our user, instead of its hash."""
        return self._credentials.in_clear

    @property
    def counters(self) -> Counter[str]:
        """What was dropped, by kind."""
        return self._outbox.counters

    # --- commands of the owner ---

    def start(self, now: float) -> None:
        """Ask for the allocation; raises RuntimeError where it was asked for before."""
        if self.state is not AllocationState.NEW:
            raise RuntimeError("an allocation is asked for once")
        self.state = AllocationState.ALLOCATING
        self._allocate(now)

    def send(self, data: bytes, peer: TransportAddress, now: float) -> bool:
        """Send a datagram to a peer; False where it was dropped.

        It is held until the server lets us reach the peer, and goes over a channel once media flows.
        Raises RuntimeError of an allocation that relays TCP (RFC 6062 §3).
        """
        if self._transport is Transport.TCP:
            raise RuntimeError("no datagrams from an allocation that relays TCP")
        return isinstance(self._peers, Peers) and self._peers.send(data, peer, now)

    def permit(self, host: str, now: float) -> None:
        """Let a host reach the relayed address, before anything is sent to it (RFC 8656 §9)."""
        if self._peers is not None:
            self._peers.permit(host, now)

    @property
    def connections(self) -> PeerConnections:
        """The connections with peers; RuntimeError where TCP is not relayed, or nothing at present."""
        if not isinstance(self._peers, PeerConnections):
            raise RuntimeError("this allocation relays no connections now")
        return self._peers

    def data_connection(self, connection_id: int) -> ConnectionBind:
        """What makes a new connection to the server the data connection of a peer connection."""
        return ConnectionBind(connection_id, credentials=self._credentials.copied(), random=self._random)

    def close(self, now: float) -> None:
        """Give the allocation back (Refresh with lifetime 0); Released tells that all is over."""
        live = self.state is AllocationState.ALLOCATED or (
            # The answer may be on its way: what follows on this 5-tuple undoes it.
            self.state is AllocationState.ALLOCATING and self._credentials.key is not None
        )
        if live:
            self._release(now)
        elif self.state is not AllocationState.RELEASING:
            self._end()

    def connection_lost(self, reason: str, now: float) -> None:
        """The way to the server is gone, and the allocation with it (RFC 8656 §3.1)."""
        self._lose(reason, now)

    # --- input ---

    def receive(self, message: bytes, now: float) -> None:
        """Take one datagram of the server, or one message of its stream."""
        if self.state is AllocationState.ENDED:
            return
        kind = classify(message)
        if (
            kind is PacketKind.TURN_CHANNEL
            and isinstance(self._peers, Peers)
            and len(message) >= CHANNEL_HEADER_SIZE
        ):
            self._peers.channel_data(message, now)
            return
        try:
            if kind is not PacketKind.STUN:
                raise StunError("neither STUN nor ChannelData")
            stun = parse(message)
        except StunError as error:
            self._outbox.refuse("malformed", str(error), now)
            return
        match stun.message_class:
            case MessageClass.SUCCESS | MessageClass.ERROR:
                outcome = self._requests.receive(stun, now)
                if outcome is not None:
                    self._conclude(outcome, now)
            case MessageClass.INDICATION:
                if self._peers is not None:
                    self._peers.indication(stun, now)
            case MessageClass.REQUEST:
                self._outbox.refuse("request", "a TURN server asks nothing", now)
            case _:
                assert_never(stun.message_class)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self.state is AllocationState.ALLOCATED and now >= self._expires_at:
            self._lose("the allocation expired: the server did not refresh it", now)
            return
        for outcome in self._requests.handle_timer(now):
            self._conclude(outcome, now)
        if self.state is not AllocationState.ALLOCATED:
            return
        if self._refresh_at is not None and now >= self._refresh_at:
            self._refresh_at = None
            self._requests.start(_Tag.REFRESH, TurnMethod.REFRESH, self._software, now)
        if self._peers is not None:
            self._peers.handle_timer(now)
        if now >= self._keepalive_at:
            self._keep_alive(now)

    # --- output ---

    def take_output(self) -> list[bytes]:
        """Messages for the server since the last call, in order."""
        return self._outbox.take_output()

    def take_events(self) -> list[TurnEvent]:
        """News since the last call, oldest first."""
        return self._outbox.take_events()

    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        times = [self._requests.next_timer]
        if self.state is AllocationState.ALLOCATED:
            times += [self._refresh_at, self._expires_at, self._keepalive_at]
            if self._peers is not None:
                times.append(self._peers.next_timer)
        return min((at for at in times if at is not None), default=None)

    def _keep_alive(self, now: float) -> None:
        if self._outbox.sent == self._sent_before:
            self._outbox.send(binding_indication(self._random(TRANSACTION_ID_SIZE)))
        self._sent_before = self._outbox.sent
        self._keepalive_at = now + KEEPALIVE_S

    # --- requests ---

    def _allocate(self, now: float) -> None:
        protocol = TCP_PROTOCOL if self._transport is Transport.TCP else UDP_PROTOCOL
        attributes: tuple[Attribute, ...] = (RequestedTransport(protocol=protocol), *self._software)
        if self._ipv6:
            attributes += (RequestedAddressFamily(family=IPV6),)
        self._requests.start(_Tag.ALLOCATE, TurnMethod.ALLOCATE, attributes, now)

    def _release(self, now: float) -> None:
        self.state = AllocationState.RELEASING
        self._peers = None
        self._requests.drop_all()
        self._requests.start(
            _Tag.RELEASE, TurnMethod.REFRESH, (Lifetime(seconds=0), *self._software), now, within_s=RELEASE_S
        )

    def _conclude(self, outcome: Outcome, now: float) -> None:
        """A request ended."""
        if self.state is AllocationState.ENDED:
            return
        if outcome.code == ALLOCATION_MISMATCH and self.state is AllocationState.ALLOCATED:
            # RFC 8656 §5: the server knows of no allocation; nothing of it is left.
            self._lose(f"the server forgot the allocation ({outcome.reason})", now)
            return
        if outcome.code == BAD_REQUEST and self._refresh_at is not None:
            # Some servers answer so where there is no allocation: a Refresh tells (RFC 8656 §12.3).
            self._refresh_at = now
        match outcome.tag:
            case _Tag.ALLOCATE:
                self._allocate_answered(outcome, now)
            case _Tag.REFRESH:
                self._refresh_answered(outcome, now)
            case _Tag.RELEASE:
                self._end()
                self._outbox.event(Released(at=now))
            case _ if self._peers is not None:
                self._peers.answered(outcome, now)
            case _:
                pass

    def _allocate_answered(self, outcome: Outcome, now: float) -> None:
        if outcome.code == FAMILY_NOT_SUPPORTED and self._ipv6:
            # RFC 8656 §7.4: never the same family again.
            self._ipv6 = False
            self._allocate(now)
            return
        answer = outcome.success
        if answer is None:
            self._fail(outcome, now)
            return
        relayed, lifetime = answer.get(XorRelayedAddress), answer.get(Lifetime)
        if relayed is None or lifetime is None:
            self._refuse_answer("the answer holds no relayed address or no lifetime", now)
        elif version(relayed.address.host) != (6 if self._ipv6 else 4) or relayed.address.port == 0:
            # RFC 8656 §7.3: an address of no use is given back.
            self._refuse_answer(f"the relayed address {relayed.address} is of no use", now)
        else:
            self._stand(relayed.address, lifetime.seconds, answer, now)

    def _stand(self, relayed: TransportAddress, lifetime_s: int, answer: StunMessage, now: float) -> None:
        self.state = AllocationState.ALLOCATED
        requests, outbox = self._requests, self._outbox
        if self._transport is Transport.TCP:
            self._peers = PeerConnections(relayed=relayed, requests=requests, outbox=outbox)
        else:
            self._peers = Peers(relayed=relayed, requests=requests, outbox=outbox, random=self._random)
        self._refreshed(lifetime_s, now)
        self._sent_before = self._outbox.sent
        self._keepalive_at = now + KEEPALIVE_S
        mapped = answer.get(XorMappedAddress)
        self._outbox.event(
            Allocated(
                at=now,
                relayed=relayed,
                mapped=None if mapped is None else mapped.address,
                lifetime_s=lifetime_s,
            )
        )

    def _refreshed(self, lifetime_s: int, now: float) -> None:
        self._expires_at = now + lifetime_s
        self._refresh_at = now + max(lifetime_s - REFRESH_BEFORE_S, lifetime_s / 2)

    def _refresh_answered(self, outcome: Outcome, now: float) -> None:
        lifetime = None if outcome.success is None else outcome.success.get(Lifetime)
        if lifetime is not None:
            self._refreshed(lifetime.seconds, now)
            return
        # Repeated until it expires, ever sooner.
        wait = max((self._expires_at - now) / 2, _LEAST_WAIT_S)
        self._refresh_at = min(now + wait, self._expires_at)
        self._outbox.refuse("refresh-failed", f"refreshing the allocation: {outcome.reason}", now)

    # --- ends ---

    def _fail(self, outcome: Outcome, now: float) -> None:
        advice = _ADVICE.get(outcome.code)
        reason = outcome.reason if advice is None else f"{advice} ({outcome.reason})"
        alternates: tuple[TransportAddress, ...] = ()
        domain = ""
        if outcome.code == TRY_ALTERNATE and outcome.answer is not None and outcome.answer.integrity:
            # RFC 8489 §14.8: only a signed redirection counts; its code was checked with the answer.
            alternates = tuple(
                item.address for item in outcome.answer.attributes if isinstance(item, AlternateServer)
            )
            named = outcome.answer.get(AlternateDomain)
            domain = "" if named is None else named.value
        self._end()
        self._outbox.event(
            AllocationFailed(at=now, code=outcome.code, reason=reason, alternates=alternates, domain=domain)
        )

    def _refuse_answer(self, reason: str, now: float) -> None:
        self._release(now)
        self._outbox.event(AllocationFailed(at=now, code=0, reason=reason))

    def _lose(self, reason: str, now: float) -> None:
        state = self.state
        self._end()
        match state:
            case AllocationState.NEW | AllocationState.ALLOCATING:
                self._outbox.event(AllocationFailed(at=now, code=0, reason=reason))
            case AllocationState.ALLOCATED:
                self._outbox.event(AllocationLost(at=now, reason=reason))
            case AllocationState.RELEASING:
                self._outbox.event(Released(at=now))
            case AllocationState.ENDED:
                pass
            case _:
                assert_never(state)

    def _end(self) -> None:
        self.state = AllocationState.ENDED
        self._peers = None
        self._refresh_at = None
        self._requests.drop_all()
