"""Item values between words and bytes, against the vectors of the reference."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic import profile
from sscard_ic.base.errors import InputError
from sscard_ic.codec.tlv import parse_record
from sscard_ic.profile.structure import Item
from sscard_ic.profile.values import part_name

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "items.toml").read_text(encoding="utf-8")
)["item"]
CARD = profile.load("2.00")


def item(path: str) -> Item:
    return profile.find_items(CARD, path)[0].item


FILLED = "filled with another byte than the specification says"
ALIGNED = "the digits are aligned otherwise than the profile says"
REWRITTEN = "filled with E: a new item written onto a card of version 1.00"


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


FORMS = [  # written, other ways of writing it, bytes; ref 01 §3
    ("DF06.EF05.C3/E7", "2013-06", ["201306"], "201306"),
    ("DF06.EF06.CD", "2013", [], "2013"),
    ("DF04.EF08#1/交易时间", "2024-01-15 09:30:05", ["20240115093005", "2024-01-15T09:30:05"],
     "20240115093005"),
    ("DF04.EF06.92", "120.50", ["120.5"], "00012050"),
    ("DF04.EF06.92", "0.00", ["0"], "00000000"),
    ("DF04.EF06.92", "999999.99", [], "99999999"),
    ("DF04.EF08#1/个人自付金额", "152.00", ["152"], "00003B60"),
    ("DF04.EF08#1/个人自付金额", "42949672.94", [], "FFFFFFFE"),
    ("DF04.EF08#1/交易序号", "258", ["0258"], "0102"),
    ("DF03.EF05.63", "036", ["36"], "303336"),
    ("DF03.EF18.76", "2", [], "2F"),
    ("DF02.EF06.4B", "10010", [], "3130303130"),
]  # fmt: skip


def part(path: str) -> Item:
    """The item at ``path``, or the part of it after the slash."""
    path, _, name = path.partition("/")
    of = item(path)
    return next(part for part in of.items if part_name(part) == name) if name else of


@pytest.mark.parametrize(("path", "text", "others", "raw"), FORMS)
def test_written_forms(path: str, text: str, others: list[str], raw: str) -> None:
    of, expected = part(path), bytes.fromhex(raw)
    for written in (text, *others):
        assert profile.encode(of, written, CARD.codes) == expected
    value = profile.decode(of, expected, CARD.codes)
    assert (value.text, value.remarks) == (text, ())


@pytest.mark.parametrize(
    ("path", "raw", "text", "remarks"),
    [
        ("DF06.EF05.C3/E7", "201313", "201313", ["not a month"]),
        ("DF06.EF05.C3/E7", "323031", "201", ["ASCII characters where BCD digits belong"]),
        ("DF06.EF06.CD", "0000", "", ["not set", FILLED]),
        ("DF06.EF06.CD", "20FF", "20", ["not a year"]),
        ("DF04.EF08#1/交易时间", "20240115246000", "20240115246000", ["not a time"]),
        ("DF04.EF06.92", "12050FFF", "120.50", [ALIGNED]),
        ("DF04.EF06.92", "FFFFFFFF", "", ["not set"]),
        ("DF04.EF06.92", "1A2050FF", "1A2050", [ALIGNED, "holds other characters than digits"]),
        ("DF04.EF06.93", "3100", "1", []),
        ("DF04.EF06.93", "332D", "3-", ["holds other characters than digits"]),
        ("DF03.EF18.76", "02", "2", [ALIGNED]),
        ("DF03.EF18.76", "3F", "3", ["the code is not in the table"]),
        ("DF04.EF08#1/个人自付金额", "FFFFFFFF", "", ["not set", FILLED]),
        ("SSSE.EF06.0A", "EE", "", ["not set", REWRITTEN]),
        ("DF01.EF09.32", "32EE", "2", [REWRITTEN, "the code is not in the table"]),
        ("DF04.EF05.84", "2102EE", "2102", [REWRITTEN]),
        ("DF02.EF06.4B", "3130303130", "10010", []),
        ("DF02.EF06.4B", "3130393939", "10999", ["the code is not in the table"]),
    ],
)
def test_odd_values_are_read_and_remarked(
    path: str, raw: str, text: str, remarks: list[str]
) -> None:
    value = profile.decode(part(path), bytes.fromhex(raw), CARD.codes)
    assert value.text == text
    assert sorted(english(value)) == sorted(remarks)


def test_the_last_byte_of_a_text_may_be_ee() -> None:
    """ref 01 §7 rule 2 is for codes, digits and dates: in GB18030 many characters end in EE."""
    of = item("DF01.EF09.2E")
    raw = "铑".encode("gb18030") * 35
    assert raw.endswith(b"\xee")
    assert (profile.decode(of, raw).text, profile.decode(of, raw).remarks) == ("铑" * 35, ())


def test_every_code_of_a_composite_item_has_its_meaning() -> None:
    value = profile.decode(item("DF04.EF05.81"), b"31001000", CARD.codes)
    assert value.meaning is not None
    tables = [CARD.codes[f"T{number}"] for number in range(42, 48)]
    meanings = [table.entries[code] for table, code in zip(tables, ["310", *"01000"], strict=True)]
    pairs = list(zip(tables, meanings, strict=True))
    assert value.meaning.zh == "；".join(f"{table.zh}：{entry.zh}" for table, entry in pairs)
    assert value.meaning.en == "; ".join(f"{table.en}: {entry.en}" for table, entry in pairs)


def test_a_composite_item_tells_what_is_known_of_it() -> None:
    value = profile.decode(item("DF02.EF06.4B"), b"10999", CARD.codes)
    assert value.meaning is not None
    assert value.meaning.zh == f"{CARD.codes['T24'].zh}：{CARD.codes['T24'].entries['10'].zh}"


def test_a_cyclic_record_by_the_names_of_its_parts() -> None:
    of = item("DF02.EF16#1")
    raw = profile.encode(of, '{"享受就业扶持政策类型": "020"}', CARD.codes)
    assert raw == b"020" + b"\xff" * 15
    value = profile.decode(of, raw, CARD.codes)
    assert value.text == '{"享受就业扶持政策类型": "020"}'
    meaning = value.parts["享受就业扶持政策类型"].meaning
    assert meaning == CARD.codes["T30"].entries["020"]


def test_a_cut_cyclic_record_shows_what_is_there() -> None:
    value = profile.decode(item("DF04.EF15#1"), bytes.fromhex("0011"), CARD.codes)
    assert (value.text, english(value)) == ('{"交易序号": "17"}', ["2 bytes long, 3 expected"])


@given(st.binary(max_size=120), st.sampled_from(CARD.places))
def test_whatever_bytes_an_item_holds_they_are_read(raw: bytes, place: profile.Located) -> None:
    value = profile.decode(place.item, raw, CARD.codes)
    assert value.raw == raw
    assert value.is_set == bool(value.text)


@given(st.data())
def test_what_is_written_is_read_back(data: st.DataObject) -> None:
    """Amounts, moments and numbers of every size."""
    path, strategy = data.draw(
        st.sampled_from(
            [
                (
                    "DF04.EF06.92",
                    st.integers(0, 99999999).map(lambda n: f"{n // 100}.{n % 100:02}"),
                ),
                (
                    "DF04.EF08#1/个人账户交易金额",
                    st.integers(0, 0xFFFFFFFE).map(lambda n: f"{n // 100}.{n % 100:02}"),
                ),
                ("DF04.EF08#1/交易序号", st.integers(0, 0xFFFE).map(str)),
                (
                    "DF04.EF08#1/交易时间",
                    st.datetimes(datetime(1000, 1, 1)).map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}"),
                ),
                ("DF03.EF05.63", st.integers(0, 999).map("{:03}".format)),
            ]
        )
    )
    text = data.draw(strategy)
    of = part(path)
    value = profile.decode(of, profile.encode(of, text, CARD.codes), CARD.codes)
    assert (value.text, value.remarks) == (text, ())


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
        ("DF01.EF15.40", '{"57": "1", "57": "2"}', "57 出现两次", "57 is there twice"),
        ("DF01.EF15.40", "{", "学位信息：应为 JSON 对象", "a JSON object is expected"),
        ("DF01.EF15.40", '{"60": "1"}', "没有数据项 60", "there is no part 60"),
        ("DF01.EF15.40", '{"57": "1234"}', "学位代码：4 字节，最多 3", "at most 3 fit"),
        ("DF06.EF06.CD", "13", "应为年份 YYYY", "a year YYYY is expected"),
        ("DF06.EF06.D2", "2013-13", "应为年月 YYYY-MM", "a month YYYY-MM or YYYYMM is expected"),
        ("DF04.EF06.92", "-1", "应为金额（元）", "an amount in yuan is expected"),
        ("DF04.EF06.92", "1.005", "应为金额（元）", "an amount in yuan is expected"),
        ("DF04.EF06.92", "1000000", "最大为 999999.99", "at most 999999.99 fits"),
        ("DF04.EF06.93", "x", "应为数字", "a number is expected"),
        ("DF04.EF06.93", "100", "3 字节，最多 2", "3 bytes, at most 2 fit"),
        ("DF04.EF08#1", '{"交易序号": "65535"}', "最大为 65534", "at most 65534 fits"),
        (
            "DF04.EF08#1",
            '{"交易时间": "2024-01-15"}',
            "应为时间 YYYY-MM-DD hh:mm:ss",
            "a time YYYY-MM-DD hh:mm:ss",
        ),
        ("DF04.EF08#1", '{"amount": "1"}', "没有数据项 amount", "there is no part amount"),
        ("DF04.EF08#1", "17", '应为 JSON 对象，如 {"交易序号": "…"}', "a JSON object is expected"),
        ("DF02.EF06.4B", "1001", "应为 5 个字符", "5 characters are expected"),
        ("DF01.EF06.28", "1" * 16, "16 字节，最多 15", "at most 15 fit"),
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


@pytest.mark.parametrize(
    ("path", "text", "zh", "hint"),
    [
        ("SSSE.EF06.0A", "5", "性别：代码不在代码表 T13 中", "1 男性, 2 女性"),
        ("SSSE.EF06.0B", "57", "民族：代码不在代码表 T14 中", "56 基诺族"),
        ("SSSE.EF06.0C", "11010", "出生地：代码不在代码表 GB2260 中", "110000 北京市"),
        ("DF02.EF06.4B", "10999", "就业登记类型及形式：代码不在代码表 T25 中", "990 "),
        ("DF02.EF15.99", '{"10": "051"}', "认定为就业援助对象类型：代码不在代码表 T29 中", "050 "),
        ("DF04.EF15#1", '{"结算类别": "8"}', "结算类别：代码不在代码表 T52 中", "1 "),
        ("DF03.EF18.76", "3", "供养关系：代码不在代码表 T40 中", "1 配偶"),
    ],
)
def test_a_code_outside_its_table_is_refused_where_the_tables_are_given(
    path: str, text: str, zh: str, hint: str
) -> None:
    of = item(path)
    with pytest.raises(InputError) as caught:
        profile.encode(of, text, CARD.codes)
    assert zh in caught.value.render("zh")
    assert "the code is not in table" in caught.value.render("en")
    assert caught.value.hint is not None
    assert hint in caught.value.hint.zh
    assert len(profile.encode(of, text)) == of.length


def test_a_code_beyond_an_open_table_may_be_written() -> None:
    assert profile.encode(item("SSSE.EF06.0C"), "639900", CARD.codes) == bytes.fromhex("639900")


def test_a_long_name_points_to_the_extension() -> None:
    with pytest.raises(InputError) as caught:
        profile.encode(item("SSSE.EF06.09"), "赵" * 16)
    assert caught.value.hint is not None
    assert "name extension" in caught.value.hint.en


@pytest.mark.parametrize("text", ["9" * 5000, "0" * 5000 + "9" * 5000])
def test_thousands_of_digits_are_refused_for_every_item(text: str) -> None:
    for place in CARD.places:
        if place.item.format == "record" or place.item.items or place.item.text == "name":
            continue
        if place.item.length < 2500:
            with pytest.raises(InputError):
                profile.encode(place.item, text, CARD.codes)


def test_zeros_before_an_amount_do_not_count() -> None:
    amounts = [place.item for place in CARD.places if place.item.text in ("amount", "number")]
    assert amounts
    for each in amounts:
        zeros = "0" * 5000 + "7"
        assert profile.encode(each, zeros) == profile.encode(each, "7")


@pytest.mark.parametrize("path", ["DF01.EF15.40#1", "DF02.EF15.99"])
def test_a_constructed_item_with_nothing_in_its_parts_is_not_set(path: str) -> None:
    of = item(path)
    value = profile.decode(of, profile.unset(of), CARD.codes)
    assert (value.text, english(value)) == ("", ["not set"])
    assert value.parts == {}
