"""What is installed: files beside the modules have to come along."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import pytest

pytest.importorskip("setuptools", minversion="77")

ROOT = Path(__file__).parents[1]
SHOWN = """
import sys
sys.path.insert(0, sys.argv[1])
from ua.interop.peer_file import find_peer, shipped
print(*(str(path) for path in shipped().values()), sep="\\n")
assert find_peer("sip:pbx.example", {}).name == "pbx.example"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the sources as they are, built without what a build leaves in them."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    for package in ("ice", "sdp", "media", "ua", "configs"):
        copytree(ROOT / package, sources / package, ignore=ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        copy(ROOT / file, sources / file)
    build = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=sources, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


def test_the_peers_are_found_where_a_wheel_is_installed(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    done = subprocess.run([*command, str(site), str(wheel)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-c", SHOWN, str(site)],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    assert {Path(line).name for line in shown} == {
        each.name for each in (ROOT / "configs" / "peers").glob("*.toml")
    }
    assert all(Path(line).is_relative_to(site) for line in shown)


def test_what_is_read_at_run_time_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    read = {
        str(path.relative_to(ROOT))
        for pattern in ("*.css", "*.html", "*.js")
        for path in (ROOT / "ua").rglob(pattern)
    }
    assert read
    assert read <= names
    assert not [name for name in names if name.startswith(("tests/", "configs/"))]


def test_pytest_finds_the_fixtures(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        (name,) = [each for each in file.namelist() if each.endswith(".dist-info/entry_points.txt")]
        told = file.read(name).decode()
    assert "[pytest11]\nicephone = ua.interop.pytest_plugin\n" in told
