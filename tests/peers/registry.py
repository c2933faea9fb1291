"""Which real peers there are, and what becomes of a test whose peer is missing.

`@pytest.mark.peer("kamailio", ...)` and `@pytest.mark.root` skip a test and name what it lacks. With
ICEPHONE_REQUIRE_PEERS=1 such a test fails instead.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
"""The interpreter for which Debian packages GObject introspection."""

GO_PATH = Path("/usr/share/gocode")
"""Where Debian's packages put the sources of Go libraries."""

PION_SOURCE = GO_PATH / "src/github.com/pion/ice/v2"

JSSIP = Path("/usr/local/lib/icephone-jssip")
"""Where `make peers` puts JsSIP and what it requires, with a copy of the lock file."""

_JSSIP_LOCK = Path(__file__).with_name("jssip") / "package-lock.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program that tests may ask for.

    Attributes:
        packages: Debian packages that hold it.
        npm: packages of npm that hold it.
        present: tells whether it can be used here.
    """

    packages: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    present: Callable[[], bool]

    @property
    def source(self) -> str:
        """What to install, for people."""
        kinds = {"Debian": self.packages, "npm": self.npm}
        return ", ".join(f"{kind}: {' '.join(names)}" for kind, names in kinds.items() if names)


def _programs(*names: str) -> Callable[[], bool]:
    return lambda: all(find_program(name) for name in names)


def find_program(name: str) -> str | None:
    """Path of a program, also where the PATH of a user lacks the folders of root's programs."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


@functools.cache
def _libnice_answers() -> bool:
    code = "import gi; gi.require_version('Nice', '0.1'); from gi.repository import Nice"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _kamailio_has(*modules: str) -> Callable[[], bool]:
    def present() -> bool:
        found = {path.stem for path in Path("/usr/lib").glob("*/kamailio/modules/*.so")}
        return bool(find_program("kamailio")) and set(modules) <= found

    return present


def _pion_builds() -> bool:
    return bool(find_program("go")) and PION_SOURCE.is_dir()


def _jssip_is_fetched() -> bool:
    """In the versions that we name: the folder appears whole."""
    copy = JSSIP / _JSSIP_LOCK.name
    return copy.is_file() and copy.read_bytes() == _JSSIP_LOCK.read_bytes()


def _portaudio_has_pulse() -> bool:
    plugin = any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    library = any(Path("/usr/lib").glob("*/libportaudio.so.2"))
    return plugin and library and bool(find_program("pulseaudio"))


PEERS: dict[str, Peer] = {
    "baresip": Peer(packages=("baresip-core",), present=_programs("baresip")),
    "chromium": Peer(packages=("chromium",), present=_programs("chromium")),
    "coturn": Peer(packages=("coturn",), present=_programs("turnserver")),
    "gstreamer": Peer(
        packages=("gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-tools"),
        present=_programs("gst-launch-1.0"),
    ),
    "janus": Peer(packages=("janus",), present=_programs("janus")),
    "jssip": Peer(npm=("jssip",), present=_jssip_is_fetched),
    "kamailio": Peer(packages=("kamailio",), present=_programs("kamailio", "kamcmd")),
    "kamailio-tls": Peer(
        packages=("kamailio", "kamailio-tls-modules", "kamailio-websocket-modules"),
        present=_kamailio_has("tls", "websocket"),
    ),
    "kamailio-presence": Peer(
        packages=("kamailio", "kamailio-presence-modules"), present=_kamailio_has("presence", "presence_mwi")
    ),
    "libnice": Peer(packages=("gir1.2-nice-0.1", "python3-gi"), present=_libnice_answers),
    "linphone": Peer(packages=("linphone-cli",), present=_programs("linphonec")),
    "miniupnpd": Peer(packages=("miniupnpd-nftables",), present=_programs("miniupnpd")),
    "netns": Peer(packages=("iproute2", "nftables"), present=_programs("ip", "nft")),
    "pion": Peer(packages=("golang-go", "golang-github-pion-ice.v2-dev"), present=_pion_builds),
    "portaudio": Peer(
        packages=("libasound2-plugins", "libportaudio2", "pulseaudio"), present=_portaudio_has_pulse
    ),
    "rtpengine": Peer(packages=("rtpengine-daemon",), present=_programs("rtpengine")),
    "sipp": Peer(packages=("sip-tester",), present=_programs("sipp")),
    "tshark": Peer(packages=("tshark",), present=_programs("tshark", "dumpcap")),
}

PACKAGES = frozenset(package for peer in PEERS.values() for package in peer.packages)


def required() -> bool:
    """True where a missing peer is a failure."""
    return os.environ.get("ICEPHONE_REQUIRE_PEERS", "") not in ("", "0")


def missing(item: pytest.Item) -> str:
    """What a test lacks, for people; empty where it can run. Raises UsageError for an unknown peer."""
    lacks: list[str] = []
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            if name not in PEERS:
                raise pytest.UsageError(
                    f"{item.nodeid}: no peer is called {name!r}; there are {sorted(PEERS)}"
                )
            if not PEERS[name].present():
                lacks.append(f"{name} ({PEERS[name].source}; 'make peers' installs it)")
    if item.get_closest_marker("root") and os.geteuid() != 0:
        lacks.append("root")
    return ", ".join(dict.fromkeys(lacks))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test that lacks a peer."""
    if lacks := missing(item):
        if required():
            pytest.fail(f"ICEPHONE_REQUIRE_PEERS is set and this is missing: {lacks}", pytrace=False)
        pytest.skip(f"missing: {lacks}")
