"""Selecting, records and binary files, by every way the card knows, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF01, DF04, MF, SSSE, Card

# (size, FID, type, SFI, SCW, record length, read, write) of files that only these tests have
FIXED = "80E00100100000000012EF11C50011000800000000"
CYCLIC = "80E0010010000000000BEF12C70012000300000000"
CLOSED = "80E00100100000000012EF13C6001300FFEFEF0000"
BINARY = "80E00100100000000140EF14C40014000000000000"


def test_select_by_identifier() -> None:
    card = cards.finished_card()
    assert card.sw("00A4000002DDF1") == "9000"
    assert card.sw("00A4000002EF05") == "9000"
    assert card.sw("00B2010412") == "9000"
    assert card.sw(DF01) == "9000"
    assert card.sw("00B2010412") == "6986", "selecting a directory leaves no current file"
    # siblings, parents and the directory itself, from inside
    assert card.sw(DF04) == "9000"
    assert card.sw(DF04) == "9000"
    assert card.sw("00A4000002DDF1") == "9000"
    assert card.sw(MF) == "9000"
    assert card.sw(DF01) == "6A82", "a grandchild is not seen from the MF"
    assert card.sw("00A4000000") == "9000"


@pytest.mark.parametrize(
    ("place", "apdu", "sw"),
    [
        (SSSE, "00A4010002DF01", "9000"),
        (SSSE, "00A4010002EF05", "6A82"),
        (DF01, "00A4010002DDF1", "6A82"),
        (SSSE, "00A4020002EF05", "9000"),
        (SSSE, "00A4020002DF01", "6A82"),
        (DF01, "00A4020002EF06", "6A82"),
        (DF01, "00A4030000", "9000"),
        (SSSE, "00A4030000", "9000"),
        (MF, "00A4030000", "6A82"),
        (DF01, "00A4030002DDF1", "6700"),
        (SSSE, "00A4000002EF80", "6A82"),
        (SSSE, "00A4000002EF23", "6A82"),
        (SSSE, "00A4000002EF99", "6A82"),
        (SSSE, "00A4000003DF0101", "6700"),
    ],
)
def test_select_variants(place: str, apdu: str, sw: str) -> None:
    card = cards.finished_card()
    card.data(SSSE)
    assert card.sw(place) == "9000"
    assert card.sw(apdu) == sw


def test_select_by_name() -> None:
    """ref 09 §2 rule 5: prefix, and P2 = 02 for the next one; a whole name wins."""
    card = cards.finished_card()
    df01 = "6F088406D15600000500"
    assert card.data("00A4040005D156000005") == df01
    assert card.data("00A4040205D156000005") == "", "DF04 has no FCI record"
    assert card.sw("00A4020002EF15") == "9000", "DF04 is current"
    assert card.sw("00A4040205D156000005") == "6A82"
    assert card.sw("00A4020002EF15") == "9000", "nothing changed"
    assert card.data("00A4040006D15600000500") == df01
    assert card.sw("00A4040007D1560000050000") == "6A82"
    assert card.data("00A404000173")[:4] == "6F16"
    assert card.sw("00A404020173") == "6A82", "no second one"


def test_ways_to_read_a_record() -> None:
    card = cards.finished_card()
    card.data(SSSE)
    card.data("00A4000002EF06")
    assert card.data("00B2010404") == "08023132"
    assert card.data("00B20A0003") == "0A0131"
    assert card.data("00B2013404") == "08023132"
    assert card.data("00B2093004") == "09024142"
    assert card.data("00B201050B") == "08023132" + "09024142" + "0A0131"
    assert card.data("00B2023507") == "09024142" + "0A0131"
    for apdu, sw in {
        "00B2040400": "6A83",
        "00B2000400": "6A83",
        "00B2990000": "6A83",
        "00B2040500": "6A83",
        "00B2000500": "6A83",
        "00B2010600": "6A86",
        "00B2010100": "6A86",
        "00B201FC00": "6A86",
        "00B201CC00": "6A82",
        "00B2010401AA": "6700",
        "00B0000000": "6981",
        "00D6000001AA": "6981",
    }.items():
        assert card.sw(apdu) == sw, apdu


def test_a_short_identifier_makes_the_file_current() -> None:
    card = cards.finished_card()
    card.data(SSSE)
    card.data("00A4000002EF05")
    assert card.data("00B2013404") == "08023132"
    assert card.data("00B2010404") == "08023132"
    other = cards.finished_card(cards.with_dialect(settings={"sfi_selects": False}))
    other.data(SSSE)
    other.data("00A4000002EF05")
    assert other.data("00B2013404") == "08023132"
    assert other.sw("00B2010404") == "6C12"


@pytest.mark.parametrize(
    ("feature", "apdus"),
    [
        ("sfi", ["00B2013404", "00B2083004", "00B2013500", "00DC01340408023132", "00E200300101"]),
        ("by_tag", ["00B2080000", "00DC08000408023132"]),
        ("all_records", ["00B2010500"]),
    ],
)
def test_features_switched_off(feature: str, apdus: list[str]) -> None:
    card = cards.finished_card(cards.with_dialect(features={feature: False}))
    card.data(SSSE)
    card.data("00A4000002EF06")
    assert card.data("00B2010404") == "08023132"
    for apdu in apdus:
        assert card.sw(apdu) == "6A86", apdu


def test_all_records_end_at_256_bytes() -> None:
    card = cards.open_card()
    assert card.sw("80E0010010000000020CEF1CC6001C00FF00000000") == "9000"
    records = [f"{tag:02X}40" + f"{tag:02X}" * 64 for tag in range(1, 8)]
    for number, record in enumerate(records, start=1):
        assert card.sw(f"00DC{number:02X}E442{record}") == "9000"
    everything = "".join(records)
    assert card.data("00B201E500") == everything[:512]
    assert card.data("00B205E5C6") == everything[4 * 132 :]


class TestLinear:
    def test_update(self) -> None:
        card = cards.open_card()
        card.data("00A4000002EF06")
        assert card.sw("00DC0104044E020000") == "9000"
        assert card.sw("00DC01040408023132") == "9000"
        assert card.sw("00DC08000408023334") == "9000"
        assert card.data("00B2010404") == "08023334"
        for apdu, sw in {
            "00DC0104050803333536": "6700",
            "00DC0104030801FF": "6700",
            "00DC01040408033132": "6A85",
            "00DC01040108": "6A85",
            "00DC09040408023132": "6A83",
            "00DC00040408023132": "6A83",
            "00DC09000408023132": "6A80",
            "00DC09000409023132": "6A83",
            "00DC01030408023132": "6A86",
            "00DC01050408023132": "6A86",
            "00DC0104": "6700",
        }.items():
            assert card.sw(apdu) == sw, apdu
        assert card.data("00B2010404") == "08023334"

    def test_space_is_the_size_without_two_bytes(self) -> None:
        """ref 11 §5.2 and §8 step 11: 5D holds 91 bytes of records."""
        card = cards.open_card()
        card.data("00A4000002EF06")
        assert card.sw("00DC010452" + "0850" + "00" * 80) == "9000"
        assert card.sw("00DC020407" + "0905" + "00" * 5) == "9000"
        assert card.sw("00DC030403" + "0A0100") == "6A84"
        assert card.sw("00DC0304020A00") == "9000"

    def test_255_records_at_most(self) -> None:
        card = cards.open_card()
        assert card.sw("80E00100100000000300EF1CC6001C00FF00000000") == "9000"
        for _ in range(255):
            assert card.sw("00E200E002AA00") == "9000"
        assert card.sw("00E200E002AA00") == "6A84"
        assert card.sw("00B2FFE402") == "9000"

    def test_records_are_only_added_where_the_directory_is_open(self) -> None:
        card = cards.finished_card()
        card.data(SSSE)
        assert card.authenticate(0x04, "41" * 16) == "9000"
        assert card.sw("00DC0434030B0130") == "6A83"
        assert card.sw("00E20030030B0130") == "9000"
        assert card.data("00B2043403") == "0B0130"

    def test_append(self) -> None:
        card = cards.open_card()
        assert card.sw("00E200300408023132") == "9000"
        card.data("00A4000002EF06")
        assert card.sw("00E200000409023132") == "9000"
        assert card.data("00B2010508") == "0802313209023132"
        for apdu, sw in {
            "00E20030050802313233": "6A85",
            "00E200300408033132": "6A85",
            "00E201300408023132": "6A86",
            "00E200340408023132": "6A86",
            "00E20030": "6700",
            "00E200380408023132": "6981",
        }.items():
            assert card.sw(apdu) == sw, apdu

    def test_fixed(self) -> None:
        card = cards.open_card()
        assert card.sw(FIXED) == "9000"
        card.data("00A4000002EF11")
        record = "C806" + "11" * 6
        assert card.sw(f"00DC010408{record}") == "9000"
        assert card.sw("00DC020408" + "22" * 8) == "9000"
        assert card.sw("00DC030408" + "33" * 8) == "6A84"
        assert card.sw("00DC010407" + "11" * 7) == "6700"
        assert card.data("00B2010408") == record
        assert card.data("00B2C80008") == record
        assert card.data("00B2220008") == "22" * 8


class TestCyclic:
    @staticmethod
    def _card(settings: dict[str, Any] | None = None) -> Card:
        card = cards.open_card(cards.with_dialect(settings=settings))
        assert card.sw(CYCLIC) == "9000"
        card.data("00A4000002EF12")
        return card

    def test_the_newest_is_number_one(self) -> None:
        card = self._card()
        assert card.sw("00B2010400") == "6A83"
        assert card.sw("00B2010500") == "6A83"
        written: list[str] = []
        for command in ("00DC000303", "00E2000003", "00DC010403", "00DC000303"):
            written.append(f"0000{len(written):02X}")
            assert card.sw(command + written[-1]) == "9000"
            assert card.data("00B2010403") == written[-1]
        assert [card.data(f"00B20{n}0403") for n in (1, 2, 3)] == written[:0:-1]
        assert card.sw("00B2040400") == "6A83", "three fit, the oldest is gone"
        assert card.data("00B2010509") == "000003000002000001"
        assert card.data("00B2020506") == "000002000001"

    def test_refusals(self) -> None:
        card = self._card()
        assert card.sw("00DC00030411223344") == "6700"
        assert card.sw("00DC020403112233") == "6A83"
        assert card.sw("00DC010503112233") == "6A86"
        assert card.sw("00B2110000") == "6981"
        card.sw("00DC000303112233")
        assert card.sw("00DC01040211") == "6700"
        assert card.sw("00DC0204021122") == "6A83"

    def test_number_one_may_replace(self) -> None:
        card = self._card({"cyclic_number_one": "replaces"})
        assert card.sw("00DC010403112233") == "6A83"
        card.data("00E2000003000001")
        card.data("00E2000003000002")
        assert card.sw("00DC010403112233") == "9000"
        assert card.data("00B2010506") == "112233000001"
        assert card.sw("00DC020403445566") == "9000"
        assert card.data("00B2010506") == "112233445566"
        assert card.sw("00DC0104021122") == "6700"

    def test_update_may_not_append(self) -> None:
        card = self._card({"cyclic_update_appends": False})
        assert card.sw("00DC000303112233") == "6A86"
        assert card.sw("00E2000003112233") == "9000"


class TestTransparent:
    def test_write_and_read(self) -> None:
        card = cards.open_card()
        assert card.sw(BINARY) == "9000"
        assert card.sw("00D6940003112233") == "9000"
        assert card.data("00B0000004") == "11223300"
        assert card.sw("00D600FE04AABBCCDD") == "9000"
        assert card.data("00B000FC08") == "0000AABBCCDD0000"
        assert card.data("00B094FC08") == "0000AABBCCDD0000"
        assert card.sw("00D6013F01FF") == "9000"
        for apdu, sw in {
            "00D6013F02FFFF": "6700",
            "00D6014001FF": "6B00",
            "00D60000": "6700",
            "00D6B40001FF": "6A86",
            "00D6800001FF": "6A86",
            "00D69F0001FF": "6A86",
            "00D69E0001FF": "6A82",
            "00D6850001FF": "6981",
            "00B0014001": "6B00",
            "00B0000001AA": "6700",
            "00B2010400": "6981",
            "00DC010401AA": "6981",
            "00E2000001AA": "6981",
        }.items():
            card.data("00A4000002EF14")
            assert card.sw(apdu) == sw, apdu

    def test_nothing_is_current(self) -> None:
        card = cards.open_card()
        for apdu in ("00B2010400", "00DC010401AA", "00E2000001AA", "00B0000001", "00D6000001AA"):
            assert card.sw(apdu) == "6986"


def test_rights_come_before_what_is_in_the_file() -> None:
    card = cards.open_card()
    assert card.sw(CLOSED) == "9000"
    card.reset()
    card.data(SSSE)
    card.data("00A4000002EF13")
    for apdu in ("00B2010400", "00B2090400", "00B2010000", "00B2010500"):
        assert card.sw(apdu) == "6982"
