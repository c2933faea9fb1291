"""Registrations: granted, kept, removed, and refused to whom they do not belong."""

from __future__ import annotations

from ua.errors import AuthenticationError
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.sip.syntax.uri import Uri


@scenario(
    id="registration.plain",
    title="A phone registers, with its password where it is asked, and is granted a time",
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
            cause="no_expires",
        )


@scenario(
    id="registration.removal",
    title="A phone that is switched off is removed from the registrar",
    rfc="RFC 3261 §10.2.2",
    needs={"account", "registrar"},
    basic=True,
)
async def removal(stage: Stage) -> None:
    async with stage.phone() as phone:
        contact = Uri.parse((await phone.register(expires=300)).contact)
    *_, done = await stage.expect.messages("received 200 REGISTER", "sent REGISTER", "received 200 REGISTER")
    left = [each for each in done.headers.members("contact") if f"{contact.host}:{contact.port}" in each]
    await stage.expect.that(
        lambda: not left,
        "the answer to the removal does not list our Contact any more",
        f"it lists {', '.join(left)}",
        cause="not_removed",
        where=done.place(stage.started),
    )


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
