"""Registrations: who is believed to be who it says."""

from __future__ import annotations

from ua.errors import AuthenticationError, CallRejected, UaError
from ua.interop.failure import Failure, Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.wire import WireMessage

OPEN = "whoever knows the name of this user can take its calls: does the user have a password there?"


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


@scenario(
    id="registration.unknown_user",
    title="A user that does not exist is refused",
    rfc="RFC 3261 §10.3",
    needs={"account", "registrar", "wrong_password"},
)
async def unknown_user(stage: Stage) -> None:
    nobody = "icephone-test-nobody"
    async with stage.phone(uri=stage.peer.address(nobody), auth_user=nobody, party=nobody) as phone:
        await stage.expect.refused(
            phone.register(expires=60),
            UaError,
            expected=f"the registrar refuses {nobody}, who is none of its users",
        )
    answers = [each for each in stage.expect.messages_of(None) if each.method == "REGISTER" and each.status]
    await stage.expect.that(
        lambda: bool(answers) and 400 <= (answers[-1].status or 0) < 500,
        "the registrar refuses it with 401, 403 or 404",
        lambda: f"it said {answers[-1].start}" if answers else "it said nothing",
        cause="wrong_status",
        advice="silence, or an error of the server, makes phones try again for ever",
        limit_s=0,
    )


@scenario(
    id="registration.of_another",
    title="A user cannot register the address of another one",
    rfc="RFC 3261 §10.3",
    needs={"second_account", "registrar", "wrong_password"},
)
async def of_another(stage: Stage) -> None:
    async with stage.phone(1, uri=stage.address(0), party="thief") as phone:
        error = await stage.expect.refused(
            phone.register(expires=60),
            UaError,
            expected=f"the registrar refuses {stage.address(0)} to who proves to be {stage.address(1)}",
        )
    await stage.expect.that(
        lambda: isinstance(error, AuthenticationError | CallRejected),
        "the registrar refuses it with 403, or asks for another password",
        error.what,
        cause="no_answer",
        limit_s=0,
    )


@scenario(
    id="registration.challenge",
    title="A REGISTER without a password is challenged, and the nonce that comes is a new one each time",
    rfc="RFC 3261 §22.4",
    needs={"account", "registrar", "wrong_password"},
)
async def challenge(stage: Stage) -> None:
    for _ in range(2):
        async with stage.phone() as phone:
            await phone.register(expires=300)
    challenged = [each for each in stage.expect.messages_of(None) if each.is_a("401 REGISTER")]
    nonces = [each.headers.first("www-authenticate") or "" for each in challenged]
    await stage.expect.that(
        lambda: len(challenged) >= 2,
        "each phone that comes is asked for its password with 401",
        f"{len(challenged)} of 2 were asked",
        cause="no_challenge",
        advice=OPEN,
        limit_s=0,
    )
    await stage.expect.that(
        lambda: len(set(nonces)) == len(nonces),
        "each challenge has a nonce of its own",
        f"two are the same: {nonces[0]}",
        cause="nonce_repeated",
        where=challenged[-1].place(stage.started),
        advice="who has heard a REGISTER can repeat it as long as its nonce holds",
        limit_s=0,
    )


@scenario(
    id="registration.sha256",
    title="A password is proved by SHA-256, and MD5 is not needed",
    rfc="RFC 8760 §2",
    needs={"account", "registrar", "wrong_password", "sha256"},
)
async def sha256(stage: Stage) -> None:
    async with stage.phone(refuse_md5=True) as phone:
        try:
            await phone.register(expires=300)
        except AuthenticationError as error:
            raise Unmet(
                Failure(
                    cause="wrong_algorithm",
                    expected="the registrar asks for a proof by SHA-256, and takes it",
                    seen=error.seen or error.what,
                    where=stage.last_message(),
                    advice="who hears an MD5 proof can try passwords at it fast; "
                    "leave sha256 out of what the peer offers where it has MD5 alone",
                )
            ) from error
        await _proved_by(stage, "algorithm=SHA-256", "algorithm=SHA-512-256")


@scenario(
    id="registration.md5",
    title="A password is proved by MD5, which older phones know alone",
    rfc="RFC 3261 §22.4",
    needs={"account", "registrar", "wrong_password", "md5"},
)
async def md5(stage: Stage) -> None:
    async with stage.phone() as phone:
        await phone.register(expires=300)
        asked, proof = await _challenged(stage)
        offers = ", ".join(asked.headers.all("www-authenticate"))
        await stage.expect.that(
            lambda: "sha" not in _algorithm(proof),
            "MD5 is the first challenge, which we follow",
            f"the challenges are {offers}",
            cause="wrong_algorithm",
            where=asked.place(stage.started),
            advice="leave md5 out of what the peer offers where it prefers SHA-256",
            limit_s=0,
        )


@scenario(
    id="registration.auth_int",
    title="A password is proved with the body protected too (auth-int)",
    rfc="RFC 7616 §3.4.3",
    needs={"account", "registrar", "wrong_password", "auth_int"},
)
async def auth_int(stage: Stage) -> None:
    async with stage.phone(auth_int=True) as phone:
        await phone.register(expires=300)
        await _proved_by(stage, "qop=auth-int")


# --- what they share -------------------------------------------------------------------------------------


async def _challenged(stage: Stage) -> tuple[WireMessage, WireMessage]:
    """The challenge, and the REGISTER with the proof that was taken."""
    await stage.expect.that(
        lambda: any(each.is_a("401 REGISTER") for each in stage.expect.messages_of(None)),
        "the registrar asks for the password with 401",
        "it took the REGISTER without one",
        cause="no_challenge",
        advice=OPEN,
        limit_s=0,
    )
    asked, proof, _ = await stage.expect.messages(
        "received 401 REGISTER", "sent REGISTER", "received 200 REGISTER"
    )
    return asked, proof


def _algorithm(request: WireMessage) -> str:
    """How a request proves the password, "algorithm=sha-256"; empty where it does not say."""
    proof = ", ".join(request.headers.all("authorization")).lower()
    return next((each.strip() for each in proof.split(",") if each.strip().startswith("algorithm=")), "")


async def _proved_by(stage: Stage, *marks: str) -> None:
    """The REGISTER that was taken has one of these in its proof."""
    asked, proof = await _challenged(stage)
    shown = ", ".join(proof.headers.all("authorization")).lower().replace('"', "")
    await stage.expect.that(
        lambda: any(mark.lower() in shown for mark in marks),
        f"the registrar asks for a proof with {' or '.join(marks)}, and takes it",
        f"its challenges are {', '.join(asked.headers.all('www-authenticate'))}",
        cause="wrong_algorithm",
        where=asked.place(stage.started),
        limit_s=0,
    )
