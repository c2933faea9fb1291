"""Peers that do one thing wrong each: a run against them names what it is.

They are processes of nobody else, but real ones: SIP over UDP or TLS and RTP on sockets of this host, made of
our own parts or of none. Those of a group are tried at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.peers.broken.attempts import (
    echo,
    echoes_on,
    given_up,
    hung_up,
    is_called,
    registers,
    reported,
    reports,
    said_goodbye,
    sounds_good,
    twenty_ms,
    with_ice,
)
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
    Nobody,
    OtherName,
    PrivateContact,
    Silent,
    UnreachableContact,
)
from tests.peers.broken.voice import Manners
from tests.ua.interop.awake import Awake
from ua.events import LogEntry
from ua.interop.diagnosis import diagnose
from ua.interop.event_lines import read_entry
from ua.interop.failure import Failure
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Peer, PeerAccount
from ua.interop.runner import Runner
from ua.interop.scenario import Run, Scenario
from ua.interop.scenarios.calls_standing import acknowledged
from ua.interop.scenarios.dtmf_clock import clock

CAUSES = (
    "timeout", "wrong_audio", "silent", "quality", "no_rtcp", "wrong_digits", "wrong_media", "wrong_path",
    "missing_message", "no_end", "wrong_end", "no_answer", "rejected", "no_media_path", "authentication",
)  # fmt: skip
"""What expectations say of failures."""


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
            "extensions": {"echo": "600", "dtmf_read_back": "603"},
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
        runner = Runner(Peer(**(known | case.peer)), folder, at_once=1, retries=0, standstill=Awake())
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
            cause="lost_ack",
            make=LosesAck,
            run=acknowledged.run,
            seen="after our ACK",
            where="200 OK (CSeq 1 INVITE)",
        ),
        "no ACK of a caller comes": Case(
            cause="lost_ack",
            make=Callee,
            run=is_called,
            seen="and no ACK came",
            where="200 OK (CSeq 1 INVITE), sent",
        ),
        "a Contact where nobody is": Case(
            cause="wrong_contact",
            make=UnreachableContact,
            run=acknowledged.run,
            seen="the Contact of the answer is 127.0.0.1:9",
            where="200 OK (CSeq 1 INVITE)",
        ),
        "a Contact of another network": Case(
            cause="wrong_contact",
            make=PrivateContact,
            run=acknowledged.run,
            seen="192.0.2.77:5060",
            where="200 OK (CSeq 1 INVITE)",
        ),
        "another tag": Case(
            cause="tag_changed",
            make=ChangesTag,
            run=acknowledged.run,
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
        "it challenges for ever who registers": Case(
            cause="auth_loop",
            make=AsksForEver,
            run=registers,
            seen="401 Unauthorized again",
            where="401 Unauthorized (CSeq 2 REGISTER)",
            phone={"realm": "broken"},
            peer={"accounts": (account,)},
        ),
        "nobody listens": Case(
            cause="unreachable", make=Nobody, seen="Connection refused", where="INVITE (CSeq 1)"
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
        "it falls silent": Case(
            cause="media_stopped",
            make=voice(stops_s=1.0),
            run=echoes_on,
            seen="nothing came for",
            where="the last packet about",
        ),
        "a bad line": Case(
            cause="packet_loss",
            make=voice(loses=4),
            run=sounds_good,
            seen="packets were lost on the way to us",
            where="RTP of SSRC 0x0b0b0b0b",
        ),
        "no reports": Case(
            cause="no_rtcp", make=voice(reports=False), run=reported, seen="no RTCP came in", where="until"
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
            make=voice(plays="tone", digits="15937", event_hz=1000),
            run=clock.run,
            seen="names 8000 Hz and the events count ms",
            where="telephone event of",
        ),
        "keys counted at 48 kHz": Case(
            cause="wrong_dtmf_clock",
            make=voice(plays="tone", digits="15937", event_hz=48_000),
            run=clock.run,
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
        passes("stays", Callee, acknowledged.run),
        passes("echoes on", Callee, echoes_on),
        passes("goodbye", Callee, said_goodbye),
        passes("length", Callee, twenty_ms),
        passes("reports", Callee, reports),
        passes("reported", Callee, reported),
        passes("good", Callee, sounds_good),
        passes("keys", voice(plays="tone", digits="15937"), clock.run),
        passes("ice", IceLite, with_ice),
    )
    assert [(each.verdict, each.failure) for each in outcomes] == [(Verdict.PASSED, None)] * len(outcomes)
    for entries in kept(tmp_path):
        assert len(entries) > 20
        for cause in CAUSES:
            failure = Failure(cause=cause, expected="", seen="")
            assert diagnose(entries, failure) == failure, "what is sound has no fault"


def kept(folder: Path) -> list[list[LogEntry]]:
    """The event logs of all attempts."""
    found = [file.read_text(encoding="utf-8").splitlines() for file in folder.glob("*/*/events.jsonl")]
    return [[entry for line in lines if (entry := read_entry(line)) is not None] for lines in found]
