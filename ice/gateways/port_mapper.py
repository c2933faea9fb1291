"""Asking a gateway for port mappings by PCP or NAT-PMP, keeping them, giving them back (RFC 6887, RFC 6886).

A core: the shell gives it what arrives from the gateway and the time, sends what it wants sent, and takes
what it learnt. One mapper speaks for one address of this host to one gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from ice.errors import PortMappingError
from ice.gateways import nat_pmp, pcp
from ice.gateways.epoch import GatewayEpoch
from ice.gateways.events import (
    AnswerRefused,
    InternalPort,
    MappingEvent,
    MappingFreed,
    MappingGranted,
    MappingLost,
    MappingProtocol,
    MappingRefused,
)
from ice.gateways.lease import NAT_PMP_PACE, PCP_PACE, Due, Lease, Pace, deleting
from ice.types import TransportAddress

SERVER_PORT = 5351
"""RFC 6887 §19.1, RFC 6886 §3.1: where gateways listen."""

ANNOUNCEMENT_PORT = 5350
"""RFC 6887 §14.1.3, RFC 6886 §3.2.1: where they announce that they began anew."""

LIFETIME_S = 7200
"""RFC 6886 §3.3: what is asked for; so long a process that was killed leaves a mapping behind at most."""

RECOVERY_S = 5.0
"""RFC 6887 §14.1.3, RFC 6886 §3.7: not everybody asks a gateway at once after it began anew."""


class _Question:
    """What the gateway is asked: a mapping, or with NAT-PMP its external address."""

    __slots__ = ("external", "external_port", "freeing", "lease", "nonce", "port")

    def __init__(self, port: InternalPort | None, nonce: bytes, lease: Lease) -> None:
        self.port = port
        self.nonce = nonce
        self.lease = lease
        self.external: TransportAddress | None = None
        """What was granted and told."""
        self.external_port = 0
        """What NAT-PMP granted, whose answer does not hold the address."""
        self.freeing = False


class PortMapper:
    """The mappings of one address of this host at one gateway; times are monotonic seconds.

    Args:
        client: IP address of this host that requests leave from.
        gateway: its IP address.
        protocols: what may be spoken; PCP before NAT-PMP where both are there (RFC 6887 appendix A).
        random: random(n) gives n unpredictable bytes.
    """

    def __init__(
        self,
        *,
        client: str,
        gateway: str,
        protocols: Sequence[MappingProtocol],
        random: Callable[[int], bytes],
    ) -> None:
        self.heard = False
        """True once the gateway has said something that makes sense."""
        self.protocol = MappingProtocol.PCP if MappingProtocol.PCP in protocols else MappingProtocol.NAT_PMP
        """What is spoken now."""
        self._falls_back = MappingProtocol.NAT_PMP in protocols
        self._client = client
        self._server = TransportAddress(host=gateway, port=SERVER_PORT)
        self._random = random
        self._epoch = GatewayEpoch()
        self._address: _Question | None = None
        """With NAT-PMP, the question for the external address."""
        self._host: str | None = None
        """The answer to it."""
        self._mappings: dict[InternalPort, _Question] = {}
        self._output: list[bytes] = []
        self._events: list[MappingEvent] = []

    # --- commands -------------------------------------------------------------------------------------------

    def ask(self, port: InternalPort, now: float) -> None:
        """Want a mapping towards a port of ours until `free`; ValueError where there is one."""
        if port in self._mappings:
            raise ValueError(f"{port} is mapped")
        self._mappings[port] = self._question(port, now)
        self._work(now)

    def free(self, port: InternalPort, now: float) -> None:
        """The port needs no mapping any more; one that there is none of is passed over."""
        question = self._mappings.get(port)
        if question is not None and not question.freeing:
            self._free(question, now)
            self._work(now)

    def close(self, now: float) -> None:
        """Give all mappings back."""
        for port in tuple(self._mappings):
            self.free(port, now)

    @property
    def idle(self) -> bool:
        """True where the gateway holds nothing of ours that we know of."""
        return not self._mappings

    # --- what happens ---------------------------------------------------------------------------------------

    def receive(self, source: TransportAddress, data: bytes, now: float) -> None:
        """A datagram arrived on the socket towards the gateway or on that of announcements."""
        # Whoever else is on this network must not move our mappings (RFC 6887 §8.3, RFC 6886 §3.2).
        if source != self._server:
            self._events.append(AnswerRefused(reason=f"from {source}, who is not the gateway"))
            return
        try:
            answer = self._parse(data)
        except PortMappingError as error:
            self._events.append(AnswerRefused(reason=str(error)))
            return
        self.heard = True
        match answer:
            case pcp.OtherVersion(version=version):
                self._fall_back(version, now)
            case pcp.Announcement(epoch_s=epoch_s):
                if self._epoch.forgot_by_pcp(epoch_s, now):
                    self._recover(now)
            case pcp.MapAnswer():
                self._pcp_answered(answer, now)
            case nat_pmp.AddressAnswer():
                self._address_answered(answer, now)
            case nat_pmp.MapAnswer():
                self._nat_pmp_answered(answer, now)
            case _:
                assert_never(answer)
        self._work(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._work(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return min((question.lease.next_at for question in self._free_to_ask()), default=None)

    def take_output(self) -> list[bytes]:
        """Datagrams for the gateway, in order."""
        taken, self._output = self._output, []
        return taken

    def take_events(self) -> list[MappingEvent]:
        """What was learnt since the last call."""
        taken, self._events = self._events, []
        return taken

    # --- asking ---------------------------------------------------------------------------------------------

    @property
    def _pace(self) -> Pace:
        return PCP_PACE if self.protocol is MappingProtocol.PCP else NAT_PMP_PACE

    def _draw(self) -> float:
        return int.from_bytes(self._random(4)) / 2**32

    def _question(self, port: InternalPort | None, at: float) -> _Question:
        nonce = self._random(pcp.NONCE_SIZE)
        return _Question(port, nonce, Lease(self._pace, self._draw, at))

    def _free_to_ask(self) -> Iterator[_Question]:
        """Who may send. With NAT-PMP one waits for the other (RFC 6886 §3.1); deletions wait for nobody."""
        questions = [*([self._address] if self._address else []), *self._mappings.values()]
        if self.protocol is MappingProtocol.PCP:
            yield from questions
            return
        asked = next((q for q in questions if not q.freeing and q.lease.unanswered), None)
        yield from (q for q in questions if asked is None or q is asked or q.freeing)

    def _work(self, now: float) -> None:
        if all(question.freeing for question in self._mappings.values()):
            self._address = None
        elif self.protocol is MappingProtocol.NAT_PMP and self._address is None:
            self._address = self._question(None, now)
        done: set[int] = set()
        while True:
            question = next((q for q in self._free_to_ask() if id(q) not in done), None)
            if question is None:
                return
            done.add(id(question))
            match question.lease.due(now):
                case Due.NOTHING:
                    pass
                case Due.SEND:
                    self._output.append(self._request(question))
                case Due.SILENT:
                    self._give_up(question, "it does not answer", now)
                    done.discard(id(question))
                case Due.EXPIRED:
                    self._give_up(question, "it was not renewed in time", now)
                    done.discard(id(question))
                case _ as never:
                    assert_never(never)

    def _request(self, question: _Question) -> bytes:
        port = question.port
        if port is None:
            return nat_pmp.write_address_request()
        # RFC 6887 §15.1, RFC 6886 §3.4: nothing is suggested in order to delete.
        lifetime_s = 0 if question.freeing else LIFETIME_S
        suggested = None if question.freeing else question.external
        if self.protocol is MappingProtocol.PCP:
            return pcp.write(
                pcp.MapRequest(
                    client=self._client,
                    nonce=question.nonce,
                    transport=port.transport,
                    port=port.port,
                    lifetime_s=lifetime_s,
                    suggested=suggested,
                )
            )
        # RFC 6886 §3.3: normally the external port is to be the same as ours.
        wanted = question.external_port or port.port
        return nat_pmp.write_map_request(port.transport, port.port, wanted if lifetime_s else 0, lifetime_s)

    def _free(self, question: _Question, now: float) -> None:
        """Delete what the gateway may hold; what it was never asked for is simply forgotten."""
        assert question.port is not None  # noqa: S101
        if not question.lease.sent:
            del self._mappings[question.port]
            self._events.append(MappingFreed(port=question.port))
            return
        question.freeing = True
        question.lease = Lease(deleting(self._pace), self._draw, now)

    def _give_up(self, question: _Question, reason: str, now: float) -> None:
        if question.port is None:
            self._fail(reason)
        elif question.freeing:
            self._remove(question, MappingFreed(port=question.port))
        elif question.external is not None:
            self._lose(question, reason, now)
        else:
            self._remove(question, MappingRefused(port=question.port, reason=reason))

    def _fail(self, reason: str) -> None:
        """Nothing comes of what is asked for and was not granted."""
        self._address = None
        for port, question in tuple(self._mappings.items()):
            if question.freeing:
                self._remove(question, MappingFreed(port=port))
            elif question.external is None:
                self._remove(question, MappingRefused(port=port, reason=reason))

    def _remove(self, question: _Question, event: MappingEvent) -> None:
        if question.port is not None:
            del self._mappings[question.port]
        self._events.append(event)

    def _lose(self, question: _Question, reason: str, now: float) -> None:
        """What was granted is of no use: tell it, and delete what may be left of it."""
        external, question.external = question.external, None
        if question.port is not None and external is not None:
            self._events.append(MappingLost(port=question.port, external=external, reason=reason))
            self._free(question, now)

    # --- answers --------------------------------------------------------------------------------------------

    def _parse(self, data: bytes) -> pcp.Answer | nat_pmp.Answer:
        return pcp.parse(data) if self.protocol is MappingProtocol.PCP else nat_pmp.parse(data)

    def _fall_back(self, version: int, now: float) -> None:
        """The gateway does not speak PCP version 2 (RFC 6887 §9)."""
        if version != nat_pmp.VERSION:
            self._fail(f"it speaks version {version} of PCP")
        elif not self._falls_back:
            self._fail("it speaks NAT-PMP only")
        elif ":" in self._client:
            self._fail("it speaks NAT-PMP only, which knows no IPv6")
        else:
            self.protocol = MappingProtocol.NAT_PMP
            self._epoch = GatewayEpoch()
            for question in self._mappings.values():
                pace = deleting(self._pace) if question.freeing else self._pace
                question.lease = Lease(pace, self._draw, now)

    def _pcp_answered(self, answer: pcp.MapAnswer, now: float) -> None:
        question = self._mappings.get(InternalPort(transport=answer.transport, port=answer.port))
        if question is None or question.nonce != answer.nonce:
            self._events.append(AnswerRefused(reason="an answer to nothing that was asked"))
            return
        if self._epoch.forgot_by_pcp(answer.epoch_s, now):
            self._recover(now)
        if answer.result:
            reason = pcp.RESULTS.get(answer.result, f"error {answer.result}")
            self._refused(question, reason, now)
        else:
            self._granted(question, answer.external, answer.lifetime_s, now)

    def _address_answered(self, answer: nat_pmp.AddressAnswer, now: float) -> None:
        if self._epoch.forgot_by_nat_pmp(answer.epoch_s, now):
            self._recover(now)
        question = self._address
        if question is None:
            return
        if answer.result:
            if question.lease.unanswered:
                self._fail(nat_pmp.RESULTS.get(answer.result, f"error {answer.result}"))
            return
        question.lease.granted(LIFETIME_S, now)
        if answer.host == self._host:
            return
        self._host = answer.host
        for mapping in tuple(self._mappings.values()):
            if mapping.external_port and not mapping.freeing:
                self._settle(mapping, TransportAddress(host=answer.host, port=mapping.external_port), now)

    def _nat_pmp_answered(self, answer: nat_pmp.MapAnswer, now: float) -> None:
        question = self._mappings.get(InternalPort(transport=answer.transport, port=answer.port))
        if self._epoch.forgot_by_nat_pmp(answer.epoch_s, now):
            self._recover(now)
        if question is None:
            self._events.append(AnswerRefused(reason="an answer to nothing that was asked"))
        elif answer.result:
            reason = nat_pmp.RESULTS.get(answer.result, f"error {answer.result}")
            self._refused(question, reason, now)
        elif self._host is None:
            self._events.append(AnswerRefused(reason="a mapping before the external address"))
        else:
            external = TransportAddress(host=self._host, port=answer.external_port)
            self._granted(question, external, answer.lifetime_s, now)

    def _refused(self, question: _Question, reason: str, now: float) -> None:
        if question.freeing:
            self._give_up(question, reason, now)
        elif question.external is not None:
            self._lose(question, reason, now)
        elif question.port is not None:
            self._remove(question, MappingRefused(port=question.port, reason=reason))

    def _granted(self, question: _Question, external: TransportAddress, lifetime_s: int, now: float) -> None:
        if question.freeing:
            # An answer to an older request, which had a lifetime, is overtaken by the deletion.
            if not lifetime_s and question.port is not None:
                self._remove(question, MappingFreed(port=question.port))
            return
        if not lifetime_s or not external.port:
            self._refused(question, "it mapped nothing", now)
            return
        question.external_port = external.port
        question.lease.granted(lifetime_s, now)
        self._settle(question, external, now)

    def _settle(self, question: _Question, external: TransportAddress, now: float) -> None:
        """The gateway holds this; another address than before makes the candidate invalid."""
        if question.port is None or question.external == external:
            return
        if question.external is not None:
            self._lose(question, f"the gateway maps it to {external} now", now)
            return
        question.external = external
        self._events.append(MappingGranted(port=question.port, external=external, protocol=self.protocol))

    def _recover(self, now: float) -> None:
        """The gateway forgot everything: ask again, suggesting what there was (RFC 6887 §16.3.1)."""
        at = now + RECOVERY_S * self._draw()
        if self._address is not None:
            self._address = self._question(None, at)
        for question in self._mappings.values():
            if not question.freeing:
                question.lease = Lease(self._pace, self._draw, at)
