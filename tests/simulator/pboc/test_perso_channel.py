"""The card's end of SCP01 and SCP02: recorded sessions byte for byte, levels, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.pboc.perso_cards import (
    AID,
    DIRECTORIES,
    HOST,
    ISD,
    PSE,
    VECTORS,
    BankCard,
    bank_model,
    blank_card,
    payment_groups,
    perso_card,
)
from tests.support.debit_card import card_key

from sscard_ic.simulator.pboc.registry import Registry

STATUS = "80F28000024F0000"
RECORDED = VECTORS["personalization"]
UNTOUCHED = ("8000", "9000", "8010", "9010")


@pytest.mark.parametrize("vector", VECTORS["channel"], ids=lambda vector: vector["source"])
def test_recorded_channels(vector: dict[str, Any]) -> None:
    chip = {
        "derivation": vector["derivation"],
        "key_identifier": vector["key_data"][:12],
        "key_version": vector["key_version"],
        "first_sequence": int(vector["challenge"][:4], 16),
    }
    serial = bytes.fromhex("0000" + vector["key_data"][12:])
    card = blank_card(bank_model(chip), serial=serial, random=vector["challenge"][4:])
    assert card.select(ISD) == "9000"
    answer = card.data(f"8050000008{vector['host']}00")
    protocol = f"{vector['key_version']}02"
    assert answer == vector["key_data"] + protocol + vector["challenge"] + vector["cryptogram"]
    assert card.raw(vector["authentication"]) == "9000"
    assert card.sw(STATUS) == ("9000" if vector["level"] == "00" else "6982")


def session_card(initial_vector: str = "plain") -> BankCard:
    """An application that lacks only what the session of ref 04 §7.7 brings; counter 0001."""
    model = bank_model({"key_identifier": "000000010203", "initial_vector": initial_vector})
    card = perso_card(model, serial=bytes.fromhex("FFFF04050607"))
    for number, value in payment_groups().items():
        if number not in UNTOUCHED:
            assert card.group(number, value) == "9000"
    Registry(card.chip._memory, model).sequence = 1
    assert card.select(AID) == "9000"
    answer = card.data(f"8050000008{HOST}00")
    assert answer == "00000001020304050607" + "0102" + "0001A1A2A3A4A5A6" + "996B8F24B44C9B75"
    return card


@pytest.mark.parametrize("rule", ["plain", "enciphered"])
def test_the_recorded_session_of_level_01(rule: str) -> None:
    """Ref 04 §7.7 and 15 §6.5: keys, check values, PIN 000000, tries with the last command."""
    card = session_card(rule)
    assert card.raw("84820100103394B813219D3C1CC5D1E6DFCE558105") == "9000"
    assert [card.raw(command) for command in RECORDED[rule]] == ["9000"] * 4
    states = card.states
    for use in ("cryptogram", "mac", "encipherment"):
        kept = states[f"bank/{AID}/keys/3des/{use}"]
        assert kept == card_key("3des", use).hex().upper()
    assert bytes.fromhex(str(states[f"bank/{AID}/pin"])) == b"000000"
    assert (states[f"bank/{AID}/pin/tries"], states[f"bank/{AID}/pin/limit"]) == (3, 3)
    assert states[f"bank/{AID}/issued"] == 1
    assert not [path for path in states if "/pending/" in path]
    assert card.raw(RECORDED[rule][3]) == "6985", "issued"


def test_the_recorded_session_of_level_00() -> None:
    card = session_card()
    assert card.raw("84820000103394B813219D3C1CC93DEA12FCB6EF39") == "9000"
    assert [card.raw(command) for command in RECORDED["level_00"]] == ["9000"] * 2
    assert card.states[f"bank/{AID}/keys/3des/mac"] == card_key("3des", "mac").hex().upper()


def test_the_recorded_field_of_level_03() -> None:
    card = session_card()
    assert card.sw(card.authentication(3, card.initialize())) == "9000"
    plain = "9010020303"
    assert card.enciphered(bytes.fromhex(plain)).hex().upper() == RECORDED["level_03"]
    assert card.store(plain) == "9000"
    assert card.states[f"bank/{AID}/pin/tries"] == 3


@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("protocol", ["01", "02"])
@pytest.mark.parametrize("derivation", ["emv_cps", "visa2", "none"])
@pytest.mark.parametrize("rules", [("plain", "plain"), ("enciphered", "enciphered")])
def test_every_channel_personalizes_a_directory(
    level: int, protocol: str, derivation: str, rules: tuple[str, str]
) -> None:
    chip = {"protocol": protocol, "derivation": derivation}
    model = bank_model({**chip, "initial_vector": rules[0], "mac_covers": rules[1]})
    card = blank_card(model)
    card.install_all(level)
    card.personalize(PSE, level)
    assert card.fci(PSE).endswith(DIRECTORIES[PSE]["9102"])
    assert card.data("00B2010C00") == DIRECTORIES[PSE]["0101"]


class TestRefusals:
    """What opens no channel, and what closes one."""

    @pytest.mark.parametrize("place", [ISD, AID])
    def test_of_the_two_commands(self, place: str) -> None:
        card = blank_card()
        card.install_all()
        assert card.select(place) == "9000"
        authentication = card.authentication(1, card.initialize())
        assert card.sw(f"8050000007{HOST[2:]}00") == "6700"
        assert card.sw(authentication) == "6985", "a refused one has taken the session"
        assert card.sw(f"8050020008{HOST}00") == "6A88", "another key version"
        assert card.sw(f"8050010508{HOST}00") == "9000", "its own, whatever the identifier"
        for changed, sw in (
            ("84820200", "6A86"),
            ("84820101", "6A86"),
            ("80820100", "6D00"),
            ("00820100", "6D00"),
            ("90820100", "6E00"),
        ):
            authentication = card.authentication(1, card.initialize())
            assert card.sw(changed + authentication[8:]) == sw
        authentication = card.authentication(1, card.initialize())
        assert card.sw(f"848201000F{authentication[10:-2]}") == "6700"

    @pytest.mark.parametrize(
        ("byte", "sw"), [(5, "6300"), (12, "6300"), (13, "6982"), (20, "6982")]
    )
    def test_a_wrong_cryptogram_or_mac(self, byte: int, sw: str) -> None:
        card = blank_card()
        assert card.select(ISD) == "9000"
        sequence = card.initialize()[12:14]
        right = bytes.fromhex(card.authentication(1, card.initialize()))
        wrong = bytes((*right[:byte], right[byte] ^ 1, *right[byte + 1 :]))
        assert card.sw(wrong.hex()) == sw
        assert card.sw(right.hex()) == "6985", "it takes another INITIALIZE UPDATE"
        assert card.secured("F28000", "4F00") == "6982"
        assert card.initialize()[12:14] == sequence, "only an open channel counts"
        assert card.open() == "9000"
        assert card.initialize()[12:14] == (int.from_bytes(sequence, "big") + 1).to_bytes(2, "big")

    def test_other_keys(self) -> None:
        card = blank_card(master=bytes(16))
        card.master = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
        assert card.select(ISD) == "9000"
        assert card.open() == "6300"

    def test_a_second_authentication(self) -> None:
        card = blank_card()
        assert card.select(ISD) == "9000"
        authentication = card.authentication(0, card.initialize())
        assert card.sw(authentication) == "9000"
        assert card.sw(authentication) == "6985"
        assert card.sw(STATUS) == "6982", "and the channel is closed"

    @pytest.mark.parametrize("byte", [2, 3, 5, -1])
    def test_a_wrong_mac_ends_the_channel(self, byte: int) -> None:
        card = perso_card()
        right = bytearray.fromhex(card.wrapped("E20000", "9010020303"))
        right[byte] ^= 0x01
        assert card.sw(bytes(right).hex()) == "6982"
        assert card.store("9010020303") == "6985"
        assert f"bank/{AID}/pin/tries" not in card.states

    def test_a_command_without_the_mac_of_the_level(self) -> None:
        card = perso_card()
        assert card.sw("80E20000059010020303") == "6982"
        assert card.store("9010020303") == "9000", "the channel goes on"

    def test_a_chip_that_does_not_insist(self) -> None:
        """As public tools do: level 01, then commands without a MAC (ref 04 §7.3)."""
        card = perso_card(bank_model({"require_level": False}))
        assert card.sw("80E20000059010020303") == "9000"
        card.block = 1
        assert card.store("9010020505") == "9000"
        assert card.states[f"bank/{AID}/pin/limit"] == 5

    def test_a_mac_that_nobody_asked_for(self) -> None:
        card = perso_card(level=0)
        assert card.sw("84E200000D9010020303" + "00" * 8) == "6982"
        assert card.store("9010020303") == "9000"

    @pytest.mark.parametrize("field", ["", "00" * 8, "00" * 15, "80" + "00" * 15])
    def test_what_level_03_cannot_decipher(self, field: str) -> None:
        card = perso_card(level=3)
        mac = card.wrapped("E20000", field)[-16:]
        size = len(field) // 2 + 8
        assert card.sw(f"84E20000{size:02X}{field}{mac}") == ("9000" if not field else "6982")

    def test_a_sequence_counter_that_is_used_up(self) -> None:
        card = blank_card(bank_model({"first_sequence": 0xFFFF}))
        assert card.select(ISD) == "9000"
        assert card.open() == "9000"
        assert card.sw(f"8050000008{HOST}00") == "6985"

    @pytest.mark.parametrize("away", [ISD, AID, PSE, "reset"])
    def test_a_channel_belongs_to_one_selection(self, away: str) -> None:
        card = perso_card()
        if away == "reset":
            card.reset()
        else:
            assert card.select(away) == "9000"
        assert card.select(AID) == "9000"
        assert card.store("9010020303") == "6985"
