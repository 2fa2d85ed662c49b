"""``sscard audit``: what an auditor sees and takes away."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import FixedClock, Secret
from sscard_ic.base.authority import AuditEvent
from sscard_ic.cli import root
from sscard_ic.ledger import Ledger, operators

PASSWORD = "a good password"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four deeds on two days, local time; to be copied."""
    path = tmp_path_factory.mktemp("audit") / "ledger.db"
    deeds = [
        (20, AuditEvent("key.generate", "RKSSSE 01", ("li", "王芳"), detail={"place": "vault"})),
        (20, AuditEvent("batch.run", "b\x1b[2J1", ("wang",))),
        (21, AuditEvent("key.destroy", "RKSSSE 01", ("li",), "failed", {"error": "VaultError"})),
        (21, AuditEvent("authorise.refused", "RKSSSE 01", ("-",), "refused")),
    ]
    for day, event in deeds:
        clock = FixedClock(datetime(2026, 11, day, 12).astimezone())
        with Ledger.open(path, clock=clock) as ledger:
            ledger.audit.record(event)
    return path


@pytest.fixture(autouse=True)
def ledger_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: Path) -> Path:
    monkeypatch.setattr(operators, "SCRYPT", operators.Scrypt(n=2, r=1, p=1))
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path))
    monkeypatch.setenv("SSCARD_LANG", "en")
    monkeypatch.setenv("COLUMNS", "250")
    for name in ("", "_PASSWORD", "_PASSWORD_FILE"):
        monkeypatch.delenv(f"SSCARD_OPERATOR{name}", raising=False)
    shutil.copyfile(written, tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


def run(
    *arguments: str, typed: str = "", code: int = 0, env: Mapping[str, str | None] | None = None
) -> Result:
    result = CliRunner().invoke(root, ["audit", *arguments], input=typed, env=env)
    assert result.exit_code == code, result.output
    assert not result.exception or isinstance(result.exception, SystemExit)
    return result


def entries(*arguments: str) -> list[dict[str, Any]]:
    found = json.loads(run("list", *arguments, "--json").stdout)["entries"]
    assert isinstance(found, list)
    return found


def tamper(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        for name in ("audit_no_update", "audit_no_delete"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        raw.execute(statement)
        raw.commit()


# -- list ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [1, 2, 3, 4]),
        (("--action", "key"), [1, 3]),
        (("--action", "key.destroy"), [3]),
        (("--actor", "li"), [1, 3]),
        (("--since", "2026-11-21"), [3, 4]),
        (("--until", "2026-11-20"), [1, 2]),
        (("--since", "2026-11-20", "--until", "2026-11-21", "--last", "3"), [2, 3, 4]),
        (("--actor", "li", "--last", "1"), [3]),
        (("--actor", "nobody"), []),
    ],
)
def test_entries_are_listed_and_chosen(options: tuple[str, ...], numbers: list[int]) -> None:
    assert [entry["seq"] for entry in entries(*options)] == numbers


def test_the_table() -> None:
    table = run("list").stdout
    assert re.search(r"1 +2026-11-20 12:00:00 +li, 王芳 +key.generate +RKSSSE 01 +done", table)
    assert "failed   error=VaultError" in table
    assert "\x1b" not in table
    assert "refused" in table
    chinese = run("list", env={"SSCARD_LANG": "zh"}).stdout
    assert "人员" in chinese
    assert "失败" in chinese


def test_json_has_everything() -> None:
    first = entries()[0]
    assert set(first) == {
        *("seq", "at", "action", "subject", "actors", "outcome", "detail"),
        *("host", "clock", "program", "prev", "hash"),
    }
    assert first["actors"] == ["li", "王芳"]
    assert first["detail"] == {"place": "vault"}
    assert entries()[1]["prev"] == first["hash"]


def test_usage_errors() -> None:
    assert "2026" in run("list", "--since", "2026-13-01", code=2).stderr
    assert run("list", "--last", "0", code=2).stdout == ""


@pytest.mark.parametrize(
    "option",
    [
        ("--until", "9999-12-31"),
        ("--since", "9999-12-31"),
        ("--since", "0001-01-01"),
        ("--until", "1969-12-31"),
    ],
)
def test_days_that_no_log_knows(option: tuple[str, str]) -> None:
    assert "not within 1970-01-01 to 9998-12-31" in run("list", *option, code=2).stderr


def test_the_limits_of_a_list() -> None:
    assert len(entries("--since", "1970-01-01", "--until", "9998-12-31")) == 4
    assert len(entries("--last", str(2**31 - 1))) == 4
    assert "--last" in run("list", "--last", "9" * 30, code=2).stderr


# -- verify --------------------------------------------------------------------------------


def test_a_whole_log(ledger_file: Path) -> None:
    result = run("verify")
    head = result.stdout.strip()
    assert head == f"4:{entries()[3]['hash']}"
    assert "the audit log is whole: 4 entries" in result.stderr
    told = json.loads(run("verify", "--head", head, "--json").stdout)
    assert told == {"whole": True, "entries": 4, "head": head, "broken": None}


def test_a_broken_log(ledger_file: Path) -> None:
    tamper(ledger_file, "UPDATE audit SET actors = '[\"zhao\"]' WHERE seq = 2")
    result = run("verify", code=1)
    assert result.stdout == ""
    assert "the content or the hash of entry 2 has been altered" in result.stderr
    assert "第 2 条的内容或哈希已被改动" in run("verify", env={"SSCARD_LANG": "zh"}, code=1).stderr
    told = json.loads(run("verify", "--json", code=1).stdout)
    assert (told["whole"], told["entries"]) == (False, 1)
    assert (told["broken"]["seq"], told["broken"]["kind"]) == (2, "altered")


def test_entries_cut_off_show_against_a_head(ledger_file: Path) -> None:
    head = run("verify").stdout.strip()
    tamper(ledger_file, "DELETE FROM audit WHERE seq > 2")
    run("verify")
    assert "entries 3 to 4 are missing" in run("verify", "--head", head, code=1).stderr


@pytest.mark.parametrize("head", ["4", "4:12", "x:" + "0" * 64])
def test_what_is_no_head(head: str) -> None:
    assert "SEQ:HASH" in run("verify", "--head", head, code=2).stderr


def test_a_ledger_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    for arguments in (("verify",), ("list",), ("export", str(tmp_path / "x"))):
        result = run(*arguments, "--ledger", str(missing), code=1)
        assert "there is no ledger" in result.stderr
        assert not missing.exists()


def test_an_entry_without_sense(ledger_file: Path) -> None:
    tamper(ledger_file, "UPDATE audit SET detail = '{' WHERE seq = 2")
    assert "run sscard audit verify" in run("list", code=1).stderr


# -- export --------------------------------------------------------------------------------


def test_the_export_stands_on_its_own(tmp_path: Path) -> None:
    """Read and checked with nothing but JSON and SHA-256."""
    file = tmp_path / "log.jsonl"
    told = json.loads(run("export", str(file), "--json").stdout)

    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600
    first, *lines, last = file.read_bytes().splitlines()
    assert json.loads(first)["format"] == "sscard-audit-1"
    previous = "0" * 64
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        text = re.sub(rb',"hash":"[0-9a-f]{64}"}$', b"}", line)
        assert hashlib.sha256(text).hexdigest() == entry["hash"]
        assert (entry["seq"], entry["prev"]) == (number, previous)
        previous = entry["hash"]
    assert json.loads(last) == {"head": {"seq": 4, "hash": previous}}
    assert told == {"file": str(file), "entries": 4, "head": f"4:{previous}", "broken": None}
    run("verify", "--head", told["head"])


def test_the_export_is_recorded(tmp_path: Path) -> None:
    head = run("verify").stdout.strip()
    run("export", str(tmp_path / "log.jsonl"))
    (entry,) = entries("--action", "audit.export")
    assert (entry["seq"], entry["actors"], entry["outcome"]) == (5, ["-"], "done")
    assert (entry["subject"], entry["detail"]) == ("log.jsonl", {"head": head, "whole": "yes"})


def test_a_broken_log_is_exported_as_it_is(ledger_file: Path, tmp_path: Path) -> None:
    tamper(ledger_file, "UPDATE audit SET subject = x'FF' WHERE seq = 2")
    file = tmp_path / "log.jsonl"
    result = run("export", str(file))
    assert "the audit log is broken" in result.stderr
    assert b'"subject":"\xff"' in file.read_bytes()
    assert entries("--last", "1")[0]["detail"]["whole"] == "no"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"mine")
    assert "is not overwritten" in run("export", str(file), code=1).stderr
    assert file.read_bytes() == b"mine"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    assert "is not overwritten" in run("export", str(link), code=1).stderr
    assert len(entries()) == 4


def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    result = run("export", str(tmp_path / "no" / "log.jsonl"), code=1)
    assert "cannot be written" in result.stderr
    assert len(entries()) == 4


def test_a_failed_export_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sscard_ic.cli.audit.os.fsync", full)
    file = tmp_path / "log.jsonl"
    assert "No space left" in run("export", str(file), code=1).stderr
    assert not file.exists()
    (entry,) = entries("--action", "audit.export")
    assert (entry["outcome"], entry["detail"]["error"]) == ("failed", "OSError")


def test_an_export_that_cannot_be_recorded_leaves_no_file(
    ledger_file: Path, tmp_path: Path
) -> None:
    tamper(
        ledger_file,
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    file = tmp_path / "log.jsonl"
    assert "does not take entry 5" in run("export", str(file), code=1).stderr
    assert not file.exists()


def test_auditors_and_supervisors_export(ledger_file: Path, tmp_path: Path) -> None:
    with Ledger.open(ledger_file) as ledger:
        for name, role in (("chief", "supervisor"), ("zhao", "auditor"), ("li", "operator")):
            ledger.operators.add(name, [role], Secret(PASSWORD.encode()))  # type: ignore[list-item]
    for name in ("chief", "zhao"):
        run("export", str(tmp_path / name), typed=f"{name}\n{PASSWORD}\n")
        assert entries("--last", "1")[0]["actors"] == [name]

    result = run("export", str(tmp_path / "li"), typed=f"li\n{PASSWORD}\n" * 3, code=1)
    assert "li is no auditor or supervisor" in result.stderr
    assert not (tmp_path / "li").exists()
    run("verify")  # anybody
