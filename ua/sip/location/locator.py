"""Finds the servers of a URI: drives the procedure with real answers, and knows who is to be left alone."""

from __future__ import annotations

from collections.abc import Callable

from ua.clock import now as monotonic
from ua.sip.location.procedure import locating
from ua.sip.location.records import Kind, NaptrRecord, question
from ua.sip.location.resolver import Resolver
from ua.sip.location.standing import Standing
from ua.sip.location.target import Target
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport


class Locator:
    """From URIs to targets.

    Args:
        resolver: who is asked.
        random: random(n) gives n unpredictable bytes.
        on_alarm: told where a domain that had secure service has none any more (RFC 3263 §7).

    Attributes:
        standing: which servers fail or want to be left alone.
    """

    def __init__(
        self, resolver: Resolver, *, random: Callable[[int], bytes], on_alarm: Callable[[str], None]
    ) -> None:
        self._resolver = resolver
        self._random = random
        self._on_alarm = on_alarm
        self._secure: set[str] = set()
        self.standing = Standing()

    async def locate(
        self,
        uri: Uri,
        *,
        transports: tuple[SipTransport, ...],
        versions: frozenset[int],
        new: bool = True,
        call_id: str = "",
    ) -> tuple[Target, ...]:
        """Where to send a request for this URI, best first; raises SipUnreachable.

        Args:
            uri: next hop.
            transports: what we speak; the first is preferred.
            versions: IP versions that we have sockets for.
            new: False for a request within a dialog.
            call_id: of the request; the server that answered another one with it comes first.
        """
        procedure = locating(uri, transports=transports, versions=versions, random=self._random)
        targets: tuple[Target, ...] = ()
        try:
            questions = next(procedure)
            while True:
                answers = await self._resolver.ask(questions, monotonic())
                self._watch(uri.host, answers.get(question(Kind.NAPTR, uri.host), ()))
                questions = procedure.send(answers)
        except StopIteration as done:
            targets = done.value
        return self.standing.in_order(targets, monotonic(), new=new, call_id=call_id)

    def _watch(self, domain: str, records: tuple[object, ...]) -> None:
        """Somebody who takes the secure services out of the answers wants us to use others."""
        services = [record.service.upper() for record in records if isinstance(record, NaptrRecord)]
        if any(service.startswith("SIPS+") for service in services):
            self._secure.add(domain)
        elif services and domain in self._secure:
            self._secure.discard(domain)
            self._on_alarm(f"{domain} offered SIP over TLS before, and does not any more")
