"""What tests of SIP over sockets share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.ua.sip.phones import ScriptedPeer, scripted_peer


@pytest.fixture
async def peer() -> AsyncIterator[ScriptedPeer]:
    """Says what the test says."""
    async with scripted_peer() as scripted:
        yield scripted
