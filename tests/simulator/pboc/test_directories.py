"""PSE and PPSE (ref 04 §2.2-2.3, §7.8)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulator.pboc.perso_cards import (
    AID,
    DIRECTORIES,
    ENTRY,
    PPSE,
    PSE,
    BankCard,
    issued_card,
    opened,
    perso_card,
)


@pytest.fixture(scope="module")
def card() -> BankCard:
    return issued_card()


def test_fci(card: BankCard) -> None:
    assert card.fci(PSE) == f"6F1A840E{PSE}A5088801015F2D027A68"
    assert card.fci(PPSE) == f"6F30840E{PPSE}A51EBF0C1B{ENTRY}"


def test_the_list_ends_with_6a83(card: BankCard) -> None:
    assert card.select(PSE) == "9000"
    assert card.data("00B2010C00") == DIRECTORIES[PSE]["0101"]
    assert card.sw("00B2020C00") == "6A83"
    assert card.sw("00B2FF0C00") == "6A83"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00B2011400", "6A82"),
        ("00B2000C00", "6A86"),
        ("00B2010400", "6A86"),
        ("00B201FC00", "6A86"),
        ("00B2010D00", "6A86"),
        ("00B2010C0141", "6700"),
        ("00DC010C0141", "6D00"),
        ("80A8000002830000", "6D00"),
        ("00A40000023F01", "6A86"),
        ("90B2010C00", "6E00"),
    ],
)
def test_refusals(card: BankCard, command: str, sw: str) -> None:
    assert card.select(PSE) == "9000"
    assert card.sw(command) == sw


def test_a_directory_without_records(card: BankCard) -> None:
    assert card.select(PPSE) == "9000"
    assert card.sw("00B2010C00") == "6A82"


def test_partial_names_and_the_next_one(card: BankCard) -> None:
    assert card.fci("3250415933"[:8]) == card.fci(PPSE)
    assert card.fci("A000000333").startswith(f"6F3C8408{AID}")
    assert card.sw("00A4040205A000000333") == "6A82", "the only one"
    assert card.select(AID) == "9000"
    assert card.sw("00A404020531504159" + "2E") == "9000", "installed behind it"
    assert card.data("00B2010C00") == DIRECTORIES[PSE]["0101"]
    assert card.sw("00A404020531504159" + "2E") == "6A82"
    assert card.data("00B2010C00") == DIRECTORIES[PSE]["0101"], "still selected"


def test_an_fci_of_the_contactless_face(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card = perso_card(aid=PSE, path=path)
    for number, value in (*DIRECTORIES[PSE].items(), ("9103", "A503880102")):
        assert card.group(number, value, last=number == "9103") == "9000"
    card.chip.close()
    for interface, content in (
        ("contact", DIRECTORIES[PSE]["9102"]),
        ("contactless", "A503880102"),
    ):
        again = opened(card, path, interface)  # type: ignore[arg-type]
        assert again.fci(PSE).endswith(content)
        again.chip.close()
