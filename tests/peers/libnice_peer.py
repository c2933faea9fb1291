#!/usr/bin/python3
"""A libnice agent with one component that speaks JSON lines.

Runs with the system's interpreter, for which Debian packages GObject introspection, and imports nothing of
this project. Every line is one object.

To it:
    {"do": "remote", "ufrag": "..", "password": "..", "candidates": ["candidate:.."]}   starts the checks
    {"do": "send", "data": "<hex>"}
    {"do": "quit"}, or the end of the input

From it:
    {"event": "local", "ufrag": "..", "password": "..", "candidates": ["candidate:.."]}  after gathering
    {"event": "state", "state": "connecting" | "connected" | "ready" | "failed" | ...}
    {"event": "pair", "local": "candidate:..", "remote": "candidate:.."}   the selected pair
    {"event": "data", "data": "<hex>"}                                      for each packet received
    {"event": "sent", "bytes": n}       answer to "send", negative if not sent
    {"event": "error", "reason": ".."}
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Nice", "0.1")
from gi.repository import GLib, Nice  # type: ignore[import-not-found]  # noqa: E402

COMPONENT = 1


def emit(event: str, **values: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


class Raw:
    """The two calls of libnice that introspection cannot offer: packets as bytes, both ways."""

    _ARRIVED = ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p
    )

    def __init__(self, agent: Any, stream: int) -> None:
        self._library = ctypes.CDLL("libnice.so.10")
        self._library.nice_agent_send.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_char_p,
        ]
        self._library.nice_agent_attach_recv.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self._agent = hash(agent)  # of a wrapper of GObject: the address of the object
        self._stream = stream
        self._arrived = self._ARRIVED(self._on_packet)
        callback = ctypes.cast(self._arrived, ctypes.c_void_p)
        self._library.nice_agent_attach_recv(self._agent, stream, COMPONENT, None, callback, None)

    def send(self, packet: bytes) -> int:
        """Send one packet; its length, or a negative number."""
        return int(self._library.nice_agent_send(self._agent, self._stream, COMPONENT, len(packet), packet))

    @staticmethod
    def _on_packet(_agent: int, _stream: int, _component: int, size: int, data: int, _user: int) -> None:
        emit("data", data=ctypes.string_at(data, size).hex())


class Peer:
    """The agent, its main loop and its standard input."""

    def __init__(self, options: argparse.Namespace) -> None:
        context = GLib.MainContext.default()
        self.loop = GLib.MainLoop()
        flags = (
            Nice.AgentOption.REGULAR_NOMINATION if options.nomination == "regular" else Nice.AgentOption(0)
        )
        self.agent = Nice.Agent.new_full(context, Nice.Compatibility.RFC5245, flags)
        self.agent.set_property("ice-udp", not options.no_udp)
        self.agent.set_property("ice-tcp", not options.no_tcp)
        self.agent.set_property("upnp", False)
        self.agent.set_property("controlling-mode", options.role == "controlling")
        for host in options.address:
            address = Nice.Address.new()
            address.set_from_string(host)
            self.agent.add_local_address(address)
        self.stream = self.agent.add_stream(COMPONENT)
        self.agent.set_stream_name(self.stream, "audio")
        self.agent.connect("candidate-gathering-done", self._on_gathered)
        self.agent.connect("component-state-changed", self._on_state)
        self.agent.connect("new-selected-pair-full", self._on_pair)
        self.raw = Raw(self.agent, self.stream)
        self._input = b""
        GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, self._on_input)

    def run(self) -> None:
        """Gather and serve until told to quit."""
        if not self.agent.gather_candidates(self.stream):
            emit("error", reason="gathering could not start")
        self.loop.run()

    def _line(self, candidate: Any) -> str:
        return str(self.agent.generate_local_candidate_sdp(candidate)).removeprefix("a=")

    def _on_gathered(self, _agent: Any, _stream: int) -> None:
        _, ufrag, password = self.agent.get_local_credentials(self.stream)
        candidates = self.agent.get_local_candidates(self.stream, COMPONENT)
        emit("local", ufrag=ufrag, password=password, candidates=[self._line(each) for each in candidates])

    def _on_state(self, _agent: Any, _stream: int, _component: int, state: int) -> None:
        emit("state", state=Nice.component_state_to_string(Nice.ComponentState(state)))

    def _on_pair(self, _agent: Any, _stream: int, _component: int, local: Any, remote: Any) -> None:
        emit("pair", local=self._line(local), remote=self._line(remote))

    def _on_input(self, descriptor: int, _condition: Any) -> bool:
        read = os.read(descriptor, 65536)
        if not read:
            self.loop.quit()
            return False
        *lines, self._input = (self._input + read).split(b"\n")
        for line in filter(None, lines):
            self._do(json.loads(line))
        return True

    def _do(self, command: dict[str, Any]) -> None:
        if command["do"] == "remote":
            self._set_remote(command)
        elif command["do"] == "send":
            emit("sent", bytes=self.raw.send(bytes.fromhex(command["data"])))
        elif command["do"] == "quit":
            self.loop.quit()
        else:
            emit("error", reason=f"unknown command {command['do']}")

    def _set_remote(self, command: dict[str, Any]) -> None:
        candidates = []
        for line in command["candidates"]:
            candidate = self.agent.parse_remote_candidate_sdp(self.stream, f"a={line}")
            if candidate is None:
                emit("error", reason=f"not understood: {line}")
            else:
                candidates.append(candidate)
        self.agent.set_remote_credentials(self.stream, command["ufrag"], command["password"])
        self.agent.set_remote_candidates(self.stream, COMPONENT, candidates)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--role", choices=["controlling", "controlled"], required=True)
    parser.add_argument("--nomination", choices=["aggressive", "regular"], default="regular")
    parser.add_argument(
        "--address", action="append", default=[], help="local address; all real ones without it"
    )
    parser.add_argument("--no-udp", action="store_true")
    parser.add_argument("--no-tcp", action="store_true")
    Peer(parser.parse_args()).run()


if __name__ == "__main__":
    main()
