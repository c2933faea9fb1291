"""a=crypto: SRTP keys in the description (RFC 4568; RFC 7714 §14.1 for the suites with GCM).

A line with a bad part is of no use as a whole. The keys are in no `repr`, and in no diagnostic.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sdp.diagnostics import Diagnostic
from sdp.errors import ValueFault
from sdp.syntax.model import Attribute, Media

NAME = "crypto"

_LONGEST_LIFETIME = 2**48
"""SRTP packets that one master key may protect, in every suite here (RFC 4568 §6.2, RFC 7714 §10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoSuite:
    """One crypto-suite.

    Attributes:
        name: the registered spelling.
        key: bytes of the master key.
        salt: bytes of the master salt.
    """

    name: str
    key: int
    salt: int

    @property
    def length(self) -> int:
        """Bytes of key and salt together, as they stand behind `inline:`."""
        return self.key + self.salt


# RFC 4568 §5.1.1: an offer lists the most preferred first, which is the strongest here.
SUITES = (
    CryptoSuite(name="AEAD_AES_256_GCM", key=32, salt=12),
    CryptoSuite(name="AEAD_AES_128_GCM", key=16, salt=12),
    CryptoSuite(name="AES_CM_128_HMAC_SHA1_80", key=16, salt=14),
    CryptoSuite(name="AES_CM_128_HMAC_SHA1_32", key=16, salt=14),
)
"""What we speak, strongest first."""

_BY_NAME: Mapping[str, CryptoSuite] = MappingProxyType({suite.name: suite for suite in SUITES})


def suite(name: str) -> CryptoSuite | None:
    """The suite of that name in any case (RFC 4568 §9.2), None for one that we do not speak."""
    return _BY_NAME.get(name.upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineKey:
    """One master key with its salt (RFC 4568 §6.1).

    Attributes:
        material: key, then salt; never shown.
        lifetime: packets that it protects at most, None for the limit of the suite.
        mki: the master key identifier as it stands in packets, None without one.
    """

    material: bytes = field(repr=False)
    lifetime: int | None = None
    mki: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoLine:
    """One a=crypto that can be used.

    Attributes:
        tag: number of the line, which the answer repeats.
        suite: of it.
        keys: at least one; several have MKIs of the same length.
        parameters: session parameters as written.
    """

    tag: int
    suite: CryptoSuite
    keys: tuple[InlineKey, ...]
    parameters: tuple[str, ...] = ()


# RFC 4568 §9.1
_TAG = re.compile(r"[1-9][0-9]{0,8}")
_LIFETIME = re.compile(r"(?P<power>2\^[1-9][0-9]?)|(?P<number>[1-9][0-9]{0,14})")
_MKI = re.compile(r"(?P<value>[1-9][0-9]{0,38}):(?P<length>[1-9][0-9]{0,2})")
_WINDOW = re.compile(r"WSH=(?P<size>[1-9][0-9]{1,3})", re.IGNORECASE)
_PARAMETER = re.compile(r"[!-~]+")


def parse(value: str) -> CryptoLine:
    """The value of a=crypto; raises ValueFault for a line that is malformed or asks for more than we do."""
    parts = [part for part in value.split(" ") if part]
    if len(parts) < 3:
        raise ValueFault("a=crypto has not three fields")
    tag, name, parameters, *session = parts
    if not _TAG.fullmatch(tag):
        raise ValueFault("the tag is not a number of one to nine digits without leading zero")
    known = suite(name)
    if known is None:
        raise ValueFault(f"no support for the crypto-suite {name}")
    keys = tuple(_key(each, known) for each in parameters.split(";"))
    _check_mkis(keys)
    for parameter in session:
        _check_parameter(parameter)
    return CryptoLine(tag=int(tag), suite=known, keys=keys, parameters=tuple(session))


def _key(text: str, known: CryptoSuite) -> InlineKey:
    method, colon, rest = text.partition(":")
    if not colon or method.lower() != "inline":
        raise ValueFault("the key is not given inline")
    encoded, *options = rest.split("|")
    if len(options) > 2:
        raise ValueFault("the key has more than a lifetime and an MKI")
    lifetime: int | None = None
    mki: bytes | None = None
    for index, option in enumerate(options):
        if ":" in option:
            if mki is not None:
                raise ValueFault("the key has two MKIs")
            mki = _mki(option)
        elif index == 0:
            lifetime = _lifetime(option)
        else:
            raise ValueFault("the lifetime does not come before the MKI")
    return InlineKey(material=_material(encoded, known), lifetime=lifetime, mki=mki)


def _material(encoded: str, known: CryptoSuite) -> bytes:
    bare = encoded.rstrip("=")
    if len(encoded) - len(bare) > 2:
        raise ValueFault("the key is not base64")
    try:
        material = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueFault("the key is not base64") from error
    if len(material) != known.length:
        raise ValueFault(f"key and salt have {len(material)} bytes, {known.name} needs {known.length}")
    return material


def _lifetime(text: str) -> int:
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise ValueFault("the lifetime is no number")
    packets = 2 ** int(text[2:]) if match["power"] else int(text)
    if packets > _LONGEST_LIFETIME:
        raise ValueFault("the lifetime is longer than the suite allows")
    return packets


def _mki(text: str) -> bytes:
    match = _MKI.fullmatch(text)
    if match is None:
        raise ValueFault("the MKI is not of the form value:length")
    length, number = int(match["length"]), int(match["value"])
    if length > 128:
        raise ValueFault("the MKI is longer than 128 bytes")
    if number >= 1 << 8 * length:
        raise ValueFault("the MKI does not fit its length")
    return number.to_bytes(length, "big")


def _check_mkis(keys: tuple[InlineKey, ...]) -> None:
    if len(keys) == 1:
        return
    mkis = [key.mki for key in keys if key.mki is not None]
    if len(mkis) < len(keys) or len({len(mki) for mki in mkis}) != 1:
        raise ValueFault("several keys need MKIs of equal length each")
    if len(set(mkis)) < len(mkis):
        raise ValueFault("two keys have the same MKI")


def _check_parameter(text: str) -> None:
    """RFC 4568 §6.3.7: what is not understood forbids the line, unless it begins with a minus sign."""
    if not _PARAMETER.fullmatch(text):
        raise ValueFault("a session parameter holds a character that is not printable")
    if text.startswith("-"):
        return
    match = _WINDOW.fullmatch(text)
    if match is None:
        # KDR, FEC_ORDER, FEC_KEY and UNENCRYPTED_... change the packets: nobody here does that.
        raise ValueFault(f"no support for the session parameter {text.partition('=')[0]}")
    if int(match["size"]) < 64:
        raise ValueFault("the window is smaller than 64 packets")


def read(media: Media) -> tuple[tuple[CryptoLine, ...], tuple[Diagnostic, ...]]:
    """The usable lines of a section, in order; a line that repeats a tag is refused as all bad ones are."""
    lines: list[CryptoLine] = []
    refused: list[Diagnostic] = []
    tags: set[int] = set()
    for attribute in media.all(NAME):
        try:
            line = parse(attribute.value or "")
            if line.tag in tags:
                raise ValueFault("two lines have the same tag")
        except ValueFault as fault:
            refused.append(attribute.diagnostic(fault.reason))
            continue
        tags.add(line.tag)
        lines.append(line)
    return tuple(lines), tuple(refused)


def attribute(line: CryptoLine) -> Attribute:
    """The line as it is written."""
    keys = ";".join(_written(key) for key in line.keys)
    value = " ".join([str(line.tag), line.suite.name, keys, *line.parameters])
    return Attribute(name=NAME, value=value)


def _written(key: InlineKey) -> str:
    parts = [base64.b64encode(key.material).decode()]
    if key.lifetime is not None:
        parts.append(str(key.lifetime))
    if key.mki is not None:
        parts.append(f"{int.from_bytes(key.mki, 'big')}:{len(key.mki)}")
    return "inline:" + "|".join(parts)
