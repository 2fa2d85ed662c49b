"""TimeCOS/PBOC 2.8 on the card's side, and the registers it shares with FMCOS (ref 11 §7)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulator.cards import Card
from tests.simulator.register_cards import (
    ERASE,
    KEY_FILE,
    MF,
    MK,
    VECTORS,
    directory_card,
    key,
    new_card,
    opened_card,
    protected,
)

from sscard_ic.crypto.mac import retail_mac
from sscard_ic.simulator import open_image

DF = "00A40000023F01"
FACTORY = VECTORS["timecos"]["factory_key"]
PIN = "80D401000B3AF0EF01331234FFFFFFFF"
FREE_FILE = "80E00015072800{:02X}F0F0FFFF"


def test_the_complete_example_of_the_manual_in_its_order() -> None:
    card = new_card("timecos")
    assert card.authenticate_short(0x00, FACTORY) == "9000"
    for step in VECTORS["timecos_example"]:
        if "apdu" in step:
            assert card.sw(step["apdu"]) == "9000", step
            continue
        for number in range(step["keys"]):
            record = f"F9F0AA{number:02X}33" + f"{number:02X}" * 16
            assert card.sw(f"80D401{number:02X}15{record}") == "9000"
    content = bytes(range(30)).hex().upper()
    assert card.sw("00D695001E" + content) == "9000"
    assert card.data(DF) == VECTORS["timecos"]["fci"] + content


def test_the_key_file_of_the_example_is_full() -> None:
    """0x13D = 13 × 23 + 13 + 5 (ref 11 §7)."""
    card = new_card("timecos")
    assert card.authenticate_short(0x00, FACTORY) == "9000"
    for step in VECTORS["timecos_example"][:8]:
        assert card.sw(step["apdu"]) == "9000", step
    for number in range(13):
        assert card.sw(key(number, 1, "33" * 16)) == "9000"
    assert card.sw(key(13, 1, "33" * 16)) == "6A84"
    assert card.sw(PIN) == "9000"
    assert card.sw("80D40101013A") == "6A84"


class TestBlank:
    def test_everything_asks_for_the_factory_s_key(self) -> None:
        card = new_card("timecos")
        before = card.chip.persistent_state()
        for apdu in (
            ERASE,
            "80E03F010D38FFFFEFEFFFFFFF4444463031",
            key(1, 1, MK),
            "00E40000020000",
        ):
            assert card.sw(apdu) == "6982", apdu
        assert card.chip.persistent_state() == before

    def test_a_wrong_key_costs_a_try_and_a_right_one_gives_them_back(self) -> None:
        card = new_card("timecos")
        assert [card.authenticate_short(0x00, "22" * 16) for _ in range(2)] == ["63C2", "63C1"]
        assert card.authenticate_short(0x00, FACTORY) == "9000"
        assert [card.authenticate_short(0x00, "22" * 16) for _ in range(3)] == [
            "63C2",
            "63C1",
            "63C0",
        ]
        assert card.authenticate_short(0x00, FACTORY) == "6983"

    def test_its_key_may_be_replaced_instead(self) -> None:
        card = new_card("timecos")
        assert card.sw(protected(card, "84D43900", MK, FACTORY)) == "6982"
        assert card.authenticate_short(0x00, FACTORY) == "9000"
        assert card.sw("80D4390010" + MK) == "6900"
        assert card.sw(protected(card, "84D43900", MK, FACTORY)) == "9000"
        card.reset()
        assert card.authenticate_short(0x00, FACTORY) == "63C2"
        assert card.authenticate_short(0x00, MK) == "9000"
        assert card.sw(ERASE) == "9000"

    def test_an_erased_mf_keeps_its_rights_and_is_open(self) -> None:
        card = opened_card("timecos")
        assert card.sw("80E03F000D38FFFFF0F0FFFFFFFFFFFFFFFF") == "6A86"
        card.reset()
        assert card.sw(ERASE) == "9000"
        assert card.authenticate_short(0x00, MK) == "6A88"
        assert card.sw(KEY_FILE) == "9000"


class TestDirectories:
    @pytest.mark.parametrize("erased", [True, False])
    def test_what_an_erased_key_proved_falls_with_it(self, erased: bool) -> None:
        """The register of the MF stays when directories are left, but not without its key."""
        card = opened_card("timecos")
        assert card.authenticate_short(0x00, MK) == "9000"
        for apdu in (
            *([ERASE, KEY_FILE] if erased else []),
            "80E0020A07280001AAEFFFFF",
            "80E03F010D38FFFFEFEFFFFFFF4444463031",
            "00A40000023F01",
            MF,
            "00A4000002020A",
        ):
            assert card.sw(apdu) == "9000", apdu
        assert card.sw("00B0000001") == ("6982" if erased else "9000")

    def test_the_key_file_comes_first(self) -> None:
        card = new_card("timecos")
        assert card.authenticate_short(0x00, FACTORY) == "9000"
        assert card.sw(ERASE) == "9000"
        assert card.sw(FREE_FILE.format(1)) == "6985"
        assert card.sw(key(0, 10, MK)) == "6A82"
        assert card.sw(KEY_FILE) == "9000"
        assert card.sw(FREE_FILE.format(1)) == "9000"
        assert card.sw(FREE_FILE.format(1)) == "6A86"
        assert card.sw(KEY_FILE) == "6A86"

    def test_three_levels_and_no_more(self) -> None:
        card = directory_card("timecos")
        assert card.sw("80E03F020D38FFFFEFEFFFFFFF4444463032") == "9000"
        assert card.sw("00A40000023F02") == "9000"
        assert card.sw("80E00000073F0050FFEFFFFF") == "9000"
        assert card.sw("80E03F030D38FFFFEFEFFFFFFF4444463033") == "6A80"

    def test_open_until_it_is_left_once(self) -> None:
        card = directory_card("timecos")
        card.reset()
        assert card.sw("80E00016072800010000FFFF") == "6982"  # the MF was left
        assert card.sw(DF) == "9000"
        assert card.sw("80E00016072800011111FFFF") == "9000"  # a reset is no leaving
        assert card.sw(MF) == "9000"
        assert card.sw(DF) == "9000"
        assert card.sw("80E00017072800011111FFFF") == "6982"
        assert card.sw("00B0960001") == "6982"

    def test_a_reset_may_be_a_leaving(self) -> None:
        card = directory_card("timecos", settings={"fresh_after_reset": False})
        assert card.sw("80E00016072800011111FFFF") == "9000"
        card.reset()
        assert card.sw(DF) == "9000"
        assert card.sw("80E00017072800011111FFFF") == "6982"

    def test_a_file_of_the_mf_is_deleted_by_its_erase_right(self) -> None:
        card = directory_card("timecos")
        assert card.sw("00E40000023F01") == "6985"
        card.reset()
        assert card.sw("00E40000023F01") == "6982"
        assert card.authenticate_short(0x00, MK) == "9000"
        assert card.sw("00E40000023F09") == "6A82"
        assert card.sw("00E40000023F01") == "9000"
        assert card.sw(DF) == "6A82"

    def test_an_image_brings_everything_back(self, tmp_path: Path) -> None:
        path = tmp_path / "card"
        card = directory_card("timecos", key(1, 3, "31" * 16), FREE_FILE.format(2), path=path)
        assert card.sw("00D695000212AB") == "9000"
        before = card.chip.persistent_state()
        card.chip.close()
        chip = open_image(path)
        chip.power_on()
        again = Card(chip, card.randomness)
        assert again.chip.persistent_state() == before
        assert again.sw(DF) == "9000"
        assert again.data("00B0950002") == "12AB"
        assert again.sw(key(2, 3, "31" * 16)) == "9000"  # still open
        chip.close()


def _open(right: int, state: int, mf: int) -> bool:
    """Ref 02 §9.1.5 and 11 §2 in words of their own."""
    upper, lower = divmod(right, 16)
    if right == 0xF0:
        return True
    return mf >= lower if upper == 0 else lower <= state <= upper


@pytest.fixture(scope="module")
def rights_card() -> Card:
    """A directory with a key of each state and a file of each right, readable from the outside."""
    card = directory_card("timecos")
    for state in range(1, 16):
        assert card.sw(key(state, state, f"{state:02X}" * 8)) == "9000"
    for right in range(256):
        assert card.sw(f"80E001{right:02X}07280001{right:02X}EFFFFF") == "9000"
    assert card.sw(MF) == "9000"
    return card


@pytest.mark.parametrize("in_mf", [False, True])
@pytest.mark.parametrize("state", range(16))
def test_every_right_in_every_state(rights_card: Card, state: int, in_mf: bool) -> None:
    card = rights_card
    card.reset()
    if in_mf:
        assert card.authenticate_short(0x00, MK) == "9000"
    assert card.sw(DF) == "9000"
    if state:
        assert card.authenticate_short(state, f"{state:02X}" * 8) == "9000"
    for right in range(256):
        assert card.sw(f"00A400000201{right:02X}") == "9000"
        expected = "9000" if _open(right, state, 0x0A if in_mf else 0) else "6982"
        assert card.sw("00B0000001") == expected, f"{right:02X}"


class TestRegisters:
    @pytest.fixture
    def card(self) -> Card:
        card = directory_card(
            "timecos",
            key(1, 1, "31" * 16),
            key(2, 2, "32" * 16),
            "80E00016072800011111FFFF",
            "80E00017072800012222FFFF",
            "80E00018072800010A0AFFFF",
            MF,
        )
        card.reset()
        assert card.sw(DF) == "9000"
        return card

    def test_a_success_takes_the_place_of_the_one_before(self, card: Card) -> None:
        assert card.authenticate_short(1, "31" * 16) == "9000"
        assert [card.sw("00B0960001"), card.sw("00B0970001")] == ["9000", "6982"]
        assert card.authenticate_short(2, "32" * 16) == "9000"
        assert [card.sw("00B0960001"), card.sw("00B0970001")] == ["6982", "9000"]

    def test_a_failure_resets_it(self, card: Card) -> None:
        assert card.authenticate_short(1, "31" * 16) == "9000"
        assert card.authenticate_short(2, "31" * 16) == "63C2"
        assert card.sw("00B0960001") == "6982"

    def test_a_selection_resets_it_even_of_the_same_directory(self, card: Card) -> None:
        assert card.authenticate_short(1, "31" * 16) == "9000"
        assert card.sw("00A40000020016") == "9000"
        assert card.sw("00B0960001") == "9000"
        assert card.sw(DF) == "9000"
        assert card.sw("00B0960001") == "6982"

    def test_that_of_the_mf_stays(self, card: Card) -> None:
        assert card.sw(MF) == "9000"
        assert card.authenticate_short(0, MK) == "9000"
        assert card.sw(DF) == "9000"
        assert card.sw("00B0980001") == "9000"
        assert card.authenticate_short(1, "31" * 16) == "9000"
        assert card.sw("00B0980001") == "9000"
        assert card.authenticate_short(1, "32" * 16) == "63C2"
        assert card.sw("00B0980001") == "9000"
        assert card.sw(MF) == "9000"
        assert card.authenticate_short(0, "32" * 16) == "63C2"
        assert card.sw(DF) == "9000"
        assert card.sw("00B0980001") == "6982"


class TestKeys:
    def test_a_type_byte_alone_refers_to_a_key_above(self) -> None:
        """Success sets the register of the directory; the counter is the one of the MF's key."""
        card = opened_card("timecos")
        for apdu in (
            "80D401010B3AF0EF04331234FFFFFFFF",
            "80E03F010D38FFFFEFEFFFFFFF4444463031",
            DF,
            "80E00000073F0050FFEFFFFF",
            "80D40101013A",
            "80E00016072800014444FFFF",
            MF,
            DF,
        ):
            assert card.sw(apdu) == "9000", apdu
        assert card.sw("00B0960001") == "6982"
        assert card.sw("0020000102FFFF") == "63C2"
        assert card.sw("00200001021234") == "9000"
        assert card.sw("00B0960001") == "9000"
        assert card.authenticate_short(0x05, MK) == "6A88"

    def test_a_reference_to_nothing(self) -> None:
        card = directory_card("timecos", "80D40103013A")
        assert card.sw("00200003021234") == "6A88"

    def test_a_pin_counts_below_its_directory_too(self) -> None:
        """Verified once, while the register goes its own way (ref 01 §10.4)."""
        card = directory_card("timecos", "80D401000B3AF0EF0233123456FFFFFF")
        for apdu in (
            "80E0DF010E38FFFFEFEFFFFFFFD15600000500",
            "00A4000002DF01",
            "80E00000073F0050FFEFFFFF",
            key(0x83, 3, "33" * 16),
            "80E00016072800012122FFFF",
            MF,
            DF,
        ):
            assert card.sw(apdu) == "9000", apdu
        assert card.sw("0020000003123456") == "9000"
        assert card.sw("00A4000002DF01") == "9000"
        assert card.sw("00B0960001") == "9000"
        assert card.authenticate_short(0x83, "33" * 16) == "9000"
        assert card.sw("00B0960001") == "9000"
        assert card.sw("0020000003999999") == "63C2"
        assert card.sw("00B0960001") == "6982"

    def test_a_new_value_leaves_the_tries(self) -> None:
        card = directory_card("timecos", key(0, 10, "22" * 16, 0xF9), key(4, 4, "44" * 16, 0xF9))
        card.reset()
        assert card.sw(DF) == "9000"
        assert card.sw(MF) == "9000"
        assert card.sw(DF) == "9000"
        assert card.authenticate_short(4, "55" * 16) == "63C2"
        assert card.sw(protected(card, "84D43904", "55" * 16, "22" * 16)) == "6982"
        assert card.authenticate_short(0, "22" * 16) == "9000"
        assert card.sw("80D4390410" + "55" * 16) == "6900"
        assert card.sw(protected(card, "84D43904", "55" * 16, "24" * 16)) == "9302"
        assert card.sw(protected(card, "84D43904", "55" * 8, "22" * 16)) == "6700"
        assert card.sw(protected(card, "84D43905", "55" * 16, "22" * 16)) == "6A88"
        assert card.sw(protected(card, "84D43904", "55" * 16, "22" * 16)) == "9000"
        assert card.authenticate_short(4, "44" * 16) == "63C1"
        assert card.authenticate_short(4, "55" * 16) == "9000"
        for left in (2, 1, 0):
            assert card.authenticate_short(4, "44" * 16) == f"63C{left}"
        assert card.authenticate_short(0, "22" * 16) == "9000"
        assert card.sw(protected(card, "84D43904", "44" * 16, "22" * 16)) == "6983"

    def test_no_new_value_for_a_pin_or_a_reference(self) -> None:
        card = directory_card("timecos", PIN, "80D401050139")
        assert card.sw("80D43A00021234") == "6985"
        assert card.sw("80D4390510" + MK) == "6985"

    def test_added_twice_and_malformed(self) -> None:
        card = directory_card("timecos", PIN)
        assert card.sw(PIN) == "6985"
        assert card.sw("80D401010539F0AA0133") == "6700"
        assert card.sw("80D401010939F0AA013311223344") == "6A80"
        assert card.sw("80D401010D40F0AA01331122334455667788") == "6A80"
        assert card.sw("80D401010D39F0AA01341122334455667788") == "6A80"
        assert card.sw("84D4010111" + "00" * 17) == "6700"
        assert card.sw(protected(card, "84D40101", "39F0AA0133" + MK, "12" * 16)) == "9302"
        assert card.sw(protected(card, "84D40101", "39F0AA0133" + MK, MK)) == "9000"

    def test_groups_by_identifier_and_by_version(self) -> None:
        card = directory_card("timecos", *(key(4 + 0x20 * n, 1, f"4{n}" * 16) for n in range(3)))
        assert card.authenticate_short(0x04, "40" * 16) == "9000"
        assert card.authenticate_short(0x24, "41" * 16) == "9000"
        assert card.authenticate(0x04, "42" * 16, version=3) == "9000"
        assert card.authenticate(0x04, "42" * 16, version=2) == "63C2"
        assert card.authenticate(0x04, "42" * 16, version=4) == "6A88"


def test_a_file_with_line_protection_asks_for_a_mac() -> None:
    """Type A8: the last byte FE names the line key 01 for writing, reading is plain."""
    card = directory_card(
        "timecos", "80D4010115F6F0AAFF33" + "66" * 16, "80E0001607A80004F0F0FFFE", MF, DF
    )
    assert card.sw("00B0960004") == "9000"
    assert card.sw("00D696000401020304") == "6987"
    start = bytes.fromhex("04D6960008" + "01020304")
    challenge = bytes.fromhex(card.data("0084000008"))
    mac = retail_mac(bytes.fromhex("66" * 16), start, challenge)
    assert card.sw((start + mac).hex()) == "9000"
    assert card.data("00B0960004") == "01020304"
    assert card.sw("80E0001707E80004F0F0FFFE") == "6982"


def test_enciphered_contents_are_not_offered() -> None:
    card = directory_card("timecos")
    assert card.sw("80E0001707E80004F0F0FFFE") == "6A80"
