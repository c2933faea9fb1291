"""SRTP as RFC 3711 and RFC 7714 write it, on primitives alone: what libsrtp is compared with."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RTP_LABELS = (0, 1, 2)
RTCP_LABELS = (3, 4, 5)


def keystream(key: bytes, iv: int, length: int) -> bytes:
    """AES in counter mode (RFC 3711 §4.1.1)."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16, "big"))).encryptor()
    return encryptor.update(bytes(length))


def derive(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    """A session key (RFC 3711 §4.3.1), at key derivation rate 0; a salt of 96 bits is followed by zeros."""
    x = (label << 48) ^ int.from_bytes(salt.ljust(14, b"\0"), "big")
    return keystream(key, x << 16, length)


@dataclass(frozen=True)
class Sessions:
    """Session keys of one direction."""

    encryption: bytes
    salt: bytes
    authentication: bytes

    @classmethod
    def of(cls, key: bytes, salt: bytes, labels: tuple[int, int, int]) -> Sessions:
        return cls(
            encryption=derive(key, salt, labels[0], len(key)),
            authentication=derive(key, salt, labels[1], 20),
            salt=derive(key, salt, labels[2], len(salt)),
        )


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def header_length(packet: bytes) -> int:
    """With contributing sources and extension."""
    length = 12 + 4 * (packet[0] & 15)
    if packet[0] & 16:
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


def cm_protect(packet: bytes, keys: Sessions, roc: int, tag: int) -> bytes:
    """RFC 3711 §3.1, §4.1.1, §4.2."""
    start = header_length(packet)
    ssrc, index = int.from_bytes(packet[8:12], "big"), roc << 16 | int.from_bytes(packet[2:4], "big")
    iv = int.from_bytes(keys.salt, "big") << 16 ^ ssrc << 64 ^ index << 16
    body = xor(packet[start:], keystream(keys.encryption, iv, len(packet) - start))
    covered = packet[:start] + body + roc.to_bytes(4, "big")
    return packet[:start] + body + hmac.digest(keys.authentication, covered, "sha1")[:tag]


def cm_protect_rtcp(packet: bytes, keys: Sessions, index: int, *, encrypted: bool = True) -> bytes:
    """RFC 3711 §3.4."""
    iv = int.from_bytes(keys.salt, "big") << 16 ^ int.from_bytes(packet[4:8], "big") << 64 ^ index << 16
    body = xor(packet[8:], keystream(keys.encryption, iv, len(packet) - 8)) if encrypted else packet[8:]
    covered = packet[:8] + body + (encrypted << 31 | index).to_bytes(4, "big")
    return covered + hmac.digest(keys.authentication, covered, "sha1")[:10]


def gcm_protect(packet: bytes, keys: Sessions, roc: int) -> bytes:
    """RFC 7714 §8."""
    start = header_length(packet)
    iv = xor(bytes(2) + packet[8:12] + roc.to_bytes(4, "big") + packet[2:4], keys.salt)
    return packet[:start] + AESGCM(keys.encryption).encrypt(iv, packet[start:], packet[:start])


def gcm_protect_rtcp(packet: bytes, keys: Sessions, index: int, *, encrypted: bool = True) -> bytes:
    """RFC 7714 §9."""
    iv = xor(bytes(2) + packet[4:8] + bytes(2) + index.to_bytes(4, "big"), keys.salt)
    trailer = (encrypted << 31 | index).to_bytes(4, "big")
    gcm = AESGCM(keys.encryption)
    if not encrypted:
        return packet + gcm.encrypt(iv, b"", packet + trailer) + trailer
    return packet[:8] + gcm.encrypt(iv, packet[8:], packet[:8] + trailer) + trailer
