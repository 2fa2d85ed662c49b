"""What tools/setup-parts decides, with every program that it runs played by a script."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "setup-parts"
PACKAGES = (
    "pcscd vsmartcard-vpcd libpcsclite-dev gcc libc6-dev python3-dev opensc pcsc-tools cardpeek "
    "softhsm2 openssl"
)
INSTALL = "apt-get install -y --no-install-recommends"
LISTENING = "00000000deadbeef: 00000002 00000000 00010000 0001 01 4711 /run/pcscd/pcscd.comm\n"
CONNECTED = "00000000deadbeef: 00000003 00000000 00000000 0001 03 4711 /run/pcscd/pcscd.comm\n"


class Machine:
    """A machine that consists of scripts; each notes in ``called`` how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proc = folder / "proc"
        self.bin = folder / "bin"
        self.called = folder / "called"
        self.installed = folder / "installed"
        (self.proc / "net").mkdir(parents=True)
        self.bin.mkdir()
        self.called.touch()
        for tool in ("sh", "awk", "cat", "env", "true"):
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        self.script("id", "echo 0", quiet=True)
        self.script("systemctl", "exit 1")  # as in a container
        self.has(PACKAGES)
        query = f'for name in $(cat {self.installed}); do printf "installed=%s " "$name"; done'
        self.script("dpkg-query", f"{query}; exit 1", quiet=True)
        self.script("apt-get", 'echo "frontend: $DEBIAN_FRONTEND" >>' + str(self.called))

    def script(self, name: str, body: str, *, quiet: bool = False) -> None:
        """A program; what it is called with is noted first."""
        note = "" if quiet else f'echo "{name} $*" >>{self.called}\n'
        (self.bin / name).write_text(f"#!/bin/sh\n{note}{body}\n")
        (self.bin / name).chmod(0o755)

    def has(self, packages: str) -> None:
        """The packages that are installed."""
        self.installed.write_text(packages)

    def process(self, pid: int, name: str, state: str = "S") -> None:
        """A process that runs."""
        (self.proc / str(pid)).mkdir()
        (self.proc / str(pid) / "comm").write_text(f"{name}\n")
        (self.proc / str(pid) / "stat").write_text(f"{pid} ({name}) {state} 1\n")

    def run(self) -> tuple[int, str]:
        """Run the script; its exit code and what it said."""
        surroundings = {"PATH": str(self.bin), "SSCARD_PROC": str(self.proc)}
        done = subprocess.run(
            [SCRIPT], env=surroundings, capture_output=True, check=False, text=True, timeout=60
        )
        assert done.stdout == ""
        return done.returncode, done.stderr

    @property
    def calls(self) -> list[str]:
        """How its programs were called, in order."""
        return self.called.read_text().splitlines()


@pytest.fixture
def box(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_to_do(box: Machine) -> None:
    assert box.run() == (0, "")
    assert box.calls == []


def test_only_what_is_missing_is_installed(box: Machine) -> None:
    box.has("pcscd libpcsclite-dev gcc-12 libc6-dev python3-dev opensc cardpeek softhsm2 openssl")
    code, said = box.run()
    assert code == 0
    assert "vsmartcard-vpcd gcc pcsc-tools" in said
    assert box.calls == [
        "apt-get update",
        "frontend: noninteractive",
        f"{INSTALL} vsmartcard-vpcd gcc pcsc-tools",
        "frontend: noninteractive",
    ]


def test_an_installation_that_fails(box: Machine) -> None:
    box.has("")
    box.script("apt-get", '[ "$1" = update ]')
    code, said = box.run()
    assert code == 1
    assert f"failed: apt-get update && {INSTALL} {PACKAGES}" in said
    assert "make test-core" in said


class TestForeignService:
    def refused(self, box: Machine) -> str:
        """Nothing is installed or stopped then."""
        box.has("")
        code, said = box.run()
        assert code == 1
        assert box.calls == []
        return said

    def test_a_process(self, box: Machine) -> None:
        box.process(1, "sh")
        box.process(4711, "pcscd")
        said = self.refused(box)
        assert "pcscd, process 4711" in said
        assert "sudo kill 4711" in said

    def test_a_socket(self, box: Machine) -> None:
        (box.proc / "net" / "unix").write_text("Num RefCount …\n" + LISTENING)
        assert "sudo systemctl stop pcscd.socket" in self.refused(box)

    def test_what_is_none(self, box: Machine) -> None:
        box.process(4711, "pcscd", "Z")
        box.process(4712, "pcscd-tray")
        (box.proc / "net" / "unix").write_text("Num RefCount …\n" + CONNECTED)
        assert box.run() == (0, "")


def appearing(box: Machine, pid: int) -> None:
    """A pcscd that is seen only after the installation."""
    waiting, place = box.folder / "prepared", box.proc / str(pid)
    box.process(pid, "pcscd")
    place.rename(waiting)
    mv = shutil.which("mv")
    box.script("apt-get", f'[ "$1" = update ] || {mv} {waiting} {place}')


@pytest.fixture
def started() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a service which an installation starts."""
    with subprocess.Popen(["sleep", "600"]) as program:
        yield program
        program.kill()


def test_what_the_installation_starts_is_stopped(
    box: Machine, started: subprocess.Popen[bytes]
) -> None:
    box.has(PACKAGES.removeprefix("pcscd "))
    appearing(box, started.pid)
    assert box.run()[0] == 0
    assert box.calls[-1] == "systemctl stop pcscd.socket pcscd.service"
    assert started.wait(20) == -15


def test_what_the_installation_leaves_to_systemd_is_stopped(box: Machine) -> None:
    """systemd listens for the service, which does not run yet."""
    box.has(PACKAGES.removeprefix("pcscd "))
    assert box.run()[0] == 0
    assert box.calls[-1] == "systemctl stop pcscd.socket pcscd.service"


def test_what_somebody_else_starts_meanwhile_is_left_alone(
    box: Machine, started: subprocess.Popen[bytes]
) -> None:
    box.has(PACKAGES.replace(" gcc ", " "))
    appearing(box, started.pid)
    code, said = box.run()
    assert code == 1
    assert f"pcscd, process {started.pid}" in said
    assert box.calls[-1] == f"{INSTALL} gcc"
    assert started.poll() is None


class TestRights:
    @pytest.fixture(autouse=True)
    def user(self, box: Machine) -> None:
        box.script("id", "echo 1000", quiet=True)

    def test_sudo(self, box: Machine) -> None:
        box.script("sudo", 'shift; exec "$@"')
        box.has("")
        assert box.run()[0] == 0
        assert box.calls[0] == "sudo -n true"
        assert box.calls[1].startswith("sudo -n env DEBIAN_FRONTEND=noninteractive sh -c apt-get")
        assert f"{INSTALL} {PACKAGES}" in box.calls
        assert "sudo -n systemctl stop pcscd.socket pcscd.service" in box.calls

    @pytest.mark.parametrize("has_sudo", [True, False])
    def test_none(self, box: Machine, has_sudo: bool) -> None:
        if has_sudo:
            box.script("sudo", "exit 1", quiet=True)
        box.has("pcscd gcc")
        code, said = box.run()
        missing = PACKAGES.replace("pcscd ", "").replace("gcc ", "")
        assert code == 1
        assert f"sudo sh -c 'apt-get update && {INSTALL} {missing}'" in said
        assert "make test-core" in said
        assert box.calls == []

    def test_none_and_nothing_missing(self, box: Machine) -> None:
        code, said = box.run()
        assert code == 1
        assert "must run as root" in said


def test_without_apt_it_says_what_is_missing(box: Machine) -> None:
    for name in ("apt-get", "dpkg-query"):
        (box.bin / name).unlink()
    for name in ("pcscd", "gcc", "opensc-explorer", "pcsc_scan", "cardpeek", "openssl"):
        box.script(name, "")
    code, said = box.run()
    missing = said.partition("no apt-get to install them: ")[2].splitlines()[0].split()
    assert code == 1
    # The fixed places are those of this machine; with /usr/sbin nothing else is found there.
    assert missing[:2] == ["opensc-tool", "scriptor"]
    assert set(missing[2:]) <= {
        "/usr/include/PCSC/winscard.h",
        "/usr/lib/pcsc/drivers/serial/libifdvpcd.so",
    }
    assert PACKAGES in said
    assert "make test-core" in said
