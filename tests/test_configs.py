"""The files of `configs`, as far as they can be looked at without the programs that they are for."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ua.config.account import account_from
from ua.config.file import load_settings
from ua.config.pbx import USERS_VARIABLE, pbx_config
from ua.interop.catalog import all_scenarios
from ua.interop.peer_file import load_peer
from ua.pbx.extensions import NUMBERS

FOLDER = Path(__file__).parents[1] / "configs"
ACCOUNTS = sorted([*FOLDER.glob("*.toml"), *FOLDER.glob("accounts/*.toml")])
XML = sorted(FOLDER.glob("pbx/freeswitch/*/*.xml"))
PEERS = sorted(FOLDER.glob("peers/*.toml"))
USERS = ("1001", "1002", "1003")


def read(*path: str) -> str:
    return FOLDER.joinpath("pbx", *path).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ACCOUNTS, ids=lambda file: file.name)
def test_accounts_can_be_used_as_they_stand(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    copy = tmp_path / file.name
    copy.write_text(text, encoding="utf-8")
    for name in re.findall(r'^password_file = "(.+?)"', text, re.MULTILINE):
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
    secrets = dict.fromkeys(re.findall(r'^password_env = "(\w+)"', text, re.MULTILINE), "secret")
    assert account_from(load_settings(copy), environ=secrets).uri.startswith("sip")


def test_our_own_pbx_starts_with_its_file() -> None:
    settings = load_settings(FOLDER / "pbx" / "icephone.toml")
    assert settings.media.dtx
    assert settings.media.srtp_over_plain_sip
    assert pbx_config(settings.pbx, {USERS_VARIABLE: "1001:change-me-1001"}).domain == "localhost"


@pytest.mark.parametrize("file", XML, ids=lambda file: file.name)
def test_freeswitch_can_read_its_files(file: Path) -> None:
    ElementTree.parse(file)


def test_every_pbx_has_the_same_numbers_and_users() -> None:
    asterisk = read("asterisk", "extensions.conf"), read("asterisk", "pjsip.conf")
    freeswitch = read("freeswitch", "dialplan", "default.xml"), read("freeswitch", "directory", "default.xml")
    assert set(re.findall(r"^exten => (\d+),1,", asterisk[0], re.MULTILINE)) == set(NUMBERS)
    assert set(re.findall(r'expression="\^(\d+)\$"', freeswitch[0])) == set(NUMBERS)
    kamailio = read("kamailio", "kamailio.cfg")
    assert '$rU =~ "^60[0-9]$"' in kamailio
    for user in USERS:
        assert f"change-me-{user}" in asterisk[1]
        assert f'<user id="{user}">' in freeswitch[1]
        assert f'$sht(users=>{user}) = "change-me-{user}";' in kamailio
    told = re.findall(r"^\| (6\d\d) \|", read("README.md"), re.MULTILINE)
    assert told == sorted(NUMBERS)


def test_what_was_not_run_says_so() -> None:
    for file in (*FOLDER.glob("pbx/asterisk/*"), *XML):
        assert "NOT RUN BY ICEPHONE'S TESTS" in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize("file", PEERS, ids=lambda file: file.stem)
def test_peers_can_be_read_and_their_limits_are_about_something(file: Path) -> None:
    peer = load_peer(file, {})
    ids = [each.id for each in all_scenarios()]
    for limit in peer.limits:
        for pattern in limit.scenarios:
            assert fnmatch.filter(ids, pattern), f"no scenario is called {pattern}"
        assert limit.reason.endswith("."), "a sentence"
        assert re.search(r"https?://|^measured with |^docs/", limit.source), limit.source


def test_peers_with_numbers_have_those_of_the_pbx_configurations() -> None:
    for name in ("icephone", "asterisk", "freeswitch", "kamailio", "kamailio-rtpengine"):
        extensions = dict(load_peer(FOLDER / "peers" / f"{name}.toml", {}).extensions)
        assert extensions.pop("no_such_number") not in NUMBERS
        assert sorted(extensions.values()) == sorted(NUMBERS)
