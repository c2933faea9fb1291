"""Several accounts in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ua.config.test_config import refusal
from ua.config.account import Settings, account_from
from ua.config.accounts import chosen, names
from ua.config.file import load_settings, parse_settings, to_toml
from ua.errors import ConfigurationError

FILE = """
[account]
uri = "sip:alice@example.com"
[accounts.office]
uri = "sip:alice@office.example.com"
password_file = "office.txt"
[accounts."at home"]
uri = "sip:alice@home.example.com"
[calls]
max_calls = 3
"""


def test_one_account_stays_what_it_was() -> None:
    settings = parse_settings(b'[account]\nuri = "sip:alice@example.com"')
    assert names(settings) == ("account",)
    assert chosen(settings) == settings
    assert names(Settings()) == ()
    assert chosen(Settings()) == Settings()


def test_one_of_several_is_chosen_by_name_and_shares_the_rest(tmp_path: Path) -> None:
    (tmp_path / "office.txt").write_text("secret\n")
    (tmp_path / "phone.toml").write_text(FILE)
    settings = load_settings(tmp_path / "phone.toml")
    assert names(settings) == ("account", "office", "at home")
    office = account_from(chosen(settings, "office"), environ={})
    assert (office.uri, office.password, office.calls.max_calls) == (
        "sip:alice@office.example.com",
        "secret",
        3,
    )
    assert account_from(chosen(settings), environ={}).uri == "sip:alice@example.com"
    with pytest.raises(ConfigurationError, match="there is no account 'offise'") as error:
        chosen(settings, "offise")
    assert "account, office, at home" in error.value.hint


def test_without_a_default_the_first_is_taken() -> None:
    settings = parse_settings(
        b'[accounts.b]\nuri = "sip:b@example.com"\n[accounts.a]\nuri = "sip:a@example.com"'
    )
    assert chosen(settings).account.uri == "sip:b@example.com"


def test_what_is_shown_can_be_read_again() -> None:
    settings = parse_settings(FILE.encode())
    assert parse_settings(to_toml(settings).encode()) == settings
    hidden = parse_settings(b'[accounts.x]\nuri = "sip:alice:secret@example.com"')
    assert "secret" not in to_toml(hidden)


def test_a_fault_in_any_account_is_told(tmp_path: Path) -> None:
    assert refusal("[accounts.office]\nuser = 'x'") == (
        "accounts.office.user: unknown key; did you mean 'auth_user'?"
    )
    path = tmp_path / "phone.toml"
    path.write_text(FILE + "[accounts.third]\nuri = " + json.dumps("sip:nobody"))
    with pytest.raises(ConfigurationError, match=r"accounts\.third\.uri"):
        load_settings(path)
    assert refusal("[calls]\nauto_answer = 'yes'").startswith("calls.auto_answer: should be 'never'")
