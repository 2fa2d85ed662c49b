"""The worked initialisation of ref 11 §8 against a blank, byte for byte."""

from __future__ import annotations

import pytest
from tests.simulator import cards
from tests.simulator.cards import SSSE, STEPS, Card

from sscard_ic.crypto import des, mac

NAME = "7378312E73682EC9E7BBE1B1A3D5CF"


def test_every_step_is_accepted() -> None:
    card = cards.blank_card(presented=False)
    for step in STEPS:
        response = card.send(step["apdu"])
        assert response.sw == 0x9000, step
        if "answer" in step:
            assert response.data == bytes.fromhex(step["answer"]), step


def test_the_finished_card() -> None:
    card = cards.finished_card()
    # ref 11 §8 A3: the ATR of step 20, which equals the factory's here
    assert card.chip.atr.hex().upper() == "3B6D0000" + "00814842428653" + "5119000013DF"
    # ref 01 §2.3: FCI as recorded from a real card
    assert card.data(SSSE) == f"6F16840F{NAME}A50388011E"
    assert card.data(cards.MF) == "6F10840E315041592E5359532E4444463031"
    # ref 11 §10: FCI of an ADF, from the record in the parent
    card.data(SSSE)
    assert card.data(cards.DF01) == "6F088406D15600000500"
    assert card.data(cards.DF04) == ""
    # step 4: the directory file, read freely through its short identifier
    card.data(cards.MF)
    assert card.data("00B201F41B") == (f"701961174F0F{NAME}500453535345")


def test_the_atr_changes_at_the_next_reset() -> None:
    card = cards.blank_card()
    assert card.sw("80E00500080000651000000001") == "9000"
    assert card.sw("001400000B3B6D000000814842428654") == "9000"
    assert card.chip.atr.hex().upper() == "3B6D0000008148424286535119000013DF"
    assert card.chip.reset(cold=False).hex().upper() == "3B6D000000814842428654651000000001"


@pytest.mark.parametrize(
    "command",
    [
        # ref 11 §8 step 22: UKSSSE group 1, without and with the version byte
        "0082000410D5A92555CC1C1BDE0123456789ABCDEF",
        "0082000411D5A92555CC1C1BDE0123456789ABCDEF01",
    ],
)
def test_terminal_check(command: str) -> None:
    card = cards.finished_card()
    card.data(SSSE)
    record = "0110511900D156000005000013DF031A2933"
    write = f"00DC012C12{record}"
    assert card.sw(write) == "6982"
    assert card.data("0084000008") == "0123456789ABCDEF"
    assert card.sw(command) == "9000"
    assert card.sw(write) == "9000"
    assert card.data("00B2012C12") == record


@pytest.mark.parametrize(
    "command",
    [
        "80E00300082B055FA0594E1335",
        "80E0010010000000001DEF1DC6001D00FF000000FF",
        "80E0020000",
        "001400000B3B6D000000814842428653",
        "80E005000800005119000013DF",
        "00D40000180D0801EF3300331041414141414141414141414141414141",
        "00D201231D701BDDF1186F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E",
        "80E1000102DDF1",
    ],
)
def test_a_finished_card_is_closed(command: str) -> None:
    card = cards.finished_card()
    card.data(SSSE)
    before = card.chip.persistent_state()
    expected = {"80E003": "6985", "80E002": "6985", "001400": "6985", "80E005": "6985"}
    assert card.sw(command) == expected.get(command[:6], "6982")
    assert card.chip.persistent_state() == before


class TestKeyLoading:
    """ref 11 §8 steps 6f' and 6f'': UKSSSE 1 under MK 11…, the MAC with IV 08CDF31600000000."""

    PLAIN = "00D40000180D0401EF3300331041414141414141414141414141414141"
    ENCIPHERED = "80D40000204EB58EC55433C7F19C8D7A0EA9156DAF33CC665EB1F65EF3A88C358AFC5BEC16"
    WITH_MAC = "84D40000244EB58EC55433C7F19C8D7A0EA9156DAF33CC665EB1F65EF3A88C358AFC5BEC165A107FEA"

    @staticmethod
    def _card() -> Card:
        card = cards.ssse_card()
        card.randomness.value = bytes.fromhex("08CDF316E9DA2F96")
        return card

    def test_all_forms_load_the_same_key(self) -> None:
        states = []
        for form in (self.PLAIN, self.ENCIPHERED, self.WITH_MAC):
            card = self._card()
            card.data("0084000004")
            assert card.sw(form) == "9000"
            states.append(card.chip.persistent_state())
        assert states[0] == states[1] == states[2]
        assert card.authenticate(0x04, "41" * 16) == "9000"

    def test_the_first_half_of_a_long_challenge_is_the_iv(self) -> None:
        card = self._card()
        card.data("0084000008")
        assert card.sw(self.WITH_MAC) == "9000"

    def test_mac_refusals(self) -> None:
        card = self._card()
        assert card.sw(self.WITH_MAC) == "6984"
        card.data("0084000004")
        assert card.sw(self.WITH_MAC[:-2] + "EB") == "6988"
        assert card.sw(self.WITH_MAC) == "6984"
        card.randomness.value = bytes(8)
        card.data("0084000004")
        assert card.sw(self.WITH_MAC) == "6988"

    def test_garbled_cipher_text(self) -> None:
        card = self._card()
        assert card.sw(self.ENCIPHERED[:-2] + "17") == "6A80"
        assert card.sw("80D4000010" + self.ENCIPHERED[10:42]) == "6A80"
        assert card.sw("80D40000084EB58EC55433C7") == "6700"

    def test_a_key_of_eight_bytes_without_filling(self) -> None:
        """ref 11 §5.3: 8-byte keys through the HSM, Lc 18."""
        record = bytes.fromhex("070201EF33010008" + "20" * 8)
        body = des.encrypt(b"\x11" * 16, mac.pad80(b"\x10" + record))
        card = self._card()
        assert card.sw(f"80D40000{len(body):02X}{body.hex()}") == "9000"
        filled = self._card()
        assert filled.sw("00D4000018070201EF33010008" + "20" * 8 + "FF" * 8) == "9000"
        assert card.chip.persistent_state() == filled.chip.persistent_state()
