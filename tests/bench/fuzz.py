"""Damaged bytes for the STUN codec and the deframer: ``python -m tests.bench.fuzz``.

Whatever arrives, `parse` returns a message or raises StunError, and a Deframer returns packets. Anything else
is a find, and so is a packet that depends on how its stream was cut: the bytes are printed and the exit code
is 1. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ice.errors import StunError
from ice.net.framing import LENGTH_SIZE, Deframer, frame
from ice.stun.attributes import REGISTRY
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise, short_term_key

_VECTORS = Path(__file__).parents[1] / "vectors" / "stun"
_KEY = short_term_key("password-of-22-characters")
_COOKIE = 0x2112A442
_MAX_FINDS = 20


@dataclass(kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        counts: messages and streams by what became of them.
        finds: what must not happen, each with the bytes that do it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    finds: list[str] = field(default_factory=list)


class MessageMaker:
    """Makes messages that are nearly right: real ones damaged, attributes of any number and length, noise."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._seeds = [bytes.fromhex(path.read_text()) for path in sorted(_VECTORS.glob("*.hex"))]
        self._numbers = [*REGISTRY, 0x0008, 0x001C, 0x8028]
        self._real = [attribute for seed in self._seeds for attribute in _attributes_of(seed)]
        self._makers: list[Callable[[], bytes]] = [
            self._damaged,
            self._damaged,
            self._attributes,
            self._attributes,
            self._noise,
        ]

    def __call__(self) -> bytes:
        """The next one."""
        return self._dice.choice(self._makers)()

    def _damaged(self) -> bytes:
        dice = self._dice
        data = bytearray(dice.choice(self._seeds))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(5):
                case 0 if at < len(data):
                    data[at] ^= 1 << dice.randrange(8)
                case 1:
                    del data[at : at + dice.randint(1, 20)]
                case 2:
                    data[at:at] = dice.randbytes(dice.randint(1, 8))
                case 3:
                    # A length or a type that promises something else.
                    data[at : at + 2] = dice.choice([b"\x00\x00", b"\xff\xff", dice.randbytes(2)])
                case _:
                    data += data[at : at + dice.randint(1, 32)]
        if dice.random() < 0.5 and len(data) >= 20:
            # The header's length fits again, so that the damage is met further in.
            data[2:4] = struct.pack("!H", (len(data) - 20) & 0xFFFF)
        return bytes(data)

    def _attributes(self) -> bytes:
        dice = self._dice
        body = bytearray()
        for _ in range(dice.randint(0, 8)):
            number, value = dice.choice(self._real)
            if dice.random() < 0.2:
                known = dice.random() < 0.8
                number = dice.choice(self._numbers) if known else dice.randrange(0x10000)
            if dice.random() < 0.2:
                value = dice.randbytes(dice.choice([0, 1, 3, 4, 5, 8, 16, 20, 32, dice.randint(0, 200)]))
            length = len(value) if dice.random() < 0.95 else dice.randrange(0x10000)
            body += struct.pack("!HH", number, length) + value + bytes(-len(value) % 4)
        kind = dice.randrange(0x4000)
        return struct.pack("!HHI", kind, len(body) & 0xFFFF, _COOKIE) + dice.randbytes(12) + bytes(body)

    def _noise(self) -> bytes:
        dice = self._dice
        data = bytearray(dice.randbytes(dice.randint(0, 200)))
        if len(data) >= 8 and dice.random() < 0.5:
            data[4:8] = struct.pack("!I", _COOKIE)
        return bytes(data)


def _attributes_of(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = 20
    while at + 4 <= len(message):
        number, length = struct.unpack_from("!HH", message, at)
        yield number, message[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


def fuzz_messages(count: int, seed: int, parse: Callable[[bytes], StunMessage] = parse) -> Outcome:
    """Parse `count` damaged messages, and use what was parsed as the agent does."""
    outcome = Outcome()
    make = MessageMaker(random.Random(seed))
    for _ in range(count):
        data = make()
        try:
            outcome.counts[_judge(parse, data)] += 1
        except Exception as error:
            outcome.finds.append(f"{type(error).__name__}: {error}: {data.hex()}")
            if len(outcome.finds) >= _MAX_FINDS:
                break
    return outcome


def _judge(parse: Callable[[bytes], StunMessage], data: bytes) -> str:
    try:
        message = parse(data)
    except StunError:
        return "refused"
    message.verifies(_KEY)
    _ = message.unknown_required, message.integrity_algorithm, repr(message)
    return "parsed"


def fuzz_streams(count: int, seed: int, make: Callable[[], Deframer] = Deframer) -> Outcome:
    """Feed `count` streams, each cut in two ways: the packets are the same, and little is held back."""
    outcome = Outcome()
    dice = random.Random(seed)
    for _ in range(count):
        stream = _stream(dice)
        try:
            problem = _deframe(dice, stream, make)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        outcome.counts["streams"] += 1
        outcome.counts["bytes"] += len(stream)
        if problem:
            outcome.finds.append(f"{problem}: {stream.hex()}")
            if len(outcome.finds) >= _MAX_FINDS:
                break
    return outcome


def _stream(dice: random.Random) -> bytes:
    request = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.REQUEST,
        transaction_id=dice.randbytes(12),
        attributes=(),
    )
    check = frame(serialise(request, integrity_key=None, fingerprint=True))
    parts: list[bytes] = []
    for _ in range(dice.randint(0, 8)):
        match dice.randrange(5):
            case 0:
                parts.append(check)
            case 1:
                parts.append(frame(dice.randbytes(dice.randint(0, 300))))
            case 2:
                parts.append(bytes(LENGTH_SIZE * dice.randint(1, 5)))
            case 3:
                parts.append(dice.randbytes(dice.randint(1, 40)))
            case _:
                parts.append(check[: dice.randint(1, len(check))])
    return b"".join(parts)


def _deframe(dice: random.Random, stream: bytes, make: Callable[[], Deframer]) -> str:
    whole = make()
    expected = whole.feed(stream)
    cut = make()
    packets: list[bytes] = []
    at = 0
    while at < len(stream):
        size = dice.choice([1, 1, 2, 3, dice.randint(1, 100)])
        packets += cut.feed(stream[at : at + size])
        at += size
    if packets != expected or cut.buffered != whole.buffered:
        return "the cut changed the packets"
    if not all(packets):
        return "a null frame became a packet"
    if whole.buffered > LENGTH_SIZE + 0xFFFF:
        return "too much is held back"
    taken = sum(len(packet) + LENGTH_SIZE for packet in packets) + whole.buffered
    return "bytes went astray" if taken > len(stream) or (len(stream) - taken) % LENGTH_SIZE else ""


def main(arguments: list[str] | None = None) -> int:
    """Fuzz and print; 1 where something was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--messages", type=int, default=1_000_000, help="STUN messages (1000000)")
    options.add_argument("--streams", type=int, default=100_000, help="frame streams (100000)")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", action="store_true", help="one JSON object")
    chosen = options.parse_args(arguments)
    result: dict[str, object] = {"schema": 1, "seed": chosen.seed}
    finds: list[str] = []
    for name, count, fuzz in (
        ("messages", chosen.messages, fuzz_messages),
        ("streams", chosen.streams, fuzz_streams),
    ):
        started = time.perf_counter()
        outcome = fuzz(count, chosen.seed)
        result[name] = {**outcome.counts, "seconds": round(time.perf_counter() - started, 1)}
        finds += [f"{name}: {find}" for find in outcome.finds]
    result["finds"] = finds
    if chosen.json:
        print(json.dumps(result))
    else:
        for name in ("messages", "streams"):
            print(f"{name}: {result[name]}")
        print("\n".join(finds) if finds else "nothing but the documented errors")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
