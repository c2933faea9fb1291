"""The features, with a PBX that has them, and with ones that have them wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.ua.interop.scenarios.tried import fails, passes, pbx
from ua.interop.catalog import select

LEFT_OUT = ("features.message_waiting",)


@pytest.mark.parametrize("scenario", [each.id for each in select(["features"]) if each.id not in LEFT_OUT])
async def test_with_the_pbx(scenario: str, tmp_path: Path) -> None:
    async with pbx(tmp_path) as peer:
        await passes(dataclasses.replace(peer, recordings=tmp_path), tmp_path, scenario)


@pytest.mark.parametrize(
    ("scenario", "cause", "settings"),
    [
        ("features.message_waiting", "subscription_refused", {"offers": ("message_waiting",)}),
        ("features.conference", "wrong_audio", {"numbers": {"conference": "600"}}),
        ("features.recording", "not_recorded", {"numbers": {"record": "600"}}),
        ("features.hold", "wrong_audio", {"numbers": {"echo": "601"}}),
    ],
)
async def test_with_a_pbx_that_is_set_up_otherwise(
    scenario: str, cause: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    async with pbx(tmp_path, **settings) as peer:
        await fails(dataclasses.replace(peer, recordings=tmp_path), tmp_path, scenario, cause)
