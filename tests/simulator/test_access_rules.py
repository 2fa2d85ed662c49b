"""Access rules: free, never, or, and; keys below and above 80; record rules of 3.00."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator import cards
from tests.simulator.cards import DF01, DF04, MF, SSSE, VERIFY, Card

from sscard_ic.profile import AccessRule, CardProfile

UKSSSE, RKSSSE, UK1DF01, RK1DF01 = (0x04, "41"), (0x0A, "A1"), (0x83, "31"), (0x88, "81")
UK1DF04, UK2DF04, RK1DF04 = (0x85, "B2"), (0x86, "B3"), (0x84, "B5")


def _proved(card: Card, *conditions: tuple[int, str] | str) -> None:
    for condition in conditions:
        if isinstance(condition, str):
            assert card.sw(condition) == "9000"
        else:
            assert card.authenticate(condition[0], condition[1] * 16) == "9000"


@pytest.mark.parametrize(
    ("directory", "conditions", "apdu", "sw"),
    [
        # ref 11 §8 steps 10-12: read free, or RKSSSE; update UKSSSE
        (SSSE, [], "00B2012C12", "9000"),
        (SSSE, [], "00DC022C03020133", "6982"),
        (SSSE, [RKSSSE], "00DC022C03020133", "6982"),
        (SSSE, [UKSSSE], "00DC022C03020133", "9000"),
        (SSSE, [], "00B0870008", "6982"),
        (SSSE, [UKSSSE], "00B0870008", "6982"),
        (SSSE, [RKSSSE], "00B0870008", "9000"),
        (SSSE, [RKSSSE], "00D6880001FF", "6982"),
        (SSSE, [UKSSSE], "00D6880001FF", "9000"),
        # step 16: PIN or RK1DF01, update UK1DF01
        (DF01, [], "00B2012C04", "6982"),
        (DF01, [VERIFY], "00B2012C04", "9000"),
        (DF01, [RK1DF01], "00B2012C04", "9000"),
        (DF01, [UK1DF01], "00B2012C04", "6982"),
        (DF01, [RKSSSE, UKSSSE], "00B2012C04", "6982"),
        (DF01, [VERIFY, RK1DF01], "00DC012C042002AAAB", "6982"),
        (DF01, [UK1DF01], "00DC012C042002AAAB", "9000"),
        # step 17: free, UK7 (a key this card does not have)
        (DF01, [], "00B0960008", "9000"),
        (DF01, [UK1DF01], "00D6960001FF", "6982"),
        # step 19: PIN and RK1DF04
        (DF04, [], "00B2013404", "6982"),
        (DF04, [VERIFY], "00B2013404", "6982"),
        (DF04, [RK1DF04], "00B2013404", "6982"),
        (DF04, [RK1DF04, VERIFY], "00B2013404", "9000"),
        (DF04, [VERIFY, RK1DF04], "00B2013404", "9000"),
        (DF04, [UK2DF04], "00DC0134048502CCCD", "9000"),
        # step 19: read PIN, update never
        (DF04, [RK1DF04], "00B201441C", "6982"),
        (DF04, [VERIFY], "00B201441C", "9000"),
        (DF04, [VERIFY, RK1DF04, UK1DF04, UK2DF04], "00DC00431C" + "03" * 28, "6982"),
        (DF04, [VERIFY, RK1DF04, UK1DF04, UK2DF04], "00E200401C" + "03" * 28, "6982"),
        # step 19: read PIN or RK1DF04, update UK2DF04
        (DF04, [RK1DF04], "00B201AC03", "9000"),
        (DF04, [UK2DF04], "00DC00AB03000002", "9000"),
        (DF04, [UK1DF04], "00DC00AB03000002", "6982"),
        # step 4: DIR, update by the master key of the MF
        (MF, [], "00B201F41B", "9000"),
        (MF, [], "00DC01F41B701961174F0F7378312E73682EC9E7BBE1B1A3D5CF500453535345", "6982"),
        (MF, [(0x00, "10")], "00DC01F41B701961174F0F7378312E73682EC9E7BBE1B1A3D5CF500453535345",
         "9000"),
    ],
)  # fmt: skip
def test_rules_of_the_worked_card(
    directory: str, conditions: list[Any], apdu: str, sw: str
) -> None:
    card = cards.finished_card()
    if directory != MF:
        card.data(SSSE)
    card.send(directory)
    _proved(card, *conditions)
    assert card.sw(apdu) == sw


class TestLifeOfStates:
    """Design: PIN state card-wide, key states per directory."""

    def test_the_pin_is_good_in_every_directory(self) -> None:
        card = cards.finished_card()
        card.data(SSSE)
        card.data(DF01)
        _proved(card, VERIFY)
        for directory, apdu in ((DF04, "00B201441C"), (DF01, "00B2012C04")):
            card.send(directory)
            assert card.sw(apdu) == "9000"
        card.send(MF)
        card.send(SSSE)
        card.send(DF01)
        assert card.sw("00B2012C04") == "9000"
        assert card.sw("0020000003654321") == "63C2"
        assert card.sw("00B2012C04") == "6982", "a failed VERIFY clears the PIN state"

    def test_key_states_fall_with_another_directory(self) -> None:
        card = cards.finished_card()
        card.data(SSSE)
        _proved(card, RKSSSE)
        card.data(SSSE)
        assert card.sw("00B0870008") == "9000", "the same directory again"
        card.data("00A4000002EF05")
        assert card.sw("00B0870008") == "9000", "a file of it"
        assert card.sw("00A40400025151") == "6A82"
        assert card.sw("00B0870008") == "9000", "a failed selection"
        card.data(DF01)
        card.data(SSSE)
        assert card.sw("00B0870008") == "6982"

    def test_keys_of_the_parent_from_inside(self) -> None:
        card = cards.finished_card()
        card.data(SSSE)
        card.data(DF01)
        _proved(card, UKSSSE)
        card.data("00A4030000")
        assert card.sw("00DC022C03020133") == "6982", "proved in DF01, gone with it"
        _proved(card, RKSSSE, UKSSSE)
        assert card.sw("00DC022C03020133") == "9000", "states accumulate"
        assert card.sw("00B0870008") == "9000"

    def test_a_level_belongs_to_its_directory(self) -> None:
        """UK1DF04 has level 2, as BK in the SSSE: neither opens what the other does."""
        card = cards.open_card()
        card.data(DF04)
        assert card.sw("80E00100100000000012EF1CC6001C00FF22000022") == "9000"
        assert card.sw("00DC01E4040102AAAA") == "9000"
        card.reset()
        card.data(SSSE)
        card.data(DF04)
        _proved(card, UK1DF04)
        assert card.sw("00B201E404") == "6982"
        assert card.sw("00DC01E4040102AAAB") == "9000"
        card.data(SSSE)
        card.data(DF04)
        _proved(card, (0x05, "50"))
        assert card.sw("00B201E404") == "9000"
        assert card.sw("00DC01E4040102AAAB") == "6982"


RULE_FILE = "80E00100100000000012EF1CC6001C{scw:02X}FF{parent:02X}{current:02X}0000"


def _opens(parent: int, current: int, logic: int, held: dict[str, set[int]]) -> bool:
    """The rule of ref 11 §2 and §5.2, said another way."""
    if parent == current == 0:
        return True
    wanted = {"parent": parent, "current": current}
    results = []
    for place, byte in wanted.items():
        if byte == 0:
            if logic == 4:
                results.append(True)
            continue
        results.append(any(byte >> 4 >= level >= (byte & 15) for level in held[place]))
    return all(results) if logic == 4 else any(results)


@given(
    parent=st.sampled_from([0x00, 0x11, 0x33, 0x53, 0x55, 0xEF, 0xFF, 0x05, 0x41]),
    current=st.sampled_from([0x00, 0x11, 0x22, 0x53, 0xC1, 0xEF, 0xFF]),
    logic=st.sampled_from([0, 4]),
    pin=st.booleans(),
    parent_key=st.sampled_from([None, (0x04, "41", 3), (0x06, "60", 1)]),
    current_key=st.sampled_from([None, (0x83, "B1", 1), (0x84, "B5", 5), (0x00, "44", 15)]),
)
def test_every_rule(
    parent: int,
    current: int,
    logic: int,
    pin: bool,
    parent_key: tuple[int, str, int] | None,
    current_key: tuple[int, str, int] | None,
) -> None:
    card = cards.open_card()
    card.data(DF04)
    create = RULE_FILE.format(scw=logic << 4, parent=parent, current=current)
    assert card.sw(create) == "9000"
    card.reset()
    card.data(SSSE)
    card.data(DF04)
    held: dict[str, set[int]] = {"parent": set(), "current": set()}
    if pin:
        _proved(card, VERIFY)
        held["parent"].add(5)
    for place, key in (("parent", parent_key), ("current", current_key)):
        if key is not None:
            _proved(card, key[:2])
            held[place].add(key[2])
    expected = "6A83" if _opens(parent, current, logic, held) else "6982"
    assert card.sw("00B201E400") == expected


def test_another_logic_nibble_is_no_rule() -> None:
    card = cards.open_card()
    for scw in (0x10, 0x01, 0x50, 0x88):
        assert card.sw(RULE_FILE.format(scw=scw, parent=0, current=0)) == "6A80"


class TestThirdGeneration:
    """ref 01 §8: EF05 record 07 asks for RKSSSE although the file is free."""

    RECORDS = ("0101AA", "0201BB", "0301CC", "0401DD", "0501EE", "0601FF", "070199")

    def _card(self, settings: dict[str, Any] | None = None) -> Card:
        profile = cards.with_dialect(settings=settings, name="3.00")
        card = cards.blank_card(profile, presented=False)
        cards.initialise(card, until="13")
        for number, record in enumerate(self.RECORDS, start=1):
            assert card.sw(f"00DC{number:02X}2C03{record}") == "9000"
        card.reset()
        card.data(SSSE)
        return card

    def test_single_records(self) -> None:
        card = self._card()
        for number in (1, 2, 3, 4, 5, 6):
            assert card.data(f"00B2{number:02X}2C03") == self.RECORDS[number - 1]
        assert card.sw("00B2072C03") == "6982"
        assert card.sw("00B2072803") == "6982"
        assert card.sw("00B2082C03") == "6A83"
        _proved(card, UKSSSE)
        assert card.sw("00B2072C03") == "6982"
        _proved(card, RKSSSE)
        assert card.data("00B2072C03") == "070199"
        assert card.data("00B2072803") == "070199"

    def test_all_records_refused(self) -> None:
        card = self._card()
        assert card.sw("00B2012D00") == "6982"
        assert card.sw("00B2072D00") == "6982"
        _proved(card, RKSSSE)
        assert card.data("00B2012D15") == "".join(self.RECORDS)

    def test_all_records_truncated(self) -> None:
        card = self._card({"mixed_all": "truncate"})
        assert card.data("00B2012D12") == "".join(self.RECORDS[:6])
        assert card.data("00B2062D03") == self.RECORDS[5]
        assert card.sw("00B2072D00") == "6982"
        assert card.sw("00B2082D00") == "6A83"
        _proved(card, RKSSSE)
        assert card.data("00B2012D15") == "".join(self.RECORDS)

    def test_open_while_personalized(self) -> None:
        card = self._card()
        assert card.sw(cards.TRANSPORT) == "9000"
        assert card.data("00B2072C03") == "070199"

    def test_update_keeps_the_rule_of_the_file(self) -> None:
        card = self._card()
        _proved(card, RKSSSE)
        assert card.sw("00DC072C03070198") == "6982"
        _proved(card, UKSSSE)
        assert card.sw("00DC072C03070198") == "9000"

    @staticmethod
    def _with_rule(operation: str, rule: str) -> CardProfile:
        """Version 2.00 with another rule for item 02 of EF05."""
        profile = cards.with_dialect(name="2.00")
        structure = profile.structure
        directory = structure.directories["SSSE"]
        file = directory.files["EF05"]
        items = tuple(
            item.model_copy(update={operation: AccessRule.parse(rule)}) if item.tag == 2 else item
            for item in file.items
        )
        changed = directory.model_copy(
            update={"files": {**directory.files, "EF05": file.model_copy(update={"items": items})}}
        )
        directories = {**structure.directories, "SSSE": changed}
        return replace(profile, structure=structure.model_copy(update={"directories": directories}))

    @pytest.mark.parametrize(
        ("rule", "conditions", "sw"),
        [
            ("pin", [], "6982"),
            ("pin", [VERIFY], "9000"),
            ("pin or key:RKSSSE", [RKSSSE], "9000"),
            ("pin or key:RKSSSE", [VERIFY], "9000"),
            ("pin and key:RKSSSE", [VERIFY], "6982"),
            ("pin and key:RKSSSE", [RKSSSE], "6982"),
            ("pin and key:RKSSSE", [RKSSSE, VERIFY], "9000"),
            ("key:RKSSSE or key:UKSSSE", [UKSSSE], "9000"),
            ("never", [VERIFY, RKSSSE, UKSSSE], "6982"),
            ("internal", [VERIFY, RKSSSE, UKSSSE], "6982"),
        ],
    )
    def test_every_rule_of_an_item(self, rule: str, conditions: list[Any], sw: str) -> None:
        card = cards.finished_card(self._with_rule("read", rule))
        card.data(SSSE)
        _proved(card, *conditions)
        assert card.sw("00B2022C03") == sw
        assert card.sw("00B2012C12") == "9000"

    def test_an_item_may_be_closed_for_update(self) -> None:
        card = cards.finished_card(self._with_rule("update", "never"))
        card.data(SSSE)
        _proved(card, UKSSSE)
        assert card.sw("00DC022C03020134") == "6982"
        assert card.sw("00DC032C060304322E3031") == "9000"
