"""A TURN server as a core: no socket, no clock (RFC 8656, the server's side).

Messages of clients go in by `receive`, datagrams of peers by `relay`; what it sends comes out by
`take_output` (to clients) and `take_relayed` (to peers). TCP that it relays is the matter of `tcp`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ice.candidates.address import version
from ice.errors import StunError
from ice.stun.attributes import (
    AlternateServer,
    Attribute,
    UnknownAttributes,
    Username,
    XorMappedAddress,
)
from ice.stun.credential_attributes import (
    Algorithm,
    Nonce,
    PasswordAlgorithm,
    PasswordAlgorithms,
    Realm,
    Userhash,
)
from ice.stun.message import (
    IntegrityAlgorithm,
    MessageClass,
    Method,
    StunMessage,
    parse,
    serialise,
)
from ice.turn.attributes import (
    FIRST_CHANNEL,
    IPV4,
    IPV6,
    LAST_CHANNEL,
    TCP_PROTOCOL,
    UDP_PROTOCOL,
    AdditionalAddressFamily,
    ChannelNumber,
    Data,
    DontFragment,
    EvenPort,
    Icmp,
    Lifetime,
    RequestedAddressFamily,
    RequestedTransport,
    ReservationToken,
    XorPeerAddress,
    XorRelayedAddress,
)
from ice.turn.credentials import MD5, SHA256, long_term_key, user_hash
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.net.turn_refusal import Refusal
from tests.net.turn_tcp import TcpRelaying, Waiting

DEFAULT_LIFETIME_S = 600
PERMISSION_S = 300.0
CHANNEL_S = 600.0
REUSE_S = 300.0
MEMORY_S = 40.0
_METHODS = frozenset((*TurnMethod, Method.BINDING))


@dataclass(slots=True, kw_only=True)
class Relay:
    """One allocation, on the server."""

    client: TransportAddress
    relayed: TransportAddress
    user: str
    expires_at: float
    tcp: bool = False
    permissions: dict[str, float] = field(default_factory=dict)
    channels: dict[int, tuple[TransportAddress, float]] = field(default_factory=dict)

    def permits(self, host: str, now: float) -> bool:
        """True where data may go to and come from the host."""
        return now < self.permissions.get(host, 0.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that was carried out or refused, for tests to look at."""

    at: float
    client: TransportAddress
    message: StunMessage
    code: int


class TurnServer:
    """The server.

    Args:
        users: passwords by user name.
        random: gives unpredictable bytes.
        realm: of its users.
        host: where it relays from, IPv4.
        host6: where it relays from, IPv6; empty for nowhere.
        features: the four characters behind the nonce cookie ("gAAA": password algorithms); empty for none.
        algorithms: what it lists in PASSWORD-ALGORITHMS; empty for no list.
        nonce_s: seconds until a nonce is stale.
        maximum_s: longest lifetime that it grants, in seconds.
        quota: allocations per user.
        forbidden: peer hosts that it sends nothing to.
        alternate: where it sends everybody who allocates.
        relays_tcp: its clients come over TCP or TLS, and it relays TCP for them (RFC 6062).
        free_port: gives the port of the next relayed address; by chance where there is none.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str],
        random: Callable[[int], bytes],
        realm: str = "example.org",
        host: str = "203.0.113.1",
        host6: str = "",
        features: str = "",
        algorithms: tuple[int, ...] = (),
        nonce_s: float = 3600.0,
        maximum_s: int = 3600,
        quota: int = 10,
        forbidden: Collection[str] = (),
        alternate: TransportAddress | None = None,
        relays_tcp: bool = False,
        free_port: Callable[[], int] | None = None,
    ) -> None:
        self._random = random
        self._hosts = {IPV4: host, IPV6: host6}
        self._cookie = f"obMatJos2{features}" if features else ""
        self._nonces: dict[str, tuple[TransportAddress, float]] = {}
        self._answers: dict[tuple[TransportAddress, bytes], tuple[float, bytes]] = {}
        self._output: list[tuple[TransportAddress, bytes]] = []
        self._relayed: list[tuple[TransportAddress, TransportAddress, bytes]] = []
        self.users = dict(users)
        self.realm = realm
        self.algorithms = algorithms
        self.nonce_s = nonce_s
        self.maximum_s = maximum_s
        self.quota = quota
        self.forbidden = set(forbidden)
        self.alternate = alternate
        self.relays_tcp = relays_tcp
        self._free_port = free_port
        self.beside: tuple[Attribute, ...] = ()
        self.tcp = TcpRelaying(self)
        self.lifetime_s = DEFAULT_LIFETIME_S
        self.reason = "told to fail"
        self.fail_with: dict[int, int] = {}
        self.relays: dict[TransportAddress, Relay] = {}
        self.seen: list[Seen] = []
        self.counters: Counter[str] = Counter()

    # --- in and out ---

    def take_output(self) -> list[tuple[TransportAddress, bytes]]:
        """Messages to clients since the last call."""
        taken, self._output = self._output, []
        return taken

    def take_relayed(self) -> list[tuple[TransportAddress, TransportAddress, bytes]]:
        """Datagrams to peers since the last call: from, to, payload."""
        taken, self._relayed = self._relayed, []
        return taken

    def forget(self) -> None:
        """Lose all allocations and nonces, as a restart does."""
        for client in tuple(self.relays):
            self.end(client)
        self._nonces.clear()
        self._answers.clear()

    def requests(self, method: TurnMethod) -> list[Seen]:
        """The requests of one kind, in order."""
        return [seen for seen in self.seen if seen.message.method == method]

    def receive(self, client: TransportAddress, data: bytes, now: float) -> None:
        """Take a message of a client."""
        self._expire(now)
        if data and 0x40 <= data[0] <= 0x4F:
            self._channel_data(client, data, now)
            return
        try:
            message = parse(data)
        except StunError:
            self.counters["malformed"] += 1
            return
        if message.method not in _METHODS:
            self.counters["unknown-method"] += 1
        elif message.message_class is MessageClass.REQUEST:
            self._request(client, message, now)
        elif message.message_class is MessageClass.INDICATION and message.method == TurnMethod.SEND:
            self._send(client, message, now)

    def relay(self, peer: TransportAddress, relayed: TransportAddress, data: bytes, now: float) -> None:
        """Take a datagram of a peer to a relayed address."""
        self._expire(now)
        relay = next((r for r in self.relays.values() if r.relayed == relayed), None)
        if relay is None or not relay.permits(peer.host, now):
            self.counters["peer-without-permission"] += 1
            return
        for number, (bound, expires_at) in relay.channels.items():
            if bound == peer and now < expires_at:
                header = number.to_bytes(2, "big") + len(data).to_bytes(2, "big")
                self._output.append((relay.client, header + data))
                return
        self.indicate(relay, TurnMethod.DATA, XorPeerAddress(address=peer), Data(payload=data))

    def report_icmp(self, relayed: TransportAddress, peer: TransportAddress, icmp: Icmp) -> None:
        """Tell the client of an ICMP error."""
        relay = next(r for r in self.relays.values() if r.relayed == relayed)
        self.indicate(relay, TurnMethod.DATA, XorPeerAddress(address=peer), icmp)

    # --- requests ---

    def _request(self, client: TransportAddress, message: StunMessage, now: float) -> None:
        remembered = self._answers.get((client, message.transaction_id))
        if remembered is not None and now < remembered[0] + MEMORY_S:
            # A retransmission changes nothing (RFC 8489 §6.3.1).
            self.counters["repeated"] += 1
            self._output.append((client, remembered[1]))
            return
        key: bytes | None = None
        algorithm = message.integrity_algorithm or IntegrityAlgorithm.SHA1
        outcome: tuple[Attribute, ...] | Refusal
        try:
            if message.method == Method.BINDING:
                outcome = (XorMappedAddress(address=client),)
            else:
                user, key = self._authenticate(client, message, now)
                outcome = self._carry_out(client, user, message, now)
        except Waiting as waiting:
            signed = key
            waiting.stream.answer = lambda result, at: self._answer(
                client, message, signed, algorithm, result, at
            )
            return
        except Refusal as refusal:
            outcome = refusal
            key = key if refusal.signed else None
        self._answer(client, message, key, algorithm, outcome, now)

    def _answer(
        self,
        client: TransportAddress,
        message: StunMessage,
        key: bytes | None,
        algorithm: IntegrityAlgorithm,
        outcome: tuple[Attribute, ...] | Refusal,
        now: float,
    ) -> None:
        refused = isinstance(outcome, Refusal)
        self.seen.append(Seen(now, client, message, outcome.code if isinstance(outcome, Refusal) else 0))
        answer = StunMessage(
            method=message.method,
            message_class=MessageClass.ERROR if refused else MessageClass.SUCCESS,
            transaction_id=message.transaction_id,
            attributes=outcome.attributes if isinstance(outcome, Refusal) else outcome,
        )
        data = serialise(answer, integrity_key=key, fingerprint=False, algorithm=algorithm)
        self._answers[client, message.transaction_id] = (now, data)
        self._output.append((client, data))

    def _challenge(self, code: int, client: TransportAddress, now: float) -> Refusal:
        nonce = self._cookie + self._random(8).hex()
        self._nonces[nonce] = (client, now + self.nonce_s)
        more: tuple[Attribute, ...] = (Realm(value=self.realm), Nonce(value=nonce))
        if self.algorithms:
            more += (PasswordAlgorithms(algorithms=tuple(Algorithm(number=n) for n in self.algorithms)),)
        return Refusal(code, "", *more, signed=False)

    def _authenticate(self, client: TransportAddress, message: StunMessage, now: float) -> tuple[str, bytes]:
        """Order of RFC 8489 §9.2.4; the user and the key of the answer."""
        if message.integrity_algorithm is None:
            raise self._challenge(401, client, now)
        name, hidden = message.get(Username), message.get(Userhash)
        realm, nonce = message.get(Realm), message.get(Nonce)
        if (name is None and hidden is None) or realm is None or nonce is None:
            raise Refusal(400, "Bad Request", signed=False)
        number = MD5
        offered, chosen = message.get(PasswordAlgorithms), message.get(PasswordAlgorithm)
        if offered is not None or chosen is not None:
            if offered is None or chosen is None:
                raise Refusal(400, "one of two algorithm attributes", signed=False)
            number = chosen.algorithm.number
            if (
                tuple(a.number for a in offered.algorithms) != self.algorithms
                or number not in self.algorithms
            ):
                raise Refusal(400, "other algorithms than were offered", signed=False)
        user = next(
            (
                known
                for known in self.users
                if (name is not None and name.value == known)
                or (hidden is not None and hidden.value == user_hash(known, self.realm))
            ),
            None,
        )
        if user is None:
            raise self._challenge(401, client, now)
        key = long_term_key(user, self.realm, self.users[user], number)
        algorithm = IntegrityAlgorithm.SHA256 if number == SHA256 else message.integrity_algorithm
        if message.integrity_algorithm is not algorithm or not message.verifies(key):
            raise self._challenge(401, client, now)
        known_nonce = self._nonces.get(nonce.value)
        if known_nonce is None or known_nonce[0].host != client.host or now >= known_nonce[1]:
            raise self._challenge(438, client, now)
        return user, key

    def _carry_out(
        self, client: TransportAddress, user: str, message: StunMessage, now: float
    ) -> tuple[Attribute, ...]:
        code = self.fail_with.get(message.method)
        if code is not None:
            raise Refusal(code, self.reason)
        if message.unknown_required:
            raise Refusal(420, "Unknown Attribute", UnknownAttributes(types=message.unknown_required))
        relay = self.relays.get(client)
        if message.method == TurnMethod.ALLOCATE:
            return self._allocate(client, user, relay, message, now)
        if message.method == TurnMethod.CONNECTION_BIND:
            return self.tcp.bind(client, user, message)
        if relay is None:
            raise Refusal(437, "Allocation Mismatch")
        if relay.user != user:
            raise Refusal(441, "Wrong Credentials")
        match message.method:
            case TurnMethod.REFRESH:
                return self._refresh(relay, message, now)
            case TurnMethod.CREATE_PERMISSION:
                return self._permit(relay, message, now)
            case TurnMethod.CHANNEL_BIND if not relay.tcp:
                return self._bind(relay, message, now)
            case TurnMethod.CONNECT if relay.tcp:
                return self.tcp.connect(relay, message, now)
            case _:
                raise Refusal(400, "not a request")

    def _allocate(
        self, client: TransportAddress, user: str, relay: Relay | None, message: StunMessage, now: float
    ) -> tuple[Attribute, ...]:
        """Order of RFC 8656 §7.2."""
        if relay is not None:
            raise Refusal(437, "Allocation Mismatch")
        transport = message.get(RequestedTransport)
        if transport is None:
            raise Refusal(400, "no REQUESTED-TRANSPORT")
        tcp = transport.protocol == TCP_PROTOCOL and self.relays_tcp
        if transport.protocol != UDP_PROTOCOL and not tcp:
            raise Refusal(442, "Unsupported Transport Protocol")
        if tcp and any(message.get(kind) for kind in (EvenPort, ReservationToken, DontFragment)):
            raise Refusal(400, "not for TCP")
        if message.get(DontFragment) is not None:
            raise Refusal(420, "", UnknownAttributes(types=(DontFragment.type,)))
        self._check_combination(message)
        asked = message.get(RequestedAddressFamily)
        family = IPV4 if asked is None else asked.family
        host = self._hosts.get(family, "")
        if not host:
            raise Refusal(440, "Address Family not Supported")
        if sum(r.user == user for r in self.relays.values()) >= self.quota:
            raise Refusal(486, "Allocation Quota Reached")
        if self.alternate is not None:
            raise Refusal(300, "Try Alternate", AlternateServer(address=self.alternate))
        taken = {r.relayed.port for r in self.relays.values()}
        port = 49152 + int.from_bytes(self._random(2), "big") % 16384
        while port in taken:
            port = 49152 + (port - 49152 + 1) % 16384
        if self._free_port is not None:
            port = self._free_port()
        lifetime = self._granted(message)
        relayed = TransportAddress(host=host, port=port)
        self.relays[client] = Relay(
            client=client, relayed=relayed, user=user, expires_at=now + lifetime, tcp=tcp
        )
        return (
            XorRelayedAddress(address=relayed),
            Lifetime(seconds=lifetime),
            XorMappedAddress(address=client),
            *self.beside,
        )

    @staticmethod
    def _check_combination(message: StunMessage) -> None:
        """RFC 8656 §7.1: what excludes each other."""
        more, token = message.get(AdditionalAddressFamily), message.get(ReservationToken)
        even = message.get(EvenPort)
        one = message.get(RequestedAddressFamily)
        if (
            (one and more)
            or ((one or more) and token)
            or (token and even)
            or (more and even is not None and even.reserve)
        ):
            raise Refusal(400, "attributes that exclude each other")

    def _granted(self, message: StunMessage) -> int:
        asked = message.get(Lifetime)
        wanted = self.lifetime_s if asked is None else asked.seconds
        return max(DEFAULT_LIFETIME_S, min(wanted, self.maximum_s))

    def _refresh(self, relay: Relay, message: StunMessage, now: float) -> tuple[Attribute, ...]:
        asked = message.get(Lifetime)
        if asked is not None and asked.seconds == 0:
            self.end(relay.client)
            return (Lifetime(seconds=0),)
        lifetime = self._granted(message)
        relay.expires_at = now + lifetime
        return (Lifetime(seconds=lifetime),)

    def check_peer(self, relay: Relay, peer: TransportAddress) -> None:
        """Refuse a peer that this allocation cannot have."""
        if version(peer.host) != version(relay.relayed.host):
            raise Refusal(443, "Peer Address Family Mismatch")
        if peer.host in self.forbidden:
            raise Refusal(403, "Forbidden")

    def _permit(self, relay: Relay, message: StunMessage, now: float) -> tuple[Attribute, ...]:
        peers = [item.address for item in message.attributes if isinstance(item, XorPeerAddress)]
        if not peers:
            raise Refusal(400, "no XOR-PEER-ADDRESS")
        for peer in peers:
            self.check_peer(relay, peer)
        for peer in peers:
            relay.permissions[peer.host] = now + PERMISSION_S
        return ()

    def _bind(self, relay: Relay, message: StunMessage, now: float) -> tuple[Attribute, ...]:
        channel, peer = message.get(ChannelNumber), message.get(XorPeerAddress)
        if channel is None or peer is None or not FIRST_CHANNEL <= channel.number <= LAST_CHANNEL:
            raise Refusal(400, "no channel or no peer")
        self.check_peer(relay, peer.address)
        for number, (bound, expires_at) in relay.channels.items():
            same = (number == channel.number, bound == peer.address)
            if any(same) and not all(same) and now < expires_at + REUSE_S:
                raise Refusal(400, "the channel or the peer has another partner")
        relay.channels[channel.number] = (peer.address, now + CHANNEL_S)
        relay.permissions[peer.address.host] = now + PERMISSION_S
        return ()

    # --- data ---

    def _send(self, client: TransportAddress, message: StunMessage, now: float) -> None:
        relay, peer, data = self.relays.get(client), message.get(XorPeerAddress), message.get(Data)
        if (
            relay is None
            or relay.tcp
            or peer is None
            or data is None
            or not relay.permits(peer.address.host, now)
        ):
            self.counters["send-refused"] += 1
            return
        self.counters["indications"] += 1
        self._relayed.append((relay.relayed, peer.address, data.payload))

    def indicate(self, relay: Relay, method: TurnMethod, *attributes: Attribute) -> None:
        """Tell a client something on its control connection."""
        message = StunMessage(
            method=method,
            message_class=MessageClass.INDICATION,
            transaction_id=self._random(12),
            attributes=attributes,
        )
        self._output.append((relay.client, serialise(message, integrity_key=None, fingerprint=False)))

    def _channel_data(self, client: TransportAddress, data: bytes, now: float) -> None:
        relay = self.relays.get(client)
        number, length = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        bound = None if relay is None else relay.channels.get(number)
        if relay is None or bound is None or now >= bound[1] or not relay.permits(bound[0].host, now):
            self.counters["channel-refused"] += 1
            return
        self.counters["channel-data"] += 1
        self._relayed.append((relay.relayed, bound[0], data[4 : 4 + length]))

    def _expire(self, now: float) -> None:
        for client, relay in tuple(self.relays.items()):
            if now >= relay.expires_at:
                self.end(client)
        self.tcp.expire(now)

    def end(self, client: TransportAddress) -> None:
        """The allocation of a client ends, and the connections through it."""
        relay = self.relays.pop(client, None)
        if relay is not None:
            self.tcp.drop(relay)
