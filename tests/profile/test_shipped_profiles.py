"""The profiles that travel with the program, compared with the tables of the reference."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sscard_ic import profile
from sscard_ic.profile.structure import Item, Structure

BATCHES = Path(__file__).parents[1] / "data" / "batches"

# ref 01 §4.1: file, structure, class, read, update, records, sum of T+L+V bytes (or size)
FILES = """
SSSE EF05 variable active free key:UKSSSE 7 64
SSSE EF06 variable active free key:UKSSSE 7 91
SSSE EF07 transparent planned key:RKSSSE key:UKSSSE - 768
SSSE EF08 transparent planned key:RKSSSE key:UKSSSE - 4096
DF01 EF05 variable active pin_or_key:RK1DF01 key:UK1DF01 3 91
DF01 EF06 variable active pin_or_key:RK1DF01 key:UK4DF01 5 173
DF01 EF07 variable active pin_or_key:RK1DF01 key:UK2DF01 1 3
DF01 EF08 variable active pin_or_key:RK1DF01 key:UK3DF01 1 3
DF01 EF09 variable active pin_or_key:RK1DF01 key:UK2DF01 3 87
DF01 EF0A variable active pin_or_key:RK1DF01 key:UK5DF01 3 15
DF01 EF15 variable active pin_or_key:RK1DF01 key:UK6DF01 4 165
DF01 EF16 transparent reserved free key:UK7DF01 - 296
DF01 EF17 transparent reserved free key:UK8DF01 - 296
DF01 EF18 transparent reserved free key:UK9DF01 - 296
DF01 EF19 transparent reserved free key:UKADF01 - 296
DF01 EF1A transparent reserved free key:UKBDF01 - 296
"""

# ref 01 §10.2: key, KID, groups, length, PSAM usage, PSAM id, level
KEYS = """
IRK 00 3 16 67 08 N1
PUK 06 1 16 48 10 P1
STK 02 1 8 46 09 N2
BK 05 1 16 48 11 P1
UKSSSE 04 3 16 48 12 P1
RKSSSE 0A 3 16 47 0A P1
STKDF01 82 1 8 46 20 N2
UK1DF01 83 3 16 48 42 P1
UK2DF01 84 3 16 48 43 P1
UK3DF01 85 3 16 47 24 N2
UK4DF01 86 3 16 47 25 N2
UK5DF01 87 3 16 48 44 P1
UK6DF01 89 3 16 47 2F N2
UK7DF01 8A 3 16 47 30 N2
UK8DF01 8B 3 16 47 31 N2
UK9DF01 8C 3 16 47 32 N2
UKADF01 8D 3 16 47 33 N2
UKBDF01 8E 3 16 47 34 N2
RK1DF01 88 3 16 47 2E P1
"""

# ref 01 §4.2, §4.3: record, tag, format, length (hex)
RECORDS = """
SSSE.EF05 1 01 cn 10
SSSE.EF05 2 02 an 01
SSSE.EF05 3 03 an 04
SSSE.EF05 4 04 cn 0C
SSSE.EF05 5 05 cn 04
SSSE.EF05 6 06 cn 04
SSSE.EF05 7 07 an 09
SSSE.EF06 1 08 an 12
SSSE.EF06 2 09 an 1E
SSSE.EF06 3 4E an 14
SSSE.EF06 4 0A an 01
SSSE.EF06 5 0B cn 01
SSSE.EF06 6 0C cn 03
SSSE.EF06 7 0D cn 04
DF01.EF05 1 20 an 02
DF01.EF05 2 21 an 50
DF01.EF05 3 0E cn 03
DF01.EF06 1 23 an 50
DF01.EF06 2 24 cn 03
DF01.EF06 3 28 an 0F
DF01.EF06 4 2C an 32
DF01.EF06 5 2D an 0F
DF01.EF07 1 29 an 01
DF01.EF08 1 2B an 01
DF01.EF09 1 2E an 46
DF01.EF09 2 30 an 09
DF01.EF09 3 32 an 02
DF01.EF0A 1 37 an 03
DF01.EF0A 2 38 an 02
DF01.EF0A 3 39 cn 04
DF01.EF15 1 2A cn 01
DF01.EF15 2 40 btlv 34
DF01.EF15 3 40 btlv 34
DF01.EF15 4 40 btlv 34
"""

CARDS = ["2.00", "3.00", "dalian", "urumqi"]


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def test_what_is_shipped() -> None:
    assert [(info.name, info.kind) for info in profile.available()] == [
        ("cos/t514", "cos"),
        ("imports/bank", "import"),
        ("imports/holders", "import"),
        ("national/2.00", "national"),
        ("national/3.00", "national"),
        ("national/codes", "codes"),
        ("regions/dalian", "region"),
        ("regions/urumqi", "region"),
    ]


@pytest.mark.parametrize("name", [info.name for info in profile.available()])
def test_every_shipped_file_is_sound(name: str) -> None:
    assert profile.check(name).name == name


def test_files_rules_and_sums() -> None:
    structure = profile.load("2.00").structure
    found = []
    for directory_name, directory in structure.directories.items():
        for name, file in directory.files.items():
            items = list(structure.locate_file(directory_name, name))
            tagged = file.structure == "variable"
            count = str(len(items)) if tagged else "-"
            total = sum(located.item.length + 2 * tagged for located in items)
            read, update = str(file.read).replace(" ", "_"), str(file.update)
            found.append(
                [directory_name, name, file.structure, file.status, read, update, count, str(total)]
            )
    assert found == rows(FILES)


def test_records_by_number_tag_format_and_length() -> None:
    located = [
        [
            f"{at.directory_name}.{at.file_name}",
            str(at.number),
            f"{at.item.tag:02X}",
            at.item.format,
            f"{at.item.length:02X}",
        ]
        for at in profile.load("2.00").structure.locate_all()
        if at.item.tag is not None
    ]
    assert located == rows(RECORDS)


def test_keys() -> None:
    structure = profile.load("2.00").structure
    found = [
        [
            name,
            f"{key.id:02X}",
            str(key.groups),
            str(key.length),
            f"{key.psam_usage:02X}",
            f"{key.psam_id:02X}",
            key.level,
        ]
        for name, key in structure.keys.items()
        if key.psam_usage is not None and key.psam_id is not None
    ]
    assert found == rows(KEYS)
    uses = {name: key.use for name, key in structure.keys.items()}
    assert [name for name, use in uses.items() if use == "master"] == ["MKMF", "MKSSSE", "MKDF01"]
    assert [name for name, use in uses.items() if use == "mac"] == ["STK", "STKDF01"]
    assert [name for name, use in uses.items() if use == "internal"] == ["IRK"]


@pytest.mark.parametrize(
    ("directory", "levels"),
    [
        ("SSSE", {"PUK": 1, "BK": 2, "UKSSSE": 3, "RKSSSE": 4}),
        ("DF01", {"UK1DF01": 1, "UK5DF01": 5, "UK7DF01": 7, "UKBDF01": 11, "RK1DF01": 12}),
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
    directories = profile.load("2.00").structure.directories
    assert directories["MF"].name == b"1PAY.SYS.DDF01"
    assert directories["SSSE"].name == b"sx1.sh." + "社会保障".encode("gb2312")
    assert directories["DF01"].name.hex().upper() == "D15600000500"
    assert [directory.fid for directory in directories.values()] == [0x3F00, 0xDDF1, 0xDF01]


@pytest.mark.parametrize("card", CARDS)
def test_every_item_encodes_and_decodes_its_example(card: str) -> None:
    loaded = profile.load(card)

    def walk(item: Item) -> None:
        assert item.example, item.en
        raw = profile.encode(item, item.example)
        value = profile.decode(item, raw, loaded.codes)
        assert len(raw) == item.length
        assert (value.text, value.remarks) == (item.example, ()), item.en
        for part in item.items:
            walk(part)

    items = [located.item for located in loaded.structure.locate_all()]
    assert len(items) == 41
    for item in items:
        walk(item)


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
    }
    assert dialect.internal_files.model_dump() == {
        "keys": "EF80",
        "fci": "EF23",
        "directory": "EF1E",
    }


def test_code_tables() -> None:
    codes = profile.load("2.00").codes
    sizes = {name: len(table.entries) for name, table in codes.items()}
    assert sizes == {
        "T11": 4,
        "T13": 3,
        "T14": 57,
        "T16": 17,
        "T17": 8,
        "T18": 5,
        "T19": 14,
        "T20": 13,
        "T21": 11,
        "GB2260": 34,
    }
    assert list(codes["T14"].entries) == [f"{n:02d}" for n in range(1, 57)] + ["99"]
    spot = {"20": "傈僳族", "31": "达斡尔族", "56": "基诺族", "99": "其他"}
    assert {code: codes["T14"].entries[code].zh for code in spot} == spot


@pytest.mark.parametrize(
    ("code", "province"),
    [("210200", "辽宁省"), ("650100", "新疆维吾尔自治区"), ("110000", "北京市"), ("990000", None)],
)
def test_a_division_bears_the_name_of_its_province(code: str, province: str | None) -> None:
    meaning = profile.load("2.00").codes["GB2260"].meaning(code)
    assert (meaning.zh if meaning else None) == province


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
