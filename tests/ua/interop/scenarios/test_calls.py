"""The calls, with a PBX that does what they say, and with ones that do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.certificates import Authority
from tests.peers.broken.callee import Callee
from tests.ua.interop.scenarios.careless import Meddle, proxy, refusing, without
from tests.ua.interop.scenarios.phones import Forgetful, Stubborn, WantsOffers, phone
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, own, passes, pbx, together
from ua.interop.catalog import select
from ua.sip.syntax.message import Message, Request
from ua.sip.syntax.name_addr import NameAddr


def anonymous(message: Message) -> Message:
    """Nobody sees who calls."""
    if not isinstance(message, Request) or message.method != "INVITE" or message.to.tag is not None:
        return message
    hidden = NameAddr.parse(f"<sip:anonymous@anonymous.invalid>;tag={message.from_.tag}")
    return replace(message, headers=message.headers.with_rows("from", hidden))


def busy_after_one() -> Meddle:
    """Who talks is busy."""
    calls: set[str] = set()

    def meddle(message: Message) -> Message | int:
        if isinstance(message, Request) and message.method == "INVITE":
            calls.add(message.call_id)
            return 486 if len(calls) > 1 else message
        return message

    return meddle


OVER_TLS = ("calls.to_tls", "calls.to_ws")
LEFT_OUT = ("calls.fork", *OVER_TLS)


async def test_with_the_pbx(tmp_path: Path) -> None:
    basic = [each.id for each in select(["basic"])]  # tried elsewhere
    async with pbx(tmp_path) as peer:
        await all_pass(peer, tmp_path, "calls", but=(*basic, *LEFT_OUT))


@pytest.mark.parametrize("scenario", OVER_TLS)
async def test_with_the_pbx_over_tls(scenario: str, tmp_path: Path, authority: Authority) -> None:
    async with pbx(tmp_path, authority=authority) as peer:
        await passes(peer, tmp_path, scenario)


OTHERWISE: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("calls.no_answer", "answered", {"numbers": {"no_answer": "601"}}),
    ("calls.redirect", "not_redirected", {"numbers": {"redirect": "600"}}),
    ("calls.early_media", "no_early_media", {"numbers": {"early_media": "601"}}),
    ("calls.early_media", "silent", {"numbers": {"early_media": "607"}}),
    ("calls.wrong_password", "answered", {"users": {}}),
    ("calls.busy", "answered", {"numbers": {"busy": "600"}}),
    ("calls.no_such_number", "answered", {"numbers": {"no_such_number": "600"}}),
    ("calls.several", "wrong_audio", {"numbers": {"echo": "602"}}),
    ("calls.fork", "no_call", {"offers": ("forks",)}),
)


async def test_with_a_pbx_that_is_set_up_otherwise(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, cause: str, settings: dict[str, Any]) -> None:
        folder = own(tmp_path, number)
        async with pbx(folder, **settings) as peer:
            await fails(peer, folder, scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(OTHERWISE)))


async def test_with_a_sound_proxy(tmp_path: Path) -> None:
    async with proxy() as peer:
        await all_pass(peer, tmp_path, "calls.to_a_user", *dict.fromkeys(row[0] for row in MEDDLING))


MEDDLING: Final[tuple[tuple[str, Meddle, str], ...]] = (
    ("calls.absent", refusing("INVITE", 500), "server_error"),
    ("calls.given_up_at_a_user", without("CANCEL"), "cancel_lost"),
    ("calls.ended_by_a_user", refusing("BYE", 200), "never_bye"),
    ("calls.caller", anonymous, "wrong_caller"),
    ("calls.both_change", refusing("INVITE", 488, within=True), "change_refused"),
    ("calls.second", busy_after_one(), "busy"),
)


async def test_with_a_proxy_that_does_it_wrong(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, meddle: Meddle, cause: str) -> None:
        async with proxy(meddle) as peer:
            await fails(peer, own(tmp_path, number), scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(MEDDLING)))


UNABLE: Final[tuple[tuple[str, type[Callee], str], ...]] = (
    ("calls.reliable", Callee, "not_reliable"),
    ("calls.delayed_offer", WantsOffers, "no_delayed_offer"),
    ("calls.session_timer", Callee, "no_session_timer"),
    ("calls.session_timer", Stubborn, "no_session_timer"),
    ("calls.options_within", Forgetful, "wrong_status"),
    ("calls.long_invite", Callee, "no_tcp"),
    ("calls.long_invite_over_tcp", Callee, "unreachable"),
)


async def test_with_a_phone_that_cannot(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, callee: type[Callee], cause: str) -> None:
        async with phone(callee()) as peer:
            await fails(peer, own(tmp_path, number), scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(UNABLE)))


async def test_a_call_by_a_connection_of_the_peer(tmp_path: Path) -> None:
    """Without an instance there is no flow to call by: the PBX dials our Contact."""
    async with pbx(tmp_path) as peer:
        peer = replace(peer, phone={**peer.phone, "instance": ""})
        await fails(peer, tmp_path, "calls.to_tcp", "new_connection")
