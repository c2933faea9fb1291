"""What goes out of the ICE core: commands for the shell, events for the application.

Commands are carried out in order. Events hold `at`, the monotonic time in seconds; they are the ICE
part of the event log, from which the live line, the JSON and the report are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import Candidate, FlowId, PairState, PairView, Role, SessionState, TransportAddress

# --- commands ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDatagram:
    """Send `data` from the UDP socket `flow` to `remote`."""

    flow: FlowId
    remote: TransportAddress
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFrame:
    """Send `data` as one RFC 4571 frame on the TCP connection `flow`; the shell adds the length."""

    flow: FlowId
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTcp:
    """Dial `remote` from the interface address `local` (port 0: any); answer with opened or failed.

    With `via` the connection goes out from that relay, whose address `local` is (RFC 6062 §4.3).
    """

    flow: FlowId
    local: TransportAddress
    remote: TransportAddress
    via: FlowId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitPeer:
    """Let `host` (an IP literal) reach the relayed address of `flow`: the peer may come from there.

    RFC 8656 §9, RFC 6062 §5.3; the shell keeps the permission up.
    """

    flow: FlowId
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFlow:
    """Close the TCP connection `flow`, give up its dialling, or free a UDP socket or listener not needed."""

    flow: FlowId
    reason: str


Command = SendDatagram | SendFrame | OpenTcp | PermitPeer | CloseFlow

# --- events -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The session changed its state."""

    at: float
    state: SessionState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged:
    """A role conflict made this agent change its role (RFC 8445 §7.3.1.1)."""

    at: float
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateAdded:
    """A local or remote candidate became known."""

    at: float
    local: bool
    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLost:
    """An address of this host is gone, and the candidates on it are dropped (RFC 8445 §5.1.1.4)."""

    at: float
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRefused:
    """A candidate of the peer is not used: over the limit, no IP address, or no address to send checks to."""

    at: float
    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAdded:
    """A pair entered the check list."""

    at: float
    pair: PairView


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStateChanged:
    """A pair changed its state; `reason` tells why it failed."""

    at: float
    pair_id: int
    state: PairState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSent:
    """A Binding request left; `transmission` is 1 for the first."""

    at: float
    pair_id: int
    transmission: int
    nominating: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswered:
    """A valid Binding response came back."""

    at: float
    pair_id: int
    rtt_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReceived:
    """The peer's authenticated Binding request arrived and was answered."""

    at: float
    component: int
    flow: FlowId
    remote: TransportAddress
    use_candidate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PairNominated:
    """A pair was nominated (RFC 8445 §8.1.1)."""

    at: float
    pair_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSelected:
    """A component has its path; `reason` is one sentence for people, e.g. "UDP: 4 checks, 0 answers; ..."."""

    at: float
    component: int
    flow: FlowId
    remote: TransportAddress
    pair: PairView
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathProved:
    """Media of a component may go this way until a path is selected: the pair is valid (RFC 8445 §12.1)."""

    at: float
    component: int
    flow: FlowId
    remote: TransportAddress
    pair: PairView


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofExpired:
    """Nobody has nominated the pair of `PathProved`: media may not go there any more (RFC 7675 §5.1)."""

    at: float
    component: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLost:
    """The selected path of a component broke or lost its consent (RFC 7675 §5.1)."""

    at: float
    component: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartAdvised:
    """Only a restart can bring the path back, or keep it (RFC 6544 §11.1, §11.2); told once per loss.

    The controlling agent is told; of a lost relay or address the one that had it, whatever its role; of
    silence the controlled one where the controlling one does not act on it.
    """

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartFailed:
    """No path was found under the new credentials; media goes on where it went before the restart."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatedDescriptionAdvised:
    """What ICE selected is not what the descriptions name as default (RFC 8839 §4.3.4).

    Told to the controlling agent at the conclusion. Middleboxes on the way of the signalling may want to
    know; the using protocol decides whether to tell. `pairs` are the selected ones, lowest component first.
    """

    at: float
    pairs: tuple[PairView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOpening:
    """A TCP connection is being dialled."""

    at: float
    flow: FlowId
    local: TransportAddress
    remote: TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOpened:
    """A TCP connection was established by dialling (`accepted` false) or by the listener (true)."""

    at: float
    flow: FlowId
    local: TransportAddress
    remote: TransportAddress
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowClosed:
    """A TCP connection failed to open or ended."""

    at: float
    flow: FlowId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentAnswered:
    """A consent check on the selected path was answered (RFC 7675 §5.1)."""

    at: float
    component: int
    rtt_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketRefused:
    """Bytes from the wire were dropped: malformed, unauthenticated or unexpected. Never silent."""

    at: float
    flow: FlowId
    remote: TransportAddress
    reason: str


Event = (
    StateChanged
    | RoleChanged
    | CandidateAdded
    | AddressLost
    | CandidateRefused
    | PairAdded
    | PairStateChanged
    | CheckSent
    | CheckAnswered
    | CheckReceived
    | PairNominated
    | PathProved
    | ProofExpired
    | PathSelected
    | PathLost
    | RestartAdvised
    | RestartFailed
    | UpdatedDescriptionAdvised
    | FlowOpening
    | FlowOpened
    | FlowClosed
    | ConsentAnswered
    | PacketRefused
)
