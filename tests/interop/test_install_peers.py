"""`make peers`, with shims in the place of apt-get, dpkg-query, npm and id."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.peers.registry import JSSIP, PACKAGES

SCRIPT = Path(__file__).with_name("install-peers")
LOCK = SCRIPT.parents[1] / "peers/jssip/package-lock.json"
ORIGINAL = "#!/bin/sh\nexit 0\n"


class Machine:
    """A folder of shims, a policy file, JsSIP and the log of what apt-get was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policy = folder / "policy-rc.d"
        self.log = folder / "log"
        self.jssip = folder / "jssip"
        self.jssip.mkdir()
        shutil.copy(LOCK, self.jssip)
        for name in ("bash", "sh", "rm", "mv", "cp", "cmp", "mkdir", "chmod", "cat", "dirname", "true"):
            (folder / name).symlink_to(shutil.which(name) or name)
        self.shim("id", "echo 0")
        self.shim("apt-get", f'echo "$@" >>{self.log}; "{self.policy}" || echo "policy $?" >>{self.log}')
        self.installed(PACKAGES - {"kamailio"})

    def shim(self, name: str, body: str) -> None:
        """Put a shell script in the place of a program."""
        file = self.folder / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)

    def installed(self, packages: frozenset[str]) -> None:
        """Which packages dpkg-query calls installed."""
        cases = "|".join(sorted(packages))
        self.shim("dpkg-query", f'case "$3" in {cases}) printf installed;; *) exit 1;; esac')

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the script with nothing but the shims on its path."""
        environment = {
            "PATH": str(self.folder),
            "POLICY_RC_D": str(self.policy),
            "JSSIP_FOLDER": str(self.jssip),
        }
        return subprocess.run(
            ["/bin/bash", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_is_missing_is_installed_and_no_service_starts(machine: Machine) -> None:
    machine.policy.write_text(ORIGINAL)
    machine.policy.chmod(0o755)
    result = machine.run()
    assert result.returncode == 0, result.stderr
    log = machine.log.read_text().splitlines()
    assert log[0].endswith("update")
    assert log[1] == "policy 101"
    assert log[2].endswith("install --no-install-recommends kamailio")
    assert log[3] == "policy 101"
    assert machine.policy.read_text() == ORIGINAL
    assert os.access(machine.policy, os.X_OK)


def test_a_policy_that_was_not_there_is_gone_afterwards(machine: Machine) -> None:
    assert machine.run().returncode == 0
    assert not machine.policy.exists()


def test_the_policy_comes_back_after_a_failure_too(machine: Machine) -> None:
    machine.policy.write_text(ORIGINAL)
    machine.shim("apt-get", "exit 100")
    assert machine.run().returncode == 100
    assert machine.policy.read_text() == ORIGINAL


def test_a_killed_run_does_not_lose_the_policy(machine: Machine) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 101\n")
    machine.policy.with_name("policy-rc.d.before-icephone").write_text(ORIGINAL)
    assert machine.run().returncode == 0
    assert machine.policy.read_text() == ORIGINAL


def test_nothing_is_done_when_all_are_there(machine: Machine) -> None:
    machine.installed(PACKAGES)
    result = machine.run()
    assert result.returncode == 0
    assert "are installed" in result.stdout
    assert not machine.log.exists()


def test_who_is_not_root_is_told(machine: Machine) -> None:
    machine.shim("id", "echo 1000")
    result = machine.run()
    assert result.returncode == 1
    assert "needs root to install kamailio" in result.stderr
    assert not machine.log.exists()


def test_another_system_is_told_what_it_lacks(machine: Machine) -> None:
    (machine.folder / "apt-get").unlink()
    result = machine.run()
    assert result.returncode == 1
    assert "no apt-get" in result.stderr
    assert "kamailio" in result.stderr


def test_another_jssip_is_replaced(machine: Machine) -> None:
    machine.installed(PACKAGES)
    (machine.jssip / LOCK.name).write_text("{}")
    (machine.jssip / "old").touch()
    machine.shim("npm", f'echo "npm $*" >>{machine.log}; echo fetched >fetched')
    assert "installed JsSIP" in machine.run().stdout
    assert machine.log.read_text().startswith("npm ci --ignore-scripts")
    assert (machine.jssip / LOCK.name).read_text() == LOCK.read_text()
    assert (machine.jssip / "fetched").exists()
    assert not (machine.jssip / "old").exists()
    assert "JsSIP are installed" in machine.run().stdout


def test_half_of_jssip_does_not_count(machine: Machine) -> None:
    machine.installed(PACKAGES)
    shutil.rmtree(machine.jssip)
    machine.shim("npm", "echo half >half; exit 1")
    assert machine.run().returncode != 0
    assert not machine.jssip.exists()


def test_npm_is_installed_where_there_is_none(machine: Machine) -> None:
    machine.installed(PACKAGES)
    shutil.rmtree(machine.jssip)
    machine.shim("apt-get", f'case "$*" in *npm) ln -s true {machine.folder}/npm;; esac')
    (machine.folder / "ln").symlink_to(shutil.which("ln") or "ln")
    assert machine.run().returncode == 0
    assert (machine.jssip / LOCK.name).exists()


def test_an_npm_that_cannot_be_installed_is_no_failure(machine: Machine) -> None:
    shutil.rmtree(machine.jssip)
    machine.shim("apt-get", f'echo "$*" >>{machine.log}; case "$*" in *npm) exit 100;; esac')
    result = machine.run()
    assert result.returncode == 0
    assert "--no-remove npm" in machine.log.read_text()
    assert "without npm there is no JsSIP" in result.stderr
    assert "installed kamailio\n" in result.stdout
    assert not machine.jssip.exists()


def test_the_tests_look_where_the_script_puts_it() -> None:
    assert f":-{JSSIP}}}" in SCRIPT.read_text()


def test_the_script_installs_what_the_tests_ask_for() -> None:
    listed = subprocess.run(["bash", str(SCRIPT), "--list"], capture_output=True, text=True, check=True)
    assert frozenset(listed.stdout.split()) == PACKAGES
