"""The T514 dialect: what personalization may do, when, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF01, MF, SSSE, TRANSPORT, Card

MF_CREATE = "80E001001E000000FF013F00010001230000800000315041592E5359532E4444463031"
SSSE_CREATE = "80E001001F002200FF01DDF10100002300008000817378312E73682EC9E7BBE1B1A3D5CF"
DF01_CREATE = "80E0010016000000FF01DF01020000000000000000D15600000500"
SF_CREATE = "80E00100100000000152EF80C300800018EFEF00FF"
EF05_CREATE = "80E00100100000000042EF05C6000500FF00000033"
UKSSSE_1 = "00D40000180D0401EF3300331041414141414141414141414141414141"
END = "80E0020000"
ATR = "001400000B3B6D000000814842428653"
UNIQUE = "80E005000800005119000013DF"


def _reset_and_present(card: Card) -> None:
    card.reset()
    assert card.sw(TRANSPORT) == "9000"


class TestTransportCode:
    @pytest.mark.parametrize("command", [MF_CREATE, ATR, UNIQUE])
    def test_needed_for_everything(self, command: str) -> None:
        card = cards.blank_card(presented=False)
        before = card.chip.persistent_state()
        assert card.sw(command) == "6982"
        assert card.chip.persistent_state() == before

    def test_needed_again_at_each_power_up(self) -> None:
        card = cards.ssse_card()
        card.reset()
        card.data(SSSE)
        commands = (
            UKSSSE_1,
            EF05_CREATE,
            DF01_CREATE,
            END,
            "80E1000202DF01",
            "00D201230F700DDF010A6F088406D15600000500",
        )
        for command in commands:
            assert card.sw(command) == "6982", command
        assert card.authenticate(0x00, "11" * 16) == "9000"
        for command in commands:
            assert card.sw(command) == "6982", command
        assert card.sw(TRANSPORT) == "9000"
        assert card.sw(UKSSSE_1) == "9000"

    def test_counter(self) -> None:
        card = cards.blank_card(presented=False)
        wrong = "80E0030008" + "00" * 8
        assert card.sw(wrong) == "63C2"
        assert card.sw(TRANSPORT) == "9000"
        assert card.sw("80E003000700000000000000") == "6700"
        for left in (2, 1, 0):
            card.reset()
            assert card.sw(wrong) == f"63C{left}"
        assert card.sw(TRANSPORT) == "6983"
        card.reset()
        assert card.sw(TRANSPORT) == "6983"

    def test_counter_setting(self) -> None:
        card = cards.blank_card(cards.with_dialect({"transport_counter": 0x51}), presented=False)
        assert card.sw("80E0030008" + "00" * 8) == "63C0"
        card = cards.blank_card(cards.with_dialect({"transport_counter": 0x51}))
        assert card.sw("80E0030008" + "00" * 8) == "63C4"

    def test_refused_once_the_mf_is_ended(self) -> None:
        for sw in (0x6985, 0x6A81):
            card = cards.blank_card(cards.with_dialect({"transport_code_after_end": sw}))
            assert card.sw(MF_CREATE) == "9000"
            assert card.sw(END) == "9000"
            assert card.sw(TRANSPORT) == f"{sw:04X}"


class TestFreshDirectories:
    def test_stay_open_after_a_reset(self) -> None:
        card = cards.ssse_card()
        _reset_and_present(card)
        card.data(SSSE)
        assert card.sw(UKSSSE_1) == "9000"
        assert card.sw(EF05_CREATE) == "9000"
        assert card.sw("00DC012C030101AA") == "9000"

    def test_or_are_closed_by_it(self) -> None:
        card = cards.ssse_card(cards.with_dialect({"fresh_after_reset": False}))
        assert card.sw(UKSSSE_1) == "9000"
        _reset_and_present(card)
        card.data(SSSE)
        assert card.sw(EF05_CREATE) == "6982"
        assert card.sw(UKSSSE_1) == "6982"
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.sw(EF05_CREATE) == "9000"
        assert card.sw("00D40000180D0A01EF33004410" + "A1" * 16) == "9000"
        assert card.sw("00DC012C030101AA") == "6982", "records ask for UKSSSE"
        assert card.authenticate(0x04, "41" * 16) == "9000"
        assert card.sw("00DC012C030101AA") == "6A83", "and are added by APPEND only"
        assert card.sw("00E20028030101AA") == "9000"

    def test_rights_hold_without_the_transport_code(self) -> None:
        card = cards.open_card()
        card.data(DF01)
        assert card.sw("00DC012C042002AAAA") == "9000"
        card.reset()
        card.data(SSSE)
        card.data(DF01)
        assert card.sw("00B2012C04") == "6982"
        assert card.sw("00DC012C042002AAAA") == "6982"
        assert card.sw(TRANSPORT) == "9000"
        assert card.sw("00B2012C04") == "9000"
        assert card.sw("00DC012C042002AAAA") == "9000"

    def test_ending_closes_one_directory(self) -> None:
        card = cards.open_card()
        assert card.sw("00DC0134030101AA") == "9000"
        assert card.sw(END) == "9000"
        assert card.sw(END) == "6985"
        assert card.sw("00DC0134030101AA") == "6982"
        assert card.sw("00DC0234030201AA") == "6982"
        card.data(DF01)
        assert card.sw("00DC012C042002AAAA") == "9000"

    def test_ending_without_the_transport_code(self) -> None:
        card = cards.open_card()
        card.data(MF)
        assert card.sw(END) == "9000"
        card.reset()
        card.data(SSSE)
        assert card.sw(END) == "6982"
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.sw(END) == "9000"

    def test_nothing_to_end_on_a_blank(self) -> None:
        assert cards.blank_card().sw(END) == "6A82"


class TestCreate:
    def test_in_an_ended_directory_by_its_master_key(self) -> None:
        for sw in (0x6982, 0x6985):
            card = cards.finished_card(cards.with_dialect({"create_after_end": sw}))
            card.data(SSSE)
            new = "80E00100100000000042EF0DC6000D00FF00000033"
            assert card.sw(new) == f"{sw:04X}"
            assert card.authenticate(0x04, "41" * 16) == "9000"
            assert card.sw(new) == f"{sw:04X}"
            assert card.authenticate(0x00, "11" * 16) == "9000"
            assert card.sw(new) == "9000"
            assert card.sw("00A4000002EF0D") == "9000"

    def test_create_right(self) -> None:
        """Byte 2 of a directory: a level besides the master key."""
        card = cards.blank_card(presented=False)
        cards.initialise(card, until="5")
        assert card.sw(SSSE_CREATE.replace("002200FF", "002233FF")) == "9000"
        card.data(SSSE)
        assert card.sw(SF_CREATE) == "9000"
        assert card.sw("00D4010018000000EF3300FF10" + "11" * 16) == "9000"
        assert card.sw(UKSSSE_1) == "9000"
        assert card.sw(END) == "9000"
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.sw(EF05_CREATE) == "6982"
        assert card.authenticate(0x04, "41" * 16) == "9000"
        assert card.sw(EF05_CREATE) == "9000"

    @pytest.mark.parametrize("command", [MF_CREATE, SSSE_CREATE, SF_CREATE])
    @pytest.mark.parametrize("sw", [0x6A80, 0x6985])
    def test_what_exists(self, command: str, sw: int) -> None:
        card = cards.ssse_card(cards.with_dialect({"file_exists": sw}))
        if command == SSSE_CREATE:
            card.data(MF)
        before = card.chip.persistent_state()
        assert card.sw(command) == f"{sw:04X}"
        assert card.chip.persistent_state() == before

    def test_names_are_unique(self) -> None:
        card = cards.ssse_card()
        assert card.sw(DF01_CREATE) == "9000"
        assert card.sw(DF01_CREATE.replace("DF0102", "DF0902")) == "6A80"

    def test_levels_of_directories(self) -> None:
        card = cards.blank_card()
        assert card.sw(SSSE_CREATE) == "6A82"
        assert card.sw(EF05_CREATE) == "6A82"
        assert card.sw(MF_CREATE) == "9000"
        assert card.sw(SSSE_CREATE) == "9000"
        other = "80E0010016000000FF01DF0202000000000000000053532E434552"
        assert card.sw(other) == "9000", "an ADF in the MF"
        card.data(SSSE)
        assert card.sw(SSSE_CREATE.replace("DDF1", "DDF2").replace("7378", "7379")) == "6A80"
        assert card.sw(DF01_CREATE) == "9000"
        card.data(DF01)
        inner = DF01_CREATE.replace("DF0102", "DF0302").replace("0500", "0502")
        assert card.sw(inner) == "6A80"

    @pytest.mark.parametrize(
        ("data", "sw"),
        [
            # an EF with one byte wrong
            ("01000000 42EF05C6000500FF00000033", "6A80"),
            ("00010000 42EF05C6000500FF00000033", "6A80"),
            ("00000100 42EF05C6000500FF00000033", "6A80"),
            ("00000000 42EF05C8000500FF00000033", "6A80"),
            ("00000000 42EF05C6010500FF00000033", "6A80"),
            ("00000000 42EF05C6000520FF00000033", "6A80"),
            ("00000000 420000C6000500FF00000033", "6A80"),
            ("00000000 42FFFFC6000500FF00000033", "6A80"),
            ("00000000 423F00C6000500FF00000033", "6A80"),
            ("00000000 01EF05C6000500FF00000033", "6A80"),
            ("00000000 00EF05C4000500FF00000033", "6A80"),
            ("00000000 09EF05C7000500 0800000033", "6A80"),
            ("00000000 42EF05C5000500 0000000033", "6A80"),
            ("00000000 42EF05C7000500 0000000033", "6A80"),
            ("00000000 42EF05C6000500FF0000003300", "6700"),
            ("00000000 42EF05C6000500FF000000", "6700"),
            # a directory with one byte wrong
            ("01 0000FF01DF0102 0000000000000000 D15600000500", "6A80"),
            ("00 0000FF00DF0102 0000000000000000 D15600000500", "6A80"),
            ("00 0000FF01000002 0000000000000000 D15600000500", "6A80"),
            ("00 0000FF013F0002 0000000000000000 D15600000500", "6A80"),
            ("00 0000FF01DF0103 0000000000000000 D15600000500", "6A80"),
            ("00 0000FF01DF0102 0100000000000000 D15600000500", "6A80"),
            ("00 0000FF01DF0102 0002000000000000 D15600000500", "6A80"),
            ("00 0000FF01DF0102 0000000100000000 D15600000500", "6A80"),
            ("00 0000FF01DF0102 0000000001000000 D15600000500", "6A80"),
            ("00 0000FF01DF0102 0000000000000100 D15600000500", "6A80"),
            ("00 0000FF01DF0102 0000000000000000 D1560000", "6700"),
            ("00 0000FF01DF0102 0000000000000000 D156000005000000000000000000000000", "6700"),
        ],
    )
    def test_malformed(self, data: str, sw: str) -> None:
        card = cards.ssse_card()
        before = card.chip.persistent_state()
        data = data.replace(" ", "")
        assert card.sw(f"80E00100{len(data) // 2:02X}{data}") == sw
        assert card.chip.persistent_state() == before

    def test_default_internal_files_of_an_adf(self) -> None:
        """ref 11 §5.2: bytes 10 and 13 are 00 in an ADF, whose key file is EF80 all the same."""
        card = cards.ssse_card()
        assert card.sw(DF01_CREATE) == "9000"
        card.data(DF01)
        assert card.sw(UKSSSE_1) == "6A82", "no key file yet"
        assert card.sw(SF_CREATE) == "9000"
        assert card.sw("00D40000180D8301EF3300111031313131313131313131313131313131") == "9000"

    def test_own_numbers_of_internal_files(self) -> None:
        """ref 11 §5.2: shifted upwards when the identifier is used already."""
        card = cards.blank_card(presented=False)
        cards.initialise(card, until="5")
        assert card.sw(SSSE_CREATE.replace("230000800081", "240000820081")) == "9000"
        card.data(SSSE)
        assert card.sw(SF_CREATE.replace("EF80C30080", "EF82C30082")) == "9000"
        assert card.sw("00D4010018000000EF3300FF10" + "11" * 16) == "9000"
        assert card.sw("80E0010010000000002EEF24C3002400FFEFEF00FF") == "9000"
        record = "701BDDF1186F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"
        assert card.sw(f"00D201231D{record}") == "6A82"
        assert card.sw(f"00D201241D{record}") == "9000"
        assert card.data(SSSE) == record[10:]


class TestWriteKey:
    def test_what_exists(self) -> None:
        for sw in (0x6985, 0x6A80):
            card = cards.ssse_card(cards.with_dialect({"key_exists": sw}))
            assert card.sw(UKSSSE_1) == "9000"
            assert card.sw(UKSSSE_1) == f"{sw:04X}"
            assert card.sw(UKSSSE_1.replace("0D0401", "0D0402")) == "9000"
            assert card.sw("00D4010018000000EF3300FF10" + "22" * 16) == f"{sw:04X}"
            assert card.authenticate(0x00, "11" * 16) == "9000"

    def test_space(self) -> None:
        """ref 11 §5.2: 24 bytes each and two more; 0152 holds 14."""
        card = cards.ssse_card()
        for version in range(1, 14):
            assert card.sw(UKSSSE_1.replace("0D0401", f"0D04{version:02X}")) == "9000"
        assert card.sw(UKSSSE_1.replace("0D0401", "0D040E")) == "6A84"

    def test_in_an_ended_directory_by_the_master_key(self) -> None:
        card = cards.ssse_card()
        assert card.sw(END) == "9000"
        assert card.sw(UKSSSE_1) == "6982"
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.sw(UKSSSE_1) == "9000"

    def test_enciphered_needs_a_master_key(self) -> None:
        card = cards.blank_card(presented=False)
        cards.initialise(card, until="6a")
        command = "80D40000204EB58EC55433C7F19C8D7A0EA9156DAF33CC665EB1F65EF3A88C358AFC5BEC16"
        assert card.sw(command) == "6A88"

    @pytest.mark.parametrize(
        ("record", "sw"),
        [
            ("020401EF33003310" + "41" * 16, "6A80"),
            ("0D0401EF33013310" + "41" * 16, "6A80"),
            ("0D0401EF33003308" + "41" * 8 + "FF" * 8, "6A80"),
            ("0D0401EF33023310" + "41" * 16, "6A80"),
            ("0D0401EF34003310" + "41" * 16, "6A80"),
            ("070201EF33010008" + "20" * 16, "6A80"),
            ("000000EF3300FF10" + "41" * 16, "6A80"),
            ("010000EF33115501" + "12" + "FF" * 15, "6A80"),
            ("010000EF33115507" + "12" * 7 + "FF" * 9, "6A80"),
            ("010000EF33115503" + "12" * 16, "6A80"),
            ("0D0401EF33003310" + "41" * 15, "6700"),
            ("0D0401EF33003310" + "41" * 17, "6700"),
            ("0D", "6700"),
        ],
    )
    def test_malformed(self, record: str, sw: str) -> None:
        card = cards.ssse_card()
        assert card.sw(f"00D40000{len(record) // 2:02X}{record}") == sw

    def test_parameters(self) -> None:
        card = cards.ssse_card()
        assert card.sw(UKSSSE_1.replace("00D40000", "00D40100")) == "6A80"
        assert card.sw(UKSSSE_1.replace("00D40000", "00D40200")) == "6A86"
        assert card.sw(UKSSSE_1.replace("00D40000", "00D40001")) == "6A86"
        assert card.sw("00D40000") == "6700"
        assert card.sw("80D40000") == "6700"
        assert card.sw("04D40000") == "6700"
        assert card.sw("04D4000004AABBCCDD") == "6700"

    def test_medical_keys_are_stored(self) -> None:
        card = cards.ssse_card()
        for kind in ("08", "09", "0A"):
            assert card.sw(f"00D4000018{kind}0101EF33000010" + "41" * 16) == "9000"


class TestFciRecords:
    RECORD = "700DDF010A6F088406D15600000500"

    def _card(self) -> Card:
        card = cards.ssse_card()
        assert card.sw("80E0010010000000002EEF23C3002300FFEFEF00FF") == "9000"
        return card

    def test_replace(self) -> None:
        card = self._card()
        assert card.sw(f"00D201230F{self.RECORD}") == "9000"
        assert card.sw(DF01_CREATE) == "9000"
        assert card.data(DF01) == self.RECORD[10:]
        card.data(SSSE)
        longer = "7012DF010F6F0D8406D15600000500A5039F0C00"
        assert card.sw(f"00D2012314{longer}") == "9000"
        assert card.data(DF01) == longer[10:]
        assert card.sw("80E0020000") == "9000"
        card.data(SSSE)
        assert card.sw(f"00D203230F{self.RECORD}") == "6A83"
        assert card.sw(f"00D202230F{self.RECORD}") == "9000"
        assert card.sw(f"00D203230F{self.RECORD}") == "6A84", "20 + 15 of 44 bytes are used"
        too_long = "702FDF012C6F2A" + "84" * 42
        assert card.sw(f"00D2022331{too_long}") == "6A84"

    @pytest.mark.parametrize(
        ("record", "sw"),
        [
            ("610DDF010A6F088406D15600000500", "6A80"),
            ("700DDF010B6F088406D15600000500", "6A80"),
            ("700DDF010A6E088406D15600000500", "6A80"),
            ("700EDF010A6F088406D15600000500", "6A85"),
            ("7003DF0100", "6A80"),
            ("70", "6A85"),
        ],
    )
    def test_malformed(self, record: str, sw: str) -> None:
        card = self._card()
        assert card.sw(f"00D20123{len(record) // 2:02X}{record}") == sw

    def test_no_such_file(self) -> None:
        card = cards.ssse_card()
        assert card.sw(f"00D201230F{self.RECORD}") == "6A82"
        assert card.sw(f"00D201800F{self.RECORD}") == "6A82", "the key file"


class TestDelete:
    """ref 11 §5.1: the master key of the directory comes first."""

    def test_a_file(self) -> None:
        card = cards.open_card()
        assert card.sw("80E1000302EF05") == "6982"
        assert card.authenticate(0x00, "11" * 16) == "9000"
        card.data("00A4000002EF05")
        assert card.sw("80E1000302EF05") == "9000"
        assert card.sw("00B2010400") == "6986"
        assert card.sw("00A4000002EF05") == "6A82"
        assert card.sw("80E1000302EF05") == "6A82"
        assert card.sw("80E1000302DF01") == "6A82"
        stored = card.chip.persistent_state()
        assert not [path for path in stored if path.startswith("ssc/3F00/DDF1/EF05")]
        assert card.sw(EF05_CREATE) == "9000"
        assert card.sw("00B2012C00") == "6A83"

    def test_the_key_file(self) -> None:
        card = cards.open_card()
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.sw("80E1000302EF80") == "9000"
        assert card.sw("0082000410" + "00" * 16) == "6A88"
        assert card.sw(UKSSSE_1) == "6A82"

    def test_a_directory_from_inside(self) -> None:
        card = cards.open_card()
        card.data(DF01)
        assert card.sw("80E1000202DF01") == "6982"
        assert card.authenticate(0x00, "22" * 16) == "9000"
        assert card.sw("80E1000102DF01") == "6A82", "not a DDF"
        assert card.sw("80E1000202DF01") == "9000"
        assert card.sw(DF01) == "6A82"
        assert card.sw("00A4020002EF06") == "9000", "the SSSE is current"
        assert card.sw(DF01_CREATE) == "9000"

    def test_not_from_outside(self) -> None:
        card = cards.open_card()
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.sw("80E1000202DF01") == "6982"

    def test_the_mf(self) -> None:
        card = cards.finished_card()
        assert card.authenticate(0x00, "10" * 16) == "9000"
        assert card.sw("80E10001023F00") == "9000"
        assert card.sw(SSSE) == "6A82"
        assert set(card.chip.persistent_state()) == {"chip/atr", "chip/unique"}
        assert card.sw(MF_CREATE) == "6982"
        assert card.sw(TRANSPORT) == "9000"
        assert card.sw(MF_CREATE) == "9000"

    @pytest.mark.parametrize(
        ("command", "sw"),
        [
            ("80E1000002EF05", "6A86"),
            ("80E1000402EF05", "6A86"),
            ("80E1010302EF05", "6A86"),
            ("80E1000301EF", "6700"),
            ("80E1000202DF99", "6A82"),
        ],
    )
    def test_malformed(self, command: str, sw: str) -> None:
        assert cards.open_card().sw(command) == sw


class TestAtr:
    @pytest.mark.parametrize(
        ("command", "sw"),
        [
            ("001400000A3B6D0000008148424286", "6700"),
            ("001400000B3B6C000000814842428653", "6A80"),
            ("001400000B3F6D000000814842428653", "6A80"),
            ("001401000B3B6D000000814842428653", "6A86"),
            ("80E005000700005119000013", "6700"),
            ("80E005000801005119000013DF", "6A80"),
        ],
    )
    def test_malformed(self, command: str, sw: str) -> None:
        card = cards.blank_card()
        assert card.sw(command) == sw

    def test_on_a_blank_and_until_the_end(self) -> None:
        card = cards.blank_card()
        assert card.sw(UNIQUE) == "9000"
        assert card.sw(ATR) == "9000"
        assert card.sw(MF_CREATE) == "9000"
        assert card.sw(ATR) == "9000"
        assert card.sw(END) == "9000"
        assert card.sw(ATR) == "6985"
        assert card.sw(UNIQUE) == "6985"

    def test_the_code_belongs_to_the_factory_serial(self) -> None:
        """Design: factory serial = T8-TD of the factory ATR."""
        card = cards.blank_card()
        assert card.sw("80E00500080000651000000001") == "9000"
        card.reset()
        assert card.chip.atr.hex().upper().endswith("651000000001")
        assert card.sw(TRANSPORT) == "9000"


@pytest.mark.parametrize(
    "settings", [{}, {"fresh_after_reset": False}, {"challenge": "next_command"}]
)
@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_the_worked_card_under_every_variant(settings: dict[str, Any], protocol: str) -> None:
    card = cards.finished_card(cards.with_dialect(settings, {"protocol": protocol}))
    card.data(SSSE)
    assert card.authenticate(0x04, "41" * 16) == "9000"
