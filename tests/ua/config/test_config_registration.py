"""Outbound proxies, the name of the phone and keep-alives in the configuration file."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from ua.config.account import Account, account_from
from ua.config.file import load_settings
from ua.config.instance import instance_urn, state_path
from ua.errors import ConfigurationError


def account(tmp_path: Path, text: str) -> Account:
    file = tmp_path / "account.toml"
    file.write_text(f'[account]\nuri = "sip:alice@example.com"\n{text}\n', encoding="utf-8")
    return account_from(load_settings(file), environ={})


def test_one_proxy_or_several(tmp_path: Path) -> None:
    assert account(tmp_path, "").proxy is None
    one = account(tmp_path, 'proxy = "sip:a.example.com"')
    assert (one.proxy, one.registration.backup_proxies) == ("sip:a.example.com", ())
    two = account(tmp_path, 'proxy = ["sip:a.example.com", "sip:b.example.com;transport=tcp"]')
    assert two.proxy == "sip:a.example.com"
    assert two.registration.backup_proxies == ("sip:b.example.com;transport=tcp",)


def test_keep_alives_and_recovery(tmp_path: Path) -> None:
    text = 'instance = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"\n'
    text += '[sip]\nkeepalive = "always"\nkeepalive_s = 20\nrecovery_s = 30'
    policy = account(tmp_path, text).registration
    assert policy.instance.endswith("6bf6")
    assert (policy.keepalive, policy.keepalive_s, policy.recovery_s) == ("always", 20.0, 30.0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("proxy = []", "account.proxy"),
        ('proxy = ["sip:a", "sip:b", "sip:c", "sip:d", "sip:e"]', "account.proxy"),
        ('proxy = ["sip:a", "http://b"]', "account.proxy"),
        ('instance = "me"', "account.instance"),
        ('instance = "urn:uuid:<x>"', "account.instance"),
        ("[sip]\nkeepalive_s = 4000", "sip.keepalive_s"),
        ("[sip]\nrecovery_s = 0", "sip.recovery_s"),
        ("[sip]\nrequests_per_s = 9", "sip.requests_per_s"),
        ('[sip]\nkeepalive = "yes"', "sip.keepalive"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=key.replace(".", r"\.")):
        account(tmp_path, text)


@pytest.mark.req("TRN-4")
def test_the_name_of_the_phone_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "icephone" / "instance"
    first = instance_urn(path)
    assert uuid.UUID(first.removeprefix("urn:uuid:")).version == 4
    assert instance_urn(path) == first
    assert [each.name for each in path.parent.iterdir()] == ["instance"]
    path.write_text("damaged", encoding="ascii")
    again = instance_urn(path)
    assert again != first
    assert instance_urn(path) == again


@pytest.mark.req("TRN-4")
def test_where_nothing_can_be_written_the_name_is_still_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    path = tmp_path / "file" / "instance"
    assert instance_urn(path) == instance_urn(path)
    assert instance_urn(path) != instance_urn(path / "another")


@pytest.mark.parametrize(
    ("platform", "environ", "place"),
    [
        ("linux", {"HOME": "/h/a"}, "/h/a/.local/state/icephone/instance"),
        ("linux", {"HOME": "/h/a", "XDG_STATE_HOME": "/x"}, "/x/icephone/instance"),
        ("linux", {"HOME": "/h/a", "XDG_STATE_HOME": "x"}, "/h/a/.local/state/icephone/instance"),
        ("darwin", {"HOME": "/u/a"}, "/u/a/Library/Application Support/icephone/instance"),
        ("win32", {"HOME": "/a", "LOCALAPPDATA": "/local"}, "/local/icephone/instance"),
    ],
)
def test_where_it_is_kept(platform: str, environ: dict[str, str], place: str) -> None:
    assert state_path(environ, platform).as_posix() == place
