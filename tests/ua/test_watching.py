"""Waiting messages and calls of others, with a notifier that says what a test wants."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.errors import CallRejected
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.events.dialog_info import DialogInfo, DialogPhase, DialogView
from ua.sip.events.message_summary import MessageSummary
from ua.sip.syntax.message import Request
from ua.watching import WatchedCalls

SUMMARY = ("Content-Type", "application/simple-message-summary")
DIALOGS = ("Content-Type", "application/dialog-info+xml")
ACTIVE = "active;expires=600"


def notify(
    peer: MediaPeer,
    subscribe: Request,
    state: str,
    body: bytes = b"",
    *rows: tuple[str, str],
    tag: str = "notifier",
) -> Dialog:
    """The first NOTIFY of a subscription; the notifier's side of the dialog."""
    dialog = Dialog.of_callee(subscribe, tag)
    again(peer, dialog, state, body, *rows)
    return dialog


def again(peer: MediaPeer, dialog: Dialog, state: str, body: bytes = b"", *rows: tuple[str, str]) -> None:
    event = ("Event", "dialog" if rows == (DIALOGS,) else "message-summary")
    peer.ask(dialog, "NOTIFY", body, event, ("Subscription-State", state), *rows)


async def unsubscribed(peer: MediaPeer, dialog: Dialog, *rows: tuple[str, str]) -> None:
    """Answer the SUBSCRIBE that ends a subscription, and say so."""
    last = await peer.receive_request("SUBSCRIBE")
    assert last.headers.first("expires") == "0"
    assert last.to.tag == dialog.local.tag
    peer.answer(last, 200, ("Expires", "0"))
    again(peer, dialog, "terminated;reason=timeout", b"", *rows)
    await peer.receive_response(200)


@pytest.mark.req("SUB-1")
async def test_waiting_messages_are_watched() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        watch = phone.subscribe("message-summary", str(peer.uri), expires=1200)
        subscribe = await peer.receive_request("SUBSCRIBE")
        assert subscribe.headers.all("event") == ("message-summary",)
        assert subscribe.headers.first("accept") == "application/simple-message-summary"
        assert subscribe.headers.first("expires") == "1200"
        assert len(subscribe.contacts) == 1
        dialog = notify(peer, subscribe, ACTIVE, b"Messages-Waiting: yes\r\nVoice-Message: 2/1\r\n", SUMMARY)
        await peer.receive_response(200)
        peer.answer(subscribe, 200, ("Expires", "600"), tag="notifier")
        states = watch.states()
        state = await anext(states)
        assert isinstance(state, MessageSummary)
        assert str(state) == "voice-message: 2 new, 1 old"
        again(peer, dialog, ACTIVE, b"nonsense", SUMMARY)
        await peer.receive_response(200)
        again(peer, dialog, ACTIVE, b"x", ("Content-Type", "text/plain"))
        await peer.receive_response(415)
        peer.ask(dialog, "NOTIFY", b"", ("Event", "message-summary"))
        await peer.receive_response(400)
        again(peer, dialog, ACTIVE, b"Messages-Waiting: no\r\n", SUMMARY)
        await peer.receive_response(200)
        assert not getattr(await anext(states), "waiting", True)
        told = [entry.data["state"] for entry in log.entries if entry.name == "subscription"]
        assert told == ["notified", "unreadable", "notified"]
        leaving = asyncio.ensure_future(watch.close())
        await unsubscribed(peer, dialog, SUMMARY)
        await leaving


@pytest.mark.req("SUB-1")
async def test_of_a_fork_one_is_kept() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        watch = phone.subscribe("message-summary", str(peer.uri))
        subscribe = await peer.receive_request("SUBSCRIBE")
        peer.answer(subscribe, 202, ("Expires", "600"), tag="notifier")
        dialog = notify(peer, subscribe, ACTIVE)
        await peer.receive_response(200)
        notify(peer, subscribe, ACTIVE, tag="another")
        await peer.receive_response(481)
        peer.ask(dialog, "NOTIFY", b"", ("Event", "message-summary;id=2"), ("Subscription-State", ACTIVE))
        await peer.receive_response(481)
        leaving = asyncio.ensure_future(watch.close())
        await unsubscribed(peer, dialog, SUMMARY)
        await leaving


@pytest.mark.req("SUB-1")
async def test_a_subscription_that_is_refused() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        watch = phone.subscribe("message-summary", str(peer.uri))
        peer.answer(await peer.receive_request("SUBSCRIBE"), 489)
        for _ in range(2):
            with pytest.raises(CallRejected) as refused:
                await anext(watch.states())
            assert refused.value.sip_code == 489
        assert await peer.silent(0.05, "SUBSCRIBE")


@pytest.mark.req("SUB-1")
@pytest.mark.parametrize(("reason", "again_"), [("probation;retry-after=0", True), ("rejected", False)])
async def test_a_subscription_that_is_ended_is_made_anew_where_that_makes_sense(
    reason: str, again_: bool
) -> None:
    """A short one is not made anew at once: see the core's tests for when."""
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        phone.subscribe("message-summary", str(peer.uri))
        subscribe = await peer.receive_request("SUBSCRIBE")
        peer.answer(subscribe, 200, ("Expires", "600"), tag="notifier")
        notify(peer, subscribe, f"terminated;reason={reason}")
        await peer.receive_response(200)
        (ended,) = (entry.data for entry in log.entries if entry.name == "subscription")
        assert (ended["state"], ended["retry_in_s"] is not None) == ("ended", again_)


def document(version: int, *dialogs: DialogView, full: bool = True) -> bytes:
    return bytes(DialogInfo(entity="sip:bob@example.com", version=version, full=full, dialogs=dialogs))


@pytest.mark.req("SUB-1")
async def test_calls_of_others_are_watched() -> None:
    """A document that is missing is asked for by a refresh."""
    ringing = DialogView(id="1", phase=DialogPhase.EARLY, direction="recipient")
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        watch = phone.subscribe("dialog", str(peer.uri))
        subscribe = await peer.receive_request("SUBSCRIBE")
        peer.answer(subscribe, 200, ("Expires", "3600"), tag="notifier")
        dialog = notify(peer, subscribe, ACTIVE, document(0, ringing), DIALOGS)
        await peer.receive_response(200)
        states = watch.states()
        assert await anext(states) == WatchedCalls(entity="sip:bob@example.com", calls=(ringing,))
        again(peer, dialog, ACTIVE, document(2, full=False), DIALOGS)
        refresh = await peer.receive_request("SUBSCRIBE")
        assert refresh.to.tag == "notifier"
        peer.answer(refresh, 200, ("Expires", "3600"))
        again(peer, dialog, ACTIVE, document(3), DIALOGS)
        assert await anext(states) == WatchedCalls(entity="sip:bob@example.com", calls=())
        leaving = asyncio.ensure_future(watch.close())
        await unsubscribed(peer, dialog, DIALOGS)
        await leaving
