"""Peers that do one thing wrong each: a run against them names what it is.

They are processes of nobody else, but real ones: SIP over UDP or TLS and RTP on sockets of this host, made of
our own parts or of none. Those of a group are tried at the same time.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.peers.broken.callee import Callee, running
from tests.peers.broken.descriptions import CodecNotOffered, OneStreamMore, PrivateAddress, RefusesAllMedia
from tests.peers.broken.ice_liars import (
    IceLite,
    IceMismatch,
    NobodyAtCandidates,
    SendsFromElsewhere,
    WrongIcePassword,
)
from tests.peers.broken.protection import WrongFingerprint, WrongSdesKey
from tests.peers.broken.signalling import (
    AsksForEver,
    ChangesTag,
    IgnoresBye,
    IgnoresCancel,
    LosesAck,
    OtherName,
    PrivateContact,
    Silent,
    UnreachableContact,
)
from tests.peers.broken.voice import Manners
from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Peer, PeerAccount
from ua.interop.runner import Runner
from ua.interop.scenario import Run, Scenario
from ua.interop.stage import Stage
from ua.plan import Tone

HZ = 1004
"""Of 1000 Hz only three samples are heard, and they are alike in both laws."""

SOON_S = 5.0

SPEECH = Tone(hz=HZ)


async def echo(stage: Stage) -> None:
    """What we say comes back."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, limit_s=SOON_S)


async def echoes_on(stage: Stage) -> None:
    """What we say comes back, all the time."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, seconds=2.0, limit_s=SOON_S)


async def stays(stage: Stage) -> None:
    """A call stands until we hang up."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await asyncio.wait({asyncio.ensure_future(call.ended())}, timeout=SOON_S)
        call.hang_up()
        await stage.expect.ended_by(call, "us")


async def hung_up(stage: Stage) -> None:
    """The other side hangs up."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.ended_by(call, "peer", limit_s=3.0)


async def said_goodbye(stage: Stage) -> None:
    """Our BYE is answered."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        call.hang_up()
        await stage.expect.messages("sent BYE", "received 200 BYE", limit_s=3.0)


async def given_up(stage: Stage) -> None:
    """A call that rings is given up."""
    async with stage.ringing("echo", SPEECH) as call:
        await stage.expect.messages("received 180")
        call.hang_up()
        await stage.expect.status(call, 487, limit_s=2.0)


async def with_ice(stage: Stage) -> None:
    """Media goes where ICE says."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.media(call, ice=True, limit_s=1.0)


async def twenty_ms(stage: Stage) -> None:
    """Packets are as long as was said."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, seconds=1.0)

        def lengths() -> list[float]:
            return [entry.data["packet_ms"] for entry in stage.log.entries if entry.name == "media_counters"]

        await stage.expect.that(
            lambda: statistics.median(lengths()) == 20,
            "packets of 20 ms come",
            lambda: f"packets of {statistics.median(lengths()):g} ms come",
            cause="wrong_media",
            limit_s=1.0,
        )


async def reports(stage: Stage) -> None:
    """RTCP tells of the RTP that comes."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, seconds=1.0)

        def sources(name: str) -> set[int]:
            return {entry.data["ssrc"] for entry in stage.log.entries if entry.name == name}

        await stage.expect.that(
            lambda: bool(sources("report_received") & sources("media_started")),
            "sender reports are about the stream that comes",
            lambda: f"they are about {sources('report_received')}",
            cause="no_rtcp",
            limit_s=2.0,
        )


async def keys(stage: Stage) -> None:
    """Keys of 160 ms are heard."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:

        def heard() -> list[int]:
            return [entry.data["duration_ms"] for entry in stage.log.entries if entry.name == "key_heard"]

        await stage.expect.that(
            lambda: len(heard()) == 3 and all(100 <= each <= 220 for each in heard()),
            "three keys of 160 ms come",
            lambda: f"keys of {heard()} ms came, {call.digits!r}",
            cause="wrong_digits",
            limit_s=4.0,
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A broken peer, what is tried with it, and what has to be said of it.

    Attributes:
        cause: name of the cause.
        make: makes the peer.
        run: the scenario.
        seen: a part of what is said of it.
        where: the same of the place.
        phone: settings of our phone.
        peer: what else is known of the peer.
    """

    cause: str
    make: Callable[[], Callee]
    run: Run = echo
    seen: str
    where: str
    phone: dict[str, Any] = field(default_factory=dict)
    peer: dict[str, Any] = field(default_factory=dict)


def voice(**manners: Any) -> Callable[[], Callee]:
    return partial(Callee, Manners(**manners))


async def tried(case: Case, folder: Path) -> Outcome:
    """Run the scenario of a case with its peer."""
    async with running(case.make()) as callee:
        known: dict[str, Any] = {
            "name": "broken",
            "title": type(callee).__doc__,
            "uri": f"sip:{callee.host}:{callee.port}",
            "extensions": {"echo": "600"},
            "phone": {"listen_host": "127.0.0.1", "codecs": ("PCMU", "PCMA"), **case.phone},
        }
        scenario = Scenario(
            id="calls.made",
            title=case.run.__doc__ or "It works",
            rfc="",
            needs=frozenset({"echo"}),
            run=case.run,
            timeout_s=30.0,
        )
        runner = Runner(Peer(**(known | case.peer)), folder, at_once=1, retries=0)
        (outcome,) = await runner.run([scenario])
    return outcome


async def check(cases: dict[str, Case], folder: Path) -> None:
    """Each of them is named for what it is."""
    outcomes = await asyncio.gather(*(tried(case, folder / name) for name, case in cases.items()))
    failures = dict(zip(cases, (outcome.failure for outcome in outcomes), strict=True))
    causes = {name: failure and failure.cause for name, failure in failures.items()}
    assert causes == {name: case.cause for name, case in cases.items()}, failures
    for outcome, (name, case) in zip(outcomes, cases.items(), strict=True):
        failure = outcome.failure
        assert outcome.verdict is Verdict.FAILED
        assert isinstance(failure, Failure)
        assert case.seen in failure.seen, (name, failure)
        assert case.where in failure.where, (name, failure)
        assert failure.expected
        assert failure.advice, name


async def test_descriptions_that_answer_nothing(tmp_path: Path) -> None:
    cases = {
        "another codec": Case(
            cause="bad_sdp_answer",
            make=CodecNotOffered,
            seen="G729/8000 only, which was not offered",
            where="RTP/AVP 18 in 200 OK (CSeq 1 INVITE)",
        ),
        "a stream more": Case(
            cause="bad_sdp_answer",
            make=OneStreamMore,
            seen="the answer has 2 m= lines and the offer 1",
            where="m=video 0 RTP/AVP 31 in 200 OK (CSeq 1 INVITE)",
        ),
        "all ports 0": Case(
            cause="media_refused",
            make=RefusesAllMedia,
            seen="refuses all media",
            where="m=audio 0 RTP/AVP 0 101 in 200 OK (CSeq 1 INVITE)",
        ),
        "an address of its own": Case(
            cause="private_address",
            make=PrivateAddress,
            seen="media at 192.0.2.77, its signalling comes from 127.0.0.1",
            where="c=IN IP4 192.0.2.77 in 200 OK (CSeq 1 INVITE)",
        ),
    }
    await check(cases, tmp_path)


async def test_signalling_that_gets_lost(tmp_path: Path, authority: Authority) -> None:
    account = PeerAccount(user="1001", auth_user="1001", password="of-a-test")
    cases = {
        "no ACK comes": Case(
            cause="lost_ack", make=LosesAck, run=stays, seen="after our ACK", where="200 OK (CSeq 1 INVITE)"
        ),
        "a Contact where nobody is": Case(
            cause="wrong_contact",
            make=UnreachableContact,
            run=stays,
            seen="the Contact of the answer is 127.0.0.1:9",
            where="200 OK (CSeq 1 INVITE)",
        ),
        "a Contact of another network": Case(
            cause="wrong_contact",
            make=PrivateContact,
            run=stays,
            seen="192.0.2.77:5060",
            where="200 OK (CSeq 1 INVITE)",
        ),
        "another tag": Case(
            cause="tag_changed",
            make=ChangesTag,
            run=echoes_on,
            seen="'broken' and then with 'changed'",
            where="200 OK",
        ),
        "it never hangs up": Case(
            cause="never_bye", make=Callee, run=hung_up, seen="no BYE came", where="200 OK (CSeq 1 INVITE)"
        ),
        "it challenges for ever": Case(
            cause="auth_loop",
            make=AsksForEver,
            seen="401 Unauthorized again",
            where="401 Unauthorized (CSeq 2 INVITE)",
            phone={"realm": "broken"},
            peer={"accounts": (account,)},
        ),
        "it says nothing": Case(
            cause="no_answer", make=Silent, seen="nothing came back", where="INVITE (CSeq 1)"
        ),
        "the certificate of another name": Case(
            cause="tls_name",
            make=partial(OtherName, authority),
            seen="it names others",
            where="the TLS handshake",
            peer={"transports": ("tls",), "ca_file": authority.certificate},
        ),
    }
    await check(cases, tmp_path)


async def test_who_never_lets_go(tmp_path: Path) -> None:
    cases = {
        "no answer to BYE": Case(
            cause="bye_unanswered",
            make=IgnoresBye,
            run=said_goodbye,
            seen="and not answered",
            where="BYE (CSeq 2)",
        ),
        "no end after CANCEL": Case(
            cause="cancel_unanswered",
            make=IgnoresCancel,
            run=given_up,
            seen="the CANCEL got 200 OK, and no 487 came",
            where="200 OK (CSeq 1 CANCEL)",
        ),
    }
    await check(cases, tmp_path)


async def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    cases = {
        "nobody at its candidates": Case(
            cause="ice_unanswered", make=NobodyAtCandidates, seen="no answer", where="checks to 127.0.0.1:"
        ),
        "another ICE password": Case(
            cause="ice_password", make=WrongIcePassword, seen="a=ice-pwd", where="STUN from 127.0.0.1:"
        ),
        "media from elsewhere": Case(
            cause="ice_lies",
            make=SendsFromElsewhere,
            seen="which has answered no check",
            where="RTP from 127.0.0.1:",
        ),
        "a mismatch": Case(
            cause="ice_mismatch", make=IceMismatch, run=with_ice, seen="a=ice-mismatch", where="in the answer"
        ),
        "another key": Case(
            cause="srtp_key",
            make=WrongSdesKey,
            seen="not protected with the key of its description",
            where="SRTP, the first packet",
            phone={"srtp": "sdes", "srtp_over_plain_sip": True},
        ),
        "another certificate": Case(
            cause="dtls_fingerprint",
            make=WrongFingerprint,
            seen="not that of a=fingerprint",
            where="the DTLS handshake",
            phone={"srtp": "dtls"},
        ),
    }
    await check(cases, tmp_path)


async def test_media_that_is_not_what_it_says(tmp_path: Path) -> None:
    cases = {
        "it sends nothing": Case(
            cause="one_way_audio_in",
            make=voice(sends=False),
            seen="its RTCP says that it hears us",
            where="RTCP of SSRC 0x0b0b0b0b",
        ),
        "it hears nothing": Case(
            cause="one_way_audio_out",
            make=voice(hears=False, plays="silence"),
            seen="no block about us",
            where="RTCP of SSRC 0x0b0b0b0b",
        ),
        "it sends silence": Case(
            cause="sends_silence", make=voice(plays="silence"), seen="silence", where="RTP of SSRC 0x0b0b0b0b"
        ),
        "another payload type": Case(
            cause="wrong_payload_type",
            make=voice(payload_type=18),
            seen="the payload type 18, which was not agreed",
            where="RTP, payload type 18",
        ),
        "the other law": Case(
            cause="wrong_codec",
            make=voice(law="PCMA"),
            seen="the packets say PCMU and hold PCMA",
            where="RTP of SSRC 0x0b0b0b0b, payload type 0",
        ),
        "another length": Case(
            cause="wrong_ptime",
            make=voice(ptime_ms=60),
            run=twenty_ms,
            seen="says a=ptime:20, its packets are 60 ms long",
            where="RTP of SSRC 0x0b0b0b0b",
        ),
        "our own SSRC": Case(
            cause="ssrc_collision", make=voice(ssrc="ours"), seen="carry an SSRC of ours", where="RTP, "
        ),
        "reports of another SSRC": Case(
            cause="rtcp_ssrc",
            make=voice(report_ssrc=5),
            run=reports,
            seen="its sender reports are of SSRC 0x00000005, its RTP of 0x0b0b0b0b",
            where="RTCP of SSRC 0x00000005",
        ),
        "keys counted in ms": Case(
            cause="wrong_dtmf_clock",
            make=voice(plays="tone", digits="159", event_hz=1000),
            run=keys,
            seen="names 8000 Hz and the events count ms",
            where="telephone event of",
        ),
        "keys counted at 48 kHz": Case(
            cause="wrong_dtmf_clock",
            make=voice(plays="tone", digits="159", event_hz=48_000),
            run=keys,
            seen="names 8000 Hz and the events count 48 kHz",
            where="telephone event of",
        ),
    }
    await check(cases, tmp_path)


async def test_a_sound_peer_passes_all_of_it(tmp_path: Path) -> None:
    async def passes(name: str, make: Callable[[], Callee], run: Run) -> Outcome:
        case = Case(cause="", make=make, run=run, seen="", where="")
        return await tried(case, tmp_path / name)

    outcomes = await asyncio.gather(
        passes("echo", Callee, echo),
        passes("stays", Callee, stays),
        passes("echoes on", Callee, echoes_on),
        passes("goodbye", Callee, said_goodbye),
        passes("length", Callee, twenty_ms),
        passes("reports", Callee, reports),
        passes("keys", voice(plays="tone", digits="159"), keys),
        passes("ice", IceLite, with_ice),
    )
    assert [(each.verdict, each.failure) for each in outcomes] == [(Verdict.PASSED, None)] * len(outcomes)
