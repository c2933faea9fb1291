"""The small PBX as a peer of scenarios, in the process of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.ua.phones import account
from ua.config.account import Account
from ua.events import EventLog
from ua.interop.peer import Peer, PeerAccount
from ua.pbx.config import PbxConfig
from ua.pbx.pbx import Pbx

PASSWORD = "of-a-test"
USERS = ("1001", "1002", "1003", "1004")

NUMBERS = {
    "echo": "600",
    "tone": "601",
    "conference": "602",
    "busy": "606",
    "no_answer": "607",
    "hangs_up": "608",
    "no_such_number": "699",
}


@asynccontextmanager
async def small_pbx(folder: Path, **changes: Any) -> AsyncIterator[Peer]:
    """A PBX on loopback; gives the peer that it is. `changes` are of that."""
    settings = PbxConfig(
        domain="127.0.0.1", users=dict.fromkeys(USERS, PASSWORD), recordings=folder, algorithms=("SHA-256",)
    )
    async with Pbx(account("pbx"), settings, EventLog()) as pbx:
        place = next(each for each in pbx.addresses if "transport" not in each)
        yield peer_at(place, **changes)


def peer_at(uri: str, **changes: Any) -> Peer:
    """What is known of a PBX of ours at an address."""
    known: dict[str, Any] = {
        "name": "small",
        "title": "the small PBX of icephone",
        "uri": uri,
        "transports": ("udp", "tcp"),
        "accounts": tuple(PeerAccount(user=user, auth_user=user, password=PASSWORD) for user in USERS),
        "extensions": NUMBERS,
        "abilities": frozenset(
            {"registrar", "wrong_password", "options", "calls_ourselves", "message", "transfer", "ice"}
        ),
        "phone": {"listen_host": "127.0.0.1", "codecs": ("PCMU", "PCMA")},
    }
    return Peer(**(known | changes))


def base() -> Account:
    """Settings of a user who has said nothing."""
    return Account()
