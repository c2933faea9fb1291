"""Where calls and messages go: to the phones of a user, to a number of ours, to the other leg of a call."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from ua import clock
from ua.call.incoming import IncomingCall
from ua.call.surroundings import CallSurroundings
from ua.call.waiting import first
from ua.conference import Conference
from ua.errors import UaError
from ua.pbx.admission import Admission
from ua.pbx.binding import Binding
from ua.pbx.bridge import Bridge, Way
from ua.pbx.config import PbxConfig
from ua.pbx.crossing import Crossing
from ua.pbx.domain import Domain, user_of
from ua.pbx.errands import Errands
from ua.pbx.extensions import Announced, Answered, Busy, Moved, Service, Unanswered, service
from ua.pbx.location import LocationService
from ua.pbx.passed_subscription import answer_with
from ua.pbx.passing import content_type, crossed, invite_headers, request_headers
from ua.pbx.read_back import ReadBack
from ua.plan import MediaPlan
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipError, SipParseError, SipTimeout
from ua.sip.events.replaces import Replaces, replaces_of
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg import Leg
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.invite.pracks import MakeAnswer
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


class Switchboard:
    """Takes what comes to the PBX, but REGISTERs.

    Args:
        settings: of the PBX.
        endpoint: its SIP side.
        around: lent to the calls that it answers itself.
        location: where its users are.
    """

    def __init__(
        self,
        settings: PbxConfig,
        endpoint: SipEndpoint,
        around: CallSurroundings,
        location: LocationService,
        domain: Domain,
        admission: Admission,
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._around = around
        self._location = location
        self._domain = domain
        self._admission = admission
        self._errands = Errands()
        self._crossings: list[Crossing] = []
        self._calls: set[IncomingCall] = set()
        self._conference = Conference()
        self._number = 0

    @property
    def calls(self) -> int:
        """Calls through the PBX, and with it, that are not over."""
        return len(self._crossings) + len(self._calls)

    @property
    def alive(self) -> dict[str, int]:
        """What there is by kind; nothing where all is over."""
        kinds = {"calls": self.calls, "errands": len(self._errands)}
        return {kind: number for kind, number in kinds.items() if number}

    async def close(self) -> None:
        """Hang up every call, both legs of it."""
        await asyncio.gather(*(call.close() for call in tuple(self._calls)))
        legs = [leg for each in self._crossings for leg in (each.caller, each.callee) if leg is not None]
        await asyncio.gather(*(leg.bye(reason="the PBX is closed", cause=503) for leg in legs))
        await self._errands.close()

    def offered(self, incoming: IncomingInvite) -> None:
        """A call."""
        request = incoming.request
        try:
            replaces = replaces_of(request)
        except SipParseError as error:
            incoming.reject(400, error.reason)
            return
        turned = self._admission.refuses(request, clock.now(), within=replaces is not None)
        if turned is not None:
            incoming.reject(turned.status, headers=turned.headers)
        elif self.calls >= self._settings.max_calls:
            incoming.reject(503, headers=Headers.of(("Retry-After", 10)))
        elif replaces is not None:
            self._replace(incoming, replaces)
        elif (own := self._service(user_of(request.uri))) is not None:
            self._serve(incoming, own)
        else:
            self._call_user(incoming)

    def take(self, incoming: IncomingRequest) -> None:
        """A request outside calls: short messages go to the phones of a user."""
        request = incoming.request
        if request.method != "MESSAGE":
            incoming.respond(489 if request.method == "SUBSCRIBE" else 403)
            return
        turned = self._admission.refuses(request, clock.now())
        if turned is not None:
            incoming.respond(turned.status, headers=turned.headers)
            return
        bindings = self._location.targets(user_of(request.uri), clock.now())
        if bindings:
            self._errands.run(self._deliver(incoming, bindings))
        else:
            incoming.respond(self._absent(request))

    def _absent(self, request: Request) -> int:
        """480 for a user of ours who has no phone here now, else 404."""
        return 480 if self._settings.is_user(user_of(request.uri)) else 404

    def _call_user(self, incoming: IncomingInvite) -> None:
        request = incoming.request
        bindings = self._location.targets(user_of(request.uri), clock.now())
        if not bindings:
            incoming.reject(self._absent(request))
            return
        ways = [self._way(incoming, binding) for binding in bindings]
        self._bridge(incoming, ways)

    def _way(self, incoming: IncomingInvite, binding: Binding) -> Way:
        headers = invite_headers(incoming.request, reliable=incoming.can_ring_reliably)
        to = self._domain.identity(incoming.request.uri.user or "")

        def place(offer: bytes, make_answer: MakeAnswer | None) -> OutgoingInvite:
            return self._place(
                incoming.request, binding.contact.uri, to, binding.path, headers, offer, make_answer
            )

        return Way(name=str(binding.contact.uri), place=place)

    def _replace(self, incoming: IncomingInvite, replaces: Replaces) -> None:
        """The caller takes the place of one leg of a call: its other leg is asked (RFC 3891)."""
        named = next(
            (
                (crossing, leg)
                for crossing in self._crossings
                for leg in (crossing.caller, crossing.callee)
                if leg is not None and leg.dialog.id == replaces.dialog_id
            ),
            None,
        )
        partner: Leg | None = None if named is None else named[0].partner(named[1])
        if partner is None:
            incoming.reject(481)
            return
        dialog = partner.dialog
        try:
            theirs = crossed(replaces, Replaces.of(dialog))
        except SipParseError:
            incoming.reject(481)
            return
        headers = invite_headers(incoming.request, reliable=incoming.can_ring_reliably)
        headers = headers.with_rows("replaces", theirs)

        def place(offer: bytes, make_answer: MakeAnswer | None) -> OutgoingInvite:
            return self._place(
                incoming.request, dialog.target, dialog.remote.uri, dialog.routes, headers, offer, make_answer
            )

        self._bridge(incoming, [Way(name=str(dialog.target), place=place)])

    def _place(
        self,
        request: Request,
        target: Uri,
        to: Uri,
        routes: tuple[NameAddr, ...],
        headers: Headers,
        offer: bytes,
        make_answer: MakeAnswer | None,
    ) -> OutgoingInvite:
        """The INVITE of the other leg: a dialog of its own, with the caller's name."""
        from_ = request.from_.with_tag(None)
        series = self._endpoint.series(target=target, from_=from_, to=NameAddr(uri=to), routes=routes)
        return self._endpoint.invite(
            target, from_=from_, body=offer, headers=headers, make_answer=make_answer, series=series
        )

    def _bridge(self, incoming: IncomingInvite, ways: Sequence[Way]) -> None:
        bridge = Bridge(incoming, self._errands, ring_s=self._settings.ring_s)
        self._crossings.append(bridge.crossing)
        bridge.crossing.caller.ended.add_done_callback(lambda _: self._crossings.remove(bridge.crossing))
        self._errands.run(bridge.connect(ways))

    async def _deliver(self, incoming: IncomingRequest, bindings: Sequence[Binding]) -> None:
        """A message goes to the first phone that can be reached."""
        request = incoming.request
        headers = request_headers(request)
        to = NameAddr(uri=self._domain.identity(request.uri.user or ""))
        status = 480
        for binding in bindings:
            series = self._endpoint.series(
                target=binding.contact.uri, from_=request.from_.with_tag(None), to=to, routes=binding.path
            )
            try:
                done = await series.request(
                    "MESSAGE", headers=headers, body=request.body, content_type=content_type(request)
                )
            except SipError as error:
                status = 408 if isinstance(error, SipTimeout) else 480
                continue
            answer_with(incoming, done)
            return
        incoming.respond(status)

    # --- the numbers of the PBX itself ---------------------------------------------------------------------

    def _service(self, number: str) -> Service | None:
        return service(number, self._conference, self._recording())

    def _recording(self) -> Path | None:
        """The file of the next recording."""
        folder = self._settings.recordings
        return None if folder is None else folder / f"pbx-{self._number + 1}.wav"

    def _serve(self, incoming: IncomingInvite, own: Service) -> None:
        self._number += 1
        match own:
            case Moved(number=number):
                there = dataclasses.replace(incoming.request.uri, user=number)
                incoming.reject(302, headers=Headers.of(("Contact", NameAddr(uri=there))))
            case Busy():
                incoming.reject(486)
            case Unanswered():
                incoming.ring()
                self._errands.run(self._wait(incoming))
            case Answered():
                call = self._take_call(incoming)
                if own.reads_back:
                    ReadBack(call, self._errands)
                self._errands.run(self._answer(call, own.plan))
            case Announced():
                self._errands.run(self._announce(self._take_call(incoming), own))
            case _:
                assert_never(own)

    def _take_call(self, incoming: IncomingInvite) -> IncomingCall:
        call = IncomingCall(self._around, incoming)
        self._calls.add(call)
        call.on_end(lambda _: self._calls.discard(call))
        return call

    async def _answer(self, call: IncomingCall, plan: MediaPlan) -> None:
        try:
            await call.accept(plan)
        except UaError:
            return  # the log of the call says why

    async def _announce(self, call: IncomingCall, own: Announced) -> None:
        try:
            await call.play_early(own.early)
        except UaError:
            return  # it is over
        if await first(asyncio.sleep(own.early_s), call.ended()):
            await self._answer(call, own.plan)

    async def _wait(self, incoming: IncomingInvite) -> None:
        try:
            async with asyncio.timeout(self._settings.ring_s):
                await incoming.cancelled.wait()
        except TimeoutError:
            incoming.reject(480)
