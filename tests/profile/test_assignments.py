"""Names and values that people want written: strict, and checked before any card is touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sscard_ic.base.errors import InputError
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.assignments import (
    assign,
    decisive_places,
    find_places,
    parse_json,
    parse_words,
)
from sscard_ic.profile.values import encode

DALIAN = load("dalian")
OLD = load("1.00")


def assigned(*words: str, present: Mapping[str, bytes] | None = None) -> Mapping[str, bytes]:
    return assign(DALIAN, parse_words(words), present)


def refused(*words: str, profile: CardProfile = DALIAN) -> InputError:
    with pytest.raises(InputError) as caught:
        assign(profile, parse_words(words))
    return caught.value


# Forms


@pytest.mark.parametrize(
    "name", ["DF01.EF06.28", "df01.ef06.联系电话", "联系电话", "contact telephone", "28"]
)
def test_an_item_has_many_names(name: str) -> None:
    assert assigned(f"{name}=13912345678") == {"DF01.EF06.28": b"13912345678".ljust(15, b"\x00")}


def test_an_equals_sign_may_stand_in_a_value() -> None:
    assert list(parse_words([" a =b=c", "d="])) == [("a", "b=c"), ("d", "")]


@pytest.mark.parametrize("word", ["13912345678", "=13912345678", " =x"])
def test_what_has_no_name_is_not_shown(word: str) -> None:
    with pytest.raises(InputError) as caught:
        list(parse_words([word]))
    assert "139" not in caught.value.render("en").split("\n")[0]
    assert "NAME=VALUE" in caught.value.render("en")
    assert "名称=值" in caught.value.render("zh")


def test_json_of_names_and_values() -> None:
    text = '{"性别": "2", "DF02.EF07": {"从事职业": "1234567"}}'
    assert list(parse_json(text, "x.json")) == [
        ("性别", "2"),
        ("DF02.EF07", '{"从事职业": "1234567"}'),
    ]


@pytest.mark.parametrize(
    ("text", "where", "word"),
    [
        ("{", "x.json:1:2", "not JSON"),
        ('{"a":\n "b",}', "x.json:2", "not JSON"),
        ("[]", "x.json", "a JSON object"),
        ('"a"', "x.json", "a JSON object"),
        ('{"a": 1}', "x.json: a", "a string or an object"),
        ('{"a": null}', "x.json: a", "a string or an object"),
        ('{"a": ["b"]}', "x.json: a", "a string or an object"),
        ('{"a": 1e9}', "x.json: a", "a string or an object"),
        ('{"a": ' + "9" * 5000 + "}", "x.json: a", "a string or an object"),
        ('{"a": "1", "a": "2"}', "x.json", "a is there twice"),
        ('{"r": {"a": "1", "a": "2"}}', "x.json", "a is there twice"),
        ("[" * 100_000, "x.json", "nested too deep"),
        ("", "x.json:1:1", "not JSON"),
    ],
)
def test_other_json_is_refused(text: str, where: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        list(parse_json(text, "x.json"))
    assert caught.value.where.startswith(where)
    assert word in caught.value.what.en


# Values


def test_values_come_in_card_order_and_empty_ones_unset() -> None:
    values = assigned("DF01.EF06.28=1", "SSSE.EF06.0D=", "SSSE.EF06.0A=2")
    assert list(values) == ["SSSE.EF06.0A", "SSSE.EF06.0D", "DF01.EF06.28"]
    assert values["SSSE.EF06.0D"] == b"\xff" * 4


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("SSSE.EF06.0A=7", "the code is not in table T13"),
        ("SSSE.EF06.0A=男", "the code is not in table T13"),
        ("SSSE.EF06.0D=2020-02-30", "a date"),
        ("SSSE.EF06.0D=20200230", "a date"),
        ("SSSE.EF06.0D=2020", "a date"),
        ("SSSE.EF06.08=1234567890123456789", "19 bytes, at most 18 fit"),
        ("SSSE.EF06.09=" + "王" * 26, "52 bytes, at most 50 fit"),
        ("SSSE.EF06.09=王\x00小", "control characters"),
        ("SSSE.EF06.09=王\ud800", "characters without a code"),
        ("DF01.EF06.28=" + "1" * 16, "16 bytes, at most 15 fit"),
        ("DF01.EF16=" + "5A" * 297, "297 bytes, at most 296 fit"),
        ("DF01.EF16=5", "hex digits"),
        ("DF02.EF07=x", "a JSON object is expected"),
        ("DF02.EF07=[]", "a JSON object is expected"),
        ("DF02.EF07=" + "[" * 100_000, "a JSON object is expected"),
        ("DF02.EF07=" + "9" * 5000, "a JSON object is expected"),
        ('DF02.EF07={"x": "1"}', "there is no part x"),
        ('DF02.EF07={"就业起始日期": "2020-13-01"}', "a date"),
        ('DF02.EF07={"从事职业": 1}', "a JSON object is expected"),
    ],
)
def test_a_value_that_does_not_fit(word: str, message: str) -> None:
    error = refused(word)
    assert message in error.what.en
    assert word.split("=", 1)[0] in error.where
    value = word.split("=", 1)[1]
    if len(value) > 4 and "{" not in value:
        assert value not in error.render("en") + error.render("zh"), "it may be a person's"


def test_a_number_of_too_many_digits_is_refused_in_words() -> None:
    amounts = [p for p in DALIAN.places if p.item.text == "amount" and p.update.keys]
    for digits in (20, 5000):
        error = refused(f"{amounts[0].path}={'9' * digits}")
        assert error.where == amounts[0].path


@pytest.mark.parametrize("item", [p for p in DALIAN.places if p.item.codes], ids=lambda p: p.path)
def test_no_code_outside_a_closed_table(item: object) -> None:
    place = next(p for p in DALIAN.places if p is item)
    table = DALIAN.codes[place.item.codes or ""]
    strange = next(
        code
        for n in range(10**table.digits)
        if (code := f"{n:0{table.digits}}") not in table.entries
    )
    if table.open or table.meaning(strange):
        assert table.open or encode(place.item, strange)
        return
    if place.update.kind == "internal":
        return
    assert "the code is not in table" in refused(f"{place.path}={strange}").what.en


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("SSSE.EF06.生日=2020-01-01", "SSSE.EF06.0D"),
        ("联系电活=1", "DF01.EF06.28"),
        ("sexx=1", "SSSE.EF06.0A"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest(word: str, hint: str) -> None:
    error = refused(word)
    assert "there is no such item" in error.what.en
    assert error.hint is not None
    assert hint in error.hint.en


def test_names_that_mean_several_items() -> None:
    for word in ("SSSE.EF06=x", "DF02.EF05.43=x", "SSSE=x"):
        error = refused(word)
        assert "several items" in error.what.en
        assert error.hint is not None
    assert assigned("DF02.EF05.43#2=")


def test_an_item_given_twice() -> None:
    error = refused("SSSE.EF06.0A=1", "性别=2")
    assert (error.what.en, error.where) == ("an item is given twice", "SSSE.EF06.0A")
    assert "given twice" in refused("SSSE.EF06.09=王", "SSSE.EF06.4E=").what.en


def test_what_nobody_may_write() -> None:
    for name in ("DF04.EF08", "DF04.EF08#1"):
        assert "only the card itself writes it" in refused(f"{name}=00").what.en


# Names of people, logs


def test_a_long_name_goes_on_in_its_extension() -> None:
    """Bytes 1-30 and the rest, though a character straddles them (ref 01 §3)."""
    name = "A" + "王" * 20
    raw = name.encode("gb18030")
    values = assigned(f"姓名={name}")
    assert values == {"SSSE.EF06.09": raw[:30], "SSSE.EF06.4E": raw[30:].ljust(20, b"\x00")}
    assert assigned("姓名=王") == {
        "SSSE.EF06.09": "王".encode("gb18030").ljust(30, b"\x00"),
        "SSSE.EF06.4E": bytes(20),
    }
    assert assigned("姓名=") == {"SSSE.EF06.09": bytes(30), "SSSE.EF06.4E": bytes(20)}
    assert list(assigned("姓名扩展=王")) == ["SSSE.EF06.4E"]


def test_a_name_that_does_not_fit_when_no_character_is_cut() -> None:
    assert DALIAN.region is not None
    card = DALIAN.region.card.model_copy(update={"name_split": "character"})
    profile = replace(DALIAN, region=DALIAN.region.model_copy(update={"card": card}))
    values = assign(profile, [("姓名", "A" + "王" * 20)])
    assert values["SSSE.EF06.09"] == ("A" + "王" * 14).encode("gb18030") + b"\x00"
    assert "too long" in refused("姓名=A" + "王" * 24 + "B", profile=profile).what.en
    assigned("姓名=A" + "王" * 24 + "B")


def test_a_log_takes_new_records_only() -> None:
    record = json.dumps({"从事职业": "1234567"})
    assert list(assigned(f"DF02.EF07={record}")) == ["DF02.EF07#1"]
    assert list(assigned(f"DF02.EF07#1={record}")) == ["DF02.EF07#1"]
    logs = [p for p in DALIAN.places if p.file.structure == "cyclic" and p.occurrence == 2]
    for place in logs:
        error = refused(f"{place.path}=x")
        assert "a log only takes new records" in error.what.en
        assert error.hint is not None
        assert f"{place.directory_name}.{place.file_name}" in error.hint.en


# Cards of version 1.00


def test_new_meanings_have_names_on_an_old_card() -> None:
    for name in ("国籍", "DF01.EF0A.国籍", "DF01.国籍", "nationality"):
        assert [p.path for p in find_places(OLD, name)] == ["DF01.EF0A.37"]
    with pytest.raises(InputError):
        find_places(DALIAN, "单位经济类型")


def test_a_new_meaning_is_filled_with_e() -> None:
    assert assign(OLD, [("国籍", "CHN")]) == {"DF01.EF0A.37": b"CHN\xee"}
    assert assign(OLD, [("缴费基数", "1200.50")]) == {"DF01.EF0A.37": bytes.fromhex("00120050")}
    assert "T20" in refused("政治面貌=77", profile=OLD).what.en
    assert "not possible on an old card" in refused("就业登记类型及形式=10010", profile=OLD).what.en


def test_a_path_keeps_the_meaning_that_holds() -> None:
    path = "DF01.EF0A.38"
    old, new = bytes.fromhex("00120000"), b"13\xee\xee"
    assert assign(OLD, [(path, "01")], {path: new}) == {path: b"01\xee\xee"}
    assert assign(OLD, [(path, "100.00")], {path: old}) == {path: bytes.fromhex("00010000")}
    assert assign(OLD, [("上年工资总额", "100.00")], {path: new}) == {
        path: bytes.fromhex("00010000")
    }


def test_what_follows_another_item() -> None:
    leader, follower = "DF03.EF07.71", "DF03.EF07.70"
    error = refused("养老保险险种类型=110", profile=OLD)
    assert error.hint is not None
    assert f"rewrite {leader} together with it" in error.hint.en
    both = [("养老保险险种类型", "110"), ("养老保险参保地所属行政区划代码", "210200")]
    assert assign(OLD, both) == {follower: b"110", leader: bytes.fromhex("210200EE")}
    present = {leader: bytes.fromhex("210200EE")}
    assert assign(OLD, both[:1], present) == {follower: b"110"}
    assert [p.path for p in decisive_places(OLD, ["养老保险险种类型", "国籍", "性别"])] == [
        "DF01.EF0A.37",
        leader,
    ]
    assert decisive_places(DALIAN, ["性别"]) == ()
