"""What became of a call: its figures and its verdict."""

from __future__ import annotations

from dataclasses import dataclass

from ua.call.media_leg import MediaLeg
from ua.call.path_figures import traffic
from ua.errors import MediaOneWay, UaError
from ua.results import CallResult, PathChange

ONE_WAY_PACKETS = 25
"""Half a second of media sent without one packet coming back is a one-way call."""


@dataclass(slots=True, kw_only=True)
class Times:
    """When a call came to what, monotonic seconds.

    Attributes:
        invited: the INVITE.
        answered: its 200.
        ended: the end of the signalling.
    """

    invited: float | None = None
    answered: float | None = None
    ended: float | None = None

    def since_invite(self, at: float | None) -> float | None:
        """`at` in ms after the INVITE; None where one of the two never was."""
        return None if at is None or self.invited is None else (at - self.invited) * 1000

    @property
    def duration_ms(self) -> float | None:
        """From the answer to the end."""
        if self.answered is None or self.ended is None:
            return None
        return (self.ended - self.answered) * 1000


def one_way(media: MediaLeg | None) -> UaError | None:
    """The error of a call that talked into the void."""
    figures = None if media is None else media.statistics
    if figures is None or media is None:
        return None
    direction = media.descriptions.direction
    both = direction.sends and direction.receives
    if both and figures.sent.packets >= ONE_WAY_PACKETS and not figures.received.packets:
        refused = ", ".join(f"{count} {reason}" for reason, count in figures.refused.items())
        return MediaOneWay(
            f"{figures.sent.packets} RTP packets were sent and none was accepted",
            seen=f"refused packets: {refused}" if refused else "no packet arrived",
            hint="a firewall or NAT may let packets through in one direction only",
        )
    return None


def make_result(
    media: MediaLeg | None, times: Times, error: UaError | None, *, party: str, call_id: str, remote: str
) -> CallResult:
    """The result of a call that is over."""
    figures = None if media is None else media.statistics
    changes: tuple[PathChange, ...] = ()
    if media is not None and times.invited is not None and times.ended is not None:
        # What happens while both sides let go of the path is no change of it.
        changes = media.path_changes(times.invited, times.ended)
    base = CallResult() if error is None else CallResult.failed(error)
    return CallResult(
        result=base.result,
        error=base.error,
        sip_code=base.sip_code,
        party=party,
        call_id=call_id or None,
        remote=remote,
        setup_ms=times.since_invite(times.answered),
        media_ms=None if figures is None else times.since_invite(figures.first_received_at),
        duration_ms=times.duration_ms,
        ice=None if media is None else media.ice_summary(),
        transport=None if media is None else media.transport,
        codec=None if media is None else media.codec,
        srtp=None if media is None else media.srtp,
        sent=None if figures is None else traffic(figures.sent),
        received=None if figures is None else traffic(figures.received),
        delay_p50_ms=None if figures is None or figures.delay_ms is None else figures.delay_ms.p50,
        delay_p99_ms=None if figures is None or figures.delay_ms is None else figures.delay_ms.p99,
        mos=None if figures is None else figures.mos,
        path_changes=changes,
        why="" if media is None else media.why,
    )
