"""Items found by the names people give them."""

from __future__ import annotations

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import InputError
from sscard_ic.profile.parts import find_part

CARD = profile.load("2.00")


def paths(name: str) -> list[str]:
    return [located.path for located in profile.find_items(CARD, name)]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("SSSE.EF06.08", "SSSE.EF06.08"),
        ("ssse.ef06.4e", "SSSE.EF06.4E"),
        ("姓名", "SSSE.EF06.09"),
        (" Name ", "SSSE.EF06.09"),
        ("4e", "SSSE.EF06.4E"),
        ("DF01.EF06.联系电话", "DF01.EF06.28"),
        ("DF01.EF06.contact telephone", "DF01.EF06.28"),
        ("数字相片", "SSSE.EF08"),
        ("SSSE.EF08", "SSSE.EF08"),
        ("DF01.EF15.40#2", "DF01.EF15.40#2"),
        ("学位信息#3", "DF01.EF15.40#3"),
        ("DF01.联系电话", "DF01.EF06.28"),
        ("df01.28", "DF01.EF06.28"),
        ("DF02.EF07#1", "DF02.EF07#1"),
        ("医疗交易明细#30", "DF04.EF08#30"),
        ("毕业学校名称#2", "DF01.EF15.40#2"),
        ("DF01.EF15.59#1", "DF01.EF15.40#1"),
        ("DF02.EF07.employment start date#4", "DF02.EF07#4"),
        ("DF06.EF05.C4.社会救助代码", "DF06.EF05.C4"),
        ("最近一次办理失业登记日期", "DF02.EF06.60"),
    ],
)
def test_one_item(name: str, path: str) -> None:
    assert paths(name) == [path]


@pytest.mark.parametrize("name", ["学位信息", "DF01.EF15.40", "40", "degree record"])
def test_repetitions_come_together(name: str) -> None:
    assert paths(name) == ["DF01.EF15.40#1", "DF01.EF15.40#2", "DF01.EF15.40#3"]


@pytest.mark.parametrize(
    "name", ["DF02.EF07", "就业记录", "就业记录信息文件", "DF02.employment history", "从事职业"]
)
def test_a_log_means_all_its_records(name: str) -> None:
    assert paths(name) == [f"DF02.EF07#{number}" for number in range(1, 5)]


@pytest.mark.parametrize("name", ["毕业学校名称", "DF01.EF15.40.59", "school name"])
def test_a_part_leads_to_the_records_that_hold_it(name: str) -> None:
    assert paths(name) == ["DF01.EF15.40#1", "DF01.EF15.40#2", "DF01.EF15.40#3"]


@pytest.mark.parametrize("name", ["社会救助批准日期", "E4", "DF06.EF05.E4"])
def test_a_part_of_several_items_is_ambiguous(name: str) -> None:
    with pytest.raises(InputError, match="the name means several items") as caught:
        profile.find_items(CARD, name)
    assert caught.value.hint is not None
    assert "DF06.EF05.C3 社会救助信息1, DF06.EF05.C4 社会救助信息2" in caught.value.hint.zh


def test_a_title_is_an_item_before_it_is_a_part() -> None:
    """参保地所属行政区划代码 is DF03 EF18 tag 75, and a part of DF03 EF19."""
    assert paths("参保地所属行政区划代码") == ["DF03.EF18.75"]
    assert paths("DF03.EF19.参保地所属行政区划代码")[0] == "DF03.EF19.79#1"


@pytest.mark.parametrize("name", ["DF02.EF07#5", "姓名#2", "DF01.EF06.28#0", "#1", ""])
def test_a_repetition_that_is_not_there(name: str) -> None:
    with pytest.raises(InputError, match="there is no such item"):
        profile.find_items(CARD, name)


def test_a_file_and_a_directory_mean_all_their_items() -> None:
    assert paths("DF01.EF07") == ["DF01.EF07.29"]
    assert paths("SSSE") == [
        located.path for located in CARD.structure.locate_all() if located.directory_name == "SSSE"
    ]
    assert len(paths("SSSE")) == 16
    assert paths("常住地信息文件") == paths("DF01.EF06") == paths("DF01.usual residence")
    assert paths("公共应用数据区") == paths("DF01")


def test_an_unknown_name_is_answered_with_similar_ones() -> None:
    with pytest.raises(InputError) as caught:
        profile.find_items(CARD, "电话")
    assert "电话: there is no such item" in str(caught.value)
    assert "DF01.EF06.28 联系电话, DF01.EF06.2D 联系人（监护人）电话" in caught.value.render("zh")
    assert "DF01.EF06.28 contact telephone" in caught.value.render("en")


def test_suggestions_come_from_every_directory() -> None:
    with pytest.raises(InputError) as caught:
        profile.find_items(CARD, "DF01.EF06.享受就业扶持政策")
    assert "DF02.EF16 就业扶持政策享受记录" in caught.value.render("zh")
    with pytest.raises(InputError) as caught:
        profile.find_items(CARD, "参保凭证")
    assert "DF03.EF19.79 参保凭证信息" in caught.value.render("zh")


def test_a_misspelt_english_name_is_recognised() -> None:
    with pytest.raises(InputError, match=r"SSSE\.EF06\.0D date of birth"):
        profile.find_items(CARD, "SSSE.EF06.date of brith")


def test_a_name_like_nothing_points_to_the_list() -> None:
    with pytest.raises(InputError, match="sscard profile show"):
        profile.find_items(CARD, "qqqqqqqq")


def test_an_ambiguous_name_lists_its_items() -> None:
    files = CARD.structure.directories["DF01"].files
    other = files["EF07"].items[0].model_copy(update={"zh": "姓名"})
    changed = files["EF07"].model_copy(update={"items": (other,)})
    directory = CARD.structure.directories["DF01"].model_copy(
        update={"files": {**files, "EF07": changed}}
    )
    structure = CARD.structure.model_copy(
        update={"directories": {**CARD.structure.directories, "DF01": directory}}
    )
    card = profile.CardProfile("trial", structure, CARD.dialect, CARD.codes)
    with pytest.raises(InputError) as caught:
        profile.find_items(card, "姓名")
    assert "the name means several items" in str(caught.value)
    assert "SSSE.EF06.09 name, DF01.EF07.29 " in str(caught.value)
    assert [at.path for at in profile.find_items(card, "DF01.EF07.姓名")] == ["DF01.EF07.29"]


@pytest.mark.parametrize(
    ("name", "kind", "found", "places"),
    [
        ("常住地信息文件", "file", "DF01.EF06", 5),
        ("DF01.usual residence", "file", "DF01.EF06", 5),
        ("公共应用数据区", "directory", "DF01", 0),
        ("学位信息", "item", "DF01.EF15.40", 3),
        ("就业记录信息文件", "item", "DF02.EF07", 4),
        ("UK1DF02", "key", "UK1DF02", 0),
        ("t23", "table", "T23", 0),
    ],
)
def test_parts_of_a_card_by_name(name: str, kind: str, found: str, places: int) -> None:
    part = find_part(CARD, name)
    assert (part.kind, part.name, len(part.places)) == (kind, found, places)


@pytest.mark.parametrize("name", ["", "SSSE.EF06", "DF01.EF15.40", "学位信息"])
def test_no_item_is_repeated_as_often_as_thousands_of_digits_say(name: str) -> None:
    with pytest.raises(InputError) as caught:
        paths(f"{name}#{'9' * 5000}")
    assert caught.value.what.en == "there is no such item"
    assert caught.value.hint is not None


def test_zeros_before_a_repetition_do_not_count() -> None:
    assert paths(f"DF01.EF15.40#{'0' * 5000}2") == ["DF01.EF15.40#2"]
