"""Peers as TOML files, and the phones that come of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ua.config.account import Account
from ua.errors import ConfigurationError, UsageError
from ua.interop.accounts import account_at, changed
from ua.interop.need import ABILITIES, EXTENSIONS
from ua.interop.peer import Limit, Peer, PeerAccount
from ua.interop.peer_file import PeerSettings, at_address, find_peer, load_peer, shipped
from ua.interop.scenario import Scenario
from ua.interop.stage import Stage

WHOLE = """
title = "A PBX"
uri = "sip:192.0.2.1:5070"
domain = "example.com"
transports = ["tcp", "tls"]
offers = ["registrar", "sdes"]
ca_file = "ca.pem"
recordings = "heard"

[uris]
tls = "sip:192.0.2.1:5071"

[extensions]
echo = "600"
busy = "sip:nobody@192.0.2.9"

[phone]
codecs = ["PCMA"]
ptime_ms = 40

[[accounts]]
user = "1001"
password_env = "SECRET"

[[accounts]]
user = "1002"
auth_user = "second"
password_file = "password"

[[limits]]
scenarios = ["ice.*", "calls.echo"]
reason = "it has no ICE"
source = "its manual"
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


async def nothing(stage: Stage) -> None:
    """Does nothing."""


def named(name: str) -> Scenario:
    return Scenario(id=name, title="", rfc="", needs=frozenset(), run=nothing)


def test_all_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("two\n", encoding="utf-8")
    peer = load_peer(written(tmp_path, WHOLE), {"SECRET": "first-secret"})
    assert peer == Peer(
        name="mine",
        title="A PBX",
        uri="sip:192.0.2.1:5070",
        domain="example.com",
        uris={"tls": "sip:192.0.2.1:5071"},
        transports=("tcp", "tls"),
        accounts=(
            PeerAccount(user="1001", auth_user="1001", password="first-secret"),
            PeerAccount(user="1002", auth_user="second", password="two"),
        ),
        extensions={"echo": "600", "busy": "sip:nobody@192.0.2.9"},
        abilities=frozenset({"registrar", "sdes"}),
        limits=(
            Limit(scenarios=("ice.*", "calls.echo"), reason="it has no ICE", source="its manual"),
        ),
        ca_file=tmp_path / "ca.pem",
        recordings=tmp_path / "heard",
        phone={"codecs": ["PCMA"], "ptime_ms": 40},
    )  # fmt: skip
    assert "first-secret" not in repr(peer)
    assert peer.offers == {
        "registrar", "sdes", "echo", "busy", "tcp", "tls", "account", "second_account", "recordings",
    }  # fmt: skip
    assert [each.reason for name in ("ice.full", "calls.echo") if (each := peer.limit_of(named(name)))] == [
        "it has no ICE"
    ] * 2
    assert peer.limit_of(named("calls.busy")) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "title"),
        ("title = ", "TOML"),
        ('title = "x"\nuri = "http://pbx.example"', "begin with sip"),
        ('title = "x"\ntransport = ["udp"]', "transports"),
        ('title = "x"\ntransports = ["sctp"]', "transports.0"),
        ('title = "x"\ntransports = []', "empty"),
        ('title = "x"\noffers = ["telepathy"]', "offers.0"),
        ('title = "x"\n[extensions]\necho = 600', "extensions.echo"),
        ('title = "x"\n[extensions]\nehco = "600"', "extensions.ehco"),
        ('title = "x"\n[phone]\nbells = 3', "bells"),
        ('title = "x"\n[[limits]]\nscenarios = ["a.b"]\nreason = "no"', "source"),
        ('title = "x"\n[[accounts]]\nuser = "1"\npassword = "no"', "password"),
        ('title = "x"\n[[accounts]]\nuser = "1"\npassword_env = "NOT_THERE"', "NOT_THERE"),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_the_file(tmp_path: Path, text: str, what: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_peer(file, {})
    assert what in caught.value.what
    assert str(file) in caught.value.seen


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_peer(tmp_path / "none.toml", {})
    with pytest.raises(UsageError, match="no peer"):
        find_peer(str(tmp_path / "none.toml"), {})


def test_accounts_that_are_not_asked_for_need_no_password(tmp_path: Path) -> None:
    assert load_peer(written(tmp_path, WHOLE), {}, with_accounts=False).accounts == ()


@pytest.mark.parametrize("name", shipped())
def test_the_files_that_come_with_icephone_can_be_read(name: str) -> None:
    peer = load_peer(shipped()[name], {}, with_accounts=False)
    assert peer.title
    for limit in peer.limits:
        assert limit.reason
        assert limit.source


@pytest.mark.parametrize(
    ("uri", "name", "place", "transports"),
    [
        ("sip:pbx.example", "pbx.example", "sip:pbx.example", ("udp", "tcp")),
        ("sip:alice@pbx.example:5070;transport=tcp", "pbx.example", "sip:pbx.example:5070", ("tcp",)),
        ("sips:pbx.example", "pbx.example", "sips:pbx.example", ("tls",)),
        ("sip:[2001:db8::1]:5070", "2001:db8::1", "sip:[2001:db8::1]:5070", ("udp", "tcp")),
    ],
)
def test_an_address_is_a_peer(uri: str, name: str, place: str, transports: tuple[str, ...]) -> None:
    peer = find_peer(uri, {})
    assert (peer.name, peer.uri, peer.transports) == (name, place, transports)


# --- accounts -----------------------------------------------------------------------------------------------


WHO = PeerAccount(user="1001", auth_user="alice", password="secret")


def plain(**changes: object) -> Peer:
    known: dict[str, object] = {"name": "x", "title": "x", "uri": "sip:pbx.example", "accounts": (WHO,)}
    return Peer(**(known | changes))  # type: ignore[arg-type]


def test_the_account_of_a_phone() -> None:
    account = account_at(plain(), WHO, Account())
    assert (account.uri, account.auth_user, account.password) == ("sip:1001@pbx.example", "alice", "secret")
    assert (account.registrar, account.proxy, account.transport) == ("sip:pbx.example", None, "udp")
    assert account.registration.instance.startswith("urn:uuid:")
    assert account == account_at(plain(), WHO, Account()), "the same phone each time"


def test_a_server_elsewhere_than_the_domain_is_a_proxy() -> None:
    peer = plain(uri="sip:192.0.2.1:5070", domain="example.com", uris={"tls": "sip:192.0.2.1:5071"})
    assert account_at(peer, WHO, Account()).proxy == "sip:192.0.2.1:5070;transport=udp"
    secure = account_at(peer, WHO, Account(), transport="tls")
    assert (secure.uri, secure.proxy, secure.transport) == (
        "sip:1001@example.com",
        "sip:192.0.2.1:5071;transport=tls",
        "tls",
    )


def test_settings_of_the_user_of_the_peer_and_of_the_scenario() -> None:
    base = changed(Account(), ptime_ms=30, dtx=True, session_expires_s=90)
    peer = plain(phone={"ptime_ms": 40, "codecs": ["PCMA", "PCMU"]})
    account = account_at(peer, WHO, base, codecs=("G722",), tcp_candidates="only")
    assert (account.media.ptime_ms, account.media.codecs, account.media.dtx) == (40, ("G722",), True)
    assert account.sip.session_expires_s == 90
    assert (account.ice.udp, account.ice.tcp) == (False, True)
    assert account_at(peer, WHO, base).media.codecs == ("PCMA", "PCMU")


def test_codecs_that_cost_little_unless_somebody_names_others() -> None:
    assert account_at(plain(), WHO, Account()).media.codecs == ("PCMU", "PCMA", "G722")
    kept = changed(Account(), keepalive="off", keepalive_s=3.0, recovery_s=0.5).registration
    assert (kept.keepalive, kept.keepalive_s, kept.recovery_s) == ("off", 3.0, 0.5)
    chosen = changed(Account(), codecs=("opus",))
    assert account_at(plain(), WHO, chosen).media.codecs == ("opus",)


def test_a_peer_on_loopback_gets_candidates_there() -> None:
    assert account_at(plain(uri="sip:127.0.0.1:5070"), WHO, Account()).ice.loopback
    assert not account_at(plain(), WHO, Account()).ice.loopback


def test_a_setting_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="bells"):
        changed(Account(), bells=3)
    with pytest.raises(TypeError, match="tcp_candidates"):
        changed(Account(), tcp_candidates="often")


def test_nobody_in_particular_calls_a_phone_directly() -> None:
    account = account_at(plain(accounts=()), None, Account())
    assert account.anonymous
    assert at_address(plain(), "sip:192.0.2.2").uri == "sip:192.0.2.2"


def test_the_example_names_every_key_and_every_ability(tmp_path: Path) -> None:
    _, _, text = shipped()["generic"].read_text(encoding="utf-8").partition("\n\n")
    whole = re.sub(r"(?m)^( *)# ", r"\1", text)
    (tmp_path / "ca.pem").touch()
    peer = load_peer(written(tmp_path, whole), {"PBX_PASSWORD": "secret"})
    assert peer.abilities == set(ABILITIES) - {"turn", "turn_tcp"}, "those are of the configuration"
    assert set(peer.extensions) == set(EXTENSIONS)
    for key in dataclasses.fields(PeerSettings):
        assert getattr(peer, {"offers": "abilities"}.get(key.name, key.name)), key.name
    assert (peer.accounts[0].password, len(peer.limits)) == ("secret", 1)
