"""The accounts of our phones: those of the peer, with the settings that a scenario asks for (core)."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any, Final, get_args

from ua.config.account import Account
from ua.config.ice import TcpCandidates, with_tcp_candidates
from ua.config.media import DEFAULT_CODECS, CodecName
from ua.config.sip_uri import is_loopback, split_sip_uri
from ua.interop.peer import Peer, PeerAccount
from ua.sip.transport.hop import SipTransport

USUAL_CODECS: Final[tuple[CodecName, ...]] = ("PCMU", "PCMA", "G722")
"""Where neither the user nor the scenario names others: everybody has the first, which costs least.

Several calls run at a time, and a machine that is late spoils what is judged. Opus has its own scenarios.
"""

SECTIONS: Final = ("registration", "media", "sip", "calls", "ice")
"""Parts of an account whose settings may be named without them; the first that has one gets it.

How a registration is kept up stands in `[sip]` of a file too, and a phone looks at the account's own part.
"""


def account_at(
    peer: Peer,
    who: PeerAccount | None,
    base: Account,
    *,
    transport: SipTransport | None = None,
    **changes: Any,
) -> Account:
    """The account of a phone at `peer`.

    Args:
        peer: where.
        who: as whom; None for nobody in particular.
        base: settings of the user: ICE, TLS, media.
        transport: of its SIP; None for that which the peer has first.
        changes: further settings, see `changed`; they come after those of the peer.
    """
    chosen = transport or peer.phone.get("transport") or peer.transports[0]
    server = split_sip_uri(peer.server(chosen))
    secure = "s" if split_sip_uri(peer.uri).secure else ""
    account = base if base.media.codecs != DEFAULT_CODECS else changed(base, codecs=USUAL_CODECS)
    if who is not None:
        account = dataclasses.replace(
            account,
            uri=peer.address(who.user),
            auth_user=who.auth_user,
            password=who.password,
            registrar=f"sip{secure}:{peer.home}",
        )
        instance = uuid.uuid5(uuid.NAMESPACE_URL, account.uri).urn
        account = changed(account, instance=instance)
    host = f"[{server.host}]" if ":" in server.host else server.host
    place = host if server.port is None else f"{host}:{server.port}"
    if place != peer.home:
        account = dataclasses.replace(account, proxy=f"sip{secure}:{place};transport={chosen}")
    if is_loopback(server.host):
        account = changed(account, loopback=True)
    if peer.ca_file is not None:
        account = dataclasses.replace(account, tls=dataclasses.replace(account.tls, ca_file=peer.ca_file))
    settings = {key: value for key, value in peer.phone.items() if key != "transport"}
    return changed(dataclasses.replace(account, transport=chosen), **{**settings, **changes})


def changed(account: Account, **changes: Any) -> Account:
    """`account` with other settings, its own or those of its sections, by name.

    `tcp_candidates` is "auto", "never" or "only", as in a configuration file.

    Raises:
        TypeError: there is no such setting.
    """
    candidates: TcpCandidates | None = changes.pop("tcp_candidates", None)
    if candidates is not None:
        if candidates not in get_args(TcpCandidates):
            raise TypeError(f"tcp_candidates: {candidates!r} is none of {get_args(TcpCandidates)}")
        account = dataclasses.replace(account, ice=with_tcp_candidates(account.ice, candidates))
    for section in SECTIONS:
        before = getattr(account, section)
        values = _taken(before, changes, but=_names(account))
        if values:
            account = dataclasses.replace(account, **{section: dataclasses.replace(before, **values)})
    values = _taken(account, changes)
    if changes:
        raise TypeError(f"a phone has no settings {', '.join(sorted(changes))}")
    return dataclasses.replace(account, **values)


def _taken(section: Any, changes: dict[str, Any], but: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """The changes that are of `section`; they are taken out of `changes`. Lists of a file become tuples."""
    mine = [name for name in changes if name in _names(section) - but]
    return {name: tuple(value) if isinstance(value := changes.pop(name), list) else value for name in mine}


def _names(section: Any) -> frozenset[str]:
    return frozenset(each.name for each in dataclasses.fields(section))
