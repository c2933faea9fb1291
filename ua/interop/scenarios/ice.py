"""ICE: full and lite agents, restarts, candidates over TCP, media over TCP without ICE, a mismatch."""

from __future__ import annotations

from typing import Final

from ua.call.call import Call
from ua.errors import UaError
from ua.interop import hints
from ua.interop.explained import failure_of
from ua.interop.failure import Unmet
from ua.interop.media_gateway import MediaGateway
from ua.interop.rewriting import Rewriter
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import MediaPlan, Tone

HAS_ICE: Final = (r"a=ice-ufrag:.*", r"a=ice-pwd:.*", r"a=candidate:.*")

TCP_CANDIDATE: Final = r"a=candidate:\S+ 1 (?i:tcp) .* tcptype (active|passive|so)\b.*"


async def _offered_once(stage: Stage, call: Call) -> None:
    """The first offer was taken as it is."""
    retried = [each for each in stage.log.entries if (each.source, each.name) == ("call", "offer_retried")]
    await stage.expect.that(
        lambda: not retried,
        "the offer is taken as it is",
        lambda: f"it was refused ({retried[0].data.get('reason')}) and made again with less",
        cause="offer_refused",
        where=lambda: stage.expect.last_of(call),
        advice="candidates of a transport that is unknown are passed over, not refused (RFC 8839 §5.1): "
        'icephone makes calls to such peers with tcp_candidates = "never" at once',
        limit_s=0,
    )


@scenario(
    id="ice.full",
    title="ICE with a full agent finds a path over UDP, and a tone goes there and back",
    rfc="RFC 8445 §7",
    needs={"echo", "ice"},
)
async def full(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        await stage.expect.described(call, *HAS_ICE, advice=hints.ICE)
        await stage.expect.undescribed(call, "a=ice-lite")
        await stage.expect.media(call, ice=True)
        await stage.expect.path(call, "udp")
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="ice.lite_peer",
    title="ICE with a lite agent: we check, it answers, and a tone goes there and back",
    rfc="RFC 8445 §2.5",
    needs={"echo", "ice_lite"},
)
async def lite_peer(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        await stage.expect.described(call, "a=ice-lite", *HAS_ICE, advice=hints.ICE)
        await stage.expect.media(call, ice=True)
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="ice.we_are_lite",
    title="We are a lite agent: the peer takes control, checks, and a tone goes there and back",
    rfc="RFC 8445 §6.1.1",
    needs={"echo", "ice", "no_nat"},
)
async def we_are_lite(stage: Stage) -> None:
    async with stage.call(
        "echo", Tone(hz=HZ), lite=True, stun_servers=(), turn_servers=(), port_mapping="off"
    ) as call:
        await stage.expect.described(call, *HAS_ICE, advice=hints.ICE)
        await stage.expect.media(call, ice=True)
        await stage.expect.audio(call, tone=HZ)


async def _restarts(stage: Stage, call: Call) -> None:
    """ICE is restarted; a tone is heard before and after."""
    await stage.expect.audio(call, tone=HZ)
    before = _fragment(stage, call)
    with stage.step("restarting ICE"):
        try:
            await call.restart_ice()
        except UaError as error:
            expected, where = "ICE is restarted by an offer in the call", stage.expect.last_of(call)
            raise Unmet(failure_of(error, expected=expected, where=where)) from error
    await stage.expect.that(
        lambda: _fragment(stage, call) not in ("", before),
        "the answer has another ice-ufrag, as a restart needs",
        lambda: f"it is {_fragment(stage, call) or 'not there'}, as before",
        cause="no_restart",
        where=lambda: stage.expect.last_of(call),
        advice="the peer takes a restart for an offer like any: media would stay on a path that is dead",
        limit_s=0,
    )
    await stage.expect.flows(call)
    await stage.expect.audio(call, tone=HZ)


def _fragment(stage: Stage, call: Call) -> str:
    """User name fragment in the last description of the peer, as its row; empty without one."""
    described = stage.expect.theirs(call)
    rows = () if described is None else (*described.rows, *(row for m in described.streams for row in m.rows))
    return next((row.strip() for row in rows if row.startswith("a=ice-ufrag:")), "")


@scenario(
    id="ice.restart",
    title="ICE is restarted in the call, and a tone is heard before and after",
    rfc="RFC 8839 §4.4.1.1.1",
    needs={"echo", "ice", "ice_restart"},
)
async def restart(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        await stage.expect.described(call, *HAS_ICE, advice=hints.ICE)
        await stage.expect.media(call, ice=True)
        await _restarts(stage, call)


@scenario(
    id="ice.restart_over_tcp",
    title="ICE with TCP candidates alone is restarted in the call, and a tone is heard before and after",
    rfc="RFC 6544 §11",
    needs={"echo", "ice_tcp", "ice_restart"},
)
async def restart_over_tcp(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), tcp_candidates="only") as call:
        await stage.expect.path(call, "tcp")
        await _restarts(stage, call)
        await stage.expect.path(call, "tcp")


@scenario(
    id="ice.mixed_candidates",
    title="An offer with candidates over UDP and TCP is taken as it is, and media goes over UDP",
    rfc="RFC 6544 §4.5",
    needs={"echo"},
)
async def mixed_candidates(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), tcp_candidates="auto") as call:
        await _offered_once(stage, call)
        await stage.expect.path(call, "udp")
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="ice.tcp_beside_udp",
    title="The peer has candidates over TCP beside those over UDP, and media goes over UDP",
    rfc="RFC 6544 §4.5",
    needs={"echo", "ice_tcp"},
)
async def tcp_beside_udp(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), tcp_candidates="auto") as call:
        await stage.expect.described(
            call, *HAS_ICE, TCP_CANDIDATE, r"a=candidate:\S+ 1 (?i:udp) .*", advice=hints.TCP_CANDIDATES
        )
        await stage.expect.path(call, "udp")
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="ice.tcp_only",
    title="With TCP candidates alone media goes over TCP, and a tone goes there and back",
    rfc="RFC 6544 §4.1",
    needs={"echo", "ice_tcp"},
)
async def tcp_only(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), tcp_candidates="only") as call:
        await stage.expect.described(call, TCP_CANDIDATE, advice=hints.TCP_CANDIDATES)
        await stage.expect.path(call, "tcp")
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="ice.tcp_only_to_a_user",
    title="A user with TCP candidates alone calls another one, media goes over TCP, and both hear each other",
    rfc="RFC 6544 §4.1",
    needs={"second_account", "registrar", "ice_tcp"},
)
async def tcp_only_to_a_user(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True, tcp_candidates="only") as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        for each in (call, called):
            await stage.expect.path(each, "tcp")
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)


@scenario(
    id="ice.tcp_rtp_avp",
    title="TCP/RTP/AVP without ICE is taken, and a tone goes there and back over TCP",
    rfc="RFC 4571 §4",
    needs={"echo", "tcp_media"},
)
async def tcp_rtp_avp(stage: Stage) -> None:
    async with stage.call("echo", MediaPlan(source=Tone(hz=HZ), media="tcp")) as call:
        await stage.expect.described(
            call, r"m=audio [1-9]\d* TCP/RTP/AVP .*", r"a=setup:(active|passive)", advice=hints.TCP_MEDIA
        )
        await stage.expect.path(call, "tcp")
        await stage.expect.audio(call, tone=HZ)


async def _with_second_line(text: str) -> str:
    """The offer, and the same audio once more over TCP (RFC 4571 §4)."""
    formats = next(row for row in text.split("\r\n") if row.startswith("m=audio ")).split(" ")[3:]
    rows = (f"m=audio 9 TCP/RTP/AVP {' '.join(formats)}", "a=setup:active", "a=connection:new")
    return text + "".join(f"{row}\r\n" for row in rows)


async def _without_second_line(text: str) -> str:
    """What our phone is to see of the answer: the line that it has offered."""
    first, mark, rest = text.partition("m=audio ")
    return first + mark + rest.partition("m=")[0]


@scenario(
    id="ice.second_line",
    title="Beside RTP/AVP a second m= line over TCP is answered as such, and a tone goes there and back",
    rfc="RFC 3264 §6",
    needs={"echo", "tcp"},
)
async def second_line(stage: Stage) -> None:
    rewriter = Rewriter(_with_second_line, _without_second_line)
    async with (
        rewriter.running(stage.peer),
        stage.call("echo", Tone(hz=HZ), transport="tcp", proxy=rewriter.uri) as call,
    ):
        lines = [row.split(" ") for row in rewriter.last.split("\r\n") if row.startswith("m=")]
        await stage.expect.that(
            lambda: len(lines) == 2 and lines[0][1] != "0" and lines[1][2] == "TCP/RTP/AVP",
            "the answer has an m= line for each of the offer, in their order: RTP/AVP, then TCP/RTP/AVP, "
            "with port 0 where it is not taken",
            lambda: f"it has {' | '.join(' '.join(each) for each in lines) or 'none'}",
            cause="bad_sdp_answer",
            where=lambda: stage.expect.last_of(call),
            advice="an answer has as many m= lines as the offer; one that is refused keeps its profile",
            limit_s=0,
        )
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="ice.mismatch",
    title="Where a gateway has changed the address of an offer, ICE is left, and audio goes its way",
    rfc="RFC 8839 §4.2.5",
    needs={"echo", "ice", "tcp"},
)
async def mismatch(stage: Stage) -> None:
    gateway = MediaGateway()
    async with (
        gateway.running(stage.peer),
        stage.call("echo", Tone(hz=HZ), transport="tcp", proxy=gateway.rewriter.uri) as call,
    ):
        said = gateway.rewriter.last
        await stage.expect.that(
            lambda: (
                "a=ice-mismatch" in said or not any(each in said for each in ("a=ice-ufrag", "a=candidate"))
            ),
            "the answer says a=ice-mismatch, or has no ICE",
            "it goes on with ICE: media would go past the gateway, or nowhere",
            cause="ice_mismatch",
            where=lambda: stage.expect.last_of(call),
            advice="the peer has to compare the c= and m= lines with the candidates (RFC 8839 §4.2.5)",
            limit_s=0,
        )
        await stage.expect.media(call, ice=False)
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.that(
            lambda: min(gateway.passed) > 10,
            "media goes through the gateway, both ways",
            lambda: f"{gateway.passed[0]} packets went to the peer that way, and {gateway.passed[1]} to us",
            cause="wrong_path",
        )
