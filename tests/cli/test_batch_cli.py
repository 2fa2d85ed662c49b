"""``sscard batch``: the commands as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import Secret
from sscard_ic.base.resources import samples_dir
from sscard_ic.cli import root
from sscard_ic.issuance.prepare import CardResult, PreparedCard
from sscard_ic.keys import SoftwareVault, create_test_vault
from sscard_ic.ledger import CardState, Ledger, Step
from sscard_ic.profile import load

BATCHES = samples_dir() / "batches"
NAME = "dalian-210200-20261121-001"
CSV, BANK, DEFECTS = (
    str(BATCHES / name) for name in (f"{NAME}.csv", f"{NAME}.bank.txt", "dalian-defects.csv")
)
DEFECTS_DAY = ("--date", "2026-11-21")


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("batch") / "vault.json"
    create_test_vault(path, Secret(b"correct horse"), load("dalian").keys)
    return path


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vault: Path) -> Path:
    """A home with a vault; the width of a terminal that shows whole sentences."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "vault.json").write_bytes(vault.read_bytes())
    monkeypatch.setenv("SSCARD_HOME", str(folder))
    monkeypatch.setenv("SSCARD_PASSPHRASE", "correct horse")
    monkeypatch.setenv("SSCARD_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def run(*arguments: str, code: int = 0, env: Mapping[str, str | None] | None = None) -> Result:
    result = CliRunner().invoke(root, ["batch", *arguments], env=env)
    assert result.exit_code == code, result.output
    return result


def in_json(*arguments: str, code: int = 0) -> dict[str, object]:
    value = json.loads(run(*arguments, "--json", code=code).stdout)
    assert isinstance(value, dict)
    return value


def finish(home: Path, batch: str) -> None:
    """Pretend that a station has made the prepared cards."""
    service = SoftwareVault.open(home / "vault.json", Secret(b"correct horse"))
    with Ledger.open(home / "ledger.db", service.sealer(), service) as ledger:
        for card in ledger.cards_of(batch, (CardState.PREPARED,)):
            blob = ledger.plan(card.id)
            assert blob is not None
            plan = PreparedCard.from_json(blob)
            result = CardResult.of(b"\x3b\x6d\x00\x00" + plan.historical, plan.items)
            ledger.store_result(card.id, result.to_json())
            ledger.complete(
                card.id, Step.VERIFY, CardState.VERIFIED, station="station 1", chip_serial=bytes(6)
            )


def test_check_needs_no_vault_and_changes_nothing(home: Path) -> None:
    (home / "vault.json").unlink()
    assert in_json("check", CSV, "--profile", "dalian") == {"accepted": 200, "refused": []}
    result = run("check", DEFECTS, "--profile", "dalian", *DEFECTS_DAY, code=3)

    assert "used twice in this file (rows 11 and 12)" in result.stdout
    assert "batch of 2026-11-21: 2 rows accepted, 14 refused" in result.stderr
    assert list(home.iterdir()) == []


def test_check_in_json_names_every_defect() -> None:
    expected = (BATCHES / "dalian-defects.expected.tsv").read_text().splitlines()
    found = in_json("check", DEFECTS, "--profile", "dalian", *DEFECTS_DAY, code=3)

    refused = found["refused"]
    assert isinstance(refused, list)
    assert found["accepted"] == 2
    assert [f"{entry['row']}\t{entry['reason']}" for entry in refused] == expected
    assert all(set(entry) == {"row", "seq", "field", "reason", "message"} for entry in refused)


def test_check_speaks_chinese() -> None:
    result = run(
        "check", DEFECTS, "--profile", "dalian", *DEFECTS_DAY, code=3, env={"SSCARD_LANG": "zh"}
    )
    assert "未满 16 周岁但无监护人" in result.stdout
    assert "接受 2 行，拒绝 14 行" in result.stderr


@pytest.mark.parametrize(
    ("file", "profile", "message"),
    [
        (str(BATCHES), "dalian", "directory"),
        ("missing.csv", "dalian", "missing.csv"),
        (CSV, "national/2.00", "no issuing region"),
        (str(BATCHES / "dalian-defects.expected.tsv"), "dalian", "known formats"),
    ],
)
def test_what_cannot_be_checked(file: str, profile: str, message: str) -> None:
    assert message in run("check", file, "--profile", profile, code=1).stderr


def test_photos_and_date_may_be_given(tmp_path: Path) -> None:
    run("check", CSV, "--profile", "dalian", "--photos", str(samples_dir() / "photos"))
    missing = run("check", CSV, "--profile", "dalian", "--photos", str(tmp_path), code=3)
    assert "photo (PHOTO) file missing" in missing.stdout
    early = in_json("check", CSV, "--profile", "dalian", "--date", "20240101", code=3)
    assert "AAC006 is after the date of the batch" in str(early["refused"])


def test_import_once(home: Path) -> None:
    first = run("import", CSV, "--profile", "dalian")
    assert f"imported as batch {NAME}" in first.stderr
    content = (home / "ledger.db").read_bytes()

    again = run("import", CSV, "--profile", "dalian")
    assert "imported as batch" in again.stderr and "already" in again.stderr
    assert in_json("import", CSV, "--profile", "dalian")["already_imported"] is True
    bank = in_json("import", BANK, "--profile", "dalian", code=3)
    assert (bank["batch"], bank["accepted"]) == (None, 0)
    assert str(bank["refused"]).count(f"already ordered in batch {NAME} row") == 100
    assert "nothing was imported" in run("import", BANK, "--profile", "dalian", code=3).stderr
    assert (home / "ledger.db").read_bytes() == content


def test_from_file_to_return_file(home: Path, tmp_path: Path) -> None:
    imported = in_json("import", DEFECTS, "--profile", "dalian", *DEFECTS_DAY, code=3)
    assert (imported["batch"], imported["accepted"]) == ("dalian-defects", 2)
    prepared = in_json("prepare", "dalian-defects")
    assert prepared == {"batch": "dalian-defects", "prepared": 2, "failed": []}
    assert "0 cards prepared" in run("prepare", "dalian-defects").stderr
    assert in_json("status", "dalian-defects")["serials"] == {"allotted": 2}
    in_work = run("return", "dalian-defects", "--out", str(tmp_path), code=1)
    assert "2 of 16 cards" in in_work.stderr
    partial = in_json("return", "dalian-defects", "--out", str(tmp_path), "--partial")
    assert (partial["good"], partial["unfinished"]) == (0, 2)

    finish(home, "dalian-defects")
    assert in_json("status", "dalian-defects")["serials"] == {"used": 2}
    assert "serial numbers: used 2\n" in run("status", "dalian-defects").stdout
    result = run("return", "dalian-defects", "--out", str(tmp_path))
    assert "2 good, 14 failed, 0 not finished" in result.stderr
    assert "minor (below 16) without guardian" in result.stdout
    text = (tmp_path / "dalian-defects.return.csv").read_bytes().decode("gb18030")
    assert len(text.splitlines()) == 17


def test_status_needs_no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    run("import", DEFECTS, "--profile", "dalian", *DEFECTS_DAY, code=3)
    monkeypatch.delenv("SSCARD_PASSPHRASE")

    table = run("status").stdout
    assert "dalian-defects" in table and "refused 14, accepted 2" in table
    assert "AAC003" in run("status", "dalian-defects").stdout
    one = in_json("status", "dalian-defects")
    assert one["states"] == {"refused": 14, "accepted": 2}
    assert one["serials"] == {}
    assert (one["rows"], one["date"], one["profile"]) == (16, "2026-11-21", "regions/dalian")
    assert isinstance(one["failed"], list) and len(one["failed"]) == 14
    everything = in_json("status")["batches"]
    assert isinstance(everything, list) and len(everything) == 1


def test_what_is_missing_is_said(home: Path) -> None:
    assert "there is no ledger" in run("status", code=1).stderr
    assert "there is no ledger" in run("prepare", NAME, code=1).stderr
    run("import", CSV, "--profile", "dalian")
    unknown = run("prepare", "other", code=1).stderr
    assert "no batch other" in unknown and NAME in unknown
    (home / "vault.json").unlink()
    assert "there is no vault" in run("return", NAME, code=1).stderr


def test_a_lost_photo_is_told_by_row(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for file in (samples_dir() / "photos").iterdir():
        (photos / file.name).write_bytes(file.read_bytes())
    options = ("--photos", str(photos), *DEFECTS_DAY)
    run("import", DEFECTS, "--profile", "dalian", *options, code=3)
    (photos / "portrait-01.jpg").unlink()

    assert "row 16: file unreadable" in run("prepare", "dalian-defects", code=3).stderr
    lost = in_json("prepare", "dalian-defects", code=3)
    assert lost["failed"] == [{"row": 16, "message": "file unreadable"}]
