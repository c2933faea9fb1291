"""Registrations: plain, refreshed, removed, with a wrong password, over each transport."""

from __future__ import annotations

from ua.errors import AuthenticationError
from ua.interop.scenario import scenario
from ua.interop.stage import Stage


@scenario(
    id="registration.plain",
    title="A phone registers, with its password where it is asked, and is removed again",
    rfc="RFC 3261 §10.2",
    needs={"account", "registrar"},
    basic=True,
)
async def plain(stage: Stage) -> None:
    async with stage.phone() as phone:
        registration = await phone.register(expires=300)
        await stage.expect.that(
            lambda: registration.is_alive and registration.expires_s > 0,
            "the registrar grants a time",
            lambda: f"it granted {registration.expires_s:g} s",
        )
    await stage.expect.messages("received 200 REGISTER", "sent REGISTER", "received 200 REGISTER")


@scenario(
    id="registration.wrong_password",
    title="A wrong password is refused",
    rfc="RFC 3261 §22.1",
    needs={"account", "registrar", "wrong_password"},
    basic=True,
)
async def wrong_password(stage: Stage) -> None:
    async with stage.phone(password="this is none") as phone:  # noqa: S106
        await stage.expect.refused(
            phone.register(expires=60), AuthenticationError, expected="the registrar refuses a wrong password"
        )
