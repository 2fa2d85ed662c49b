"""Challenge, EXTERNAL and INTERNAL AUTHENTICATE, VERIFY, CHANGE PIN, and their counters."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF01, MF, SSSE, VERIFY, Card

from sscard_ic.crypto import des

UPDATE = "00DC022C03020133"
PROTECTED = "00B0870008"
WRONG = "0082000410" + "00" * 16


def _card(settings: dict[str, Any] | None = None) -> Card:
    card = cards.finished_card(cards.with_dialect(settings=settings))
    card.data(SSSE)
    return card


def _tries(card: Card) -> dict[str, object]:
    state = card.chip.persistent_state()
    return {path: tries for path, tries in state.items() if path.endswith("/tries")}


class TestVectors:
    def test_external_authentication(self) -> None:
        """ref 02 §3.3, vector A [calc]."""
        card = cards.ssse_card()
        key = "BE1FE49F51FAD5BA7704395CD5E9FB48"
        assert card.sw(f"00D40000180D0401EF33003310{key}") == "9000"
        card.randomness.value = bytes.fromhex("0102030405060708")
        card.data("0084000008")
        assert card.sw("00820004101E008343409B5CEB1122334455667788") == "9000"

    def test_internal_authentication(self) -> None:
        """ref 02 §3.5 [calc]: an all-zero IRK."""
        card = cards.ssse_card()
        assert card.sw("00D40000180E0001EF33000010" + "00" * 16) == "9000"
        halves = "0102030405060708" * 2
        assert card.data(f"0088000010{halves}") == "11D013863267A674"
        assert card.data(f"0088000011{halves}01") == "11D013863267A674"
        assert card.sw(f"0088000011{halves}02") == "6A88"

    def test_pboc_form(self) -> None:
        """ref 11 §3.7 [calc]: C = 3DES(K, R) with a zero master key."""
        card = cards.blank_card(presented=False)
        cards.initialise(card, until="3, MK of the MF")
        assert card.sw("00D4010018000000EF3300FF10" + "00" * 16) == "9000"
        card.randomness.value = bytes.fromhex("08CDF316E9DA2F96")
        card.data("0084000008")
        assert card.sw("0082000008F26EE85B78806943") == "9000"
        card.data("0084000008")
        assert card.sw("0082000009F26EE85B7880694300") == "9000"
        card.data("0084000008")
        assert card.sw("0082000009F26EE85B7880694301") == "6A88"


class TestSm4:
    """Keys whose record says algorithm 03 (ref 02 §3.4, 11 §5.3)."""

    def _card(self, key: str, settings: dict[str, Any] | None = None) -> Card:
        card = cards.ssse_card(cards.with_dialect(settings=settings))
        assert card.sw(f"00D40000180D0401EF33033310{key}") == "9000"
        return card

    def test_external_authentication(self) -> None:
        """ref 02 §3.4 [calc]: an 8-byte challenge, T = R, Lc 11 (PSAM) and Lc 10 (HSM)."""
        card = self._card("8CF3F7A68B82A4C90122C083F86A4F1E")
        card.randomness.value = bytes.fromhex("0102030405060708")
        for lc, version in (("11", "01"), ("10", "")):
            card.data("0084000008")
            proof = f"9807C3D1D3159B7D0102030405060708{version}"
            assert card.sw(f"00820004{lc}{proof}") == "9000"

    def test_external_authentication_with_a_text_of_its_own(self) -> None:
        """ref 02 §3.4 [calc], two levels, T = 1122334455667788."""
        card = self._card("AB284B54845C6B0BEE7939451E7E11C3")
        card.randomness.value = bytes.fromhex("0102030405060708")
        card.data("0084000008")
        assert card.sw("008200041073BA715CA07E8E441122334455667788") == "9000"

    def test_a_leading_zero_may_not_be_lost(self) -> None:
        """ref 02 §3.4, the trap seen in the field: a cryptogram of 7 bytes has another length."""
        card = self._card("41" * 16)
        card.data("0084000008")
        assert card.sw("008200040FC46385C7C728790123456789ABCDEF") == "6700"

    def test_eight_bytes_without_text(self) -> None:
        """ref 02 §3.6 with an SM4 key, vector of crypto_sm4.toml."""
        card = self._card("41" * 16)
        for lc, version in (("08", ""), ("09", "01")):
            card.data("0084000008")
            assert card.sw(f"00820004{lc}D9069D993E6A6FF1{version}") == "9000"

    def test_versions_and_counter(self) -> None:
        card = self._card("41" * 16)
        card.data("0084000008")
        assert card.sw("0082000411A2C46385C7C728790123456789ABCDEF02") == "6A88"
        assert card.sw("0082000411A2C46385C7C728790123456789ABCDEF01") == "9000"
        for left in (2, 1, 0):
            assert card.authenticate(0x04, "41" * 16) == f"63C{left}", "3DES with the same bits"
        assert card.authenticate(0x04, "41" * 16) == "6983"

    def test_internal_authentication(self) -> None:
        """ref 02 §3.5, SM4 analogue with a zero IRK, vector of crypto_sm4.toml."""
        card = cards.ssse_card()
        assert card.sw("00D40000180E0001EF33030010" + "00" * 16) == "9000"
        halves = "0102030405060708" * 2
        assert card.data(f"0088000010{halves}") == "EFA6F08BC23152B7"
        assert card.data(f"0088000011{halves}01") == "EFA6F08BC23152B7"

    def test_groups_of_both_algorithms(self) -> None:
        """Each group is a record with an algorithm of its own."""
        card = self._card("41" * 16)
        assert card.sw("00D40000180D0402EF33003310" + "42" * 16) == "9000"
        card.data("0084000008")
        assert card.sw("0082000411A2C46385C7C728790123456789ABCDEF01") == "9000"
        assert card.authenticate(0x04, "42" * 16, version=2) == "9000"

    def test_another_algorithm_byte(self) -> None:
        card = cards.ssse_card(cards.with_dialect(settings={"key_record_sm4": 0x05}))
        assert card.sw("00D40000180D0401EF33033310" + "41" * 16) == "6A80"
        assert card.sw("00D40000180D0401EF33053310" + "41" * 16) == "9000"
        card.data("0084000008")
        assert card.sw("0082000410A2C46385C7C728790123456789ABCDEF") == "9000"

    def test_sm4_keys_have_sixteen_bytes(self) -> None:
        card = cards.ssse_card()
        record = "0D0401EF33033308" + "41" * 8 + "FF" * 8
        assert card.sw(f"00D4000018{record}") == "6A80"


class TestChallenge:
    @pytest.mark.parametrize("length", [4, 8, 16])
    def test_lengths(self, length: int) -> None:
        card = _card()
        assert card.data(f"00840000{length:02X}") == ("0123456789ABCDEF" * 2)[: 2 * length]

    def test_good_for_one_proof(self) -> None:
        card = _card()
        assert card.sw(WRONG) == "6984"
        card.data("0084000008")
        assert card.sw(WRONG) == "63C2"
        assert card.sw(WRONG) == "6984"
        assert card.authenticate(0x04, "41" * 16) == "9000"
        assert card.sw(WRONG) == "6984"

    def test_only_the_latest_counts(self) -> None:
        card = _card()
        card.data("0084000008")
        card.randomness.value = bytes(8)
        card.data("0084000008")
        assert card.sw("0082000410D5A92555CC1C1BDE0123456789ABCDEF") == "63C2"

    def test_lives_until_used(self) -> None:
        card = _card()
        card.data("0084000008")
        card.data("00B2012C12")
        card.data(SSSE)
        assert card.sw("0082000410D5A92555CC1C1BDE0123456789ABCDEF") == "9000"

    def test_or_for_the_next_command(self) -> None:
        """ref 11 §10: "valid for the next command only (HDOS says so)"."""
        card = _card({"challenge": "next_command"})
        card.data("0084000008")
        assert card.sw("0082000410D5A92555CC1C1BDE0123456789ABCDEF") == "9000"
        card.data("0084000008")
        card.data("00B2012C12")
        assert card.sw("0082000410D5A92555CC1C1BDE0123456789ABCDEF") == "6984"

    def test_four_bytes_are_filled_with_zeros(self) -> None:
        """ref 02 §3.6."""
        card = _card()
        card.data("0084000004")
        cryptogram = des.encrypt(b"\x41" * 16, bytes.fromhex("0123456700000000"))
        assert card.sw(f"0082000408{cryptogram.hex()}") == "9000"

    def test_sixteen_bytes_are_no_challenge_of_an_authentication(self) -> None:
        card = _card()
        card.data("0084000010")
        assert card.sw(WRONG) == "6984"


class TestExternalAuthentication:
    def test_forms(self) -> None:
        card = _card()
        assert card.authenticate(0x0A, "A1" * 16) == "9000"
        assert card.authenticate_short(0x0A, "A1" * 16) == "9000"

    def test_versions(self) -> None:
        """Design: without a version byte the lowest one present."""
        card = _card()
        for version, key in ((1, "41"), (2, "42"), (3, "43")):
            assert card.authenticate(0x04, key * 16, version=version) == "9000"
        assert card.authenticate(0x04, "42" * 16) == "63C2"
        assert card.authenticate(0x04, "41" * 16, version=2) == "63C2"
        assert card.authenticate(0x04, "41" * 16, version=4) == "6A88"
        assert card.authenticate(0x04, "41" * 16) == "9000"

    def test_identifiers(self) -> None:
        """Design: 00 the current directory's master key, below 80 the SSSE's, 80 and above own."""
        card = _card()
        assert card.authenticate(0x00, "11" * 16) == "9000"
        assert card.authenticate(0x83, "31" * 16) == "6A88"
        card.data(DF01)
        assert card.authenticate(0x00, "22" * 16) == "9000"
        assert card.authenticate(0x83, "31" * 16) == "9000"
        assert card.authenticate(0x04, "41" * 16) == "9000"
        assert card.authenticate(0x03, "31" * 16) == "6A88"
        card.data(MF)
        assert card.authenticate(0x00, "10" * 16) == "9000"
        assert card.authenticate(0x04, "41" * 16) == "6A88"

    def test_counter(self) -> None:
        card = _card()
        for left in (2, 1, 0):
            assert card.authenticate(0x0A, "00" * 16) == f"63C{left}"
        assert card.authenticate(0x0A, "A1" * 16) == "6983"
        card.reset()
        card.data(SSSE)
        assert card.authenticate(0x0A, "A1" * 16) == "6983"
        assert card.authenticate(0x0A, "A2" * 16, version=2) == "9000", "another record"
        assert card.data(PROTECTED) == "00" * 8

    def test_success_gives_all_tries_back(self) -> None:
        card = _card()
        assert card.authenticate(0x0A, "00" * 16) == "63C2"
        assert card.authenticate(0x0A, "A1" * 16) == "9000"
        assert card.authenticate(0x0A, "00" * 16) == "63C2"

    def test_a_failure_keeps_what_was_proved(self) -> None:
        card = _card()
        assert card.authenticate(0x0A, "A1" * 16) == "9000"
        assert card.authenticate(0x0A, "00" * 16) == "63C2"
        assert card.data(PROTECTED) == "00" * 8

    def test_keys_are_compared_without_parity(self) -> None:
        card = _card()
        assert card.authenticate(0x0A, "A0" * 16) == "9000"

    def test_second_half(self) -> None:
        settings = {"ea_second_half": "challenge", "ea_second_half_refusal": 0x6988}
        card = _card(settings)
        assert card.authenticate(0x04, "41" * 16) == "6988", "T = 1122334455667788"
        assert _tries(card) == {}
        card.data("0084000008")
        assert card.sw("0082000410D5A92555CC1C1BDE0123456789ABCDEF") == "9000"

    def test_eight_byte_keys(self) -> None:
        card = cards.ssse_card()
        record = "0D0801EF33013308" + "5A" * 8 + "FF" * 8
        assert card.sw(f"00D4000018{record}") == "9000"
        assert card.authenticate(0x08, "5A" * 8) == "9000"
        assert card.authenticate(0x08, "5A" * 16) == "9000", "3DES with equal halves is DES"
        assert card.authenticate(0x08, "5B" * 7 + "00") == "63C2"

    def test_other_key_types_are_no_authentication_keys(self) -> None:
        card = _card()
        assert card.authenticate(0x02, "20" * 8) == "6A88", "STK"
        assert card.sw("0088000410" + "00" * 16) == "6A88", "UKSSSE"


class TestPin:
    def test_verify(self) -> None:
        card = _card()
        assert card.sw("0020000003123457") == "63C2"
        assert card.sw("00200000021234") == "63C1"
        assert card.sw(VERIFY) == "9000"
        for left in (2, 1, 0):
            assert card.sw("002000000412345600") == f"63C{left}"
        assert card.sw(VERIFY) == "6983"
        assert card.sw("805E010007123456FF654321") == "6983"
        card.reset()
        card.data(SSSE)
        assert card.sw(VERIFY) == "6983"

    def test_from_a_child(self) -> None:
        card = _card()
        card.data(DF01)
        assert card.sw(VERIFY) == "9000"
        assert card.sw("0020008003123456") == "6A88"
        card.data(MF)
        assert card.sw(VERIFY) == "6A88"

    @pytest.mark.parametrize("new", ["654321", "1234", "12345F", "123456789012"])
    def test_change(self, new: str) -> None:
        card = _card()
        data = "123456FF" + new
        assert card.sw(f"805E0100{len(data) // 2:02X}{data}") == "9000"
        card.data(DF01)
        assert card.sw("00B2012C04") == "6982", "changing is not verifying"
        card.reset()
        card.data(SSSE)
        verify = f"00200000{len(new) // 2:02X}{new}"
        assert card.sw(VERIFY) == ("9000" if new == "123456" else "63C2")
        assert card.sw(verify) == "9000"
        data = new + "FF123456"
        assert card.sw(f"805E0100{len(data) // 2:02X}{data}") == "9000"
        assert card.sw(VERIFY) == "9000"

    def test_change_with_a_wrong_old_one(self) -> None:
        card = _card()
        assert card.sw(VERIFY) == "9000"
        assert card.sw("805E010007123457FF654321") == "63C2"
        card.data(DF01)
        assert card.sw("00B2012C04") == "6982"
        assert card.sw(VERIFY) == "9000"

    def test_change_may_count_as_verify(self) -> None:
        card = _card({"change_pin_verifies": True})
        assert card.sw("805E010007123456FF654321") == "9000"
        card.data(DF01)
        assert card.sw("00B2012C04") == "9000"

    def test_no_pin_on_the_card(self) -> None:
        card = cards.ssse_card()
        assert card.sw(VERIFY) == "6A88"
        assert card.sw("805E010007123456FF654321") == "6A88"


def test_nothing_wrong_nothing_written() -> None:
    card = _card()
    before = card.chip.persistent_state()
    assert card.sw(VERIFY) == "9000"
    assert card.authenticate(0x04, "41" * 16) == "9000"
    assert card.sw(UPDATE) == "9000"
    assert card.chip.persistent_state() == before
    assert card.authenticate(0x04, "00" * 16) == "63C2"
    assert _tries(card) == {"ssc/3F00/DDF1/EF80/0D0401/tries": 2}
