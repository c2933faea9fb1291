"""What is asked of TURN servers that have refused us (RFC 8656 §7.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.servers import TurnServer
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.stun.attributes import Software
from ice.turn.refusals import FOREVER, WAITS_S, Refusals
from ice.turn.requests import TurnMethod
from ice.types import Role
from tests.ice.sessions import CONFIG
from tests.ice.turn.turn_service import TurnService, turn_service

SERVER = TurnServer(host="192.0.2.1", transport="tcp", username="alice", password="secret")


@pytest.mark.parametrize("code", sorted(WAITS_S))
@pytest.mark.req("TURN-36", "TURN-15", "TURN-5")
def test_each_refusal_has_its_time(code: int) -> None:
    refusals = Refusals()
    refusals.remember(SERVER, code, "because", 100.0, tcp=True)
    known = refusals.of(SERVER, 100.0, tcp=True)
    assert known is not None
    assert (known.code, known.reason) == (code, "because")
    wait_s = WAITS_S[code]
    later = 100.0 + min(wait_s, 1e9)
    assert refusals.of(SERVER, later - 0.1, tcp=True) is not None
    assert (refusals.of(SERVER, later, tcp=True) is None) is (wait_s != FOREVER)


@pytest.mark.req("TURN-36")
def test_new_credentials_are_asked_anew_and_other_codes_are_forgotten() -> None:
    refusals = Refusals()
    refusals.remember(SERVER, 401, "wrong password", 0.0, tcp=True)
    # An account is refused for all it may ask for, a transport for itself.
    assert refusals.of(SERVER, 1e9, tcp=False) is not None
    assert refusals.of(replace(SERVER, password="other"), 1.0, tcp=True) is None
    refusals = Refusals()
    refusals.remember(SERVER, 442, "no TCP", 0.0, tcp=True)
    assert refusals.of(SERVER, 1.0, tcp=False) is None
    for code in (0, 300, 400, 403, 500):
        refusals.remember(SERVER, code, "", 0.0, tcp=False)
        assert refusals.of(SERVER, 0.0, tcp=False) is None


async def fails(config: IceConfig) -> tuple[str, ...]:
    """Gather by relay alone, in vain; the problems."""
    session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
    with pytest.raises(GatheringFailed):
        await session.gather()
    return session.report().gathering_problems


def relaying(service: TurnService, **changes: str) -> IceConfig:
    account = service.account(**changes)
    return replace(
        CONFIG, turn_servers=(account,), relay_only=True, gather_timeout_s=3.0, refusals=Refusals()
    )


@pytest.mark.req("TURN-36")
async def test_ten_calls_with_a_wrong_password_ask_once() -> None:
    async with turn_service("tcp") as service:
        config = relaying(service, password="wrong")
        assert "user name or the password" in (await fails(config))[0]
        asked = len(service.core.seen)
        connections = service.connections
        for _ in range(10):
            (problem,) = await fails(config)
            assert "not asked again" in problem
        assert (len(service.core.seen), service.connections) == (asked, connections)
        # The right password is another account.
        right = replace(config, turn_servers=(service.account(),))
        session = Session(network=HostNetwork(), config=right, role=Role.CONTROLLING)
        assert (await session.gather()).candidates
        await session.close()


@pytest.mark.req("6062-10", "TURN-36")
async def test_a_server_that_relays_no_tcp_is_asked_once_and_blamed_for_nothing() -> None:
    async with turn_service("tcp") as service:
        config = relaying(service)
        for _ in range(3):
            session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
            await session.gather()
            assert session.report().gathering_problems == ()
            await session.close()
        refused = [seen for seen in service.core.requests(TurnMethod.ALLOCATE) if seen.code == 442]
        assert len(refused) == 1


@pytest.mark.req("TURN-19")
@pytest.mark.parametrize("software", ["icephone", ""])
async def test_what_the_server_is_told_of_us(software: str) -> None:
    async with turn_service("tcp") as service:
        config = replace(relaying(service), turn_software=software)
        session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
        await session.gather()
        await session.close()
        seen = [*service.core.requests(TurnMethod.ALLOCATE), *service.core.requests(TurnMethod.REFRESH)]
        told = {item.value for one in seen for item in one.message.attributes if isinstance(item, Software)}
        assert told == ({software} if software else set())
        assert len(service.core.requests(TurnMethod.REFRESH)) == 1


@pytest.mark.req("TURN-20")
@pytest.mark.parametrize(
    ("user", "features", "warned"),
    [("alice@example.org", "", True), ("alice@example.org", "QAAA", False), ("1700000000:x7", "", False)],
    ids=["named", "hashed", "anonymous"],
)
async def test_a_user_name_that_can_be_read_on_the_way_is_told(
    user: str, features: str, warned: bool
) -> None:
    async with turn_service("tcp", features=features) as service:
        service.core.users = {user: "open-sesame"}
        session = Session(
            network=HostNetwork(), config=relaying(service, username=user), role=Role.CONTROLLING
        )
        await session.gather()
        problems = session.report().gathering_problems
        await session.close()
        assert any("in clear" in problem for problem in problems) is warned
        assert not any(user in problem for problem in problems)
