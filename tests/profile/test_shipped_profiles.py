"""The profiles that travel with the program, compared with the tables of the reference."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest

from sscard_ic import profile
from sscard_ic.profile.cos.t514 import T514Dialect
from sscard_ic.profile.structure import Item, Structure
from sscard_ic.profile.values import part_name

BATCHES = Path(__file__).parents[1] / "data" / "batches"

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "card_structure.toml").read_text(encoding="utf-8")
)
STRUCTURES = {
    "variable": "variable",
    "transparent": "transparent",
    "cyclic": "cyclic",
    "fixed-length records": "fixed",
}
CLASSES = {
    "启用": "active",
    "预设": "planned",
    "预留": "reserved",
    "annex B (informative)": "informative",
}

CARDS = {
    "1.00": 151,
    "2.00": 247,
    "3.00": 247,
    "dalian": 247,
    "dalian-bank": 247,
    "urumqi": 247,
    "urumqi-bank": 247,
    "huaian": 251,
}
"""Profiles of cards, each with the number of its items, repetitions counted."""


def rows(name: str) -> list[list[str]]:
    found: list[list[str]] = VECTORS[name]["rows"]
    return found


def test_what_is_shipped() -> None:
    kinds = {
        "authorities": "authorities",
        "cos": "cos",
        "financial": "financial",
        "imports": "import",
        "psam": "psam",
        "regions": "region",
    }
    cards = []
    for info in profile.available():
        folder, _, name = info.name.partition("/")
        national = "codes" if name.startswith("codes") else "national"
        expected = "bank_data" if name.startswith("bank-data/") else kinds.get(folder, national)
        assert info.kind == expected, info.name
        if info.kind in ("national", "region"):
            cards.append(name)
    assert sorted(cards) == sorted(CARDS)


def test_profiles_of_a_version_and_region() -> None:
    """Real cards write their version in several ways (ref 01 §1)."""
    found = {
        (version, division): [card.name for card in profile.card_profiles(version, division)]
        for version, division in [
            ("2.00", "210200"),
            ("2.0", "320800"),
            ("2.01", "999999"),
            ("3.00", "650100"),
            ("1.00", "210200"),
            ("4.00", "210200"),
        ]
    }
    assert list(found.values()) == [
        ["national/2.00", "regions/dalian"],
        ["national/2.00", "regions/huaian"],
        ["national/2.00"],
        ["national/3.00", "regions/urumqi"],
        ["national/1.00"],
        [],
    ]


@pytest.mark.parametrize("name", [info.name for info in profile.available()])
def test_every_shipped_file_is_sound(name: str) -> None:
    assert profile.check(name).name == name


def rule(text: str) -> str:
    """A rule of the reference as a profile writes it."""
    if text == "never":
        return "internal"
    words = text.split()
    return " ".join(
        {"free": "free", "PIN": "pin", "or": "or", "and": "and"}.get(word, f"key:{word}")
        for word in words
    )


def described(structure: Structure) -> list[list[str]]:
    """Files as the table of the reference has them."""
    found = []
    for directory_name, directory in structure.directories.items():
        for name, file in directory.files.items():
            items = list(structure.locate_file(directory_name, name))
            count = {"transparent": "-", "cyclic": f"≥{len(items)}"}.get(
                file.structure, str(len(items))
            )
            total = items[0].record_length
            if file.structure != "cyclic":
                total = sum(located.record_length for located in items)
            about = [file.structure, file.status, str(file.read), str(file.update)]
            found.append([directory_name, name, *about, count, str(total)])
    return found


def test_files_rules_and_sums() -> None:
    expected = [
        [directory, name, STRUCTURES[kind], CLASSES[status], rule(read), rule(update), count, total]
        for directory, name, kind, status, read, update, count, total in rows("files")
    ]
    # Tag 60 is in one of two files: by default in DF02 EF06 (ref 01 §4.5).
    place = next(row for row in expected if row[:2] == ["DF03", "EF05"])
    assert place[-2:] == ["8", "43"]
    place[-2:] = ["7", "37"]
    assert described(profile.load("2.00").structure) == expected


def records_of(structure: Structure) -> list[list[str]]:
    """Items and their parts as the tables of the reference have them."""
    found = []
    for directory_name, directory in structure.directories.items():
        for name, file in directory.files.items():
            number = 0
            for item in file.items:
                first, number = number + 1, number + item.repeat
                at = str(first) if item.repeat == 1 else f"{first}-{number}"
                if file.structure != "cyclic":
                    at = "-" if file.structure == "transparent" else at
                    found.append(row(f"{directory_name}.{name}", at, item))
                offset = 0
                for part in item.items:
                    at = f"@{offset}" if file.structure == "cyclic" else "↳"
                    found.append(row(f"{directory_name}.{name}", at, part))
                    offset += part.length
    return found


def row(file: str, at: str, item: Item) -> list[str]:
    tag = "" if item.tag is None else f"{item.tag:02X}"
    form = {"btlv": "B-TLV"}.get(item.format, item.format)
    return [file, at, tag, item.zh, form, f"{item.length:02X}"]


def expected_records() -> list[list[str]]:
    """The tables of the reference; parts stand below each of their records."""
    found: list[list[str]] = []
    for line in rows("records"):
        if line[:3] in (["DF06.EF05", "4", "C4"], ["DF06.EF05", "5", "C5"]):
            found += [line, *[part for part in found if part[:2] == ["DF06.EF05", "↳"]][:5]]
        else:
            found.append(line)
    return found


def reserved(line: list[str]) -> bool:
    """The reserved files of DF01, for which the reference has no table."""
    return line[0] in [f"DF01.EF{n}" for n in ("16", "17", "18", "19", "1A")]


def test_every_record_by_number_tag_name_format_and_length() -> None:
    expected = []
    for line in expected_records():
        if line[0] == "DF03.EF05" and line[2] != "61":
            if line[2] != "60":
                expected.append([line[0], str(int(line[1]) - 1), *line[2:]])
        else:
            expected.append(line)
    found = records_of(profile.load("2.00").structure)
    assert [line for line in found if not reserved(line)] == expected
    assert [(line[4], line[5]) for line in found if reserved(line)] == [("b", "128")] * 5


ZHANJIANG = """\
kind = "region"
zh = "试验"
en = "trial"
extends = "regions/dalian"

[directories.DF02.files.EF06]
items = [{ tag = "60", absent = true }]

[directories.DF03.files.EF05]
items = [{ tag = "60", absent = false }]
"""


def test_a_region_may_keep_the_unemployment_registration_in_the_other_file(tmp_path: Path) -> None:
    """ref 01 §4.5: tag 60 in DF03 EF05, whose records then shift."""
    file = tmp_path / "zhanjiang.toml"
    file.write_text(ZHANJIANG, encoding="utf-8")
    structure = profile.load(str(file)).structure
    here = [line for line in records_of(structure) if line[0] == "DF03.EF05"]
    assert here == [line for line in rows("records") if line[0] == "DF03.EF05"]
    there = [line[2] for line in records_of(structure) if line[0] == "DF02.EF06"]
    assert there == ["4C", "4B", "4D", "4F", "50", "3A"]
    sums = {tuple(line[:2]): line[-2:] for line in described(structure)}
    assert (sums["DF03", "EF05"], sums["DF02", "EF06"]) == (["8", "43"], ["6", "40"])


def key_rows(structure: Structure) -> dict[str, list[str]]:
    found = {}
    for name, key in structure.keys.items():
        if key.use == "master":
            continue
        steps = range(key.groups if key.indexed else 1)
        psam = [
            " ".join(f"{base + step:02X}" for step in steps) if base is not None else "-"
            for base in (key.psam_usage, key.psam_id)
        ]
        if key.psam_usage is not None:
            psam[0] = f"{key.psam_usage:02X}"
        ids = " ".join(f"{key.id + step:02X}" for step in steps)
        found[name] = [name, ids, str(key.groups), str(key.length), *psam, key.level]
    return found


def test_the_key_table() -> None:
    """63 names and 161 values: UK1SSSE comes with a region that has provincial files."""
    expected = {line[0]: line for line in rows("keys")}
    assert len(expected) == 63
    assert sum(int(line[2]) for line in expected.values()) == 161
    national = key_rows(profile.load("2.00").structure)
    assert national == {name: line for name, line in expected.items() if name != "UK1SSSE"}


def test_the_keys_stand_where_their_names_say() -> None:
    structure = profile.load("2.00").structure
    for name, key in structure.keys.items():
        bare = {"MKMF": "MF", "DPK": "DF04", "DLK": "DF04", "DTK": "DF04", "DSK": "DF04"}
        at = next((d for d in structure.directories if name.endswith(d)), "SSSE")
        assert key.directory == bare.get(name, at), name


def test_what_the_keys_are_for() -> None:
    structure = profile.load("2.00").structure
    by_use: dict[str, list[str]] = {}
    for name, key in structure.keys.items():
        by_use.setdefault(key.use, []).append(name)
    directories = ["MF", "SSSE", "DF01", "DF02", "DF03", "DF04", "DF05", "DF06", "DF07"]
    assert by_use["master"] == [f"MK{name}" for name in directories]
    assert by_use["mac"] == ["STK"] + [f"STK{name}" for name in directories[2:]]
    assert by_use["internal"] == ["IRK"]
    assert [by_use[use] for use in ("purchase", "load", "tac")] == [["DPK"], ["DLK"], ["DTK"]]
    assert all(structure.keys[name].algorithm == "3des" for name in ("DPK", "DLK", "DTK"))
    roles = {name: key.role for name, key in structure.keys.items() if key.role}
    assert roles == {
        "PUK": "unlock_pin",
        "BK": "lock",
        "DSK": "amount",
        "LKDF03": "lock",
        "LKDF04": "lock",
        "LKDF06": "lock",
    }


@pytest.mark.parametrize(
    ("directory", "levels"),
    [
        ("SSSE", {"PUK": 1, "BK": 2, "UKSSSE": 3, "RKSSSE": 4}),
        ("DF01", {"UK1DF01": 1, "UK5DF01": 5, "UK7DF01": 7, "UKBDF01": 11, "RK1DF01": 12}),
        ("DF04", {"LKDF04": 1, "UK1DF04": 2, "UK2DF04": 3, "DSK": 4, "RK1DF04": 5}),
    ],
)
def test_the_order_of_the_keys_gives_the_levels_of_the_worked_example(
    directory: str, levels: dict[str, int]
) -> None:
    """ref 11 §8 A4: external keys are numbered in order."""
    keys = profile.load("2.00").structure.keys_of(directory)
    numbered = {
        name: level
        for level, name in enumerate(
            (name for name, key in keys.items() if key.use == "external"), start=1
        )
    }
    assert {name: numbered[name] for name in levels} == levels


def test_names_of_the_directories() -> None:
    """ref 01 §2.1, §2.2: AIDs, and labels of applications without one."""
    directories = profile.load("2.00").structure.directories
    assert directories["MF"].name == b"1PAY.SYS.DDF01"
    assert directories["SSSE"].name == b"sx1.sh." + "社会保障".encode("gb2312")
    applications = {
        "DF01": "D15600000500",
        "DF02": "D15600000501",
        "DF03": "D15600000502",
        "DF04": "D15600000503",
        "DF05": "生命与健康信息区".encode("gb2312").hex().upper(),
        "DF06": "救助与优抚信息区".encode("gb2312").hex().upper(),
        "DF07": "D15600000504",
    }
    found = {
        name: directory.name.hex().upper()
        for name, directory in directories.items()
        if directory.kind == "ADF"
    }
    assert found == applications
    assert {name: directories[name].fid for name in applications} == {
        name: int(name, 16) for name in applications
    }
    assert list(directories) == ["MF", "SSSE", *applications]


@pytest.mark.parametrize("card", CARDS)
def test_every_item_encodes_and_decodes_its_example(card: str) -> None:
    loaded = profile.load(card)

    def walk(item: Item) -> None:
        assert item.example, item.en
        raw = profile.encode(item, item.example, loaded.codes)
        value = profile.decode(item, raw, loaded.codes)
        assert len(raw) == item.length
        assert (value.text, value.remarks) == (item.example, ()), item.en
        assert (value.meaning is not None) == bool(item.codes or item.split), item.en
        for part in item.items:
            walk(part)
            assert value.parts[part_name(part)].text == part.example

    items = [located.item for located in loaded.structure.locate_all()]
    assert len(items) == CARDS[card]
    for item in items:
        walk(item)


@pytest.mark.parametrize("card", CARDS)
def test_an_unset_item_reads_as_unset(card: str) -> None:
    for located in profile.load(card).structure.locate_all():
        value = profile.decode(located.item, profile.unset(located.item))
        assert (value.text, value.is_set) == ("", False), located.path
        assert [remark.en for remark in value.remarks] == ["not set"], located.path


FIRST = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "card_structure_1.toml").read_text(encoding="utf-8")
)
ANNEX = ("DF05", "DF06")
"""Of version 1.00 only their existence is established."""


def brief(item: Item) -> str:
    tag = "-" if item.tag is None else f"{item.tag:02X}"
    return f"{tag} {item.format} {item.length:02X}"


def test_version_1_has_the_files_and_items_of_the_reference() -> None:
    structure = profile.load("1.00").structure
    files = {
        f"{directory_name}.{name}": file
        for directory_name, directory in structure.directories.items()
        if directory_name not in ANNEX
        for name, file in directory.files.items()
    }
    assert list(files) == list(FIRST["files"])
    for path, expected in FIRST["files"].items():
        file = files[path]
        assert file.structure == expected["structure"]
        assert [brief(item) for item in file.items] == expected["items"], path
        if "read" in expected:
            assert str(file.read) == expected["read"], path
        if "records" in expected:
            assert [item.repeat for item in file.items] == [expected["records"]]
    parts = {
        f"{path}.{item.tag:02X}": [brief(part) for part in item.items]
        for path, file in files.items()
        for item in file.items
        if item.tag is not None and item.items
    }
    assert parts == FIRST["parts"]


def test_the_logs_of_version_1_are_laid_out_as_those_of_version_2() -> None:
    first, second = profile.load("1.00").structure, profile.load("2.00").structure
    for directory, file in (("DF02", "EF07"), ("DF04", "EF08")):
        [old], [new] = (s.directories[directory].files[file].items for s in (first, second))
        assert [(p.zh, p.format, p.length, p.text) for p in old.items] == [
            (p.zh, p.format, p.length, p.text) for p in new.items
        ]


def test_keys_of_version_1_are_those_of_the_table_under_their_names() -> None:
    first = key_rows(profile.load("1.00").structure)
    assert first.pop("UKMF")[1:] == next(r for r in rows("keys") if r[0] == "UKSSSE")[1:]
    table = {row[0]: row for row in rows("keys")}
    assert first == {name: table[name] for name in first}
    updates = {
        str(file.update)
        for directory in profile.load("1.00").structure.directories.values()
        for file in directory.files.values()
    }
    assert "key:UKMF" in updates and "key:UKSSSE" not in updates


def test_open_read_rules_of_version_1_are_named_settings(tmp_path: Path) -> None:
    file = tmp_path / "first.toml"
    rules = ["df02_read", "df03_unemployment_read", "df03_read", "df04_read", "df04_log_read"]
    file.write_text(
        'kind = "national"\nzh = "试验"\nen = "trial"\nextends = "national/1.00"\n[rules]\n'
        + "".join(f'{name} = "never"\n' for name in rules),
        encoding="utf-8",
    )
    structure = profile.load(str(file)).structure
    for name in ("DF02", "DF03", "DF04"):
        for file_name, its in structure.directories[name].files.items():
            assert str(its.read) == "never", f"{name}.{file_name}"


def test_huaian_adds_the_file_of_its_province() -> None:
    """ref 01 §4.2: EF0D of Jiangsu; §10.2: UK1SSSE, the last of the 63 names."""
    structure = profile.load("huaian").structure
    file = structure.directories["SSSE"].files["EF0D"]
    assert (file.structure, str(file.read), str(file.update)) == (
        "variable", "free", "key:UK1SSSE",
    )  # fmt: skip
    assert [brief(item) for item in file.items] == ["EA an 0C", "EB cn 03", "EC an 01", "ED an 01"]
    assert [(item.zh, item.codes) for item in file.items[:2]] == [
        ("人员识别号", None), ("初次申领地", "GB2260"),
    ]  # fmt: skip
    assert key_rows(structure) == {line[0]: line for line in rows("keys")}
    assert list(structure.keys_of("SSSE"))[-1] == "UK1SSSE"
    national = profile.load("2.00").structure
    for name, directory in structure.directories.items():
        added = {"EF0D": file} if name == "SSSE" else {}
        assert directory.files == national.directories[name].files | added


def differences(one: Structure, other: Structure) -> dict[str, tuple[str, str]]:
    pairs = zip(one.locate_all(), other.locate_all(), strict=True)
    found = {}
    for a, b in pairs:
        assert a.path == b.path
        if (a.read, a.update) != (b.read, b.update):
            assert a.update == b.update
            found[a.path] = (str(a.read), str(b.read))
        bare = {"read": None, "example": None}
        assert a.item.model_copy(update=bare) == b.item.model_copy(update=bare)
    return found


def test_version_3_differs_in_the_read_rules_of_card_number_and_holder_only() -> None:
    """ref 01 §8."""
    second, third = profile.load("2.00").structure, profile.load("3.00").structure
    changed = ["SSSE.EF05.07"] + [
        f"SSSE.EF06.{tag}" for tag in ("08", "09", "4E", "0A", "0B", "0C", "0D")
    ]
    assert differences(second, third) == dict.fromkeys(changed, ("free", "key:RKSSSE"))
    assert third.specification_version == "3.00"
    assert third.keys == second.keys
    items = third.directories["SSSE"].files["EF05"].items
    assert [item.read is not None for item in items] == [
        False,
        True,
        False,
        True,
        False,
        False,
        True,
    ]


def test_regions_are_their_national_card_with_rules_of_their_own() -> None:
    dalian, urumqi = profile.load("regions/dalian"), profile.load("regions/urumqi")
    assert dalian.structure == profile.load("2.00").structure
    assert urumqi.structure == profile.load("3.00").structure
    assert dalian.region and urumqi.region
    assert dalian.region.issuer.division_code == "210200"
    assert urumqi.region.issuer.division_code == "650100"
    for region in (dalian.region, urumqi.region):
        assert region.issuer.environment == "test"
        assert region.identity.historical_prefix.hex() == "00814842428653"
        assert ",".join(title for title, _ in region.return_file.columns) == (
            "序号,社保卡号,社会保障号码,姓名,发卡日期,卡有效期,卡识别码,卡复位码,"
            "服务银行,银行卡号,个人帐户,装箱位置,失败环节,失败原因"
        )
    assert profile.load("2.00").region is None


def test_the_dialect_has_the_tables_of_the_generator() -> None:
    """ref 11 §5.2, §5.3."""
    dialect = profile.load("2.00").dialect
    assert isinstance(dialect, T514Dialect)
    assert dialect.file_types.model_dump() == {
        "internal": "C3",
        "transparent": "C4",
        "fixed": "C5",
        "variable": "C6",
        "cyclic": "C7",
        "directory": "D6",
    }
    assert dialect.key_types.model_dump() == {
        "master": "00",
        "pin": "01",
        "mac": "07",
        "external": "0D",
        "internal": "0E",
        "load": "08",
        "purchase": "09",
        "tac": "0A",
    }
    assert dialect.internal_files.model_dump() == {
        "keys": "EF80",
        "fci": "EF23",
        "directory": "EF1E",
        "amount": "EF81",
    }


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("imports/holders", "dalian-210200-20261121-001.csv"),
        ("imports/holders", "urumqi-650100-20261121-001.csv"),
        ("imports/holders", "dalian-defects.csv"),
        ("imports/bank", "dalian-210200-20261121-001.bank.txt"),
    ],
)
def test_import_formats_name_every_column_of_the_samples(form: str, file: str) -> None:
    wanted = profile.load_import_formats()[form]
    with (BATCHES / file).open(encoding=wanted.encoding, newline="") as lines:
        header = next(csv.reader(lines, delimiter=wanted.separator))
    assert header == list(wanted.columns)


def test_both_import_formats_lead_to_the_same_fields() -> None:
    formats = profile.load_import_formats()
    holders, bank = formats["imports/holders"], formats["imports/bank"]
    assert list(holders.columns.values()) == list(bank.columns.values())
    assert holders.required == bank.required


def test_every_field_that_an_item_takes_is_in_the_import_formats() -> None:
    fields = set(profile.load_import_formats()["imports/holders"].columns.values())
    sources = {located.item.source for located in profile.load("2.00").structure.locate_all()}
    taken = {source for source in sources if source and not source.startswith("@")}
    assert taken <= fields
    assert {"AAZ500", "AAC002", "AAC006", "GUARDIAN_NAME"} <= taken
