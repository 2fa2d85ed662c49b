"""Item values between words and bytes, against the vectors of the reference."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import InputError
from sscard_ic.codec.tlv import parse_record
from sscard_ic.profile.structure import Item

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "items.toml").read_text(encoding="utf-8")
)["item"]
CARD = profile.load("2.00")


def item(path: str) -> Item:
    return profile.find_items(CARD, path)[0].item


def english(value: profile.Value) -> list[str]:
    return [remark.en for remark in value.remarks]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"])
def test_vectors_of_the_reference(vector: dict[str, Any]) -> None:
    record = parse_record(bytes.fromhex(vector["bytes"]))
    of = item(vector["path"])
    assert record.tag == of.tag

    value = profile.decode(of, record.value, CARD.codes)

    assert value.text == vector["text"]
    assert english(value) == vector.get("remarks", [])
    assert (value.meaning.zh if value.meaning else None) == vector.get("meaning")
    assert value.raw == record.value
    if vector.get("written", True):
        assert profile.encode(of, vector["text"]) == record.value


def test_a_date_may_be_given_without_hyphens() -> None:
    assert profile.encode(item("SSSE.EF05.05"), "20240115") == bytes.fromhex("20240115")


def test_an_identification_code_without_its_authentication_code() -> None:
    raw = profile.encode(item("SSSE.EF05.01"), "330300D15600000599110145")
    assert raw == bytes.fromhex("330300D15600000599110145FFFFFFFF")


def test_the_last_nibble_of_an_authentication_code_is_no_filling() -> None:
    code = "210200D1560000050000000112345FFF"
    of = item("SSSE.EF05.01")
    assert profile.decode(of, profile.encode(of, code)).text == code


def test_a_long_text_with_a_middle_dot() -> None:
    of = item("DF01.EF06.2C")
    name = "帕提古丽·买买提依明"
    raw = profile.encode(of, name)
    assert len(raw) == 50
    assert profile.decode(of, raw).text == name
    assert profile.decode(of, raw).remarks == ()


def test_blanks_at_the_ends_do_not_count() -> None:
    of = item("DF01.EF06.23")
    assert profile.encode(of, " 1号 ") == profile.encode(of, "1号")
    assert profile.encode(of, "  ") == profile.unset(of)


def test_binary_data_is_padded_to_the_file() -> None:
    of = item("SSSE.EF08")
    raw = profile.encode(of, "FFD8FFD9")
    assert raw == bytes.fromhex("FFD8FFD9") + bytes(4092)
    assert profile.decode(of, raw).text == "FFD8FFD9"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("SSSE.EF05.01", "FF" * 16),
        ("SSSE.EF05.05", "FFFFFFFF"),
        ("SSSE.EF06.09", "00" * 30),
        ("SSSE.EF06.0B", "FF"),
        ("SSSE.EF08", "00" * 4096),
        ("DF01.EF15.40#2", "5703000000" + "5803FFFFFF" + "5928" + "00" * 40),
    ],
)
def test_unset_items(path: str, expected: str) -> None:
    of = item(path)
    assert profile.unset(of).hex().upper() == expected
    assert profile.encode(of, "") == profile.unset(of)
    value = profile.decode(of, profile.unset(of), CARD.codes)
    assert (value.text, value.is_set, english(value)) == ("", False, ["not set"])


def test_parts_of_a_record_may_stay_unset() -> None:
    of = item("DF01.EF15.40#1")
    raw = profile.encode(of, '{"59": "南京大学"}')
    value = profile.decode(of, raw)
    assert value.text == '{"59": "南京大学"}'
    assert value.remarks == ()
    assert value.parts["59"].text == "南京大学"
    assert not value.parts["57"].is_set
    assert profile.encode(of, value.text) == raw


@pytest.mark.parametrize(
    ("path", "raw", "text", "remarks"),
    [
        ("SSSE.EF05.05", "20241301", "20241301", ["not a date"]),
        ("SSSE.EF05.05", "2024FFFF", "2024", ["not a date"]),
        (
            "SSSE.EF05.05",
            "00000000",
            "",
            ["not set", "filled with another byte than the specification says"],
        ),
        ("SSSE.EF05.05", "202401", "202401", ["3 bytes long, 4 expected", "not a date"]),
        ("SSSE.EF06.0A", "35", "5", ["the code is not in the table"]),
        ("SSSE.EF06.0B", "57", "57", ["the code is not in the table"]),
        ("SSSE.EF06.0C", "639900", "639900", []),
        ("SSSE.EF06.0C", "1FF105", "1FF105", ["holds other characters than digits"]),
        ("SSSE.EF06.0C", "000000", "000000", []),
        ("DF01.EF0A.38", "3100", "1", ["the code is not in the table"]),
        ("DF01.EF06.28", "31333800" + "00" * 10 + "31", "138", ["bytes after the end of the text"]),
        ("DF01.EF06.28", "81" + "00" * 14, "\ufffd", ["holds bytes that are not text"]),
        (
            "DF01.EF06.28",
            "313338" + "FF" * 12,
            "138",
            ["filled with another byte than the specification says"],
        ),
        (
            "SSSE.EF05.01",
            "210200A000000333000000011234567F",
            "210200A000000333000000011234567F",
            ["the application identifier is not D156000005"],
        ),
        ("DF01.EF15.40", "5703", "5703", ["2 bytes long, 52 expected", "not made of TLV parts"]),
        (
            "DF01.EF15.40",
            "00" * 52,
            "",
            ["not set", "filled with another byte than the specification says"],
        ),
        (
            "DF01.EF15.40",
            "5703313233" + "992D" + "00" * 45,
            '{"57": "123"}',
            ["parts missing: 58 59; strange: 99"],
        ),
    ],
)
def test_whatever_a_card_holds_is_read(path: str, raw: str, text: str, remarks: list[str]) -> None:
    value = profile.decode(item(path), bytes.fromhex(raw), CARD.codes)
    assert value.text == text
    assert english(value) == remarks


def test_a_name_cut_within_a_character_is_remarked() -> None:
    raw = b"A" + "帕提古丽买买提依明帕提古丽".encode("gb18030") + b"\xc2\xf2\xc2"
    value = profile.decode(item("SSSE.EF06.09"), raw)
    assert english(value) == ["the last character is cut: it continues in the name extension"]
    assert value.text.startswith("A帕提古丽")


@pytest.mark.parametrize(
    ("path", "text", "zh", "en"),
    [
        (
            "SSSE.EF05.05",
            "2024-02-30",
            "发卡日期：应为日期 YYYY-MM-DD",
            "date of issue: a date YYYY-MM",
        ),
        ("SSSE.EF05.05", "2024", "发卡日期：应为日期", "date of issue: a date YYYY-MM"),
        ("SSSE.EF05.03", "2.0", "规范版本：不是 N.NN", "specification version: not a version"),
        ("SSSE.EF05.01", "210200", "卡的识别码：应为 24 或 32", "24 or 32 hex digits"),
        ("SSSE.EF06.0B", "1F", "民族：含有非数字", "holds other characters than digits"),
        ("SSSE.EF06.0B", "001", "民族：3 位数字，最多 2", "3 digits, at most 2 fit"),
        ("SSSE.EF06.09", "赵" * 16, "姓名：32 字节，最多 30", "name: 32 bytes, at most 30 fit"),
        ("SSSE.EF06.09", "赵\n", "姓名：含有控制字符", "holds control characters"),
        ("SSSE.EF06.09", "赵\ud800", "姓名：含有无法编码的字符", "characters without a code"),
        ("SSSE.EF08", "FFD", "数字相片：应为十六进制数字", "hex digits are expected"),
        ("SSSE.EF08", "00" * 4097, "4097 字节，最多 4096", "4097 bytes, at most 4096 fit"),
        ("DF01.EF15.40", "123", "学位信息：应为 JSON 对象", "a JSON object is expected"),
        ("DF01.EF15.40", '{"57": 1}', "学位信息：应为 JSON 对象", "a JSON object is expected"),
        ("DF01.EF15.40", "{", "学位信息：应为 JSON 对象", "a JSON object is expected"),
        ("DF01.EF15.40", '{"60": "1"}', "没有数据项 60", "there is no part 60"),
        ("DF01.EF15.40", '{"57": "1234"}', "学位代码：4 字节，最多 3", "at most 3 fit"),
    ],
)
def test_what_does_not_fit_is_refused_without_telling_the_value(
    path: str, text: str, zh: str, en: str
) -> None:
    with pytest.raises(InputError) as caught:
        profile.encode(item(path), text)
    assert zh in caught.value.render("zh")
    assert en in caught.value.render("en")
    assert "赵" not in caught.value.render("zh")


def test_a_long_name_points_to_the_extension() -> None:
    with pytest.raises(InputError) as caught:
        profile.encode(item("SSSE.EF06.09"), "赵" * 16)
    assert caught.value.hint is not None
    assert "name extension" in caught.value.hint.en
