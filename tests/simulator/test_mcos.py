"""The MCOS dialect: how a card is made, and how that is refused (ref 11 §3, §9)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulator import mcos_cards as mcos
from tests.simulator.cards import Card, Randomness
from tests.simulator.mcos_cards import (
    CLEAR,
    DF01,
    DF04,
    FREEZE,
    INFORMATION,
    MASTER,
    MF,
    MF_CREATE,
    SSSE,
    SSSE_CREATE,
    VECTORS,
    VERIFY,
    ZERO,
    add_key,
    replace_master,
)

from sscard_ic.simulator import describe_image, open_image

EF05_CREATE = next(r["apdu"] for r in VECTORS["worked"] if r["what"] == "create file SSSE/EF05")
SECURE_FILE = "80E0000B080001015000730000"
OPEN_FILE = "80E000030DEF090010000000" + "0000000000" + "00"
UKSSSE = mcos.SSSE_KEYS["UKSSSE"]


def _state(card: Card) -> str:
    return card.data(INFORMATION)[14:16]


class TestManufacturerKey:
    @pytest.mark.parametrize("reference", ["00", "01"])
    def test_the_vector(self, reference: str) -> None:
        """P2 is a setting: the manual's example has 01, the composition of §9 has 00."""
        row = VECTORS["manufacturer"]
        settings = {"manufacturer_reference": int(reference, 16)}
        card = mcos.mcos_blank(mcos.with_settings(**settings))
        assert card.data("0084000008") == row["challenge"]
        apdu = row["apdu"][:6] + reference + row["apdu"][8:]
        assert card.sw(apdu) == "9000"
        assert card.sw(MF_CREATE) == "9000"

    def test_nothing_is_made_without_it(self) -> None:
        card = mcos.mcos_blank()
        assert card.sw(MF_CREATE) == "6982"
        assert card.sw("0082000108" + "00" * 8) == "6A88"
        assert card.sw("0082000007" + "00" * 7) == "6700"
        assert card.sw("0082000008" + "00" * 8) == "6984"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        card.reset()
        assert card.sw(MF_CREATE) == "6982"
        assert _state(card) == "0A"

    def test_tries(self) -> None:
        card = mcos.mcos_blank(mcos.with_settings(manufacturer_tries=2))
        assert card.authenticate_short(0x00, MASTER) == "63C1"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.authenticate_short(0x00, MASTER) == "63C1"
        assert card.authenticate_short(0x00, MASTER) == "63C0"
        assert card.authenticate_short(0x00, ZERO) == "6983"

    def test_it_is_void_once_there_is_an_mf(self) -> None:
        """Then P2 = 00 names the master key of the MF, which the maker sets."""
        card = mcos.opened()
        assert card.sw(MF_CREATE) == "9000"
        assert replace_master(card) == "9000"
        card.reset()
        assert card.authenticate_short(0x00, ZERO) == "63CE"
        assert card.authenticate_short(0x00, MASTER) == "9000"


class TestCreate:
    @pytest.mark.parametrize("row", VECTORS["create"], ids=lambda row: row["source"])
    def test_examples_of_the_manuals(self, row: dict[str, str]) -> None:
        card = mcos.opened()
        if " MF" in row["source"]:
            assert card.sw(row["apdu"]) == "9000"
            return
        assert card.sw(MF_CREATE) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        before = card.chip.persistent_state()
        assert card.sw(row["apdu"]) == "9000"
        assert len(card.chip.persistent_state()) == len(before) + 1

    def test_the_worked_card(self) -> None:
        card = mcos.worked_card()
        assert card.data(SSSE) == "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"
        assert card.data(DF01) == "6F0D8406D15600000500A5039F0C00"
        assert card.data(MF) == "6F15840E315041592E5359532E4444463031A50388011E"

    def test_a_directory_is_filled_by_its_own_master_key(self) -> None:
        card = mcos.ssse_card()
        card.reset()
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(SSSE) == "9000"
        assert card.sw(EF05_CREATE) == "6982"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(EF05_CREATE) == "9000"

    @pytest.mark.parametrize(
        ("apdu", "sw"),
        [
            (MF_CREATE, "6A80"),
            (SSSE_CREATE, "6A80"),  # a DDF in a DDF; its name is in use, too
            ("80E0010B080001015000730000", "6A86"),
            ("80E000060D" + EF05_CREATE[10:36], "6A86"),
            ("80E0000B070001015000730000"[:-2], "6700"),
            ("80E0000B08000001" + "5000730000", "6A80"),
            ("80E0000B08FFFF01" + "5000730000", "6A80"),
            ("80E0000515EF050040010100000000330000021203060E06060B", "6A80"),
            ("80E0000515EF050040000200000000330000021203060E06060B", "6A80"),
            ("80E0000515EF050030000100000000330000021203060E06060B", "6A80"),
            ("80E000070EEF08001E0000010C000000000002", "6A80"),
            ("80E000070EEF081C1E1F00010C000000000002", "6A80"),
            ("80E000040FEF19100405000100000000330000" + "02", "6A80"),
            ("80E000030DEF0700000000000044003300" + "0002", "6A80"),
            ("80E0000213DF010C2500000001003900020FD15600000500", "6A80"),
            ("80E0000213DF010C25000000000039000210D15600000500", "6A80"),
            ("80E0000213DF014FFF00000000003900020FD15600000500", "6A84"),
        ],
    )
    def test_what_cannot_be_created(self, apdu: str, sw: str) -> None:
        card = mcos.ssse_card()
        before = card.chip.persistent_state()
        assert card.sw(apdu) == sw
        assert card.chip.persistent_state() == before

    def test_identifiers_and_names_are_there_once(self) -> None:
        card = mcos.worked_card()
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(EF05_CREATE) == "6A80"
        again = "80E0000213DF0A000100000000003900020FD15600000500"
        assert card.sw(again) == "6A80"
        assert card.sw(again.replace("D15600000500", "D15600000599")) == "9000"

    def test_a_body_holds_no_more_than_it_has(self) -> None:
        """16 bytes and its contents for each file (§3.1)."""
        card = mcos.ssse_card()
        assert card.sw("80E0000213DF010020000000000039" + "00020FD15600000500") == "9000"
        assert card.sw(DF01) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.data(INFORMATION)[22:] == "00200020"
        assert card.sw(OPEN_FILE.replace("0010", "0011", 1)) == "6A84"
        assert card.sw(OPEN_FILE) == "9000"
        assert card.data(INFORMATION)[22:] == "00200000"
        assert card.sw(OPEN_FILE.replace("EF09", "EF0A").replace("0010", "0001", 1)) == "6A84"

    def test_what_an_image_keeps(self, tmp_path: Path) -> None:
        path = tmp_path / "card.img"
        card = mcos.worked_card(path=path)
        assert card.authenticate_short(0x04, "41" * 16) == "9000"
        assert card.sw("00DC032C0603043" + "22E3030") == "9000"
        wanted = card.data(INFORMATION)
        card.chip.close()
        chip = open_image(path, entropy=Randomness())
        chip.power_on()
        again = Card(chip, Randomness())
        assert again.data(SSSE)
        assert again.data(INFORMATION) == wanted
        assert again.data("00B2032C06") == "0304322E3030"
        assert again.data("00B2022C03") == "000000"
        assert again.authenticate_short(0x00, MASTER) == "9000"
        assert again.authenticate_short(0x04, "41" * 16) == "9000"
        assert again.sw(DF04) == "9000"
        assert again.sw(VERIFY) == "9000"
        chip.close()
        description = describe_image(path)
        assert (description.state, description.dialect) == ("open", "mcos")

    def test_the_name_may_be_left_out(self) -> None:
        """The FCI then has an empty 84, and no name selects the directory (§3.5)."""
        card = mcos.opened()
        assert card.sw("80E000000B3F000000011E003800000F") == "9000"
        assert card.data(MF) == "6F078400A50388011E"

    def test_the_fci_file(self) -> None:
        """Its content becomes 9F0C: in an ADF alone, in a DDF behind the SFI of DIR."""
        card = mcos.ssse_card()
        assert card.sw("80E0000213DF010100000000001539" + "00020FD15600000500") == "9000"
        assert card.sw(DF01) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw("80E000030DEF150003000000000000000000" + "00") == "9000"
        assert card.sw("00D6950003AABBCC") == "9000"
        assert card.data(DF01) == "6F108406D15600000500A5069F0C03AABBCC"


class TestMasterKey:
    def test_the_vector(self) -> None:
        """The MF's zeros give way to 11… (§9 step 3); IV 4 random bytes ‖ 00000000."""
        card = mcos.opened()
        assert card.sw(MF_CREATE) == "9000"
        (row,) = [row for row in VECTORS["load"] if row["source"] == "ref 11 §9 step 3"]
        assert card.data("0084000004") == "08CDF316"
        assert card.sw(row["command"]) == "9000"
        assert card.authenticate_short(0x00, MASTER) == "9000"

    def test_a_new_directory_has_zeros(self) -> None:
        card = mcos.opened()
        assert card.sw(MF_CREATE) == "9000"
        assert card.sw(SSSE_CREATE) == "6982"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw(SSSE_CREATE) == "9000"

    def test_it_is_replaced_as_the_directory_says(self) -> None:
        card = mcos.ssse_card()
        assert card.sw("80D4010013000000" + "22" * 16) == "6987"
        assert replace_master(card, "22" * 16, old=ZERO) == "6988"
        assert card.sw(mcos.protected(card, "84D40100", "000100" + "22" * 16, MASTER)) == "6A80"
        assert card.sw(mcos.protected(card, "84D40100", "000000" + "22" * 8, MASTER)) == "6700"
        challenge = "84D401001C" + "00" * 28
        card.reset()
        assert card.sw(SSSE) == "9000"
        assert card.sw(challenge) == "6984"
        assert replace_master(card, "22" * 16, old=MASTER) == "9000"
        assert card.authenticate_short(0x00, "22" * 16) == "9000"

    def test_plain_while_it_is_zero_then_after_a_proof(self) -> None:
        card = mcos.opened()
        assert card.sw(MF_CREATE.replace("003800", "000800", 1)) == "9000"
        assert card.sw("84D4010017000000" + "11" * 16 + "00" * 4) == "6882"
        assert card.sw("80D4010013000000" + MASTER) == "9000"
        assert card.sw("80D4010013000000" + "22" * 16) == "6982"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw("80D4010013000000" + "22" * 16) == "9000"

    def test_a_directory_without_one(self) -> None:
        """KACT = 0: filled until a reset; its master key comes by the parent's (KP1)."""
        card = mcos.ssse_card()
        assert card.sw("80E0000213DF0101000000000000" + "3C00020FD15600000500") == "9000"
        assert card.sw(DF01) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "6A88"
        assert card.sw(OPEN_FILE) == "9000"
        card.reset()
        assert card.sw(DF01) == "9000"
        assert card.sw(OPEN_FILE.replace("EF09", "EF0A")) == "6982"
        assert replace_master(card, "22" * 16, old=ZERO) == "6988"
        before = card.chip.persistent_state()
        short = mcos.protected(card, "84D40100", "000000" + "22" * 8, MASTER)
        assert card.sw(short) == "6700"
        assert card.chip.persistent_state() == before
        assert card.authenticate_short(0x00, ZERO) == "6A88"
        assert replace_master(card, "22" * 16, old=MASTER) == "9000"
        assert card.authenticate_short(0x00, "22" * 16) == "9000"
        assert card.sw(OPEN_FILE.replace("EF09", "EF0A")) == "9000"

    def test_tries_of_its_directory(self) -> None:
        unlimited = SSSE_CREATE.replace("39" + "00020F", "39" + "000200", 1)
        card = mcos.opened()
        assert card.sw(MF_CREATE) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw(unlimited) == "9000"
        assert card.sw(SSSE) == "9000"
        for _ in range(20):
            assert card.authenticate_short(0x00, MASTER) == "63CF"
        assert card.authenticate_short(0x00, ZERO) == "9000"


class TestWriteKey:
    @pytest.fixture
    def card(self) -> Card:
        card = mcos.ssse_card()
        assert card.sw(SECURE_FILE) == "9000"
        return card

    def test_the_vectors(self) -> None:
        """§3.7 under the zeros of a new directory, §9 step 6' under 11…."""
        wanted = {"ref 11 §3.7 WRITE KEY add, MK 00": ZERO, "ref 11 §9 step 6'": MASTER}
        for row in VECTORS["load"]:
            if row["source"] not in wanted:
                continue
            card = mcos.ssse_card()
            if wanted[row["source"]] == ZERO:
                assert replace_master(card, ZERO, old=MASTER) == "9000"
            assert card.sw(SECURE_FILE) == "9000"
            card.randomness.value = bytes.fromhex(row["iv"])
            assert card.data("0084000008") == row["iv"]
            assert card.sw(row["command"]) == "9000", row["source"]

    @pytest.mark.parametrize("record", [*VECTORS["plain_keys"], VECTORS["plain_pin"]])
    def test_the_plain_forms_of_the_worked_card(self, record: dict[str, str]) -> None:
        """They ask for a file without protection (§9 step 6), and for the master key."""
        card = mcos.ssse_card()
        assert card.sw("80E0000B080001015000000000") == "9000"
        assert card.sw(record["apdu"]) == "9000"
        assert card.sw(record["apdu"]) == "6985"
        card.reset()
        assert card.sw(SSSE) == "9000"
        assert card.sw(record["apdu"]) == "6982"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw("84D40001" + record["apdu"][8:]) == "6882"

    @pytest.mark.parametrize("challenge", [4, 8])
    def test_both_start_values(self, card: Card, challenge: int) -> None:
        command = mcos.protected(card, "84D40001", UKSSSE, MASTER, challenge=challenge)
        assert card.sw(command) == "9000"
        assert card.authenticate_short(0x04, "41" * 16) == "9000"

    @pytest.mark.parametrize(
        ("head", "data", "under", "sw"),
        [
            ("84D40001", UKSSSE, ZERO, "6988"),
            ("84D40002", UKSSSE, MASTER, "6A82"),
            ("84D40000", UKSSSE, MASTER, "6A86"),
            ("84D40201", UKSSSE, MASTER, "6A86"),
            ("84D40001", "0000010000000333" + "41" * 16, MASTER, "6A80"),  # a master key
            ("84D40001", "0084010000000333" + "41" * 16, MASTER, "6A80"),  # identifier above 7F
            ("84D40001", "0004010000001033" + "41" * 16, MASTER, "6A80"),  # more than 15 tries
            ("84D40001", "0304010000000333" + "41" * 16, MASTER, "6A80"),  # no such usage
            ("84D40001", "0004010700000333" + "41" * 16, MASTER, "6A80"),  # no such algorithm
            ("84D40001", "0004010000000333" + "41" * 8, MASTER, "6700"),
            ("84D40001", "000401000000", MASTER, "6700"),
            ("84D40001", "1F00060600000600" + "123456", MASTER, "6700"),
            ("84D40001", "1F00060600000600" + "12FFFFFFFFFFFFFF", MASTER, "6A80"),
        ],
    )
    def test_refused(self, card: Card, head: str, data: str, under: str, sw: str) -> None:
        command = mcos.protected(card, head, data, under)
        before = card.chip.persistent_state()
        assert card.sw(command) == sw
        assert card.chip.persistent_state() == before

    def test_a_challenge_is_good_once(self, card: Card) -> None:
        command = mcos.protected(card, "84D40001", UKSSSE, MASTER)
        assert card.sw(command) == "9000"
        assert card.sw(command) == "6984"
        assert card.sw("80D40001" + command[8:]) == "6987"

    def test_a_full_file(self, card: Card) -> None:
        """24 bytes for each record (§9 B4)."""
        for number in range(14):
            assert add_key(card, f"00{number + 1:02X}01000000033341" + "41" * 15) == "9000"
        assert add_key(card, "007F010000000333" + "41" * 16) == "6A84"

    def test_an_update(self, card: Card) -> None:
        """usage ‖ id ‖ version ‖ value, by the master key, which must be proved (CMK)."""
        assert add_key(card, UKSSSE) == "9000"
        update = "000401" + "42" * 16
        assert card.sw(mcos.protected(card, "84D40101", "000402" + "42" * 16, MASTER)) == "6A88"
        assert card.sw(mcos.protected(card, "84D40101", update[:-16], MASTER)) == "6700"
        assert card.sw(mcos.protected(card, "84D40101", update, MASTER)) == "9000"
        assert card.authenticate_short(0x04, "41" * 16) == "63C2"
        assert card.authenticate_short(0x04, "42" * 16) == "9000"
        card.reset()
        assert card.sw(SSSE) == "9000"
        assert card.sw(mcos.protected(card, "84D40101", update, MASTER)) == "6982"

    def test_an_update_of_the_pin_comes_without_filling(self, card: Card) -> None:
        assert add_key(card, mcos.SSSE_KEYS["PIN"]) == "9000"
        assert card.sw(mcos.protected(card, "84D40101", "1F00001234", MASTER)) == "9000"
        assert card.sw("00200000021234") == "9000"
        assert card.sw(mcos.protected(card, "84D40101", "1F000012", MASTER)) == "6700"

    def test_an_update_by_a_transport_key(self) -> None:
        """WT-KID names a key of usage 01; PMK asks for the parent's master key."""
        card = mcos.ssse_card()
        assert card.sw("80E0000B08000101500233" + "0000") == "9000"
        assert add_key(card, "0102000000000300" + "21" * 16) == "9000"
        assert add_key(card, UKSSSE) == "9000"
        update = "000401" + "42" * 16
        assert card.sw(mcos.protected(card, "84D40101", update, MASTER)) == "6988"
        assert card.sw(mcos.protected(card, "84D40101", update, "21" * 16)) == "9000"
        assert card.authenticate_short(0x04, "42" * 16) == "9000"
        assert card.sw("80E0000B08000201500283" + "0000") == "9000"
        assert add_key(card, "0005010000000333" + "41" * 16, file=2) == "9000"
        again = "000501" + "42" * 16
        assert card.sw(mcos.protected(card, "84D40102", again, "21" * 16)) == "6982"

    def test_the_write_right_of_the_file(self) -> None:
        card = mcos.ssse_card()
        assert card.sw("80E0000B0800010150" + "0073" + "3300") == "9000"
        assert add_key(card, UKSSSE) == "6982"


class TestLifeCycle:
    def test_states(self) -> None:
        card = mcos.mcos_blank()
        assert card.data(INFORMATION) == "86014D480080000A" + "00" * 7
        assert card.sw("BFC8010000") == "6A86"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw(MF_CREATE) == "9000"
        assert card.data(INFORMATION) == "86014D480080000B0039387E807E80"
        assert replace_master(card) == "9000"
        assert card.sw(FREEZE) == "6982"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(SSSE_CREATE) == "9000"
        assert card.sw(SSSE) == "9000"
        assert card.data(INFORMATION)[14:20] == "0B003A"
        assert card.sw(FREEZE) == "6985"
        assert card.sw(MF) == "9000"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw("BFFE0001") == "6A86"
        assert card.sw(FREEZE) == "9000"
        assert card.sw(FREEZE) == "6985"
        card.reset()
        assert _state(card) == "0C"
        assert card.sw(FREEZE) == "6985"

    def test_clear_leaves_the_master_key(self) -> None:
        card = mcos.worked_card()
        card.reset()
        assert card.sw(SSSE) == "9000"
        assert card.sw(CLEAR) == "6982"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw("BFCE0100") == "6A86"
        assert card.sw(CLEAR) == "9000"
        assert card.sw("00A4000002EF05") == "6A82"
        assert card.sw(DF01) == "6A82"
        assert card.data(INFORMATION)[22:] == "40004000"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(EF05_CREATE) == "9000"
        left = [p for p in card.chip.persistent_state() if p.startswith("ssc/3F00/DDF1/")]
        assert sorted(left) == ["ssc/3F00/DDF1/0000/000000", "ssc/3F00/DDF1/EF05"]

    def test_a_frozen_mf_is_not_cleared(self) -> None:
        card = mcos.worked_card()
        assert card.sw(MF) == "9000"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(FREEZE) == "9000"
        assert card.sw(CLEAR) == "6985"
        assert card.sw(SSSE) == "9000"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw(CLEAR) == "9000"

    def test_the_atr_file(self) -> None:
        """An empty one leaves the ATR of the factory; its content comes with the next reset."""
        card = mcos.opened()
        assert card.sw(MF_CREATE) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw("80E000030DEF01000D000080" + "0000000000" + "00") == "9000"
        factory = card.chip.reset(cold=True).hex().upper()
        assert factory == "3B6D000000814D480000005119000013DF"
        historical = "00814842428653" + "210200000001"
        assert card.sw("00D681000D" + historical) == "6982"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw("00D681000D" + historical) == "9000"
        assert card.chip.atr.hex().upper() == factory
        assert card.chip.reset(cold=True).hex().upper() == "3B6D0000" + historical

    def test_locks_by_the_vectors(self) -> None:
        """MAC by BLK-KID 00, the master key of zeros, start value 08CDF316 00000000 (§3.7)."""
        block, unblock = (row["header"] + row["mac"] for row in VECTORS["mac"])
        card = mcos.opened()
        assert card.sw(MF_CREATE) == "9000"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw("80E0000213DF010100" + "000000000039" + "00000FD15600000500") == "9000"
        assert card.sw(DF01) == "9000"
        iv = card.data("0084000004")
        assert iv == "08CDF316"
        mac = mcos.SUITE.mac(bytes(16), bytes.fromhex("841E000004"), bytes.fromhex(iv))
        assert card.sw("841E000004" + mac.hex()) == "9000"
        assert card.sw(DF01) == "6A81"
        assert card.data(INFORMATION)[18:22] == "3878"
        assert card.data("0084000004") == iv
        assert card.sw(unblock) == "9000"
        assert card.sw(MF) == "9000"
        assert card.data("0084000004") == iv
        assert card.sw(block) == "9000"
        assert card.sw(MF) == "6A81"
        assert _state(card) == "0D"
        assert card.sw(INFORMATION) == "9000"


class TestAnswers:
    @pytest.mark.parametrize(
        ("apdu", "sw"),
        [
            (MF, "6A82"),
            (CLEAR, "6A82"),
            (FREEZE, "6A82"),
            (VERIFY, "6A82"),
            ("80D40001" + "01" + "00", "6A82"),
            ("BFAA0000", "6E00"),
        ],
    )
    def test_on_a_blank(self, apdu: str, sw: str) -> None:
        assert mcos.mcos_blank().sw(apdu) == sw

    def test_secure_files_and_purses_are_not_selected(self) -> None:
        card = mcos.worked_card()
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw("80E000090600020000FFFF") == "9000"
        assert card.sw("80E0000A0600030000FFFF") == "9000"
        for fid in ("0000", "0001", "0002", "0003"):
            assert card.sw("00A4000002" + fid) == "6A82"
