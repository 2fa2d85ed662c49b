"""Rights of MCOS: flags of two words, PIN, master keys, MAC and cipher (ref 11 §2, §3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.simulator import mcos_cards as mcos
from tests.simulator.cards import Card
from tests.simulator.mcos_cards import DF01, DF04, MASTER, MF, SSSE, VERIFY, ZERO, add_key

from sscard_ic.apdu.mcos import Access, create_cyclic, create_variable
from sscard_ic.crypto.mac import pad80_if_needed
from sscard_ic.profile import load

UKSSSE, BK = (0x04, "41"), (0x05, "50")
UK1DF01, RK1DF01 = (0x83, "31"), (0x88, "81")


def _adf(card: Card) -> None:
    """An ADF below the SSSE, current, with zeros as master key, which is proved."""
    assert card.sw("80E0000213DF0A080000000000003900020FD15600000599") == "9000"
    assert card.sw("00A4040006D15600000599") == "9000"
    assert card.authenticate_short(0x00, ZERO) == "9000"


def _file(read: str, write: str, read_control: str = "00", write_control: str = "00") -> str:
    """CREATE FILE of EF09, 16 bytes, with STK of the directory for messages."""
    return "80E000030DEF09001000" + read_control + write_control + read + write + "0202"


@pytest.fixture
def card() -> Card:
    """SSSE with its keys, its master key proved."""
    card = mcos.ssse_card()
    assert card.sw("80E0000B080001015000730000") == "9000"
    for record in mcos.SSSE_KEYS.values():
        assert add_key(card, record) == "9000"
    return card


class TestRanges:
    @pytest.mark.parametrize(
        ("right", "opens"),
        [
            ("00", [True, True, True, True]),  # free
            ("07", [True, True, True, True]),  # free: 0Y
            ("22", [False, True, False, True]),
            ("33", [False, False, True, True]),
            ("23", [False, True, True, True]),
            ("1F", [False, True, True, True]),
            ("44", [False, False, False, False]),
            ("32", [False, False, False, False]),  # X above Y: never
            ("F0", [False, False, False, False]),
            ("EF", [False, False, False, False]),  # flags 14 and 15, not "never" as elsewhere
        ],
    )
    def test_of_the_environment(self, card: Card, right: str, opens: list[bool]) -> None:
        """BK sets flag 2, UKSSSE flag 3; the byte of the ADF means nothing here."""
        assert card.sw(_file(right + "F0", "0000")) == "9000"
        for proved, expected in zip(([], [BK], [UKSSSE], [BK, UKSSSE]), opens, strict=True):
            card.reset()
            assert card.sw(SSSE) == "9000"
            for key_id, value in proved:
                assert card.authenticate_short(key_id, value * 16) == "9000"
            assert card.sw("00B0890010") == ("9000" if expected else "6982"), proved

    @pytest.mark.parametrize(
        ("ssb", "opens"), [("24", True), ("44", True), ("55", False), ("42", False), ("00", False)]
    )
    def test_success_sets_a_range(self, card: Card, ssb: str, opens: bool) -> None:
        """SSB 00, and X above Y, set nothing."""
        assert add_key(card, f"007A0100000003{ssb}" + "77" * 16) == "9000"
        assert card.sw(_file("4400", "0000")) == "9000"
        card.reset()
        assert card.sw(SSSE) == "9000"
        assert card.authenticate_short(0x7A, "77" * 16) == "9000"
        assert card.sw("00B0890010") == ("9000" if opens else "6982")

    def test_both_words_must_hold(self, card: Card) -> None:
        _adf(card)
        assert card.sw("80E0000B080001015000730000") == "9000"
        assert add_key(card, "0003010000000311" + "31" * 16, under=ZERO) == "9000"
        assert card.sw(_file("3311", "0000")) == "9000"
        for proofs, sw in (([UKSSSE], "6982"), ([UK1DF01], "6982"), ([UK1DF01, UKSSSE], "9000")):
            card.reset()
            assert card.sw("00A4040006D15600000599") == "9000"
            for key_id, value in proofs:
                assert card.authenticate_short(key_id, value * 16) == "9000"
            assert card.sw("00B0890010") == sw, proofs


class TestControlBytes:
    @pytest.mark.parametrize(
        ("control", "right", "pin", "key", "both", "nothing"),
        [
            ("01", "0000", True, False, True, False),  # PIN
            ("01", "3300", False, False, True, False),  # PIN and UKSSSE
            ("03", "3300", True, True, True, False),  # PIN or UKSSSE
            ("03", "F000", True, False, True, False),  # PIN or never
            ("01", "F000", False, False, False, False),
            ("02", "3300", False, True, True, False),  # PINL alone: no PIN asked
        ],
    )
    def test_the_pin(
        self,
        card: Card,
        control: str,
        right: str,
        pin: bool,
        key: bool,
        both: bool,
        nothing: bool,
    ) -> None:
        assert card.sw(_file(right, "0000", control)) == "9000"
        for with_pin, with_key, opens in (
            (True, False, pin),
            (False, True, key),
            (True, True, both),
            (False, False, nothing),
        ):
            card.reset()
            assert card.sw(SSSE) == "9000"
            if with_pin:
                assert card.sw(VERIFY) == "9000"
            if with_key:
                assert card.authenticate_short(*_long(UKSSSE)) == "9000"
            assert card.sw("00B0890010") == ("9000" if opens else "6982")

    def test_master_keys(self, card: Card) -> None:
        """PMK: the environment's; CMK: the ADF's."""
        _adf(card)
        assert card.sw(_file("0000", "0000", "80", "40")) == "9000"
        card.reset()
        assert card.sw("00A4040006D15600000599") == "9000"
        assert card.sw("00B0890010") == "6982"
        assert card.authenticate_short(0x00, ZERO) == "9000"
        assert card.sw("00B0890010") == "6982"
        assert card.sw("00D6890001AA") == "9000"
        assert card.sw(SSSE) == "9000"
        assert card.authenticate_short(0x00, MASTER) == "9000"
        assert card.sw("00A4040006D15600000599") == "9000"
        assert card.sw("00B0890010") == "9000"
        assert card.sw("00D6890001AA") == "6982"

    @pytest.mark.parametrize(
        ("control", "append", "update"),
        [
            ("00", "9000", "9000"),
            ("08", "6982", "9000"),
            ("04", "9000", "6982"),
            ("0C", "6982", "6982"),
        ],
    )
    def test_append_and_update_are_forbidden_apart(
        self, card: Card, control: str, append: str, update: str
    ) -> None:
        """DISA 08 and DISU 04; mode 011 of a cyclic file is an append, too."""
        access = Access(write_control=int(control, 16))
        for command in (
            create_variable(0xEF0C, 6, True, access, [3]),
            create_cyclic(0xEF0D, 3, 2, access),
        ):
            assert card.sw(bytes(command).hex()) == "9000"
        assert card.sw("00DC0164030A0131") == update
        assert card.sw("00E20060030B0131") == append
        assert card.sw("00E2006803111111") == append
        assert card.sw("00DC006B03222222") == append

    def test_the_access_right_of_a_key(self, card: Card) -> None:
        """It is asked before the key is used, and costs no try (§3.4)."""
        assert add_key(card, "000B010033000344" + "77" * 16) == "9000"
        assert card.authenticate_short(0x0B, "77" * 16) == "6982"
        assert card.authenticate_short(*_long(UKSSSE)) == "9000"
        assert card.authenticate_short(0x0B, "77" * 16) == "9000"


def _long(key: tuple[int, str]) -> tuple[int, str]:
    return key[0], key[1] * 16


class TestMessages:
    STK = "20" * 8

    def _with_mac(self, card: Card, head: str, data: str, le: str = "", *, cipher: bool) -> str:
        """A command by the STK of the SSSE, its data enciphered or not."""
        key = bytes.fromhex(self.STK)
        iv = bytes.fromhex(card.data("0084000008"))
        body = bytes.fromhex(data)
        if cipher and body:
            plain = bytes((len(body),)) + body
            body = mcos.SUITE.encrypt(key, pad80_if_needed(plain))
        covered = bytes.fromhex(head) + bytes((len(body) + 4,)) + body
        return (covered + mcos.SUITE.mac(key, covered, iv)).hex() + le

    @pytest.mark.parametrize("cipher", [False, True])
    def test_an_update(self, card: Card, cipher: bool) -> None:
        """ACw 20: MAC by WT-KID 02, the STK; ACw 30: enciphered besides."""
        assert card.sw(_file("0000", "0000", "00", "30" if cipher else "20")) == "9000"
        assert card.sw("00D6890003AABBCC") == "6987"
        command = self._with_mac(card, "04D68900", "AABBCC", cipher=cipher)
        assert card.sw(command) == "9000"
        assert card.data("00B0890003") == "AABBCC"
        assert card.sw(command) == "6984"
        wrong = self._with_mac(card, "04D68900", "DDDDDD", cipher=cipher)
        assert card.sw(wrong[:-8] + "00000000") == "6988"
        other = self._with_mac(card, "04D68900", "DDDDDD", cipher=not cipher)
        expected = "6A80" if cipher else "9000"
        assert card.sw(other) == expected

    def test_what_is_enciphered_may_be_forbidden_too(self, card: Card) -> None:
        assert card.sw(_file("0000", "0000", "00", "34")) == "9000"
        command = self._with_mac(card, "04D68900", "AABBCC", cipher=True)
        assert card.sw(command) == "6982"

    def test_a_record_by_number(self, card: Card) -> None:
        access = Access(write_control=0x30, write_key=0x02)
        assert card.sw(bytes(create_variable(0xEF0C, 5, True, access, [3])).hex()) == "9000"
        command = self._with_mac(card, "04DC0164", "0A0131", cipher=True)
        assert card.sw(command) == "9000"
        assert card.data("00B2016403") == "0A0131"

    def test_a_read(self, card: Card) -> None:
        """ACr 30: the answer leaves enciphered, and ends with a MAC."""
        assert card.sw(_file("0000", "0000", "30", "00")) == "9000"
        assert card.sw("00D6890003AABBCC") == "9000"
        assert card.sw("00B0890003") == "6987"
        command = self._with_mac(card, "04B08900", "", "07", cipher=True)
        answer = bytes.fromhex(card.data(command))
        data, mac = answer[:-4], answer[-4:]
        key, iv = bytes.fromhex(self.STK), card.randomness.value
        assert mcos.SUITE.decrypt(key, data).hex() == "03aabbcc80000000"
        assert mcos.SUITE.mac(key, data, iv) == mac


class TestRecords:
    @pytest.fixture
    def records(self, card: Card) -> Card:
        """EF0B: records 0A 0B 0A 0C 0A, one byte each."""
        create = "80E0000513EF0B00100001" + "0000000000000000" + "0303030303"
        assert card.sw(create) == "9000"
        for number, tag in enumerate("ABACA", 1):
            assert card.sw(f"00DC{number:02X}5C030{tag}01{number:02X}") == "9000"
        assert card.sw("00A4000002EF0B") == "9000"
        return card

    @pytest.mark.parametrize(
        ("modes", "found"),
        [
            ([(0x0A, 0)], [1]),
            ([(0x0A, 1)], [5]),
            ([(0x0A, 2), (0x0A, 2), (0x0A, 2), (0x0A, 2)], [1, 3, 5, 0]),
            ([(0x0A, 1), (0x0A, 3), (0x0B, 3), (0x0A, 3), (0x0A, 3)], [5, 3, 2, 1, 0]),
            ([(4, 4), (0x0A, 2), (0x0C, 3)], [4, 5, 4]),
            ([(0x0A, 3)], [0]),
            ([(0x0D, 0)], [0]),
        ],
    )
    def test_by_tag(self, records: Card, modes: list[tuple[int, int]], found: list[int]) -> None:
        """000 first, 001 last, 010 next, 011 previous with tag P1; 100 by number (§3.2)."""
        for (p1, mode), number in zip(modes, found, strict=True):
            response = records.send(f"00B2{p1:02X}{mode:02X}03")
            assert str(response.sw) == ("9000" if number else "6A83")
            assert not number or response.data[2] == number

    def test_selecting_again_begins_anew(self, records: Card) -> None:
        assert records.data("00B20A0203") == "0A0101"
        assert records.sw("00A4000002EF0B") == "9000"
        assert records.data("00B20A0203") == "0A0101"

    def test_all_of_them(self, records: Card) -> None:
        """101 from P1 to the end, 110 from the end back to P1."""
        assert records.data("00B2040506") == "0C01040A0105"
        assert records.data("00B2040606") == "0A01050C0104"
        assert records.sw("00B2060600") == "6A83"
        assert records.sw("00B2010700") == "6A86"

    def test_updates_by_tag(self, records: Card) -> None:
        assert records.sw("00DC0A01030A01AA") == "9000"
        assert records.data("00B2050403") == "0A01AA"
        assert records.sw("00DC0A03030A01BB") == "9000"
        assert records.data("00B2030403") == "0A01BB"
        assert records.sw("00DC0A02030B01CC") == "6A80"
        assert records.sw("00DC0D00030D01CC") == "6A83"
        assert records.sw("00DC0A00040A020101") == "6700"

    def test_appending(self, card: Card) -> None:
        """6A84 when full, 6A85 when Lc and TLV disagree; raw records have no form."""
        assert card.sw("80E000050EEF0C0006000100000000000000" + "0000") == "9000"
        assert card.sw("00E200600" + "30A0131") == "9000"
        assert card.sw("00E2006003" + "0A0531") == "6A85"
        assert card.sw("00E2006004" + "0B023132") == "6A84"
        assert card.sw("80E000050EEF0D0006000000000000000000" + "0000") == "9000"
        assert card.sw("00E2006803" + "0A0531") == "9000"
        assert card.data("00B2016C03") == "0A0531"

    def test_the_reader_relies_on_no_mode(self) -> None:
        profile = mcos.with_settings()
        dialect = profile.dialect
        features = dialect.features.model_copy(update={"by_tag": False, "all_records": False})
        dialect = dialect.model_copy(update={"features": features})
        card = mcos.ssse_card(replace(profile, dialect=dialect))
        assert card.sw(bytes(create_variable(0xEF0C, 3, True, Access(), [3])).hex()) == "9000"
        for mode in range(8):
            expected = "9000" if mode == 4 else "6A86"
            assert card.sw(f"00B201{0x60 | mode:02X}03") == expected, mode


KEYS = {
    ("MF", 0x00): "11",
    ("SSSE", 0x00): "11",
    ("SSSE", 0x04): "41",
    ("SSSE", 0x05): "50",
    ("SSSE", 0x0A): "A1",
    ("DF01", 0x00): "11",
    ("DF01", 0x83): "31",
    ("DF01", 0x88): "81",
    ("DF04", 0x00): "11",
    ("DF04", 0x84): "B5",
    ("DF04", 0x86): "B3",
}
PATHS = {"MF": MF, "SSSE": SSSE, "DF01": DF01, "DF04": DF04}
ENVIRONMENTS = {"MF": "MF", "SSSE": "SSSE", "DF01": "SSSE", "DF04": "SSSE"}
LIMITS = {0x00: 15}


class FlagMachine(RuleBasedStateMachine):
    """The worked card, and what ref 11 §2.3 says of its state."""

    @initialize()
    def start(self) -> None:
        self.card = mcos.worked_card()
        self.card.reset()
        self.here = "MF"
        self.proved: set[tuple[str, int]] = set()
        self.pin = False
        self.tries = {pair: LIMITS.get(pair[1], 3) for pair in KEYS}
        self.pin_tries = 6

    @rule(where=st.sampled_from(sorted(PATHS)))
    def move(self, where: str) -> None:
        if where == "DF04" and ENVIRONMENTS[self.here] != "SSSE":
            where = "SSSE"
        assert self.card.sw(PATHS[where]) == "9000"
        if ENVIRONMENTS[where] != ENVIRONMENTS[self.here]:
            self.pin = False
        kept = ENVIRONMENTS[where]
        if ENVIRONMENTS[self.here] != kept:
            kept = ""
        self.proved = {(owner, key_id) for owner, key_id in self.proved if owner == kept}
        self.here = where

    @rule()
    def reset(self) -> None:
        self.card.reset()
        self.here, self.pin = "MF", False
        self.proved.clear()

    @rule(pair=st.sampled_from(sorted(KEYS)), right=st.booleans())
    def authenticate(self, pair: tuple[str, int], right: bool) -> None:
        """The reference names a key of the environment (below 80) or of the ADF."""
        _, key_id = pair
        local = key_id >= 0x80 or key_id == 0x00
        owner = self.here if local else ENVIRONMENTS[self.here]
        addressed = (owner, key_id)
        value = KEYS.get(addressed, "99") if right else "98"
        sw = self.card.authenticate_short(key_id, value * 16)
        if addressed not in KEYS:
            assert sw == "6A88"
        elif self.tries[addressed] == 0:
            assert sw == "6983"
        elif right:
            assert sw == "9000"
            self.proved.add(addressed)
            self.tries[addressed] = LIMITS.get(key_id, 3)
        else:
            self.tries[addressed] -= 1
            assert sw == f"63C{self.tries[addressed]:X}"

    @rule(right=st.booleans())
    def verify(self, right: bool) -> None:
        """A failure changes nothing but the tries."""
        sw = self.card.sw(VERIFY if right else "0020000003999999")
        if self.here == "MF":
            assert sw == "6A88"
        elif self.pin_tries == 0:
            assert sw == "6983"
        elif right:
            assert sw == "9000"
            self.pin, self.pin_tries = True, 6
        else:
            self.pin_tries -= 1
            assert sw == f"63C{self.pin_tries:X}"

    @invariant()
    def what_opens(self) -> None:
        if not hasattr(self, "card"):
            return
        held = self.proved
        doors = {
            "MF": {},
            "SSSE": {
                "00B2012C12": True,
                "00DC022C03020133": ("SSSE", 0x04) in held,
                "00B0870001": ("SSSE", 0x0A) in held,
                "00D6880001FF": ("SSSE", 0x04) in held,
            },
            "DF01": {
                "00B2022C52": self.pin or ("DF01", 0x88) in held,
                "00DC012C042002AAAA": ("DF01", 0x83) in held,
            },
            "DF04": {
                "00B2013403": self.pin and ("DF04", 0x84) in held,
                "00DC013403900131": ("DF04", 0x86) in held,
                "00DC00431C" + "03" * 28: False,
            },
        }[self.here]
        for apdu, opens in doors.items():
            assert self.card.sw(apdu) == ("9000" if opens else "6982"), apdu


TestFlagState = FlagMachine.TestCase
TestFlagState.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_cards_of_mcos_remember_less_than_those_of_t514() -> None:
    """The PIN of the SSSE is not verified any more after the MF was selected."""
    card = mcos.worked_card()
    card.reset()
    for select, opens in ((DF01, True), (SSSE, True), (DF04, True), (MF, False)):
        assert card.sw(SSSE) == "9000"
        assert card.sw(VERIFY) == "9000"
        assert card.sw(select) == "9000"
        assert card.sw(DF01) == "9000"
        assert card.sw("00B2022C52") == ("9000" if opens else "6982"), select


def test_the_profile_names_the_dialect() -> None:
    assert load("dalian", "mcos").dialect.name == "mcos"
    assert load("dalian").dialect.name == "t514"
