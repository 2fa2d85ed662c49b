"""Items found by the names people give them."""

from __future__ import annotations

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import InputError

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
    ],
)
def test_one_item(name: str, path: str) -> None:
    assert paths(name) == [path]


@pytest.mark.parametrize("name", ["学位信息", "DF01.EF15.40", "40", "degree record"])
def test_repetitions_come_together(name: str) -> None:
    assert paths(name) == ["DF01.EF15.40#1", "DF01.EF15.40#2", "DF01.EF15.40#3"]


def test_a_file_and_a_directory_mean_all_their_items() -> None:
    assert paths("DF01.EF07") == ["DF01.EF07.29"]
    assert paths("SSSE") == [
        located.path for located in CARD.structure.locate_all() if located.directory_name == "SSSE"
    ]
    assert len(paths("SSSE")) == 16


def test_an_unknown_name_is_answered_with_similar_ones() -> None:
    with pytest.raises(InputError) as caught:
        profile.find_items(CARD, "电话")
    assert "电话: there is no such item" in str(caught.value)
    assert "DF01.EF06.28 联系电话, DF01.EF06.2D 联系人（监护人）电话" in caught.value.render("zh")
    assert "DF01.EF06.28 contact telephone" in caught.value.render("en")


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
