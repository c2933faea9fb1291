"""The live line: path and why, round trip, levels and loss, while a call runs. A view of the event log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ua.view.media import MediaView
from ua.view.text import milliseconds, printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.live import Live

    from ua.cli.output import Output
    from ua.events import EventLog, LogEntry

REFRESH_S = 0.1
"""The line is drawn at most this often."""

FLOOR_DB = -60.0
"""Level at which a meter is empty."""

_BLOCKS = " ▁▂▃▄▅▆▇█"
METER_CELLS = 5


def meter(level_db: float | None) -> str:
    """A level, dB below full scale, as a bar of METER_CELLS cells; dots where it is unknown."""
    if level_db is None:
        return "·" * METER_CELLS
    filled = max(0.0, min(1.0, 1.0 - level_db / FLOOR_DB)) * METER_CELLS
    cells = (max(0.0, min(1.0, filled - cell)) for cell in range(METER_CELLS))
    return "".join(_BLOCKS[round(cell * (len(_BLOCKS) - 1))] for cell in cells)


def _path_name(pair: dict[str, Any]) -> str:
    local = pair.get("local", {})
    name = str(local.get("transport", "?")).upper()
    tcptype = local.get("tcptype")
    relayed = "relay" in (local.get("type"), pair.get("remote", {}).get("type"))
    return name + (f" {tcptype}" if tcptype else "") + (" by relay" if relayed else "")


def _address(candidate: dict[str, Any]) -> str:
    address = candidate.get("address") or {}
    host, port = str(address.get("host", "?")), address.get("port", "?")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class LiveState:
    """What the line shows; fed with log entries, without a clock or a screen of its own.

    Attributes:
        party: whose side is shown; None takes that of the first entry.
        phase: what goes on before there is a path.
        path: name of the path, "" while there is none.
        addresses: both ends of the path.
        reason: why this path.
        rtt_ms: last measured round trip of the path.
        media: last counters.
        srtp: SRTP profile of the media, "" for plain RTP.
        muted: the other side hears silence in place of us.
    """

    def __init__(self, party: str | None = None) -> None:
        self.party = party
        self.phase = ""
        self.path = ""
        self.addresses = ""
        self.reason = ""
        self.rtt_ms: float | None = None
        self.media = MediaView()
        self.srtp = ""
        self.muted = False
        self._pair_id: object = None
        self._answered_at: float | None = None
        self._now = 0.0

    def feed(self, entry: LogEntry) -> str | None:
        """Take an entry; returns a plain line where the picture changed enough to say so."""
        if self.party is None:
            self.party = entry.party
        if entry.party != self.party:
            return None
        self._now = entry.at
        data = entry.data
        match entry.source, entry.name:
            case "call", "state":
                return self._on_state(entry)
            case "call", "protected":
                self.srtp = str(data.get("profile") or "")
                return f"media is encrypted: {self.srtp} ({str(data.get('by', '')).upper()})"
            case "call", "offer_retried":
                return f"{data.get('reason', '')}: offering {data.get('next') or 'nothing more'}"
            case "call", "digit":
                return f"the other side pressed {data.get('key', '')}"
            case "call", "muted":
                self.muted = bool(data.get("muted"))
                return "muted: the other side hears silence" if self.muted else "heard again"
            case "call", "hold":
                return f"hold: {data.get('state', '')}"
            case "call", "unprotected" | "sending":
                return str(data.get("reason", ""))
            case "media", "audio_failed":
                return f"audio: {data.get('reason', '')}"
            case "ice", "path_selected" if data.get("component") == 1:
                return self._on_path(entry)
            case "ice", "path_lost" if data.get("component") == 1:
                self.path, self.addresses, self.rtt_ms = "", "", None
                self.phase = f"path lost: {data.get('reason', '')}"
                return self.phase
            case "tcp", "tcp_connected" if data.get("component") == 1:
                return self._on_connection(entry)
            case "tcp", "tcp_lost" if data.get("component") == 1:
                self.path, self.addresses = "", ""
                self.phase = f"connection lost: {data.get('reason', '')}"
                return self.phase
            case "ice", "check_answered" if data.get("pair_id") == self._pair_id:
                self.rtt_ms = _ms(data.get("rtt_ms"))
            case "ice", "consent_answered" if data.get("component") == 1:
                self.rtt_ms = _ms(data.get("rtt_ms"))
            case "media", "counters" | "media_counters":
                self.media = MediaView.from_data(data)
            case _:
                pass
        return None

    def _on_state(self, entry: LogEntry) -> str | None:
        state = str(entry.data.get("state", ""))
        reason = str(entry.data.get("reason", ""))
        if state == "established" and self._answered_at is None:
            self._answered_at = entry.at
        line = f"{state} ({reason})" if reason else state
        if line == self.phase:
            return None
        self.phase = line
        return line

    def _on_path(self, entry: LogEntry) -> str:
        pair = entry.data.get("pair") or {}
        self._pair_id = pair.get("id")
        self.path = _path_name(pair)
        self.addresses = f"{_address(pair.get('local', {}))} to {_address(pair.get('remote', {}))}"
        self.reason = str(entry.data.get("reason", ""))
        self.rtt_ms = _ms(pair.get("rtt_ms"))
        return f"path: {self.path}, {self.addresses}" + (f": {self.reason}" if self.reason else "")

    def _on_connection(self, entry: LogEntry) -> str:
        local, remote = ({"address": entry.data.get(end)} for end in ("local", "remote"))
        self.path = "TCP without ICE"
        self.addresses = f"{_address(local)} to {_address(remote)}"
        self.reason = "we connected" if entry.data.get("dialled") else "the other side connected"
        return f"path: {self.path}, {self.addresses}: {self.reason}"

    def line(self) -> Text:
        """The line; the reason comes last, for it is cut where the terminal is narrow."""
        text = Text(no_wrap=True, overflow="ellipsis")
        if not self.path:
            return text.append(printable(self.phase or "starting"), style="yellow")
        text.append(
            printable(self.path), style="bold cyan" if self.path.startswith("UDP") else "bold magenta"
        )
        if self._answered_at is not None:
            seconds = int(self._now - self._answered_at)
            text.append(f" {seconds // 60}:{seconds % 60:02}")
        if self.srtp:
            text.append("  SRTP", style="green")
        if self.muted:
            text.append("  muted", style="bold red")
        rtt = self.rtt_ms if self.rtt_ms is not None else self.media.rtt_ms
        text.append(f"  rtt {milliseconds(rtt)}")
        for name, level in (("out", self.media.sent_level_db), ("in", self.media.received_level_db)):
            text.append(f"  {name} ").append(f"[{meter(level)}]", style="green")
        if self.media.told_level_db is not None:
            text.append("  peer ").append(f"[{meter(self.media.told_level_db)}]", style="green")
        if self.media.delay_ms is not None:
            text.append(f"  delay {milliseconds(self.media.delay_ms)}")
        loss = self.media.loss_percent
        if loss is not None:
            text.append(f"  loss {loss:.1f} %", style="red" if loss >= 1 else "")
        if self.media.mos is not None:
            text.append(f"  MOS {self.media.mos:.1f}")
        if self.reason:
            text.append(f"  {printable(self.reason)}", style="dim")
        return text


def _ms(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


class LiveLine:
    """Shows a `LiveState` on stderr: rewritten in place on a terminal, a line per change elsewhere."""

    def __init__(self, log: EventLog, output: Output, party: str | None = None) -> None:
        self._log = log
        self._output = output
        self.state = LiveState(party)
        self._live: Live | None = None
        self._drawn_at = float("-inf")
        self._unsubscribe: Callable[[], None] | None = None

    def __enter__(self) -> LiveLine:
        if not self._output.quiet and self._output.stderr.is_terminal:
            from rich.live import Live

            self._live = Live(
                self.state.line(),
                console=self._output.stderr,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._unsubscribe = self._log.subscribe(self._on_entry)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _on_entry(self, entry: LogEntry) -> None:
        change = self.state.feed(entry)
        if self._live is None:
            if change is not None:
                self._output.note(change)
        elif change is not None or entry.at - self._drawn_at >= REFRESH_S:
            self._drawn_at = entry.at
            self._live.update(self.state.line(), refresh=True)
