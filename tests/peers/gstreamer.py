"""GStreamer as a phone without signalling: RTP in RFC 4571 frames, a TCP connection for each direction."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tests.peers.process import Program, Programs, free_ports, until

End = Literal["listens", "connects"]

_CAPS = "application/x-rtp-stream,media=audio,clock-rate=8000,encoding-name=PCMA,payload=8"


async def send_tone(programs: Programs, hz: int, end: End, *, port: int = 0) -> tuple[Program, int]:
    """Send a tone as PCMA in packets of 20 ms, for 20 s; gives the port.

    Args:
        programs: of the test.
        hz: of the tone.
        end: it listens on a port of its own, or connects to `port` on loopback.
        port: of ours.
    """
    chosen = port or free_ports(1)[0]
    element = "tcpclientsink" if end == "connects" else "tcpserversink"
    program = await programs.start(
        f"gst-{end}-sends",
        [
            *("gst-launch-1.0", "-v"),
            *("audiotestsrc", "is-live=true", f"freq={hz}", "num-buffers=1000", "samplesperbuffer=160"),
            *("!", "audio/x-raw,rate=8000,channels=1", "!", "alawenc", "!", "rtppcmapay"),
            *("!", "rtpstreampay", "!", element, "host=127.0.0.1", f"port={chosen}", "sync=false"),
        ],
    )
    if end == "listens":
        await program.wrote("Setting pipeline to PLAYING")
    return program, chosen


async def record(programs: Programs, path: Path, end: End, *, port: int = 0) -> tuple[Program, int]:
    """Write what arrives to a WAV file, until the connection ends; gives the port. Like `send_tone`."""
    chosen = port or free_ports(1)[0]
    element = "tcpclientsrc" if end == "connects" else "tcpserversrc"
    program = await programs.start(
        f"gst-{end}-records",
        [
            *("gst-launch-1.0", "-v", "-e", element, "host=127.0.0.1", f"port={chosen}"),
            *("!", _CAPS, "!", "rtpstreamdepay", "!", "rtppcmadepay", "!", "alawdec", "!", "audioconvert"),
            *("!", "wavenc", "!", "filesink", f"location={path}"),
        ],
    )
    if end == "listens":
        await until(lambda: _listens(chosen), f"GStreamer listens on port {chosen}")
    return program, chosen


def _listens(port: int) -> bool:
    """True where somebody listens on a port of loopback; without connecting, for it takes one only."""
    wanted = f"0100007F:{port:04X}"
    return any(
        fields[1] == wanted and fields[3] == "0A"
        for fields in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    )
