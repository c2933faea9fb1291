"""One scenario against one peer, as the runner runs it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.ua.interop.awake import Awake
from tests.ua.interop.pbx import PASSWORD, USERS, peer_at
from tests.ua.phones import account
from ua.config.account import Account
from ua.events import EventLog
from ua.interop.catalog import select
from ua.interop.need import Ability, Extension
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Peer
from ua.interop.peer_file import find_peer
from ua.interop.runner import Runner
from ua.pbx.config import PbxConfig
from ua.pbx.pbx import Pbx
from ua.sip.transport.hop import SipTransport
from ua.sip.transport.tls.config import TlsConfig

HOST = "127.0.0.1"

NUMBERS: Mapping[Extension, str] = {
    "echo": "600",
    "tone": "601",
    "conference": "602",
    "dtmf_read_back": "603",
    "redirect": "604",
    "early_media": "605",
    "busy": "606",
    "no_answer": "607",
    "hangs_up": "608",
    "record": "609",
    "no_such_number": "699",
}
"""All that the PBX has."""

OFFERS = find_peer("icephone", {}, with_accounts=False).abilities
"""What its file says that it can do."""


@asynccontextmanager
async def pbx(
    folder: Path,
    *,
    numbers: Mapping[Extension, str] | None = None,
    authority: Authority | None = None,
    own: Mapping[str, Any] | None = None,
    offers: Iterable[Ability] = (),
    **changes: Any,
) -> AsyncIterator[Peer]:
    """A PBX of ours that offers everything; gives the peer that it is.

    Args:
        folder: for its recordings.
        numbers: what is behind other numbers than usual: a PBX where something is not as it should be.
        authority: signs its certificate; with it TLS, WebSocket and both together are there too.
        own: other settings of its account.
        offers: what it is said to offer beside what it does.
        changes: other settings of the PBX.
    """
    settings = PbxConfig(
        **{
            "domain": HOST,
            "users": dict.fromkeys(USERS, PASSWORD),
            "recordings": folder,
            "algorithms": ("SHA-256", "MD5"),
            **changes,
        }
    )
    async with Pbx(_account(authority, own or {}), settings, EventLog()) as running:
        uris = {transport: uri for uri in running.addresses for transport in [_transport(uri)]}
        peer = peer_at(uris["udp"], extensions={**NUMBERS, **(numbers or {})})
        yield dataclasses.replace(
            peer,
            uris={each: uri for each, uri in uris.items() if each not in ("udp", "tcp")},
            transports=tuple(uris),
            abilities=OFFERS.union(offers),
            ca_file=None if authority is None else authority.certificate,
        )


def _account(authority: Authority | None, changes: Mapping[str, Any]) -> Account:
    if authority is None:
        return account("pbx", **changes)
    issued = authority.issue(dns=["pbx.example"], addresses=[HOST])
    tls = TlsConfig(ca_file=authority.certificate, certificate=issued.certificate, key=issued.key)
    return account("pbx", **{"tls": tls, "ws_port": 0, "wss_port": 0, **changes})


def _transport(uri: str) -> SipTransport:
    secure = uri.startswith("sips:")
    if "transport=ws" in uri:
        return "wss" if secure else "ws"
    return "tls" if secure else "tcp" if "transport=tcp" in uri else "udp"


async def tried(peer: Peer, folder: Path, scenario: str) -> Outcome:
    """Run it, once."""
    (outcome,) = await Runner(peer, folder / "run", at_once=1, retries=0, standstill=Awake()).run(
        select([scenario])
    )
    return outcome


async def passes(peer: Peer, folder: Path, scenario: str) -> None:
    """It passes."""
    outcome = await tried(peer, folder, scenario)
    assert (outcome.verdict, outcome.failure, outcome.reason) == (Verdict.PASSED, None, "")


async def fails(peer: Peer, folder: Path, scenario: str, *causes: str) -> Outcome:
    """It fails, with one of these causes, and says what a person needs to know."""
    outcome = await tried(peer, folder, scenario)
    assert outcome.verdict is Verdict.FAILED, outcome
    failure = outcome.failure
    assert failure is not None
    assert failure.cause in causes, failure
    assert failure.expected, failure
    assert failure.seen, failure
    return outcome


AT_ONCE = 4


def own(folder: Path, name: object) -> Path:
    """A folder for one of several."""
    mine = folder / str(name)
    mine.mkdir()
    return mine


async def together(*checks: Awaitable[object]) -> None:
    """Await these, some at a time; raises what they have raised, of all of them."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(check: Awaitable[object]) -> None:
        async with free:
            await check

    ended = await asyncio.gather(*map(one, checks), return_exceptions=True)
    raised = [each for each in ended if isinstance(each, BaseException)]
    if raised:
        raise BaseExceptionGroup("not as it should be", raised)
