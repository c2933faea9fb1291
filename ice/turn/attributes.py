"""STUN attributes of TURN (RFC 8656 §18, RFC 6062 §6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ice.errors import StunError
from ice.stun.attributes import Attribute, XorAddress, attribute, expect_size

TCP_PROTOCOL = 6
UDP_PROTOCOL = 17
"""Protocol numbers of REQUESTED-TRANSPORT (RFC 8656 §18.8): what the server relays to peers."""

FIRST_CHANNEL = 0x4000
LAST_CHANNEL = 0x4FFF
"""Channel numbers (RFC 8656 §12)."""

IPV4 = 0x01
IPV6 = 0x02
"""Families of REQUESTED-ADDRESS-FAMILY (RFC 8656 §18.6)."""


@attribute(0x000C)
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNumber(Attribute):
    """CHANNEL-NUMBER (RFC 8656 §18.1)."""

    number: int

    def encode(self, transaction_id: bytes) -> bytes:
        """16 bits of number, 16 of zeros; raises ValueError where it does not fit."""
        del transaction_id
        if not 0 <= self.number <= 0xFFFF:
            raise ValueError(f"channel {self.number} does not fit 16 bits")
        return self.number.to_bytes(2, "big") + bytes(2)

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the number; the other 16 bits are not looked at."""
        del transaction_id
        expect_size(value, 4, "CHANNEL-NUMBER")
        return cls(number=int.from_bytes(value[:2], "big"))


@attribute(0x000D)
@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime(Attribute):
    """LIFETIME (RFC 8656 §18.2): seconds until an allocation expires."""

    seconds: int

    def encode(self, transaction_id: bytes) -> bytes:
        """32 bits; raises OverflowError where it does not fit."""
        del transaction_id
        return self.seconds.to_bytes(4, "big")

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 32 bits."""
        del transaction_id
        expect_size(value, 4, "LIFETIME")
        return cls(seconds=int.from_bytes(value, "big"))


@attribute(0x0012)
@dataclass(frozen=True, slots=True, kw_only=True)
class XorPeerAddress(XorAddress):
    """XOR-PEER-ADDRESS (RFC 8656 §18.3)."""


@attribute(0x0013)
@dataclass(frozen=True, slots=True, kw_only=True)
class Data(Attribute):
    """DATA (RFC 8656 §18.4): the payload of a datagram, may be empty."""

    payload: bytes

    def encode(self, transaction_id: bytes) -> bytes:
        """The payload as it is."""
        del transaction_id
        return self.payload

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Take the payload."""
        del transaction_id
        return cls(payload=value)


@attribute(0x0016)
@dataclass(frozen=True, slots=True, kw_only=True)
class XorRelayedAddress(XorAddress):
    """XOR-RELAYED-ADDRESS (RFC 8656 §18.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family(Attribute):
    family: int

    def encode(self, transaction_id: bytes) -> bytes:
        """8 bits of family, 24 of zeros."""
        del transaction_id
        return bytes((self.family, 0, 0, 0))

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the family."""
        del transaction_id
        expect_size(value, 4, cls.__name__)
        return cls(family=value[0])


@attribute(0x0017)
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedAddressFamily(_Family):
    """REQUESTED-ADDRESS-FAMILY (RFC 8656 §18.6): IPV4 or IPV6."""


@attribute(0x0018)
@dataclass(frozen=True, slots=True, kw_only=True)
class EvenPort(Attribute):
    """EVEN-PORT (RFC 8656 §18.7): an even relayed port, and the one above it kept for later."""

    reserve: bool

    def encode(self, transaction_id: bytes) -> bytes:
        """The R bit and seven zeros."""
        del transaction_id
        return bytes((self.reserve << 7,))

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the R bit."""
        del transaction_id
        expect_size(value, 1, "EVEN-PORT")
        return cls(reserve=bool(value[0] & 0x80))


@attribute(0x0019)
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedTransport(Attribute):
    """REQUESTED-TRANSPORT (RFC 8656 §18.8): the protocol number of what is relayed."""

    protocol: int = UDP_PROTOCOL

    def encode(self, transaction_id: bytes) -> bytes:
        """8 bits of protocol, 24 of zeros."""
        del transaction_id
        return bytes((self.protocol, 0, 0, 0))

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the protocol."""
        del transaction_id
        expect_size(value, 4, "REQUESTED-TRANSPORT")
        return cls(protocol=value[0])


@attribute(0x001A)
@dataclass(frozen=True, slots=True, kw_only=True)
class DontFragment(Attribute):
    """DONT-FRAGMENT (RFC 8656 §18.9)."""

    def encode(self, transaction_id: bytes) -> bytes:
        """No bytes."""
        del transaction_id
        return b""

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Expect no bytes."""
        del transaction_id
        expect_size(value, 0, "DONT-FRAGMENT")
        return cls()


@attribute(0x0022)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationToken(Attribute):
    """RESERVATION-TOKEN (RFC 8656 §18.10): 8 bytes that name a port kept for us."""

    token: bytes

    def encode(self, transaction_id: bytes) -> bytes:
        """8 bytes."""
        del transaction_id
        if len(self.token) != 8:
            raise ValueError("RESERVATION-TOKEN has 8 bytes")
        return self.token

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 8 bytes."""
        del transaction_id
        expect_size(value, 8, "RESERVATION-TOKEN")
        return cls(token=value)


@attribute(0x002A)
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionId(Attribute):
    """CONNECTION-ID (RFC 6062 §6.2.1): which connection with a peer."""

    number: int

    def encode(self, transaction_id: bytes) -> bytes:
        """32 bits; raises OverflowError where it does not fit."""
        del transaction_id
        return self.number.to_bytes(4, "big")

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read 32 bits."""
        del transaction_id
        expect_size(value, 4, "CONNECTION-ID")
        return cls(number=int.from_bytes(value, "big"))


@attribute(0x8000)
@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionalAddressFamily(_Family):
    """ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §18.11): IPV6, beside an IPv4 relayed address."""


@attribute(0x8001)
@dataclass(frozen=True, slots=True, kw_only=True)
class AddressErrorCode(Attribute):
    """ADDRESS-ERROR-CODE (RFC 8656 §18.12): why one of two families could not be had."""

    family: int
    code: int
    reason: str = ""

    def encode(self, transaction_id: bytes) -> bytes:
        """Family, class, number and reason."""
        del transaction_id
        return bytes((self.family, 0, self.code // 100, self.code % 100)) + self.reason.encode()

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read family, class, number and reason."""
        del transaction_id
        if len(value) < 4:
            raise StunError("ADDRESS-ERROR-CODE is too short")
        hundreds, number = value[2] & 0x07, value[3]
        if not 3 <= hundreds <= 6 or number > 99:
            raise StunError(f"ADDRESS-ERROR-CODE of class {hundreds}, number {number}")
        try:
            reason = value[4:].decode()
        except UnicodeDecodeError as error:
            raise StunError("ADDRESS-ERROR-CODE holds a reason that is not UTF-8") from error
        return cls(family=value[0], code=hundreds * 100 + number, reason=reason)


@attribute(0x8004)
@dataclass(frozen=True, slots=True, kw_only=True)
class Icmp(Attribute):
    """ICMP (RFC 8656 §18.13): an ICMP error that a datagram of ours met behind the relay.

    Attributes:
        icmp_type: type of ICMP or ICMPv6.
        icmp_code: its code.
        data: for "packet too big" the MTU in bytes, otherwise 0.
    """

    icmp_type: int
    icmp_code: int
    data: int = 0

    def encode(self, transaction_id: bytes) -> bytes:
        """16 zero bits, type, code, 32 bits of data."""
        del transaction_id
        return bytes((0, 0, self.icmp_type, self.icmp_code)) + self.data.to_bytes(4, "big")

    @classmethod
    def decode(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read type, code and data."""
        del transaction_id
        expect_size(value, 8, "ICMP")
        return cls(icmp_type=value[2], icmp_code=value[3], data=int.from_bytes(value[4:], "big"))
