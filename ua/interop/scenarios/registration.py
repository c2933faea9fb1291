"""Registrations: granted, kept, removed, and refused to whom they do not belong."""

from __future__ import annotations

import uuid

from ua.errors import AuthenticationError, CallRejected, UaError
from ua.interop.bindings import expires_of, listed, lists
from ua.interop.failure import Failure, Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.sip.transport.hop import SipTransport

REFRESH_S = 1.5
"""Seconds after which our phone registers again where that is tried."""

SEVERAL = "how many Contacts may a user have? In Asterisk: max_contacts of its AOR, with remove_existing=no"


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
        done = (await stage.expect.messages("sent REGISTER", "received 200 REGISTER"))[-1]
        await stage.expect.that(
            lambda: registration.is_alive and bool(expires_of(done, registration.contact)),
            "the registrar grants a time: the 200 has it with our Contact, or in Expires",
            lambda: f"the 200 lists {', '.join(listed(done)) or 'no Contact'} and no time",
            cause="no_expires",
            where=done.place(stage.started),
            advice="the registrar has to list all Contacts of the user in its 200 (RFC 3261 §10.3 step 8)",
            limit_s=0,
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
        contact = (await phone.register(expires=300)).contact
    *_, done = await stage.expect.messages("received 200 REGISTER", "sent REGISTER", "received 200 REGISTER")
    await stage.expect.that(
        lambda: not lists(done, contact),
        "the answer to the removal does not list our Contact any more",
        lambda: f"it lists {', '.join(listed(done))}",
        cause="not_removed",
        where=done.place(stage.started),
        advice="a Contact with expires=0 has to go at once; calls would ring at a phone that is off",
        limit_s=0,
    )


@scenario(
    id="registration.refresh",
    title="A phone that registers again stays registered, and is listed once",
    rfc="RFC 3261 §10.2.4",
    needs={"account", "registrar", "udp"},
)
async def refresh(stage: Stage) -> None:
    async with stage.phone(transport="udp", instance="", keepalive="auto", keepalive_s=REFRESH_S) as phone:
        registration = await phone.register(expires=300)
        contact = registration.contact
        steps = ["sent REGISTER", "received 200 REGISTER"]
        *_, done = await stage.expect.messages(*steps, *steps)
        await stage.expect.that(
            lambda: lists(done, contact) == 1 and bool(expires_of(done, contact)),
            "the answer to the second REGISTER lists our Contact once, with a time",
            lambda: f"it lists {', '.join(listed(done)) or 'no Contact'}",
            cause="doubled_contact" if lists(done, contact) > 1 else "no_expires",
            where=done.place(stage.started),
            advice="a REGISTER with the same Contact and Call-ID updates what is there; "
            "is the Contact rewritten differently each time?",
            limit_s=0,
        )


@scenario(
    id="registration.too_brief",
    title="A registration for 5 s is granted, or refused with 423 and the least time there is",
    rfc="RFC 3261 §10.2.8",
    needs={"account", "registrar"},
)
async def too_brief(stage: Stage) -> None:
    expected = "5 s, or more, are granted; or 423 comes, whose Min-Expires works"
    async with stage.phone() as phone:
        try:
            registration = await phone.register(expires=5)
        except CallRejected as error:
            raise Unmet(
                Failure(
                    cause="min_expires",
                    expected=expected,
                    seen=error.what,
                    where=stage.last_message(),
                    advice="a 423 has to say Min-Expires, and a REGISTER for so long has to be taken",
                )
            ) from error
        answers = [each for each in stage.expect.messages_of(None) if each.is_a("200 REGISTER")]
        await stage.expect.that(
            lambda: bool(answers) and bool(expires_of(answers[-1], registration.contact)),
            expected,
            "the 200 tells no time",
            cause="no_expires",
            limit_s=0,
        )


@scenario(
    id="registration.several_contacts",
    title="Two phones of one user are registered at the same time",
    rfc="RFC 3261 §10.3",
    needs={"account", "registrar", "several_contacts"},
)
async def several_contacts(stage: Stage) -> None:
    async with (
        stage.phone(instance=_instance(), party="desk") as desk,
        stage.phone(instance=_instance(), party="mobile") as mobile,
    ):
        first = (await desk.register(expires=300)).contact
        try:
            second = (await mobile.register(expires=300)).contact
        except (CallRejected, AuthenticationError) as error:  # the password has just worked
            raise _one_only(stage, error) from error
        done = [each for each in stage.expect.messages_of(None) if each.is_a("200 REGISTER")][-1]
        await stage.expect.that(
            lambda: bool(lists(done, first)) and bool(lists(done, second)),
            f"the answer to the second phone lists both, {first} and {second}",
            lambda: f"it lists {', '.join(listed(done)) or 'no Contact'}",
            cause="contact_replaced",
            where=done.place(stage.started),
            advice=SEVERAL,
            limit_s=0,
        )


@scenario(
    id="registration.restart",
    title="A phone that was restarted takes the place of its old Contact",
    rfc="RFC 5626 §6",
    needs={"account", "registrar", "outbound"},
)
async def restart(stage: Stage) -> None:
    async with stage.phone(party="before") as before, stage.phone(party="after") as after:
        old = (await before.register(expires=300)).contact
        new = (await after.register(expires=300)).contact
        done = [each for each in stage.expect.messages_of(None) if each.is_a("200 REGISTER")][-1]
        await stage.expect.that(
            lambda: bool(lists(done, new)) and not lists(done, old),
            f"with the same +sip.instance and reg-id {new} comes in place of {old}",
            lambda: f"the answer lists {', '.join(listed(done)) or 'no Contact'}",
            cause="contact_kept",
            where=done.place(stage.started),
            advice="without that calls ring where no phone is any more, until that Contact expires",
            limit_s=0,
        )


# --- transports -------------------------------------------------------------------------------------------


@scenario(
    id="registration.tcp",
    title="A phone registers over TCP, and everything goes over one connection",
    rfc="RFC 3261 §18",
    needs={"account", "registrar", "tcp"},
    basic=True,
)
async def tcp(stage: Stage) -> None:
    await _registered_over(stage, "tcp")


@scenario(
    id="registration.tls",
    title="A phone registers over TLS, and the certificate names the domain",
    rfc="RFC 3261 §26.3.1",
    needs={"account", "registrar", "tls"},
)
async def tls(stage: Stage) -> None:
    await _registered_over(stage, "tls")


@scenario(
    id="registration.ws",
    title="A phone registers over WebSocket",
    rfc="RFC 7118 §5",
    needs={"account", "registrar", "ws"},
)
async def ws(stage: Stage) -> None:
    await _registered_over(stage, "ws")


@scenario(
    id="registration.wss",
    title="A phone registers over WebSocket with TLS, as browsers do",
    rfc="RFC 7118 §5",
    needs={"account", "registrar", "wss"},
)
async def wss(stage: Stage) -> None:
    await _registered_over(stage, "wss")


# --- what they share --------------------------------------------------------------------------------------


def _instance() -> str:
    """A phone that is none of the others."""
    return uuid.uuid4().urn


def _one_only(stage: Stage, error: UaError) -> Unmet:
    """The second phone was refused."""
    return Unmet(
        Failure(
            cause="contact_refused",
            expected="the registrar takes a second phone of the user",
            seen=error.seen or error.what,
            where=stage.last_message(),
            advice=SEVERAL,
        )
    )


async def _registered_over(stage: Stage, transport: SipTransport) -> None:
    """Register and be removed over this transport, by as few connections as possible."""
    async with stage.phone(transport=transport) as phone:
        registration = await phone.register(expires=300)
        await stage.expect.that(
            lambda: registration.is_alive,
            f"the registration over {transport.upper()} stands",
            "its connection is closed",
            cause="connection_closed",
            where=stage.last_message(),
            limit_s=0,
        )
    await stage.expect.messages(
        "sent REGISTER", "received 200 REGISTER", "sent REGISTER", "received 200 REGISTER"
    )
    ways = {each.transport for each in stage.expect.messages_of(None)}
    connections = {f"{each.local} to {each.remote}" for each in stage.expect.messages_of(None)}
    await stage.expect.that(
        lambda: ways == {transport} and len(connections) == 1,
        f"all messages go over {transport.upper()}, by one connection",
        f"they went over {', '.join(sorted(ways))} from {', '.join(sorted(connections))}",
        cause="wrong_transport",
        limit_s=0,
    )
