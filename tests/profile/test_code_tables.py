"""The code tables against the reference, and what a table answers."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sscard_ic import profile
from sscard_ic.profile import codes as code_module
from sscard_ic.profile.structure import Item

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "code_tables.toml").read_text(encoding="utf-8")
)
CODES = profile.load("2.00").codes
CARDS = [info.name for info in profile.available() if info.kind in ("national", "region")]


@pytest.mark.parametrize("vector", VECTORS["table"], ids=lambda vector: vector["name"])
def test_a_table_is_that_of_the_reference(vector: dict[str, Any]) -> None:
    table = CODES[vector["name"]]
    assert (len(table.entries), table.digits, table.stored) == (
        vector["count"],
        vector["digits"],
        vector["stored"],
    )
    assert {code: table.entries[code].zh for code in vector["meanings"]} == vector["meanings"]
    assert not table.open
    for code in vector.get("absent", ()):
        assert table.meaning(code) is None and not table.contains(code)


def test_every_table_has_a_vector() -> None:
    assert set(CODES) == {vector["name"] for vector in VECTORS["table"]} | {"GB2260"}
    assert len(CODES) == len(list(CODES)) == 53


@pytest.mark.parametrize("vector", VECTORS["division"], ids=lambda vector: vector["code"])
def test_a_division_and_what_it_lies_in(vector: dict[str, Any]) -> None:
    meaning = CODES["GB2260"].meaning(vector["code"])
    assert meaning is not None
    assert (meaning.zh, meaning.en) == (vector["zh"], vector["en"])


def test_ethnic_groups_are_numbered_without_a_gap() -> None:
    assert list(CODES["T14"].entries) == [f"{number:02d}" for number in range(1, 57)] + ["99"]


def test_divisions() -> None:
    table = CODES["GB2260"]
    provinces = [code for code in table.entries if code.endswith("0000")]
    assert len(provinces) == 34
    without = ("11", "12", "31", "50", "71", "81", "82")
    for code in provinces:
        capital = f"{code[:2]}0100"
        assert (capital in table.entries) == (code[:2] not in without)
    assert table.contains("660000")
    assert table.meaning("660000") is None
    assert not table.contains("66000") and not table.contains("66000A")


@pytest.mark.parametrize("name", CODES)
def test_every_code_says_something_in_both_languages(name: str) -> None:
    table = CODES[name]
    for code, meaning in table.entries.items():
        assert meaning.zh.strip() == meaning.zh != ""
        assert meaning.en.strip() == meaning.en != ""
        assert len(code) == table.digits
    meanings = [meaning.zh for meaning in table.entries.values()]
    twice = {zh for zh in meanings if meanings.count(zh) > 1}
    assert twice == ({"先进工作者"} if name == "T53" else set())  # 04 and 45 of the text itself


def coded(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        if item.codes or item.split:
            yield item
        yield from coded(item.items)


@pytest.mark.parametrize("name", CARDS)
def test_the_codes_fit_the_items_that_hold_them(name: str) -> None:
    card = profile.load(name)
    used = {item: located.path for located in card.places for item in coded((located.item,))}
    assert used
    for item, path in used.items():
        if item.split:
            assert item.format == "an"
            for piece in item.split:
                table = card.codes[piece.codes]
                assert (table.stored, table.digits) == ("an", piece.length), path
        if item.codes:
            table = card.codes[item.codes]
            room = 2 * item.length if item.format == "cn" else item.length
            assert table.stored == item.format, path
            assert table.digits in (room, room - (item.format == "cn")), path


def test_every_table_is_used_by_a_shipped_card() -> None:
    used = {
        name
        for card in map(profile.load, CARDS)
        for located in card.places
        for item in coded((located.item,))
        for name in (item.codes, *(piece.codes for piece in item.split))
    }
    assert used - {None} == set(CODES)


@pytest.mark.parametrize(
    ("table", "text", "nearest"),
    [
        ("T14", "满", ("11",)),
        ("T14", "达翰尔族", ("31",)),  # as two implementations misspell it (ref 05 §7.2)
        ("T14", "傈傈族", ("20",)),
        ("T14", "Tibetan", ("04",)),
        ("T13", "male", ("1", "2")),
        ("T13", "男", ("1",)),
        ("T16", "13", ("12", "11", "10")),
        ("T14", "57", ("56", "55", "54")),
        ("T42", "3", ("310", "340", "360")),
        ("T16", "93", ()),
        ("T49", "ofline", ("2", "1")),
        ("T49", " ", ()),
        ("GB2260", "大连", ("210200",)),
    ],
)
def test_the_codes_nearest_to_what_was_written(
    table: str, text: str, nearest: tuple[str, ...]
) -> None:
    found = CODES[table].nearest(text)
    assert found[: len(nearest)] == nearest
    assert len(found) <= 3 and (found or not nearest)


def test_a_file_of_tables_is_read_when_one_of_them_is_asked_for(tmp_path: Path) -> None:
    read: list[Path] = []
    own = code_module.CodeTable(zh="甲", en="a", digits=1, stored="an", entries={})

    def tables(file: Path, names: Any) -> dict[str, code_module.CodeTable]:
        read.append(file)
        return dict.fromkeys(names, own)

    found = code_module.CodeTables(
        {"A": own}, {"A": tmp_path, "B": tmp_path, "C": tmp_path}, tables
    )
    assert "B" in found and "D" not in found and list(found) == ["A", "B", "C"] and len(found) == 3
    assert found["A"] is own and found.get("D") is None
    assert read == []
    assert found["B"] is found["C"]
    assert read == [tmp_path]


# ── Files of tables ──────────────────────────────────────────────────────────────────────────

HEAD = 'kind = "codes"\nzh = "表"\nen = "tables"\n'
TABLE = """
[tables.{name}]
zh = "表"
en = "table"
digits = 2
stored = "an"
[tables.{name}.entries]
"10" = {{ zh = "甲", en = "a" }}
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> Path:
        file = tmp_path / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return put


def problems(file: Path) -> list[tuple[str, int, str, str]]:
    with pytest.raises(profile.ProfileError) as caught:
        profile.check(str(file))
    return [
        (problem.place.file.name, problem.place.line, problem.key, problem.text.en)
        for problem in caught.value.problems
    ]


def test_a_sound_file_with_tables_elsewhere(write: Write) -> None:
    write("far", HEAD + TABLE.format(name="X1") + TABLE.format(name="X2"))
    file = write("near", HEAD + '[files]\n"far.toml" = ["X1", "X2"]\n' + TABLE.format(name="X3"))
    assert profile.check(str(file)).kind == "codes"


def test_a_code_with_other_digits_is_named_with_its_line(write: Write) -> None:
    file = write("own", HEAD + TABLE.format(name="X1") + '"1A" = { zh = "乙", en = "b" }\n')
    assert problems(file) == [("own.toml", 12, "tables.X1.entries.1A", "2 digits expected")]


def test_a_table_that_is_not_where_it_should_be(write: Write) -> None:
    write("far", HEAD + TABLE.format(name="X1"))
    file = write("near", HEAD + '[files]\n"far.toml" = ["X1", "X9"]\n')
    [(name, _, _, text)] = problems(file)
    assert (name, text) == ("far.toml", "there is no code table X9 in this file")


def test_a_file_of_tables_that_does_not_exist(write: Write) -> None:
    file = write("near", HEAD + '[files]\n"far.toml" = ["X1"]\n')
    [(name, line, key, text)] = problems(file)
    assert (name, line, key) == ("near.toml", 5, "far.toml")
    assert text.startswith("there is no such profile")


def test_a_fault_elsewhere_is_reported_when_the_table_is_needed(write: Write) -> None:
    far = write("far", HEAD + TABLE.format(name="T36").replace("digits = 2", "digits = 0"))
    write("codes", HEAD.replace("\n", "\n", 1) + 'extends = "national/codes"\n[files]\n'
          f'"{far.name}" = ["T36"]\n')  # fmt: skip
    file = write("my", 'kind = "region"\nzh = "我"\nen = "my"\nextends = "regions/dalian"\n'
                 'codes = "codes.toml"\n')  # fmt: skip
    card = profile.load(str(file))
    assert card.codes["T13"].meaning("1")
    with pytest.raises(profile.ProfileError) as caught:
        card.codes["T36"]
    assert str(caught.value.problems[0].place) == f"{far}:8"


def test_a_region_changes_a_table_that_stands_elsewhere(write: Write) -> None:
    file = write("my", 'kind = "region"\nzh = "我"\nen = "my"\nextends = "regions/dalian"\n'
                 '[tables.T36.entries]\n"180" = { zh = "试验", en = "trial" }\n')  # fmt: skip
    table = profile.load(str(file)).codes["T36"]
    assert (table.zh, len(table.entries), table.contains("180")) == ("养老保险险种类型", 6, True)
    assert not CODES["T36"].contains("180")
