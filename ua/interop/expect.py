"""What a scenario may expect: each method waits for it, and raises Unmet where it does not come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ua.call.state import CallState
from ua.call.waiting import first, pause
from ua.errors import ResultCode, UaError
from ua.interop.expect_streams import StreamExpectations
from ua.interop.explained import failure_of, failure_of_result
from ua.interop.failure import Failure, Unmet
from ua.interop.waiting import LIMIT_S
from ua.interop.wire import WireMessage, find

if TYPE_CHECKING:
    from ua.call.call import Call
    from ua.results import CallResult


class Expect(StreamExpectations):
    """The expectations of one stage; `limit_s` is always how long the peer gets."""

    async def answer(self, call: Call, *, limit_s: float = 20.0) -> None:
        """The call is answered, and its media has a way."""
        expected = f"the call of {call.remote_uri} is answered and its media finds a way"
        with self._course.step(f"waiting for the answer of {call.remote_uri}"):
            try:
                async with asyncio.timeout(limit_s):
                    await call.established()
            except UaError as error:
                raise Unmet(failure_of(error, expected=expected, where=self.last_of(call))) from error
            except TimeoutError:
                raise Unmet(
                    Failure(
                        cause="no_answer",
                        expected=expected,
                        seen=f"after {limit_s:g} s the call is {call.state.value}",
                        where=self.last_of(call),
                    )
                ) from None

    async def status(self, call: Call, *codes: int, limit_s: float = 20.0) -> CallResult:
        """The call is refused with one of these codes."""
        others = f"{', '.join(map(str, codes[:-1]))} or " if len(codes) > 1 else ""
        expected = f"the call is refused with {others}{codes[-1]}"
        with self._course.step(f"waiting for: {expected}"):
            # Whoever answers has not refused, and may talk for long.
            answered = not await first(call.ended(), call.established(), pause(limit_s))
        if answered and call.state is CallState.ESTABLISHED:
            raise Unmet(
                Failure(
                    cause="answered",
                    expected=expected,
                    seen="the call was answered",
                    where=self.last_of(call),
                    advice=f"what is behind {call.remote_uri} at the peer? --extension names another number",
                )
            )
        result = await self._end(call, expected, 0.0)
        if result.sip_code not in codes and not (
            result.result is ResultCode.AUTHENTICATION and self._final(call) in codes
        ):
            failure = failure_of_result(result, expected=expected, where=self.last_of(call))
            if result.result is ResultCode.REJECTED:
                failure = replace(failure, cause="wrong_status")
            raise Unmet(failure)
        return result

    async def ended_by(self, call: Call, who: Literal["peer", "us"], *, limit_s: float = 20.0) -> CallResult:
        """The call ends, by a BYE of this side."""
        expected = f"the call is ended by {who}"
        result = await self._end(call, expected, limit_s)
        bye = next((each for each in self.messages_of(call) if each.is_a("BYE")), None)
        if bye is None or bye.sent is (who == "peer"):
            seen = "no BYE was seen" if bye is None else f"BYE was {'sent by us' if bye.sent else 'received'}"
            raise Unmet(Failure(cause="wrong_end", expected=expected, seen=seen, where=self.last_of(call)))
        return result

    async def digits(self, call: Call, digits: str, *, advice: str = "", limit_s: float = LIMIT_S) -> None:
        """The other side has pressed these keys, one after the other, since the call began."""
        await self.that(
            lambda: call.digits == digits,
            f"the peer sends the keys {digits}",
            lambda: f"the keys {call.digits} came" if call.digits else "no key came",
            cause="wrong_digits",
            advice=advice,
            limit_s=limit_s,
        )

    async def messages(
        self,
        *steps: str,
        call: Call | None = None,
        limit_s: float = LIMIT_S,
        cause: str = "missing_message",
        advice: str = "",
    ) -> list[WireMessage]:
        """These messages were sent and received in this order, others between them left out; gives them.

        Args:
            steps: "sent INVITE", "received 180", "received 2xx INVITE", "received BYE", ...
            call: those of this call alone.
            limit_s: how long.
            cause: of the failure where one is missing.
            advice: what to try then.
        """

        def found() -> tuple[list[WireMessage], str]:
            return find(self.messages_of(call), *steps)

        await self.that(
            lambda: not found()[1],
            f"messages: {', '.join(steps)}",
            lambda: (
                f"there was no message for {found()[1]!r}"
                + (f" after {found()[0][-1].place(self._course.started)}" if found()[0] else "")
            ),
            cause=cause,
            where=lambda: self.last_message() if call is None else self.last_of(call),
            advice=advice,
            limit_s=limit_s,
        )
        return found()[0]

    def failed_call(self, call: Call, result: CallResult) -> Failure:
        """The failure that the result of a call is."""
        return failure_of_result(
            result,
            expected=f"the call of {call.remote_uri} has media both ways and ends well",
            where=self.last_of(call),
        )

    # --- inside -------------------------------------------------------------------------------------------

    async def _end(self, call: Call, expected: str, limit_s: float) -> CallResult:
        with self._course.step(f"waiting for: {expected}"):
            try:
                async with asyncio.timeout(limit_s):
                    return await call.ended()
            except TimeoutError:
                seen = f"after {limit_s:g} s the call is {call.state.value}"
                raise Unmet(
                    Failure(cause="no_end", expected=expected, seen=seen, where=self.last_of(call))
                ) from None

    def _final(self, call: Call) -> int | None:
        """Status of the last response to the INVITE."""
        answers = [
            each.status for each in self.messages_of(call) if not each.sent and each.method == "INVITE"
        ]
        return answers[-1] if answers else None
