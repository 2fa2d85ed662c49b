"""The medical account in profiles: what may be said of it, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_ic.profile import ProfileError, load
from sscard_ic.profile.medical import Medical, MedicalSettings

HEAD = """\
kind = "national"
zh = "试验"
en = "trial"
extends = "national/2.00"
"""


def _load(folder: Path, text: str) -> Medical | None:
    file = folder / "trial.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return load(str(file)).structure.medical


def _problem(folder: Path, text: str) -> str:
    with pytest.raises(ProfileError) as error:
        _load(folder, text)
    (problem,) = error.value.problems
    return f"{problem.place.file.name}:{problem.place.line} {problem.message.en}"


def test_the_first_version_keeps_less() -> None:
    medical = load("1.00").structure.medical
    assert medical is not None
    assert (medical.log, medical.categories, medical.offline) == ("EF08", None, None)


@pytest.mark.parametrize("name", ["2.00", "3.00", "dalian", "urumqi"])
def test_shipped_cards_have_an_account(name: str) -> None:
    medical = load(name).structure.medical
    assert medical is not None
    assert medical.directory == "DF04"
    assert medical.settings == MedicalSettings()


def test_a_region_may_say_otherwise(tmp_path: Path) -> None:
    medical = _load(tmp_path, '[medical.settings]\ntac_form = "double_length"\n')
    assert medical is not None
    assert medical.settings.tac_form == "double_length"
    assert medical.settings.proof_order == "mac_tac"


def test_sm4_is_refused_in_words(tmp_path: Path) -> None:
    problem = _problem(tmp_path, '[medical.settings]\nmedical_algorithm = "sm4"\n')
    assert problem.startswith("trial.toml:6 medical.settings.medical_algorithm: session keys")
    assert "3des on every card" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('directory = "DF44"', "medical.directory: there is no directory DF44"),
        ('log = "EF06"', "has no cyclic file EF06 with records of 28 bytes"),
        ('log = "EF15"', "has no cyclic file EF15 with records of 28 bytes"),
        ('categories = "EF09"', "has no cyclic file EF09 with records of 3 bytes"),
        ('insured_place = "DF04.EF05.FE"', "there is no item DF04.EF05.FE"),
        ('offline = { amount = "DF04.EF06.77" }', "there is no item DF04.EF06.77"),
        ('purchase_key = "DLK"', "DF04 has no key DLK for purchase"),
        ('load_key = "UKSSSE"', "DF04 has no key UKSSSE for load"),
        ('tac_key = "NONE"', "DF04 has no key NONE for tac"),
        ('day_key = "STKDF04"', "DF04 has no key STKDF04 for external"),
        ("logs = 3", "medical.logs: unknown key"),
    ],
)
def test_what_the_card_does_not_have(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in _problem(tmp_path, f"[medical]\n{text}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('starting_day = "01"', "shorter than 2"),
        ('no_transaction = "XX"', "hexadecimal"),
        ('older_year = "refuse"', "must be one of"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in _problem(tmp_path, f"[medical.settings]\n{text}\n")
