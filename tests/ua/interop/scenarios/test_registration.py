"""The registrations, with a registrar that does what they say, and with ones that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.ua.interop.scenarios.registrars import Registrar, registrar_at
from tests.ua.interop.scenarios.tried import fails, passes, pbx
from ua.interop.catalog import select
from ua.pbx.contacts import Limits

OVER_TLS = ("registration.tls", "registration.ws", "registration.wss")
OTHERS = ("registration.md5", *OVER_TLS)


@pytest.mark.parametrize("scenario", [each.id for each in select(["registration"]) if each.id not in OTHERS])
async def test_with_the_pbx(scenario: str, tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        await passes(peer, tmp_path, scenario)


@pytest.mark.parametrize("scenario", OVER_TLS)
async def test_with_the_pbx_over_tls(scenario: str, tmp_path: Path, authority: Authority) -> None:
    async with pbx(tmp_path, authority=authority) as peer:
        await passes(peer, tmp_path, scenario)


async def test_md5_with_the_pbx(tmp_path: Path) -> None:
    async with pbx(tmp_path, algorithms=("MD5",), offers=("md5",)) as peer:
        await passes(peer, tmp_path, "registration.md5")


@pytest.mark.parametrize(
    ("scenario", "cause", "settings"),
    [
        ("registration.md5", "wrong_algorithm", {"offers": ("md5",)}),
        ("registration.sha256", "authentication", {"algorithms": ("MD5",)}),
        ("registration.challenge", "no_challenge", {"users": {}}),
        ("registration.wrong_password", "unexpected_success", {"users": {}}),
        ("registration.unknown_user", "unexpected_success", {"users": {}}),
        ("registration.of_another", "unexpected_success", {"users": {}}),
        ("registration.auth_int", "no_challenge", {"users": {}}),
        ("registration.several_contacts", "contact_refused", {"limits": Limits(bindings=1)}),
    ],
)
async def test_with_a_pbx_that_is_set_up_otherwise(
    scenario: str, cause: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    async with pbx(tmp_path, **settings) as peer:
        await fails(peer, tmp_path, scenario, cause)


@pytest.mark.parametrize(
    ("scenario", "cause", "manners"),
    [
        ("registration.plain", "no_expires", {"tells_time": False}),
        ("registration.removal", "not_removed", {"removes": False}),
        ("registration.refresh", "doubled_contact", {"doubles": True}),
        ("registration.too_brief", "min_expires", {"least_s": 60, "tells_least": False}),
        ("registration.several_contacts", "contact_replaced", {"most": 1}),
        ("registration.restart", "contact_kept", {}),
        ("registration.challenge", "nonce_repeated", {"challenges": "of-yesterday"}),
        ("registration.unknown_user", "wrong_status", {"status": 503}),
    ],
)
async def test_with_a_registrar_that_is_broken(
    scenario: str, cause: str, manners: dict[str, Any], tmp_path: Path
) -> None:
    async with Registrar(**manners) as registrar:
        await fails(registrar_at(registrar), tmp_path, scenario, cause)


@pytest.mark.parametrize(
    "scenario",
    ["registration.plain", "registration.removal", "registration.refresh", "registration.too_brief"],
)
async def test_a_registrar_of_the_same_make_that_is_sound(scenario: str, tmp_path: Path) -> None:
    async with Registrar() as registrar:
        await passes(registrar_at(registrar), tmp_path, scenario)


async def test_over_a_transport_that_is_not_there(tmp_path: Path) -> None:
    async with Registrar() as registrar:
        peer = registrar_at(registrar, ("udp", "tcp"))
        await fails(peer, tmp_path, "registration.tcp", "unreachable")
