"""FMCOS 2.0 on the card's side, by the examples of ref 02 §9.1."""

from __future__ import annotations

import pytest
from tests.simulator.cards import Card
from tests.simulator.register_cards import (
    ERASE,
    MF,
    VECTORS,
    directory_card,
    key,
    new_card,
    opened_card,
    protected,
)

FMCOS = VECTORS["fmcos"]
FACTORY = "FF" * 8
DF = "00A40000023F01"


def _opened() -> Card:
    """A blank with its factory's key proved and the MF erased: no KEY file yet."""
    card = new_card("fmcos")
    assert card.authenticate_short(0x00, FACTORY) == "9000"
    assert card.sw(ERASE) == "9000"
    return card


def test_a_blank_announces_its_mf() -> None:
    assert new_card("fmcos").data(MF) == FMCOS["fci"]


def test_its_key_answers_a_challenge_of_four_bytes() -> None:
    card = new_card("fmcos")
    card.randomness.value = bytes.fromhex(FMCOS["challenge"])
    assert card.data("0084000004") == FMCOS["challenge"]
    assert card.sw("0082000008" + FMCOS["cryptogram"]) == "9000"
    assert card.sw(ERASE) == "9000"


@pytest.mark.parametrize("apdu", FMCOS["master_files"])
def test_an_erased_mf_gets_other_rights(apdu: str) -> None:
    card = _opened()
    assert card.sw(apdu) == "9000"
    assert card.sw(FMCOS["key_files"][0]) == "9000"
    assert card.sw(apdu) == "6A86"
    assert card.sw(FMCOS["directories"][0]) == "9000"
    card.reset()
    assert card.sw(DF) == "9000"  # the MF is left
    assert card.sw(MF) == "9000"
    free = apdu[16:18] == "F0"
    assert card.sw(FMCOS["files"][0]) == ("9000" if free else "6982")
    assert card.sw(ERASE) == ("9000" if free else "6982")


@pytest.mark.parametrize("apdu", FMCOS["key_files"])
def test_key_files_of_the_examples(apdu: str) -> None:
    card = _opened()
    assert card.sw(apdu) == "9000"
    assert card.sw(key(0, 10, "00" * 16)) == "9000"


@pytest.mark.parametrize("apdu", FMCOS["directories"])
def test_directories_of_the_examples(apdu: str) -> None:
    card = opened_card("fmcos")
    name = apdu[26:]
    assert card.sw(apdu) == "9000"
    assert card.data(f"00A40400{len(name) // 2:02X}{name}") == (
        f"6F{len(name) // 2 + 2:02X}84{len(name) // 2:02X}{name}"
    )


def test_files_of_the_examples() -> None:
    card = directory_card("fmcos", *FMCOS["files"])
    for update in ("00D695001E" + "AB" * 30, "00D696001E" + "CD" * 30, "00E200C017" + "01" * 23):
        assert card.sw(update) == "9000", update
    assert card.data("00B095001E") == "AB" * 30
    assert card.data("00B201C417") == "01" * 23
    assert card.sw("00E200B813" + "02" * 19) == "9000"
    assert card.sw("00E200B813" + "03" * 19) == "9000"
    assert card.sw("00E200B813" + "04" * 19) == "6A84"
    assert card.sw("00DC00D2047102AABB") == "9000"
    assert card.data("00B201D404") == "7102AABB"
    assert card.sw("00A40000020001") == "6A82"  # purses are not selected


@pytest.mark.parametrize(("key_id", "record"), FMCOS["records"])
def test_key_records_of_the_examples(key_id: str, record: str) -> None:
    card = directory_card("fmcos")
    apdu = f"80D401{key_id}{len(record) // 2:02X}{record}"
    assert card.sw(apdu) == "9000"
    assert card.sw(apdu) == "6985"


def test_a_record_under_the_control_key_of_the_directory_above() -> None:
    card = _opened()
    for apdu in (
        FMCOS["key_files"][0],
        key(0, 10, FMCOS["control_key"]),
        FMCOS["directories"][0],
        DF,
        FMCOS["key_files"][1],
    ):
        assert card.sw(apdu) == "9000", apdu
    assert card.sw(FMCOS["load"]) == "6984"
    assert card.data("0084000008") == FMCOS["load_challenge"]
    assert card.sw(FMCOS["load"][:-2] + "00") == "6988"
    assert card.data("0084000008") == FMCOS["load_challenge"]
    assert card.sw(FMCOS["load"]) == "9000"
    assert card.authenticate_short(0x00, FMCOS["loaded"]) == "9000"


class TestReload:
    def test_the_vector(self) -> None:
        card = directory_card(
            "fmcos",
            "80D401000B3AF0EF0233999999FFFFFF",
            "80D401001538F0EFFF33" + FMCOS["control_key"],
        )
        for left in (2, 1, 0):
            assert card.sw("0020000003111111") == f"63C{left}"
        assert card.sw("0020000003999999") == "6983"
        assert card.sw(FMCOS["reload"]) == "9000"
        assert card.sw("0020000003999999") == "63C2"
        assert card.sw("0020000003123456") == "9000"

    def test_a_wrong_mac_costs_the_key_a_try(self) -> None:
        card = directory_card(
            "fmcos",
            "80D401000B3AF0EF0233999999FFFFFF",
            "80D401001538F0EFFF33" + FMCOS["control_key"],
        )
        assert card.sw(FMCOS["reload"][:-2] + "00") == "63C2"
        assert card.sw("805E000005" + "D6E200C1" + "00") == "6700"
        assert card.sw("805E0001" + FMCOS["reload"][8:]) == "6A88"
        assert card.sw("0020000003999999") == "9000"


def test_single_files_are_not_deleted() -> None:
    card = new_card("fmcos")
    assert card.authenticate_short(0x00, FACTORY) == "9000"
    assert card.sw("00E40000020000") == "6D00"


def test_a_directory_is_erased_by_its_own_right() -> None:
    """The DF of the example has erase right F0, and is open again."""
    card = opened_card("fmcos")
    for apdu in (FMCOS["directories"][0], DF, FMCOS["key_files"][1], FMCOS["files"][0], MF, DF):
        assert card.sw(apdu) == "9000", apdu
    assert card.sw(key(1, 1, "31" * 16)) == "9000"  # add right F0
    assert card.sw(protected(card, "84D40102", "39F0AA0133" + "12" * 16, "11" * 16)) == "9000"
    assert card.sw(ERASE) == "9000"
    assert card.sw("00A40000020015") == "6A82"
    assert card.sw(FMCOS["key_files"][1]) == "9000"
    assert card.authenticate_short(1, "31" * 16) == "6A88"
