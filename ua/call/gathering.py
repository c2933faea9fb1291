"""Candidates for a call that rings: gathered at once, so that answering takes no time (RFC 8445 §5.1.1)."""

from __future__ import annotations

import asyncio
import secrets

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.net.network import Network
from ice.types import Role
from sdp.ice_binding import IceBinding
from ua.errors import NoMediaPath


async def gather(*, network: Network, config: IceConfig, offers: bool) -> IceBinding:
    """Open the sockets of one call and learn their addresses; `offers` tells whose offer comes first.

    Raises:
        NoMediaPath: no local address can be used.
    """
    try:
        return await IceBinding.gather(
            network=network,
            config=config,
            role=Role.CONTROLLING if offers else Role.CONTROLLED,
            session_id=secrets.randbits(62),
        )
    except GatheringFailed as error:
        raise NoMediaPath(
            f"no candidate for media: {error}", hint="look at [ice] in 'icephone config show'"
        ) from error


class EarlyGathering:
    """Gathers with the policy of the account until somebody says how the call is to be answered.

    Args:
        network: where sockets come from.
        config: policy of the account.
        offers: our offer comes first.
    """

    def __init__(self, *, network: Network, config: IceConfig, offers: bool) -> None:
        self._network = network
        self._config = config
        self._offers = offers
        self._task = asyncio.ensure_future(gather(network=network, config=config, offers=offers))
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._taken = False

    async def take(self, config: IceConfig) -> IceBinding:
        """What was gathered, to be owned by the caller; anew where `config` asks for something else.

        Raises:
            NoMediaPath: no local address can be used.
        """
        if config != self._config:
            await self.close()
            return await gather(network=self._network, config=config, offers=self._offers)
        binding = await asyncio.shield(self._task)
        self._taken = True
        return binding

    async def close(self) -> None:
        """Free what nobody took."""
        if self._taken:
            return
        self._taken = True
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled() and self._task.exception() is None:
            await self._task.result().close()
