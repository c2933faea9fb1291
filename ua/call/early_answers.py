"""The answers of phones that ring: ICE runs with each, so that media flows as soon as one takes the call.

An answer in a provisional response is that of one fork of the call (RFC 3261 §13.2.1); the 200 shows which
counts (RFC 8839 §7.3). Candidates, sockets and pacing are those of our one offer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ice.messages import Event
from ice.types import SessionState
from sdp.errors import SdpError
from sdp.ice import early_answer
from sdp.ice.binding import IceBinding
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.syntax import parser
from sdp.tcp.binding import TcpBinding

MOST_EVENTS = 2000
"""So many events of a fork are kept for the log."""


class EarlyAnswer(NamedTuple):
    """One fork.

    Attributes:
        body: its answer.
        binding: its stream.
        negotiated: what was agreed.
        events: what its ICE session told; the last of it.
    """

    body: bytes
    binding: IceBinding
    negotiated: NegotiatedMedia
    events: deque[Event]


class EarlyAnswers:
    """Starts and ends ICE with the forks of one call.

    Args:
        offered: the stream that made the offer.
        record: writes an entry of the call into the log.
    """

    def __init__(self, offered: IceBinding | TcpBinding, record: Callable[..., None]) -> None:
        self._offered = offered
        self._record = record
        self._forks: dict[str, EarlyAnswer] = {}
        self._closed = False

    async def take(self, tag: str, body: bytes) -> EarlyAnswer | None:
        """A phone that rings has answered; None where ICE does not run with it.

        Args:
            tag: its To tag; the first answer of a fork counts.
            body: its description.
        """
        if self._closed or not tag or tag in self._forks or isinstance(self._offered, TcpBinding):
            return None
        events: deque[Event] = deque(maxlen=MOST_EVENTS)
        try:
            begun = await early_answer.begin(self._offered, parser.parse(body), events.append)
        except SdpError:
            # It is refused for good, and told so, if that phone takes the call.
            return None
        if begun is None:
            return None
        fork = self._forks[tag] = EarlyAnswer(body, *begun, events)
        return fork

    async def choose(self, tag: str, body: bytes) -> EarlyAnswer | None:
        """A phone takes the call: end ICE with the others.

        Gives its stream, which is the caller's now; None where ICE does not run with it, or found no path:
        the stream that made the offer takes the answer then.
        """
        self._closed = True
        for other, fork in tuple(self._forks.items()):
            failed = fork.binding.session.state is SessionState.FAILED
            if other in self._forks and (other != tag or fork.body != body or failed):
                await self._end(other)
        if tag not in self._forks:
            return None
        await self._offered.close()
        # It is ours until here: whoever ends the call meanwhile ends it too.
        chosen = self._forks.pop(tag, None)
        if chosen is not None:
            # The phone may have kept ICE back until it was answered.
            chosen.binding.session.check_again()
        return chosen

    async def _end(self, tag: str) -> None:
        fork = self._forks.pop(tag)
        report = fork.binding.session.report()
        self._record("fork_ended", tag=tag, state=report.state, reason=report.reason)
        await fork.binding.close()

    async def close(self) -> None:
        """End ICE with all that are left."""
        self._closed = True
        while self._forks:
            await self._end(next(iter(self._forks)))
