"""RFC 3665 §2: registrations, with our agent as the one that registers."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.sip.flows.roles import ALICE, ALICE_ADDRESS, challenge
from tests.ua.sip.phones import Phone, ScriptedPeer, phone, scripted_peer
from ua.sip.requests.series import RequestSeries
from ua.sip.syntax.headers import Headers


def series(alice: Phone, registrar: ScriptedPeer) -> RequestSeries:
    return alice.endpoint.series(
        target=registrar.uri, from_=ALICE_ADDRESS, to=ALICE_ADDRESS, credentials=ALICE
    )


@pytest.mark.req("FLW-1", "DLG-5")
async def test_2_1_successful_new_registration() -> None:
    async with phone() as alice, scripted_peer() as registrar:
        asking = asyncio.ensure_future(
            series(alice, registrar).request("REGISTER", contact=(("expires", "3600"),))
        )
        first = await registrar.receive_request("REGISTER")
        assert "authorization" not in first.headers
        registrar.answer(first, 401, ("WWW-Authenticate", challenge("atlanta.example.com")))
        second = await registrar.receive_request("REGISTER")
        assert second.cseq.number == first.cseq.number + 1
        assert second.call_id == first.call_id
        assert 'realm="atlanta.example.com"' in str(second.headers.first("authorization"))
        registrar.answer(second, 200, ("Contact", f"<{second.contacts[0].uri}>;expires=3600"))
        assert (await asking).response.status == 200


@pytest.mark.req("FLW-1", "DLG-5", "DIG-6")
async def test_2_2_update_of_contact_list() -> None:
    async with phone() as alice, scripted_peer() as registrar:
        run = series(alice, registrar)
        asking = asyncio.ensure_future(run.request("REGISTER", contact=()))
        first = await registrar.receive_request("REGISTER")
        registrar.answer(first, 401, ("WWW-Authenticate", challenge("atlanta.example.com")))
        registrar.answer(await registrar.receive_request("REGISTER"), 200)
        await asking
        again = asyncio.ensure_future(run.request("REGISTER", contact=()))
        update = await registrar.receive_request("REGISTER")
        assert "nc=00000002" in str(update.headers.first("authorization")), "credentials go unasked"
        both = (
            ("Contact", f"<{update.contacts[0].uri}>;expires=3600"),
            ("Contact", "<mailto:a@example.com>"),
        )
        registrar.answer(update, 200, *both)
        done = await again
        assert len(done.response.contacts) == 2


@pytest.mark.req("FLW-1", "DLG-5")
async def test_2_3_request_for_current_contact_list() -> None:
    async with phone() as alice, scripted_peer() as registrar:
        asking = asyncio.ensure_future(series(alice, registrar).request("REGISTER"))
        query = await registrar.receive_request("REGISTER")
        assert query.contacts == ()
        registrar.answer(
            query, 200, ("Contact", "<sip:alice@192.0.2.1>;expires=1200"), ("Contact", "<tel:+1>;expires=9")
        )
        done = await asking
        assert [str(contact.uri) for contact in done.response.contacts] == ["sip:alice@192.0.2.1", "tel:+1"]


@pytest.mark.req("FLW-1", "REG-3")
async def test_2_4_cancellation_of_registration() -> None:
    async with phone() as alice, scripted_peer() as registrar:
        run = series(alice, registrar)
        asking = asyncio.ensure_future(
            run.request("REGISTER", headers=Headers.of(("Expires", 0)), contact=())
        )
        removal = await registrar.receive_request("REGISTER")
        assert removal.seconds("expires") == 0
        registrar.answer(removal, 200)
        assert (await asking).response.contacts == ()


@pytest.mark.req("FLW-1", "DIG-3")
async def test_2_5_unsuccessful_registration() -> None:
    async with phone() as alice, scripted_peer() as registrar:
        asking = asyncio.ensure_future(series(alice, registrar).request("REGISTER", contact=()))
        for nonce in ("1", "2"):
            request = await registrar.receive_request("REGISTER")
            registrar.answer(request, 401, ("WWW-Authenticate", challenge("atlanta.example.com", nonce)))
        done = await asking
        assert done.response.status == 401
        assert done.auth_problem == "the credentials were refused"
        assert await registrar.silent(0.1, "REGISTER")


@pytest.mark.req("FLW-1", "UAS-11")
async def test_2_1_as_the_other_side_we_are_no_registrar() -> None:
    async with phone() as bob, phone() as alice:
        done = await alice.endpoint.request("REGISTER", bob.uri(), from_=ALICE_ADDRESS)
        assert done.response.status == 405
        assert "INVITE" in str(done.response.headers.first("allow"))
