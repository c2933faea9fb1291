"""`--web`: the phone for browsers that our WebSocket server gives away."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ua.config.account import Account

_ADDRESS = re.compile(r"(?P<scheme>sips?):(?:[^@]*@)?(?P<host>\[[^\]]*\]|[^:;]+):(?P<port>\d+);transport=ws")


def with_web(account: Account, port: int | None) -> Account:
    """`account` with the page on this port, 0 for any; as it is without one."""
    if port is None:
        return account
    from ua.web.page import phone_page

    websocket = dataclasses.replace(account.websocket, page=phone_page())
    return dataclasses.replace(account, websocket=websocket, ws_port=port)


def pages(account: Account, addresses: Iterable[str]) -> list[str]:
    """Where a browser finds the page, by the SIP addresses of the phone.

    Without TLS and listening everywhere it is localhost: elsewhere browsers give no page the microphone.
    """
    if not account.websocket.page:
        return []
    found: list[str] = []
    for match in filter(None, map(_ADDRESS.fullmatch, addresses)):
        secure = match["scheme"] == "sips"
        host = match["host"]
        if not secure and account.listen_host.strip("[]") in ("0.0.0.0", "::"):  # noqa: S104 - compared only
            host = "localhost"
        found.append(f"{'https' if secure else 'http'}://{host}:{match['port']}{account.websocket.path}")
    return list(dict.fromkeys(found))
