"""Clocks of RTP: timestamps, NTP time and interarrival jitter (RFC 3550 §4, §6.4.1, A.8)."""

from __future__ import annotations

NTP_EPOCH_OFFSET = 2_208_988_800
"""Seconds between 1900 (NTP) and 1970 (Unix)."""

TIMESTAMP_MASK = 0xFFFFFFFF


def ntp_time(unix_seconds: float) -> int:
    """The 64-bit NTP timestamp of a Unix time: seconds since 1900 and a 32-bit fraction (RFC 3550 §4)."""
    return int((unix_seconds + NTP_EPOCH_OFFSET) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle_32(ntp: int) -> int:
    """The middle 32 bits of an NTP timestamp: seconds modulo 65536 and 1/65536 s (RFC 3550 §4)."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip(*, arrival: int, lsr: int, dlsr: int) -> float | None:
    """Round trip in seconds from a report block (RFC 3550 §6.4.1, figure 2).

    Args:
        arrival: middle 32 bits of the NTP time when the block arrived.
        lsr: the block's last SR field; 0 means the peer has had no report of ours.
        dlsr: its delay since that SR, 1/65536 s.

    Returns:
        None where the block says nothing, or nonsense (a negative time).
    """
    if not lsr:
        return None
    units = (arrival - lsr - dlsr) & 0xFFFFFFFF
    return None if units >= 1 << 31 else units / 65536


def timestamp_difference(later: int, earlier: int) -> int:
    """Signed distance of two 32-bit timestamps, -2^31 to 2^31 - 1."""
    difference = (later - earlier) & TIMESTAMP_MASK
    return difference if difference < 1 << 31 else difference - (1 << 32)


class InterarrivalJitter:
    """Interarrival jitter in timestamp units, in the order of arrival (RFC 3550 §6.4.1, A.8)."""

    __slots__ = ("jitter", "transit")

    def __init__(self) -> None:
        self.transit: float | None = None
        """Of the last packet, timestamp units; None before the first."""
        self.jitter = 0.0
        """The estimate in timestamp units; reports carry its integer part."""

    def update(self, transit: float) -> None:
        """Take one packet's transit (arrival less timestamp, in timestamp units) into account."""
        if self.transit is not None:
            self.jitter += (abs(transit - self.transit) - self.jitter) / 16
        self.transit = transit

    def rescale(self, factor: float) -> None:
        """The clock that timestamps count runs `factor` times as fast from now on (RFC 7160 §4)."""
        self.jitter *= factor
        self.transit = None
