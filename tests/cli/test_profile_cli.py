"""``sscard profile``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic import profile
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
        "SSSE social security system environment · DDF DDF1 · 7378312E73682EC9E7BBE1B1A3D5CF",
    ):
        assert words in shown
    assert "读 PIN 或 RK1DF01" in run("show", "urumqi", lang="zh").stdout


def test_show_lists_everything_there_is() -> None:
    result = run("show", "2.00")
    card = profile.load("2.00")
    for place in card.places:
        assert place.item.zh in result.stdout
        assert f"{place.directory_name}.{place.file_name} {place.file.en}\n" in result.stdout
    for name in card.keys:
        assert f"\n{name} " in result.stdout
    assert "sscard profile show national/2.00 DF01" in result.stderr


def test_show_a_directory() -> None:
    shown = run("show", "dalian", "df02").stdout
    assert shown.lstrip().startswith("DF02 employment and unemployment · ADF DF02 · D15600000501\n")
    assert "DF02.EF06 employment status\n" in shown
    assert "UK3DF02" in shown and "update EF07" in shown
    assert "DF01.EF06" not in shown and "UK1DF01" not in shown


def test_show_a_file_with_values_examples_and_steps() -> None:
    shown = run("show", "dalian", "DF02.EF06").stdout
    for words in (
        "  read: VERIFY 00 20 00 00 in SSSE, or EXTERNAL AUTHENTICATE 00 82 00 88 in DF02\n",
        "  update: EXTERNAL AUTHENTICATE 00 82 00 84 in DF02\n",
        "T24 T25",
        "date YYYY-MM-DD",
        "清洁工",
    ):
        assert words in shown
    assert "读: 在 SSSE 执行 VERIFY" in run("show", "dalian", "DF02.EF06", lang="zh").stdout


def test_show_the_parts_and_repetitions_of_an_item() -> None:
    lines = run("show", "dalian", "DF01.EF15").stdout.splitlines()
    found = [line.split()[:2] for line in lines if line[:1] in "12↳"]
    assert found == [["1", "2A"], ["2-4", "40"], ["↳", "57"], ["↳", "58"], ["↳", "59"]]


@pytest.mark.parametrize("name", ["DF02.EF06.4B", "就业登记类型及形式", "DF02.EF06.4b"])
def test_show_an_item_with_the_tables_of_its_codes(name: str) -> None:
    shown = run("show", "2.00", name).stdout
    for words in (
        "Path         DF02.EF06.4B\n",
        "On the card  4B 05 31 30 30 31 30\n",
        "EXTERNAL AUTHENTICATE 00 82 00 84 in DF02\n",
        "T24 type of employment registration (2 digits, an)\n",
        "022   灵活就业",
    ):
        assert words in shown


def test_show_an_item_with_parts_and_one_with_a_long_table() -> None:
    shown = run("show", "2.00", "DF01.EF15.40").stdout
    assert "Records      2 3 4\n" in shown
    assert "毕业学校名称" in shown
    shown = run("show", "2.00", "出生地").stdout
    assert "GB2260: sscard profile show national/2.00 GB2260\n" in shown
    assert "210200" not in shown


def test_show_a_key() -> None:
    shown = run("show", "dalian", "UK1DF02").stdout
    for words in ("Command            00 82 00 83\n", "47 26\n", "update EF05\n", "3DES\n"):
        assert words in shown
    assert "01 02 03\n" in run("show", "dalian", "DPK").stdout


def test_show_a_code_table() -> None:
    shown = run("show", "2.00", "T23").stdout
    assert shown.startswith(
        "T23 professional qualification of technical personnel (3 digits, an)\n"
    )
    assert len(shown.splitlines()) == 2 + 51
    assert "322   二级建造师" in shown
    assert "表外的代码也可使用" in run("show", "2.00", "gb2260", lang="zh").stdout


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("UK1DF09", "UK1DF0"),
        ("DF02.EF08", "DF02.EF0"),
        ("T23a", "T23"),
        ("联系电", "DF01.EF06.28 contact telephone"),
    ],
)
def test_show_of_an_unknown_part_names_the_nearest(name: str, hint: str) -> None:
    result = run("show", "2.00", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{name}: no directory, file, item, key or code table bears this name" in result.stderr
    assert hint in result.stderr


def test_show_of_a_name_of_several_items_asks_for_more() -> None:
    result = run("show", "2.00", "insured division code")
    assert result.exit_code == 1
    assert "the name means several items" in result.stderr


def test_show_as_json() -> None:
    card = json.loads(run("show", "dalian", "--json").stdout)
    assert card["region"]["issuer"]["division_code"] == "210200"
    assert card["region"]["identity"]["historical_prefix"] == "00814842428653"
    fids = [directory["fid"] for directory in card["directories"]]
    assert fids[:3] == ["3F00", "DDF1", "DF01"]
    items = card["directories"][2]["files"][6]["items"]
    assert items[1]["path"] == "DF01.EF15.40#1"
    assert items[1]["read"] == "pin or key:RK1DF01"
    assert [part["tag"] for part in items[1]["parts"]] == ["57", "58", "59"]
    assert len(card["keys"]) == len(profile.load("dalian").keys)


@pytest.mark.parametrize(
    ("name", "part", "some"),
    [
        ("DF02", "directory", {"fid": "DF02", "aid": "D15600000501"}),
        ("SSSE.EF08", "file", {"fid": "EF08", "structure": "transparent", "read": "key:RKSSSE"}),
        ("民族", "item", {"path": "SSSE.EF06.0B"}),
        ("UK4DF02", "key", {"id": "86", "psam_usage": "47", "psam_id": "27", "versions": 3,
                            "opens": [{"path": "DF02.EF09", "operation": "update"}]}),
        ("T37", "table", {"digits": 1, "stored": "an", "entries": {
            "0": {"zh": "否", "en": "no"}, "1": {"zh": "是", "en": "yes"}}}),
    ],
)  # fmt: skip
def test_show_a_part_as_json(name: str, part: str, some: dict[str, object]) -> None:
    shown = json.loads(run("show", "2.00", name, "--json").stdout)
    assert shown["part"] == part
    assert {key: shown[key] for key in some} == some


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
