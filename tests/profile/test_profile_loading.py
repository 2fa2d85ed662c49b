"""Names, inheritance and line-exact errors of profile files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import InputError
from sscard_ic.base.resources import profiles_dir

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(text: str) -> Path:
        file = tmp_path / "my.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return save


def shipped(name: str) -> str:
    return (profiles_dir() / f"{name}.toml").read_text(encoding="utf-8")


def line_of(text: str, part: str) -> int:
    assert text.count(part) == 1, f"{part!r} occurs {text.count(part)} times"
    return text[: text.index(part)].count("\n") + 1


def problems_of(file: Path) -> list[tuple[int, str, str]]:
    with pytest.raises(profile.ProfileError) as caught:
        profile.check(str(file))
    return [(p.place.line, p.key, p.text.en) for p in caught.value.problems]


# ── Names ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("national/2.00", "national/2.00"),
        ("2.00", "national/2.00"),
        ("dalian", "regions/dalian"),
        ("regions/urumqi", "regions/urumqi"),
    ],
)
def test_names(name: str, full: str) -> None:
    assert profile.load(name).name == full


def test_a_file_is_a_name_and_can_be_loaded_again_by_it(write: Write) -> None:
    file = write(shipped("regions/dalian"))
    loaded = profile.load(str(file))
    assert loaded.region == profile.load("dalian").region
    assert profile.load(loaded.name) is loaded


def test_an_unknown_name_lists_what_exists() -> None:
    with pytest.raises(InputError) as caught:
        profile.load("shanghai")
    assert "shanghai: there is no such profile" in str(caught.value)
    assert "regions/dalian" in str(caught.value)
    assert "没有这个配置" in caught.value.render("zh")


def test_an_ambiguous_name_lists_what_it_could_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/same", "b/same"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.toml").write_text(shipped("cos/t514"), encoding="utf-8")
    monkeypatch.setattr("sscard_ic.profile.catalogue.profiles_dir", lambda: tmp_path)
    with pytest.raises(InputError) as caught:
        profile.check("same")
    assert "ambiguous" in str(caught.value)
    assert "a/same, b/same" in str(caught.value)


def test_a_dialect_is_no_card() -> None:
    with pytest.raises(InputError) as caught:
        profile.load("t514")
    assert "describes no card" in str(caught.value)
    assert "regions/dalian" in str(caught.value)


def test_a_changed_file_is_read_again(write: Write) -> None:
    file = write(shipped("regions/dalian"))
    before = profile.load(str(file))
    assert profile.load(str(file)) is before
    write(shipped("regions/dalian").replace("years = 10", "years = 5"))
    os.utime(file, ns=(1, 1))
    after = profile.load(str(file)).region
    assert after and after.validity.years == 5


# ── Inheritance ──────────────────────────────────────────────────────────────────────────────

REGION = """\
kind = "region"
zh = "试验"
en = "trial"
extends = "regions/urumqi"
"""


def test_a_region_changes_only_what_it_names(write: Write) -> None:
    file = write(
        REGION
        + """
[rules]
category_and_institution = "key:RKSSSE"

[validity]
ends = "day_before"

[directories.DF01.files.EF06]
items = [{ tag = "28", length = 20 }]

[tables.T14.entries]
"57" = { zh = "穿青人", en = "Chuanqing" }
"""
    )
    changed, base = profile.load(str(file)), profile.load("urumqi")
    assert changed.region and base.region
    assert changed.region.validity.ends == "day_before"
    assert changed.region.validity.years == 10
    assert changed.region.issuer == base.region.issuer
    assert [str(at.read) for at in changed.structure.locate_file("SSSE", "EF05")] == [
        "free", "key:RKSSSE", "free", "key:RKSSSE", "free", "free", "key:RKSSSE",
    ]  # fmt: skip
    lengths = [at.item.length for at in changed.structure.locate_file("DF01", "EF06")]
    assert lengths == [80, 3, 20, 50, 15]
    assert changed.codes["T14"].entries["57"].en == "Chuanqing"
    assert "57" not in base.codes["T14"].entries
    assert changed.codes["T13"] == base.codes["T13"]


def test_a_new_tag_adds_an_item(write: Write) -> None:
    item = '{ tag = "F0", format = "an", length = 4, zh = "试验项", en = "trial item" }'
    file = write(REGION + f"[directories.DF01.files.EF09]\nitems = [{item}]\n")
    located = list(profile.load(str(file)).structure.locate_file("DF01", "EF09"))
    assert [(at.number, at.item.tag) for at in located][-1] == (4, 0xF0)


def test_what_is_absent_is_not_on_the_card(write: Write) -> None:
    """Items, files, directories and keys that a region has not."""
    file = write(
        REGION
        + """
[directories.DF06]
absent = true

[directories.DF01.files.EF07]
absent = true

[directories.DF01.files.EF09]
items = [{ tag = "2E", absent = true }]

[keys]
STKDF06 = { absent = true }
LKDF06 = { absent = true }
UK1DF06 = { absent = true }
UK2DF06 = { absent = true }
RK1DF06 = { absent = true }
MKDF06 = { absent = true }
"""
    )
    structure = profile.load(str(file)).structure
    assert "DF06" not in structure.directories
    assert not any(name.endswith("DF06") for name in structure.keys)
    assert "EF07" not in structure.directories["DF01"].files
    here = [(at.number, at.item.tag) for at in structure.locate_file("DF01", "EF09")]
    assert here == [(1, 0x30), (2, 0x32)]


def test_absent_is_true_or_false(write: Write) -> None:
    file = write(REGION + '[directories.DF06]\nabsent = "yes"\n')
    assert problems_of(file) == [(6, "directories.DF06.absent", "unknown key")]


def test_the_single_item_of_a_file_without_tags_is_changed_in_part(write: Write) -> None:
    file = write(
        REGION
        + """
[directories.SSSE.files.EF07]
items = [{ length = 1024 }]

[directories.DF04.files.EF08]
items = [{ repeat = 40 }]
"""
    )
    structure = profile.load(str(file)).structure
    [fingerprint] = structure.locate_file("SSSE", "EF07")
    assert (fingerprint.item.length, fingerprint.item.zh) == (1024, "指纹")
    assert len(list(structure.locate_file("DF04", "EF08"))) == 40


def test_records_of_fixed_length_may_lack_tag_and_length(write: Write) -> None:
    """ref 01 §16: DF03 EF19 with or without 79 27."""
    file = write(REGION + "[directories.DF03.files.EF19]\nheaders = false\n")
    value = bytes(39)
    [with_header, *_] = profile.load("urumqi").structure.locate_file("DF03", "EF19")
    [without, *_] = profile.load(str(file)).structure.locate_file("DF03", "EF19")
    assert with_header.path == without.path == "DF03.EF19.79#1"
    assert (with_header.record_length, with_header.record(value)[:2].hex()) == (41, "7927")
    assert (without.record_length, without.record(value)) == (39, value)


def test_a_file_beside_may_be_extended(write: Write, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(shipped("regions/dalian"), encoding="utf-8")
    file = write(REGION.replace("regions/urumqi", "base.toml"))
    assert profile.load(str(file)).structure.specification_version == "2.00"


def test_extends_must_not_come_back(write: Write) -> None:
    file = write(REGION.replace("regions/urumqi", "my.toml"))
    assert problems_of(file) == [(4, "extends", "extends comes back to this file")]


def test_a_card_does_not_extend_a_dialect(write: Write) -> None:
    file = write(REGION.replace("regions/urumqi", "cos/t514"))
    assert problems_of(file) == [
        (4, "extends", "a file of kind region cannot extend one of kind cos")
    ]


def test_extending_an_unknown_profile(write: Write) -> None:
    [(line, key, text)] = problems_of(write(REGION.replace("urumqi", "atlantis")))
    assert (line, key) == (4, "extends")
    assert text.startswith("there is no such profile; these exist: authorities/")


def test_an_error_in_the_code_tables_is_named_there(write: Write, tmp_path: Path) -> None:
    text = shipped("national/codes").replace("digits = 1", "digits = '1'", 1)
    (tmp_path / "codes.toml").write_text(text, encoding="utf-8")
    file = write(REGION + 'codes = "codes.toml"\n')
    with pytest.raises(profile.ProfileError) as caught:
        profile.load(str(file))
    [problem] = caught.value.problems
    line = line_of(text, "digits = '1'")
    assert str(problem.place) == f"{tmp_path / 'codes.toml'}:{line}"


def test_a_card_may_bring_its_own_code_tables(write: Write, tmp_path: Path) -> None:
    text = shipped("national/codes").replace("无党派民主人士", "无党派人士")
    (tmp_path / "codes.toml").write_text(text, encoding="utf-8")
    file = write(REGION + 'codes = "codes.toml"\n')
    assert profile.load(str(file)).codes["T20"].entries["12"].zh == "无党派人士"


def test_an_error_inherited_is_named_in_the_file_where_it_stands(
    write: Write, tmp_path: Path
) -> None:
    text = shipped("regions/dalian").replace("years = 10", 'years = "10"')
    base = tmp_path / "base.toml"
    base.write_text(text, encoding="utf-8")
    file = write(REGION.replace("regions/urumqi", "base.toml") + "[pin]\ninitial = 5\n")
    with pytest.raises(profile.ProfileError) as caught:
        profile.load(str(file))
    assert [str(p.place) for p in caught.value.problems] == [
        f"{base}:{line_of(text, 'years')}",
        f"{file}:6",
    ]


# ── Errors with their lines ──────────────────────────────────────────────────────────────────

# shipped text, what replaces it, a part of the faulty line, key, message
NATIONAL_FAULTS = [
    ('tag = "20", format', 'tag = "20", colour = "red", format', '"red"', "items[20].colour",
     "unknown key"),
    ('length = 18, zh', 'length = "18", zh', '"AAC002"', "items[08].length",
     "a whole number is expected"),
    ('length = 18, zh', 'length = 0, zh', '"AAC002"', "items[08].length",
     "must not be less than 1"),
    ('length = 18, zh', 'length = 17, zh', '"AAC002"', "items[08].example",
     "social security number: 18 bytes, at most 17 fit"),
    ('format = "an", length = 18', 'format = "ascii", length = 18', '"AAC002"', "items[08].format",
     "must be one of 'an', 'cn', 'b', 'btlv'"),
    (' format = "an", length = 18', ' length = 18', '"AAC002"', "items[08].format",
     "this key is missing"),
    ('tag = "0D", format', 'tag = "0A", format', "1949-12-31", "items[0A].tag",
     "used twice in EF06"),
    ('tag = "0D", format', 'format', "1949-12-31", "items[7]",
     "a record with tag and length needs a tag"),
    ('tag = "0D", format', 'tag = "0DX", format', "1949-12-31", "items[0DX].tag",
     "'0DX' is not an even number of hexadecimal digits"),
    ('tag = "0D", format', 'tag = "010D", format', "1949-12-31", "items[010D].tag",
     "must not be more than 255"),
    ('codes = "T13"', 'codes = "T99"', "T99", "items[0A].codes",
     "there is no code table T99; similar ones: T"),
    ('source = "@photo"', 'source = "@foto"', "@foto", "items[1].source",
     "there is no @foto; known: @category"),
    ('update = "key:UK3DF01"', 'update = "key:UK3DF09"', "UK3DF09", "EF08.update",
     "there is no key UK3DF09; similar ones: UK3DF0"),
    ('update = "key:UK3DF01"', 'update = "key:STKDF01"', 'update = "key:STKDF01"', "EF08.update",
     "key STKDF01 is for mac and cannot stand in this rule"),
    ('update = "key:UK3DF01"', 'update = "free+mac:UK3DF01"', "+mac", "EF08.update",
     "key UK3DF01 is for external and cannot stand in this rule"),
    ('update = "key:UK3DF01"', 'update = "pin or or"', "pin or or", "EF08.update",
     "'pin or or' is not an access rule"),
    ('update = "key:UK3DF01"', 'update = "@mine"', "@mine", "EF08.update",
     "there is no rule mine; known: -"),
    ('fid = "DF01"', 'fid = "DDF1"\nparent_is = 1', "parent_is", "DF01.parent_is", "unknown key"),
    ('name = "D15600000500"', 'name = "D156"', '"D156"', "DF01.name", "5 to 16 bytes are expected"),
    ('name = "D15600000500"', 'name = [1]', "name = [1]", "DF01.name",
     "hexadecimal digits in quotes are expected"),
    ('parent = "SSSE"', 'parent = "DF08"', 'parent = "DF08"', "DF01.parent",
     "there is no DF08; known: DF01, DF02, DF03, DF04, DF05, DF06, DF07, MF, SSSE"),
    ('parent = "SSSE"', '', "[directories.DF01]", "directories.DF01", "parent is missing"),
    ('kind = "MF"', 'kind = "MF"\nparent = "DF01"', 'parent = "DF01"', "MF.parent",
     "the MF has no parent"),
    ('[directories.DF01.files.EF1A]', '[directories.DF01.files.EF25]', "files.EF25",
     "files.EF25", "its short identifier is that of EF05"),
    ('[directories.DF01.files.EF1A]', '[directories.DF01.files.address]', "files.address",
     "files.address", "a file is named by its identifier, four capital hex digits"),
    ('length = 52, repeat', 'length = 51, repeat', "length = 51", "items[40].length",
     "its parts have 52 bytes together"),
    ('tag = "58"', 'tag = "57"', "GB/T 16835", "items[57].tag", "used twice"),
    ('length = 40, zh = "毕', 'length = 39, zh = "毕', 'zh = "学位信息"', "items[40].length",
     "its parts have 51 bytes together"),
    ('tag = "2A", format = "cn"', 'tag = "2A", format = "btlv"', 'zh = "学历"', "items[2A]",
     "btlv and record items have parts, and only they"),
    ('text = "version"', 'text = "date"', "规范版本", "items[03].text", "date is cn of 4 bytes"),
    ('example = "D2143569X", note = "ref', 'example = " D2143569", note = "ref', '" D2143569"',
     "items[07].example", "it reads back differently"),
    ('pin_directory = "SSSE"', 'pin_directory = "DF09"', "DF09", "pin_directory",
     "there is no DF09; known: DF01, DF02, DF03, DF04, DF05, DF06, DF07, MF, SSSE"),
    ('id = "0A", use', 'id = "04", use', "RKSSSE = {", "keys.RKSSSE.id",
     "the same as that of key UKSSSE"),
    ('PUK = { directory = "SSSE"', 'PUK = { directory = "SSE"', "PUK = {", "keys.PUK.directory",
     "there is no SSE; known: DF01, DF02, DF03, DF04, DF05, DF06, DF07, MF, SSSE"),
    ('level = "P1", psam_usage = "48", psam_id = "10"', 'level = "P1", psam_id = "10"', "PUK = {",
     "keys.PUK", "psam_usage and psam_id belong together"),
    ('cos = "cos/t514"', 'cos = "cos/xcos"', "cos/xcos", "cos",
     "there is no such profile; these exist: authorities/"),
    ('cos = "cos/t514"', 'cos = "national/codes"', 'cos = "', "cos",
     "the file it names is not of kind cos"),
    ('structure = "transparent"\nstatus = "planned"\nread = "key:RKSSSE"\nupdate = "key:UKSSSE"\n'
     'items = [\n  { format = "b", length = 768',
     'structure = "cyclic"\nread = "free"\nupdate = "never"\nitems = [\n'
     '  { format = "b", length = 768', "items = [\n  { format = \"b\", length = 768", "EF07.items",
     "a cyclic file holds one item of format record"),
    ('{ format = "b", length = 4096,', '{ tag = "99", format = "b", length = 4096,', '"@photo"',
     "items[99].tag", "no tags in this file"),
    ('length = 80, zh = "户口', 'length = 256, zh = "户口', '"AAC010"', "items[21].length",
     "a record has at most 255 bytes"),
    ('items = [\n  { format = "b", length = 296, zh = "预留信息1"',
     'items = [ # two\n  { format = "b", length = 1, zh = "一", en = "one" },\n'
     '  { format = "b", length = 296, zh = "预留信息1"', "# two", "EF16.items",
     "a transparent file holds one item"),
    ('tag = "58", format', 'format', "GB/T 16835", "items[40].items[2]",
     "a part of btlv has a tag"),
    ('example = "112233", note', 'example = "112233", read = "free", note', "GB/T 16835",
     "items[58]", "a part has no rules of its own"),
    ('{ length = 2, codes = "T24" }', '{ length = 2, codes = "T999" }', "T999",
     "items[4B].split[1].codes", "there is no code table T999"),
    ('{ length = 2, codes = "T24" }', '{ length = 1, codes = "T24" }', '"T25"', "items[4B].split",
     "belongs to an items without codes, and its parts make up their length"),
    ('codes = "T40", align = "left"', 'text = "number", align = "middle"', "middle",
     "items[76].align", "must be one of 'left', 'right'"),
    ('format = "an", length = 2, zh = "户口类别"',
     'align = "right", format = "an", length = 2, zh = "户口类别"',
     'align = "right", format = "an"', "items[20].align", "only cn is aligned to the right"),
    ('zh = "结算类别", en', 'text = "amount", zh = "结算类别", en', "settlement category",
     "items[2].text", "amount is cn or b"),
    ('fid = "DF01"', 'fid = "DF01"\ncreate = "key:UK1DF0"', "UK1DF0\"", "DF01.create",
     "there is no key UK1DF0; similar ones: UK1DF07"),
    ('update = "key:UK3DF02"', 'update = "free"\nappend = "key:IRK"', "key:IRK", "EF07.append",
     "key IRK is for internal and cannot stand in this rule"),
    ('update = "key:UK3DF02"', 'update = "free"\nappend = "@mine"', "@mine", "EF07.append",
     "there is no rule mine; known: -"),
    ('IRK = { directory = "SSSE"', 'IRK = { usable = "key:MKSSSE+mac:UKSSSE", directory = "SSSE"',
     "IRK = {", "keys.IRK.usable", "key UKSSSE is for external and cannot stand in this rule"),
    ('headers = true # whether', 'headers = 1 # whether', "headers = 1", "EF19.headers",
     "true or false is expected"),
    ('update = "key:UK8DF01"', 'headers = false\nupdate = "key:UK8DF01"', "headers = false",
     "EF17.headers", "only for records of fixed length"),
    ('[keys]', '[tables.T13]\nopen = "yes"\n[keys]', 'open = "yes"', "tables.T13.open",
     "true or false is expected"),
    ('[keys]', '[key]', "[key]", "key", "unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "mark", "key", "message"), NATIONAL_FAULTS)
def test_a_fault_of_a_card_is_named_with_file_line_and_key(
    write: Write, old: str, new: str, mark: str, key: str, message: str
) -> None:
    text = shipped("national/2.00").replace(old, new, 1)
    file = write(text)
    found = problems_of(file)
    [(line, _, words)] = [problem for problem in found if problem[1].endswith(key)]
    assert line == line_of(text, mark)
    assert words.startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('"DF01.EF09", tag = "32"', '"DF01.EF0B", tag = "32"', "file",
         "there is no file DF01.EF0B"),
        ('"DF01.EF09", tag = "32"', '"DF1.EF9", tag = "32"', "file", "does not match"),
        ('"DF01.EF09", tag = "32"', '"DF01.EF09", tag = "33"', "tag", "DF01.EF09 has no item 33"),
        ('tag = "39", follows = "38"', 'tag = "39", follows = "3A"', "follows",
         "DF01.EF0A has no item 3A"),
    ],
)  # fmt: skip
def test_a_fault_of_the_rewriting_is_named(
    write: Write, old: str, new: str, key: str, message: str
) -> None:
    text = shipped("national/1.00").replace(old, new)
    [(line, name, words)] = problems_of(write(text))
    assert (line, name.rsplit(".", 1)[-1]) == (line_of(text, new), key)
    assert words.startswith(message)


REGION_FAULTS = [
    ('division_code = "210200"', 'division_code = "2102"', "issuer.division_code",
     "does not match"),
    ('environment = "test"', 'environment = "trial"', "issuer.environment",
     "must be one of 'test', 'production'"),
    ('historical_prefix = "00814842428653"', 'historical_prefix = "0081484242"',
     "identity.historical_prefix", "shorter than 7"),
    ('historical_prefix = "00814842428653"', 'historical_prefix = "0081484242865300"',
     "identity.historical_prefix", "longer than 7"),
    ("serial_last = 0xFFFFFFFF", "serial_last = 0", "identity.serial_last",
     "serials run from 00000000 to FFFFFFFF"),
    ('encoding = "gb18030"', 'encoding = "gb1830"', "return_file.encoding", "unknown encoding"),
    ('["服务银行", "bank"]', '["服务银行", "banque"]', "return_file.columns[9]",
     "there is no banque; known: account, bank"),
    ("reason_bytes = 50", "reason_bytes = true", "return_file.reason_bytes",
     "a whole number is expected"),
    ('failed_stage = "制卡"', "failed_stage = 1", "return_file.failed_stage",
     "text in quotes is expected"),
    ('zh = "大连市（测试）"', "", "zh", "this key is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "message"), REGION_FAULTS)
def test_a_fault_of_a_region_is_named(
    write: Write, old: str, new: str, key: str, message: str
) -> None:
    text = shipped("regions/dalian")
    if not new:  # without its own title it would inherit the national one
        text = text.replace('extends = "national/2.00"', 'extends = "base.toml"')
        national = shipped("national/2.00").replace('zh = "社会保障卡 2.00 版"\n', "")
        (write("").parent / "base.toml").write_text(national, encoding="utf-8")
    line = line_of(text, old)
    [(found, found_key, found_text)] = problems_of(write(text.replace(old, new)))
    assert found_key == key
    assert found_text.startswith(message)
    assert found == (line if new else 1)


IMPORT_FAULTS = [
    ('separator = "|"', 'separator = "||"', "separator", "one character is expected"),
    ('"卡号" = "AAZ500"', '"卡号" = "AAC002"', "columns.社会保障号码", "the same field as 卡号"),
    ('"卡号" = "AAZ500"', '"卡号" = "card"', "columns.卡号", "'card' is no field code"),
    ('encoding = "utf-8"', 'encoding = "utf-16"', "encoding", "must be one of 'utf-8', 'gb18030'"),
    (
        '"SEQ", "AAB301"',
        '"SEQ", "AAB302"',
        "required[2]",
        "there is no column AAB302; similar ones: AAB301",
    ),
    ('photos = [".", "photos", "../photos"]', 'photos = "."', "photos", "an array […] is expected"),
]


@pytest.mark.parametrize(("old", "new", "key", "message"), IMPORT_FAULTS)
def test_a_fault_of_an_import_format_is_named(
    write: Write, old: str, new: str, key: str, message: str
) -> None:
    text = shipped("imports/bank").replace(old, new)
    found = {k: (line, words) for line, k, words in problems_of(write(text))}
    assert found[key][1].startswith(message)
    at = line_of(text, new)
    assert found[key][0] == at + (key == "columns.社会保障号码")


def test_all_faults_of_a_file_are_reported_together_in_both_languages(write: Write) -> None:
    text = (
        shipped("national/2.00")
        .replace('codes = "T13"', 'codes = "T99"')
        .replace('update = "key:UK3DF01"', 'update = "key:NONE"')
        .replace('fid = "DDF1"', 'fid = "DF01"\nparent = "MF"', 1)
        .replace('parent = "MF"\nzh = "社', 'zh = "社', 1)
        .replace('parent = "SSSE"', 'parent = "MF"')
    )
    file = write(text)
    with pytest.raises(profile.ProfileError) as caught:
        profile.load(str(file))
    error = caught.value
    lines = [line_of(text, 'codes = "T99"'), line_of(text, "key:NONE")]
    fids = [n for n, line in enumerate(text.splitlines(), 1) if line == 'fid = "DF01"']
    assert [problem.place.line for problem in error.problems] == sorted([*lines, fids[1]])
    assert error.where == f"{file}:{lines[0]}"
    english, chinese = error.render("en"), error.render("zh")
    for line in (fids[1], lines[1]):
        assert f"\n{file}:{line}: " in english
        assert f"\n{file}:{line}: " in chinese
    assert "directories.SSSE.files.EF06.items[0A].codes: 没有代码表 T99" in chinese
    assert "directories.DF01.fid: the same as that of SSSE" in english


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b'kind = "cos"\nzh = \n', 2, "TOML syntax: "),
        (b'kind = "cos"\nkind = "cos"\n', 2, "TOML syntax: "),
        (b'kind = "cos"\n[file_types\n', 2, "TOML syntax: "),
        (b'kind = "cos"\r\nzh = "', 2, "TOML syntax: "),
        (b'kind = "cos"\nzh = "\xb4\xf3"\n', 2, "not UTF-8 text"),
        (b'\n\nkind = "card"\n', 3, "must be one of national, region, cos, codes, import"),
        (b'zh = "x"\n', 1, "must be one of national, region, cos, codes, import"),
        (b'kind = ["cos", { a = 1 }]\n', 1, "must be one of national, region, cos"),
    ],
)
def test_a_file_that_is_no_profile(tmp_path: Path, content: bytes, line: int, message: str) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    [(found, _, text)] = problems_of(file)
    assert found == line
    assert text.startswith(message)


def test_a_file_that_cannot_be_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    file = write("")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert problems_of(file) == [(1, "", "cannot be read: Permission denied")]


def test_lines_are_right_in_every_notation_of_toml(write: Write) -> None:
    """Quoted and dotted keys, arrays of tables, long strings and nested arrays."""
    text = shipped("cos/t514").replace(
        "[settings]",
        '''\
[settings] # [not] a = header
"challenge" = "until_used"
mixed_all = """
truncate
""" # a long string
'key_counter' = '33'
wrong.dotted = """\\
  "quoted" ""\\""""
[[more]]
a = [[1,
  2], { b = "}]" }]
[[more]]
[more.deep]
[other."quo ted"]
[features.sfi_too]
''',
    )
    # Without the rest of the shipped settings, which follows.
    text = text[: text.index("key_counter = ")]
    assert [
        (line - line_of(text, "[settings]"), key) for line, key, _ in problems_of(write(text))
    ] == [
        (2, "settings.mixed_all"),
        (6, "settings.wrong"),
        (8, "more"),
        (13, "other"),
        (14, "features.sfi_too"),
    ]


def test_a_directory_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such profile"):
        profile.check(str(tmp_path))


def test_a_number_with_thousands_of_digits_names_its_line(write: Write) -> None:
    file = write('format = "sscard-profile/1"\nlength = ' + "9" * 5000 + "\n")
    assert problems_of(file) == [(2, "", "a number with too many digits")]
