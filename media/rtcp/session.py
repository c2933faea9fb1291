"""RTCP of one session: reports out, reports in (RFC 3550 §6)."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from typing import Final, assert_never

from media.config import MediaConfig
from media.errors import PacketError
from media.events import MediaEvent, PeerLeft, ReportReceived
from media.path import PacketPath
from media.rtcp.compound import (
    MAXIMUM_REPORTS,
    RtcpByePacket,
    RtcpItem,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    XrPacket,
    build,
    cname_of,
    parse,
    source_description,
)
from media.rtcp.extended import ExtendedReports
from media.rtcp.interval import RtcpTimer
from media.rtcp.members import Members
from media.rtcp.xr import UNAVAILABLE
from media.rtp.clock import middle_32, ntp_time, round_trip
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender
from media.sending_guard import SendingGuard

HEADERS: Final = 28
"""UDP and IPv4 headers, which count as RTCP traffic (RFC 3550 §6.3.3)."""

_ROUND_TRIPS: Final = 8

_TELL_S: Final = 0.2
"""Reports that come faster than this are not told one by one."""

_FIRST_SIZE: Final = HEADERS + 28 + 24
"""A sender report without blocks and a CNAME of 16 characters."""


def new_cname(random: Callable[[int], bytes]) -> str:
    """A canonical name for one session: 96 random bits in base64 (RFC 7022 §4.2, §5)."""
    return base64.b64encode(random(12)).decode()


class RtcpSession:
    """Sends compound packets when they are due, and draws what matters from those of the peer.

    Args:
        path: where RTCP goes; None sends none.
        sender: our RTP.
        receiver: the peer's RTP.
        guard: told of the reports of the peer.
        extended: what goes beside the reports.
        cname: our canonical name.
        config: bandwidth and minimum interval.
        reporting: false while nothing is to be sent.
        uniform: random numbers in [0, 1).
        refuse: called with a reason and the time for each packet that is dropped.
        collision: called when a packet carries our own SSRC.
        on_event: called with `PeerLeft` and `ReportReceived`.
        now: monotonic seconds.
        wall_clock: Unix time at `now`, seconds.
    """

    def __init__(
        self,
        *,
        path: PacketPath | None,
        sender: RtpSender,
        receiver: RtpReceiver,
        guard: SendingGuard,
        extended: ExtendedReports,
        cname: str,
        config: MediaConfig,
        reporting: Callable[[], bool],
        uniform: Callable[[], float],
        refuse: Callable[[str, float], None],
        collision: Callable[[float], None],
        on_event: Callable[[MediaEvent], None],
        now: float,
        wall_clock: float,
    ) -> None:
        self._path = path
        self._sender = sender
        self._receiver = receiver
        self._guard = guard
        self._extended = extended
        self._cname = cname
        self._refuse = refuse
        self._collision = collision
        self._on_event = on_event
        self._reporting = reporting
        self._wall_offset = wall_clock - now
        self._members = Members()
        self._reported_at = now
        self._told_at = float("-inf")
        self._sent = False
        self.timer = RtcpTimer(
            now,
            bandwidth=config.rtcp_bandwidth,
            minimum=config.rtcp_minimum_s,
            first_size=_FIRST_SIZE,
            uniform=uniform,
        )
        """Its `next_at` says when `handle_timer` is due."""
        self._round_trips: deque[float] = deque(maxlen=_ROUND_TRIPS)
        self.peer_report: RtcpReceiverInfo | None = None
        """What the peer last said about our stream."""
        self.peer_cname: str | None = None

    @property
    def round_trip(self) -> float | None:
        """Seconds, the least of the last measurements: queues on the way are jitter. None until known."""
        return min(self._round_trips, default=None)

    @property
    def peer_mos(self) -> float | None:
        """How well the peer hears us by its own account, 1 to 5; None where it says nothing."""
        said = self._extended.peer
        return None if said is None or said.mos_cq == UNAVAILABLE else said.mos_cq / 10

    # --- out ----------------------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Send a report if it is time (RFC 3550 §6.3.6), and look after the member table (§6.3.5)."""
        timer = self.timer
        self._refresh_members(now)
        we_sent = now - self._sender.last_sent_at <= 2 * timer.interval
        members = self._members.count
        senders = self._members.senders + we_sent
        if not timer.expired(now, members=members, senders=senders, we_sent=we_sent):
            return
        size = self._send([*self._reports(now, we_sent=we_sent)], now)
        timer.sent(size + HEADERS, now, members=members, senders=senders, we_sent=we_sent)

    def bye(self, now: float) -> None:
        """Leave: report, SDES and BYE at once; nothing where we never sent anything (RFC 3550 §6.3.7)."""
        if self._sent or self._sender.packets:
            we_sent = now - self._sender.last_sent_at <= 2 * self.timer.interval
            reports = self._reports(now, we_sent=we_sent)
            self._send([*reports, RtcpByePacket(sources=[self._sender.ssrc])], now)

    def _send(self, items: list[RtcpItem], now: float) -> int:
        packet = build(items)
        self._reported_at = now
        if self._path is not None and self._reporting():
            self._sent = True
            self._path.send(packet)
            if self._path is self._sender.path:
                self._sender.path_used(now)
        return len(packet)

    def _reports(self, now: float, *, we_sent: bool) -> list[RtcpItem]:
        sender = self._sender
        blocks = [
            stream.report(now)
            for stream in self._receiver.streams.values()
            if stream.heard_at >= self._reported_at and stream.packets
        ][:MAXIMUM_REPORTS]
        report: RtcpItem
        if we_sent:
            info = RtcpSenderInfo(
                ntp_timestamp=self._ntp(now),
                rtp_timestamp=sender.timestamp_at(now),
                packet_count=sender.report_packets & 0xFFFFFFFF,
                octet_count=sender.report_bytes & 0xFFFFFFFF,
            )
            report = RtcpSrPacket(ssrc=sender.ssrc, sender_info=info, reports=blocks)
        else:
            report = RtcpRrPacket(ssrc=sender.ssrc, reports=blocks)
        extended = self._extended.packet(
            sender.ssrc, now, ntp=self._ntp(now), we_sent=we_sent, round_trip_s=self.round_trip
        )
        described: list[RtcpItem] = [report, source_description(sender.ssrc, self._cname)]
        return described if extended is None else [*described, extended]

    def _ntp(self, now: float) -> int:
        return ntp_time(now + self._wall_offset)

    def _refresh_members(self, now: float) -> None:
        members = self._members
        for ssrc, stream in self._receiver.streams.items():
            if stream.sequence.validated:
                members.heard(ssrc, stream.heard_at, rtp=True)
        timer = self.timer
        timeout = timer.member_timeout(members=members.count, senders=members.senders)
        for ssrc in members.expire(now, timeout=timeout, sender_timeout=2 * timer.interval):
            self._receiver.forget(ssrc)
        timer.members_left(now, members.count)

    # --- in -----------------------------------------------------------------------------------------------

    def receive(self, packet: bytes, now: float) -> None:
        """Take one compound packet; never raises for what a peer sends."""
        try:
            items = parse(packet)
        except PacketError:
            self._refuse("malformed RTCP packet", now)
            return
        self.timer.received(len(packet) + HEADERS)
        for item in items:
            match item:
                case RtcpSrPacket():
                    if self._heard(item.ssrc, now):
                        stream = self._receiver.streams.get(item.ssrc)
                        if stream is not None:
                            stream.sender_report(middle_32(item.sender_info.ntp_timestamp), now)
                        self._take_blocks(item, now)
                case RtcpRrPacket():
                    if self._heard(item.ssrc, now):
                        self._take_blocks(item, now)
                case RtcpSdesPacket():
                    self._take_names(item, now)
                case RtcpByePacket():
                    self._take_bye(item, now)
                case XrPacket():
                    if self._heard(item.ssrc, now):
                        self._take_extended(item, now)
                case _:
                    assert_never(item)

    def _heard(self, ssrc: int, now: float) -> bool:
        if ssrc == self._sender.ssrc:
            self._refuse("RTCP packet with our own SSRC", now)
            self._collision(now)
            return False
        self._members.heard(ssrc, now)
        return True

    def _take_blocks(self, packet: RtcpSrPacket | RtcpRrPacket, now: float) -> None:
        self._guard.heard()
        self._tell(packet, now)
        for block in packet.reports:
            if block.ssrc != self._sender.ssrc:
                continue
            self.peer_report = block
            self._sender.is_known = True
            seconds = round_trip(arrival=middle_32(self._ntp(now)), lsr=block.lsr, dlsr=block.dlsr)
            if seconds is not None:
                self._round_trips.append(seconds)
            members = self._members
            interval = self.timer.interval_of_peer(
                members=members.count, senders=members.senders + 1, sends=isinstance(packet, RtcpSrPacket)
            )
            self._guard.reported(block, now, round_trip=seconds, interval=interval)

    def _tell(self, packet: RtcpSrPacket | RtcpRrPacket, now: float) -> None:
        if now - self._told_at < _TELL_S:
            return
        self._told_at = now
        ours = self._sender.ssrc
        block = next((each for each in packet.reports if each.ssrc == ours), None)
        others = next((each.ssrc for each in packet.reports), None)
        self._on_event(
            ReportReceived(
                at=now,
                ssrc=packet.ssrc,
                about=others if block is None else ours,
                ours=ours,
                sent=packet.sender_info.packet_count if isinstance(packet, RtcpSrPacket) else None,
                highest=None if block is None else block.highest_sequence,
                lost=None if block is None else block.packets_lost,
                fraction_lost=None if block is None else block.fraction_lost / 256,
            )
        )

    def _take_extended(self, packet: XrPacket, now: float) -> None:
        seconds = self._extended.receive(packet, now, ssrc=self._sender.ssrc, ntp=self._ntp(now))
        if seconds is not None:
            self._round_trips.append(seconds)

    def _take_names(self, packet: RtcpSdesPacket, now: float) -> None:
        for chunk in packet.chunks:
            name = cname_of(chunk)
            member = self._members.heard(chunk.ssrc, now) if chunk.ssrc != self._sender.ssrc else None
            if member is not None and name is not None:
                member.cname = self.peer_cname = name

    def _take_bye(self, packet: RtcpByePacket, now: float) -> None:
        for ssrc in packet.sources:
            if self._members.left(ssrc, now):
                self.timer.members_left(now, self._members.count)
                self._on_event(PeerLeft(at=now, ssrc=ssrc))
