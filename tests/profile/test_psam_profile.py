"""Profiles of PSAMs: what they hold, and what is said about wrong ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sscard_ic.base import InputError
from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile import ProfileError, available, check, kind_of, load, load_psam
from sscard_ic.profile.psam import KEY_RECORD, PsamSettings

TEXT = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
(PSAM,) = (part for part in TEXT.split("\n## ") if part.startswith("The PSAM"))


def test_shipped_psams_are_sound() -> None:
    names = [info.name for info in available() if info.kind == "psam"]
    assert {"psam/national", "psam/dalian", "psam/urumqi"} <= set(names)
    for name in names:
        assert check(name).kind == "psam"


def test_a_citys_name_means_its_card() -> None:
    assert load("dalian").name == "regions/dalian"
    assert load_psam("psam/dalian").card is load("dalian")
    assert (kind_of("psam/dalian"), kind_of("dalian")) == ("psam", "region")


def test_keys_stand_where_their_identifiers_say() -> None:
    """ref 01 §10.2: identifier ranges and steps of the table."""
    held = {key.name: key for key in load_psam("psam/dalian").held("ADF")}
    assert (held["IRK"].usage, held["IRK"].id, held["IRK"].file) == (0x67, 0x08, "0011")
    assert (held["UKSSSE"].usage, held["UKSSSE"].id, held["UKSSSE"].file) == (0x48, 0x12, "0012")
    assert (held["UK2DF07"].usage, held["UK2DF07"].file) == (0x47, "0013")
    assert held["STK"].algorithm_byte == 0x01
    assert held["UKSSSE"].algorithm_byte == 0x00
    assert not {"DLK", "DTK"} & set(held)
    dpk = [key for key in load_psam("psam/dalian").held("ADF") if key.name == "DPK"]
    assert [(key.usage, key.id, key.version) for key in dpk] == [
        (0x42, 1, 1),
        (0x42, 2, 2),
        (0x42, 3, 3),
    ]


def test_medical_keys_are_3des_alone() -> None:
    urumqi = load_psam("psam/urumqi")
    assert "DPK" in {key.name for key in urumqi.held("ADF")}
    sm4 = {key.name: key for key in urumqi.held("SM4ADF")}
    assert "DPK" not in sm4
    assert {key.algorithm_byte for key in sm4.values()} == {0x03}
    assert list(urumqi.held("MF")) == []


def test_a_psam_without_region_is_not_made() -> None:
    with pytest.raises(InputError, match="names no region"):
        _ = load_psam("psam/national").region


def test_a_card_is_no_psam() -> None:
    with pytest.raises(InputError, match="describes no PSAM") as caught:
        load_psam("dalian")
    assert caught.value.hint is not None
    assert "psam/dalian" in caught.value.hint.en
    with pytest.raises(InputError, match="describes no card"):
        load("psam/dalian")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('card = "national/2.00"', 'card = "national/9.99"', "there is no such profile"),
        ('roots = "table"', 'roots = "village"', "must be one of"),
        ('parent = "MF"\nalgorithm', 'parent = "XX"\nalgorithm', "there is no XX"),
        ('key_file = "0012"', 'key_file = "0014"', "there is no 0014"),
        (
            'root = "PSAMK3", id = "03", file = "0013"',
            'root = "PSAMK3", id = "03", file = "0019"',
            "keys alone",
        ),
        ("[owners]\nnational", "[owners]\nregional", "owners"),
        ("control_tries = 3", "control_tries = 0", "must not be less than 1"),
        ("first_number = 1", "first = 1", "unknown key"),
        ("first = 2026-01-01", 'first = "soon"', "first"),
        ('zh = "社会保障 PSAM 卡"', 'title = "x"', "unknown key"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    source = (profiles_dir() / "psam" / "national.toml").read_text(encoding="utf-8")
    assert old in source
    file = tmp_path / "psam.toml"
    file.write_text(source.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        check(str(file))
    assert told in str(caught.value)
    assert f"{file}:" in str(caught.value)


def test_too_small_a_key_file(tmp_path: Path) -> None:
    source = (profiles_dir() / "psam" / "national.toml").read_text(encoding="utf-8")
    file = tmp_path / "psam.toml"
    file.write_text(source.replace("size = 1152", "size = 240", 1), encoding="utf-8")
    with pytest.raises(
        ProfileError, match=r"files\.0011\.size: its keys need (\d+) bytes"
    ) as caught:
        check(str(file))
    line = next(
        n for n, text in enumerate(file.read_text().splitlines(), 1) if "size = 240" in text
    )
    assert f"{file}:{line}:" in str(caught.value)
    needed = int(str(caught.value).split("need ")[1].split()[0])
    assert needed % KEY_RECORD == 0


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    shutil.copy(profiles_dir() / "psam" / "dalian.toml", tmp_path / "own.toml")
    profile = load_psam(str(tmp_path / "own.toml"))
    assert profile.region.issuer.division_code == "210200"
    assert set(profile.model.directories) == {"MF", "ADF"}


def test_settings_are_listed_with_their_defaults() -> None:
    shown = {
        cells[1].strip("` "): cells[2].strip()
        for cells in (line.split("|") for line in PSAM.splitlines() if line.startswith("| `"))
    }
    for name, value in PsamSettings().model_dump(mode="json").items():
        assert shown[name] == str(value), name
    national = load_psam("psam/national").model.dialect.settings
    assert national == PsamSettings()
    text = (profiles_dir() / "psam" / "national.toml").read_text(encoding="utf-8")
    assert all(f"\n{name} = " in text for name in PsamSettings.model_fields)
