"""What a process holds and has spent: for both benchmarks of calls."""

from __future__ import annotations

import gc
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the process holds after so many calls, while none runs.

    Attributes:
        calls: so far.
        rss_kb: memory of the process; 0 where the system does not tell.
        objects: that the garbage collector knows.
    """

    calls: int
    rss_kb: int
    objects: int

    @classmethod
    def after(cls, calls: int) -> Memory:
        """Look at this process."""
        if sys.version_info < (3, 13):
            # It keeps some thousand names of attributes that C code asked for: no leak.
            sys._clear_type_cache()
        gc.collect()
        return cls(calls=calls, rss_kb=rss_kb(), objects=len(gc.get_objects()))


def rss_kb() -> int:
    """Memory of this process in kB; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024 if statm.exists() else 0


def cpu_s() -> float:
    """Seconds of CPU that this process has used, its children left out."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
