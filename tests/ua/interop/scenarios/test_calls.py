"""The calls, with a PBX that does what they say, and with ones that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.ua.interop.scenarios.tried import fails, passes, pbx
from ua.interop.catalog import select

OVER_TLS = ("calls.to_tls", "calls.to_ws")
LEFT_OUT = ("calls.fork", *OVER_TLS)


@pytest.mark.parametrize(
    "scenario",
    [each.id for each in select(["calls"]) if not each.basic and each.id not in LEFT_OUT],
)
async def test_with_the_pbx(scenario: str, tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        await passes(peer, tmp_path, scenario)


@pytest.mark.parametrize("scenario", OVER_TLS)
async def test_with_the_pbx_over_tls(scenario: str, tmp_path: Path, authority: Authority) -> None:
    async with pbx(tmp_path, authority=authority) as peer:
        await passes(peer, tmp_path, scenario)


@pytest.mark.parametrize(
    ("scenario", "cause", "settings"),
    [
        ("calls.no_answer", "answered", {"numbers": {"no_answer": "601"}}),
        ("calls.redirect", "missing_message", {"numbers": {"redirect": "600"}}),
        ("calls.early_media", "no_early_media", {"numbers": {"early_media": "601"}}),
        ("calls.early_media", "silent", {"numbers": {"early_media": "607"}}),
        ("calls.wrong_password", "answered", {"users": {}}),
        ("calls.fork", "no_call", {"offers": ("forks",)}),
    ],
)
async def test_with_a_pbx_that_is_set_up_otherwise(
    scenario: str, cause: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    async with pbx(tmp_path, **settings) as peer:
        await fails(peer, tmp_path, scenario, cause)
