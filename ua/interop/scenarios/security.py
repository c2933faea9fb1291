"""Security: whose certificate is trusted, how media is protected, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from ua.call.call import Call
from ua.config.media import SrtpSuite
from ua.config.sip_uri import split_sip_uri
from ua.errors import TlsError
from ua.interop import hints
from ua.interop.failure import Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.pair.identity import Identity
from ua.plan import Tone
from ua.sip.transport.tls.config import TlsConfig

WRONG_NAME: Final = "icephone-test.invalid"
"""Nobody has a certificate for this name."""

PROFILE: Final = "an answer has the profile of the offer, or port 0 (RFC 3264 §6)"

REFUSALS: Final = (488, 415, 606)
"""Not Acceptable Here, Unsupported Media Type, Not Acceptable."""


def _checking(stage: Stage) -> TlsConfig:
    """TLS that checks chain and name, whatever the user has set."""
    return dataclasses.replace(stage.account(transport="tls").tls, verify="full", fingerprints=())


async def _answers_options(stage: Stage) -> None:
    async with stage.phone(transport="tls", tls=_checking(stage)) as phone:
        await phone.options(stage.peer.server("tls"))
    await stage.expect.messages("sent OPTIONS", "received xxx OPTIONS")


async def _sends_nothing(stage: Stage, because: str, advice: str = "", **changes: Any) -> None:
    """A phone with these settings refuses the certificate, and no SIP message leaves it."""
    before = len(stage.expect.messages_of(None))
    async with stage.phone(transport="tls", party="suspicious", **changes) as phone:
        await stage.expect.refused(
            phone.options(stage.peer.server("tls")),
            TlsError,
            expected=f"the connection is refused: {because}",
        )
    sent = stage.expect.messages_of(None)[before:]
    await stage.expect.that(
        lambda: not sent,
        "no SIP message is sent to somebody who has not proved who it is",
        lambda: f"{sent[0].start} was {'sent' if sent[0].sent else 'received'}",
        cause="tls_unchecked",
        advice=advice,
        limit_s=0,
    )


@scenario(
    id="security.tls",
    title="A call over TLS, with chain and name of the certificate checked",
    rfc="RFC 5922 §7",
    needs={"echo", "tls"},
)
async def tls(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), transport="tls", tls=_checking(stage)) as call:
        await stage.expect.audio(call, tone=HZ)
    others = {
        str(each.data.get("transport"))
        for each in stage.log.entries
        if (each.source, each.name) == ("sip", "message")
    } - {"tls"}
    await stage.expect.that(
        lambda: not others,
        "every message of the call goes over TLS",
        lambda: f"some went over {', '.join(sorted(others))}",
        cause="wrong_transport",
        advice="the Contact and Record-Route of the peer have to keep TLS: sips, or transport=tls",
        limit_s=0,
    )


@scenario(
    id="security.tls_wrong_ca",
    title="Whoever trusts another CA refuses the certificate of the peer, and sends nothing",
    rfc="RFC 3261 §26.3.1",
    needs={"tls"},
)
async def tls_wrong_ca(stage: Stage) -> None:
    await _answers_options(stage)
    other = stage.folder / "another-ca.pem"
    other.write_bytes(Identity().certificate.public_bytes(Encoding.PEM))
    trusting = dataclasses.replace(_checking(stage), ca_file=other)
    await _sends_nothing(stage, "its certificate comes from a CA that is not trusted", tls=trusting)


@scenario(
    id="security.tls_wrong_name",
    title="A certificate for another name than that which was called is refused, and nothing is sent",
    rfc="RFC 5922 §7.3",
    needs={"tls"},
)
async def tls_wrong_name(stage: Stage) -> None:
    await _answers_options(stage)
    server = split_sip_uri(stage.peer.server("tls"))
    host = f"[{server.host}]" if ":" in server.host else server.host
    elsewhere = f"sip:{WRONG_NAME}:{server.port or 5061};maddr={host};transport=tls"
    await _sends_nothing(
        stage,
        f"its certificate is not for {WRONG_NAME}",
        advice="a certificate that is good for every name is good for nothing",
        tls=_checking(stage),
        proxy=elsewhere,
    )


def _telling_keys(stage: Stage) -> dict[str, Any]:
    """SIP over TLS where there is any; else the keys stand in messages that everybody can read."""
    if "tls" in stage.peer.transports:
        return {"transport": "tls"}
    return {"srtp_over_plain_sip": True}


async def _protected(stage: Stage, suite: SrtpSuite) -> None:
    """A tone goes there and back in SRTP with this suite, which alone is offered."""
    async with stage.call(
        "echo", Tone(hz=HZ), srtp="sdes", srtp_suites=(suite,), **_telling_keys(stage)
    ) as call:
        await stage.expect.described(
            call, r"m=audio [1-9]\d* RTP/SAVPF? .*", rf"a=crypto:\d+ {suite} .*", advice=hints.SDES
        )
        await stage.expect.media(call, srtp=True)
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="security.sdes_aes_80",
    title="A tone goes there and back in SRTP, AES_CM_128_HMAC_SHA1_80 with its key in the description",
    rfc="RFC 4568 §6.2.1",
    needs={"echo", "sdes"},
)
async def sdes_aes_80(stage: Stage) -> None:
    await _protected(stage, "AES_CM_128_HMAC_SHA1_80")


@scenario(
    id="security.sdes_aes_32",
    title="A tone goes there and back in SRTP, AES_CM_128_HMAC_SHA1_32 with its key in the description",
    rfc="RFC 4568 §6.2.2",
    needs={"echo", "sdes"},
)
async def sdes_aes_32(stage: Stage) -> None:
    await _protected(stage, "AES_CM_128_HMAC_SHA1_32")


@scenario(
    id="security.sdes_gcm_128",
    title="A tone goes there and back in SRTP, AEAD_AES_128_GCM with its key in the description",
    rfc="RFC 7714 §14.2",
    needs={"echo", "sdes", "gcm"},
)
async def sdes_gcm_128(stage: Stage) -> None:
    await _protected(stage, "AEAD_AES_128_GCM")


@scenario(
    id="security.sdes_gcm_256",
    title="A tone goes there and back in SRTP, AEAD_AES_256_GCM with its key in the description",
    rfc="RFC 7714 §14.2",
    needs={"echo", "sdes", "gcm"},
)
async def sdes_gcm_256(stage: Stage) -> None:
    await _protected(stage, "AEAD_AES_256_GCM")


@scenario(
    id="security.dtls",
    title="A tone goes there and back in SRTP whose keys come from a DTLS handshake",
    rfc="RFC 5763 §5",
    needs={"echo", "dtls"},
)
async def dtls(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), srtp="dtls") as call:
        await stage.expect.described(
            call,
            r"m=audio [1-9]\d* (UDP/TLS/)?RTP/SAVPF? .*",
            r"a=fingerprint:.*",
            r"a=setup:(active|passive)",
            advice=hints.DTLS,
        )
        await stage.expect.media(call, srtp=True)
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="security.dtls_codec_changed",
    title="Another codec in the call changes nothing in its DTLS association, and a tone is heard",
    rfc="RFC 8842 §4",
    needs={"echo", "dtls"},
)
async def dtls_codec_changed(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), srtp="dtls", codecs=("PCMU", "PCMA")) as call:
        await stage.expect.audio(call, tone=HZ)
        before = await stage.expect.described(call, r"a=fingerprint:.*")
        await call.use_codecs(("PCMA",))
        after = await stage.expect.described(call, r"a=fingerprint:.*", r"m=audio [1-9]\d* \S+ 8\b.*")
        prints = [
            {row.strip() for m in each.streams for row in (*each.rows, *m.rows) if "fingerprint" in row}
            for each in (before, after)
        ]
        await stage.expect.that(
            lambda: prints[0] == prints[1],
            "the peer keeps its certificate",
            "its a=fingerprint is another one",
            cause="srtp_key",
            where=lambda: stage.expect.last_of(call),
            limit_s=0,
        )
        await stage.expect.audio(call, tone=HZ)


async def _turned_down(stage: Stage, call: Call, profile: str, cause: str, advice: str) -> None:
    """The offer comes to nothing: the call is refused, or answered with its stream refused.

    `cause` and `advice` are for an answer that takes the stream, with another profile than the offer.
    """
    try:
        await stage.expect.status(call, *REFUSALS)
    except Unmet as unmet:
        answer = stage.expect.theirs(call)
        if answer is None:
            raise
        if answer.streams and not any(each.port for each in answer.streams):
            return
        line = answer.streams[0].line.strip() if answer.streams else "empty"
        honest = f" {profile} " in line
        failure = dataclasses.replace(
            unmet.failure,
            cause="offer_taken" if honest else cause,
            expected=f"an offer of {profile} is refused",
            seen=f"the answer is {line}",
            advice="" if honest else advice,
        )
        raise Unmet(failure) from unmet


@scenario(
    id="security.plain_refused",
    title="A call without SRTP is refused where the peer demands it",
    rfc="RFC 3264 §6",
    needs={"echo", "only_protected"},
)
async def plain_refused(stage: Stage) -> None:
    async with stage.ringing("echo", Tone(hz=HZ), srtp="off") as call:
        await _turned_down(stage, call, "RTP/AVP", "answered_protected", PROFILE)


@scenario(
    id="security.sdes_refused",
    title="A peer without SRTP refuses RTP/SAVP, and does not answer as if it were RTP/AVP",
    rfc="RFC 4568 §5.1.2",
    needs={"echo", "only_plain"},
)
async def sdes_refused(stage: Stage) -> None:
    async with stage.ringing("echo", Tone(hz=HZ), srtp="sdes", **_telling_keys(stage)) as call:
        await _turned_down(stage, call, "RTP/SAVP", "srtp_ignored", PROFILE)


@scenario(
    id="security.dtls_refused",
    title="A peer without SRTP refuses UDP/TLS/RTP/SAVP, and does not answer as if it were RTP/AVP",
    rfc="RFC 5764 §8",
    needs={"echo", "only_plain"},
)
async def dtls_refused(stage: Stage) -> None:
    async with stage.ringing("echo", Tone(hz=HZ), srtp="dtls") as call:
        await _turned_down(stage, call, "UDP/TLS/RTP/SAVP", "srtp_ignored", PROFILE)


@scenario(
    id="security.keys_beside_plain",
    title="Keys beside RTP/AVP are taken, or passed over, and a tone goes there and back either way",
    rfc="RFC 8643 §3",
    needs={"echo", "tls"},
)
async def keys_beside_plain(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), srtp="auto", transport="tls") as call:
        await stage.expect.described(call, r"m=audio [1-9]\d* RTP/AVPF? .*")
        described = stage.expect.theirs(call)
        await stage.expect.media(call, srtp=described is not None and described.has("a=crypto:"))
        await stage.expect.audio(call, tone=HZ)
