"""What cards may answer wrongly: no answer leads to anything but the error that says so."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.card.financial.counter import Bank, Till
from tests.support.debit_card import debit_card

from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.commands import (
    BankCardBlocked,
    BankRefused,
    NoBankApplication,
    UnusableCard,
)
from sscard_ic.card.financial.records import ApplicationData, Options, mask_pan
from sscard_ic.card.financial.selection import ApplicationInfo
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection

AID = bytes.fromhex("A000000333010101")
RECORD = bytes.fromhex("70185A0862109480000000115F24033010315F3401019F080130")
OPTIONS = Options.parse(bytes.fromhex("80067C0008010100"))


def data(*records: bytes) -> ApplicationData:
    found = ApplicationData(AID, OPTIONS, OPTIONS.values)
    for number, raw in enumerate(records, 1):
        found = found.with_record(1, number, raw, signed=True)
    return found


@given(st.binary(max_size=60))
def test_any_answer_to_select_and_gpo(raw: bytes) -> None:
    for parse in (ApplicationInfo.parse, Options.parse):
        try:
            parse(raw)
        except UnusableCard:
            continue


@given(st.binary(max_size=40), st.integers(min_value=1, max_value=30))
def test_any_record(raw: bytes, sfi: int) -> None:
    try:
        found = ApplicationData(AID, OPTIONS, OPTIONS.values).with_record(sfi, 1, raw, signed=True)
    except UnusableCard:
        return
    for read in ("pan", "expires", "effective", "sequence"):
        try:
            getattr(found, read)
        except UnusableCard:
            continue


def test_a_good_record() -> None:
    found = data(RECORD)
    assert (found.pan, found.sequence, found.expires) == ("6210948000000011", 1, date(2030, 10, 31))
    assert found.signed == ((1, RECORD),)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((RECORD, RECORD), "5A twice"),
        ((RECORD[:-1],), "no template 70"),
        ((RECORD + RECORD,), "no template 70"),
        ((b"\x71" + RECORD[1:],), "no template 70"),
        ((b"",), "no template 70"),
    ],
    ids=["twice", "cut", "two_templates", "another_template", "empty"],
)
def test_records_that_none_may_be(records: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(UnusableCard, match=words):
        data(*records)


@pytest.mark.parametrize(
    ("tag", "value", "read"),
    [
        (0x5A, "1234567890", "pan"),
        (0x5A, "62109480000000A1", "pan"),
        (0x5F24, "301331", "expires"),
        (0x5F24, "3010", "expires"),
        (0x5F25, "AA0101", "effective"),
    ],
)
def test_values_of_another_format(tag: int, value: str, read: str) -> None:
    found = data(encode_ber(0x70, encode_ber(tag, bytes.fromhex(value))))
    with pytest.raises(UnusableCard, match=f"{tag:X}"):
        getattr(found, read)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "80047C000801",
        "80067C0008010200" + "00",
        "80067C0009010100",
        "80067C0008020100",
        "80067C0008010102",
        "80067C00F8010100",
        "7704940408010100",
        "770A8203007C0094040801010077",
        "6F00",
    ],
)
def test_answers_to_gpo_that_end_a_transaction(raw: str) -> None:
    with pytest.raises(UnusableCard, match="GET PROCESSING OPTIONS"):
        Options.parse(bytes.fromhex(raw))


def test_format_2_and_a_missing_afl() -> None:
    options = Options.parse(bytes.fromhex("770982027C009F36020001"))
    assert (options.locator, options.values[0x9F36]) == ((), b"\x00\x01")


def test_masked_account_numbers() -> None:
    assert mask_pan("6210948000000011") == "621094******0011"
    assert mask_pan("12345678901") == "123456*8901"


# Selecting


def _only(command: str, answer: str) -> Till:
    """A card that answers commands beginning so in its own way."""
    start, raw = bytes.fromhex(command), bytes.fromhex(answer)
    return Till(change=lambda sent, got: raw if sent.startswith(start) else got)


PSE = "00A404000E315041592E"


def test_without_a_directory_the_known_names_are_asked() -> None:
    card = _only(PSE, "6A82").card()
    assert [each.label for each in card.candidates()] == ["PBOC DEBIT"]
    assert card.info.aid == AID


def test_a_blocked_directory() -> None:
    assert _only(PSE, "6283").card().info.aid == AID


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_a_blocked_application_is_found_and_told(protocol: str) -> None:
    """At T=0 the FCI waits behind 6283."""
    card = debit_card(protocol=protocol)
    card.store.block()
    opened = FinancialCard(open_session(VirtualConnection(card.chip)), card.model)
    assert (opened.info.aid, opened.info.blocked) == (opened.model.aid, True)


def test_a_blocked_card() -> None:
    with pytest.raises(BankCardBlocked):
        _only(PSE, "6A81").card()
    with pytest.raises(BankCardBlocked):
        _only("00A40400", "6A81").card()


def test_a_card_of_no_bank() -> None:
    with pytest.raises(NoBankApplication) as raised:
        _only("00A404", "6A82").card()
    assert "非接触" in raised.value.render("zh")


def test_an_aid_of_ones_own_choice() -> None:
    till = Till()
    card = FinancialCard(till.connection, till.virtual.model, aid=AID)
    assert (card.candidates(), card.info.label) == ((), "PBOC DEBIT")
    assert not card.select_next()


def test_refused_and_missing_data() -> None:
    with pytest.raises(BankRefused, match="6985"):
        _only("80A8", "6985").pay(100, Bank())
    with pytest.raises(UnusableCard, match="record 2 of file 3"):
        _only("00B2021C", "6A83").pay(100, Bank(), electronic_cash=False)
    with pytest.raises(UnusableCard, match="8C, 8D"):
        _only("00B2021C", "70009000").pay(100, Bank(), electronic_cash=False)
