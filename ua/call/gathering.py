"""Candidates for a call that rings: gathered at once, so that answering takes no time (RFC 8445 §5.1.1)."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.net.network import Network
from ice.types import Role
from sdp.attributes import ice_attr
from sdp.attributes.connection_attr import Setup
from sdp.errors import SdpError
from sdp.ice.binding import IceBinding
from sdp.syntax import parser
from sdp.tcp import offer as tcp_offer
from sdp.tcp.binding import TcpBinding
from ua.config.account import Account
from ua.errors import NoMediaPath, UsageError
from ua.plan import MediaPlan


def tcp_setup(plan: MediaPlan, account: Account) -> Setup | None:
    """What our offer says about the connection where media goes over TCP without ICE; None with ICE.

    Raises:
        UsageError: something else that is asked for cannot be had that way.
    """
    if (plan.media or account.media.transport) != "tcp":
        return None
    for wanted, what in (
        (account.ice_required, "[ice] required"),
        (plan.ice_config(account.ice).relay_only, "a relay alone"),
        ((plan.srtp or account.media.srtp) in ("dtls", "webrtc"), "DTLS-SRTP"),
    ):
        if wanted:
            raise UsageError(
                f"media over TCP without ICE and {what} do not go together", hint="leave out --media tcp"
            )
    return Setup(account.media.setup)


def without_ice(plan: MediaPlan, account: Account) -> bool:
    """True where this account has plain RTP over UDP in all calls.

    Raises:
        UsageError: the plan asks for something else.
    """
    config = plan.ice_config(account.ice)
    if not account.ice_enabled and (not config.udp or config.relay_only):
        raise UsageError(
            f"--path {plan.path} needs ICE, and [ice] enabled is false", hint="leave out one of the two"
        )
    return not account.ice_enabled


def asked_setup(offer: bytes | None, account: Account) -> Setup | None:
    """The same for a call that we answer, by what the caller offers.

    Nothing of it is refused here: an offer that is no SDP, or needs ICE, meets its answer like any.
    """
    if offer is None:
        return Setup(account.media.setup) if account.media.transport == "tcp" else None
    if account.ice.relay_only:
        # It would tell the address of this host.
        return None
    try:
        asked = tcp_offer.find(parser.parse(offer))
    except SdpError:
        return None
    return None if asked is None else Setup(account.media.setup)


def has_ice(offer: bytes) -> bool:
    """True where an offer has ICE for a stream that it does not take out."""
    try:
        description = parser.parse(offer)
    except SdpError:
        return False
    return any(
        ice_attr.read(description, media, is_answer=False).description is not None
        for media in description.media
        if media.port
    )


async def gather(
    *, network: Network, config: IceConfig, offers: bool, setup: Setup | None = None, plain: bool = False
) -> IceBinding | TcpBinding:
    """Open the sockets of one call and learn their addresses.

    Args:
        network: where sockets come from.
        config: policy of ICE, and which addresses are used.
        offers: our offer comes first.
        setup: media goes over TCP without ICE, and who connects.
        plain: there is no ICE, by the other side or by our account.

    Raises:
        NoMediaPath: no local address can be used.
    """
    session_id = secrets.randbits(62)
    try:
        if setup is not None:
            stream = TcpBinding(
                network=network, config=config, session_id=session_id, setup=setup, offers_first=offers
            )
            if offers:
                await stream.open()
            return stream
        return await IceBinding.gather(
            network=network,
            config=config.without_ice() if plain else config,
            role=Role.CONTROLLING if offers else Role.CONTROLLED,
            session_id=session_id,
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
        setup: media goes over TCP without ICE, and who connects.
        plain: there is no ICE, by the other side or by our account.
    """

    def __init__(
        self,
        *,
        network: Network,
        config: IceConfig,
        offers: bool,
        setup: Setup | None = None,
        plain: bool = False,
    ) -> None:
        self._config = config
        self._gather = partial(gather, network=network, offers=offers, setup=setup, plain=plain)
        self._task = asyncio.ensure_future(self._gather(config=config))
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._taken = False

    async def take(self, config: IceConfig) -> IceBinding | TcpBinding:
        """What was gathered, to be owned by the caller; anew where `config` asks for something else.

        Raises:
            NoMediaPath: no local address can be used.
        """
        if config != self._config:
            await self.close()
            return await self._gather(config=config)
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
