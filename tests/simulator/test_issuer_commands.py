"""PIN service and locks at the virtual card: ref 02 §1.3, §1.4, §5.4; 11 §3.1, §5.2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF01, DF04, MF, SSSE, VERIFY, Card
from tests.simulator.messages import BK, PUK, STK, profile, spoilt, with_mac

from sscard_ic.crypto.secure_messaging import Method, message_key
from sscard_ic.simulator import CardLost, describe_image, open_image

STKDF04 = "24" * 8
LKDF04 = (0x83, "B1" * 16)
SSSE_FCI = "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"
BLOCK, BLOCK_FOR_GOOD = "801E0000", "801E0001"
UNBLOCK, BLOCK_CARD = "80180000", "80160000"
UNBLOCK_PIN = "80240000"


def _card(path: Path | None = None, **changes: Any) -> Card:
    """The card of ref 11 §8 with an STK in DF04; it draws 0102030405060708; SSSE current."""
    card = cards.blank_card(profile(**changes), path=path, presented=False)
    cards.initialise(card, until="20")
    card.data(SSSE)
    card.data(DF04)
    assert card.sw(f"00D4000018078201EF33010008{STKDF04}" + "FF" * 8) == "9000"
    for select, records in cards.CONTENTS:
        assert card.sw(select) == "9000"
        for record in records:
            assert card.sw(record) == "9000", record
    cards.initialise(card, since="20")
    card.reset()
    card.randomness.value = bytes.fromhex("0102030405060708")
    card.data(SSSE)
    return card


def _reset_apdu(
    card: Card, block: str = "123456", p2: str = "01", method: Method = "card_key"
) -> str:
    """PIN CHANGE/UNBLOCK with the PIN in ``block`` enciphered, without its MAC."""
    challenge = card.randomness(8)
    protection = message_key("3des", bytes.fromhex(STK), challenge, method)
    enciphered = protection.encipher(bytes.fromhex(block)).hex().upper()
    return f"802400{p2}{len(enciphered) // 2:02X}{enciphered}"


def _block_pin(card: Card) -> None:
    for sw in ("63C2", "63C1", "63C0", "6983"):
        assert card.sw("0020000003999999") == sw


class TestPinService:
    def test_unblock(self) -> None:
        card = _card()
        _block_pin(card)
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "9000"
        assert card.sw("0020000003999999") == "63C2", "all tries are there again"
        assert card.sw(VERIFY) == "9000"

    def test_the_bytes_of_unblock(self) -> None:
        """[calc] by openssl des-cbc: 8424000004 under STK 20…, challenge 0102030405060708."""
        card = _card()
        assert card.authenticate(*PUK) == "9000"
        card.data("0084000008")
        assert card.sw("842400000442A53FF0") == "9000"

    def test_reset(self) -> None:
        card = _card()
        _block_pin(card)
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, _reset_apdu(card, "654321"))) == "9000"
        assert card.sw(VERIFY) == "63C2"
        assert card.sw("0020000003654321") == "9000"
        card.reset()
        card.data(SSSE)
        assert card.sw("0020000003654321") == "9000", "for good"

    def test_a_pin_of_another_length(self) -> None:
        card = _card()
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, _reset_apdu(card, "12345678901F"))) == "9000"
        assert card.sw("002000000612345678901F") == "9000"

    @pytest.mark.parametrize("method", ["process_key", "process_key_challenge"])
    def test_the_other_variants(self, method: Method) -> None:
        card = _card(messaging={"secure_messaging": method})
        assert card.authenticate(*PUK) == "9000"
        apdu = _reset_apdu(card, "654321", method=method)
        assert card.sw(with_mac(card, apdu, method=method)) == "9000"
        assert card.sw("0020000003654321") == "9000"

    def test_p2_is_a_setting(self) -> None:
        card = _card(messaging={"pin_reset_p2": 2})
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, _reset_apdu(card, "654321", p2="01"))) == "6A86"
        assert card.sw(with_mac(card, _reset_apdu(card, "654321", p2="02"))) == "9000"

    def test_without_the_puk(self) -> None:
        card = _card()
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "6982"
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "6982", "another key"

    def test_or_none_is_asked_for(self) -> None:
        card = _card(messaging={"pin_service_needs_puk": False})
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "9000"

    def test_its_mac_is_always_asked_for(self) -> None:
        card = _card(messaging={"unasked_mac": "refused"})
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "9000"
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK)) == "9000"

    def test_a_wrong_mac(self) -> None:
        card = _card()
        _block_pin(card)
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(spoilt(with_mac(card, UNBLOCK_PIN))) == "6988"
        assert card.sw(spoilt(with_mac(card, _reset_apdu(card, "654321")))) == "6988"
        assert card.sw(VERIFY) == "6983"

    def test_no_challenge(self) -> None:
        card = _card()
        assert card.authenticate(*PUK) == "9000"
        assert card.sw("842400000400000000") == "6984"

    def test_the_plain_form_does_not_exist(self) -> None:
        card = _card()
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(UNBLOCK_PIN) == "6E00"
        assert card.sw("84240000") == "6987"

    def test_lengths(self) -> None:
        card = _card()
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, "8024000001AA")) == "6700", "unblock with data"
        for data in ("", "AA" * 7, "AA" * 8, "AA" * 16):
            assert card.sw(with_mac(card, f"80240001{len(data) // 2:02X}{data}")) == "6A80", data

    @pytest.mark.parametrize("block", ["12", "12345678901234", "12345A", "F23456"])
    def test_what_is_no_pin(self, block: str) -> None:
        card = _card()
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, _reset_apdu(card, block))) == "6A80"
        assert card.sw(VERIFY) == "9000"

    def test_elsewhere_than_in_its_directory(self) -> None:
        """LKDF04 has the level of the PUK, in another directory."""
        card = _card()
        card.data(DF04)
        assert card.authenticate(*LKDF04) == "9000"
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "6985"
        card.data(MF)
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "6A88"

    def test_the_pin_is_not_verified_by_it(self) -> None:
        card = _card()
        assert card.sw(VERIFY) == "9000"
        assert card.authenticate(*PUK) == "9000"
        assert card.sw(with_mac(card, UNBLOCK_PIN)) == "9000"
        card.data(DF01)
        assert card.sw("00B2012C04") == "6982"

    def test_a_locked_puk(self) -> None:
        card = _card()
        for sw in ("63C2", "63C1", "63C0", "6983"):
            assert card.authenticate(PUK[0], "00" * 16) == sw
        assert card.authenticate(*PUK) == "6983"


class TestApplicationBlock:
    def _blocked(self, how: str = BLOCK, **changes: Any) -> Card:
        card = _card(**changes)
        card.data(DF04)
        assert card.authenticate(*LKDF04) == "9000"
        assert card.sw(with_mac(card, how, STKDF04)) == "9000"
        return card

    def test_commands_are_refused_at_once(self) -> None:
        card = self._blocked()
        for apdu in ("00B2013404", VERIFY, "00A4000002EF06", "00B2020400", "80FF0000"):
            assert card.sw(apdu) == "6985", apdu
        card.data(SSSE)
        assert card.sw("00B2013404") == "9000", "other directories are as they were"
        card.data(DF01)
        assert card.sw(VERIFY) == "9000"
        assert card.sw("00B2012C04") == "9000"

    def test_select_warns_and_selects(self) -> None:
        card = self._blocked()
        card.reset()
        card.data(SSSE)
        assert card.raw(DF04) == "6283"
        assert card.raw("00C0000000") == "6985", "DF04 has no FCI here"
        assert card.sw("00B2013404") == "6985"
        assert card.sw("00A4040006D15600000503") == "6283"

    def test_the_fci_comes_with_the_warning(self) -> None:
        card = _card()
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK)) == "9000"
        assert card.raw(SSSE) == "6283"
        assert card.raw("00C0000018") == SSSE_FCI + "9000"

    def test_over_t1_the_fci_comes_before_it(self) -> None:
        card = _card(features={"protocol": "T=1"})
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK)) == "9000"
        assert card.raw(SSSE + "00") == SSSE_FCI + "6283"
        assert card.raw(SSSE) == "6283"

    def test_unblock(self) -> None:
        card = self._blocked()
        card.reset()
        card.data(SSSE)
        assert card.sw(DF04) == "6283"
        assert card.sw(with_mac(card, UNBLOCK, STKDF04)) == "6982", "LKDF04 first"
        assert card.authenticate(*LKDF04) == "9000"
        assert card.sw(spoilt(with_mac(card, UNBLOCK, STKDF04))) == "6988"
        assert card.sw(with_mac(card, UNBLOCK, STKDF04)) == "9000"
        assert card.sw("00B2013404") == "6982"
        card.data(SSSE)
        card.data(DF04)
        assert card.sw(with_mac(card, UNBLOCK, STKDF04)) == "6985", "nothing to undo"

    def test_unblock_is_not_offered_by_every_cos(self) -> None:
        card = self._blocked(features={"application_unblock": False})
        assert card.sw(with_mac(card, UNBLOCK, STKDF04)) == "6D00"

    def test_for_good(self) -> None:
        card = self._blocked(BLOCK_FOR_GOOD)
        for apdu in ("00B2013404", VERIFY, "0084000008", "00A4000002EF06"):
            assert card.sw(apdu) == "9303", apdu
        card.data(SSSE)
        assert card.sw(DF04) == "9303"
        assert card.sw("00A4040006D15600000503") == "9303"
        assert card.sw("00B2013404") == "9000", "SSSE is still current"

    def test_first_for_a_time_then_for_good(self) -> None:
        card = self._blocked()
        assert card.sw(with_mac(card, BLOCK_FOR_GOOD, STKDF04)) == "9000"
        assert card.sw("0084000008") == "9303"

    def test_what_is_above_blocks_what_is_below(self) -> None:
        card = _card()
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK)) == "9000"
        assert card.sw(DF01) == "6283"
        assert card.sw("00B2012C04") == "6985"
        assert card.sw(MF) == "9000"
        assert card.sw("00B201F41B") == "9000", "the MF is not blocked"
        assert card.sw(SSSE) == "6283"
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, UNBLOCK)) == "9000"
        card.data(DF01)

    def test_the_level_key_is_asked_for(self) -> None:
        card = _card()
        card.data(DF04)
        assert card.sw(with_mac(card, BLOCK, STKDF04)) == "6982"
        assert card.authenticate(0x84, "B5" * 16) == "9000"
        assert card.sw(with_mac(card, BLOCK, STKDF04)) == "6982", "another key"
        assert card.authenticate(*LKDF04) == "9000"
        assert card.sw(with_mac(card, BLOCK, STK)) == "6988", "the STK of another directory"

    def test_or_the_mac_alone_will_do(self) -> None:
        card = _card(messaging={"block_needs_key": False})
        card.data(DF04)
        assert card.sw(with_mac(card, BLOCK, STKDF04)) == "9000"

    def test_where_it_makes_no_sense(self) -> None:
        card = _card()
        card.data(MF)
        assert card.sw(with_mac(card, BLOCK)) == "6985"
        card.data(SSSE)
        card.data(DF01)
        assert card.sw(with_mac(card, BLOCK)) == "6A88", "DF01 has no STK here"
        assert card.sw(with_mac(card, "801E0002")) == "6A86"
        assert card.sw(with_mac(card, "801E0100")) == "6A86"
        card.data(SSSE)
        assert card.authenticate(*BK) == "9000"
        assert card.sw("841E000004AABBCCDD") == "6984"
        assert card.sw(with_mac(card, "801E000001AA")) == "6700"

    def test_the_answers_are_settings(self) -> None:
        """MCOS, ref 11 §3.1."""
        card = self._blocked(messaging={"blocked_select": 0x6A81, "blocked_command": 0x6A81})
        assert card.sw("00B2013404") == "6A81"
        card.data(SSSE)
        assert card.sw(DF04) == "6A81"
        assert card.authenticate(*LKDF04) == "9000", "selected all the same"
        assert card.sw(with_mac(card, UNBLOCK, STKDF04)) == "9000"

    def test_the_key_states_fall_as_ever(self) -> None:
        card = self._blocked()
        card.data(SSSE)
        assert card.sw(DF04) == "6283"
        assert card.sw(with_mac(card, BLOCK_FOR_GOOD, STKDF04)) == "6982"


class TestCardBlock:
    def _blocked(self, **changes: Any) -> Card:
        card = _card(**changes)
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK_CARD)) == "9000"
        return card

    @pytest.mark.parametrize("again", [False, True])
    def test_nothing_is_answered(self, again: bool) -> None:
        card = self._blocked()
        if again:
            card.reset()
        commands = (SSSE, MF, "00A4000000", DF01, "0084000008", VERIFY, "00B2013404")
        others = ("80E0020000", "8416000004AABBCCDD", "00FF0000", "00A4040006D15600000503")
        for apdu in (*commands, *others):
            assert card.sw(apdu) == "6A81", apdu

    def test_the_answer_is_a_setting(self) -> None:
        assert self._blocked(messaging={"blocked_card": 0x6985}).sw(SSSE) == "6985"

    def test_needs_the_level_of_bk_and_the_mac(self) -> None:
        card = _card()
        assert card.sw(with_mac(card, BLOCK_CARD)) == "6982"
        assert card.authenticate(*BK) == "9000"
        assert card.sw(spoilt(with_mac(card, BLOCK_CARD))) == "6988"
        assert card.sw("00B2013404") == "9000"

    def test_in_an_application_it_is_refused(self) -> None:
        card = _card()
        card.data(DF04)
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK_CARD, STKDF04)) == "6985"
        assert card.sw(with_mac(card, "80160001", STKDF04)) == "6A86"

    def test_the_bytes(self) -> None:
        """F6DB6235: vector of an 8-byte key in secure_messaging.toml."""
        card = _card()
        assert card.authenticate(*BK) == "9000"
        card.data("0084000008")
        assert card.sw("8416000004F6DB6235") == "9000"

    def test_an_mf_that_is_not_locked_with_it(self) -> None:
        """Byte 9 of its header is 00 instead of 01 (ref 11 §5.2)."""
        card = cards.blank_card(profile(), presented=False)
        assert sum("FF013F0001000123" in step["apdu"] for step in cards.STEPS) == 1
        for step in cards.STEPS:
            apdu = step["apdu"].replace("FF013F0001000123", "FF013F0001000023")
            assert card.sw(apdu) == "9000"
        card.reset()
        card.data(SSSE)
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK_CARD)) == "9000"
        assert card.sw("0084000008") == "6A81"
        assert card.sw(SSSE) == "6A81"
        assert card.sw(MF) == "9000"
        assert card.sw("0084000008") == "9000"
        assert card.sw(SSSE) == "6A81"
        assert card.sw("00B201F41B") == "9000"


class TestImage:
    def test_locks_are_kept_and_shown(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = _card(path)
        card.data(DF04)
        assert card.authenticate(*LKDF04) == "9000"
        assert card.sw(with_mac(card, BLOCK, STKDF04)) == "9000"
        card.chip.close()
        (blocked,) = describe_image(path).blocked
        assert (blocked.path, blocked.lock) == ("3F00/DDF1/DF04", "temporary")
        chip = open_image(path, entropy=card.randomness)
        chip.power_on()
        card = Card(chip, card.randomness)
        card.data(SSSE)
        assert card.sw(DF04) == "6283"
        assert card.authenticate(*LKDF04) == "9000"
        assert card.sw(with_mac(card, UNBLOCK, STKDF04)) == "9000"
        chip.close()
        assert describe_image(path).blocked == ()

    def test_a_blocked_card(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = _card(path)
        assert card.authenticate(*BK) == "9000"
        assert card.sw(with_mac(card, BLOCK_CARD)) == "9000"
        card.chip.close()
        assert [(b.path, b.lock) for b in describe_image(path).blocked] == [
            ("3F00", "card"),
            ("3F00/DDF1", "card"),
        ]

    def test_a_torn_command_blocks_nothing(self) -> None:
        card = _card()
        assert card.authenticate(*BK) == "9000"
        with pytest.raises(CardLost):
            card.chip.transmit_torn(bytes.fromhex(with_mac(card, BLOCK_CARD)))
        card.chip.power_on()
        assert card.data(SSSE) == SSSE_FCI
