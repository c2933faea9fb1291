"""The features, with a PBX that has them, and with ones that have them wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.peers.broken.callee import Callee, running
from tests.peers.broken.voice import Manners
from tests.ua.interop.scenarios.careless import Meddle, proxy, refusing, rewriting
from tests.ua.interop.scenarios.phones import Stubborn, phone
from tests.ua.interop.scenarios.registrars import Registrar, registrar_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, own, passes, pbx, together
from ua.interop.peer import Peer
from ua.sip.syntax.message import Message, Request


@asynccontextmanager
async def with_a_tone(meddle: Meddle) -> AsyncIterator[Peer]:
    """A proxy that does so, and a phone that plays a tone."""
    async with running(Callee(Manners(plays="tone"))) as player, proxy(meddle) as peer:
        yield dataclasses.replace(peer, extensions={**peer.extensions, "tone": player.address})


def no_replaces(message: Message) -> Message | int:
    """Who wants to replace a call is refused."""
    replaces = isinstance(message, Request) and message.method == "INVITE" and "replaces" in message.headers
    return 420 if replaces else message


LEFT_OUT = ("features.message_waiting",)


async def test_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        peer = dataclasses.replace(peer, recordings=tmp_path)
        await all_pass(peer, tmp_path, "features", but=LEFT_OUT)


OTHERWISE: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("features.message_waiting", "subscription_refused", {"offers": ("message_waiting",)}),
    ("features.conference", "wrong_audio", {"numbers": {"conference": "600"}}),
    ("features.recording", "not_recorded", {"numbers": {"record": "600"}}),
    ("features.hold", "wrong_audio", {"numbers": {"echo": "601"}}),
)


async def test_with_a_pbx_that_is_set_up_otherwise(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, cause: str, settings: dict[str, Any]) -> None:
        folder = own(tmp_path, number)
        async with pbx(folder, **settings) as peer:
            await fails(dataclasses.replace(peer, recordings=folder), folder, scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(OTHERWISE)))


async def test_waiting_messages(tmp_path: Path) -> None:
    async with Registrar() as registrar:
        await passes(registrar_at(registrar), tmp_path, "features.message_waiting")


async def test_waiting_messages_of_which_nobody_tells(tmp_path: Path) -> None:
    async with Registrar(notifies=False) as registrar:
        await fails(registrar_at(registrar), tmp_path, "features.message_waiting", "no_notify")


async def test_a_phone_that_ignores_holds(tmp_path: Path) -> None:
    async with phone(Callee()) as peer:
        await fails(peer, tmp_path, "features.hold", "hold_ignored")


async def test_a_phone_that_refuses_holds(tmp_path: Path) -> None:
    async with phone(Stubborn()) as peer:
        await fails(peer, tmp_path, "features.hold", "change_refused")


async def test_with_a_sound_proxy(tmp_path: Path) -> None:
    async with with_a_tone(lambda message: message) as peer:
        await all_pass(peer, tmp_path, *dict.fromkeys(row[0] for row in MEDDLING))


MEDDLING: Final[tuple[tuple[str, Meddle, str], ...]] = (
    ("features.hold_music", rewriting(b"a=sendonly", b"a=sendrecv"), "hold_ignored"),
    ("features.message", refusing("MESSAGE", 405), "message_refused"),
    ("features.message", refusing("MESSAGE", 200), "no_message"),
    ("features.message", rewriting(b"&", b"&amp;", method="MESSAGE"), "wrong_text"),
    ("features.message_within", refusing("MESSAGE", 481), "message_refused"),
    ("features.message_to_nobody", refusing("MESSAGE", 202), "unexpected_success"),
    ("features.transfer", refusing("REFER", 403), "transfer_failed"),
    ("features.transfer", refusing("NOTIFY", 200), "no_notify"),
    (
        "features.transfer_fails",
        rewriting(b"404 Not Found", b"200 OK", method="NOTIFY"),
        "transfer_lies",
    ),
    ("features.attended_transfer", no_replaces, "transfer_failed"),
)


async def test_with_a_proxy_that_does_it_wrong(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, meddle: Meddle, cause: str) -> None:
        async with with_a_tone(meddle) as peer:
            await fails(peer, own(tmp_path, number), scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(MEDDLING)))
