"""``sscard profile``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.base.resources import profiles_dir
from sscard_ic.cli import root


@pytest.fixture(autouse=True)
def wide_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str, lang: str = "en") -> Result:
    return CliRunner().invoke(root, ["--lang", lang, "profile", *arguments])


def test_list() -> None:
    result = run("list")
    assert result.exit_code == 0
    for word in ("regions/dalian", "national/3.00", "cos/t514", "Dalian (test)"):
        assert word in result.stdout
    assert "大连市（测试）" in run("list", lang="zh").stdout


def test_list_as_json() -> None:
    infos = json.loads(run("list", "--json").stdout)
    assert {"name": "national/codes", "kind": "codes", "zh": "国家代码表",
            "en": "national code tables"} in infos  # fmt: skip


def test_show_names_identity_files_rules_items_and_keys() -> None:
    shown = run("show", "urumqi").stdout
    for words in (
        "650100 Urumqi",
        "SSSE.EF06 cardholder basic data",
        "read RKSSSE · update UKSSSE",
        "社会保障号码",
        "read PIN or RK1DF01",
        "card maker",
    ):
        assert words in shown
    assert "读 PIN 或 RK1DF01" in run("show", "urumqi", lang="zh").stdout


def test_show_as_json() -> None:
    card = json.loads(run("show", "dalian", "--json").stdout)
    assert card["region"]["issuer"]["division_code"] == "210200"
    assert card["region"]["identity"]["historical_prefix"] == "00814842428653"
    assert [directory["fid"] for directory in card["directories"]] == ["3F00", "DDF1", "DF01"]
    items = card["directories"][2]["files"][6]["items"]
    assert items[1]["path"] == "DF01.EF15.40#1"
    assert items[1]["read"] == "pin or key:RK1DF01"
    assert [part["tag"] for part in items[1]["parts"]] == ["57", "58", "59"]
    assert len(card["keys"]) == 22


def test_show_of_an_unknown_profile_says_what_exists() -> None:
    result = run("show", "shanghai")
    assert result.exit_code == 1
    assert "regions/dalian" in result.stderr
    assert result.stdout == ""


def test_check_of_a_sound_profile() -> None:
    result = run("check", "dalian")
    assert (result.exit_code, result.stdout) == (0, "regions/dalian: OK\n")
    answer = json.loads(run("check", "t514", "--json").stdout)
    assert answer["ok"] is True
    assert answer["profile"]["kind"] == "cos"
    assert answer["problems"] == []


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    text = (profiles_dir() / "cos" / "t514.toml").read_text(encoding="utf-8")
    file = tmp_path / "faulty.toml"
    file.write_text('colour = "red"\n' + text.replace('pin = "01"', "pin = []"), encoding="utf-8")
    return file


def test_check_reports_every_faulty_line(faulty: Path) -> None:
    line = faulty.read_text(encoding="utf-8").splitlines().index("pin = []") + 1
    result = run("check", str(faulty))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{faulty}:1: colour: unknown key",
        f"{faulty}:{line}: key_types.pin: hexadecimal digits in quotes are expected",
    ]
    assert f"{faulty}:1: colour: 未知的键" in run("check", str(faulty), lang="zh").stdout


def test_check_reports_as_json(faulty: Path) -> None:
    result = run("check", str(faulty), "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert answer["problems"][0] == {
        "file": str(faulty),
        "line": 1,
        "key": "colour",
        "zh": "未知的键",
        "en": "unknown key",
    }


def test_doc_on_standard_output_and_into_a_file(tmp_path: Path) -> None:
    text = run("doc", "dalian").stdout
    assert text.startswith("# Manual of the social security card: regions/dalian\n")
    out = tmp_path / "manual.md"
    result = run("doc", "dalian", "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, "")
    assert out.read_bytes().decode("utf-8") == text


def test_doc_that_cannot_be_written(tmp_path: Path) -> None:
    result = run("doc", "dalian", "--out", str(tmp_path / "no" / "manual.md"))
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
