"""`import ice`: the names that docs/ice.md promises, its example, and that nothing is loaded unasked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ice
from ice.config import IceConfig
from tests.ice.sessions import LOOPBACK

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/ice.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs/ice_without_sip.py"


def test_every_name_is_there_and_is_what_its_room_has() -> None:
    for name in ice.__all__:
        assert getattr(ice, name) is not None
    from ice.session import Session

    assert ice.Session is Session
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        ice.Nothing  # noqa: B018


def test_the_door_itself_costs_nothing() -> None:
    loaded = "sorted(m for m in sys.modules if m.startswith('ice.'))"
    script = f"import sys, ice; print({loaded}, 'asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[] False"


def test_the_guide_shows_the_example_that_is_tested() -> None:
    text = EXAMPLE.read_text(encoding="utf-8").rstrip()
    assert f"```python\n{text}\n```" in GUIDE
    code = [line for line in text.splitlines() if line.strip()]
    assert len(code) <= 36


@pytest.mark.req("USE-1")
async def test_the_example_runs() -> None:
    example = ModuleType("example")
    exec(compile(EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE), "exec"), example.__dict__)
    one, other = await example.main(IceConfig(loopback=True, interfaces=(LOOPBACK,)))
    assert one.endswith(": hello from the controlled")
    assert other.endswith(": hello from the controlling")


def test_the_guide_names_every_key() -> None:
    candidate = ice.Candidate(
        foundation="1",
        component=1,
        transport=ice.Transport.UDP,
        priority=1,
        address=ice.TransportAddress(host="192.0.2.1", port=1),
        type=ice.CandidateType.HOST,
    )
    description = ice.Description(
        credentials=ice.Credentials(ufrag="ufrag", password="p" * 22), candidates=(candidate,)
    )
    told: dict[str, Any] = json.loads(ice.dump_description(description))
    message = ice.message_to_json(ice.CandidateMessage(ufrag="ufrag", number=1))
    for key in (*told, *told["candidates"][0], *message):
        assert f"| `{key}` |" in GUIDE
