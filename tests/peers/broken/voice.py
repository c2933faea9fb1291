"""The media of a peer by hand: echoes or plays a tone in G.711, reports by RTCP, or does something wrong."""

from __future__ import annotations

import asyncio
import itertools
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from media.codecs import PCMA, PCMU
from media.dtmf.event_sender import EventSender
from media.dtmf.keys import Press
from media.dtmf.report import EventReport
from media.protection.srtp import SrtpReceiver, SrtpSender
from media.rtcp.compound import (
    RtcpItem,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    build,
    receiver_info,
    source_description,
)
from media.rtp import packet as rtp

Address = tuple[str, int]

FRAME = 160
"""Samples of 20 ms."""

TONE_HZ = 1000
_PERIOD = b"".join(
    struct.pack("<h", round(12_000 * math.sin(2 * math.pi * TONE_HZ * n / 8000))) for n in range(FRAME)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the media of a peer behaves; as it stands, as it should.

    Attributes:
        plays: sends back what it hears, a tone, or silence.
        sends: whether it sends RTP.
        hears: whether what arrives reaches it.
        payload_type: what it puts on its packets, None for what was agreed.
        law: how it codes its audio, whatever its packets say.
        ptime_ms: length of its packets.
        reports: whether it sends RTCP.
        report_ssrc: who its reports say that they are from, None for the source of its RTP.
        ssrc: the source of its RTP; "ours" takes that of who it hears.
        elsewhere: sends from another port than it hears on.
        stops_s: after so many seconds it sends no more; None for never.
        loses: one packet of so many is lost; 0 for none.
        digits: keys that it presses.
        event_hz: clock that it counts their durations in.
    """

    plays: Literal["echo", "tone", "silence"] = "echo"
    sends: bool = True
    hears: bool = True
    payload_type: int | None = None
    law: Literal["PCMU", "PCMA"] = "PCMU"
    ptime_ms: int = 20
    reports: bool = True
    report_ssrc: int | None = None
    ssrc: int | Literal["ours"] = 0x0B0B0B0B
    elsewhere: bool = False
    stops_s: float | None = None
    loses: int = 0
    digits: str = ""
    event_hz: int = 8000


class _Port(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)


class Voice:
    """One stream; `open` first.

    Args:
        manners: how it behaves.

    Attributes:
        port: where it listens.
        intercept: takes packets first; true where a packet was its matter.
        protect: makes SRTP of what it sends.
        opening: makes RTP of what it hears.
    """

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self.port = 0
        self.intercept: Callable[[bytes, Address], bool] = lambda _packet, _source: False
        self.protect: SrtpSender | None = None
        self.opening: SrtpReceiver | None = None
        self.payload_type = 0
        self._to: Address | None = None
        self._ssrc = manners.ssrc if isinstance(manners.ssrc, int) else 0
        self._sequence = itertools.count(1000)
        self._timestamp = 160_000
        self._payload = b""
        self._heard = self._highest = self._their_ssrc = 0
        self._sent = 0
        self._silent = False
        self._pressing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self, host: str = "127.0.0.1") -> None:
        """Listen; sends nothing before `talk`."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            transport, _protocol = await loop.create_datagram_endpoint(
                lambda: _Port(self._receive), local_addr=(host, 0)
            )
            self._transports.append(transport)
        self.port = self._transports[0].get_extra_info("sockname")[1]

    def close(self) -> None:
        """Say no more."""
        for task in self._tasks:
            task.cancel()
        for transport in self._transports:
            transport.close()

    def talk(self, to: Address, payload_type: int = 0) -> None:
        """Send to this address from now on."""
        self._to, self.payload_type = to, payload_type
        if not self._tasks:
            self._tasks = [asyncio.ensure_future(self._run()), asyncio.ensure_future(self._press())]

    def send(self, packet: bytes, to: Address) -> None:
        """Send a packet as it is, from where it listens."""
        self._transports[0].sendto(packet, to)

    # --- in -----------------------------------------------------------------------------------------------

    def _receive(self, packet: bytes, source: Address) -> None:
        if self.intercept(packet, source) or len(packet) < rtp.HEADER_LENGTH or rtp.is_rtcp(packet):
            return
        opened = packet if self.opening is None else self.opening.unprotect(packet)
        manners = self._manners
        if not manners.hears or isinstance(opened, str) or not opened[0] & 0x80:
            return
        header = rtp.parse(opened)
        self._heard, self._highest, self._their_ssrc = self._heard + 1, header.sequence, header.ssrc
        if manners.ssrc == "ours":
            self._ssrc = header.ssrc
        if manners.plays == "echo" and header.payload_type == self.payload_type:
            codec = PCMA if self.payload_type == 8 else PCMU
            self._say(codec.decode(header.payload))

    # --- out ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in itertools.count(1):
            await asyncio.sleep(max(0.0, began + number * 0.02 - loop.time()))
            if self._manners.stops_s is not None and number * 0.02 > self._manners.stops_s:
                self._silent = True
            if self._manners.plays != "echo":
                self._say(_PERIOD if self._manners.plays == "tone" else bytes(2 * FRAME))
            if number % 25 == 0 and self._manners.reports:
                self._report()

    def _say(self, pcm: bytes) -> None:
        if not self._manners.sends or self._silent or self._to is None:
            return
        codec = PCMA if self._manners.law == "PCMA" else PCMU
        self._payload += codec.encode(pcm)
        size = 8 * self._manners.ptime_ms
        while len(self._payload) >= size:
            payload, self._payload = self._payload[:size], self._payload[size:]
            chosen = self._manners.payload_type
            if not self._pressing:
                self._packet(self.payload_type if chosen is None else chosen, payload, self._timestamp)
            self._timestamp += size

    def _packet(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool = False) -> None:
        packet = rtp.build(
            payload_type=payload_type,
            marker=marker,
            sequence=next(self._sequence) & 0xFFFF,
            timestamp=timestamp & 0xFFFFFFFF,
            ssrc=self._ssrc,
            payload=payload,
        )
        self._sent += 1
        if self._manners.loses and self._sent % self._manners.loses == 0:
            return
        protected = packet if self.protect is None else self.protect.protect(packet)
        self._depart(protected)

    def _depart(self, packet: bytes | None) -> None:
        if packet is not None and self._to is not None:
            self._transports[1 if self._manners.elsewhere else 0].sendto(packet, self._to)

    def _report(self) -> None:
        ssrc = self._ssrc if self._manners.report_ssrc is None else self._manners.report_ssrc
        blocks = []
        if self._heard:
            blocks.append(
                receiver_info(
                    ssrc=self._their_ssrc,
                    fraction_lost=0,
                    packets_lost=0,
                    highest_sequence=self._highest,
                    jitter=0,
                    lsr=0,
                    dlsr=0,
                )
            )
        report: RtcpItem = RtcpRrPacket(ssrc=ssrc, reports=blocks)
        if self._sent:
            info = RtcpSenderInfo(
                ntp_timestamp=1 << 32,
                rtp_timestamp=self._timestamp & 0xFFFFFFFF,
                packet_count=self._sent,
                octet_count=FRAME * self._sent,
            )
            report = RtcpSrPacket(ssrc=ssrc, sender_info=info, reports=blocks)
        packet = build([report, source_description(ssrc, "broken")])
        self._depart(packet if self.protect is None else self.protect.protect_rtcp(packet))

    async def _press(self) -> None:
        """Press the keys in place of audio, with durations in the clock of the manners."""
        if not self._manners.digits:
            return
        await asyncio.sleep(0.3)
        loop = asyncio.get_running_loop()
        sender = EventSender(8000)
        for key in self._manners.digits:
            sender.press(Press(key=key, duration_ms=160, pause_ms=80))
        began, number, timestamp = loop.time(), 0, self._timestamp
        self._pressing = True
        while sender.busy:
            packet = sender.frame(timestamp + number * FRAME, FRAME)
            if packet is not None:
                duration = packet.report.duration * self._manners.event_hz // 8000
                told = EventReport(event=packet.report.event, end=packet.report.end, duration=duration)
                self._packet(101, told.pack(), packet.timestamp, marker=packet.marker)
            number += 1
            await asyncio.sleep(max(0.0, began + number * 0.02 - loop.time()))
        self._pressing = False
