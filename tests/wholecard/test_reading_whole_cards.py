"""Reading whole cards through the terminal's side: any order, every value in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.wholecard.whole_cards import example_values, whole_card

from sscard_ic.base import InputError
from sscard_ic.card import SocialSecurityCard
from sscard_ic.cli import root
from sscard_ic.issuance.remake import remake
from sscard_ic.profile import find_items, load
from sscard_ic.profile.contents import Contents
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank


@pytest.mark.parametrize("tags", [["09", "08"], ["07", "03", "02"], ["03", "01", "07"]])
def test_items_may_be_asked_for_in_any_order(tags: list[str], tmp_path: Path) -> None:
    profile = load("dalian")
    session = open_session(VirtualConnection(whole_card("dalian", tmp_path)))
    places = [place for tag in tags for place in find_items(profile, tag)]
    reading = SocialSecurityCard(session, profile).read(places)
    values = example_values(profile)
    assert reading.values == {place.path: values[place.path] for place in places}


def _read(folder: Path, *words: str) -> str:
    whole_card("dalian", folder).close()
    image = folder / "card.img"
    result = CliRunner().invoke(
        root,
        ["--lang", "en", "read", *words, "--pin", "--reader", f"virtual:{image}"],
        env={"SSCARD_PIN": "123456", "COLUMNS": "400"},
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_the_parts_of_a_record_are_told_by_name(tmp_path: Path) -> None:
    shown = _read(tmp_path, "DF02.EF07#1", "DF01.EF15.40#1")
    assert "occupation 清洁工; employment start date " in shown
    assert "degree code 123; field of study 112233; school name 南京大学" in shown


def test_a_dump_goes_onto_no_card_of_another_kind() -> None:
    profile, other = load("dalian"), load("urumqi")
    session = open_session(VirtualConnection(blank(profile, bytes(6))))
    contents = Contents(other.name, bytes.fromhex("3B0D") + bytes(13), {})
    with pytest.raises(InputError, match=r"of version 3\.00 with sm4"):
        remake(session, profile, contents)
