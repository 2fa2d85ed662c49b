"""The manual of a card: everything the profile says is in it, with links that lead somewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import Language
from sscard_ic.profile.manual import manual, rule_steps, rule_words, spaced, tables_page
from sscard_ic.profile.manual.tables import used_tables
from sscard_ic.profile.structure import Item

CARDS = [info.name for info in profile.available() if info.kind in ("national", "region")]
CARD = profile.load("2.00")


@cache
def text_of(name: str, language: Language) -> str:
    return manual(profile.load(name), language)


def section(text: str, heading: str) -> str:
    """From a heading to the next one of any level."""
    start = text.index(f"\n{heading}")
    end = text.find("\n#", start + 1)
    return text[start:end]


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def pieces(item: Item) -> list[Item]:
    return [item, *item.items]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", CARDS)
def test_every_file_item_rule_and_key_is_in_its_section(name: str, language: Language) -> None:
    card, text = profile.load(name), text_of(name, language)
    for located in card.places:
        path = f"{located.directory_name}.{located.file_name}"
        part = section(text, f"### {path} ")
        assert located.file.zh in part and located.file.en in part
        assert rule_words(located.file.read).to(language) in part
        assert rule_words(located.file.update).to(language) in part
        assert rule_words(located.read).to(language) in part
        cells = rows(part)
        for item in pieces(located.item):
            tag = "-" if item.tag is None else f"{item.tag:02X}"
            assert [
                row
                for row in cells
                if row[1:4] == [tag, item.zh, item.en]
                and row[5] == str(item.length)
                and row[7].startswith(f"`{item.example}`")
                and row[8].startswith("`")
            ], item
    for directory in card.structure.directories:
        for key_name in card.structure.keys_of(directory):
            heading = f"### {directory} keys" if language == "en" else f"### {directory} 密钥"
            assert f"\n| {key_name} | " in section(text, heading)


@pytest.mark.parametrize("name", CARDS)
def test_every_code_in_use_is_in_it(name: str) -> None:
    card, text = profile.load(name), text_of(name, "en")
    tables = used_tables(card)
    for item in (item for at in card.places for item in pieces(at.item)):
        assert {item.codes, *(piece.codes for piece in item.split)} - {None} <= set(tables)
    for table in tables:
        cells = rows(section(text, f"### {table} "))
        for code, meaning in card.codes[table].entries.items():
            assert [code, meaning.zh, meaning.en] in cells


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", CARDS)
def test_every_link_has_its_anchor_and_every_table_its_width(name: str, language: Language) -> None:
    text = text_of(name, language)
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert len(anchors) == len(set(anchors)) > 40
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(anchors)
    width = 0
    for before, line in zip(["", *text.splitlines()], text.splitlines(), strict=False):
        if line.startswith("|"):
            count = line.replace("\\|", "").count("|")
            width = width if before.startswith("|") else count
            assert count == width, line


def test_a_file_as_it_is_explained() -> None:
    text = section(text_of("2.00", "en"), "### DF02.EF06 ")
    for line in (
        "- variable-length records, in use; 7 records, 46 bytes",
        "- Select: `00 A4 00 00 02 EF 06`",
        "- READ RECORD by number `00 B2 nn 04` (by SFI `00 B2 nn 34`), by tag `00 B2 tt 00` "
        "(by SFI `00 B2 tt 30`), all from nn on `00 B2 nn 05`",
        "- **To read**: PIN or RK1DF02 — VERIFY `00 20 00 00` in SSSE, or EXTERNAL AUTHENTICATE "
        "`00 82 00 88` in DF02",
        "- **To update**: UK2DF02 — EXTERNAL AUTHENTICATE `00 82 00 84` in DF02",
        "| 2 | 4B | 就业登记类型及形式 | employment registration type and form | an | 5 | "
        "1–2: [T24](#t24), 3–5: [T25](#t25) | `10010` | `4B 05 31 30 30 31 30` | - |",
    ):
        assert f"\n{line}\n" in text


def test_the_parts_of_a_constructed_item_and_of_a_cyclic_record_have_offsets() -> None:
    text = text_of("2.00", "en")
    degree = [row[:2] for row in rows(section(text, "### DF01.EF15 "))[2:]]
    assert degree == [["1", "2A"], ["2–4", "40"], ["↳ 4", "57"], ["↳ 9", "58"], ["↳ 14", "59"]]
    log = [[row[0], row[2]] for row in rows(section(text, "### DF04.EF08 "))[2:]]
    assert log == [  # ref 01 §4.6, offsets of the 28-byte record
        ["1–30", "医疗交易明细"], ["↳ 0", "交易序号"], ["↳ 2", "交易类型"], ["↳ 3", "终端机编号"],
        ["↳ 9", "交易时间"], ["↳ 16", "个人账户交易金额"], ["↳ 20", "个人自付金额"],
        ["↳ 24", "统筹基金支付金额"],
    ]  # fmt: skip


def test_addresses_of_a_file_at_a_glance() -> None:
    glance = {row[0]: row for row in rows(section(text_of("2.00", "en"), "## Files at a glance"))}
    # ref 01 §4.1: SFI, P2 by number, P2 by tag, records, sum of T+L+V bytes
    for path, cells in {
        "DF01.EF15": ["15", "AC", "A8", "4", "165"],
        "SSSE.EF08": ["08", "P1 88", "-", "-", "4096"],
        "DF02.EF07": ["07", "3C", "-", "4", "340"],
        "DF03.EF19": ["19", "CC", "C8", "4", "164"],
        "DF05.EF05": ["05", "2C", "28", "33", "506"],
    }.items():
        row = glance[f"[{path}](#{path.lower().replace('.', '-')})"]
        assert [row[n] for n in (2, 3, 4, 9, 10)] == cells


def test_directories_with_the_text_of_their_names() -> None:
    text = section(text_of("2.00", "zh"), "## 目录")
    for words in ("sx1.sh.社会保障", "`D15600000501`", "生命与健康信息区", "1PAY.SYS.DDF01"):
        assert words in text
    assert "`00 A4 04 00 0F 73 78 31 2E 73 68 2E C9 E7 BB E1 B1 A3 D5 CF` (sx1.sh.社会保障)" in (
        section(text_of("2.00", "zh"), "## SSSE ")
    )


@pytest.mark.parametrize(
    ("directory", "row"),
    [  # ref 01 §10.2: KID, groups, length, level, steps, PSAM usage and id
        ("SSSE", "| IRK | 00 | internal authentication | `00 88 00 00` | 01 02 03 | 16 | 3DES | "
         "ministry, first level | 3 | 67 08 | - |"),
        ("SSSE", "| STK | 02 | MAC of secure messaging | - | 01 | 8 | 3DES | "
         "ministry, second level | 2 | 46 09 | - |"),
        ("DF04", "| DPK | 01 02 03 | medical purchase | - | 01 02 03 | 16 | 3DES | "
         "ministry, second level | 2 | 42 01 | - |"),
        ("DF04", "| RK1DF04 | 84 | external authentication | `00 82 00 84` | 01 02 03 | 16 | 3DES "
         "| ministry, first level | 3 | 67 2D | read EF05 EF06 EF15 |"),
        ("DF02", "| UK4DF02 | 86 | external authentication | `00 82 00 86` | 01 02 03 | 16 | 3DES "
         "| ministry, second level | 2 | 47 27 | update EF09 |"),
    ],
)  # fmt: skip
def test_keys_with_all_that_is_known_of_them(directory: str, row: str) -> None:
    assert f"\n{row}" in section(text_of("2.00", "en"), f"### {directory} keys")


def test_the_keys_of_an_sm4_card() -> None:
    text = text_of("urumqi", "en")
    assert "| STK | 02 | MAC of secure messaging | - | 01 | 16 | SM4 |" in text
    assert "| DPK | 01 02 03 | medical purchase | - | 01 02 03 | 16 | 3DES |" in text


def test_settings_with_value_default_and_meaning() -> None:
    text = text_of("dalian", "en")
    assert (
        "| `cyclic_number_one` | `adds` | `adds` | UPDATE RECORD of number 1 of a cyclic file adds "
        "a record, or overwrites the newest. |" in text
    )
    assert "| `division_code` | `210200` | - |" in text
    assert "| `load_p2` | `01` | `01` | P2 of INITIALIZE FOR LOAD" in text
    card = profile.load("dalian")
    for name in (
        *type(card.dialect.features).model_fields,
        *type(card.dialect.settings).model_fields,
    ):
        [row] = [row for row in rows(text) if row[0] == f"`{name}`"]
        assert row[1] != "-" and row[2] != "-"


def test_every_setting_of_the_certificate_application_says_what_it_means() -> None:
    text = text_of("urumqi", "en")
    for part in ("rules", "contents", "settings"):
        settings = rows(section(text, f"### Certificate application `[{part}]`"))[2:]
        assert settings
        assert [row[0] for row in settings if row[3] == "-"] == []


def test_every_setting_of_the_cos_and_of_the_account_says_what_it_means() -> None:
    text = text_of("dalian", "en")
    for heading in ("Card operating system t514 `[settings]`", "Medical account `[settings]`",
                    "Card operating system t514 `[messaging]`",
                    "Card operating system t514 `[features]`"):  # fmt: skip
        settings = rows(section(text, f"### {heading}"))[2:]
        assert settings
        assert [row[0] for row in settings if row[3] == "-"] == []


def test_what_a_later_version_made_of_the_items() -> None:
    text = section(text_of("1.00", "en"), "## Items of version 2.00")
    found = {row[0].split("]")[0].lstrip("["): row[1:] for row in rows(text)[2:]}
    assert len(found) == 22  # ref 01 §7
    assert found["DF01.EF09.32"] == [
        "economic type of the employer (单位经济类型)", "an 3",
        "personal status category (人员身份类别)", "an 2", "last byte `EE`",
    ]  # fmt: skip
    assert found["DF02.EF06.4B"][-1] == "does not fit: rewriting is not possible"
    assert found["DF03.EF07.70"][-1] == "follows DF03.EF07.71"
    assert "Items of version" not in text_of("2.00", "en")


@pytest.mark.parametrize(
    ("heading", "row"),
    [  # ref 02 §8.1, §8.2, §8.9
        ("directories", "| PKI.ADF1 | ADF | DF01 | `53532E434552542E41444631` | SS.CERT.ADF1 | "
         "`00 A4 04 00 0C 53 53 2E 43 45 52 54 2E 41 44 46 31` |"),
        ("files", "| 0015 | encryption private key (加密私钥) | - | never | imported: user PIN | "
         "`00 A4 00 00 02 00 15` |"),
        ("files", "| 0019 | encryption certificate (加密证书) | 2048 | free | user PIN | "
         "`00 A4 00 00 02 00 19` |"),
        ("PINs", "| admin PIN | 00 | 6 | `00 20 01 00` | `84 5E 01 00` |"),
        ("PINs", "| control key | 00 | 6 | `00 82 00 00` | `84 D4 01 00` |"),
        ("operations", "| generate a key pair | `80 40 00 00` | user PIN | "
         "GET CHALLENGE `00 84 00 00` and VERIFY `00 20 01 81` |"),
        ("operations", "| read a certificate | `00 B0 hh ll` | free | no condition |"),
        ("contents", "| extension: card number, 9 characters | `1.2.156.2316.1.1` | "
         "`1.2.156.2316.1` |"),
    ],
)  # fmt: skip
def test_the_certificate_application(heading: str, row: str) -> None:
    assert f"\n{row}\n" in section(text_of("urumqi", "en"), f"### PKI {heading}")


def test_the_certificate_application_of_other_rules() -> None:
    card = profile.load("urumqi")
    model = card.structure.certificate
    assert model is not None
    rules = model.rules.model_copy(update={"import_key": "user_and_admin_pin"})
    settings = model.settings.model_copy(update={"change_needs_authentication": False})
    contents = model.contents.model_copy(update={"holder_digest": "unchecked"})
    update = {"rules": rules, "settings": settings, "contents": contents}
    changed = card.structure.model_copy(update={"certificate": model.model_copy(update=update)})
    text = manual(replace(card, structure=changed), "en")
    assert (
        "| user PIN and admin PIN | GET CHALLENGE `00 84 00 00` and VERIFY `00 20 01 81`, "
        "then GET CHALLENGE `00 84 00 00` and VERIFY `00 20 01 00` |" in text
    )
    assert "it need not be proved before it is replaced" in text
    assert "extension: 32 bytes, not checked" in text


def test_only_cards_that_have_the_certificate_application_have_its_chapter() -> None:
    for name in CARDS:
        there = profile.load(name).structure.certificates is not None
        for language, title in (("en", "certificate application"), ("zh", "证书应用")):
            text = text_of(name, language)
            assert (f"## PKI {title}" in text) is there
            assert ("Certificate application `[settings]`" in text) is (there and language == "en")
        presence = "[present](#pki)" if there else "none"
        assert f"| Certificate application | {presence} |" in text_of(name, "en")


def test_its_first_secrets_are_not_shown() -> None:
    model = profile.load("urumqi").structure.certificate
    assert model is not None
    text = text_of("urumqi", "en")
    for secret in (model.initial_admin_pin, model.initial_control_key.hex().upper()):
        assert secret not in text
    assert "`initial_user_pin`" not in text


def test_the_initial_pin_is_not_shown() -> None:
    card = profile.load("dalian")
    assert card.region is not None
    assert "`forbidden_new`" in text_of("dalian", "en")
    assert "`initial`" not in text_of("dalian", "en")


def test_tables_that_stand_on_another_page_are_linked_there() -> None:
    text = manual(CARD, "en", {"T14": "codes.md", "GB2260": "codes.md"})
    assert "[T14](codes.md#t14)" in text and "[T13](#t13)" in text
    assert "### T14 " not in text and "### T13 " in text
    assert "National tables: [T14](codes.md#t14), [GB2260](codes.md#gb2260)" in text


def test_a_page_of_tables() -> None:
    page = tables_page({name: CARD.codes[name] for name in ("T40", "GB2260")}, "en")
    assert page.startswith("# Code tables\n")
    assert '<a id="t40"></a>\n\n### T40 relationship to the insured person (供养关系)\n' in page
    assert "1 BCD digit (cn)." in page
    assert "first 4, then 2 digits. Codes outside the table may be used." in page


@pytest.mark.parametrize(
    ("rule", "zh", "en"),
    [
        ("free", "自由", "free"),
        ("internal", "仅卡内部", "the card itself only"),
        ("pin or key:RK1DF01", "PIN 或 RK1DF01", "PIN or RK1DF01"),
        ("pin and key:RK1DF04", "PIN 且 RK1DF04", "PIN and RK1DF04"),
        ("key:UKSSSE+mac:STK", "UKSSSE，并以 STK 计算 MAC", "UKSSSE, with a MAC by STK"),
    ],
)
def test_rules_in_words(rule: str, zh: str, en: str) -> None:
    words = rule_words(profile.AccessRule.parse(rule))
    assert (words.zh, words.en) == (zh, en)


@pytest.mark.parametrize(
    ("rule", "directory", "zh", "en"),
    [
        ("free", "SSSE", "无条件", "no condition"),
        ("never", "SSSE", "任何命令均不可", "by no command"),
        ("pin", "DF04", "在 SSSE 执行 VERIFY `00 20 00 00`", "VERIFY `00 20 00 00` in SSSE"),
        ("pin and key:RK1DF04", "DF04",
         "在 SSSE 执行 VERIFY `00 20 00 00`，且在 DF04 执行 EXTERNAL AUTHENTICATE `00 82 00 84`",
         "VERIFY `00 20 00 00` in SSSE, and EXTERNAL AUTHENTICATE `00 82 00 84` in DF04"),
        ("key:RK1DF03 or key:RK2DF03", "DF03",
         "在 DF03 执行 EXTERNAL AUTHENTICATE `00 82 00 84`，"
         "或在 DF03 执行 EXTERNAL AUTHENTICATE `00 82 00 85`",
         "EXTERNAL AUTHENTICATE `00 82 00 84` in DF03, or "
         "EXTERNAL AUTHENTICATE `00 82 00 85` in DF03"),
        ("key:UKSSSE+mac:STK", "SSSE",
         "在 SSSE 执行 EXTERNAL AUTHENTICATE `00 82 00 04`；命令以 CLA `04` 带 STK 的 MAC",
         "EXTERNAL AUTHENTICATE `00 82 00 04` in SSSE; the command has CLA `04` and a MAC by STK"),
    ],
)  # fmt: skip
def test_what_a_terminal_does_for_a_rule(rule: str, directory: str, zh: str, en: str) -> None:
    steps = rule_steps(CARD.structure, profile.AccessRule.parse(rule), directory)
    assert (steps.zh, steps.en) == (zh, en)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("0A0131", "0A 01 31"),
        ("30" * 5, "30 30 30 30 30"),
        ("FF" * 6 + "01", "FF×6 01"),
    ],
)
def test_bytes_as_people_read_them(raw: str, shown: str) -> None:
    assert spaced(bytes.fromhex(raw)) == shown
