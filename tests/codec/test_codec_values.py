"""Digits, text, names and dates."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sscard_ic.codec import dates
from sscard_ic.codec.digits import decode_cn, encode_cn
from sscard_ic.codec.text import cut_text, decode_an, encode_an, join_name, split_name

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "codec.toml").read_text(encoding="utf-8")
)
_digits = st.text("0123456789ABCDE", max_size=24)
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@pytest.mark.parametrize("row", _VECTORS["cn"], ids=lambda row: row["source"])
def test_cn_vector(row: dict[str, Any]) -> None:
    value = bytes.fromhex(row["bytes"])
    assert encode_cn(row["digits"], len(value)) == value
    assert decode_cn(value) == row["digits"]


@given(_digits, st.integers(0, 4))
def test_cn_round_trip(digits: str, spare: int) -> None:
    length = (len(digits) + 1) // 2 + spare
    value = encode_cn(digits, length)
    assert len(value) == length
    assert decode_cn(value) == digits


@given(st.binary(max_size=16))
def test_cn_bytes_survive_decoding(value: bytes) -> None:
    assert encode_cn(decode_cn(value), len(value)) == value


@pytest.mark.parametrize("digits", ["12 34 ", "12-4", "1２", "0x12", "G", "123456789"])
def test_cn_refuses(digits: str) -> None:
    with pytest.raises(ValueError, match="digit"):
        encode_cn(digits, 4)


@pytest.mark.parametrize("row", _VECTORS["an"], ids=lambda row: row["source"])
def test_an_vector(row: dict[str, Any]) -> None:
    value = bytes.fromhex(row["bytes"])
    assert encode_an(row["text"], len(value)) == value
    assert decode_an(value) == row["text"]


@given(_texts, st.integers(0, 4))
def test_an_round_trip(text: str, spare: int) -> None:
    assume(text == text.strip(" "))
    length = len(text.encode("gb18030")) + spare
    value = encode_an(text, length)
    assert len(value) == length
    assert decode_an(value) == text


@pytest.mark.parametrize("text", ["买买提·艾合买提", "阿依古丽•买买提", "𠮷田", "㛃", "Ω", "李"])
def test_names_that_gb2312_cannot_write(text: str) -> None:
    assert decode_an(encode_an(text, 50)) == text


@pytest.mark.parametrize(("text", "length"), [("张三", 3), ("a\x00b", 10), ("\ud800", 10)])
def test_an_refuses(text: str, length: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_an(text, length)


@given(st.binary(max_size=40))
def test_an_decodes_anything(value: bytes) -> None:
    assert "\x00" not in decode_an(value)


def test_an_ignores_both_fillings() -> None:
    assert decode_an(b"A1\xff\xff\xff") == "A1"
    assert decode_an(b"A1  \x00\xff") == "A1"
    assert decode_an(b"\xff" * 20) == ""


@given(_texts, st.integers(0, 60))
def test_cut_text_is_the_longest_beginning_that_fits(text: str, length: int) -> None:
    cut = cut_text(text, length)
    assert text.startswith(cut)
    assert len(cut.encode("gb18030")) <= length
    if cut != text:
        assert len(text[: len(cut) + 1].encode("gb18030")) > length


@given(_texts, st.sampled_from(["byte", "character"]))
def test_a_name_survives_being_split(name: str, by: str) -> None:
    assume(name == name.strip(" "))
    assume(len(name.encode("gb18030")) <= 44)
    head, tail = split_name(name, 30, 20, by)
    assert (len(head), len(tail)) == (30, 20)
    assert join_name(head, tail) == name


def test_a_name_is_split_where_the_setting_says() -> None:
    name = "A" + "张" * 16
    raw = name.encode("gb18030")
    assert split_name(name, 30, 20, "byte") == (raw[:30], raw[30:].ljust(20, b"\x00"))
    head, tail = split_name(name, 30, 20, "character")
    assert head == raw[:29] + b"\x00"
    assert tail == raw[29:].ljust(20, b"\x00")


@pytest.mark.parametrize("by", ["byte", "character"])
def test_a_name_that_is_too_long(by: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        split_name("张" * 26, 30, 20, by)


def test_an_unused_extension_may_be_filled_with_ff() -> None:
    head, _ = split_name("张三", 30, 20, "byte")
    assert join_name(head, b"\xff" * 20) == "张三"


@given(st.dates())
def test_date_round_trip(day: date) -> None:
    assert dates.parse_date(dates.format_date(day)) == day


@given(st.text(max_size=9))
def test_anything_else_is_not_a_date(text: str) -> None:
    try:
        day = dates.parse_date(text)
    except ValueError:
        return
    assert dates.format_date(day) == text


@pytest.mark.parametrize(
    "text", ["", "2026112", "20261301", "20260230", "00000101", "２０２６０１０１", "2026-1-1"]
)
def test_not_a_date(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        dates.parse_date(text)


def test_validity_ages_and_leap_years() -> None:
    leap = date(2024, 2, 29)
    assert dates.add_years(leap, 10) == date(2034, 2, 28)
    assert dates.add_years(leap, 4) == date(2028, 2, 29)
    assert dates.day_before(dates.add_years(date(2021, 12, 3), 10)) == date(2031, 12, 2)
    assert dates.age_on(date(2010, 11, 21), date(2026, 11, 20)) == 15
    assert dates.age_on(date(2010, 11, 21), date(2026, 11, 21)) == 16
    assert dates.age_on(date(2027, 1, 1), date(2026, 11, 21)) < 0
