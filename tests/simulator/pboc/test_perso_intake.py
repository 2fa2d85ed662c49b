"""STORE DATA: blocks, groups over several commands, contents, the end (ref 04 §7.4, 15 §6-7)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.pboc.perso_cards import (
    AID,
    DIRECTORIES,
    HOST,
    LABEL,
    PPSE,
    PSE,
    BankCard,
    bank_model,
    blank_card,
    issued_card,
    payment_groups,
    perso_card,
)
from tests.support.debit_card import SET

from sscard_ic.crypto import des

ROOT = f"bank/{AID}"
RECORD = "0101" + "05" + "7003500158"


def kept(card: BankCard, name: str, aid: str = AID) -> object:
    """What the memory holds of an application."""
    return card.states.get(f"bank/{aid}/{name}")


class TestBlocks:
    """P1, P2 and how groups lie in commands."""

    def test_the_number_counts_and_wraps(self) -> None:
        card = perso_card(level=0)
        for _ in range(0x101):
            assert card.store(RECORD) == "9000"
        assert card.block == 1

    @pytest.mark.parametrize("number", [1, 0xFF])
    def test_out_of_order(self, number: int) -> None:
        card = perso_card()
        assert card.secured(f"E200{number:02X}", RECORD) == "6A86"
        assert kept(card, "records/01/01") is None
        assert card.store(RECORD) == "9000"
        assert card.secured("E20000", RECORD) == "6A86"

    @pytest.mark.parametrize("p1", ["20", "40", "02", "10", "C0"])
    def test_other_p1(self, p1: str) -> None:
        assert perso_card().secured(f"E2{p1}00", RECORD) == "6A86"

    def test_a_refused_block_is_due_again(self) -> None:
        card = perso_card()
        assert card.secured("E20000", "0101037001FF") == "6A80"
        assert card.secured("E20000", RECORD) == "9000"

    def test_several_groups_in_one_command(self) -> None:
        card = perso_card()
        assert card.store(RECORD + "010205700350015A" + "9010020303") == "9000"
        assert kept(card, "records/01/02") == "700350015A"
        assert kept(card, "pin/limit") == 3

    @pytest.mark.parametrize("cut", range(1, 13))
    def test_a_group_over_three_commands(self, cut: int) -> None:
        """Even within number and length, and another group behind it."""
        card = perso_card()
        data = RECORD + "9010020303"
        for piece in (data[: 2 * cut], data[2 * cut : -2], data[-2:]):
            assert card.store(piece) == "9000"
        assert kept(card, "records/01/01") == "7003500158"
        assert kept(card, "pin/limit") == 3

    def test_a_long_group(self) -> None:
        """FF and two bytes of length; 300 bytes take three commands at level 03."""
        card = perso_card(level=3)
        value = "AB" * 250
        data = f"1501FF00FA{value}"
        for at in range(0, len(data), 300):
            assert card.store(data[at : at + 300]) == "9000"
        assert kept(card, "records/15/01") == value

    def test_a_secret_group_over_two_commands(self) -> None:
        card = perso_card()
        plain = bytes.fromhex(SET["rsa"]["p"] + "8000000000000000")
        data = "820548" + des.encrypt(card.keys["dek"], plain).hex()
        assert card.store(data[:60], 0x60) == "9000"
        assert card.store(data[60:], 0x60) == "9000"
        assert kept(card, "rsa/p") == SET["rsa"]["p"]

    def test_a_group_is_enciphered_as_a_whole_or_not(self) -> None:
        card = perso_card()
        assert card.store("80100814A66F92", 0x60) == "9000"
        assert card.store("FC724D7A") == "6A80"
        assert kept(card, "pin") is None

    def test_the_last_one_within_a_group(self) -> None:
        card = perso_card()
        assert card.store("9010", 0x80) == "6A86"
        assert card.secured("E20000", "9010020303") == "9000", "nothing of it is left"

    def test_a_group_under_way_is_lost_with_the_channel(self) -> None:
        card = perso_card()
        assert card.store("9010") == "9000"
        assert card.select(AID) == "9000"
        assert card.open() == "9000"
        assert card.store("020303") == "9000", "the beginning of another group"
        assert kept(card, "pin/limit") is None

    def test_what_came_before_stays(self) -> None:
        card = perso_card()
        assert card.store(RECORD) == "9000"
        card.reset()
        assert card.select(AID) == "9000"
        assert card.open() == "9000"
        assert kept(card, "records/01/01") == "7003500158"


CONTENTS: dict[str, tuple[str, str, str, Any]] = {
    "record": ("0A05", "7003500158", "records/0A/05", "7003500158"),
    "raw record": ("0B01", "00112233", "records/0B/01", "00112233"),
    "last file": ("1E01", "AA", "records/1E/01", "AA"),
    "internal": ("0D01", "9F5801079F5C06000000010000", "elements/9F58", "07"),
    "private": ("0E01", "9F5202C000", "elements/9F52", "C000"),
    "repeated private": ("0E05", "9F5202C001", "elements/9F52", "C001"),
    "other layout": ("3001", "9F4F039A039C", "elements/9F4F", "9A039C"),
    "counter": ("3000", "9F36020123", "counters/atc", 0x123),
    "tries": ("0D01", "9F170102", "pin/tries", 2),
    "applications to block": ("0E02", "A000000333", "groups/0E02", "A000000333"),
    "A5": ("9102", f"A50F{LABEL}", "fci/contact", LABEL),
    "6F": ("9103", f"6F1B8408{AID}A50F{LABEL}", "fci/contactless", LABEL),
    "no template": ("9102", LABEL, "fci/contact", LABEL),
    "contact": ("9104", "82027C00940408010200", "options/contact/3des/94", "08010200"),
    "contact SM": ("9114", "82027C01", "options/contact/sm4/82", "7C01"),
    "cash": ("9203", "82027C02", "options/cash/3des/82", "7C02"),
    "cash SM": ("9213", "82027C03", "options/cash/sm4/82", "7C03"),
    "contactless": ("9207", "82027C04", "options/contactless/3des/82", "7C04"),
    "contactless SM": ("9217", "82027C05", "options/contactless/sm4/82", "7C05"),
    "issuer data": (
        "9200",
        "9F10080700010300000001",
        "options/contact/3des/9F10",
        "0700010300000001",
    ),
    "issuer data SM": (
        "9201",
        "9F10080700010300000004",
        "options/contact/sm4/9F10",
        "0700010300000004",
    ),
    "PIN": ("8010", "26123456FFFFFFFF", "pin", b"123456".hex()),
    "PIN of 12 digits": ("8010", "2C123456789012FF", "pin", b"123456789012".hex()),
    "PIN tries": ("9010", "0305", "pin/limit", 5),
    "PIN tries, TLV": ("9010", "9F17010304", "pin/limit", 4),
    "SM2": ("8100", "0C" * 32, "sm2", "0C" * 32),
}


@pytest.mark.parametrize(("number", "value", "name", "wanted"), CONTENTS.values(), ids=CONTENTS)
def test_contents(number: str, value: str, name: str, wanted: object) -> None:
    card = perso_card()
    assert card.group(number, value) == "9000"
    assert kept(card, name) == wanted
    assert card.group(number, value) == "9000", "once more changes nothing"


REFUSED = {
    "unknown group": ("9101", "00", "6A88"),
    "card file": ("A001", "0B010000FF0A00", "6A88"),
    "internal file as record": ("1F01", "7000", "6A88"),
    "record number 0": ("0100", "7000", "6A88"),
    "no template 70": ("0101", "7103500158", "6A80"),
    "two templates": ("0101", "70007000", "6A80"),
    "cut template": ("0101", "70045001", "6A80"),
    "empty record": ("0B01", "", "6A80"),
    "unknown tag": ("0D01", "9F580107DFFF0100", "6984"),
    "counter too long": ("3000", "9F3603000001", "6A80"),
    "tries too long": ("0D01", "9F17020103", "6A80"),
    "tries too many": ("0D01", "9F170110", "6A80"),
    "no digits": ("0D01", "9F54060000000000AF", "6A80"),
    "cut object": ("0D01", "9F580207", "6A80"),
    "FCI of another": ("9102", f"6F1B8408{AID[:-2]}02A50F{LABEL}", "6A80"),
    "FCI without A5": ("9102", f"6F0A8408{AID}", "6A80"),
    "FCI empty": ("9102", "", "6A80"),
    "FCI within A5": ("9102", "A5026F00", "6A80"),
    "AIP too short": ("9104", "82017C", "6A80"),
    "no AIP": ("9104", "940408010200", "6A80"),
    "AFL of another length": ("9104", "82027C009403080102", "6A80"),
    "AFL of no file": ("9104", "82027C00940409010200", "6A80"),
    "another tag": ("9104", "82027C009F360100", "6A80"),
    "issuer data cut": ("9200", "9F100407000103", "6A80"),
    "no issuer data": ("9200", "82027C00", "6A80"),
    "check values": ("9000", "75EFD750", "6A80"),
    "PIN tries": ("9010", "03", "6A80"),
    "more left than there are": ("9010", "0503", "6A80"),
    "no tries": ("9010", "0000", "6A80"),
    "too many tries": ("9010", "1010", "6A80"),
    "PIN format 1": ("8010", "1612345600000000", "6A80"),
    "PIN with letters": ("8010", "2612A456FFFFFFFF", "6A80"),
    "PIN filled with 0": ("8010", "2612345600000000", "6A80"),
    "PIN too short": ("8010", "23123FFFFFFFFFFF", "6A80"),
    "PIN too long": ("8010", "2D1234567890123F", "6A80"),
    "two PIN blocks": ("8010", "26123456FFFFFFFF" * 2, "6A80"),
    "key too short": ("8000", "00" * 24, "6A80"),
    "four keys": ("8000", "00" * 64, "6A80"),
    "SM2 key too short": ("8100", "0C" * 24, "6A80"),
    "RSA number without filling": ("8205", "FE" * 64, "6A80"),
    "RSA number 0": ("8205", "00" * 64 + "8000000000000000", "6A80"),
    "RSA number of odd length": ("8205", "FE" * 63 + "80", "6A80"),
}


@pytest.mark.parametrize(("number", "value", "sw"), REFUSED.values(), ids=REFUSED)
def test_refused_contents(number: str, value: str, sw: str) -> None:
    card = perso_card()
    before = card.states
    assert card.group(number, value) == sw
    assert card.states == before


@pytest.mark.parametrize("size", ["", "00" * 7])
def test_secret_groups_come_in_whole_blocks(size: str) -> None:
    card = perso_card()
    assert card.store(f"8010{len(size) // 2:02X}{size}", 0x60) == "6A80"


class TestKeys:
    """DGI 8000 and 9000, in any order; they count together (ref 15 §7.2)."""

    @pytest.mark.parametrize("order", [("8000", "9000"), ("9000", "8000")])
    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_both_orders(self, order: tuple[str, str], count: int) -> None:
        card = perso_card()
        groups = payment_groups()
        values = {"8000": groups["8000"][: 32 * count], "9000": groups["9000"][: 6 * count]}
        assert card.group(order[0], values[order[0]]) == "9000"
        assert kept(card, "keys/3des/cryptogram") is None
        assert card.group(order[1], values[order[1]]) == "9000"
        for at, use in enumerate(("cryptogram", "mac", "encipherment")):
            wanted = groups["8000"][32 * at : 32 * at + 32] if at < count else None
            assert kept(card, f"keys/3des/{use}") == wanted

    def test_no_check_values(self) -> None:
        card = perso_card()
        assert card.group("8000", payment_groups()["8000"]) == "9000"
        assert card.group("9000", "") == "9000"
        assert kept(card, "keys/3des/mac") == payment_groups()["8000"][32:64]

    @pytest.mark.parametrize(("byte", "sw"), [(0, "9311"), (5, "9312"), (8, "9313")])
    @pytest.mark.parametrize(("keys", "check"), [("8000", "9000"), ("8030", "9030")])
    def test_a_wrong_check_value(self, keys: str, check: str, byte: int, sw: str) -> None:
        card = perso_card()
        groups = payment_groups()
        wrong = bytearray.fromhex(groups[check])
        wrong[byte] ^= 1
        assert card.group(keys, groups[keys]) == "9000"
        before = card.states
        assert card.group(check, wrong.hex()) == sw
        assert not [path for path in card.states if "/keys/" in path]
        assert len(card.states) == len(before) - 1, "both are due again"
        assert card.group(check, groups[check]) == "9000"
        assert card.group(keys, groups[keys]) == "9000"

    def test_another_number_of_check_values(self) -> None:
        card = perso_card()
        assert card.group("8000", payment_groups()["8000"]) == "9000"
        assert card.group("9000", payment_groups()["9000"][:6]) == "6A80"

    def test_check_values_once_more(self) -> None:
        """As a station sends them that has not seen the answer."""
        card = perso_card()
        groups = payment_groups()
        for number in ("8000", "9000", "9000"):
            assert card.group(number, groups[number]) == "9000"
        assert not [path for path in card.states if "/pending/" in path]


@pytest.mark.parametrize(
    ("padding", "size", "filling"),
    [
        ("none", 64, 0),
        ("needed", 64, 0),
        ("needed", 62, 2),
        ("needed", 60, 4),
        ("needed", 124, 4),
        ("always", 64, 8),
        ("always", 62, 2),
        ("always", 124, 4),
    ],
)
def test_fillings(padding: str, size: int, filling: int) -> None:
    """A number that ends like a filling, in each of the ways (ref 04 §7.6)."""
    value = "FE" * (size - 1) + "80"
    filled = value + ("80" + "00" * (filling - 1) if filling else "")
    model = bank_model()
    model = bank_model({"padding": {**model.chip.padding, "8205": padding}})
    card = perso_card(model)
    assert card.group("8205", filled) == "9000"
    assert kept(card, "rsa/p") == value


def test_pin_of_format_1() -> None:
    card = perso_card(bank_model({"pin_format": 1}))
    assert card.group("8010", "26123456FFFFFFFF") == "6A80"
    assert card.group("8010", "161234560A1B2C3D") == "9000"
    assert kept(card, "pin") == b"123456".hex()


def test_tries_in_the_other_order() -> None:
    card = perso_card(bank_model(settings={"tries_order": "limit_counter"}))
    assert card.group("9010", "0503") == "9000"
    assert (kept(card, "pin/tries"), kept(card, "pin/limit")) == (3, 5)


def test_secret_groups_told_by_their_number() -> None:
    card = perso_card(bank_model({"enciphered_groups": "number"}))
    enciphered = des.encrypt(card.keys["dek"], bytes.fromhex("26123456FFFFFFFF")).hex()
    assert card.store(f"801008{enciphered}") == "9000", "P1 does not say so"
    assert card.store("9010020303", 0x60) == "9000", "nor does it here"
    assert kept(card, "pin") == b"123456".hex()


class TestEnd:
    """The last STORE DATA, and what comes after it."""

    @pytest.mark.parametrize("missing", ["9000", "8000", "9010", "8202", "8010 9010 8000"])
    def test_half_of_something(self, missing: str) -> None:
        card = perso_card()
        groups = payment_groups()
        for number, value in groups.items():
            if number not in missing.split():
                assert card.group(number, value) == "9000"
        assert card.store("", 0x80) == "6A86"
        for number in missing.split():
            assert card.group(number, groups[number]) == "9000"
        assert card.store("", 0x80) == "9000", "a last one without data"
        assert card.store("", 0x80) == "6985"

    @pytest.mark.parametrize("missing", [("9102", "9103"), ("8030", "9030"), ("8000", "9000")])
    def test_what_no_application_can_be_without(self, missing: tuple[str, str]) -> None:
        """FCI, and the cryptogram key of every algorithm that has a way."""
        card = perso_card()
        for number, value in payment_groups().items():
            if number not in missing:
                assert card.group(number, value) == "9000"
        assert card.store("7FFF00", 0x80) == "6A86"

    def test_without_pin_and_private_keys(self) -> None:
        card = perso_card()
        left_out = ("8010", "9010", "8100", "8030", "9030", "9114", "9213", "9217")
        for number, value in payment_groups().items():
            if number not in left_out and not number.startswith("82"):
                assert card.group(number, value) == "9000"
        assert card.store("7FFF00", 0x80) == "9000"

    def test_numbers_in_the_order_of_another_bureau(self) -> None:
        """8202 with 8203 and 8204 with 8205 exchanged (ref 04 §7.5)."""
        card = perso_card()
        exchanged = {"8202": "8203", "8203": "8202", "8204": "8205", "8205": "8204"}
        groups = payment_groups()
        for number in groups:
            assert card.group(number, groups[exchanged.get(number, number)]) == "9000"
        assert card.store("", 0x80) == "6A80"

    @pytest.mark.parametrize("aid", [AID, PSE, PPSE])
    def test_issued_for_good(self, aid: str) -> None:
        card = issued_card()
        assert card.select(aid) == "9000"
        before = card.states
        for command in (f"8050000008{HOST}00", "848201001000" + "00" * 15, "80E2000000"):
            assert card.sw(command) == "6985"
        assert card.sw("84E2000008" + "00" * 8) == "6985"
        assert card.states == before

    def test_the_application_works_at_once(self) -> None:
        card = perso_card(aid=PSE)
        for number, value in DIRECTORIES[PSE].items():
            assert card.sw("00B2010C00") == "6D00"
            assert card.group(number, value, last=number == "9102") == "9000"
        assert card.data("00B2010C00") == DIRECTORIES[PSE]["0101"]


@pytest.mark.parametrize("aid", [PSE, PPSE])
def test_directories_take_no_more_than_records_and_fci(aid: str) -> None:
    card = perso_card(aid=aid)
    for number, value in payment_groups().items():
        known = number in ("9102", "9103", "7FFF") or (number < "1F" and number[:2] not in "0D0E")
        assert card.group(number, value) == ("9000" if known else "6A88"), number
    assert not [path for path in card.states if "/keys/" in path]


def test_a_directory_without_fci() -> None:
    card = perso_card(aid=PSE)
    assert card.group("0101", DIRECTORIES[PSE]["0101"], last=True) == "6A86"


@pytest.mark.parametrize("command", ["80A8000002830000", "00B2010C00", "80CA9F3600", "0020008008"])
def test_nothing_else_before_the_end(command: str) -> None:
    card = blank_card()
    card.install_all()
    assert card.fci(AID) == f"6F0C8408{AID}A500"
    assert card.sw(command + ("26123456FFFFFFFF" if command[:4] == "0020" else "")) == "6D00"
    assert card.sw("90A8000000") == "6E00"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_power_that_fails_at_every_command(moment: str) -> None:
    """Then the group comes again in a new channel, whether the memory had it or not."""
    groups = payment_groups()
    undisturbed = perso_card()
    for number, value in groups.items():
        assert undisturbed.group(number, value, last=number == "9010") == "9000"
    card = perso_card()
    for number, value in groups.items():
        last = number == "9010"
        before = card.states
        card.torn = moment == "before"
        assert card.group(number, value, last=last) == ("" if card.torn else "9000")
        assert not card.torn or card.states == before
        card.torn = False
        card.chip.power_on()
        assert card.select(AID) == "9000"
        if last and moment == "after":
            assert card.raw(f"8050000008{HOST}00") == "6985", "what was lost was a 9000"
        else:
            assert card.open() == "9000"
            assert card.group(number, value, last=last) == "9000"
    assert {**card.states, "bank/manager/sequence": 0} == {
        **undisturbed.states,
        "bank/manager/sequence": 0,
    }


_NUMBERS = st.sampled_from(
    [bytes.fromhex(number) for number in ("0101", "0B01", "0D01", "0E02", "3000", "7FFF", "9101")]
    + [bytes.fromhex(number) for number in payment_groups()]
)
_VALUES = st.one_of(
    st.binary(max_size=24),
    st.binary(max_size=8).map(lambda value: bytes((0x70, len(value))) + value),
    st.binary(max_size=8).map(lambda value: bytes((0x82, 2)) + value),
)
_GROUPS = st.builds(lambda n, value: n + bytes((len(value),)) + value, _NUMBERS, _VALUES)
_DATA = st.one_of(st.binary(max_size=40), _GROUPS, st.lists(_GROUPS, max_size=3).map(b"".join))


@settings(max_examples=60, deadline=None)
@given(commands=st.lists(st.tuples(st.sampled_from([0, 0x60, 0x80]), _DATA), max_size=8))
def test_whatever_comes_is_answered(commands: list[tuple[int, bytes]]) -> None:
    """Only 9000 takes a block number; a record is never half a template."""
    card = perso_card(level=0)
    for p1, data in commands:
        answer = card.store(data.hex().upper(), p1)
        assert answer in ("9000", "6A80", "6A86", "6A88", "6984", "9311", "9312", "9313")
    for path, value in card.states.items():
        if path.startswith(f"{ROOT}/records/01"):
            raw = bytes.fromhex(str(value))
            assert raw[0] == 0x70
            assert len(raw) == raw[1] + 2
    assert f"{ROOT}/issued" not in card.states
