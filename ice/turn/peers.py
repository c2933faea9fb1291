"""Data to and from the peers of one allocation: permissions, Send and Data, channels (RFC 8656 §9 to §12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ice.net.demux import PacketKind, classify
from ice.stun.message import TRANSACTION_ID_SIZE, MessageClass, StunMessage, serialise
from ice.turn.attributes import ChannelNumber, Data, Icmp, XorPeerAddress
from ice.turn.channels import Channel, Channels
from ice.turn.events import ChannelRefused, PeerData, PeerUnreachable
from ice.turn.message_stream import CHANNEL_HEADER_SIZE
from ice.turn.outbox import TurnOutbox
from ice.turn.permission_requests import PermissionRequests, PermissionTag
from ice.turn.permissions import REFRESH_S, Permission
from ice.turn.requests import BAD_REQUEST, Outcome, Requests, TurnMethod
from ice.types import TransportAddress

MAX_PAYLOAD = 65000
"""Bytes of the longest datagram that is relayed; with its headers it fits a UDP datagram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelTag:
    """Names the ChannelBind for a peer."""

    peer: TransportAddress


class Peers:
    """Everybody whom one allocation sends to or hears of.

    Args:
        relayed: the relayed address; peers of its family only (RFC 8656 §9.1).
        requests: of the allocation.
        outbox: of the allocation.
        random: gives unpredictable bytes.
    """

    def __init__(
        self,
        *,
        relayed: TransportAddress,
        requests: Requests,
        outbox: TurnOutbox,
        random: Callable[[int], bytes],
    ) -> None:
        self._requests = requests
        self._outbox = outbox
        self._random = random
        self._permissions = PermissionRequests(relayed=relayed, requests=requests, outbox=outbox)
        self._channels = Channels()

    def send(self, data: bytes, peer: TransportAddress, now: float) -> bool:
        """Send a datagram, or hold it until the peer's permission stands; False where it was dropped."""
        permission = self._permissions.table.get(peer.host)
        if permission is None:
            permission = self._permissions.add(peer.host, now)
        if permission is None or not 0 < peer.port < 65536 or len(data) > MAX_PAYLOAD:
            self._outbox.counters["not-sent"] += 1
            return False
        permission.used_at = now
        if permission.stands(now):
            self._transmit(data, peer, now)
            return True
        if permission.refused(now):
            self._outbox.counters["no-permission"] += 1
            return False
        if not permission.asked:
            self._permissions.ask(permission, now)
        if not permission.hold(data, peer):
            self._outbox.counters["held-too-long"] += 1
        return True

    def permit(self, host: str, now: float) -> None:
        """Ask for the permission of a host that will be sent to soon; it saves the first packet the wait."""
        self._permissions.permit(host, now)

    def _transmit(self, data: bytes, peer: TransportAddress, now: float) -> None:
        channel = self._channels.get(peer)
        if classify(data) is not PacketKind.STUN:
            channel = channel or self._channels.add(peer, now)
            if channel is not None:
                channel.packets += 1
                if not channel.bound(now) and channel.wanted(now):
                    self._ask_channel(channel, now)
        if channel is not None and channel.bound(now):
            channel.used_at = now
            self._outbox.send(channel.number.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data)
            return
        message = StunMessage(
            method=TurnMethod.SEND,
            message_class=MessageClass.INDICATION,
            transaction_id=self._random(TRANSACTION_ID_SIZE),
            attributes=(XorPeerAddress(address=peer), Data(payload=data)),
        )
        self._outbox.send(serialise(message, integrity_key=None, fingerprint=False))

    # --- requests and what came of them ---

    def _ask_channel(self, channel: Channel, now: float) -> None:
        channel.asked = True
        attributes = (ChannelNumber(number=channel.number), XorPeerAddress(address=channel.peer))
        self._requests.start(_ChannelTag(peer=channel.peer), TurnMethod.CHANNEL_BIND, attributes, now)

    def answered(self, outcome: Outcome, now: float) -> None:
        """A request ended."""
        match outcome.tag:
            case PermissionTag(host=host):
                permission = self._permissions.answered(host, outcome, now)
                if permission is not None:
                    self._granted(permission, now)
            case _ChannelTag(peer=peer):
                self._channel_answered(peer, outcome, now)
            case _:
                pass

    def _channel_answered(self, peer: TransportAddress, outcome: Outcome, now: float) -> None:
        channel = self._channels.get(peer)
        if channel is None:
            return
        permission = self._permissions.table.get(peer.host)
        if outcome.success is not None:
            channel.granted(now)
            # RFC 8656 §12: it installs or refreshes the permission too.
            permission = permission or self._permissions.add(peer.host, now)
            if permission is not None:
                self._granted(permission, now)
            return
        if outcome.code == 0 and channel.bound(now):
            # Nobody answered; it stands for minutes still, the permission does not.
            channel.asked = False
        else:
            channel.refuse(now)
            text = outcome.reason
            if outcome.code == BAD_REQUEST:
                text += "; server and client disagree about channels"
            self._outbox.event(ChannelRefused(at=now, peer=peer, reason=text))
        if permission is not None and permission.asked and permission.stands(now):
            # The ChannelBind was to refresh the permission as well.
            self._permissions.ask(permission, now)

    def _granted(self, permission: Permission, now: float) -> None:
        for data, peer in permission.granted(now):
            self._transmit(data, peer, now)

    # --- time ---

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return self._permissions.table.next_timer

    def handle_timer(self, now: float) -> None:
        """Refresh the permissions and channels in use; the others lapse."""
        for permission in self._permissions.table.due(now):
            channels = [
                channel
                for channel in self._channels.of_host(permission.host)
                if channel.bound(now) and channel.used_at > now - REFRESH_S and not channel.asked
            ]
            if not channels:
                self._permissions.ask(permission, now)
                continue
            permission.asked = True
            for channel in channels:
                self._ask_channel(channel, now)

    # --- data of peers ---

    def indication(self, message: StunMessage, now: float) -> None:
        """Take an indication of the server (RFC 8656 §11.4, §11.6)."""
        source = message.get(XorPeerAddress)
        if message.method != TurnMethod.DATA or source is None:
            self._outbox.refuse("unknown-indication", "an indication that means nothing here", now)
            return
        if message.unknown_required:
            self._outbox.refuse("unknown-attribute", "a Data indication with an unknown attribute", now)
            return
        data, icmp = message.get(Data), message.get(Icmp)
        if data is not None:
            self._deliver(data.payload, source.address, now)
        elif icmp is not None and self._admit(source.address, now):
            self._outbox.event(
                PeerUnreachable(
                    at=now, peer=source.address, icmp_type=icmp.icmp_type, icmp_code=icmp.icmp_code
                )
            )
        elif icmp is None:
            self._outbox.refuse("empty-indication", "a Data indication without data", now)

    def channel_data(self, message: bytes, now: float) -> None:
        """Take a ChannelData message, 4 bytes at least; also before its ChannelBind is answered (§12.5)."""
        channel = self._channels.numbered(int.from_bytes(message[:2], "big"))
        if channel is None or not (channel.asked or channel.bound(now)):
            self._outbox.refuse("unbound-channel", f"data of channel {message[:2].hex()}, not bound", now)
            return
        end = CHANNEL_HEADER_SIZE + int.from_bytes(message[2:4], "big")
        if len(message) < end:
            self._outbox.refuse("short-channel-data", "ChannelData shorter than its length says", now)
            return
        self._deliver(message[CHANNEL_HEADER_SIZE:end], channel.peer, now)

    def _admit(self, peer: TransportAddress, now: float) -> Permission | None:
        permission = self._permissions.table.get(peer.host)
        if permission is None or not permission.admits(now):
            self._outbox.refuse("no-permission-in", f"data of {peer}, which has no permission", now)
            return None
        return permission

    def _deliver(self, payload: bytes, peer: TransportAddress, now: float) -> None:
        permission = self._admit(peer, now)
        if permission is not None:
            permission.used_at = now
            self._outbox.event(PeerData(peer=peer, data=payload))
