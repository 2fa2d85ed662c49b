"""Items of version 2.00 on cards of version 1.00: every row of the table of ref 01 §7."""

from __future__ import annotations

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import InputError
from sscard_ic.profile.rewriting import item_of, needed_for, read_place, rewritable
from sscard_ic.profile.structure import Located

OLD = profile.load("1.00")
FOLLOWERS = {
    "DF01.EF0A.39": "DF01.EF0A.38",
    "DF02.EF09.56": "DF02.EF09.55",
    "DF02.EF09.96": "DF02.EF09.55",
    "DF03.EF07.6F": "DF03.EF07.71",
    "DF03.EF07.70": "DF03.EF07.71",
    "DF04.EF06.92": "DF04.EF06.90",
}

# path, old name, new name, value of the new item, its bytes on the old card (filled up with EE)
ROWS = [
    ("DF01.EF09.32", "单位经济类型", "人员身份类别", "24", "3234 EE"),
    ("DF01.EF0A.37", "缴费基数", "国籍", "CHN", "43484E EE"),
    ("DF01.EF0A.38", "上年工资总额", "政治面貌", "13", "3133 EEEE"),
    ("DF01.EF0A.39", "工资信息更新日期", "参加党派日期", "1999-07-01", "19990701"),
    ("DF02.EF06.4D", "签订劳动合同日期", "就业登记地行政区划代码", "210200", "210200 EE"),
    ("DF02.EF06.50", "劳动合同起始日期", "失业登记地行政区划代码", "210200", "210200 EE"),
    ("DF02.EF09.55", "外来人员就业证编号", "就业失业登记证编号", "2102000013000001",
     "2102000013000001 EEEE"),
    ("DF02.EF09.56", "就业证签发机关", "就业失业登记证发证机构", "试验市社保局",
     "试验市社保局".encode("gb18030").hex() + "00" * 50),
    ("DF02.EF09.96", "就业证签发/年检日期", "就业失业登记证发证/年检日期", "2013-06-30",
     "20130630"),
    ("DF02.EF09.97", "就业证有效期", "就业失业登记证发证地行政区划代码", "210200", "210200 EE"),
    ("DF03.EF05.61", "月失业保险金支付标准", "失业保险参保地所属行政区划代码", "210200",
     "210200 EE"),
    ("DF03.EF07.6F", "个人账户变更日期", "待遇享受开始日期", "2010-01-01", "20100101"),
    ("DF03.EF07.70", "累计缴纳月数", "养老保险险种类型", "110", "313130"),
    ("DF03.EF07.71", "个人缴纳部分本息储存额", "养老保险参保地所属行政区划代码", "210200",
     "210200 EE"),
    ("DF04.EF05.81", "定点医疗机构名称1", "医疗保险险种类型及标识", "31001000",
     "3331303031303030" + "EE" * 54),
    ("DF04.EF05.84", "定点医疗机构名称2", "医疗保险参保地所属行政区划代码", "210200",
     "210200" + "EE" * 59),
    ("DF04.EF05.87", "定点医疗机构名称3", "健康档案编号", "21020010000000017",
     "3231303230303130303030303030303137" + "EE" * 45),
    ("DF04.EF06.90", "个人账户余额", "准许脱网医保结算标识", "1", "31 EEEEEE"),
    ("DF04.EF06.92", "年度个人自付累计金额", "脱网医保结算累计金额", "120.00", "00012000"),
    ("DF04.EF06.93", "年度统筹基金支付累计金额", "脱网医保结算累计次数", "02", "3032 EEEE"),
]  # fmt: skip
IMPOSSIBLE = [
    ("DF02.EF06.4B", "首次参加工作日期", "就业登记类型及形式", 5),
    ("DF02.EF06.4F", "终止（解除）劳动合同日期", "失业登记类型、原因及注销原因", 6),
]
NEW_MEANING = {
    "DF01.EF0A.38": bytes.fromhex("3133EEEE"),
    "DF02.EF09.55": bytes.fromhex("2102000013000001EEEE"),
    "DF03.EF07.71": bytes.fromhex("210200EE"),
    "DF04.EF06.90": bytes.fromhex("31EEEEEE"),
}
"""Items that others follow, already rewritten."""


def place(path: str) -> Located:
    return next(place for place in OLD.places if place.path == path)


def test_the_table_is_complete() -> None:
    found = [p.path for p in OLD.places if rewritable(OLD, p.path)]
    assert sorted(found) == sorted(row[0] for row in [*ROWS, *IMPOSSIBLE])


@pytest.mark.parametrize(("path", "old", "new", "text", "raw"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_table(path: str, old: str, new: str, text: str, raw: str) -> None:
    row = rewritable(OLD, path)
    assert row is not None
    assert (row.old.zh, row.new.zh, row.leader) == (old, new, FOLLOWERS.get(path))
    written = row.write(text, NEW_MEANING, OLD.codes)
    assert written == bytes.fromhex(raw)
    assert len(written) == place(path).item.length

    values = {**NEW_MEANING, path: written}
    value = read_place(OLD, place(path), values)
    assert (value.text, value.raw) == (text, written)
    assert [remark.en for remark in value.remarks] == [
        "filled with E: a new item written onto a card of version 1.00"
    ]
    assert (value.meaning is None) == (row.new.codes is None and not row.new.split)
    assert item_of(OLD, place(path), values).zh == new


@pytest.mark.parametrize(("path", "old", "new", "text", "raw"), ROWS, ids=[row[0] for row in ROWS])
def test_an_old_value_keeps_its_meaning(path: str, old: str, new: str, text: str, raw: str) -> None:
    located = place(path)
    example = located.item.example
    assert example is not None
    values = {p.path: profile.encode(p.item, p.item.example or "") for p in OLD.places}
    assert read_place(OLD, located, values).text == example
    assert read_place(OLD, located, values).remarks == ()
    assert item_of(OLD, located, values).zh == old


@pytest.mark.parametrize(("path", "old", "new", "size"), IMPOSSIBLE)
def test_what_does_not_fit_is_refused(path: str, old: str, new: str, size: int) -> None:
    row = rewritable(OLD, path)
    assert row is not None
    with pytest.raises(InputError) as caught:
        row.write("10010", {})
    assert f"{new}有 {size} 字节，{old}的字段只有 4 字节" in caught.value.render("zh")
    assert "rewriting is not possible on an old card" in caught.value.render("en")
    values = {path: bytes.fromhex("200306EE")}
    assert item_of(OLD, place(path), values).zh == old


@pytest.mark.parametrize("path", FOLLOWERS)
def test_what_follows_another_item_waits_for_it(path: str) -> None:
    row = rewritable(OLD, path)
    assert row is not None and row.leader is not None
    for values in ({}, {row.leader: bytes.fromhex("00012000")}):
        with pytest.raises(InputError) as caught:
            row.write("110", values)
        assert f"{row.old.zh}的含义随 {row.leader}" in caught.value.render("zh")
        assert f"rewrite {row.leader} together with it" in caught.value.render("en")


def test_a_new_value_is_checked_like_any_other() -> None:
    """A certificate number that is not of 16 digits; a code that the table has not."""
    row = rewritable(OLD, "DF02.EF09.55")
    assert row is not None
    with pytest.raises(InputError, match="holds other characters than digits"):
        row.write("32010000130000X1", {})
    party = rewritable(OLD, "DF01.EF0A.38")
    assert party is not None
    with pytest.raises(InputError, match="the code is not in table T20"):
        party.write("77", {}, OLD.codes)


def test_a_filling_of_one_byte_only_is_remarked() -> None:
    """Rule 2 of ref 01 §7 looks at the last byte alone."""
    raw = "3133".ljust(6, "0") + "EE"
    value = read_place(OLD, place("DF01.EF0A.38"), {"DF01.EF0A.38": bytes.fromhex(raw)})
    assert value.text == "13"
    assert "filled with another byte than the specification says" in [
        remark.en for remark in value.remarks
    ]


def test_a_rewritten_item_may_be_unset() -> None:
    row = rewritable(OLD, "DF02.EF06.4D")
    assert row is not None
    raw = row.write("", {})
    assert raw.hex().upper() == "FFFFFFEE"
    value = row.read({row.path: raw})
    assert (value.text, value.is_set) == ("", False)


def test_what_follows_another_item_is_read_together_with_it() -> None:
    wanted = [place("DF01.EF05.20"), place("DF01.EF0A.39"), place("DF03.EF07.70")]
    needed = [located.path for located in needed_for(OLD, wanted)]
    assert needed == [
        "DF01.EF05.20", "DF01.EF0A.38", "DF01.EF0A.39", "DF03.EF07.70", "DF03.EF07.71",
    ]  # fmt: skip
    assert needed_for(OLD, wanted[:1]) == wanted[:1]
    assert list(needed_for(OLD, OLD.places)) == list(OLD.places)


def test_cards_of_other_versions_know_no_rewriting() -> None:
    card = profile.load("2.00")
    assert rewritable(card, "DF01.EF09.32") is None
    located = next(p for p in card.places if p.path == "DF01.EF09.32")
    assert read_place(card, located, {located.path: b"24"}).text == "24"
    assert item_of(card, located, {located.path: b"24"}) is located.item
