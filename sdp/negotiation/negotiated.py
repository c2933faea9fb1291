"""What goes into an offer or answer, and what comes out of the exchange."""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import Candidate, Description, TransportAddress
from sdp.attributes.connection_attr import Agreement, TcpSetup
from sdp.attributes.direction import Direction
from sdp.attributes.extmap_attr import Extension
from sdp.attributes.feedback_attr import ReportBlock
from sdp.attributes.ice_attr import RemoteCandidate
from sdp.attributes.rtp_attr import AudioFormat
from sdp.diagnostics import Diagnostic
from sdp.negotiation.keying import PLAIN, KeyingPolicy, Keys, LocalKeying
from sdp.syntax.model import SessionDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPair:
    """The nominated pair of one component; `local` of a TCP pair holds the real port."""

    component: int
    local: Candidate
    remote: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSide:
    """What we are able to do for an m= line over TCP without ICE (RFC 4145).

    Attributes:
        offer: what an offer of ours says.
        host: our address where we do not listen; port 9 is written with it (RFC 4145 §4.1).
        can_dial: we connect out.
        can_listen: we have a port that connections can come to.
        has_connection: a connection is open.
    """

    offer: TcpSetup
    host: str
    can_dial: bool
    can_listen: bool
    has_connection: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMedia:
    """Our side of one audio stream.

    Attributes:
        formats: what we are able to send and receive, best first.
        direction: what we wish; every offer says it again (RFC 6337 §5.3).
        ptime_ms: packet time that we want to receive, in ms.
        ice: our description; None goes without ICE.
        address: default address of RTP (UDP, with `tcp` TCP); None where there is none: 0.0.0.0 port 9 is
            written.
        rtcp_address: default address of RTCP, None for the next higher port.
        rtcp_mux: RTP and RTCP may share a port.
        rtcp_mux_only: offers say that they must (RFC 8858).
        feedback: RTCP feedback that we do, by kind and parameter (RFC 4585); for AVPF profiles.
        extensions: URIs of the RTP header extensions that we know (RFC 8285); for AVPF profiles.
        extended_reports: offers ask for extended reports, and we send those that we are asked for (RFC 3611).
        selected: the nominated pairs once ICE has completed; they replace candidates and defaults in
            further offers and answers (RFC 8839 §4.4.1.2.2).
        connecting: the TCP connection of the selected pair is still to be opened (RFC 6544 §6.1).
        controlling: our ICE role; the controlling side writes a=remote-candidates.
        ice_required: a stream without ICE is refused (RFC 8839 §9.3).
        mid: identification tag of the m= line in offers with ICE (RFC 5888); answers repeat the offer's.
        tcp: media goes over TCP without ICE, and how; `ice` is None then.
        keying: how media is protected.
        terse: what goes without saying is left out, for a short offer.
    """

    formats: tuple[AudioFormat, ...]
    direction: Direction = Direction.SENDRECV
    ptime_ms: int = 20
    terse: bool = False
    ice: Description | None = None
    address: TransportAddress | None = None
    rtcp_address: TransportAddress | None = None
    rtcp_mux: bool = True
    rtcp_mux_only: bool = False
    feedback: frozenset[tuple[str, str]] = frozenset()
    extensions: frozenset[str] = frozenset()
    extended_reports: bool = False
    selected: tuple[SelectedPair, ...] = ()
    connecting: bool = False
    controlling: bool = False
    ice_required: bool = False
    mid: str | None = None
    tcp: TcpSide | None = None
    keying: LocalKeying = PLAIN

    def selected_for(self, component: int) -> SelectedPair | None:
        """The nominated pair of a component, None before there is one."""
        return next((pair for pair in self.selected if pair.component == component), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiatedMedia:
    """The agreed audio stream, seen from our side.

    Attributes:
        index: number of its m= line, from 0.
        format: what we send, with the payload type that the peer wrote (RFC 3264 §5.1).
        formats: what may arrive at any time, with the payload types that we wrote.
        telephone_event: the format for DTMF that we may send, None where the peer takes none.
        comfort_noise: the format of noise that we may send in place of silence, None where the peer takes
            none.
        limit_bps: bit/s that the peer takes, None where it says nothing.
        extended_reports: those that the peer asks for, none where we do not do them.
        extensions: RTP header extensions that both know, with their directions as we see them; None there is
            that of the stream.
        ptime_ms: packet time that we send with, in ms: the peer's wish, clipped to its maxptime.
        direction: ours in force.
        held: the peer receives nothing from us (c=0.0.0.0 or a direction that says so).
        remote_address: where plain RTP goes; None where the peer named no IP address to send to.
        remote_rtcp_address: where plain RTCP goes; None where there is none.
        rtcp_mux: RTP and RTCP share a port.
        rtcp: RTCP is used (no RS:0 with RR:0, and the peer has somewhere to receive it).
        components: components that ICE runs, 1 or 2.
        ice: the peer's description; None for plain RTP.
        ice_reason: why there is no ICE; empty with ICE.
        peer_ice2: the peer is an RFC 8445 agent; without it RFC 5245 (RFC 8839 §4.2.1.5).
        remote_candidates: a=remote-candidates of a peer that has concluded ICE.
        tcp: what a=setup and a=connection came to where the default transport is TCP.
        mid: identification tag of the m= line, None where it has none.
        keys: what protects it; None for plain RTP.
        diagnostics: lines that were refused, and other remarks.
    """

    index: int
    format: AudioFormat
    formats: tuple[AudioFormat, ...]
    telephone_event: AudioFormat | None
    ptime_ms: int
    direction: Direction
    held: bool
    remote_address: TransportAddress | None
    remote_rtcp_address: TransportAddress | None
    rtcp_mux: bool
    rtcp: bool
    components: int
    ice: Description | None
    ice_reason: str
    peer_ice2: bool
    remote_candidates: tuple[RemoteCandidate, ...] = ()
    tcp: Agreement | None = None
    mid: str | None = None
    keys: Keys | None = None
    comfort_noise: AudioFormat | None = None
    limit_bps: int | None = None
    extended_reports: tuple[ReportBlock, ...] = ()
    extensions: tuple[Extension, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer to an offer.

    Attributes:
        description: the answer; where nothing was acceptable all its ports are 0 (for an offer that came
            in a response and cannot be refused, RFC 6337 §2.3).
        negotiated: None where nothing was acceptable: 488 Not Acceptable Here.
        reason: why nothing was acceptable, for the Warning header; empty otherwise.
        lacks_ice: nothing was acceptable because we do not talk without ICE: 421 (RFC 8839 §9.3).
        stopped: the peer has taken all streams out (RFC 3264 §8.2): the answer is to be sent, media stops.
        diagnostics: lines that were refused, and other remarks.
    """

    description: SessionDescription
    negotiated: NegotiatedMedia | None
    reason: str = ""
    lacks_ice: bool = False
    stopped: bool = False
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioWish:
    """What the user of a call wants of its audio; addresses and ICE are added by `sdp.ice.binding`.

    Attributes:
        formats: codecs and events, best first.
        direction: sendonly or inactive to hold.
        ptime_ms: packet time that we want to receive, in ms.
        rtcp_mux: RTP and RTCP may share a port.
        rtcp_mux_only: our offers say that they must (RFC 8858); an answer without rtcp-mux is refused.
        ice: offer and accept ICE; false leaves plain RTP over UDP.
        ice_required: talk with nobody who has no ICE.
        keying: how media shall be protected.
        extended_reports: as in `LocalMedia`.
        extensions: as in `LocalMedia`.
    """

    formats: tuple[AudioFormat, ...]
    direction: Direction = Direction.SENDRECV
    ptime_ms: int = 20
    rtcp_mux: bool = True
    rtcp_mux_only: bool = False
    ice: bool = True
    ice_required: bool = False
    keying: KeyingPolicy = PLAIN.policy
    extended_reports: bool = False
    extensions: frozenset[str] = frozenset()
