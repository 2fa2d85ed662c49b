"""``sscard doctor``: its findings on machines that the tests make up."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cli.made_up_machine import Tree, by_subject, close_folder, told

from sscard_ic import profile
from sscard_ic.base import InputError, Secret, Text
from sscard_ic.cli import checkup, checkup_readers, doctor, root
from sscard_ic.cli.checkup import Finding, Machine, core_findings, run_program
from sscard_ic.cli.checkup_keys import key_findings
from sscard_ic.cli.checkup_ledger import ledger_findings
from sscard_ic.cli.checkup_readers import reader_findings
from sscard_ic.crypto import des
from sscard_ic.keys import create_test_vault
from sscard_ic.ledger import Ledger
from sscard_ic.reader.errors import AccessDenied, BindingMissing
from sscard_ic.reader.pcsc import ReaderState

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
    assert "9 ok, 5 notes, 0 missing." in result.stdout
    lines = result.stdout.splitlines()
    assert any(line.startswith("note  PC/SC binding") and "not there" in line for line in lines)
    assert any(line.strip() == "→ install it" for line in lines)
    chinese = sscard("--lang", "zh", "doctor", SSCARD_HOME=str(tmp_path)).stdout
    assert "正常 9 项，提示 5 项，缺失 0 项。" in chinese


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


@pytest.mark.usefixtures("nothing_outside")
@pytest.mark.parametrize(
    ("folder", "subject", "state"),
    [
        ("home", "home", "missing"),
        ("pcscd", "pcscd socket", "note"),
        ("etc/reader.conf.d", "vpcd", "note"),
    ],
)
def test_a_closed_folder_is_a_finding(
    folder: str, subject: str, state: str, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.install_pcscd()
    tree.install_vpcd()
    tree.environment["PCSCLITE_CSOCK_NAME"] = str(tree.write("/pcscd/own.comm"))
    (tree.root / "home" / "data").mkdir(parents=True)
    close_folder(tree.root / folder, monkeypatch)
    result = sscard("doctor", "--json", SSCARD_HOME=str(tree.root / "home" / "data"))
    assert result.exit_code == (state == "missing"), result.output
    findings = {f["subject"]: f for f in json.loads(result.stdout)["findings"]}
    assert findings[subject]["state"] == state
    assert (
        "ermission denied" in findings[subject]["message"]
        or "may not" in findings[subject]["message"]
    )
    assert findings[subject]["hint"]
    assert "binding" in findings, "the others go on"


def test_the_real_machine_is_examined(tmp_path: Path) -> None:
    """Whatever is installed here: there is a report, and the core of it is well."""
    result = sscard("doctor", "--json", SSCARD_HOME=str(tmp_path))
    assert result.exit_code == 0, result.output
    subjects = [finding["subject"] for finding in json.loads(result.stdout)["findings"]]
    assert subjects[:9] == [
        "python", "profiles", "cryptography", "database", "home", "ledger", "settings", "vault",
        "derived keys",
    ]  # fmt: skip
    assert "binding" in subjects


# -- the core ----------------------------------------------------------------------------------


def own_findings(machine: Machine) -> Iterator[Finding]:
    """The core with what a person brings to it: ledger, settings, keys."""
    yield from core_findings(machine)
    yield from ledger_findings(machine)
    yield from key_findings(machine)


def test_a_core_that_works(tree: Tree) -> None:
    create_test_vault(tree.root / "home" / "vault.json", Secret(b"a passphrase"), {})
    Ledger.open(
        tree.root / "home" / "ledger.db",
    ).close()
    found = by_subject(own_findings(tree.machine()))
    assert {finding.state for finding in found.values()} == {"ok"}
    count = sum(info.kind in ("national", "region") for info in profile.available())
    assert f"{count} profiles" in told(found["profiles"])
    assert "OpenSSL" in told(found["cryptography"])
    assert sqlite3.sqlite_version in told(found["database"])
    assert "write-ahead journal works" in told(found["database"])


def test_vault_and_ledger_come_with_use(tree: Tree) -> None:
    found = by_subject(own_findings(tree.machine()))
    assert found["home"].state == "ok"
    assert "made when it is first used" in told(found["home"])
    assert (found["vault"].state, found["ledger"].state) == ("note", "note")
    assert "sscard keys init --test" in told(found["vault"])
    assert "sscard batch import" in told(found["ledger"])


@pytest.mark.parametrize("name", ["vault.json", "ledger.db"])
def test_vault_and_ledger_that_are_none(name: str, tree: Tree) -> None:
    tree.write(f"/home/{name}", random.Random(7).randbytes(3000))
    finding = by_subject(own_findings(tree.machine()))[name.partition(".")[0]]
    assert finding.state == "missing"
    assert f"{name} is no " in told(finding)
    assert "restore it from a backup" in told(finding)
    (tree.root / "home" / name).unlink()
    (tree.root / "home" / name).mkdir()
    assert by_subject(own_findings(tree.machine()))[name.partition(".")[0]].state == "missing"


def test_a_vault_that_was_cut_off(tree: Tree) -> None:
    path = tree.root / "home" / "vault.json"
    create_test_vault(path, Secret(b"a passphrase"), {})
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    cut = b"".join((lines[0], lines[1][:-8], *lines[2:]))
    for raw in (whole[:-3], b"", whole + b"\n", cut, whole.replace(b'"aes"', b'"AES"')):
        tree.write("/home/vault.json", raw)
        assert by_subject(own_findings(tree.machine()))["vault"].state == "missing"


def test_a_ledger_in_which_nothing_is_yet(tree: Tree) -> None:
    """As a program leaves it that was killed while it made one: opened, it is completed."""
    path = tree.write("/home/ledger.db")
    assert by_subject(own_findings(tree.machine()))["ledger"].state == "ok"
    Ledger.open(path).close()


def test_the_journal_is_tried_where_the_ledger_will_lie(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    connect = sqlite3.connect

    def note(path: Path) -> sqlite3.Connection:
        tried.append(path.parent.parent)
        return connect(path)

    monkeypatch.setattr(sqlite3, "connect", note)
    assert checkup.database(tree.machine()).state == "ok"
    (tree.root / "home").mkdir()
    assert checkup.database(tree.machine()).state == "ok"
    assert tried == [tree.root, tree.root / "home"]


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
    assert found["database"].state == "note"
    assert "could not be tried: [Errno 13]" in told(found["database"])


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
    assert {name for name, finding in found.items() if finding.state != "ok"} == {"psam"}
    assert told(found["binding"]).strip() == "pyscard 9.9 of pyscard"
    lines = found["readers"].what.en.splitlines()
    assert lines == ["1  ACME 00 00  card, in use", "2  ACME SAM  PSAM, empty"]
    assert "ACME SAM: empty" in told(found["psam"])


@pytest.mark.usefixtures("binding")
def test_a_psam_in_its_reader(tree: Tree) -> None:
    tree.environment["SSCARD_PSAM"] = "sam"
    sam = ReaderState("ACME SAM", 1, "present", in_use=False, exclusive=False, atr=b"\x3b\x00")
    finding = readers(tree, lambda: (FOUND[0], sam))["psam"]
    assert finding.state == "ok"
    assert told(finding).strip() == "ACME SAM"


@pytest.mark.usefixtures("binding")
def test_a_psam_that_needs_no_reader(tree: Tree) -> None:
    tree.environment["SSCARD_PSAM"] = "virtual:psam.img"
    assert "psam" not in readers(tree, lambda: FOUND)


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
