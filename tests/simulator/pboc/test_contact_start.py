"""SELECT, GPO, READ RECORD, GET DATA of the debit application (ref 14 §1-2, §5.1, §8.1)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.contact import AAC, ARQC, TC, Contact
from tests.support.debit_card import AID, SELECT, debit_card

from sscard_ic.simulator import open_image

CONTACT_FCI = (
    "6F3C8408A000000333010101A530500A50424F432044454249548701019F380C9F7A019F02065F2A02DF69015F2D02"
    "7A68BF0C0A9F4D020B0ADF4D020C0A"
)
CONTACTLESS_FCI = (
    "6F4B8408A000000333010101A53F500A50424F432044454249548701019F381B9F66049F02069F03069F1A0295055F"
    "2A029A039C019F3704DF69015F2D027A68BF0C0A9F4D020B0ADF4D020C0A"
)
"""ref 04 appendix D."""
CASH = {"9F79": "000000010000", "9F77": "000000100000", "9F78": "000000005000"}


# SELECT


@pytest.mark.parametrize(
    ("interface", "fci"), [("contact", CONTACT_FCI), ("contactless", CONTACTLESS_FCI)]
)
def test_each_face_has_its_fci(interface: str, fci: str) -> None:
    card = debit_card(interface=interface)  # type: ignore[arg-type]
    assert card.data(SELECT).hex().upper() == fci


@pytest.mark.parametrize("length", [5, 7, 8])
def test_select_by_the_beginning_of_the_name(length: int) -> None:
    card = debit_card()
    name = AID[:length].hex()
    assert card.data(f"00A40400{length:02X}{name}00").hex().upper() == CONTACT_FCI
    assert card.sw(f"00A40402{length:02X}{name}00") == "6A82", "each match once"


def test_a_blocked_application_answers_its_fci_with_a_warning() -> None:
    card = debit_card()
    card.store.block()
    answer = card.send(SELECT)
    assert (answer.sw, answer.data.hex().upper()) == (0x6283, CONTACT_FCI)
    assert card.sw("80CA9F3600") == "9000", "the application is the current one"


def test_the_warning_at_t0() -> None:
    card = debit_card(protocol="T=0")
    card.store.block()
    assert card.sw(SELECT[:-2]) == "6283"
    assert card.data("00C000003E").hex().upper() == CONTACT_FCI


# GPO


def test_contact_answer_and_counter() -> None:
    contact = Contact(debit_card())
    assert contact.start().hex() == "080102001001050018010201"
    assert contact.aip.hex() == "7c00"
    assert contact.card.data("80CA9F3600").hex() == "9f36020001"
    contact.start()
    assert contact.card.data("80CA9F3600").hex() == "9f36020002"


def test_the_terminal_chooses_the_algorithm() -> None:
    contact = Contact(debit_card())
    contact.told[0xDF69] = "01"
    assert contact.start().hex() == "0801020028010501"
    assert contact.first(ARQC).issuer_data[7] == 4
    contact.card.store.drop("options/contact/sm4")
    contact.start()
    assert contact.first(ARQC).issuer_data[7] == 1, "the card has no SM way"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("80A8010002830000", "6A86"),
        ("80A80000028200", "6A80"),
        ("80A80000028300", "6700"),
        ("80A8000003830100", "6700"),
        ("80A800000C830B00000000000100015600", "6700"),
        ("80A800000D830B0000000000010001560000", "6700"),
        ("80A8000000", "6700"),
    ],
    ids=["P1", "template", "no values", "one byte", "L", "too many", "no data"],
)
def test_gpo_refuses(command: str, status: str) -> None:
    card = debit_card()
    card.data(SELECT)
    assert card.sw(command) == status
    assert card.data("80CA9F3600").hex() == "9f36020000", "nothing was counted"
    contact = Contact(card)
    contact.start()


def test_gpo_once_after_each_select() -> None:
    contact = Contact(debit_card())
    command = contact.options()
    assert contact.card.sw(command) == "9000"
    assert contact.card.sw(command) == "6985"
    contact.card.chip.reset(cold=False)
    contact.card.data(SELECT)
    assert contact.card.sw(command) == "9000"


def test_zeros_where_nothing_was_told() -> None:
    card = debit_card(processing_length="lenient")
    card.data(SELECT)
    assert card.data("80A8000002830000").hex() == "800e7c00080102001001050018010201"


def test_another_length_error() -> None:
    card = debit_card(wrong_length_sw=0x6A80)
    card.data(SELECT)
    assert card.sw("80A8000003830100") == "6A80"


def test_a_card_without_a_list_takes_nothing() -> None:
    card = debit_card()
    card.store.put_fci("contact", bytes.fromhex("500A50424F43204445424954"))
    card.data(SELECT)
    assert card.sw("80A8000002830000") == "9000"


def test_the_end_of_the_counter_blocks_for_good() -> None:
    contact = Contact(debit_card())
    contact.card.store.put_counter("atc", 0xFFFD)
    contact.start()
    command = contact.options()
    assert contact.card.sw(command) == "6985"
    assert contact.card.data("80CA9F3600").hex() == "9f3602ffff"
    assert contact.card.sw(SELECT) == "6283"
    assert contact.card.sw(command) == "6985"
    assert contact.card.data("80CA9F3600").hex() == "9f3602ffff"


def test_no_way_without_profile() -> None:
    contact = Contact(debit_card())
    contact.card.store.drop("options/contact/3des")
    assert contact.card.sw(contact.options()) == "6985"


# Electronic cash at GPO


@pytest.mark.parametrize(
    ("told", "elements", "cash"),
    [
        ({}, {}, True),
        ({0x9F02: "000000005000"}, {}, True),
        ({0x9F7A: "00"}, {}, False),
        ({0x5F2A: "0840"}, {}, False),
        ({0x9F02: "000000005001"}, {}, False),
        ({0x9F02: "000000000101"}, {"9F79": "000000000100"}, False),
        ({0x9F02: "000000000100"}, {"9F79": "000000000100"}, True),
        ({0x9F02: "0000000001A0"}, {}, False),
    ],
    ids=["cash", "limit", "not asked", "currency", "over limit", "short", "all", "no digits"],
)
def test_conditions_of_cash(told: dict[int, str], elements: dict[str, str], cash: bool) -> None:
    contact = Contact(debit_card(elements=CASH | elements))
    contact.told |= {0x9F7A: "01"} | told
    locator = contact.start().hex()
    assert locator == (
        "0801020010010200100507001802020018030301" if cash else "080102001001050018010201"
    )


@pytest.mark.parametrize("hindrance", ["issuer_authentication_failed", "script_failed", "pin"])
def test_states_that_close_the_cash(hindrance: str) -> None:
    contact = Contact(debit_card(elements=CASH))
    contact.told[0x9F7A] = "01"
    if hindrance == "pin":
        contact.card.store.pin_tries = 0
    else:
        contact.card.store.put_flag(hindrance, True)  # type: ignore[arg-type]
    assert contact.start().hex() == "080102001001050018010201"


# READ RECORD and GET DATA


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00B2010C00", "9000"),
        ("00B2030C00", "6A83"),
        ("00B2015400", "6A82"),
        ("00B2000C00", "6A86"),
        ("00B2010D00", "6A86"),
        ("00B2010400", "6A86"),
        ("00B201FC00", "6A86"),
        ("00B2015C00", "6A83"),
        ("00B2015C0100", "6700"),
        ("80B2010C00", "6D00"),
        ("A0B2010C00", "6E00"),
    ],
    ids=[
        "record",
        "no record",
        "no file",
        "number 0",
        "P2",
        "file 0",
        "file 31",
        "empty log",
        "data",
        "class",
        "no class",
    ],
)
def test_read_record(command: str, status: str) -> None:
    contact = Contact(debit_card())
    contact.start()
    assert contact.card.sw(command) == status


def test_records_before_gpo() -> None:
    for setting, status in (("open", "9000"), ("closed", "6985")):
        card = debit_card(early_records=setting)
        card.data(SELECT)
        assert card.sw("00B2010C00") == status
        assert card.sw("00B2015C00") == "6A83", "logs are free"


TERMINALS = ["9F36", "9F13", "9F17", "9F4F", "9F79", "9F6D", "DF4F"]
DEVICES = ["9F51", "9F52", "9F53", "9F54", "9F56", "9F58", "9F59", "9F5C", "9F68", "9F6B"]
DEVICES += ["9F77", "9F78"]
NEVER = ["5A", "57", "9F10", "8000", "9F5D"]


@pytest.mark.parametrize("setting", ["open", "closed"])
def test_get_data(setting: str) -> None:
    card = debit_card(special_data=setting, elements={"9F5D": "000000000000"})
    card.data(SELECT)
    answered = {tag: card.send(f"80CA{tag:0>4}00") for tag in TERMINALS + DEVICES + NEVER}
    given = {tag for tag, answer in answered.items() if answer.sw == 0x9000}
    assert given == {*TERMINALS, *(DEVICES if setting == "open" else ())}
    refused = {str(answer.sw) for tag, answer in answered.items() if tag not in given}
    assert refused == {"6A88"}
    assert answered["9F17"].data.hex() == "9f170103"
    assert answered["9F13"].data.hex() == "9f13020000"
    assert answered["9F6D"].data.hex() == "9f6d06000000000000"


def test_what_personalization_may_close() -> None:
    card = debit_card(balance_readable=False, pin_tries_readable=False)
    card.data(SELECT)
    assert [card.sw(f"80CA{tag}00") for tag in ("9F79", "9F17", "9F6D")] == [
        "6A88",
        "6A88",
        "9000",
    ]


def test_the_amount_available_offline() -> None:
    """Computed by the rule of 9F68, where it was personalized above 0 (ref 14 §2.1)."""
    card = debit_card(elements={"9F79": "000000001234", "9F68": "80000000"})
    card.data(SELECT)
    assert card.data("80CA9F5D00").hex() == "9f5d06000000001234"


def test_a_second_currency_answers_in_the_place_of_the_first() -> None:
    """ref 04 §3.3: while a transaction in it is under way."""
    second = {"DF71": "0344", "DF79": "000000000700", "DF77": "000000100000"}
    second |= {"DF78": "000000005000", "DF76": "000000000100"}
    contact = Contact(debit_card(elements=CASH | second))
    contact.told |= {0x9F7A: "01", 0x5F2A: "0344"}
    assert len(contact.start()) == 20, "electronic cash"
    assert contact.card.data("80CA9F7900").hex() == "9f7906000000000700"
    assert contact.card.data("80CA9F6D00").hex() == "9f6d06000000000100"
    contact.first(TC)
    contact.card.data(SELECT)
    assert contact.card.data("80CADF7900").hex() == "df7906000000000600"
    assert contact.card.data("80CA9F7900").hex() == "9f7906000000010000"


# Other commands


@pytest.mark.parametrize(
    ("command", "status"),
    [("0084000008", "6D00"), ("90CA9F3600", "6E00"), ("80CA9F360100", "6700")],
)
def test_other_commands(command: str, status: str) -> None:
    card = debit_card()
    card.data(SELECT)
    assert card.sw(command) == status


def test_get_challenge_where_the_card_has_it() -> None:
    card = debit_card(challenge="present")
    card.data(SELECT)
    assert card.data("0084000008").hex() == "0123456789abcdef"
    assert card.sw("0084010008") == "6A86"


def test_everything_kept_is_in_the_image(tmp_path: Path) -> None:
    contact = Contact(debit_card(tmp_path))
    contact.complete()
    contact.card.chip.close()
    chip = open_image(tmp_path / "debit.img")
    chip.power_on()
    contact.card.chip = chip
    contact.start()
    assert contact.first(AAC).atc == 2
    chip.close()
