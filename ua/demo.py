"""The demo: two phones in one process on loopback, a firewall between their media, one real call.

Signalling goes over a real TCP connection of this host, media over real sockets; only the firewall is
simulated, as the network that both phones are given.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path

from ice.config import IceConfig
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from media.audio import samples
from media.audio.correlation import correlate
from media.audio.recorder import WavRecorder
from media.audio.wav import read_audio
from media.errors import AudioFileError
from ua.config.account import Account
from ua.config.media import MediaSettings
from ua.errors import UsageError
from ua.events import EventLog
from ua.interop.standstill import Standstill
from ua.phone import Phone
from ua.plan import DemoOptions, Echo, MediaPlan, WavFile
from ua.results import CallResult, DemoResult

RATE = 8000
"""Hz, of the codecs and so of what is compared."""

TAIL_S = 0.5
"""The call goes on this long after the end of the file, so that the last of it arrives."""

LONGEST_S = 20.0
"""A longer file is cut: a demo is short."""

_ICE = IceConfig(loopback=True, interfaces=("lo",))


async def run_demo(options: DemoOptions, log: EventLog) -> DemoResult:
    """Alice calls Bob and plays a file; Bob records it and sends it back.

    Args:
        options: what the firewall does, what is played.
        log: takes what both phones see.

    Raises:
        UsageError: the file cannot be read.
        UaError: no call came about at all.
    """
    policy = FirewallPolicy(udp=options.udp)
    network = FirewallNetwork(HostNetwork(), policy)
    with tempfile.TemporaryDirectory(prefix="icephone-demo-") as folder:
        said, heard = Path(folder) / "said.wav", Path(folder) / "heard.wav"
        sent = _speech(options.wav)
        _write(said, sent)
        async with (
            Phone(_account("bob"), log, network=network) as bob,
            Phone(_account("alice"), log, network=network) as alice,
        ):
            standstill = Standstill()
            watching = asyncio.ensure_future(standstill.watch())
            answering = asyncio.ensure_future(_answer(bob, MediaPlan(source=Echo(), record=heard)))
            try:
                plan = MediaPlan(source=WavFile(path=said), tail_s=TAIL_S)
                call = await alice.place(next(uri for uri in bob.addresses if "tcp" in uri), plan)
                caller = await call.ended()
                callee = await asyncio.wait_for(answering, timeout=5)
            finally:
                answering.cancel()
                watching.cancel()
                for each in (answering, watching):
                    with contextlib.suppress(asyncio.CancelledError):
                        await each
        correlation = correlate(sent, read_audio(heard, RATE), RATE).value if heard.exists() else 0.0
    return DemoResult(
        caller=caller,
        callee=callee,
        correlation=correlation,
        verdict=verdict(options, caller, policy.udp_dropped),
        udp_dropped=policy.udp_dropped,
        stood_still_s=standstill.seconds,
    )


def verdict(options: DemoOptions, caller: CallResult, dropped: int) -> str:
    """One sentence for people: what the firewall did, which path was taken and why."""
    ice = caller.ice
    if ice is None or ice.transport is None or ice.nominated_ms is None:
        return f"No media path: {caller.error or 'the call failed'}."
    firewall = (
        f"UDP was blocked ({dropped} datagrams dropped)" if options.udp == "blocked" else "UDP was open"
    )
    path = ice.transport.upper() + (f" {ice.tcptype}" if ice.tcptype else "")
    return f"{firewall} and {path} was nominated after {ice.nominated_ms:.0f} ms. {ice.reason}."


async def _answer(phone: Phone, plan: MediaPlan) -> CallResult:
    async for call in phone.incoming():
        await call.accept(plan)
        return await call.ended()
    raise RuntimeError("a phone waits for calls for ever")


def _account(user: str) -> Account:
    return Account(
        uri=f"sip:{user}@example.com",
        auth_user=user,
        listen_host="127.0.0.1",
        transport="tcp",
        ice=_ICE,
        media=MediaSettings(codecs=("PCMU",)),
    )


def _speech(wav: Path | None) -> bytes:
    """What Alice says: mono 16-bit audio."""
    if wav is None:
        return samples.melody(RATE)
    try:
        return read_audio(wav, RATE)[: int(LONGEST_S * RATE) * 2]
    except AudioFileError as error:
        raise UsageError(str(error), hint="give a WAV file") from error


def _write(path: Path, pcm: bytes) -> None:
    recorder = WavRecorder(path, RATE)
    recorder.write(pcm)
    recorder.close()
