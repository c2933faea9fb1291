"""`[pbx]` of a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ua.config.file import load_settings
from ua.config.pbx import USERS_VARIABLE, PbxSettings, pbx_config
from ua.errors import ConfigurationError


def test_the_users_are_in_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("# ours\n1001:open sesame\n\n1002:a:b\n")
    (tmp_path / "said").mkdir()
    file = tmp_path / "c.toml"
    file.write_text(
        '[pbx]\ndomain = "pbx.example"\nusers_file = "users"\nrecordings = "said"\nmax_calls = 7\n'
    )
    config = pbx_config(load_settings(file).pbx, environ={})
    assert (config.domain, config.max_calls) == ("pbx.example", 7)
    assert config.users == {"1001": "open sesame", "1002": "a:b"}
    assert config.recordings == tmp_path / "said"
    assert "sesame" not in repr(config)


def test_or_in_the_environment() -> None:
    config = pbx_config(PbxSettings(), {USERS_VARIABLE: "1001:one 1002:two"})
    assert config.users == {"1001": "one", "1002": "two"}


@pytest.mark.parametrize(
    ("settings", "users", "wrong"),
    [
        (PbxSettings(), None, "needs users"),
        (PbxSettings(), " ", "has no users"),
        (PbxSettings(), "1001", "line 1: not user:password"),
        (PbxSettings(), "1001:one 1001:two", "line 2: '1001' is there twice"),
        (PbxSettings(users_file=Path("nowhere")), None, "cannot be read"),
        (PbxSettings(recordings=Path("nowhere")), "1001:one", "no folder"),
        (PbxSettings(algorithms=()), "1001:one", "algorithms: the list is empty"),
        (PbxSettings(max_calls=0), "1001:one", "one call at least"),
    ],
)
def test_what_is_wrong_is_told(settings: PbxSettings, users: str | None, wrong: str) -> None:
    environ = {} if users is None else {USERS_VARIABLE: users}
    with pytest.raises(ConfigurationError, match=wrong) as caught:
        pbx_config(settings, environ)
    assert "one" not in caught.value.what.split() or "call" in caught.value.what
