"""``sscard doctor``: its findings on machines that the tests make up."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic import profile
from sscard_ic.base import InputError, Text
from sscard_ic.cli import checkup, checkup_readers, doctor, root
from sscard_ic.cli.checkup import Finding, Machine, core_findings, run_program
from sscard_ic.cli.checkup_readers import reader_findings
from sscard_ic.cli.checkup_service import LinuxService, service_findings
from sscard_ic.cli.checkup_vpcd import read_configuration, vpcd_findings
from sscard_ic.crypto import des
from sscard_ic.reader.errors import AccessDenied, BindingMissing
from sscard_ic.reader.pcsc import ReaderState

VERSION = """pcsc-lite version 1.9.9.
Copyright (C) 1999-2002 by David Corcoran <corcoran@musclecard.com>.
Enabled features: Linux x86_64-pc-linux-gnu libsystemd serial usb libudev {polkit}\
usbdropdir=/usr/lib/pcsc/drivers ipcdir=/run/pcscd filter configdir=/etc/reader.conf.d
"""
"""What Debian's pcscd 1.9.9 says (ref 09 §1.1)."""

VPCD = """FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x8C7B
LIBPATH      /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID    0x8C7B
"""
"""What Debian's vsmartcard-vpcd installs."""

TABLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
LISTENING, CONNECTED, OVER = "0A", "01", "06"


@dataclass
class Tree:
    """The files of a machine that is made up, and what its programs print."""

    root: Path
    programs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    system: str = "linux"

    def write(self, path: str, content: str | bytes = "") -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def machine(self) -> Machine:
        def which(name: str) -> str | None:
            return f"/usr/sbin/{name}" if name in self.programs else None

        def run(arguments: Sequence[str]) -> str | None:
            return self.programs.get(Path(arguments[0]).name)

        home = self.root / "home"
        return Machine(home, self.root, self.system, self.environment, which, run)

    def install_pcscd(self, polkit: str = "") -> None:
        self.programs["pcscd"] = VERSION.format(polkit=polkit)

    def install_vpcd(self) -> None:
        self.write("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
        self.write("/etc/reader.conf.d/vpcd", VPCD)

    def start_pcscd(self, *arguments: str, pid: int = 4711) -> None:
        self.write(f"/proc/{pid}/comm", "pcscd\n")
        self.write(f"/proc/{pid}/cmdline", "\0".join(["/usr/sbin/pcscd", *arguments, ""]))

    def open_ports(self, *rows: tuple[str, int, str], table: str = "tcp") -> None:
        lines = [
            f"   {n}: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:0 0 0\n"
            for n, (address, port, state) in enumerate(rows)
        ]
        self.write(f"/proc/net/{table}", TABLE + "".join(lines))


ANY, LOOPBACK = "00000000", "0100007F"
ANY_6, LOOPBACK_6 = "0" * 32, "0" * 24 + "01000000"


@pytest.fixture
def tree() -> Iterator[Tree]:
    # A socket's path has 107 bytes at most: the folders of pytest are too deep for it.
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        yield Tree(Path(folder))


def by_subject(findings: Iterator[Finding]) -> dict[str, Finding]:
    listed = list(findings)
    found = {finding.subject: finding for finding in listed}
    assert len(found) == len(listed), "a subject stands for one finding"
    for finding in listed:
        assert (finding.hint is not None) == (finding.state != "ok"), finding
        if finding.hint is not None:
            assert finding.hint.zh != finding.hint.en
    return found


def service(tree: Tree) -> dict[str, Finding]:
    machine = tree.machine()
    return by_subject(service_findings(machine, LinuxService(machine)))


def vpcd(tree: Tree) -> dict[str, Finding]:
    machine = tree.machine()
    linux = LinuxService(machine)
    return by_subject(vpcd_findings(machine, linux.configuration, running=bool(linux.processes)))


def told(finding: Finding) -> str:
    return f"{finding.what.en} {finding.hint.en if finding.hint else ''}"


# -- the command -------------------------------------------------------------------------------


def sscard(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"SSCARD_LANG": "en", **environment}).invoke(root, list(arguments))


@pytest.fixture
def nothing_outside(monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    """The command examines the made-up machine, on which there is no binding."""

    def missing() -> None:
        raise BindingMissing(Text("没有", "not there"), hint=Text("安装", "install it"))

    monkeypatch.setattr(doctor, "Machine", lambda home: replace(tree.machine(), home=home))
    monkeypatch.setattr(checkup_readers, "load_scard", missing)


@pytest.mark.usefixtures("nothing_outside")
def test_a_machine_without_readers_is_healthy(tmp_path: Path) -> None:
    result = sscard("doctor", SSCARD_HOME=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "5 ok, 5 notes, 0 missing." in result.stdout
    lines = result.stdout.splitlines()
    assert any(line.startswith("note  PC/SC binding") and "not there" in line for line in lines)
    assert any(line.strip() == "→ install it" for line in lines)
    chinese = sscard("--lang", "zh", "doctor", SSCARD_HOME=str(tmp_path)).stdout
    assert "正常 5 项，提示 5 项，缺失 0 项。" in chinese


@pytest.mark.usefixtures("nothing_outside")
def test_the_report_as_json(tmp_path: Path) -> None:
    result = sscard("doctor", "--json", SSCARD_HOME=str(tmp_path))
    report = json.loads(result.stdout)
    assert report["ok"] is True
    assert {finding["state"] for finding in report["findings"]} == {"ok", "note"}
    (binding,) = [f for f in report["findings"] if f["subject"] == "binding"]
    expected = {"state": "note", "message": "not there", "hint": "install it"}
    assert binding == {"subject": "binding", **expected}


@pytest.mark.usefixtures("nothing_outside")
def test_what_is_needed_and_fails_is_told_by_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = sscard("doctor", "--json", SSCARD_HOME=str(tmp_path / "file" / "home"))
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    (home,) = [f for f in report["findings"] if f["state"] == "missing"]
    assert home["subject"] == "home"
    assert "SSCARD_HOME" in home["hint"]


@pytest.mark.usefixtures("nothing_outside")
def test_nothing_is_changed(tmp_path: Path) -> None:
    sscard("doctor", SSCARD_HOME=str(tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "home").mkdir()
    sscard("doctor", SSCARD_HOME=str(tmp_path / "home"))
    assert list((tmp_path / "home").iterdir()) == []


def test_the_real_machine_is_examined(tmp_path: Path) -> None:
    """Whatever is installed here: there is a report, and the core of it is well."""
    result = sscard("doctor", "--json", SSCARD_HOME=str(tmp_path))
    assert result.exit_code == 0, result.output
    subjects = [finding["subject"] for finding in json.loads(result.stdout)["findings"]]
    assert subjects[:7] == [
        "python", "profiles", "cryptography", "database", "home", "vault", "ledger",
    ]  # fmt: skip
    assert "binding" in subjects


# -- the core ----------------------------------------------------------------------------------


def test_a_core_that_works(tree: Tree) -> None:
    tree.write("/home/vault.json")
    tree.write("/home/ledger.db")
    found = by_subject(core_findings(tree.machine()))
    assert {finding.state for finding in found.values()} == {"ok"}
    count = sum(info.kind in ("national", "region") for info in profile.available())
    assert f"{count} profiles" in told(found["profiles"])
    assert "OpenSSL" in told(found["cryptography"])
    assert sqlite3.sqlite_version in told(found["database"])
    assert "write-ahead journal works" in told(found["database"])


def test_vault_and_ledger_come_with_use(tree: Tree) -> None:
    found = by_subject(core_findings(tree.machine()))
    assert found["home"].state == "ok"
    assert "made when it is first used" in told(found["home"])
    assert (found["vault"].state, found["ledger"].state) == ("note", "note")
    assert "sscard keys init --test" in told(found["vault"])
    assert "sscard batch import" in told(found["ledger"])


def test_an_old_python() -> None:
    finding = checkup.python((3, 10, 12))
    assert finding.state == "missing"
    assert "install Python 3.11" in told(finding)


def test_profiles_that_do_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise InputError(Text("坏了", "damaged"), where=name)

    monkeypatch.setattr(profile, "load", fail)
    finding = checkup.package_data()
    assert finding.state == "missing"
    assert "damaged" in told(finding)
    assert "--force-reinstall" in told(finding)
    monkeypatch.setattr(profile, "available", tuple)
    assert checkup.package_data().state == "missing"


def test_triple_des_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm

    def refuse(key: bytes, data: bytes) -> bytes:
        raise UnsupportedAlgorithm("disabled for FIPS")

    monkeypatch.setattr(des, "encrypt", refuse)
    finding = checkup.cryptography()
    assert finding.state == "missing"
    assert "FIPS" in told(finding)


def test_a_drive_without_write_ahead_journal(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        def execute(self, statement: str) -> Network:
            return self

        def fetchone(self) -> tuple[str]:
            return ("delete",)

        def close(self) -> None: ...

    monkeypatch.setattr(sqlite3, "connect", lambda path: Network())
    finding = checkup.database(tree.machine())
    assert finding.state == "note"
    assert "journal mode delete" in told(finding)
    assert "SSCARD_HOME" in told(finding)


def test_a_home_that_cannot_be_written_to(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tree.root / "home").mkdir()
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    found = by_subject(core_findings(tree.machine()))
    assert found["home"].state == "missing"
    assert "Permission denied" in told(found["home"])
    assert found["database"].state == "ok", "said once is enough"


# -- the PC/SC service -------------------------------------------------------------------------


def test_no_pcscd_at_all(tree: Tree) -> None:
    found = service(tree)
    assert list(found) == ["pcscd program"]
    assert found["pcscd program"].state == "note"
    assert "apt-get install pcscd" in told(found["pcscd program"])


def test_pcscd_that_does_not_run(tree: Tree) -> None:
    tree.install_pcscd()
    found = service(tree)
    assert found["pcscd program"].state == "ok"
    assert "1.9.9, without polkit" in told(found["pcscd program"])
    assert found["pcscd process"].state == "note"
    assert "sudo pcscd" in told(found["pcscd process"])
    assert "is not there" in told(found["pcscd socket"])


def test_pcscd_with_polkit(tree: Tree) -> None:
    tree.install_pcscd(polkit="polkit ")
    assert "permission by polkit" in told(service(tree)["pcscd program"])


def test_pcscd_that_tells_nothing_about_itself(tree: Tree) -> None:
    tree.write("/usr/sbin/pcscd")
    finding = service(tree)["pcscd program"]
    assert (finding.state, finding.what.en) == ("ok", str(tree.root / "usr/sbin/pcscd"))


@pytest.fixture
def listener(tree: Tree) -> Iterator[socket.socket]:
    """The socket of a pcscd that answers."""
    path = tree.root / "run/pcscd/pcscd.comm"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server


@pytest.mark.usefixtures("listener")
def test_pcscd_that_runs(tree: Tree) -> None:
    tree.install_pcscd()
    tree.start_pcscd("--foreground")
    tree.write("/proc/1/comm", "init\n")
    tree.write("/proc/net/tcp", TABLE)
    found = service(tree)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert "pcscd 4711 (" in told(found["pcscd process"])
    assert "can be connected to" in told(found["pcscd socket"])


@pytest.mark.usefixtures("listener")
def test_a_log_with_commands_in_it(tree: Tree) -> None:
    tree.install_pcscd()
    for arguments in (("-f", "-a"), ("-fda",), ("--foreground", "--apdu")):
        tree.start_pcscd(*arguments)
        finding = service(tree)["pcscd process"]
        assert finding.state == "note"
        assert "PINs included" in told(finding)
    tree.start_pcscd("-f", "-c", "/a/a", "--auto-exit")
    assert service(tree)["pcscd process"].state == "ok"


def test_a_socket_that_was_left_behind(tree: Tree, listener: socket.socket) -> None:
    tree.install_pcscd()
    listener.close()
    finding = service(tree)["pcscd socket"]
    assert finding.state == "note"
    assert "nobody answers an earlier run left it behind; start it as root" in told(finding)
    tree.start_pcscd(pid=815)
    finding = service(tree)["pcscd socket"]
    assert "nobody answers restart it: sudo kill 815; sudo pcscd" in told(finding)


@pytest.mark.usefixtures("listener")
def test_a_socket_that_refuses(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    tree.install_pcscd()
    tree.start_pcscd()
    finding = service(tree)["pcscd socket"]
    assert finding.state == "note"
    assert "may not connect" in told(finding)


def test_another_socket_by_the_environment(tree: Tree, listener: socket.socket) -> None:
    tree.install_pcscd()
    tree.start_pcscd()
    tree.environment["PCSCLITE_CSOCK_NAME"] = str(tree.root / "other.comm")
    finding = service(tree)["pcscd socket"]
    assert finding.state == "note"
    assert "other.comm is not there" in told(finding)


UNITS = """Id=pcscd.socket
LoadState={load}
ActiveState={active}
UnitFileState=enabled

Id=pcscd.service
LoadState=loaded
ActiveState=inactive
UnitFileState=static
"""


@pytest.mark.parametrize(
    ("load", "active", "state", "words"),
    [
        ("loaded", "active", "ok", "pcscd.socket active (enabled), pcscd.service inactive"),
        ("masked", "inactive", "note", "sudo systemctl unmask pcscd.socket"),
        ("loaded", "failed", "note", "journalctl -u pcscd.socket"),
        ("not-found", "inactive", "ok", "pcscd.service inactive (static)"),
    ],
)
def test_systemd(load: str, active: str, state: str, words: str, tree: Tree) -> None:
    tree.install_pcscd()
    (tree.root / "run/systemd/system").mkdir(parents=True)
    tree.programs["systemctl"] = UNITS.format(load=load, active=active)
    found = service(tree)
    assert found["systemd"].state == state
    assert words in told(found["systemd"])
    assert "systemctl enable --now pcscd.socket" in told(found["pcscd process"])


@pytest.mark.usefixtures("listener")
def test_systemd_starts_the_service_when_it_is_needed(tree: Tree) -> None:
    tree.install_pcscd()
    (tree.root / "run/systemd/system").mkdir(parents=True)
    tree.programs["systemctl"] = UNITS.format(load="loaded", active="active")
    finding = service(tree)["pcscd process"]
    assert finding.state == "ok"
    assert "started when it is needed" in told(finding)


def test_systemd_that_does_not_answer(tree: Tree) -> None:
    tree.install_pcscd()
    (tree.root / "run/systemd/system").mkdir(parents=True)
    assert "systemd" not in service(tree)


@pytest.mark.parametrize(
    ("printed", "state"),
    [("        STATE              : 4  RUNNING", "ok"), ("  STATE : 1  STOPPED", "note")],
)
def test_the_service_of_windows(printed: str, state: str, tree: Tree) -> None:
    tree.system = "win32"
    tree.programs["sc"] = printed
    found = service(tree)
    assert list(found) == ["service"]
    assert found["service"].state == state


def test_macos_starts_its_service_itself(tree: Tree) -> None:
    tree.system = "darwin"
    assert service(tree) == {}


# -- the virtual reader ------------------------------------------------------------------------


def test_no_virtual_reader(tree: Tree) -> None:
    found = vpcd(tree)
    assert list(found) == ["vpcd driver"]
    assert "apt-get install vsmartcard-vpcd" in told(found["vpcd driver"])


def test_a_driver_that_is_in_no_configuration(tree: Tree) -> None:
    tree.install_vpcd()
    (tree.root / "etc/reader.conf.d/vpcd").unlink()
    found = vpcd(tree)
    assert found["vpcd driver"].state == "ok"
    assert "no vpcd in" in told(found["vpcd configuration"])


@pytest.mark.parametrize(
    ("table", "address", "state"),
    [
        ("tcp", ANY, "note"),
        ("tcp", LOOPBACK, "ok"),
        ("tcp6", ANY_6, "note"),
        ("tcp6", LOOPBACK_6, "ok"),
    ],
)
def test_ports_of_the_virtual_reader(table: str, address: str, state: str, tree: Tree) -> None:
    tree.install_vpcd()
    tree.start_pcscd()
    rows = [
        (address, 35963, LISTENING),
        (address, 35964, LISTENING),
        (address, 35963, CONNECTED),
        (address, 35964, OVER),
        (address, 22, CONNECTED),
    ]
    tree.open_ports(*rows, table=table)
    found = vpcd(tree)
    assert "Virtual PCD 35963–35964 (vpcd)" in told(found["vpcd configuration"])
    assert found["vpcd ports"].state == state
    assert "35963, 35964; virtual cards inserted: 1" in told(found["vpcd ports"])
    assert ("firewall" in told(found["vpcd ports"])) == (state == "note")


def test_ports_on_which_nobody_listens(tree: Tree) -> None:
    tree.install_vpcd()
    tree.start_pcscd()
    tree.open_ports((ANY, 35963, LISTENING))
    finding = vpcd(tree)["vpcd ports"]
    assert finding.state == "note"
    assert "nobody listens on 35964 restart pcscd" in told(finding)


def test_a_port_that_another_program_has(tree: Tree) -> None:
    tree.install_vpcd()
    tree.open_ports((LOOPBACK, 35964, LISTENING))
    finding = vpcd(tree)["vpcd ports"]
    assert finding.state == "note"
    assert "35964 taken by another program" in told(finding)
    assert "ss -ltnp 'sport = :35964'" in told(finding)
    tree.open_ports()
    assert "vpcd ports" not in vpcd(tree)


def test_the_running_service_may_have_another_configuration(tree: Tree) -> None:
    tree.install_vpcd()
    own = tree.write("/srv/own", VPCD.replace("0x8C7B", "40000"))
    for arguments in (
        ("-c", str(own)),
        ("--config", str(own)),
        (f"-c{own}",),
        (f"--config={own}",),
    ):
        tree.start_pcscd("-f", *arguments)
        assert "Virtual PCD 40000–40001 (own)" in told(vpcd(tree)["vpcd configuration"])
    (tree.root / "proc/4711/cwd").symlink_to(tree.root / "srv")
    tree.start_pcscd("-c", "own")
    assert "Virtual PCD 40000–40001 (own)" in told(vpcd(tree)["vpcd configuration"])


COPY = VPCD.replace("libifdvpcd.so", "libifdvpcd2.so")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (VPCD.replace("libifdvpcd.so", "libifdvpcd9.so"), "correct LIBPATH"),
        (VPCD.replace("/dev/null", "127.0.0.1"), "reversed mode, which kills pcscd"),
        (VPCD + VPCD.replace("0x8C7B", "0x8C7D"), "a copy of the driver of its own"),
        (VPCD + COPY.replace("0x8C7B", "0x8C7C"), "ports of the entries overlap"),
    ],
)
def test_known_mistakes_of_a_configuration(entries: str, words: str, tree: Tree) -> None:
    tree.install_vpcd()
    tree.write("/usr/lib/pcsc/drivers/serial/libifdvpcd2.so")
    tree.write("/etc/reader.conf.d/vpcd", entries)
    finding = vpcd(tree)["vpcd configuration"]
    assert finding.state == "note"
    assert words in told(finding)


def test_copies_of_the_driver_two_ports_apart(tree: Tree) -> None:
    tree.install_vpcd()
    tree.write("/usr/lib/pcsc/drivers/serial/libifdvpcd2.so")
    tree.write("/etc/reader.conf.d/two", COPY.replace("0x8C7B", "0x8C7D"))
    finding = vpcd(tree)["vpcd configuration"]
    assert finding.state == "ok"
    assert "35963–35964 (vpcd)" in told(finding)
    assert "35965–35966 (two)" in told(finding)


@pytest.mark.parametrize(
    "name", ["vpcd~", "vpcd.bak", "vpcd.swp", "#vpcd#", "vpcd.dpkg-old", "vpcd.orig", "vpcd.save"]
)
def test_backups_are_read_by_pcscd_as_well(name: str, tree: Tree) -> None:
    tree.install_vpcd()
    tree.write(f"/etc/reader.conf.d/{name}", VPCD)
    found = vpcd(tree)
    assert found["vpcd backups"].state == "note"
    assert name in told(found["vpcd backups"])
    assert found["vpcd configuration"].state == "ok", "the backup is one mistake, not two"


def test_what_pcscd_reads_of_a_folder(tree: Tree) -> None:
    tree.install_vpcd()
    folder = tree.root / "etc/reader.conf.d"
    tree.write("/etc/reader.conf.d/.hidden", VPCD)
    tree.write("/etc/reader.conf.d/below/vpcd", VPCD)
    (folder / "link").symlink_to(folder / "vpcd")
    tree.write("/etc/reader.conf.d/libccidtwin", '#FRIENDLYNAME "GemPC"\n# LIBPATH /x.so\n')
    tree.write("/etc/reader.conf.d/serial", "FRIENDLYNAME Twin\nDEVICENAME /dev/ttyS0\n"
               "LIBPATH /usr/lib/twin.so\n")  # fmt: skip
    entries = read_configuration(folder)
    assert [(entry.file.name, entry.name, entry.is_virtual) for entry in entries] == [
        ("serial", "Twin", False),
        ("vpcd", "Virtual PCD", True),
    ]
    assert read_configuration(folder / "none") == ()


# -- readers and programs ----------------------------------------------------------------------


@pytest.fixture
def binding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binding that is installed."""
    monkeypatch.setattr(checkup_readers, "load_scard", object)
    monkeypatch.setattr(metadata, "version", lambda name: f"9.9 of {name}")


FOUND = (
    ReaderState("ACME 00 00", 0, "present", in_use=True, exclusive=False, atr=b"\x3b\x00"),
    ReaderState("ACME SAM", 1, "absent", in_use=False, exclusive=False, atr=b""),
)


def readers(tree: Tree, look: Callable[[], tuple[ReaderState, ...]]) -> dict[str, Finding]:
    return by_subject(reader_findings(tree.machine(), look))


@pytest.mark.usefixtures("binding")
def test_readers_and_their_cards(tree: Tree) -> None:
    tree.environment["SSCARD_PSAM"] = "sam"
    found = readers(tree, lambda: FOUND)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert told(found["binding"]).strip() == "pyscard 9.9 of pyscard"
    lines = found["readers"].what.en.splitlines()
    assert lines == ["1  ACME 00 00  card, in use", "2  ACME SAM  PSAM, empty"]
    assert "ACME SAM" in told(found["psam"])


@pytest.mark.usefixtures("binding")
def test_no_readers(tree: Tree) -> None:
    finding = readers(tree, tuple)["readers"]
    assert finding.state == "note"
    assert "lsusb" in told(finding)


@pytest.mark.usefixtures("binding")
@pytest.mark.parametrize(
    ("setting", "words"), [("Gemalto", "no reader is called Gemalto"), ("acme", "fits 2 readers")]
)
def test_a_psam_setting_that_does_not_fit(setting: str, words: str, tree: Tree) -> None:
    tree.environment["SSCARD_PSAM"] = setting
    finding = readers(tree, lambda: FOUND)["psam"]
    assert finding.state == "note"
    assert words in told(finding)


@pytest.mark.usefixtures("binding")
def test_a_service_that_refuses(tree: Tree) -> None:
    def look() -> tuple[ReaderState, ...]:
        raise AccessDenied(Text("拒绝", "denied"), hint=Text("polkit 规则", "a rule for polkit"))

    finding = readers(tree, look)["readers"]
    assert finding.state == "note"
    assert told(finding) == "denied a rule for polkit"


@pytest.mark.usefixtures("binding")
def test_other_programs_that_use_pcsc(tree: Tree) -> None:
    tree.write("/proc/77/comm", "scdaemon\n")
    tree.write("/proc/77/maps", "7f00 r-xp /usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0\n")
    finding = readers(tree, lambda: FOUND)["holders"]
    assert finding.state == "note"
    assert "scdaemon (pid 77)" in told(finding)
    tree.system = "darwin"
    assert "holders" not in readers(tree, lambda: FOUND)


# -- programs ----------------------------------------------------------------------------------


def test_a_program_that_fails_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_program([sys.executable, "-c", "print('well')"]) == f"well{os.linesep}"
    assert run_program([sys.executable, "-c", "print('bad'); exit(1)"]) is None
    assert run_program(["/nowhere/program"]) is None
    monkeypatch.setattr(checkup, "_SECONDS", 0.05)
    assert run_program([sys.executable, "-c", "import time; time.sleep(60)"]) is None
