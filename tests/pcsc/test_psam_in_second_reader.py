"""A card in one PC/SC reader, the PSAM in another: ``--psam`` and ``SSCARD_PSAM``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.pcsc.conftest import InsertAll
from tests.support.psams import made

from sscard_ic.cli import root
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.profile import load, load_psam
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import open_card
from sscard_ic.testing.service import ReaderSlot


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A finished card."""
    path = new_blank(load("dalian"), tmp_path)
    connection = open_virtual(path)
    SpecimenMaker(load("dalian")).make(open_session(connection))
    connection.close()
    return path


@pytest.fixture
def readers(
    image: Path, insert_all: InsertAll, free_slots: Callable[[int], list[ReaderSlot]]
) -> tuple[str, str]:
    """The reader with the card and the one with the PSAM of Dalian."""
    card, sam = free_slots(2)
    insert_all({card: open_card(image), sam: made(load_psam("psam/dalian"))})
    return card.name, sam.name


@pytest.fixture
def sscard(tmp_path: Path) -> Callable[..., Result]:
    """The command on a terminal without a vault."""
    env = {"SSCARD_HOME": str(tmp_path / "home"), "SSCARD_LANG": "en"}
    return lambda *words, **more: CliRunner(env=env | more).invoke(root, list(words))


@pytest.mark.parametrize("by_setting", [False, True])
def test_what_the_psam_opens(
    by_setting: bool, readers: tuple[str, str], sscard: Callable[..., Result]
) -> None:
    card, sam = readers
    words = ("--psam", "psam" if by_setting else sam, "--reader", card)
    setting = {"SSCARD_PSAM": sam} if by_setting else {}
    read = sscard("read", "SSSE.EF08", "户口所在地地址", "--json", *words, **setting)
    assert read.exit_code == 0, read.output
    told = json.loads(read.stdout)
    assert {item["path"] for item in told["items"]} == {"SSSE.EF08", "DF01.EF05.21"}
    assert told["closed"] == {}


def test_the_psam_is_shown_through_pcsc(
    readers: tuple[str, str], sscard: Callable[..., Result]
) -> None:
    shown = sscard("keys", "psam", "--psam", readers[1], "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["terminal"] == "210200000001"


def test_readers_that_were_mixed_up(
    readers: tuple[str, str], sscard: Callable[..., Result]
) -> None:
    card, sam = readers
    result = sscard("read", "SSSE.EF08", "--psam", card, "--reader", sam)
    assert result.exit_code == 1
    mixed = sscard("keys", "psam", "--psam", card, "--json")
    assert mixed.exit_code == 1
    assert "no social security PSAM" in mixed.stderr
