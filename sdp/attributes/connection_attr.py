"""a=setup and a=connection of connection-oriented media (RFC 4145), with the answer table as data.

They say who opens the TCP connection of an m= line whose default transport is TCP. With DTLS the same
a=setup names the DTLS role instead (RFC 5763 §5); that meaning is not handled here.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar, assert_never

from sdp.diagnostics import Diagnostic
from sdp.syntax.model import Attribute, Media, SessionDescription

_E = TypeVar("_E", bound=enum.StrEnum)


class Setup(enum.StrEnum):
    """The end that opens the connection (RFC 4145 §4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


class ConnectionUse(enum.StrEnum):
    """Whether a new connection is wanted (RFC 4145 §5)."""

    NEW = "new"
    EXISTING = "existing"


class Opener(enum.StrEnum):
    """Who connects after the exchange."""

    OFFERER = "offerer"
    ANSWERER = "answerer"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSetup:
    """Both attributes of one side."""

    setup: Setup
    connection: ConnectionUse


# RFC 4145 §4.1: what an answer may say to an offer; best first.
SETUP_ANSWERS: Mapping[Setup, tuple[Setup, ...]] = MappingProxyType(
    {
        Setup.ACTIVE: (Setup.PASSIVE, Setup.HOLDCONN),
        Setup.PASSIVE: (Setup.ACTIVE, Setup.HOLDCONN),
        Setup.ACTPASS: (Setup.ACTIVE, Setup.PASSIVE, Setup.HOLDCONN),
        Setup.HOLDCONN: (Setup.HOLDCONN,),
    }
)

# RFC 4145 §4, §4.1: (offer, answer) -> who connects.
OPENERS: Mapping[tuple[Setup, Setup], Opener] = MappingProxyType(
    {
        (Setup.ACTIVE, Setup.PASSIVE): Opener.OFFERER,
        (Setup.ACTIVE, Setup.HOLDCONN): Opener.NOBODY,
        (Setup.PASSIVE, Setup.ACTIVE): Opener.ANSWERER,
        (Setup.PASSIVE, Setup.HOLDCONN): Opener.NOBODY,
        (Setup.ACTPASS, Setup.ACTIVE): Opener.ANSWERER,
        (Setup.ACTPASS, Setup.PASSIVE): Opener.OFFERER,
        (Setup.ACTPASS, Setup.HOLDCONN): Opener.NOBODY,
        (Setup.HOLDCONN, Setup.HOLDCONN): Opener.NOBODY,
    }
)

# RFC 4145 §5.1: (offer, answer) -> the connection that is used; an answer "existing" to "new" is illegal.
CONNECTIONS: Mapping[tuple[ConnectionUse, ConnectionUse], ConnectionUse] = MappingProxyType(
    {
        (ConnectionUse.NEW, ConnectionUse.NEW): ConnectionUse.NEW,
        (ConnectionUse.EXISTING, ConnectionUse.EXISTING): ConnectionUse.EXISTING,
        (ConnectionUse.EXISTING, ConnectionUse.NEW): ConnectionUse.NEW,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What offer and answer come to.

    Attributes:
        opener: who opens a connection; NOBODY where the existing one is kept.
        connection: NEW replaces any older connection, EXISTING keeps it.
    """

    opener: Opener
    connection: ConnectionUse


def agree(offer: TcpSetup, answer: TcpSetup) -> Agreement | None:
    """The result of an exchange, None where the answer is not allowed (RFC 4145 §4.1, §5.1)."""
    connection = CONNECTIONS.get((offer.connection, answer.connection))
    if connection is ConnectionUse.EXISTING:
        # RFC 4145 §5.1: the setup of this exchange is ignored.
        return Agreement(opener=Opener.NOBODY, connection=connection)
    opener = OPENERS.get((offer.setup, answer.setup))
    if connection is None or opener is None:
        return None
    return Agreement(opener=opener, connection=connection)


class Step(enum.StrEnum):
    """What one side has to do about the connection once offer and answer are exchanged."""

    CONNECT = "connect"
    ACCEPT = "accept"
    KEEP = "keep"
    NOTHING = "nothing"


def step(agreement: Agreement, *, we_offered: bool) -> Step:
    """What an agreement asks of us; CONNECT, ACCEPT and NOTHING end any older connection (RFC 4145 §5.2)."""
    if agreement.connection is ConnectionUse.EXISTING:
        return Step.KEEP
    match agreement.opener:
        case Opener.OFFERER:
            return Step.CONNECT if we_offered else Step.ACCEPT
        case Opener.ANSWERER:
            return Step.ACCEPT if we_offered else Step.CONNECT
        case Opener.NOBODY:
            return Step.NOTHING
        case _:
            assert_never(agreement.opener)


def answer_to(offer: TcpSetup, *, can_dial: bool, can_listen: bool, has_connection: bool) -> TcpSetup:
    """The answer to `offer` by what this side is able to do (RFC 4145 §4.1, §5.1, §5.2).

    Args:
        offer: what the offer says.
        can_dial: this side is able to connect out.
        can_listen: this side accepts connections.
        has_connection: a connection is open; without one "existing" is answered with "new".
    """
    able = {Setup.ACTIVE: can_dial, Setup.PASSIVE: can_listen, Setup.HOLDCONN: True, Setup.ACTPASS: False}
    setup = next(setup for setup in SETUP_ANSWERS[offer.setup] if able[setup])
    keep = offer.connection is ConnectionUse.EXISTING and has_connection
    return TcpSetup(setup=setup, connection=ConnectionUse.EXISTING if keep else ConnectionUse.NEW)


# Bare attributes of the 2005 draft (draft-rosenberg-mmusic-ice-tcp-00), read where the real ones are missing.
_BARE_SETUP = {"active": Setup.ACTIVE, "passive": Setup.PASSIVE, "holdconn": Setup.HOLDCONN}


def read(
    session: SessionDescription, media: Media, *, is_answer: bool
) -> tuple[TcpSetup, tuple[Diagnostic, ...]]:
    """The attributes of one m= section, with the defaults of RFC 4145 §4.1 and §5.1.

    Absent, setup is active in an offer and passive in an answer, and connection is new. A media-level
    value wins over the session level.
    """
    diagnostics: list[Diagnostic] = []
    setup = _first(Setup, "setup", session, media, diagnostics) or _bare(media, diagnostics)
    connection = _first(ConnectionUse, "connection", session, media, diagnostics)
    default = Setup.PASSIVE if is_answer else Setup.ACTIVE
    return TcpSetup(setup=setup or default, connection=connection or ConnectionUse.NEW), tuple(diagnostics)


def _first(
    kind: type[_E], name: str, session: SessionDescription, media: Media, diagnostics: list[Diagnostic]
) -> _E | None:
    for attribute in (*media.all(name), *session.all(name)):
        try:
            return kind((attribute.value or "").strip(" ").lower())
        except ValueError:
            diagnostics.append(attribute.diagnostic(f"a={name} has an unknown value; ignored"))
    return None


def _bare(media: Media, diagnostics: list[Diagnostic]) -> Setup | None:
    for attribute in media.attributes:
        if attribute.value is None and attribute.name in _BARE_SETUP:
            diagnostics.append(attribute.diagnostic("a bare attribute of an old draft, read as a=setup"))
            return _BARE_SETUP[attribute.name]
    return None


def attributes(value: TcpSetup) -> tuple[Attribute, ...]:
    """The two lines; both are always written (RFC 4145 §4.1, §5.1)."""
    return (
        Attribute(name="setup", value=value.setup.value),
        Attribute(name="connection", value=value.connection.value),
    )
