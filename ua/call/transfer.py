"""Handing a call over: the side that asks the other to call somebody else (RFC 3515, RFC 5589)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ua.call.in_call import InCall
from ua.errors import CallRejected, UaError, UsageError
from ua.sip.dialog import Dialog
from ua.sip.errors import SipParseError
from ua.sip.events.refer import OutgoingRefer
from ua.sip.events.refer_to import ReferTo
from ua.sip.events.replaces import Replaces
from ua.sip.invite.leg import Leg
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """What became of a transfer.

    Attributes:
        done: true where the other side has its new call; ours is ended then.
        status: the status that it told of that call, or that refused the transfer; None where none was.
        reason: one sentence.
    """

    done: bool
    status: int | None
    reason: str


def blind_target(uri: str) -> ReferTo:
    """Whom the other side shall call; raises UsageError where `uri` is no SIP URI."""
    try:
        target = Uri.parse(uri)
    except SipParseError as error:
        raise UsageError(f"{uri!r} is not a SIP URI: {error.reason}") from error
    if not target.is_sip:
        raise UsageError(f"{uri!r} is not a SIP URI")
    return ReferTo(target=target)


def attended_target(dialog: Dialog, known: Iterable[Uri] = ()) -> ReferTo:
    """The other end of `dialog`, whose place in it the new call takes (RFC 5589 §7, RFC 3891 §4).

    Its Contact reaches exactly that phone where no proxy stands between. Behind proxies the Contact may be
    reached by nobody else: then its address of record is called, where all phones but the one with that call
    must refuse. From and To name no port (RFC 3261 §19.1.1): it is that of the `known` URI of the same
    host, what was called or our own address. Raises UsageError where the dialog cannot be named.
    """
    try:
        replaces = Replaces.of(dialog)
    except SipParseError as error:
        raise UsageError(f"the call cannot be replaced: {error.reason}") from error
    if not dialog.routes:
        return ReferTo(target=dialog.target.as_request_uri(), replaces=replaces)
    target = dialog.remote.uri.as_identity()
    port = next((uri.port for uri in known if uri.port and uri.host == target.host), None)
    return ReferTo(target=replace(target, port=port), replaces=replaces, require_replaces=True)


async def put_on_hold(calls: Sequence[InCall]) -> list[InCall]:
    """Hold the calls that a transfer is about (RFC 5589 §6); gives those that we did not hold before.

    Who refuses to be held is transferred as the call stands.
    """
    held: list[InCall] = []
    for call in calls:
        if not call.hold_state.by_us:
            with contextlib.suppress(UaError):
                await call.hold()
                held.append(call)
    return held


async def resume(calls: Sequence[InCall]) -> None:
    """Go on with the calls of a transfer that has failed; one that is over by now stays over."""
    for call in calls:
        with contextlib.suppress(UaError):
            await call.resume()


async def transfer(leg: Leg, refer_to: ReferTo) -> TransferResult:
    """Ask the other side of `leg` to call somebody else, and wait until it tells what became of it."""
    refer = OutgoingRefer(leg.usages, refer_to, referred_by=NameAddr(uri=leg.dialog.local.uri))
    try:
        await refer.send()
        told = await asyncio.shield(refer.outcome)
    except CallRejected as rejection:
        return TransferResult(done=False, status=rejection.sip_code, reason=f"refused: {rejection.what}")
    except UaError as error:
        status = None if refer.progress is None else refer.progress.status
        return TransferResult(done=False, status=status, reason=error.what)
    reason = f"{told.status} {told.reason}".rstrip()
    return TransferResult(done=told.is_success, status=told.status, reason=reason)
