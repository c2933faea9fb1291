"""PulseAudio with one speaker that is nowhere, and a microphone that hears what it plays."""

from __future__ import annotations

from tests.peers.process import Programs, until

RATE = 48_000

_ALSA = """
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.nowhere { type pulse }
"""
"""All that PortAudio finds: nothing of this machine."""


async def pulseaudio(programs: Programs) -> list[str]:
    """Start it; what stands before a command that is to have its devices alone."""
    folder = programs.folder / "pulse"
    folder.mkdir()
    socket, alsa = folder / "native", folder / "asound.conf"
    alsa.write_text(_ALSA)
    environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    await programs.start(
        "pulseaudio",
        [
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
            *("--disable-shm=yes", "--log-target=stderr"),
            *("-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"),
            *("-L", f"module-null-sink sink_name=nowhere rate={RATE}"),
        ],
        environment=environment,
    )
    await until(socket.is_socket, "pulseaudio listens")
    told = {**environment, "PULSE_SERVER": f"unix:{socket}", "ALSA_CONFIG_PATH": str(alsa)}
    return ["env", *(f"{name}={value}" for name, value in told.items())]
