"""The path of one component: what media sees of ICE."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ice.net.demux import PacketKind, classify
from ice.net.departures import Departures, Send
from ice.net.network import TcpConnection, UdpSocket
from ice.types import PairView, Transport, TransportAddress

_DROPPABLE = (PacketKind.RTP, PacketKind.QUIC, PacketKind.TURN_CHANNEL)
"""A short QUIC header may begin like a TURN channel, and between peers there are no channels."""

MOST_EARLY = 50
"""So many packets of DTLS wait for a receiver."""

MOST_RECENT = 5
"""So many of RTP, the last ones: who hears a peer before all is ready for it does not miss how it begins."""

PacketReceiver = Callable[[bytes, float], None]
"""Takes one packet and its arrival time in monotonic seconds."""


class SelectedPath:
    """Carries the packets of one component over its selected pair, whatever that is at the moment.

    The object stays the same when the pair changes. Nothing is sent before a pair is valid, while none is
    selected any more, and after the session closed: `send` returns False and counts. Media that arrives on a
    validated pair is delivered before any selection.

    Attributes:
        component: 1 RTP, 2 RTCP.
        pair: the pair selected last, None before the first selection and without ICE.
        transport: that of what carries the packets now, or did last; None before there was anything.
        remote: the same, the remote address.
        receiver: takes what arrives, see `set_receiver`.
        sent_packets: packets that the system or the queue of the connection took.
        received_packets: packets delivered or, without a receiver, kept or discarded.
        unsent_packets: packets that found no path or that the system refused.
    """

    def __init__(self, component: int, departures: Departures | None = None) -> None:
        """The path of `component`; what goes over UDP leaves with the `departures`, at once without them."""
        self.component = component
        self._departures = departures
        self.pair: PairView | None = None
        self.transport: Transport | None = None
        self.remote: TransportAddress | None = None
        self.sent_packets = 0
        self.received_packets = 0
        self.unsent_packets = 0
        self._send_udp: Send | None = None
        self._tcp: TcpConnection | None = None
        self._destination = TransportAddress(host="", port=0)
        self._dropped_before = 0
        self.receiver: PacketReceiver | None = None
        self._early: list[tuple[bytes, float]] = []
        self._recent: deque[tuple[bytes, float]] = deque(maxlen=MOST_RECENT)

    @property
    def reliable(self) -> bool:
        """True on a TCP connection: nothing is lost on the way, late packets come in bursts."""
        return self.transport is Transport.TCP

    @property
    def dropped_stale(self) -> int:
        """Packets dropped because they would have come too late on a slow TCP connection."""
        return self._dropped_before + (0 if self._tcp is None else self._tcp.dropped)

    def send(self, packet: bytes) -> bool:
        """Send one packet now; False where it was dropped.

        RTP, RTCP and QUIC, which sends again what was lost, may be dropped on a slow connection
        (`dropped_stale`); anything else (DTLS) waits for it.
        """
        send_udp, departures = self._send_udp, self._departures
        if send_udp is not None:
            if departures is not None:
                # In place of a call, which each packet of each call would cost.
                waiting = departures.waiting
                if not waiting:
                    departures.expect()
                waiting.append((send_udp, packet, self._destination, self._refused))
                self.sent_packets += 1
                return True
            if send_udp(packet, self._destination):
                self.sent_packets += 1
                return True
        if self._tcp is not None:
            dropped = self._tcp.dropped
            if self._tcp.send(packet, droppable=classify(packet) in _DROPPABLE):
                self.sent_packets += 1
                return True
            if self._tcp.dropped > dropped:
                return False
        self.unsent_packets += 1
        return False

    def _refused(self) -> None:
        """The system did not take what was to leave over UDP."""
        self.sent_packets -= 1
        self.unsent_packets += 1

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        """Deliver arriving packets to `receiver` from now on; None discards them.

        Packets of DTLS that came before there was any receiver have waited for it: the peer may begin its
        handshake before we know who it is (RFC 8842 §5.2). So have the last ones of RTP.
        """
        self.receiver = receiver
        early, self._early = [*self._early, *self._recent], []
        self._recent.clear()
        if receiver is not None:
            for packet, at in early:
                receiver(packet, at)

    # --- for the session ---

    def use_udp(self, socket: UdpSocket, remote: TransportAddress, pair: PairView | None) -> None:
        """Send from `socket` to `remote` from now on."""
        self.stop()
        self._send_udp = socket.send
        self._destination = remote
        self.transport, self.remote, self.pair = Transport.UDP, remote, pair

    def use_tcp(self, connection: TcpConnection, pair: PairView | None) -> None:
        """Send on `connection` from now on; without ICE there is no `pair`."""
        if connection is not self._tcp:
            self.stop()
            self._tcp = connection
        self.transport, self.remote, self.pair = Transport.TCP, connection.remote, pair

    def stop(self) -> None:
        """Send nothing any more; what was selected last can still be read."""
        if self._departures is not None:
            # What was sent before goes where it was to go.
            self._departures.leave()
        self._dropped_before = self.dropped_stale
        self._send_udp = self._tcp = None

    def deliver(self, packet: bytes, now: float) -> None:
        """Hand an arrived packet to the receiver."""
        self.received_packets += 1
        if self.receiver is not None:
            self.receiver(packet, now)
        else:
            self.keep(packet, now)

    def keep(self, packet: bytes, now: float) -> None:
        """Nobody takes an arrived packet yet."""
        kind = classify(packet)
        if kind is PacketKind.RTP:
            self._recent.append((packet, now))
        elif kind is PacketKind.DTLS and len(self._early) < MOST_EARLY:
            self._early.append((packet, now))
