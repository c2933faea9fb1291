"""What reading and writing a SIP message costs: our door against the two libraries that were compared.

Run it with ``python -m tests.bench.sip_parse [--json] [--repeat N]``. The work is the same for each: parse an
INVITE with SDP, look at Via, From, To, CSeq, Call-ID and Contact, write it again. The ratio to the bare
library holds on any machine. sipmessage is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosipua

from ua.sip.syntax.wire_format import parse, serialise

INVITE = (Path(__file__).parents[1] / "vectors" / "sip" / "peers" / "baresip_invite.dat").read_bytes()
_LOOPS = 500


def door() -> bytes:
    """Our door."""
    message = parse(INVITE)
    _ = message.via.branch, message.from_, message.to, message.cseq, message.call_id, message.contacts
    return serialise(message)


def bare_aiosipua() -> bytes:
    """The library behind it."""
    message = aiosipua.SipMessage.parse(INVITE)
    _ = (
        message.via[0].branch,
        message.from_addr,
        message.to_addr,
        message.cseq,
        message.call_id,
        message.contact,
    )
    return bytes(message)


def bare_sipmessage() -> Callable[[], bytes] | None:
    """The library that was not chosen, None where it is not installed."""
    try:
        library: Any = importlib.import_module("sipmessage")
    except ImportError:
        return None

    def work() -> bytes:
        message = library.Message.parse(INVITE)
        _ = message.via[0].parameters["branch"], message.from_address, message.to_address, message.cseq
        _ = message.call_id, message.contact
        return bytes(message)

    return work


def measure(repeat: int) -> dict[str, float]:
    """Microseconds for each, the best of `repeat` rounds, the rounds of all interleaved."""
    works: dict[str, Callable[[], bytes]] = {"door": door, "aiosipua": bare_aiosipua}
    other = bare_sipmessage()
    if other is not None:
        works["sipmessage"] = other
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeat):
        for name, work in works.items():
            best[name] = min(best[name], timeit.timeit(work, number=_LOOPS) / _LOOPS * 1e6)
    return best


def main(arguments: list[str] | None = None) -> int:
    """Print the table or one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object")
    options.add_argument("--repeat", type=int, default=7, help="rounds, the best counts")
    chosen = options.parse_args(arguments)
    best = measure(chosen.repeat)
    base = best["aiosipua"]
    if chosen.json:
        figures = {name: {"us": round(us, 1), "ratio": round(us / base, 2)} for name, us in best.items()}
        print(json.dumps({"schema": 1, "bytes": len(INVITE), "figures": figures}))
    else:
        print(f"{'':12}{'µs':>8}{'ratio':>8}")
        for name, us in best.items():
            print(f"{name:12}{us:8.1f}{us / base:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
