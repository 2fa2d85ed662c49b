"""What a terminal must not take from a card, or from whoever stands between them (ref 14 §9, §11).

A card that stands for such a one is the reference card, with its answers or commands changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.card.financial.counter import (
    AT,
    RID,
    SM2_INDEX,
    Bank,
    Changed,
    Till,
    authorities,
    cash,
)
from tests.support.debit_card import PAN, PIN
from tests.support.plant import Issued

from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.commands import BankRefused, NoBankApplication, UnusableCard
from sscard_ic.card.financial.offline import Authentication
from sscard_ic.card.financial.records import ApplicationData, Options
from sscard_ic.card.financial.terminal import Capabilities, TerminalSettings
from sscard_ic.codec.pboc.bits import Kind, Tvr
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.tlv import encode_ber, parse_ber
from sscard_ic.crypto.pboc import offline as rsa
from sscard_ic.crypto.pboc import offline_sm2 as sm2
from sscard_ic.crypto.rsa import RsaPublic
from sscard_ic.profile import load_financial
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection

HOLDER = Secret(PIN.encode())
RICH = cash(50_000) | {"9F68": "8100F000"}
OFFLINE_LIMITS = {"9F58": "05", "9F59": "05", "9F54": "000000100000", "9F5C": "000000100000"}
Change = Callable[[bytes, bytes], bytes]


def added(extra: str, command: str = "00B2010C") -> Change:
    """Objects after those of the answer to one command."""

    def change(sent: bytes, got: bytes) -> bytes:
        if not sent.startswith(bytes.fromhex(command)) or got[:1] not in (b"\x70", b"\x77"):
            return got
        head = 3 if got[1] == 0x81 else 2
        return encode_ber(got[0], got[head:-2], bytes.fromhex(extra)) + got[-2:]

    return change


def told(tag: str, value: str) -> Change:
    """Another answer to GET DATA."""
    answer = encode_ber(int(tag, 16), bytes.fromhex(value)) + b"\x90\x00"
    return lambda sent, got: answer if sent.startswith(bytes.fromhex("80CA" + tag)) else got


def put(tag: str, value: str) -> Change:
    """Another value of the same length, in whatever answer the tag stands."""
    name, new = bytes.fromhex(tag), bytes.fromhex(value)

    def change(sent: bytes, got: bytes) -> bytes:
        at = got.find(name + bytes((len(new),)))
        if at < 0:
            return got
        at += len(name) + 1
        return got[:at] + new + got[at + len(new) :]

    return change


# What comes twice (ref 14 §11)


@pytest.mark.parametrize(
    ("tag", "extra"),
    [("82", "82027C00"), ("94", "940408010100"), ("9F07", "9F0702FF00" * 2), ("57", "570101" * 2)],
)
def test_contact_data_come_once(tag: str, extra: str) -> None:
    with pytest.raises(UnusableCard, match=f"{tag} twice"):
        Till(change=added(extra)).pay(12_000, Bank())


@pytest.mark.parametrize(
    ("extra", "taken"),
    [
        *(("5702123D", True), ("5F340101", True), ("5702124D", False), ("5F340102", False)),
        *(("82027C00", False), ("940408010100", False), ("9F36020001", False)),
    ],
)
def test_contactless_data_that_may_come_twice(extra: str, taken: bool) -> None:
    objects = "82027C00 940408010100 5702123D 5F340101 9F36020001 9F26080102030405060708"
    options = Options.parse(encode_ber(0x77, bytes.fromhex(objects)))
    data = ApplicationData(RID, options, options.values)
    record = encode_ber(0x70, bytes.fromhex(extra))
    if taken:
        assert data.with_record(1, 1, record, signed=False).values == options.values
    else:
        with pytest.raises(UnusableCard, match="twice"):
            data.with_record(1, 1, record, signed=False)


def test_the_profile_of_gpo_is_the_one_that_is_authenticated() -> None:
    read = Till().card().open()
    forged = replace(read, values={**read.values, 0x82: b"\x00\x00"})
    checks = Authentication(forged, TerminalSettings(authorities=authorities()), AT.date())
    assert checks.check_static().passed


@pytest.mark.parametrize("interface", ["contact", "contactless"])
def test_answers_with_an_object_twice(interface: Any) -> None:
    forged = {"contact": ("9F270140", "80AE"), "contactless": ("9F6C020000", "80A8")}
    till = Till(interface, RICH, added(*forged[interface]))
    with pytest.raises(UnusableCard, match=r"GENERATE AC|GET PROCESSING OPTIONS"):
        till.pay(1_000, Bank(), {"algorithm": "sm4"})


def test_a_cryptogram_does_not_bring_data_of_the_terminal() -> None:
    def forge(sent: bytes, got: bytes) -> bytes:
        if sent[1] != 0xAE:
            return got
        value = got[2:-2]
        parts = ((0x9F27, value[:1]), (0x9F36, value[1:3]), (0x9F26, value[3:11]))
        told = (*parts, (0x9F10, value[11:]), (0x9F02, amount(1)), (0x8A, b"00"))
        return encode_ber(0x77, *(encode_ber(*each) for each in told)) + got[-2:]

    bank = Bank()
    result = Till(change=forge).pay(12_000, bank, pin=HOLDER)
    assert (result.kind, bank.asked[0].values[0x9F02]) == (Kind.TC, amount(12_000))


# What the terminal demanded of a contactless card (ref 14 §9.2, §9.4)


class Between(Changed):
    """Takes bits of byte 2 of 9F66 out of GPO, where it stands first."""

    def __init__(self, within: VirtualConnection, bits: int) -> None:
        super().__init__(within, lambda sent, got: got)
        self._bits = bits

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        if raw[:2] == b"\x80\xa8":
            raw = raw[:8] + bytes((raw[8] & ~self._bits,)) + raw[9:]
        return super().transmit(raw)


@pytest.mark.parametrize(
    ("bits", "terminal", "tvr"),
    [
        (0x80, {"contactless_floor_limit": 500}, Tvr(0)),
        (0x80, {"type": 0x21}, Tvr(0)),
        (0x40, {"contactless_cvm_limit": 500}, Tvr.CVM_FAILED),
    ],
    ids=["floor_limit", "online_only", "cvm_limit"],
)
def test_an_approval_that_passes_over_a_demand(
    bits: int, terminal: dict[str, Any], tvr: Tvr
) -> None:
    till = Till("contactless", RICH)
    assert till.pay(1_000, Bank(), terminal, pin=HOLDER).kind == Kind.ARQC
    driver: Any = Between(VirtualConnection(till.virtual.chip), bits)
    till.connection = open_session(driver)
    forged = till.pay(1_000, Bank(), terminal, pin=HOLDER)
    assert (forged.kind, forged.outcome, forged.tvr) == (Kind.TC, "declined", tvr)
    till.pay(0, Bank())
    assert till.balance == 50_000


@pytest.mark.parametrize(
    ("elements", "capabilities", "value"),
    [
        ({}, Capabilities(), "0000"),
        ({"9F68": "81001000"}, Capabilities(online_pin=False), "0000"),
        ({"9F68": "81001000"}, Capabilities(online_pin=False), "8000"),
    ],
    ids=["online", "offline", "pin_offline"],
)
def test_qualifiers_without_a_verification(
    elements: dict[str, str], capabilities: Capabilities, value: str
) -> None:
    terminal = {"contactless_cvm_limit": 500, "capabilities": capabilities}
    for change, outcome in ((None, "approved"), (put("9F6C", value), "declined")):
        till = Till("contactless", RICH | elements, change)
        result = till.pay(1_000, Bank(), terminal, pin=HOLDER)
        assert (result.outcome, bool(result.tvr & Tvr.CVM_FAILED)) == (outcome, bool(change))


# Validity, exception file, revocation


def _moved(sent: bytes, got: bytes) -> bytes:
    """The expiry date, of a card that has expired, in the last record alone."""
    found = got.replace(b"\x5f\x24\x03", b"\x5f\x23\x03")
    return added("5F2403260430", "00B20124")(sent, found)


def _left_out(sent: bytes, got: bytes) -> bytes:
    return got.replace(b"\x5f\x24\x03", b"\x5f\x23\x03")


def test_expiry_in_the_last_record() -> None:
    result = Till("contactless", RICH, _moved).pay(1_000, Bank())
    assert (result.kind, result.outcome, result.tvr) == (Kind.TC, "declined", Tvr.EXPIRED)
    with pytest.raises(UnusableCard, match="5F24"):
        Till("contactless", RICH, _left_out).pay(1_000, Bank())


def test_a_refused_card_takes_its_money_back() -> None:
    """GPO gives track 2: the exception file is asked before the last record."""
    till = Till("contactless", RICH)
    result = till.pay(1_000, Bank(), {"refused": frozenset({PAN})})
    assert (result.outcome, result.tvr) == ("declined", Tvr.EXCEPTION_FILE)
    till.pay(0, Bank())
    assert till.balance == 50_000


@pytest.mark.parametrize("interface", ["contact", "contactless"])
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_revoked_certificates(interface: Any, algorithm: str) -> None:
    honest = Till(interface, RICH).pay(1_000, Bank(), {"algorithm": algorithm})
    assert honest.offline.passed and honest.data is not None
    authority, data = honest.offline.authority, honest.data
    assert authority is not None
    if isinstance(authority.public, RsaPublic):
        parts = data.get(0x92), data[0x9F32]
        serial = rsa.open_issuer(authority.public, data[0x90], *parts).serial
    else:
        serial = sm2.open_issuer(authority.public, data[0x90], b"", b"").serial
    assert (authority.index == SM2_INDEX) == (algorithm == "sm4")
    for index, revoked in ((authority.index, True), (authority.index ^ 1, False)):
        terminal = {"algorithm": algorithm, "revoked": frozenset({(RID, index, serial)})}
        result = Till(interface, RICH).pay(1_000, None, terminal)
        assert result.offline.passed is not revoked
        assert result.outcome == ("declined" if revoked else "approved")
        reason = result.offline.reason
        assert (reason is not None and "revoked" in reason.en) is revoked


# Values of another format


def _long_counter(sent: bytes, got: bytes) -> bytes:
    if sent[:2] != b"\x80\xa8":
        return got
    (answer,) = parse_ber(got[:-2])
    wider = {0x9F36: b"\x00"}
    parts = (
        encode_ber(each.tag, wider.get(each.tag, b"") + each.value) for each in answer.children
    )
    return encode_ber(0x77, *parts) + got[-2:]


@pytest.mark.parametrize(
    ("interface", "change", "words"),
    [
        ("contact", added("9F14009F230105"), "9F14"),
        ("contact", added("9F1401059F2300"), "9F23"),
        ("contactless", put("9F5D", "AA" * 6), "9F5D"),
        ("contactless", _long_counter, "9F36"),
    ],
    ids=["lower_limit", "upper_limit", "available", "counter"],
)
def test_values_that_end_a_transaction(interface: Any, change: Change, words: str) -> None:
    till = Till(interface, RICH | OFFLINE_LIMITS, change)
    with pytest.raises(UnusableCard, match=words):
        till.pay(1_000, Bank(), {"floor_limit": 100_000}, electronic_cash=False)


@pytest.mark.parametrize("tag", ["9F79", "9F6D"])
def test_amounts_that_are_no_digits_are_not_told(tag: str) -> None:
    till = Till(elements=RICH, change=told(tag, "AA" * 6))
    result = till.pay(1_000, None)
    assert result.path == "cash" and result.tvr & Tvr.DATA_MISSING
    assert (result.kind, till.balance) == (Kind.AAC, 50_000)


@pytest.mark.parametrize(
    ("fen", "purchase"), [(200_000, {}), (1_000, {"electronic_cash": False})], ids=["above", "not"]
)
def test_electronic_cash_that_was_not_asked_for(fen: int, purchase: dict[str, Any]) -> None:
    """The cash path would leave out floor limit and velocity (ref 14 §8.1)."""
    till = Till(elements=RICH | OFFLINE_LIMITS, change=added("9F7406454343303031"))
    result = till.pay(fen, Bank(), pin=HOLDER, **purchase)
    assert result.path == "contact" and result.tvr & Tvr.FLOOR_LIMIT
    assert result.request is not None


# Names (ref 14 §1)


@pytest.mark.parametrize("name", ["B000000999010101", "A0000003330101", "A000000333010102"])
def test_a_name_that_was_not_selected(name: str) -> None:
    def other(sent: bytes, got: bytes) -> bytes:
        if sent[:2] != b"\x00\xa4" or b"1PAY" in sent:
            return got
        inner = encode_ber(0x84, bytes.fromhex(name)), encode_ber(0xA5, encode_ber(0x50, b"X"))
        return encode_ber(0x6F, *inner) + b"\x90\x00"

    with pytest.raises(UnusableCard, match=name):
        Till(change=other).card()


def test_applications_without_end() -> None:
    asked = [0]

    def endless(sent: bytes, got: bytes) -> bytes:
        if sent[:2] != b"\x00\xa4" or b"1PAY" in sent:
            return b"\x6a\x82"
        asked[0] += 1
        assert asked[0] < 1_000
        name = bytes.fromhex("A0000003330101") + asked[0].to_bytes(3, "big")
        inner = encode_ber(0x84, name), encode_ber(0xA5, encode_ber(0x50, b"X"))
        return encode_ber(0x6F, *inner) + b"\x90\x00"

    with pytest.raises(UnusableCard, match="SELECT next"):
        Till(change=endless).card()


def test_a_directory_that_names_an_application_twice() -> None:
    """Its refusal of GPO leads to no other application, not to the same for ever."""
    asked = [0]

    def twice(sent: bytes, got: bytes) -> bytes:
        asked[0] += 1
        assert asked[0] < 100
        if sent[:2] == b"\x80\xa8":
            return b"\x69\x85"
        return encode_ber(0x70, got[2:-2] * 2) + got[-2:] if got[2:3] == b"\x61" else got

    till = Till(change=twice)
    assert len(till.card().candidates()) == 1
    with pytest.raises(BankRefused, match="6985"):
        till.pay(1_000, Bank())


def test_a_social_security_card_without_a_bank(dalian_card: Issued) -> None:
    """Its MF bears the name of the PSE and is no directory of payment applications."""
    with pytest.raises(NoBankApplication):
        FinancialCard(dalian_card.session(), load_financial())
