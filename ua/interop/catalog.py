"""All scenarios there are, in order, and those that words mean."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from ua.errors import UsageError
from ua.interop import scenarios
from ua.interop.scenario import Scenario

SUITES: Final = ("registration", "calls", "media", "dtmf", "features", "security", "ice", "network")
"""The suites, in the order in which they run."""

BASIC: Final = "basic"
ALL: Final = "all"


@functools.cache
def all_scenarios() -> tuple[Scenario, ...]:
    """Those of every module of `ua.interop.scenarios`: by suite, then by module, then as they stand there."""
    found: list[Scenario] = []
    for module in sorted(pkgutil.iter_modules(scenarios.__path__), key=lambda each: each.name):
        content = vars(importlib.import_module(f"{scenarios.__name__}.{module.name}"))
        found += (value for value in content.values() if isinstance(value, Scenario))
    return tuple(sorted(dict.fromkeys(found), key=lambda each: SUITES.index(each.suite)))


def select(words: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that `words` mean, each once: ids, suites, patterns such as "calls.*", "basic", "all".

    Without words all of them.

    Raises:
        UsageError: a word means none.
    """
    known = all_scenarios()
    chosen: set[str] = set()
    for word in words or (ALL,):
        meant = {each.id for each in known if _is_meant(each, word)}
        if not meant:
            raise _unknown(word, known)
        chosen |= meant
    return tuple(each for each in known if each.id in chosen)


def _is_meant(each: Scenario, word: str) -> bool:
    if word == ALL or (word == BASIC and each.basic):
        return True
    return word == each.suite or fnmatchcase(each.id, word)


def _unknown(word: str, known: Sequence[Scenario]) -> UsageError:
    suites = [suite for suite in SUITES if any(each.suite == suite for each in known)]
    names = [each.id for each in known] + suites + [BASIC, ALL]
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"suites are {', '.join(suites)}"
    return UsageError(
        f"there is no scenario or suite {word!r}", hint=f"{hint}; 'icephone test list' shows them"
    )
