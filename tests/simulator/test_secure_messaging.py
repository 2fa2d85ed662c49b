"""Commands with a MAC at the virtual card: refs 02 §4, 01 §11.2."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF04, SSSE, Card
from tests.simulator.messages import RKSSSE, STK, UKSSSE, profile, spoilt, with_mac

from sscard_ic.crypto.secure_messaging import Method, message_key

UPDATE = "00DC020403020144"
"""UPDATE RECORD 2 of SSSE EF05: category."""
READ = "00B2020403"
BEFORE, AFTER = "020133", "020144"
TRIES = "ssc/3F00/DDF1/EF80/070201/tries"
ASKED = {"SSSE.EF05": {"update": "key:UKSSSE+mac:STK"}}


def _card(*proofs: tuple[int, str], **changes: Any) -> Card:
    """The card of ref 11 §8, EF05 of the SSSE selected; it draws 0102030405060708."""
    card = cards.finished_card(profile(**{"files": ASKED, **changes}))
    card.randomness.value = bytes.fromhex("0102030405060708")
    card.data(SSSE)
    for key_id, key in proofs:
        assert card.authenticate(key_id, key) == "9000"
    card.data("00A4000002EF05")
    return card


class TestWhereItIsAskedFor:
    @pytest.mark.parametrize(
        ("method", "mac"),
        [
            ("card_key", "EE108A93"),
            ("process_key", "16F30929"),
            ("process_key_challenge", "90145EB9"),
        ],
    )
    def test_every_variant(self, method: Method, mac: str) -> None:
        """UPDATE RECORD under STK 20…, challenge 0102030405060708: [calc] by openssl."""
        card = _card(UKSSSE, messaging={"secure_messaging": method})
        card.data("0084000008")
        assert card.sw("04DC020407020144" + mac) == "9000"
        assert card.data(READ) == AFTER
        others = {"card_key", "process_key", "process_key_challenge"} - {method}
        for other in sorted(others):
            wrong = with_mac(card, UPDATE, method=other)  # type: ignore[arg-type]
            assert card.sw(wrong) == "6988"

    def test_the_plain_form_is_refused(self) -> None:
        card = _card(UKSSSE)
        assert card.sw(UPDATE) == "6987"
        assert card.data(READ) == BEFORE

    def test_the_refusal_is_a_setting(self) -> None:
        card = _card(UKSSSE, messaging={"mac_missing": 0x6982})
        assert card.sw(UPDATE) == "6982"

    def test_the_condition_comes_first(self) -> None:
        card = _card()
        assert card.sw(UPDATE) == "6982"
        assert card.sw(with_mac(card, UPDATE)) == "6982"
        assert card.data(READ) == BEFORE

    @pytest.mark.parametrize("key", ["31" * 8, "41" * 16])
    def test_another_key(self, key: str) -> None:
        card = _card(UKSSSE)
        assert card.sw(with_mac(card, UPDATE, key)) == "6988"
        assert card.data(READ) == BEFORE

    @pytest.mark.parametrize("at", [0, 2, 3, 5, 7, 8, -1])
    def test_every_byte_counts(self, at: int) -> None:
        card = _card(UKSSSE)
        changed = spoilt(with_mac(card, UPDATE), at)
        before = {k: v for k, v in card.chip.persistent_state().items() if k != TRIES}
        assert card.sw(changed) != "9000"
        after = {k: v for k, v in card.chip.persistent_state().items() if k != TRIES}
        assert after == before

    def test_no_room_for_a_mac(self) -> None:
        card = _card(UKSSSE)
        card.data("0084000008")
        assert card.sw("04DC020403020144") == "6987"
        assert card.sw("04DC0204") == "6987"

    def test_a_data_field_of_nothing_but_the_mac(self) -> None:
        card = _card(UKSSSE)
        assert card.sw(with_mac(card, "00DC0204")) == "6700"

    def test_while_the_card_is_personalized_none_is_asked_for(self) -> None:
        card = cards.blank_card(profile(files=ASKED), presented=False)
        cards.initialise(card, until="20")
        assert card.sw(SSSE) == "9000"
        assert card.sw("00A4000002EF05") == "9000"
        assert card.sw(UPDATE) == "9000"

    def test_the_key_of_another_directory(self) -> None:
        """A file in DF01 whose rule names the STK of the SSSE."""
        card = cards.finished_card(profile(files={"DF01.EF05": {"update": "free+mac:STK"}}))
        card.data(SSSE)
        card.data("00A4000002DF01")
        assert card.sw("00DC012C042002CCCC") == "6987"
        assert card.sw(with_mac(card, "00DC012C042002CCCC")) == "9000"

    def test_a_key_that_is_not_there(self) -> None:
        """The card of ref 11 §8 has no STKDF01."""
        card = cards.finished_card(profile(files={"DF01.EF05": {"update": "free+mac:STKDF01"}}))
        card.data(SSSE)
        card.data("00A4000002DF01")
        assert card.sw(with_mac(card, "00DC012C042002CCCC")) == "6A88"

    def test_a_single_record(self) -> None:
        card = _card(UKSSSE, files={}, items={"SSSE.EF05.02": {"update": "key:UKSSSE+mac:STK"}})
        assert card.sw(UPDATE) == "6987"
        assert card.sw("00DC0304060304322E3031") == "9000", "another record of the file"
        assert card.sw(with_mac(card, UPDATE)) == "9000"
        assert card.sw(with_mac(card, "00DC022803020145")) == "9000", "the same by its tag"


class TestChallenge:
    def test_without_one(self) -> None:
        card = _card(UKSSSE)
        apdu = with_mac(card, UPDATE)
        assert card.sw(apdu) == "9000"
        assert card.sw(apdu) == "6984", "used up"
        card.data("0084000008")
        card.reset()
        card.data(SSSE)
        card.authenticate(*UKSSSE)
        card.data("00A4000002EF05")
        assert card.sw(apdu) == "6984"

    def test_a_wrong_mac_uses_it_up(self) -> None:
        card = _card(UKSSSE)
        apdu = with_mac(card, UPDATE)
        assert card.sw(spoilt(apdu)) == "6988"
        assert card.sw(apdu) == "6984"

    def test_what_is_refused_before_the_mac_does_not(self) -> None:
        card = _card(UKSSSE)
        apdu = with_mac(card, UPDATE)
        assert card.sw("04DC0206" + apdu[8:]) == "6A86", "no such mode"
        assert card.sw(apdu) == "9000"

    def test_only_the_latest_counts(self) -> None:
        card = _card(UKSSSE)
        apdu = with_mac(card, UPDATE)
        card.randomness.value = bytes.fromhex("1112131415161718")
        card.data("0084000008")
        assert card.sw(apdu) == "6988"

    def test_four_bytes_are_filled_with_zeros(self) -> None:
        card = _card(UKSSSE)
        apdu = with_mac(card, UPDATE, challenge="0084000004")
        assert card.sw(apdu) == "9000"

    def test_sixteen_bytes_are_too_long_for_3des(self) -> None:
        card = _card(UKSSSE)
        apdu = with_mac(card, UPDATE)
        card.data("0084000010")
        assert card.sw(apdu) == "6984"


class TestTries:
    def test_a_wrong_mac_costs_one(self) -> None:
        card = _card(UKSSSE)
        assert card.sw(spoilt(with_mac(card, UPDATE))) == "6988"
        assert card.chip.persistent_state()[TRIES] == 2
        assert card.sw(with_mac(card, UPDATE)) == "9000"
        assert card.chip.persistent_state()[TRIES] == 3

    def test_then_the_key_is_locked(self) -> None:
        card = _card(UKSSSE)
        for _ in range(3):
            assert card.sw(spoilt(with_mac(card, UPDATE))) == "6988"
        assert card.sw(with_mac(card, UPDATE)) == "6983"
        assert card.data(READ) == BEFORE

    def test_unless_they_do_not_count(self) -> None:
        card = _card(UKSSSE, messaging={"mac_failure_counts": False})
        for _ in range(4):
            assert card.sw(spoilt(with_mac(card, UPDATE))) == "6988"
        assert card.sw(with_mac(card, UPDATE)) == "9000"
        assert TRIES not in card.chip.persistent_state()


class TestWhereItIsNotAskedFor:
    def test_it_is_checked_all_the_same(self) -> None:
        card = _card(UKSSSE, files={})
        assert card.sw(with_mac(card, UPDATE)) == "9000"
        assert card.sw(spoilt(with_mac(card, UPDATE))) == "6988"
        assert card.sw(UPDATE) == "9000"

    def test_or_refused(self) -> None:
        card = _card(UKSSSE, files={}, messaging={"unasked_mac": "refused"})
        assert card.sw(with_mac(card, UPDATE)) == "6882"
        assert card.data(READ) == BEFORE

    def test_refused_is_only_what_is_not_asked_for(self) -> None:
        card = _card(UKSSSE, messaging={"unasked_mac": "refused"})
        assert card.sw(with_mac(card, UPDATE)) == "9000"

    def test_a_directory_without_maintenance_key(self) -> None:
        card = _card(files={})
        card.data(DF04)
        card.sw("0020000003123456")
        assert card.sw(with_mac(card, "00B2014400")) == "6A88"

    @pytest.mark.parametrize(
        "apdu",
        ["04A4000002EF05", "0420000003123456", "0484000008", "845E010007123456FF654321"],
    )
    def test_commands_that_take_none(self, apdu: str) -> None:
        card = _card(UKSSSE)
        assert card.sw(apdu) == "6882"


class TestReading:
    MADE: ClassVar[dict[str, Any]] = {
        "files": {
            "SSSE.EF05": {"read": "free+mac:STK"},
            "SSSE.EF07": {"read": "key:RKSSSE+mac:STK"},
        }
    }

    def _mac(self, data: str) -> str:
        key = message_key("3des", bytes.fromhex(STK), bytes.fromhex("0102030405060708"), "card_key")
        return key.mac(bytes.fromhex(data)).hex().upper()

    def test_a_record(self) -> None:
        card = _card(**self.MADE)
        assert card.sw(READ) == "6987"
        assert card.data(with_mac(card, "00B20204")) == BEFORE + self._mac(BEFORE)
        assert card.data(with_mac(card, "00B2020400")) == BEFORE + self._mac(BEFORE)
        assert card.data(with_mac(card, "00B2022C")) == BEFORE + self._mac(BEFORE)
        assert card.sw(with_mac(card, "00B20904")) == "6A83"

    def test_all_records(self) -> None:
        card = _card(**self.MADE)
        assert card.sw("00B2010500") == "6987"
        answer = card.data(with_mac(card, "00B20105"))
        assert answer.endswith(self._mac(answer[:-8]))
        assert BEFORE in answer

    def test_all_records_over_one_that_asks_for_a_mac(self) -> None:
        """The rule of a single record counts in the list of all, too."""
        made = {"files": {}, "items": {"SSSE.EF05.02": {"read": "free+mac:STK"}}}
        card = _card(**made)
        assert card.sw("00B2010500") == "6982"
        assert BEFORE in card.data(with_mac(card, "00B20105"))
        response = card.send(spoilt(with_mac(card, "00B20105")))
        assert (response.sw, response.data) == (0x6988, b"")
        card = _card(**made, settings={"mixed_all": "truncate"})
        assert BEFORE not in card.data("00B2010512")

    def test_a_mac_by_the_key_of_one_record_does_not_open_another(self) -> None:
        """Two records of DF01 EF05, each with a MAC key of its own: no MAC reads both."""
        rules = {
            "DF01.EF05.20": {"read": "free+mac:STK"},
            "DF01.EF05.21": {"read": "free+mac:STKDF01"},
        }
        card = cards.blank_card(profile(items=rules), presented=False)
        cards.initialise(card, until="16")
        second = "42" * 8
        assert card.sw(f"00D4000018078201EF33010008{second}FFFFFFFFFFFFFFFF") == "9000"
        cards.initialise(card, since="16", until="20")
        for apdu in (
            SSSE,
            "00A4000002DF01",
            "00A4000002EF05",
            "00DC0104042002AAAA",
            "00DC0204042102BBBB",
        ):
            assert card.sw(apdu) == "9000", apdu
        cards.initialise(card, since="20")
        card.reset()
        for apdu in (SSSE, "00A4000002DF01", "00A4000002EF05"):
            assert card.sw(apdu) == "9000", apdu
        for number, own, other in ((1, STK, second), (2, second, STK)):
            apdu = f"00B2{number:02X}04"
            assert card.sw(with_mac(card, apdu, own)) == "9000"
            assert card.sw(with_mac(card, apdu, other)) == "6988"
        for key in (STK, second):
            assert card.sw(with_mac(card, "00B20105", key)) == "6988"

    def test_bytes(self) -> None:
        card = _card(RKSSSE, **self.MADE)
        card.data("00A4000002EF07")
        assert card.sw("00B0000010") == "6987"
        zeros = "00" * 16
        assert card.data(with_mac(card, "00B0000014")) == zeros + self._mac(zeros)
        whole = "00" * 252
        assert card.data(with_mac(card, "00B0000000")) == whole + self._mac(whole)
        assert card.data(with_mac(card, "00B00000")) == whole + self._mac(whole)
        assert card.sw(with_mac(card, "00B0000004")) == "6700", "no room but for the MAC"

    def test_an_answer_without_mac(self) -> None:
        card = _card(RKSSSE, **self.MADE, messaging={"answer_mac": "none"})
        assert card.data(with_mac(card, "00B20204")) == BEFORE
        card.data("00A4000002EF07")
        assert card.data(with_mac(card, "00B0000010")) == "00" * 16
        assert len(card.data(with_mac(card, "00B0000000"))) == 512

    def test_over_t1(self) -> None:
        card = _card(**self.MADE, features={"protocol": "T=1"})
        expected = BEFORE + self._mac(BEFORE) + "9000"
        assert card.raw(with_mac(card, "00B2020400")) == expected
        assert card.raw(with_mac(card, "00B20204")) == expected

    def test_a_record_that_leaves_no_room(self) -> None:
        """Records of 252 and 253 bytes; with its MAC the second is longer than an answer."""
        card = cards.ssse_card(profile(**self.MADE))
        assert card.sw("00D4000018070201EF330100082020202020202020FFFFFFFFFFFFFFFF") == "9000"
        assert card.sw("80E00100100000000204EF05C6000500FF00000000") == "9000"
        for number, length in ((1, 252), (2, 253)):
            record = f"{number:02X}{length - 2:02X}" + "00" * (length - 2)
            assert card.sw(f"00DC{number:02X}2C{length:02X}{record}") == "9000"
        assert card.sw(with_mac(card, "00B2012C")) == "9000"
        assert card.sw(with_mac(card, "00B2022C")) == "6700"

    def test_a_wrong_mac_reads_nothing(self) -> None:
        card = _card(**self.MADE)
        response = card.send(spoilt(with_mac(card, "00B20204")))
        assert (response.sw, response.data) == (0x6988, b"")


class TestOtherCommands:
    def test_update_binary(self) -> None:
        card = _card(UKSSSE, RKSSSE, files={"SSSE.EF07": {"update": "key:UKSSSE+mac:STK"}})
        assert card.sw("00D6870002AABB") == "6987"
        assert card.sw(with_mac(card, "00D6870002AABB")) == "9000"
        assert card.data("00B0870002") == "AABB"
        assert card.sw(with_mac(card, "00D68700")) == "6700"

    def test_adding_a_record_may_ask_for_more_than_changing_one(self) -> None:
        card = cards.finished_card(profile(files={"DF01.EF05": {"append": "pin+mac:STK"}}))
        card.data(SSSE)
        card.data("00A4000002DF01")
        assert card.authenticate(0x83, "31" * 16) == "9000"
        assert card.sw("00E20028042202DDDD") == "6982"
        assert card.sw(cards.VERIFY) == "9000"
        assert card.sw("00E20028042202DDDD") == "6987"
        assert card.sw("00DC012C042002CCCC") == "9000"
        assert card.sw(with_mac(card, "00E20028042202DDDD")) == "9000"
        assert card.data("00B2032C04") == "2202DDDD"

    def test_external_authentication_uses_the_challenge_of_the_mac(self) -> None:
        """Where the use of a key asks for a MAC, both proofs rest on one challenge."""
        card = _card(files={}, keys={"RKSSSE": {"usable": "free+mac:STK"}})
        assert card.authenticate(*RKSSSE) == "6987"
        challenge = bytes.fromhex("0102030405060708")
        proof = message_key("3des", bytes.fromhex(RKSSSE[1]), challenge, "process_key").suite
        cryptogram = proof.authentication_cryptogram(bytes.fromhex(RKSSSE[1]), challenge, challenge)
        plain = f"0082000A10{cryptogram.hex()}{challenge.hex()}"
        assert card.sw(with_mac(card, plain)) == "9000"
        assert card.sw("00B0870008") == "9000"

    @pytest.mark.parametrize(
        "apdu",
        [
            "00B2022C",
            "00DC022C03020144",
            "00E2002803020144",
            "00B0870008",
            "00D6870002AABB",
            "0082000410" + "00" * 16,
            "0082000010" + "00" * 16,
            "0088000010" + "00" * 16,
            "80240000",
            "8024000108" + "00" * 8,
            "801E0000",
            "80160000",
        ],
    )
    def test_a_wrong_mac_does_nothing(self, apdu: str) -> None:
        card = _card(UKSSSE, RKSSSE, (0x05, "50" * 16), (0x06, "60" * 16), files={})
        card.data(SSSE)
        before = card.chip.persistent_state()
        response = card.send(spoilt(with_mac(card, apdu), at=-1 if apdu[:4] != "00B0" else -2))
        assert (response.sw, response.data) == (0x6988, b"")
        after = card.chip.persistent_state()
        assert {k: v for k, v in after.items() if k != TRIES} == before


class TestSm4:
    KEY = "404142434445464748494A4B4C4D4E4F"

    def _card(self, method: Method = "card_key") -> Card:
        """An SSSE with an STK of SM4 and a file that anyone may write with a MAC."""
        made = profile(
            files={"SSSE.EF05": {"update": "free+mac:STK"}},
            messaging={"secure_messaging": method},
        )
        card = cards.blank_card(made, presented=False)
        cards.initialise(card, until="6b")
        assert card.sw("00D400001807020100330300" + "10" + self.KEY) == "9000"
        assert card.sw("80E00100100000000042EF05C6000500FF00000033") == "9000"
        assert card.sw("00DC012C0B" + "0709413030303030303030") == "9000"
        assert card.sw("00A40000023F00") == "9000"
        assert card.sw("80E0020000") == "9000"
        card.data(SSSE)
        assert card.sw("80E0020000") in ("9000", "6985")
        card.reset()
        card.data(SSSE)
        card.data("00A4000002EF05")
        return card

    @pytest.mark.parametrize("method", ["card_key", "process_key", "process_key_challenge"])
    @pytest.mark.parametrize("length", ["04", "08", "10"])
    def test_every_variant_and_challenge(self, method: Method, length: str) -> None:
        card = self._card(method)
        apdu = with_mac(
            card,
            "00DC01040B0709413030303030303031",
            self.KEY,
            method=method,
            algorithm="sm4",
            challenge=f"00840000{length}",
        )
        assert card.sw(spoilt(apdu)) == "6988"
        apdu = with_mac(
            card,
            "00DC01040B0709413030303030303031",
            self.KEY,
            method=method,
            algorithm="sm4",
            challenge=f"00840000{length}",
        )
        assert card.sw(apdu) == "9000"
        assert card.data("00B201040B") == "0709413030303030303031"
