"""The registrations, with a registrar that does what they say, and with ones that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.certificates import Authority
from tests.ua.interop.scenarios.registrars import Registrar, registrar_at
from tests.ua.interop.scenarios.suites import all_pass
from tests.ua.interop.scenarios.tried import fails, own, passes, pbx, together
from ua.pbx.contacts import Limits

OVER_TLS = ("registration.tls", "registration.ws", "registration.wss")
OTHERS = ("registration.md5", *OVER_TLS)


async def test_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        await all_pass(peer, tmp_path, "registration", but=OTHERS)


@pytest.mark.parametrize("scenario", OVER_TLS)
async def test_with_the_pbx_over_tls(scenario: str, tmp_path: Path, authority: Authority) -> None:
    async with pbx(tmp_path, authority=authority) as peer:
        await passes(peer, tmp_path, scenario)


async def test_md5_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path, algorithms=("MD5",), offers=("md5",)) as peer:
        await passes(peer, tmp_path, "registration.md5")


OTHERWISE: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("registration.md5", "wrong_algorithm", {"offers": ("md5",)}),
    ("registration.sha256", "wrong_algorithm", {"algorithms": ("MD5",)}),
    ("registration.challenge", "no_challenge", {"users": {}}),
    ("registration.wrong_password", "unexpected_success", {"users": {}}),
    ("registration.unknown_user", "unexpected_success", {"users": {}}),
    ("registration.of_another", "unexpected_success", {"users": {}}),
    ("registration.auth_int", "no_challenge", {"users": {}}),
    ("registration.several_contacts", "contact_refused", {"limits": Limits(bindings=1)}),
)


async def test_with_a_pbx_that_is_set_up_otherwise(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, cause: str, settings: dict[str, Any]) -> None:
        folder = own(tmp_path, number)
        async with pbx(folder, **settings) as peer:
            await fails(peer, folder, scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(OTHERWISE)))


BROKEN: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("registration.plain", "no_expires", {"tells_time": False}),
    ("registration.removal", "not_removed", {"removes": False}),
    ("registration.refresh", "doubled_contact", {"doubles": True}),
    ("registration.too_brief", "min_expires", {"least_s": 60, "tells_least": False}),
    ("registration.several_contacts", "contact_replaced", {"most": 1}),
    ("registration.restart", "contact_kept", {}),
    ("registration.challenge", "nonce_repeated", {"challenges": "of-yesterday"}),
    ("registration.unknown_user", "wrong_status", {"status": 503}),
)


async def test_with_a_registrar_that_is_broken(tmp_path: Path) -> None:
    async def one(number: int, scenario: str, cause: str, manners: dict[str, Any]) -> None:
        async with Registrar(**manners) as registrar:
            await fails(registrar_at(registrar), own(tmp_path, number), scenario, cause)

    await together(*(one(number, *row) for number, row in enumerate(BROKEN)))


async def test_a_registrar_of_the_same_make_that_is_sound(tmp_path: Path) -> None:
    async with Registrar() as registrar:
        peer = registrar_at(registrar)
        for scenario in ("plain", "removal", "refresh", "too_brief"):
            await passes(peer, own(tmp_path, scenario), f"registration.{scenario}")


async def test_over_a_transport_that_is_not_there(tmp_path: Path) -> None:
    async with Registrar() as registrar:
        peer = registrar_at(registrar, ("udp", "tcp"))
        await fails(peer, tmp_path, "registration.tcp", "unreachable")
