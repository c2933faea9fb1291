"""The messages of RFC 4475 and RFC 5118, byte for byte, at a phone: what each gets, over UDP and over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass

import pytest

from tests.ua.sip.phones import Phone, ScriptedPeer, phone
from tests.ua.sip.vectors import IPV6, TORTURE, vector
from ua.sip.errors import SipParseError
from ua.sip.syntax.wire_format import parse

RINGS = 486
"""What a well-formed INVITE gets here: the phone rings, and the user is busy."""

WAITS = -1
"""Nothing: the message is not complete. A stream is closed after a while."""

CLOSED = -400
"""400, and the stream is closed: nobody knows where the next message begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a message gets.

    Attributes:
        udp: status; 0 where there is no answer.
        tcp: the same over TCP, CLOSED or WAITS, None where it is the same.
        has: text of the answer.
    """

    udp: int
    tcp: int | None = None
    has: str = ""


RFC4475 = {
    "wsinv": Outcome(udp=481),  # a well-formed INVITE, of a dialog that we do not know
    "intmeth": Outcome(udp=501, has="\r\nAllow: "),
    "esc01": Outcome(udp=RINGS),
    "escnull": Outcome(udp=405),
    "esc02": Outcome(udp=501, has="\r\nAllow: "),
    "lwsdisp": Outcome(udp=200),
    "longreq": Outcome(udp=RINGS),
    "dblreq": Outcome(udp=405),
    "semiuri": Outcome(udp=200),
    "transports": Outcome(udp=200, has="SIP/2.0/UNKNOWN"),
    "mpart01": Outcome(udp=405),
    "unreason": Outcome(udp=0),
    "noreason": Outcome(udp=0),
    "badinv01": Outcome(udp=400),
    "clerr": Outcome(udp=400, tcp=WAITS),
    "ncl": Outcome(udp=400, tcp=CLOSED),
    "scalar02": Outcome(udp=400),
    "scalarlg": Outcome(udp=0),
    "quotbal": Outcome(udp=400),
    "ltgtruri": Outcome(udp=400),
    "lwsruri": Outcome(udp=400),
    "lwsstart": Outcome(udp=400),
    "trws": Outcome(udp=400),
    "escruri": Outcome(udp=RINGS),  # the headers of the URI are not looked at
    "baddate": Outcome(udp=RINGS),
    "regbadct": Outcome(udp=405),
    "badaspec": Outcome(udp=200),
    "baddn": Outcome(udp=400, tcp=WAITS),  # the archive's file lacks the empty line
    "badvers": Outcome(udp=505),
    "mismatch01": Outcome(udp=400),
    "mismatch02": Outcome(udp=400),
    "bigcode": Outcome(udp=0),
    "badbranch": Outcome(udp=200),  # matched as that of an RFC 2543 peer
    "insuf": Outcome(udp=400),
    "unkscm": Outcome(udp=416),
    "novelsc": Outcome(udp=416),
    "unksm2": Outcome(udp=405),
    "bext01": Outcome(udp=420, has="Unsupported: nothingSupportsThis, nothingSupportsThisEither"),
    "invut": Outcome(udp=415, has="\r\nAccept: "),
    "regaut01": Outcome(udp=405),
    "multi01": Outcome(udp=400),
    "mcl01": Outcome(udp=400, tcp=CLOSED),
    "bcast": Outcome(udp=0),
    "zeromf": Outcome(udp=200),
    "cparam01": Outcome(udp=405),
    "cparam02": Outcome(udp=405),
    "regescrt": Outcome(udp=405),
    "sdp01": Outcome(udp=406),
    "inv2543": Outcome(udp=RINGS, tcp=CLOSED),  # a stream needs a Content-Length
    "test": Outcome(udp=0),  # described nowhere
}

RFC5118 = {
    "ipv6-good": Outcome(udp=405),
    "ipv6-bad": Outcome(udp=400),
    "port-ambiguous": Outcome(udp=405),
    "port-unambiguous": Outcome(udp=405),
    "via-received-param-with-delim": Outcome(udp=481),
    "via-received-param-no-delim": Outcome(udp=200),
    "ipv6-in-sdp": Outcome(udp=RINGS),
    "mult-ip-in-header": Outcome(udp=481, has="2001:db8::9:1"),
    "mult-ip-in-sdp": Outcome(udp=RINGS),
    "ipv4-mapped-ipv6": Outcome(udp=RINGS),
    "ipv6-bug-abnf-3-colons": Outcome(udp=200),
    "ipv6-correct-abnf-2-colons": Outcome(udp=200),
}

ALL = [(f"rfc4475/{name}", wanted) for name, wanted in RFC4475.items()]
ALL += [(f"rfc5118/{name}", wanted) for name, wanted in RFC5118.items()]
_STATUS_RE = re.compile(r"SIP/2\.0 (\d{3}) ")


def first_status(text: str) -> int:
    """Status of the first response in a text, 100 left out; 0 without any."""
    return next((int(code) for code in _STATUS_RE.findall(text) if code != "100"), 0)


async def settled(bob: Phone) -> None:
    """The phone has read what was sent to it."""
    for _ in range(100):
        await asyncio.sleep(0.002)
        if bob.messages("in") or bob.refusals():
            break
    await asyncio.sleep(0.01)


@pytest.mark.req("TOR-1", "IP6-1")
def test_no_message_is_forgotten() -> None:
    assert sorted(name for name, _ in ALL) == sorted(TORTURE + IPV6)
    assert len(RFC4475) == 50
    assert len(RFC5118) == 12


@pytest.mark.req("TOR-1", "SIP-7-6", "SIP-7-9", "SIP-7-15", "SIP-7-16", "UAC-6", "IP6-1")
@pytest.mark.parametrize(("name", "wanted"), ALL)
async def test_over_udp(name: str, wanted: Outcome) -> None:
    async with phone(on_invite=lambda incoming: incoming.reject(RINGS)) as bob:
        sender = ScriptedPeer()
        address = bob.endpoint.local_addresses["udp"]
        sender.send(vector(name), (address.host, address.port))
        await settled(bob)
        out = "".join(entry.text for entry in bob.log if entry.direction == "out" and entry.kind == "message")
        assert first_status(out) == wanted.udp
        assert wanted.has in out
        assert (not bob.offered.empty()) is (wanted.udp == RINGS)
        if not wanted.udp:
            assert len(bob.refusals()) == 1, "nothing is dropped in silence"
        assert bob.endpoint.counters["internal errors"] == 0
        sender.close()


@pytest.mark.req("TOR-1", "SIP-7-2", "SIP-7-14", "IP6-1")
@pytest.mark.parametrize(("name", "wanted"), ALL)
async def test_over_tcp(name: str, wanted: Outcome) -> None:
    status = wanted.udp if wanted.tcp is None else wanted.tcp
    async with phone(on_invite=lambda incoming: incoming.reject(RINGS)) as bob:
        address = bob.endpoint.local_addresses["tcp"]
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(vector(name))
        data = b""
        closed = False
        if status == 0:
            await settled(bob)
        try:
            async with asyncio.timeout(0.05 if status == 0 else 5.0):
                while chunk := await reader.read(65536):
                    data += chunk
                    if status > 0 and first_status(data.decode("utf-8", "replace")):
                        break
                else:
                    closed = True
        except TimeoutError:
            pass
        text = data.decode("utf-8", "replace")
        if status == WAITS:
            assert closed, "half a message is not waited for"
            assert first_status(text) in (0, 400, 408)
        elif status == CLOSED:
            assert closed
            assert first_status(text) == 400
        else:
            assert first_status(text) == status
            assert wanted.has in text
        assert (not bob.offered.empty()) is (status == RINGS)
        assert bob.endpoint.counters["internal errors"] == 0
        writer.close()


@pytest.mark.req("TOR-1")
@pytest.mark.parametrize("name", TORTURE + IPV6)
def test_no_message_takes_long(name: str) -> None:
    data = vector(name)
    best = 1.0
    for _ in range(5):
        started = time.process_time()
        with contextlib.suppress(SipParseError):
            parse(data)
        best = min(best, time.process_time() - started)
    assert best < 0.05


@pytest.mark.req("TOR-1", "LIM-1")
@pytest.mark.parametrize(
    "piece",
    [
        b";",
        b",",
        b'"',
        b"\\",
        b"<",
        b"(",
        b"%",
        b" ",
        b"\t",
        b"\r\n ",
        b"a",
        b"a;",
        b'",',
        b"<>,",
        b"a=b;",
        b"1:",
    ],
)
@pytest.mark.parametrize("header", [b"Via", b"Contact", b"To", b"Route", b"Supported", b"Content-Type"])
def test_no_header_of_many_repeats_takes_long(header: bytes, piece: bytes) -> None:
    """64 kB of one thing: a parser that looks back for each of them would take minutes."""
    line = piece * (8000 // len(piece))
    message = vector("rfc4475/lwsdisp").replace(b"\r\n\r\n", b"")
    data = b"\r\n".join([message, *((header + b": <sip:a@b>" + line,) * 8), b"", b""])
    started = time.process_time()
    try:
        found = parse(data)
        _ = found.contacts, found.vias, found.addresses("route")
    except SipParseError:
        pass
    assert time.process_time() - started < 0.25
