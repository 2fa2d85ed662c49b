"""A contactless payment from GPO to its last record: answers, signatures, commit, roll-back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.support.contactless import (
    DEBIT,
    OFFLINE_ONLY,
    Tap,
    answer,
    balance,
    read_all,
    read_command,
    send_tap,
)
from tests.support.debit_card import PAN, SELECT, SET, DebitCard, debit_card

from sscard_ic.codec.tlv import parse_ber
from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.rsa import RsaPrivate, RsaPublic
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.simulator.pboc.stored import RSA_PARTS

VECTORS = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "contactless.toml").read_text("utf-8")
)
OPEN = {"9F79": "000000010000", "9F68": "8100F000", "9F13": "0005", "9F78": "000000010000"}
"""100.00 that may be spent at once."""
FDDA_01 = "26000080"
LAST = (4, 1)


def air_card(changes: dict[str, str] | None = None, **settings: Any) -> DebitCard:
    return debit_card(interface="contactless", elements=OPEN | (changes or {}), **settings)


# Cryptograms and signatures


@pytest.mark.parametrize("vector", VECTORS["online"], ids=lambda each: each["name"])
def test_online_answer(vector: dict[str, str]) -> None:
    card = air_card({"9F78": "000000000001"})
    way: Algorithm = "sm4" if vector["algorithm"] == "sm4" else "3des"
    card.store.put_option("contactless", way, 0x82, bytes.fromhex("7D00"))
    card.store.put_option("contactless", way, 0x9F10, bytes.fromhex(vector["issuer_data"]))
    card.store.put_counter("ctta", 500)
    found = answer(card, Tap(algorithm="01" if way == "sm4" else "00"))
    assert found.hex(0x9F26) == vector["cryptogram"]
    assert found.hex(0x9F10) == vector["answered"]


@pytest.mark.parametrize(
    ("way", "issuer_data", "expected"),
    [
        pytest.param("3des", "0700170300000001", "0206DB88C8CFA2F8", id="3des"),
        pytest.param("sm4", "0700170300000004", "743619580F088511", id="sm4"),
    ],
)
def test_version_17(way: Algorithm, issuer_data: str, expected: str) -> None:
    """ref 04 §6.8, 14 §13: CVR byte 2 is A0."""
    card = air_card()
    sm = way == "sm4"
    card.store.put_option("contactless", way, 0x9F10, bytes.fromhex(issuer_data))
    found = answer(card, Tap(qualifiers="26800000", algorithm="01" if sm else "00"))
    assert (found.hex(0x9F26), found.hex(0x9F10)) == (
        expected,
        issuer_data[:8] + "A000" + issuer_data[12:],
    )


def test_unknown_version() -> None:
    card = air_card()
    card.store.put_option("contactless", "3des", 0x9F10, bytes.fromhex("07000A0300000001"))
    assert str(send_tap(card, Tap()).sw) == "6985"
    assert balance(card) == 10000


def test_fast_signature_00() -> None:
    found = answer(air_card(), Tap())
    assert found.hex(0x9F4B) == VECTORS["signature"]["version_00"]


def test_fast_signature_01() -> None:
    card = air_card()
    card.randomness.value = bytes.fromhex("AABBCCDD")
    found = answer(card, Tap(qualifiers=FDDA_01))
    assert found.hex(0x9F4B) == VECTORS["signature"]["version_01"]
    (*_, last) = read_all(card, found.records)
    (related,) = (each.value for each in parse_ber(last)[0].children if each.tag == 0x9F69)
    assert related.hex().upper() == VECTORS["signature"]["related_data"]


@pytest.mark.parametrize("counter", [False, True])
def test_counter_before_the_signed_data(counter: bool) -> None:
    """Cards differ (ref 04 §6.9)."""
    card = air_card(fdda_counter=counter)
    found = answer(card, Tap(qualifiers=FDDA_01))
    related = parse_ber(card.data(read_command(*LAST)))[0].find(0x9F69)
    assert related is not None
    told = bytes.fromhex("11223344" + "000000000100" + "0156") + related.value
    public = RsaPublic(int(SET["rsa"]["modulus"], 16), 3)
    signed = bytes.fromhex("0001") + told if counter else told
    assert offline.check_dynamic(public, found.get(0x9F4B) or b"", signed) == b"\x02\x00\x01"


def test_old_version_signs_as_00() -> None:
    card = air_card({"9F08": "0020"})
    found = answer(card, Tap(qualifiers=FDDA_01))
    assert found.hex(0x9F4B) == VECTORS["signature"]["version_00"]
    assert card.data(read_command(*LAST)).hex().upper() == SET["groups"]["0401"]


def test_sm2_signature() -> None:
    card = air_card()
    found = answer(card, Tap(qualifiers=FDDA_01, algorithm="01"))
    related = parse_ber(card.data(read_command(*LAST)))[0].find(0x9F69)
    assert related is not None
    told = bytes.fromhex("11223344" + "000000000100" + "0156") + related.value
    public = bytes.fromhex(SET["sm2"]["card"])
    signature = found.get(0x9F4B) or b""
    assert offline_sm2.check_dynamic(public, signature, told) == b"\x02\x00\x01"


def test_long_key_answers_in_a_record() -> None:
    card = air_card({"9F5D": "000000000001"})
    key = RsaPrivate.generate(1152)
    for part, value in zip(RSA_PARTS, reversed(key.components()), strict=True):
        card.store.put_rsa_part(part, value.reveal())
    card.store.put_option(
        "contactless", "3des", 0x94, bytes.fromhex("08020200" + "30010100" + "20010100")
    )
    found = answer(card, Tap())
    assert found.get(0x9F4B) is found.get(0x9F5D) is None
    (_, signed, _) = read_all(card, found.records)
    (record,) = parse_ber(signed)
    assert [each.tag for each in record.children] == [0x9F4B, 0x9F5D]
    assert record.children[1].value.hex() == "000000009900"
    told = bytes.fromhex("11223344")
    assert offline.check_dynamic(key.public, record.children[0].value, told) == b"\x02\x00\x01"
    assert card.sw(read_command(6, 1)) == "9000"
    assert answer(card, Tap(qualifiers="26800000")).kind == "ARQC"
    assert card.sw(read_command(6, 1)) == "6A82"


# The objects of an answer


def test_objects_of_the_answers() -> None:
    card = air_card({"9F63": "00" * 16, "5F20": "41"})
    approved = answer(card, Tap(currency="0156"))
    assert approved.tags == [
        "82",
        "94",
        "9F36",
        "9F26",
        "9F10",
        "57",
        "5F34",
        "9F4B",
        "9F6C",
        "9F5D",
    ]
    assert approved.hex(0x9F10) == "0700010390000001"
    for kind, qualifiers in (("ARQC", "26800000"), ("AAC", OFFLINE_ONLY)):
        found = answer(card, Tap(amount=0, qualifiers=qualifiers))
        assert found.kind == kind
        assert found.tags == [
            "82",
            "9F36",
            "57",
            "9F10",
            "9F26",
            "9F63",
            "5F34",
            "9F6C",
            "9F5D",
            "5F20",
        ]
    assert (found.get(0x57) or b"").hex().startswith(PAN)


def test_settings_of_the_answers() -> None:
    card = air_card({"9F63": "00" * 16}, online_locator="present", product_information=False)
    found = answer(card, Tap(qualifiers="26800000"))
    assert found.tags == ["82", "94", "9F36", "57", "9F10", "9F26", "5F34", "9F6C", "9F5D"]


def test_what_records_hold_is_not_answered_twice() -> None:
    card = air_card()
    card.store.put_option("contactless", "3des", 0x94, bytes.fromhex("0801020020010100"))
    assert not {"57", "5F34"} & set(answer(card, Tap()).tags)


def test_card_that_signs_nothing() -> None:
    """AIP without DDA: the terminal takes the missing signature for a failed one."""
    card = air_card()
    card.store.put_option("contactless", "3des", 0x82, bytes.fromhex("5C00"))
    found = answer(card, Tap(qualifiers=FDDA_01))
    assert (found.kind, found.get(0x9F4B)) == ("TC", None)
    assert b"\x9f\x69" not in card.data(read_command(*LAST))


def test_card_without_qualifiers() -> None:
    card = air_card()
    card.store.drop("elements/9F6C")
    assert "9F6C" not in answer(card, Tap(qualifiers="22400000")).tags


@pytest.mark.parametrize(
    ("options", "approved", "declined"),
    [
        pytest.param("8100F000", "000000009900", "000000009900", id="low"),
        pytest.param("4100F000", "000000003400", "000000003400", id="and"),
        pytest.param("2100F000", "000000013400", "000000013400", id="or"),
        pytest.param("8000F000", None, None, id="not wanted"),
    ],
)
def test_available_amount(options: str, approved: str | None, declined: str | None) -> None:
    """9F5D of each rule (ref 14 §0.2); CTTAUL 40.00, CTTA 5.00 before."""
    card = air_card({"9F68": options, "9F5C": "000000004000", "9F5D": "000000000001"})
    card.store.put_counter("ctta", 500)
    found = answer(card, Tap())
    assert found.hex(0x9F5D) == approved
    read_all(card, found.records)
    assert answer(card, Tap(amount=0, qualifiers=OFFLINE_ONLY)).hex(0x9F5D) == declined
    assert answer(card, Tap(qualifiers="26800000")).hex(0x9F5D) == declined


@pytest.mark.parametrize(
    ("personalized", "readable"), [("000000000000", False), ("000000000002", True), (None, False)]
)
def test_available_amount_is_told_where_personalized_as_1(
    personalized: str | None, readable: bool
) -> None:
    """Ref 14 §2.1: above 0 for GET DATA, 1 for payments."""
    card = air_card({"9F5D": personalized or "00", "9F68": "8100D000"})
    if personalized is None:
        card.store.drop("elements/9F5D")
    assert answer(card, Tap()).get(0x9F5D) is None
    assert card.sw("80CA9F5D00") == ("9000" if readable else "6A88")


def test_available_amount_in_another_currency() -> None:
    """An ARQC does not tell it, an AAC does (ref 14 §9.7)."""
    card = air_card({"9F68": "8100D000"})
    assert answer(card, Tap(currency="0840")).get(0x9F5D) is None
    card = air_card({"9F68": "8140D000"})
    found = answer(card, Tap(currency="0840"))
    assert (found.kind, found.hex(0x9F5D)) == ("AAC", "000000010000")


# Commit and roll-back


def test_payment_counts_with_the_last_record() -> None:
    card = air_card({"9F68": "8110F000"})
    found = answer(card, Tap(amount=4000))
    assert balance(card) == 6000
    *others, last = found.records
    read_all(card, others)
    assert card.store.flag("interrupted")
    assert card.sw("00B2015C00") == "6A83"
    read_all(card, [last])
    assert not card.store.flag("interrupted")
    assert card.data("00B2015C00").hex().upper()[12:24] == "000000004000"
    read_all(card, [last])
    assert card.sw("00B2025C00") == "6A83"
    assert send_tap(card, Tap(amount=0)).sw == 0x9000
    assert balance(card) == 6000


def test_payment_is_not_logged_unasked() -> None:
    card = air_card()
    read_all(card, answer(card, Tap()).records)
    assert card.sw("00B2015C00") == "6A83"


@pytest.mark.parametrize("face", ["contactless", "contact", "debit by air"])
@pytest.mark.parametrize("rule", ["8100F000", "4100F000", "2100F000"])
def test_unread_payment_is_taken_back_by_the_next_transaction(face: str, rule: str) -> None:
    card = air_card({"9F68": rule, "9F5C": "000000020000", "9F79": "000000004500"})
    card.store.put_counter("ctta", 0)
    before = card.chip.persistent_state()
    found = answer(card, Tap(amount=4000))
    assert found.kind == "TC"
    read_all(card, found.records[:-1])
    card.chip.power_off()
    if face == "contact":
        card = card.face("contact")
    card.chip.power_on()
    assert card.store.flag("interrupted")
    qualifiers = DEBIT if face == "debit by air" else "28400000"
    assert send_tap(card, Tap(qualifiers=qualifiers)).sw == (
        0x6985 if face == "contactless" else 0x9000
    )
    changed = dict(card.chip.persistent_state().items() ^ before.items())
    root = "bank/A000000333010101"
    assert sorted(changed) == [f"{root}/counters/atc", f"{root}/flags/interrupted"]
    assert changed[f"{root}/flags/interrupted"] == 0


def test_other_currency_is_taken_back() -> None:
    card = air_card({"9F68": "8400D000", "9F53": "05"})
    assert answer(card, Tap(currency="0840")).kind == "TC"
    assert card.store.counter("offline_currency") == 1
    answer(card, Tap(amount=0))
    assert card.store.counter("offline_currency") == 0


def test_last_record_of_another_selection_does_not_count() -> None:
    card = air_card()
    found = answer(card, Tap(amount=4000))
    card.chip.reset(cold=True)
    card.send(SELECT)
    read_all(card, found.records)
    assert card.store.flag("interrupted")


def test_last_record_can_be_read_again_after_the_payment() -> None:
    """Until the next transaction: its answer may have been lost (ref 04 §8.3)."""
    card = air_card()
    found = answer(card, Tap(qualifiers=FDDA_01))
    *_, last = read_all(card, found.records)
    assert b"\x9f\x69" in last
    card.chip.reset(cold=True)
    card.send(SELECT)
    assert card.data(read_command(*LAST)) == last
    read_all(card, answer(card, Tap()).records[:-1])
    assert b"\x9f\x69" not in card.data(read_command(*LAST))


def test_unread_payment_is_never_proved_later() -> None:
    """Neither before it is taken back nor after it."""
    card = air_card()
    read_all(card, answer(card, Tap(qualifiers=FDDA_01)).records[:-1])
    card.chip.reset(cold=True)
    card.send(SELECT)
    assert b"\x9f\x69" not in card.data(read_command(*LAST))
    card.chip.power_off()
    contact = card.face("contact")
    contact.chip.power_on()
    contact.send(SELECT)
    assert contact.sw("80A800000C830A" + "00" * 10 + "00") == "9000"
    contact.chip.power_off()
    card.chip.power_on()
    card.send(SELECT)
    assert b"\x9f\x69" not in card.data(read_command(*LAST))


def test_prepaid_payment_counts_at_once() -> None:
    card = air_card({"9F68": "8180F000"})
    found = answer(card, Tap(amount=4000, qualifiers="26800000"))
    assert (found.kind, found.hex(0x9F5D)) == ("ARQC", "000000006000")
    answer(card, Tap(amount=0))
    assert balance(card) == 6000


def test_new_card_is_new_no_more_after_an_arqc() -> None:
    """ref 14 §9.7."""
    card = air_card({"9F68": "9100F000", "9F13": "0000"})
    assert answer(card, Tap()).results == "A01000"
    assert card.data("80CA9F1300")[-2:] == b"\x00\x01"
    assert answer(card, Tap()).kind == "TC"
    assert card.data("80CA9F1300")[-2:] == b"\x00\x01"


# Ways


def test_debit_by_air_has_the_contact_answer() -> None:
    card = air_card()
    response = send_tap(card, Tap(qualifiers=DEBIT))
    assert (
        response.data.hex().upper()
        == "800E" + SET["groups"]["9104"][4:8] + SET["groups"]["9104"][12:]
    )


def test_card_without_debit_by_air() -> None:
    card = air_card(contactless_debit=False)
    assert answer(card, Tap(qualifiers=DEBIT)).kind == "TC"
    assert str(send_tap(card, Tap(qualifiers="46000000")).sw) == "6985"


def test_no_script_follows_a_contactless_payment() -> None:
    """ref 14 §9.9: no cryptogram there that the MAC of a script could cover."""
    card = air_card()
    answer(card, Tap(qualifiers="26800000"))
    assert card.sw("04DA9F790A" + "000000020000" + "00000000") == "6985"
    assert card.sw("80AE800000") == "6985"
    assert balance(card) == 10000


def test_second_options_need_a_selection() -> None:
    card = air_card()
    answer(card, Tap())
    assert card.sw("80A80000028300" + "00") == "6985"


def test_counter_at_its_end() -> None:
    card = air_card()
    card.store.put_counter("atc", 0xFFFE)
    assert str(send_tap(card, Tap()).sw) == "6985"
    assert card.store.blocked


def test_locator_that_leads_nowhere() -> None:
    """A card that approves offline without an AFL has no payment to approve."""
    card = air_card()
    card.store.drop("options/contactless/3des/94")
    assert str(send_tap(card, Tap()).sw) == "6985"
    assert balance(card) == 10000
    assert answer(card, Tap(qualifiers="26800000")).kind == "ARQC"


# Two currencies


SECOND = {
    "DF71": "0344",
    "DF79": "000000002000",
    "DF77": "000000010000",
    "DF78": "000000001500",
    "DF72": "000000001000",
    "DF76": "000000000700",
    "9F5D": "000000000001",
    "9F68": "C100F000",
}


def test_second_currency_has_a_balance_of_its_own() -> None:
    card = air_card(SECOND)
    found = answer(card, Tap(amount=1000, currency="0344"))
    assert (found.kind, found.hex(0x9F5D)) == ("TC", "000000001000")
    assert (balance(card, 0xDF79), int((card.store.element(0x9F79) or b"").hex())) == (1000, 10000)
    answer(card, Tap(amount=0))
    assert balance(card, 0xDF79) == 2000


@pytest.mark.parametrize(
    ("cvm", "amount", "kind", "qualifiers"),
    [
        pytest.param(0xDF72, 1000, "TC", "2000", id="within the CVM limit"),
        pytest.param(0xDF72, 1001, "ARQC", "A000", id="beyond it"),
        pytest.param(0xDF76, 701, "ARQC", "A000", id="beyond the other one"),
        pytest.param(0xDF76, 700, "TC", "2000", id="within the other one"),
    ],
)
def test_limits_of_the_second_currency(cvm: int, amount: int, kind: str, qualifiers: str) -> None:
    card = air_card(SECOND, second_currency_cvm=cvm)
    found = answer(card, Tap(amount=amount, currency="0344"))
    assert (found.kind, found.hex(0x9F6C)) == (kind, qualifiers)


def test_threshold_of_the_second_currency() -> None:
    card = air_card(SECOND | {"DF79": "000000001600"})
    assert answer(card, Tap(amount=900, currency="0344")).kind == "TC"
    assert answer(card, Tap(amount=901, currency="0344")).results == "A02000"


def test_issuer_data_tell_the_second_balance() -> None:
    card = air_card(SECOND)
    found = answer(card, Tap(currency="0344", qualifiers="26800000"))
    assert (found.hex(0x9F10) or "")[18:30] == "010000002000"
