"""a=setup and a=connection (RFC 4145)."""

from __future__ import annotations

import itertools

import pytest

from sdp.attributes import connection_attr
from sdp.attributes.connection_attr import Agreement, ConnectionUse, Opener, Setup, TcpSetup
from sdp.syntax.parser import parse
from tests.sdp.bodies import crlf

NEW, EXISTING = ConnectionUse.NEW, ConnectionUse.EXISTING


def both(setup: Setup, connection: ConnectionUse = NEW) -> TcpSetup:
    return TcpSetup(setup=setup, connection=connection)


def read(*lines: str, session: str = "", is_answer: bool = False) -> tuple[TcpSetup, list[str]]:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]
    text = "\n".join([*head, *([session] if session else []), "m=audio 9 TCP/RTP/AVP 0", *lines])
    description = parse(crlf(text))
    value, remarks = connection_attr.read(description, description.media[0], is_answer=is_answer)
    return value, [remark.text for remark in remarks]


# RFC 4145 §4.1: offer -> {answer: who connects}
TABLE = {
    Setup.ACTIVE: {Setup.PASSIVE: Opener.OFFERER, Setup.HOLDCONN: Opener.NOBODY},
    Setup.PASSIVE: {Setup.ACTIVE: Opener.ANSWERER, Setup.HOLDCONN: Opener.NOBODY},
    Setup.ACTPASS: {
        Setup.ACTIVE: Opener.ANSWERER,
        Setup.PASSIVE: Opener.OFFERER,
        Setup.HOLDCONN: Opener.NOBODY,
    },
    Setup.HOLDCONN: {Setup.HOLDCONN: Opener.NOBODY},
}


@pytest.mark.req("4145-1", "4145-9", "ICETCP-4.5-7", "ICETCP-D05-5")
@pytest.mark.parametrize(("offer", "answer"), list(itertools.product(Setup, Setup)))
def test_answer_table(offer: Setup, answer: Setup) -> None:
    agreement = connection_attr.agree(both(offer), both(answer))
    opener = TABLE[offer].get(answer)
    assert agreement == (None if opener is None else Agreement(opener=opener, connection=NEW))


@pytest.mark.req("4145-3", "ICETCP-9.1-4")
@pytest.mark.parametrize(
    ("offer", "answer", "expected"),
    [
        (NEW, NEW, Agreement(opener=Opener.OFFERER, connection=NEW)),
        (EXISTING, EXISTING, Agreement(opener=Opener.NOBODY, connection=EXISTING)),
        (EXISTING, NEW, Agreement(opener=Opener.OFFERER, connection=NEW)),
        (NEW, EXISTING, None),
    ],
)
def test_connection_table(offer: ConnectionUse, answer: ConnectionUse, expected: Agreement | None) -> None:
    assert connection_attr.agree(both(Setup.ACTIVE, offer), both(Setup.PASSIVE, answer)) == expected


@pytest.mark.req("4145-3")
def test_setup_is_ignored_where_the_connection_stays() -> None:
    agreement = connection_attr.agree(both(Setup.ACTIVE, EXISTING), both(Setup.ACTIVE, EXISTING))
    assert agreement == Agreement(opener=Opener.NOBODY, connection=EXISTING)


@pytest.mark.req("4145-1", "ICETCP-4.5-7", "ICETCP-D05-5")
@pytest.mark.parametrize(("offer", "able", "setup"), [
    (Setup.ACTIVE, "dial listen", Setup.PASSIVE),
    (Setup.ACTIVE, "dial", Setup.HOLDCONN),
    (Setup.PASSIVE, "dial listen", Setup.ACTIVE),
    (Setup.PASSIVE, "listen", Setup.HOLDCONN),
    (Setup.ACTPASS, "dial listen", Setup.ACTIVE),
    (Setup.ACTPASS, "listen", Setup.PASSIVE),
    (Setup.ACTPASS, "", Setup.HOLDCONN),
    (Setup.HOLDCONN, "dial listen", Setup.HOLDCONN),
])  # fmt: skip
def test_own_answer(offer: Setup, able: str, setup: Setup) -> None:
    answer = connection_attr.answer_to(
        both(offer), can_dial="dial" in able, can_listen="listen" in able, has_connection=False
    )
    assert answer == both(setup)
    assert connection_attr.agree(both(offer), answer) is not None


@pytest.mark.req("4145-8", "4145-3")
@pytest.mark.parametrize(
    ("offer", "has_connection", "expected"),
    [(EXISTING, True, EXISTING), (EXISTING, False, NEW), (NEW, True, NEW), (NEW, False, NEW)],
)
def test_own_answer_about_the_connection(
    offer: ConnectionUse, has_connection: bool, expected: ConnectionUse
) -> None:
    answer = connection_attr.answer_to(
        both(Setup.ACTPASS, offer), can_dial=True, can_listen=True, has_connection=has_connection
    )
    assert answer.connection is expected


@pytest.mark.req("4145-5", "ICETCP-D05-4")
def test_defaults() -> None:
    assert read() == (both(Setup.ACTIVE), [])
    assert read(is_answer=True) == (both(Setup.PASSIVE), [])


@pytest.mark.req("4145-1", "4145-3")
def test_levels_and_case() -> None:
    assert read("a=setup:actpass", "a=connection:existing")[0] == both(Setup.ACTPASS, EXISTING)
    assert read(session="a=setup:holdconn")[0] == both(Setup.HOLDCONN)
    assert read(session="a=connection:existing")[0] == both(Setup.ACTIVE, EXISTING)
    assert read("a=setup:passive", session="a=setup:holdconn")[0] == both(Setup.PASSIVE)
    assert read("a=setup:Passive")[0] == both(Setup.PASSIVE)


def test_unknown_values_are_remarked_and_ignored() -> None:
    assert read("a=setup:both", "a=connection:old") == (
        both(Setup.ACTIVE),
        ["a=setup:both", "a=connection:old"],
    )
    assert read("a=setup") == (both(Setup.ACTIVE), ["a=setup"])


@pytest.mark.req("ICETCP-D05-2")
@pytest.mark.parametrize("name", ["active", "passive", "holdconn"])
def test_bare_attributes_of_the_2005_draft(name: str) -> None:
    assert read(f"a={name}", "a=existing") == (both(Setup(name)), [f"a={name}"])
    assert read(f"a={name}", "a=setup:actpass") == (both(Setup.ACTPASS), [])


@pytest.mark.req("4145-5")
def test_both_lines_are_written() -> None:
    lines = connection_attr.attributes(both(Setup.PASSIVE, EXISTING))
    assert [str(line) for line in lines] == ["a=setup:passive", "a=connection:existing"]
