"""What is kept of a scenario: whole whatever happens, without secrets, readable by tshark."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.peers.process import Programs, until
from tests.peers.tshark import Capture as Reader
from tests.ua.phones import account
from tests.ua.recorded_call import OFFER, request, udp_blocked_log
from ua.errors import UsageError
from ua.events import EventLog
from ua.interop.evidence import Evidence, address_of, whole
from ua.interop.folder import EVENTS, INCOMPLETE, PACKETS, TRACE, read_events
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, PathChoice, Tone

PASSWORD = "correct-horse-battery"

MESSAGE = {
    "direction": "out",
    "transport": "udp",
    "local": "192.0.2.1:5060",
    "remote": "192.0.2.2:5060",
    "size": 9,
}


async def test_the_log_of_a_folder_comes_back(tmp_path: Path) -> None:
    log = udp_blocked_log()
    early = log.entries
    with Evidence(tmp_path / "calls.one", log) as evidence:
        log.record(2000.0, "alice", "call", "state", state="ended", reason="")
    log.record(2001.0, "alice", "call", "state", state="late", reason="")
    read, cut = read_events(tmp_path / "calls.one")
    assert not cut
    assert read[: len(early)] == early
    assert len(read) == len(early) + 1
    assert evidence.problems == ()
    trace = (tmp_path / "calls.one" / TRACE).read_text(encoding="utf-8")
    assert trace.count("INVITE sip:bob@192.0.2.20 SIP/2.0") == 2, "as both phones saw it"


async def test_the_trace_says_when_it_began(tmp_path: Path) -> None:
    """As people need it who look into the log of their PBX."""
    log = EventLog()
    before = datetime.now(UTC)
    with Evidence(tmp_path, log):
        now = asyncio.get_running_loop().time()
        log.record(now, "alice", "sip", "message", **MESSAGE, text=request("OPTIONS"))
    first = (tmp_path / TRACE).read_text(encoding="utf-8").splitlines()[0]
    told = datetime.fromisoformat(first.removeprefix("Times are ms after ").removesuffix("."))
    assert before - timedelta(seconds=1) < told <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_folder_without_a_log_has_no_entries(tmp_path: Path) -> None:
    assert read_events(tmp_path) == ((), False)


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        Evidence(tmp_path / "file" / "x", EventLog())
    folder = tmp_path / "folder"
    (folder / TRACE).mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be written") as raised, Evidence(folder, EventLog()):
        pass
    assert "--output" in raised.value.hint


async def test_every_file_is_bounded_and_says_so(tmp_path: Path) -> None:
    log = EventLog()
    with Evidence(
        tmp_path, log, keep_event_bytes=9000, keep_trace_bytes=5000, keep_packet_bytes=3000
    ) as evidence:
        for number in range(40):
            log.record(float(number), "alice", "sip", "message", **MESSAGE, text=request("OPTIONS"))
    assert (tmp_path / EVENTS).stat().st_size < 9100
    assert (tmp_path / TRACE).stat().st_size < 5100
    assert (tmp_path / PACKETS).stat().st_size <= 3000
    assert len(evidence.problems) == 3
    assert all("at its limit" in problem for problem in evidence.problems)
    told = (tmp_path / INCOMPLETE).read_text(encoding="utf-8").splitlines()
    assert told == list(evidence.problems)
    assert (tmp_path / TRACE).read_text(encoding="utf-8").endswith("at its limit of bytes.\n")
    assert json.loads((tmp_path / EVENTS).read_text(encoding="utf-8").splitlines()[-1])["ends"]
    assert 0 < len(read_events(tmp_path)[0]) < 40
    assert read_events(tmp_path, most=2000)[1]
    with Evidence(tmp_path, EventLog()):
        assert not (tmp_path / INCOMPLETE).exists(), "that was the run before"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
async def test_a_full_disk_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / EVENTS).symlink_to("/dev/full")
    log = EventLog()
    with Evidence(tmp_path, log) as evidence:
        log.record(1.0, "alice", "sip", "message", **MESSAGE, text=request("OPTIONS"))
        assert [problem for problem in evidence.problems if problem.startswith(EVENTS)]
    assert b"OPTIONS" in (tmp_path / PACKETS).read_bytes()


WRITER = """
import asyncio, os, sys
from pathlib import Path
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from ua.events import EventLog
from ua.interop.evidence import Evidence

async def main():
    log = EventLog()
    with Evidence(Path(sys.argv[1]), log) as evidence:
        socket = await evidence.network(HostNetwork()).bind_udp("127.0.0.1", 0, lambda *_: None)
        for number in range(500):
            log.record(float(number), "alice", "sip", "message", direction="out", transport="udp",
                       local="192.0.2.1:5060", remote="192.0.2.2:5060", size=8, text=f"entry {number:03}")
            socket.send(b"datagram", TransportAddress(host="127.0.0.1", port=9))
        print("written", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_nothing_is_lost_where_the_process_is_killed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path / "run"), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"written\n"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
    entries, _ = read_events(tmp_path / "run")
    assert [entry.data["text"] for entry in entries] == [f"entry {number:03}" for number in range(500)]
    assert "entry 499" in (tmp_path / "run" / TRACE).read_text(encoding="utf-8")
    packets = (tmp_path / "run" / PACKETS).read_bytes()
    assert packets.count(b"datagram") == 500
    assert packets.count(b"entry ") == 500


# --- SIP in the capture ------------------------------------------------------------------------------------


def test_a_masked_message_has_the_length_of_its_body() -> None:
    text = request("INVITE", OFFER).replace("a=ice-pwd:asd88fgpdd777uzjYhagZg", "a=ice-pwd:***")
    body = text.partition("\r\n\r\n")[2]
    made = whole(text)
    assert f"Content-Length: {len(body)}\r\n\r\n".encode() in made
    assert made.endswith(body.encode())
    assert whole("OPTIONS x SIP/2.0\r\nl : 7\r\n\r\n") == b"OPTIONS x SIP/2.0\r\nl : 0\r\n\r\n"
    assert whole("no message") == b"no message"


def test_addresses_are_read() -> None:
    assert address_of("192.0.2.1:5060") == TransportAddress(host="192.0.2.1", port=5060)
    assert address_of("[2001:db8::1]:5060") == TransportAddress(host="2001:db8::1", port=5060)
    for text in ("", None, "192.0.2.1", ":5060", "a:b", "192.0.2.1:70000"):
        assert address_of(text) is None


@pytest.mark.peer("tshark")
@pytest.mark.parametrize(
    ("transport", "port"),
    [("udp", 5060), ("tcp", 5060), ("tls", 5061), ("wss", 443), ("ws", 80), ("ws", 8080), ("ws", 8088)],
)
async def test_tshark_reads_sip_whatever_carried_it(
    programs: Programs, tmp_path: Path, transport: str, port: int
) -> None:
    log = EventLog()
    with Evidence(tmp_path, log):
        ends = {"transport": transport, "local": "192.0.2.1:40000", "remote": f"192.0.2.2:{port}", "size": 1}
        text = request("INVITE", OFFER.replace("asd88fgpdd777uzjYhagZg", "***"))
        text = text.replace("Content-Length", "Content-Type: application/sdp\r\nContent-Length")
        log.record(1.0, "alice", "sip", "message", direction="out", **ends, text=text)
        log.record(
            1.1,
            "alice",
            "sip",
            "message",
            direction="in",
            **ends,
            text="SIP/2.0 200 OK\r\n" + text.split("\r\n", 1)[1],
        )
        log.record(1.2, "alice", "sip", "message", direction="out", **ends, text=request("ACK"))
    reader = Reader(programs, tmp_path / PACKETS)
    fields = ("-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sdp.media")
    shown = await reader.decode("-Y", "sip", "-T", "fields", *fields)
    assert [line.split("\t")[:2] for line in shown.splitlines()] == [["INVITE", ""], ["", "200"], ["ACK", ""]]
    assert shown.count("audio 40000 RTP/AVP 0 8") == 2
    assert await reader.decode("-Y", "_ws.malformed") == ""


class Tap:
    """Stands between two phones and keeps what they really say over TCP."""

    def __init__(self) -> None:
        self.to = 0
        self._pumps: list[asyncio.Task[None]] = []
        self.heard = b""

    async def __aenter__(self) -> int:
        """The port to call."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._pumps)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        self._pumps += [
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        ]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.heard += data
            writer.write(data)
        writer.close()


async def test_no_file_holds_a_secret(tmp_path: Path) -> None:
    """A call that proves a password, with keys of SRTP and passwords of ICE in its descriptions."""
    log = EventLog()
    keyed = {"srtp_over_plain_sip": True, "srtp": "sdes", "password": PASSWORD, "realm": "example.com"}
    bobs = account("bob", challenge_callers=True, **keyed)
    ours = account("bob", **keyed)
    tap = Tap()
    async with tap as port:
        with Evidence(tmp_path, log) as evidence:
            network = evidence.network(HostNetwork())
            async with Phone(bobs, EventLog()) as bob, Phone(ours, log, network=network) as alice:
                tap.to = int(bob.addresses[0].rpartition(":")[2])
                calls = bob.incoming()
                ringing = asyncio.ensure_future(anext(calls))
                await asyncio.sleep(0)
                uri = f"sip:bob@127.0.0.1:{port};transport=tcp"
                call = await alice.place(uri, MediaPlan(source=Tone(hz=440)))
                await (await ringing).accept(MediaPlan(source=Echo()))
                await call.established()
                call.hang_up()
                assert (await call.ended()).srtp is not None
    wire = tap.heard.decode()
    secrets = [
        PASSWORD,
        *re.findall(r"inline:([^|\s]+)", wire),
        *re.findall(r"a=ice-pwd:(\S+)", wire),
        *re.findall(r'[^n]response="(\w+)"', wire),
    ]
    assert len(set(secrets)) >= 6, "both sides have told theirs"
    for name in (EVENTS, TRACE, PACKETS):
        kept = (tmp_path / name).read_bytes()
        assert b"INVITE" in kept
        assert not [secret for secret in secrets if secret.encode() in kept]
        assert b"ice-pwd:***" in kept


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("path", ["udp", "tcp"])
async def test_a_call_of_real_phones_is_read_by_tshark(
    programs: Programs, tmp_path: Path, path: PathChoice
) -> None:
    log = EventLog()
    with Evidence(tmp_path, log) as evidence:
        network = evidence.network(HostNetwork())
        # Bob's own sockets are not of the scenario, as those of a peer are not.
        async with (
            Phone(account("bob"), EventLog()) as bob,
            Phone(account("alice", password=PASSWORD), log, network=network) as alice,
        ):
            calls = bob.incoming()
            ringing = asyncio.ensure_future(anext(calls))
            await asyncio.sleep(0)
            uri = next(each for each in bob.addresses if "transport=tcp" in each)
            call = await alice.place(uri, MediaPlan(source=Tone(hz=440), path=path, srtp="off"))
            answered = await ringing
            await answered.accept(MediaPlan(source=Echo()))
            await call.established()
            await until(
                lambda: (got := call.statistics) is not None and got.received.packets > 60, "audio", 20.0
            )
            call.hang_up()
            result = await call.ended()
    assert result.transport == path
    assert evidence.problems == ()
    reader = Reader(programs, tmp_path / PACKETS)
    methods = await reader.decode("-Y", "sip", "-T", "fields", "-e", "sip.CSeq.method")
    assert {"INVITE", "ACK", "BYE"} <= set(methods.split())
    assert result.ice is not None
    ports = [int(str(end).rpartition(":")[2]) for end in (result.ice.local, result.ice.remote)]
    if path == "tcp":
        streams = await reader.rtp_streams(ports)
        assert len(streams) == 2
        assert all(stream.packets > 50 for stream in streams)
        assert len({stream.payload for stream in streams}) == 1
        assert "711" in streams[0].payload
        assert set(await reader.stun_over_tcp(ports)) >= {0x0001, 0x0101}
        # In order and each once; what a machine that stood still did not send leaves a gap in the numbers.
        fields = ("-T", "fields", "-E", "occurrence=a", "-e", "rtp.ssrc", "-e", "rtp.seq")
        shown = await reader.decode(
            "-o", "rtp.version0_type:STUN", "-Y", "rtp", *fields, ports=ports, protocol="rtp"
        )
        numbers: dict[str, list[int]] = {}
        for line in shown.splitlines():
            ssrcs, sequences = (column.split(",") for column in line.split("\t"))
            for ssrc, sequence in zip(ssrcs, sequences, strict=True):
                numbers.setdefault(ssrc, []).append(int(sequence))
        assert len(numbers) == 2
        for each in numbers.values():
            assert all(0 < (after - before) % 65536 < 1000 for before, after in pairwise(each))
        gaps = "tcp.analysis.lost_segment || tcp.analysis.retransmission || tcp.analysis.out_of_order"
        assert await reader.decode("-Y", gaps) == ""
    else:
        found = ("--enable-heuristic", "rtp_udp", "-Y", "rtp", "-T", "fields", "-e", "rtp.p_type")
        payloads = (await reader.decode(*found)).split()
        assert len(payloads) > 100
        assert set(payloads) <= {"0", "8", "101"}
        assert "0x0001" in await reader.decode("-Y", "stun", "-T", "fields", "-e", "stun.type")
