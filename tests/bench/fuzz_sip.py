"""Damaged SIP messages for everything that reads them: ``python -m tests.bench.fuzz_sip``.

Whatever arrives, `parse` returns a message or raises SipParseError, what was read can be written and read
again, and the cores above (transactions, inspection, dialogs, digest, redirections) take it without an
exception. Anything else is a find, and so is a message that takes long; the bytes are printed and the exit
code is 1. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ice.types import TransportAddress
from tests.bench.fuzz import Outcome
from ua.sip.config import SipConfig
from ua.sip.dialog import Dialog, next_hop
from ua.sip.digest.client import DigestClient
from ua.sip.digest.credentials import Credentials
from ua.sip.digest.server import DigestServer
from ua.sip.errors import SipParseError
from ua.sip.inspection import inspect
from ua.sip.retry.attempts import Attempts
from ua.sip.retry.targets import RedirectPolicy
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.uri_headers import headers_of
from ua.sip.syntax.wire_format import MalformedRequest, parse, serialise
from ua.sip.transaction.layer import TransactionLayer
from ua.sip.transaction.messages import RequestReceived
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import Hop
from ua.sip.transport.stream import FramedMessage, StreamFramer

LONG_S = 0.05
"""A message that takes longer is a find."""

_VECTORS = Path(__file__).parents[1] / "vectors" / "sip"
_MAX_FINDS = 20
_HOP = Hop(transport="udp", remote=TransportAddress(host="192.0.2.7", port=5060))
_PIECES = (
    b"\r\n", b"\r\n ", b'"', b"<", b">", b",", b";", b":", b"@", b"\\", b"%00", b"%", b"=", b"\x00", b"\xff",
    b"1" * 40, b"a" * 300, b"-1", b"[", b"]", b"[::1]", b"sip:", b"sips:a@b", b"SIP/2.0 ", b"\xc3\xa4", b"()",
)  # fmt: skip
_ROWS = (
    b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx", b"Route: <sip:p;lr>", b"Record-Route: <sip:p>",
    b"Require: 100rel", b"Unsupported: timer", b"Contact: *", b"Contact: <sip:a@b>;q=0.5, <tel:1>",
    b"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"", b"Min-SE: 100", b"Retry-After: 5 (x)",
    b"Proxy-Authenticate: Digest realm=r, nonce=", b"Authorization: Digest realm=\"home\", nc=1",
    b"Session-Expires: 90;refresher=uas", b"Content-Length: 5", b"RAck: 1 1 INVITE", b"Replaces: a;to-tag=b",
    b"Content-Type: multipart/mixed;boundary=x", b"Refer-To: <sip:a@b?Replaces=x%3Bto-tag%3Dy>",
)  # fmt: skip


class MessageMaker:
    """Makes messages that are nearly right: those of the RFCs and of real phones, damaged."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._seeds = [path.read_bytes() for path in sorted(_VECTORS.glob("*/*.dat"))]

    def __call__(self) -> bytes:
        """The next one."""
        dice = self._dice
        data = bytearray(dice.choice(self._seeds))
        for _ in range(dice.randint(0, 4)):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(7):
                case 0 if at < len(data):
                    data[at] = dice.randrange(256)
                case 1:
                    del data[at : at + dice.randint(1, 30)]
                case 2:
                    data[at:at] = dice.choice(_PIECES)
                case 3:
                    data[at:at] = data[dice.randrange(len(data) + 1) :][: dice.randint(1, 60)]
                case 4:
                    line = data.find(b"\r\n", at)
                    if line >= 0:
                        data[line:line] = b"\r\n" + dice.choice(_ROWS)
                case 5:
                    line = data.find(b"\r\n")
                    status = dice.choice([100, 183, 200, 302, 401, 407, 416, 420, 422, 491, 600])
                    if line >= 0:
                        data[:line] = b"SIP/2.0 %d x" % status
                case _:
                    other = dice.choice(self._seeds)
                    data[at:] = other[dice.randrange(len(other)) :]
        return bytes(data)


class Reader:
    """Everything that reads a message, one after the other, as a phone does."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self._random = lambda size: next(numbers).to_bytes(size, "big")
        self._config = SipConfig(supported=("100rel", "timer"))
        self._layer = TransactionLayer(timers=Timers(), random=self._random)
        self._judge = DigestServer(realm="home", password_of={"alice": "x"}.get, key=b"0123456789abcdef")
        self._now = 0.0
        self._seed = parse((_VECTORS / "rfc4475" / "semiuri.dat").read_bytes())

    def __call__(self, data: bytes) -> str:
        """Read a datagram; gives what became of it. Raises nothing that is documented."""
        self._now += 0.01
        for item in StreamFramer().feed(data):
            if isinstance(item, FramedMessage) and len(item.data) > len(data):
                raise AssertionError("a frame longer than the stream")
        try:
            message = parse(data)
        except SipParseError as error:
            if isinstance(error, MalformedRequest):
                serialise(error.answer)
            return "refused"
        if parse(serialise(message)) != message:
            raise AssertionError("written and read again it is another message")
        for read in (
            lambda: message.contacts,
            lambda: message.vias,
            lambda: (message.addresses("record-route"), message.addresses("route")),
        ):
            try:
                read()
            except SipParseError:
                continue
        session_of(message)
        self._layer.receive(message, _HOP, self._now)
        if isinstance(message, Response):
            self._answered(message)
            self._layer.take_events()
        else:
            self._asked(message)
        for event in self._layer.take_events():
            if isinstance(event, RequestReceived):
                self._layer.respond(
                    event.key, make_response(event.request, 486, to_tag=event.to_tag), self._now
                )
        self._layer.take_commands()
        self._layer.handle_timer(self._now)
        return "read"

    def _answered(self, response: Response) -> None:
        """As the response to a request of ours."""
        if not isinstance(self._seed, Request):
            raise TypeError("the seed is a request")
        digest = DigestClient((Credentials(username="a", password="b"),), self._random)
        attempts = Attempts(digest, RedirectPolicy())
        request = attempts.amend(self._seed)
        if attempts.again(request, response):
            serialise(attempts.amend(self._seed))
        with contextlib.suppress(SipParseError):
            Dialog.of_caller(request, response).make_request("BYE")

    def _asked(self, request: Request) -> None:
        self._judge.check(request, self._now)
        inspect(request, self._config)
        for read in (
            lambda: Dialog.of_callee(request, "tag").make_request("BYE"),
            lambda: next_hop(request),
            lambda: headers_of(request.uri, "INVITE"),
        ):
            try:
                read()
            except SipParseError:
                continue


def fuzz_messages(
    count: int, seed: int, make_reader: Callable[[], Callable[[bytes], str]] = Reader
) -> Outcome:
    """Read `count` damaged messages."""
    outcome = Outcome()
    make = MessageMaker(random.Random(seed))
    read = make_reader()
    for _ in range(count):
        data = make()
        started = time.process_time()
        try:
            outcome.counts[read(data)] += 1
        except Exception as error:
            outcome.finds.append(f"{type(error).__name__}: {error}: {data.hex()}")
        seconds = time.process_time() - started
        outcome.counts["longest_us"] = max(outcome.counts["longest_us"], int(seconds * 1e6))
        if seconds > LONG_S:
            outcome.finds.append(f"{seconds:.3f} s: {data.hex()}")
        if len(outcome.finds) >= _MAX_FINDS:
            break
    return outcome


def main(arguments: list[str] | None = None) -> int:
    """Fuzz and print; 1 where something was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--messages", type=int, default=200_000, help="SIP messages (200000)")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", action="store_true", help="one JSON object")
    chosen = options.parse_args(arguments)
    started = time.perf_counter()
    outcome = fuzz_messages(chosen.messages, chosen.seed)
    seconds = round(time.perf_counter() - started, 1)
    result = {"schema": 1, "seed": chosen.seed, **outcome.counts, "seconds": seconds, "finds": outcome.finds}
    if chosen.json:
        print(json.dumps(result))
    else:
        print(f"messages: {dict(outcome.counts)}, {seconds} s")
        print("\n".join(outcome.finds) if outcome.finds else "nothing but the documented errors")
    return 1 if outcome.finds else 0


if __name__ == "__main__":
    sys.exit(main())
