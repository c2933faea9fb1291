"""The command line as a process: help, arguments, configuration, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ICEPHONE = "import sys; sys.argv[0] = 'icephone'; from ua.cli.main import main; main()"


def icephone(
    *arguments: str, home: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ICEPHONE", "XDG"))}
    return subprocess.run(
        [sys.executable, "-c", ICEPHONE, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=home,
        env=clean
        | {"HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
        | (environment or {}),
    )


def test_help_is_quick_and_names_the_commands(tmp_path: Path) -> None:
    done = icephone("--help", home=tmp_path)
    assert done.returncode == 0
    for command in ("demo", "call", "answer", "register", "config", "test"):
        assert f"\n  {command} " in done.stdout
    slow = ("pydantic", "av", "aiortc", "asyncio", "cryptography", "rich.console", "dns", "websockets")
    assert not imported("ua.cli.main", slow)


def imported(module: str, among: tuple[str, ...]) -> list[str]:
    code = f"import {module}, sys; print(*(name for name in {among!r} if name in sys.modules))"
    seen = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    return seen.stdout.split()


@pytest.mark.parametrize(
    ("module", "among"),
    [
        ("ua.cli.config", ("av", "aiortc", "cryptography", "websockets", "dns", "aioquic")),
        ("ua.cli.call", ("av", "aiortc", "cryptography", "websockets", "dns", "aioquic", "pydantic")),
        ("ua.phone", ("dns.asyncresolver", "aioquic", "pydantic", "rich", "typer")),
    ],
)
def test_nothing_is_imported_that_is_not_needed(module: str, among: tuple[str, ...]) -> None:
    assert not imported(module, among)


@pytest.mark.parametrize("command", ["demo", "call", "answer", "register", "config", "config check"])
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    done = icephone(*command.split(), "-h", home=tmp_path)
    assert done.returncode == 0
    assert "Usage: icephone " + command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("call", "bob"), "cannot call 'bob'"),
        (("call", "sip:bob@h", "--wav", "nothing.wav"), "there is no file nothing.wav"),
        (("call", "sip:bob@h", "--wav", "a", "--tone", "440"), "--wav and --tone cannot be used together"),
        (("call", "sip:bob@h", "--config", "nothing.toml"), "there is no configuration file nothing.toml"),
        (("call", "sip:bob@h", "--password-file", "none"), "the password file none cannot be read"),
        (("call", "sip:bob@h", "--for", "soon"), "'soon' is no duration"),
        (("call", "sip:bob@h", "--path", "pigeon"), "pigeon"),
        (("call", "sip:bob@h", "--path", "relay"), "--path relay needs a TURN server"),
        (("answer", "--path", "relay", "--stun", "stun:h"), "--path relay needs a TURN server"),
        (("call", "sip:bob@h", "--stun", "stun:h?transport=udp"), "--stun: 'stun:h?transport=udp'"),
        (("answer", "--turn", "turn:h", "--turn", "h"), "--turn: 'h' is no URI"),
        (("call", "sip:bob@h", "--dtmf", "1x"), "--dtmf: 'X'"),
        (("answer", "--calls", "0"), "--calls"),
        (("register",), "register needs an account"),
        (("demo", "--wav", "nothing.wav"), "there is no file nothing.wav"),
        (("demo", "--report", "no/such/folder.html"), "there is no folder"),
        (("config", "check"), "there is no configuration file"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_gives_one_message_and_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = icephone(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[account]\nuri = "sip:a@example.com"\npasswrd = "hunter2"\n')
    for arguments in (("config", "check"), ("call", "sip:bob@h"), ("register",)):
        done = icephone(*arguments, "--config", str(file), home=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: account.passwrd: unknown key; did you mean 'password_file'?\n")
        assert f"seen: in {file}" in done.stderr
        assert "hunter2" not in done.stderr


def test_errors_are_objects_too(tmp_path: Path) -> None:
    done = icephone("call", "bob", "--json", home=tmp_path)
    value = json.loads(done.stdout)
    assert (value["schema"], value["result"]) == (1, "usage")
    assert value["error"].startswith("cannot call 'bob'")
    assert done.returncode == 2


def test_configuration_is_checked_and_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    file = tmp_path / "c.toml"
    file.write_text('[account]\nuri = "sip:a@example.com"\npassword_file = "secret"\n[ice]\npacing_ms = 50\n')
    named = {"ICEPHONE_CONFIG": str(file)}
    checked = icephone("config", "check", home=tmp_path, environment=named)
    assert (checked.returncode, checked.stdout) == (0, f"{file}: fine, sip:a@example.com, password found\n")
    shown = icephone("config", "show", home=tmp_path, environment=named)
    assert "pacing_ms = 50\n" in shown.stdout
    assert 'codecs = ["opus", "G722", "PCMU", "PCMA"]\n' in shown.stdout
    as_object = json.loads(icephone("config", "show", "--json", home=tmp_path, environment=named).stdout)
    assert as_object["settings"]["ice"]["pacing_ms"] == 50
    found = icephone("config", "path", home=tmp_path, environment=named)
    assert found.stdout == f"{file}\n"
    assert "hunter2" not in checked.stdout + shown.stdout + json.dumps(as_object)


def test_the_default_place_of_the_configuration(tmp_path: Path) -> None:
    done = icephone("config", "path", "--json", home=tmp_path)
    place = tmp_path / ".config" / "icephone" / "config.toml"
    assert json.loads(done.stdout) == {"schema": 1, "result": "ok", "path": str(place), "exists": False}
    place.parent.mkdir(parents=True)
    place.write_text("[ice]\npacing_ms = 33\n")
    assert "pacing_ms = 33\n" in icephone("config", "show", home=tmp_path).stdout


def test_a_password_cannot_be_an_argument(tmp_path: Path) -> None:
    done = icephone("register", "--password", "hunter2", home=tmp_path)
    assert done.returncode == 2


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", ICEPHONE, "config", "show", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_check_reads_the_certificates_too(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[account]\nuri = "sip:alice@example.com"\n[tls]\nca_file = "none.pem"\n')
    done = icephone("config", "check", "--config", str(file), home=tmp_path)
    assert done.returncode == 2
    assert "tls.ca_file" in done.stderr
