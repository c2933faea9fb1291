"""`[calls]` of a configuration file: which calls are taken, and how they ring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ua.config.ice import STRICT
from ua.errors import ConfigurationError

AutoAnswerPolicy = Literal["never", "local", "always"]
"""Which calls are answered without a person: none, those of proved callers that ask for it, all."""

MOST_CALLS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsSettings:
    """`[calls]`: which calls we take.

    Attributes:
        max_calls: calls at a time, those that we placed and those that ring included; a call that comes on
            top of them is told that we are busy (486). A second call within them waits, ringing.
        do_not_disturb: callers are told that we are not available (480); calling out works.
        auto_answer: "local" answers at once who asks for it (Answer-Mode, Call-Info, Alert-Info) and has
            proved to know our password; "always" answers everybody.
        early_answer: where the caller has ICE, tell it our candidates while we ring, so that media flows as
            soon as we pick up.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    max_calls: int = 100
    do_not_disturb: bool = False
    auto_answer: AutoAnswerPolicy = "never"
    early_answer: bool = True


def check_calls(calls: CallsSettings) -> None:
    """Check what types cannot say; ConfigurationError names the key."""
    if not 1 <= calls.max_calls <= MOST_CALLS:
        raise ConfigurationError(f"calls.max_calls: {calls.max_calls} is not between 1 and {MOST_CALLS}")
