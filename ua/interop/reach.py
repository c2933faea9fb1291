"""Whether a peer can be reached at all: known before scenarios are run in vain."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final

from ua.config.account import Account
from ua.errors import UaError, Unreachable
from ua.events import EventLog
from ua.interop.accounts import account_at
from ua.interop.peer import Peer
from ua.phone import Phone
from ua.sip.transport.hop import SipTransport

PATIENCE_S: Final = 4.0
"""Seconds that the peer gets to answer; one that drops OPTIONS of strangers may take calls all the same."""


async def reached(
    peer: Peer, base: Account, *, keep_all: bool, patience_s: float = PATIENCE_S
) -> tuple[Peer, tuple[str, ...]]:
    """`peer` with the transports over which somebody is there, and what is worth saying.

    A transport is left out where its port is closed, the name unknown or TLS fails; not for silence.

    Args:
        peer: what is asked, by OPTIONS.
        base: settings of our phones.
        keep_all: the transports are those that the user has named: all stay, unless none is any good.
        patience_s: how long the peer may take.

    Raises:
        Unreachable, TlsError: no transport is.
    """
    answers = await asyncio.gather(*(_ask(peer, base, each, patience_s) for each in peer.transports))
    failed = {
        transport: answer
        for transport, answer in zip(peer.transports, answers, strict=True)
        if isinstance(answer, UaError)
    }
    if len(failed) == len(peer.transports):
        raise failed[peer.transports[0]]
    notes = [answer for answer in answers if isinstance(answer, str)]
    notes += [f"not reached over {transport.upper()}: {error.what}" for transport, error in failed.items()]
    if not keep_all:
        left = tuple(each for each in peer.transports if each not in failed)
        peer = dataclasses.replace(peer, transports=left)
    return peer, tuple(notes)


async def _ask(peer: Peer, base: Account, transport: SipTransport, patience_s: float) -> UaError | str | None:
    """The error that shows that nobody is there; a remark where that is open; None after an answer."""
    user = peer.accounts[0] if peer.accounts else None
    account = account_at(peer, user, base, transport=transport)
    try:
        async with Phone(account, EventLog(keep_bytes=0), party="reach") as phone:
            async with asyncio.timeout(patience_s):
                await phone.options(peer.uri)
    except TimeoutError:
        return f"no answer to OPTIONS over {transport.upper()} in {patience_s:g} s; the scenarios will tell"
    except UaError as error:
        return error if isinstance(error, Unreachable) or error.code.exit_code in (5, 6) else None
    return None
