"""Configuration: defaults, what is refused and how, where the password comes from."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.gathering.servers import StunServer
from ua.config.account import (
    ANONYMOUS_URI,
    AccountSettings,
    Settings,
    account_from,
)
from ua.config.file import default_path, find_config, load_settings, parse_settings, to_json, to_toml
from ua.config.ice import IceSettings
from ua.config.media import MediaSettings
from ua.config.sip import SipSettings
from ua.config.sip_uri import split_listen, split_sip_uri
from ua.errors import ConfigurationError

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[3] / "configs").rglob("*.toml")
    if path.parent.name != "peers"  # descriptions of what is tested are another matter
)


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(text.encode())
    return str(caught.value)


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse_settings(b"") == Settings()


def test_values_are_read() -> None:
    settings = parse_settings(
        b'[account]\nuri = "sip:alice@example.com"\ntransport = "tcp"\n'
        b'[ice]\ntcp = false\ninterfaces = ["eth0"]\n[media]\ncodecs = ["PCMA"]\n'
    )
    assert settings.account.transport == "tcp"
    assert settings.ice == IceSettings(tcp=False, interfaces=("eth0",))
    assert settings.media.codecs == ("PCMA",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[account]\npasswrd = 'x'", "account.passwrd: unknown key; did you mean 'password_file'?"),
        ("[account]\npassword = 'x'", "account.password: unknown key; did you mean 'password_file'?"),
        ("[account]\nusername = 'x'", "account.username: unknown key; did you mean 'auth_user'?"),
        ("[acount]\nuri = 'x'", "acount: unknown key; did you mean 'account'?"),
        ("[ice]\npacing = 5", "ice.pacing: unknown key; did you mean 'pacing_ms'?"),
        (
            "[media]\nzzz = 5",
            (
                "media.zzz: unknown key; known here: codecs, ptime_ms, dtx, transport, setup, dscp, dtmf, "
                "srtp, srtp_suites, srtp_over_plain_sip, rtcp_mux, rtcp_xr, audio_level, circuit_breaker"
            ),
        ),
        ("account = 3", "account: should be a section, written [account]"),
        (
            "[media]\ncodecs = ['G729']",
            (
                "media.codecs.0: should be 'opus', 'G722', 'PCMU', 'PCMA', 'L16/8000', 'L16/16000', "
                "'L16/44100' or 'L16/48000', not \"G729\""
            ),
        ),
        (
            "[account]\ntransport = 'sctp'",
            "account.transport: should be 'udp', 'tcp', 'tls', 'ws' or 'wss', not \"sctp\"",
        ),
        (
            "[ice]\nturn_pasword_env = 'X'",
            "ice.turn_pasword_env: unknown key; did you mean 'turn_password_env'?",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_path(text: str, message: str) -> None:
    assert refusal(text) == message


def test_text_that_is_no_toml_is_refused_with_its_line() -> None:
    assert "line 2" in refusal("[account]\nuri = sip:alice")
    with pytest.raises(ConfigurationError, match="byte 1 of the configuration is not UTF-8"):
        parse_settings(b"a\xff")


def test_the_value_of_a_password_is_not_repeated() -> None:
    assert "hunter2" not in refusal("[account]\npassword_file = ['hunter2']")
    assert "hunter2" not in refusal("[account]\npassword = 'hunter2'")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (Settings(account=AccountSettings(uri="alice")), "account.uri"),
        (Settings(account=AccountSettings(uri="sip:example.com")), "account.uri"),
        (Settings(account=AccountSettings(proxy="http://a.b")), "account.proxy"),
        (Settings(account=AccountSettings(expires_s=5)), "account.expires_s"),
        (Settings(sip=SipSettings(listen="a:b:c")), "sip.listen"),
        (Settings(ice=IceSettings(pacing_ms=1)), "ice.pacing_ms"),
        (Settings(ice=IceSettings(udp=False, tcp=False)), "ice.tcp"),
        (Settings(ice=IceSettings(stun=("stun:192.0.2.1", "stun://h"))), "ice.stun.1"),
        (Settings(ice=IceSettings(stun=("stuns:192.0.2.1",))), "ice.stun.0"),
        (Settings(ice=IceSettings(turn=("turn:alice:secret@192.0.2.1",))), "ice.turn.0"),
        (Settings(ice=IceSettings(turn=("turns:h?transport=udp",))), "ice.turn.0"),
        (Settings(ice=IceSettings(turn=("turns:192.0.2.1",))), "ice.turn.0"),
        (Settings(ice=IceSettings(turn=("turn:h",), turn_user="alice")), "ice.turn_user"),
        (
            Settings(ice=IceSettings(turn=("turn:h",), turn_user="a", turn_password_env="SECRET")),
            "ice.turn_password_env",
        ),
        (
            Settings(ice=IceSettings(turn_password_env="A", turn_password_file=Path("b"))),
            "ice.turn_password_env",
        ),
        (Settings(ice=IceSettings(relay_only=True)), "ice.relay_only"),
        (Settings(ice=IceSettings(lite=True, stun=("stun:192.0.2.1",))), "ice.lite"),
        (Settings(ice=IceSettings(lite=True, turn=("turn:192.0.2.1",), relay_only=True)), "ice.lite"),
        (Settings(ice=IceSettings(lite=True, port_mapping="pcp")), "ice.lite"),
        (Settings(ice=IceSettings(gather_timeout_ms=1)), "ice.gather_timeout_ms"),
        (Settings(ice=IceSettings(patience_ms=40000)), "ice.patience_ms"),
        (Settings(ice=IceSettings(silence_ms=100)), "ice.silence_ms"),
        (Settings(media=MediaSettings(ptime_ms=25)), "media.ptime_ms"),
        (Settings(media=MediaSettings(codecs=())), "media.codecs"),
        (Settings(media=MediaSettings(srtp_suites=())), "media.srtp_suites"),
        (Settings(media=MediaSettings(srtp_suites=("AEAD_AES_128_GCM",) * 2)), "media.srtp_suites"),
        (Settings(media=MediaSettings(codecs=("PCMU", "PCMU"))), "media.codecs"),
        (
            Settings(account=AccountSettings(password_env="A", password_file=Path("b"))),
            "account.password_env",
        ),
    ],
)
def test_impossible_values_are_refused_with_their_key(settings: Settings, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        account_from(settings, environ={})
    assert str(caught.value).startswith(f"{key}: ")


# --- the file ---------------------------------------------------------------------------------------------


def test_an_argument_goes_before_the_environment_and_that_before_the_default(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert default_path(environ) == tmp_path / "icephone" / "config.toml"
    assert find_config(None, environ) is None
    default = default_path(environ)
    default.parent.mkdir()
    default.write_text("")
    assert find_config(None, environ) == default
    named, other = tmp_path / "named.toml", tmp_path / "other.toml"
    named.write_text("")
    other.write_text("")
    environ["ICEPHONE_CONFIG"] = str(named)
    assert find_config(None, environ) == named
    assert find_config(other, environ) == other


def test_a_relative_xdg_folder_is_ignored() -> None:
    assert default_path({"XDG_CONFIG_HOME": "here", "HOME": "/h"}) == Path("/h/.config/icephone/config.toml")


@pytest.mark.parametrize("asked_by", ["--config", "ICEPHONE_CONFIG"])
def test_a_file_that_was_asked_for_must_be_there(asked_by: str, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.toml"
    argument = missing if asked_by == "--config" else None
    with pytest.raises(ConfigurationError) as caught:
        find_config(argument, {} if argument else {"ICEPHONE_CONFIG": str(missing)})
    assert str(missing) in caught.value.what
    assert asked_by in caught.value.seen


def test_errors_of_a_file_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[ice]\npacing_ms = 1\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file)
    assert str(file) in caught.value.seen
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(example: Path) -> None:
    settings = load_settings(example)
    without_secret = dataclasses.replace(settings.account, password_file=None, password_env=None)
    account_from(dataclasses.replace(settings, account=without_secret), environ={})


def test_the_example_of_an_account_names_every_key() -> None:
    text = next(path for path in EXAMPLES if path.name == "account.toml").read_text()
    for section in dataclasses.fields(Settings):
        if section.name == "accounts":
            assert "[accounts." in text  # with the keys of [account]
            continue
        lines = text.partition(f"\n[{section.name}]")[2].partition("\n[")[0].split("\n")
        for key in dataclasses.fields(getattr(Settings(), section.name)):
            told = [line for line in lines if line.startswith((f"{key.name} = ", f"# {key.name} = "))]
            # An outbound proxy, or several of them.
            assert len(told) == (2 if key.name == "proxy" else 1), key.name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_what_the_examples_propose_is_valid_too(example: Path) -> None:
    proposed: set[str] = set()
    lines = []
    for line in example.read_text().split("\n"):
        if line.removeprefix("# ").startswith("["):
            proposed = set()
            lines.append(line.removeprefix("# "))
            continue
        key = re.match("# ([a-z_]+) = ", line)
        if key is None or key[1] not in proposed:
            lines.append(line if key is None else line.removeprefix("# "))
        if key is not None:
            proposed.add(key[1])
    parse_settings("\n".join(lines).encode())  # raises where a key or a value is wrong


# --- STUN and TURN servers --------------------------------------------------------------------------------


@pytest.mark.req("STUN-40", "USE-8")
def test_servers_of_the_file_come_with_our_account_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open-sesame\n")
    file = tmp_path / "c.toml"
    file.write_text(
        '[ice]\nstun = ["stun:192.0.2.1", "stun:stun.example.com:3479"]\n'
        'turn = ["turn:192.0.2.2?transport=tcp", "turns:turn.example.com:443"]\n'
        'turn_user = "alice"\nturn_password_file = "secret"\nturn_ca_file = "ca.pem"\n'
        "relay_only = true\ngather_timeout_ms = 800\n"
    )
    ice = account_from(load_settings(file), environ={}).ice
    assert ice.stun_servers == (
        StunServer(host="192.0.2.1"),
        StunServer(host="stun.example.com", port=3479),
    )
    assert [(s.host, s.port, s.transport, s.username, s.password) for s in ice.turn_servers] == [
        ("192.0.2.2", 3478, "tcp", "alice", "open-sesame"),
        ("turn.example.com", 443, "tls", "alice", "open-sesame"),
    ]
    assert {server.ca_file for server in ice.turn_servers} == {tmp_path / "ca.pem"}
    assert (ice.relay_only, ice.gather_timeout_s) == (True, 0.8)
    assert "open-sesame" not in repr(ice)


def test_every_choice_about_candidates_reaches_ice(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[ice]\ntcp = false\nprefer = "transport"\ninterfaces = ["eth0"]\nunreliable_interfaces = ["wlan"]\n'
        'simultaneous_open = "off"\npacing_ms = 20\nserver_reflexive = false\npatience_ms = 2500\n'
        "watch_addresses = false\nsilence_ms = 0\n"
    )
    ice = account_from(load_settings(file), environ={}).ice
    assert (ice.udp, ice.tcp, ice.prefer, ice.simultaneous_open) == (True, False, "transport", "off")
    assert (ice.interfaces, ice.unreliable_interfaces) == (("eth0",), ("wlan",))
    assert (ice.pacing_ms, ice.server_reflexive, ice.patience_s) == (20, False, 2.5)
    assert (ice.watch_addresses, ice.silence_s) == (False, 0.0)
    assert account_from(Settings(), environ={}).ice == IceConfig()
    file.write_text('[ice]\nprefer = "pigeons"\n')
    with pytest.raises(ConfigurationError, match=r"ice\.prefer"):
        load_settings(file)


def test_lite_reaches_ice(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[ice]\nlite = true\nlite_unproved_tcp = true\ndefault_ipv6 = true\n")
    ice = account_from(load_settings(file), environ={}).ice
    assert ice == IceConfig(lite=True, lite_unproved_tcp=True, default_ipv6=True)


@pytest.mark.req("STUN-41")
def test_a_certificate_needs_a_name_that_may_stand_apart() -> None:
    settings = IceSettings(turn=("turns:192.0.2.1",), turn_server_name="turn.example.org")
    (server,) = account_from(Settings(ice=settings), environ={}).ice.turn_servers
    assert (server.host, server.server_name) == ("192.0.2.1", "turn.example.org")


def test_where_the_turn_password_comes_from() -> None:
    def password(settings: IceSettings, **environ: str) -> str:
        return account_from(Settings(ice=settings), environ=environ).ice.turn_servers[0].password

    named = IceSettings(turn=("turn:h",), turn_user="alice", turn_password_env="SECRET")
    unnamed = dataclasses.replace(named, turn_password_env=None)
    assert password(named, SECRET="a", ICEPHONE_TURN_PASSWORD="b") == "a"
    assert password(unnamed, SECRET="a", ICEPHONE_TURN_PASSWORD="b") == "b"
    # A server that asks nobody needs no account.
    assert password(dataclasses.replace(unnamed, turn_user="")) == ""
    # Nobody needs a password for servers that are not used.
    account_from(Settings(ice=IceSettings(turn_user="alice")), environ={})


def test_a_password_in_the_uri_of_a_server_is_not_repeated() -> None:
    assert "hunter2" not in refusal('[ice]\nturn = ["turn:alice:hunter2@192.0.2.1", 3]')
    with pytest.raises(ConfigurationError) as caught:
        account_from(Settings(ice=IceSettings(turn=("turn:alice:hunter2@192.0.2.1",))), environ={})
    assert "hunter2" not in str(caught.value)


# --- passwords --------------------------------------------------------------------------------------------

ALICE = Settings(account=AccountSettings(uri="sip:alice@example.com"))


def test_sources_of_the_password_in_their_order(tmp_path: Path) -> None:
    argument, configured = tmp_path / "a", tmp_path / "b"
    argument.write_text("from-argument\nsecond line\n")
    configured.write_text("from-file\r\n")
    environ = {"ICEPHONE_PASSWORD": "from-default-variable", "SECRET": "from-variable"}
    assert account_from(ALICE, environ={}).password is None
    assert account_from(ALICE, environ=environ).password == "from-default-variable"
    by_variable = Settings(account=AccountSettings(uri="sip:a@example.com", password_env="SECRET"))
    assert account_from(by_variable, environ=environ).password == "from-variable"
    by_file = Settings(account=AccountSettings(uri="sip:a@example.com", password_file=configured))
    assert account_from(by_file, environ=environ).password == "from-file"
    assert account_from(by_file, environ=environ, password_file=argument).password == "from-argument"


def test_a_password_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for settings, message in (
        (AccountSettings(uri="sip:a@b", password_file=tmp_path / "none"), "cannot be read"),
        (AccountSettings(uri="sip:a@b", password_file=empty), "is empty"),
        (AccountSettings(uri="sip:a@b", password_env="NOT_SET"), "no variable NOT_SET"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            account_from(Settings(account=settings), environ={})


def test_a_password_file_is_found_beside_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    file = tmp_path / "c.toml"
    file.write_text('[account]\nuri = "sip:a@example.com"\npassword_file = "secret"\n')
    assert account_from(load_settings(file), environ={}).password == "s3cret"


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    account = account_from(ALICE, environ={"ICEPHONE_PASSWORD": "s3cret"})
    assert "s3cret" not in repr(account)
    odd = Settings(account=AccountSettings(uri="sip:alice:s3cret@example.com"))
    assert "s3cret" not in to_toml(odd)
    assert to_json(odd)["account"]["uri"] == "sip:alice:***@example.com"


# --- the account ------------------------------------------------------------------------------------------


def test_without_a_file_there_is_an_anonymous_account() -> None:
    account = account_from(Settings(), environ={})
    assert account.anonymous
    assert account.uri == ANONYMOUS_URI
    assert account.domain is None
    assert (account.listen_host, account.listen_port) == ("0.0.0.0", 0)


def test_defaults_follow_from_the_uri() -> None:
    account = account_from(Settings(account=AccountSettings(uri="sip:alice@[2001:db8::1]:5070")), environ={})
    assert account.auth_user == "alice"
    assert account.registrar == "sip:[2001:db8::1]:5070"
    assert account.domain == "2001:db8::1"
    assert not account.anonymous


@pytest.mark.parametrize(
    ("uri", "user", "host", "port"),
    [
        ("sip:bob@example.com", "bob", "example.com", None),
        ("sip:192.0.2.1:5070", None, "192.0.2.1", 5070),
        ("sip:b;x=1@[2001:db8::1]:5060;transport=tcp", "b;x=1", "2001:db8::1", 5060),
        ("SIP:+49%20@example.com.", "+49%20", "example.com.", None),
    ],
)
def test_sip_uris_of_all_kinds(uri: str, user: str | None, host: str, port: int | None) -> None:
    parts = split_sip_uri(uri)
    assert (parts.user, parts.host, parts.port) == (user, host, port)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bob",
        "sip:",
        "sip:@h",
        "sip:a b@h",
        "sip:a@h:99999",
        "sip:a@h:0",
        "sips:a@h;transport=udp",
        "sipss:a@h",
        "tel:1",
        "sip:a@-h",
        "sip:\n@h",
    ],
)
def test_what_is_no_sip_uri(uri: str) -> None:
    with pytest.raises(ValueError, match=r"SIP URI|TLS|port"):
        split_sip_uri(uri)


@given(st.text())
def test_any_text_is_a_sip_uri_or_a_value_error(text: str) -> None:
    try:
        parts = split_sip_uri("sip:" + text)
    except ValueError:
        return
    assert parts.host
    assert not any(character.isspace() for character in "sip:" + text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:5060", ("0.0.0.0", 5060)),
        (":5060", ("0.0.0.0", 5060)),
        ("localhost", ("localhost", 0)),
        ("[2001:db8::1]:5060", ("2001:db8::1", 5060)),
    ],
)
def test_addresses_to_listen_on(text: str, expected: tuple[str, int]) -> None:
    assert split_listen(text) == expected


@pytest.mark.parametrize("text", ["a:b", "2001:db8::1", "h:70000", "[::1", "a b:1"])
def test_what_is_no_address_to_listen_on(text: str) -> None:
    with pytest.raises(ValueError, match="no address to listen on"):
        split_listen(text)


# --- showing ----------------------------------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        Settings,
        account=st.builds(
            AccountSettings,
            uri=st.just("sip:alice@example.com"),
            display_name=names,
            auth_user=st.none() | names,
            password_file=st.none(),
            password_env=st.none() | names,
            proxy=st.none(),
            registrar=st.none(),
            transport=st.sampled_from(["udp", "tcp"]),
            expires_s=st.integers(60, 86400),
        ),
        ice=st.builds(
            IceSettings, interfaces=st.lists(names, max_size=3).map(tuple), pacing_ms=st.integers(5, 1000)
        ),
        media=st.builds(
            MediaSettings,
            codecs=st.permutations(["opus", "L16/16000", "PCMU", "PCMA"]).map(tuple),
            ptime_ms=st.sampled_from([10, 20, 30, 60]),
        ),
    )
)
def test_what_is_shown_can_be_read_again(settings: Settings) -> None:
    assert parse_settings(to_toml(settings).encode()) == settings


@given(
    st.dictionaries(
        st.text(max_size=8), st.integers() | st.text(max_size=5) | st.lists(st.integers()), max_size=3
    )
)
def test_any_section_is_read_or_refused(section: dict[str, object]) -> None:
    def quoted(value: object) -> str:
        return json.dumps(value).replace("\x7f", "\\u007f")

    text = "[account]\n" + "".join(f"{quoted(key)} = {quoted(value)}\n" for key, value in section.items())
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert "not TOML" in refusal(text)
        return
    try:
        parse_settings(text.encode())
    except ConfigurationError as error:
        assert str(error)
