"""Which reader is meant: the cases of ``reader-choice.toml``, and what holds always."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.reader.choice import SeenReader, choose_all, choose_reader
from sscard_ic.reader.errors import NoReader, ReaderError

VECTORS = Path(__file__).parent.parent / "vectors" / "reader-choice.toml"
CASES: list[dict[str, Any]] = tomllib.loads(VECTORS.read_text(encoding="utf-8"))["case"]


def seen(*written: str) -> list[SeenReader]:
    return [SeenReader(name.removeprefix("* "), name.startswith("* ")) for name in written]


@pytest.mark.parametrize("case", CASES, ids=[case["rule"] for case in CASES])
def test_the_table_of_cases(case: dict[str, Any]) -> None:
    readers = seen(*case["readers"])
    words, psam = case.get("words"), case.get("psam")
    if "chosen" in case:
        assert choose_reader(words, readers, psam) == case["chosen"]
        return
    with pytest.raises(ReaderError) as caught:
        choose_reader(words, readers, psam)
    error = caught.value
    assert error.kind == case["error"]
    for told in case["tells"]:
        assert told in error.render("en")
    for hidden in case.get("hides", ()):
        assert hidden not in error.render("en")
    assert error.hint is not None, "every error names the next step"
    for name in (reader.name for reader in readers):
        assert (name in error.render("zh")) == (name in error.render("en"))
    assert error.what.zh != error.what.en


@pytest.mark.parametrize(
    ("readers", "psam", "chosen"),
    [
        (["A", "* B"], None, ("A", "B")),
        (["A", "* S", "B"], "s", ("A", "B")),
        (["A"], "S", ("A",)),
    ],
)
def test_all_readers_are_all_but_the_psams(
    readers: list[str], psam: str | None, chosen: tuple[str, ...]
) -> None:
    assert choose_all(seen(*readers), psam) == chosen


@pytest.mark.parametrize(("readers", "psam"), [([], None), (["* S"], "S")])
def test_all_of_no_readers(readers: list[str], psam: str | None) -> None:
    with pytest.raises(NoReader):
        choose_all(seen(*readers), psam)


NAMES = st.text(alphabet="aAbB 012", min_size=1, max_size=5).filter(lambda name: name.strip())
READERS = st.lists(
    st.builds(SeenReader, NAMES.map(str.strip), st.booleans()),
    max_size=4,
    unique_by=lambda reader: reader.name,
)


@given(words=st.none() | NAMES, readers=READERS, psam=st.none() | NAMES)
def test_whatever_is_asked_the_psam_is_reached_by_its_name_alone(
    words: str | None, readers: list[SeenReader], psam: str | None
) -> None:
    try:
        chosen = choose_reader(words, readers, psam)
    except ReaderError:
        return
    assert chosen in {reader.name for reader in readers}
    is_psam = psam is not None and psam.strip().casefold() in chosen.casefold()
    others_fit = [r for r in readers if psam and psam.strip().casefold() in r.name.casefold()]
    if is_psam and len(others_fit) == 1:
        assert words is not None
        assert words.strip().casefold() == chosen.casefold()


@given(words=st.none() | NAMES, readers=READERS)
def test_a_card_changes_the_choice_only_where_nothing_was_asked_for(
    words: str | None, readers: list[SeenReader]
) -> None:
    empty = [SeenReader(reader.name, False) for reader in readers]
    try:
        chosen = choose_reader(words or "a", readers)
    except ReaderError as error:
        with pytest.raises(type(error)):
            choose_reader(words or "a", empty)
    else:
        assert choose_reader(words or "a", empty) == chosen
