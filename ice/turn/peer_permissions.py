"""Whom our relays let in: permissions at TURN servers, asked for as soon as the peer is known.

RFC 8445 §7.2.1 wants one before the first check. Connections to a relayed TCP address come from candidates
that no pair of ours holds, active ones: without permission the server turns them away (RFC 6062 §5.3, RFC
6544 §5.2).
"""

from __future__ import annotations

from collections.abc import Iterable

from ice.candidates.address import version
from ice.messages import PermitPeer
from ice.outbox import Outbox
from ice.types import Candidate, FlowId


class PeerPermissions:
    """Tells the shell whom to permit, each host once for each relay.

    Args:
        outbox: takes the commands.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._asked: set[tuple[FlowId, str]] = set()

    def update(self, relays: Iterable[tuple[Candidate, FlowId]], remotes: Iterable[Candidate]) -> None:
        """Ask for what is missing.

        Args:
            relays: our relayed candidates with their sockets.
            remotes: everything that the peer has told; it may come from any of these hosts.
        """
        hosts = tuple(dict.fromkeys(remote.address.host for remote in remotes))
        for candidate, flow in relays:
            for host in hosts:
                key = (flow, host)
                if key not in self._asked and version(host) == version(candidate.address.host):
                    self._asked.add(key)
                    self._outbox.command(PermitPeer(flow=flow, host=host))
