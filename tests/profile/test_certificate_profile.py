"""The certificate application of a profile: inheritance, absence, line-exact errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sscard_ic import profile
from sscard_ic.profile.certificate_words import condition_words, file_titles

Write = Callable[[str], Path]

REGION = """\
kind = "region"
zh = "试验"
en = "trial"
extends = "regions/urumqi"
"""
OWN_LINE = REGION.count("\n") + 2
"""The line of the single thing that a test writes below a table's head."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(text: str) -> Path:
        file = tmp_path / "trial.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return save


def problems_of(file: Path) -> list[tuple[int, str, str, str]]:
    with pytest.raises(profile.ProfileError) as caught:
        profile.check(str(file))
    assert all(problem.place.file == file for problem in caught.value.problems)
    return [(p.place.line, p.key, p.text.en, p.text.zh) for p in caught.value.problems]


# ── What a profile says ──────────────────────────────────────────────────────────────────────


def test_only_cards_of_the_third_generation_have_the_application() -> None:
    present = {
        info.name: profile.load(info.name).structure.certificates is not None
        for info in profile.available()
        if info.kind in ("national", "region")
    }
    assert {name for name, there in present.items() if there} == {
        "national/3.00", "regions/urumqi", "regions/urumqi-bank",
    }  # fmt: skip


def test_a_region_changes_only_what_it_names(write: Write) -> None:
    file = write(
        REGION
        + """
[certificate]
initial_admin_pin = "87654321"

[certificate.rules]
import_key = "user_and_admin_pin"

[certificate.settings]
write_block = 250
sign_command = "80AE0102"
"""
    )
    changed = profile.load(str(file)).structure.certificates
    base = profile.load("urumqi").structure.certificates
    assert changed is not None and base is not None
    assert changed.initial_admin_pin == "87654321"
    assert changed.rules == base.rules.model_copy(update={"import_key": "user_and_admin_pin"})
    assert changed.settings == base.settings.model_copy(
        update={"write_block": 250, "sign_command": bytes.fromhex("80AE0102")}
    )
    assert (changed.files, changed.contents, changed.name) == (
        base.files, base.contents, base.name,
    )  # fmt: skip


def test_a_region_may_have_no_application(write: Write) -> None:
    file = write(REGION + 'certificate_application = "none"\n')
    structure = profile.load(str(file)).structure
    assert structure.certificates is None
    assert profile.check(str(file)).kind == "region"


def test_files_pins_and_references_by_what_they_are_for() -> None:
    model = profile.load("3.00").structure.certificates
    assert model is not None
    files = model.files
    assert [f"{fid:04X}" for fid in file_titles(files)] == [
        "0012", "0013", "0014", "0015", "0018", "0019",
    ]  # fmt: skip
    assert (files.public("encryption"), files.private("signature")) == (0x0014, 0x0013)
    assert (model.pin_reference("user"), model.pin_reference("admin")) == (0x81, 0x00)
    assert (model.initial_pin("user"), model.initial_pin("admin")) == ("123456", "12345678")
    words = condition_words("user_and_admin_pin")
    assert (words.zh, words.en) == ("用户密码 和 管理员密码", "user PIN and admin PIN")


# ── Errors ───────────────────────────────────────────────────────────────────────────────────

_PATTERN = r"^(\d\d){2,7}$"
_CONDITIONS = "'free', 'user_pin', 'admin_pin', 'user_and_admin_pin'"


@pytest.mark.parametrize(
    ("table", "line", "en", "zh"),
    [
        ("", 'environment = "504B49"', "shorter than 5", "长度不足 5"),
        ("", 'name = "' + "41" * 17 + '"', "longer than 16", "长度超过 16"),
        ("", 'fid = "DF0"', "'DF0' is not an even number of hexadecimal digits",
         "'DF0' 不是偶数个十六进制数字"),
        ("", 'user_pin = "0181"', "must not be more than 255", "不得大于 255"),
        ("", 'admin_pin = "81"', "the same as user_pin", "与 user_pin 相同"),
        ("", 'initial_user_pin = "12345"', f"does not match {_PATTERN}", f"不符合格式 {_PATTERN}"),
        ("", 'initial_control_key = "0011"', "shorter than 16", "长度不足 16"),
        ("", "initial_control_key = 11", "hexadecimal digits in quotes are expected",
         "应为引号中的十六进制数字"),
        (".rules", 'use_private = "pin"', f"must be one of {_CONDITIONS}",
         f"应为下列之一：{_CONDITIONS}"),
        (".contents", 'signature_card_number = "1,2"', r"does not match ^[0-2](\.[0-9]+)+$",
         r"不符合格式 ^[0-2](\.[0-9]+)+$"),
        (".contents", 'holder_digest = "sm3"', "must be one of 'sm3_number', 'unchecked'",
         "应为下列之一：'sm3_number', 'unchecked'"),
        (".settings", "challenge = 12", "must be one of 8, 16", "应为下列之一：8, 16"),
        (".settings", 'public_key_header = "00"', "shorter than 2", "长度不足 2"),
        (".settings", "certificate_size = 100", "must not be less than 1020", "不得小于 1020"),
        (".settings", "write_block = 256", "must not be more than 255", "不得大于 255"),
        (".settings", "padded_certificate = 3000", "more than certificate_size, 2048",
         "超过 certificate_size（2048）"),
        (".settings", "user_pin_tries = 0", "must not be less than 1", "不得小于 1"),
        (".settings", "control_key_tries = 16", "must not be more than 15", "不得大于 15"),
        (".settings", 'control_key_header = "13"', "shorter than 3", "长度不足 3"),
        (".settings", 'change_needs_authentication = "yes"', "true or false is expected",
         "应为 true 或 false"),
        (".settings", 'sign_command = "804C0001A0"', "longer than 4", "长度超过 4"),
        (".settings", "tries = 3", "unknown key", "未知的键"),
        (".files", 'signature = "0012"', "unknown key", "未知的键"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_line_and_key(
    write: Write, table: str, line: str, en: str, zh: str
) -> None:
    key = f"certificate{table}.{line.partition(' = ')[0]}"
    file = write(f"{REGION}[certificate{table}]\n{line}\n")
    assert problems_of(file) == [(OWN_LINE, key, en, zh)]


def test_present_needs_the_table(write: Write) -> None:
    text = REGION.replace("urumqi", "dalian") + 'certificate_application = "present"\n'
    assert problems_of(write(text)) == [
        (
            OWN_LINE - 1,
            "certificate_application",
            "certificate_application = present needs the table [certificate]",
            "certificate_application = present 还需要 [certificate] 表",
        )
    ]


def test_present_or_none_and_nothing_else(write: Write) -> None:
    [(line, key, en, _)] = problems_of(write(REGION + "certificate_application = true\n"))
    assert (line, key) == (OWN_LINE - 1, "certificate_application")
    assert en == "must be one of 'none', 'present'"


def test_two_files_have_not_one_identifier(write: Write) -> None:
    text = f'{REGION}\n[certificate.files]\nsignature_certificate = "0012"\n'
    assert problems_of(write(text)) == [
        (OWN_LINE, "certificate.files", "two files have one identifier", "文件标识符重复")
    ]


@pytest.mark.parametrize("field", ["environment", "name"])
def test_no_other_directory_has_its_names(write: Write, field: str) -> None:
    ssse = profile.load("urumqi").structure.directories["SSSE"].name.hex()
    file = write(f'{REGION}[certificate]\n{field} = "{ssse}"\n')
    assert problems_of(file) == [
        (
            OWN_LINE,
            f"certificate.{field}",
            "the directory SSSE has this name, too",
            "名称与目录 SSSE 相同",
        )
    ]


def test_environment_and_directory_have_names_of_their_own(write: Write) -> None:
    file = write(REGION + '[certificate]\nname = "504B492EC9E7BBE1B1A3D5CF"\n')
    assert problems_of(file) == [
        (OWN_LINE, "certificate.name", "the same as environment", "与 environment 相同")
    ]


def test_what_a_card_without_the_application_says_of_it_is_checked_all_the_same(
    write: Write,
) -> None:
    text = REGION + 'certificate_application = "none"\n[certificate]\nadmin_pin = "81"\n'
    assert [key for _, key, _, _ in problems_of(write(text))] == ["certificate.admin_pin"]
