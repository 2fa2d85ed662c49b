"""Settling and crediting through the terminal's objects, against a virtual card (ref 12 §7)."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.card.medical_support import (
    LIMITS,
    NOON,
    TERMINAL,
    FixedHost,
    ListJournal,
    OfflineTerminal,
    Recorded,
    account_of,
    allow_offline,
    issued_copy,
    numbering,
    settling,
    terminal_of,
)
from tests.support.plant import INITIAL_PIN, Issued

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base import CardError, InputError, Text
from sscard_ic.card import Refused, SocialSecurityCard
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_offline import check_allowed
from sscard_ic.card.medical_records import NotGenuine, OfflineData, PendingDebit, Split
from sscard_ic.codec.text import decode_an
from sscard_ic.keys import MissingCapabilityError
from sscard_ic.keys.medical import DebitMac, Purchase, WrongMac1
from sscard_ic.keys.medical_vault import HostDebiter
from sscard_ic.profile.medical import MedicalSettlement
from sscard_ic.reader import Connection

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
BILL = Split(account=3000, pooled=8000, cash=4000)
OFFLINE_RULES = MedicalSettlement(mode=3)


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    """An issued card of a region with mode 2, its limits those of the vectors."""
    return issued_copy(tmp_path)


def test_the_sample_region_has_the_limits_of_the_vectors() -> None:
    offline = VECTORS["offline"]
    assert (LIMITS.offline_amount_limit, LIMITS.offline_count_limit) == (
        offline["limit_amount"],
        offline["limit_count"],
    )


# Reading


def test_a_new_account_is_empty(issued: Issued) -> None:
    account = account_of(issued)
    balances = account.balances()
    assert (balances.account, balances.self_paid, balances.pooled, balances.year) == (0, 0, 0, 0)
    assert account.starting_day() == (1, 1)
    assert list(account.log()) == []
    assert account.offline_data() == OfflineData(allowed=False, amount=0, count=0)


def test_the_pin_is_missing(issued: Issued) -> None:
    card = issued.card()
    account = MedicalAccount(card, terminal=terminal_of(issued.vault), centre=issued.vault)
    with pytest.raises(Refused, match="the holder's PIN") as refused:
        account.balances()
    assert refused.value.sw == 0x6982
    with pytest.raises(Refused):
        account.log()


def test_the_starting_day_needs_dsk(issued: Issued) -> None:
    account = account_of(issued)
    account.set_starting_day(4, 1)
    assert account.starting_day() == (4, 1)
    account.debit(BILL, mode="online", time=datetime(2026, 3, 31, 23, 59, 59))
    assert account.balances().year == 2025
    with pytest.raises(InputError, match="no day 02-30"):
        account.set_starting_day(2, 30)


def test_a_profile_without_an_account(issued: Issued) -> None:
    structure = issued.profile.structure.model_copy(update={"medical": None})
    card = SocialSecurityCard(issued.session(), replace(issued.profile, structure=structure))
    with pytest.raises(CardError, match="no medical account"):
        MedicalAccount(card)


# Credit


def test_credit(issued: Issued) -> None:
    account = account_of(issued)
    result = account.credit(100000, terminal=TERMINAL, time=NOON)
    assert result.balance == 100000
    assert result.clears
    assert result.tac_valid is True
    account.credit(1, terminal=TERMINAL, time=NOON)
    assert account.balances().account == 100001
    newest, oldest = account.log()
    assert (newest.sequence, newest.kind, newest.amounts) == (1, 0x31, Amounts(1, 0, 0))
    assert (oldest.sequence, oldest.terminal) == (0, TERMINAL)


@pytest.mark.parametrize("amount", [0, -1, 0x1_0000_0000])
def test_credits_that_are_none(issued: Issued, amount: int) -> None:
    with pytest.raises(InputError):
        account_of(issued).credit(amount, terminal=TERMINAL, time=NOON)


def test_a_credit_takes_the_hsm(issued: Issued) -> None:
    """Ref 12: a PSAM has no DLK."""
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    psam = OfflineTerminal(issued.vault, TERMINAL, numbering())
    with pytest.raises(MissingCapabilityError, match="only the HSM"):
        MedicalAccount(card, terminal=psam, centre=psam).credit(1, terminal=TERMINAL, time=NOON)
    with pytest.raises(MissingCapabilityError, match="only the HSM"):
        MedicalAccount(card, terminal=psam).credit(1, terminal=TERMINAL, time=NOON)


def test_a_card_of_other_keys_gets_no_credit(issued: Issued) -> None:
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    host = FixedHost({"DLK": bytes(16), "DTK": bytes(16)})
    account = MedicalAccount(card, centre=host)
    with pytest.raises(WrongMac1):
        account.credit(1, terminal=TERMINAL, time=NOON)
    assert account.balances().account == 0
    assert list(account.log()) == []


# Online


def test_an_online_settlement(issued: Issued) -> None:
    account = account_of(issued)
    result = account.debit(BILL, mode="online", time=NOON, settlement="S-1")
    pending = result.pending
    assert result.clears
    assert (result.mac2_valid, result.tac_valid, result.problems) == (True, True, ())
    assert (pending.a1, pending.a2, pending.a3) == (0, 15000, 11000)
    assert (pending.account, pending.pooled, pending.cash) == (3000, 8000, 4000)
    assert (pending.counter, pending.number, pending.key_version) == (0, 1, 1)
    assert (pending.settlement, pending.terminal) == ("S-1", TERMINAL)
    balances = account.balances()
    assert (balances.account, balances.self_paid, balances.pooled) == (0, 15000, 11000)
    (record,) = account.log()
    assert record.amounts == Amounts(0, 15000, 11000)
    assert record.time.hex() == "20260315120000"


def test_what_the_terminal_stores_for_clearing(issued: Issued) -> None:
    """Ref 12 §7.8; the holder is told to those who ask and shown nowhere else."""
    result = account_of(issued).debit(BILL, mode="online", time=NOON)
    wanted = [p for p in issued.profile.places if p.item.source in ("AAC002", "AAZ500")]
    card = issued.card()
    card_number, number = (decode_an(card.read(wanted).values[p.path]) for p in wanted)
    told = result.for_clearing()
    holder = told["pending"]["holder"]
    assert holder["social_security_number"] == number
    assert holder["card_number"] == card_number
    assert holder["name"]
    assert number not in repr(result)
    assert holder["name"] not in repr(result)
    expected = {"a1", "a2", "a3", "account", "pooled", "cash", "terminal", "number", "time"}
    assert expected <= set(told["pending"])
    assert told["clears"] is True


@pytest.mark.parametrize(("category", "recorded"), [("1", True), ("3", True), ("9", False)])
def test_the_category_of_a_settlement(issued: Issued, category: str, recorded: bool) -> None:
    """EF15 bears the number of EF08 (ref 12 §3.4)."""
    account = account_of(issued)
    account.debit(BILL, mode="online", time=NOON)
    account.debit(BILL, mode="online", time=NOON, category=category)
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    places = issued.profile.places_of("DF04", "EF15")
    values = list(card.read(places[:1]).values.values())
    assert values == ([b"\x00\x01" + category.encode()] if recorded else [])


def test_an_unknown_category(issued: Issued) -> None:
    with pytest.raises(InputError, match="1 work injury"):
        account_of(issued).debit(BILL, mode="online", time=NOON, category="4")


def test_another_key_index_is_tried(issued: Issued) -> None:
    """Ref 12 §7.7: after 9403 the next index; none left: refused."""
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    for indexes, index in (((7, 9, 3, 1), 3), ((2,), 2)):
        terminal = terminal_of(issued.vault, indexes=indexes)
        account = MedicalAccount(card, terminal=terminal, centre=issued.vault)
        result = account.debit(BILL, mode="online", time=NOON)
        assert (result.pending.key_index, result.pending.key_version) == (index, index)
        assert result.clears
    terminal = terminal_of(issued.vault, indexes=(7, 9))
    with pytest.raises(Refused) as refused:
        MedicalAccount(card, terminal=terminal).debit(BILL, mode="online", time=NOON)
    assert refused.value.sw == 0x9403


def test_a_terminal_of_other_keys_is_refused(issued: Issued) -> None:
    """9302: nothing has changed, and the journal says so."""
    journal = ListJournal()
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    host = FixedHost({"DPK": bytes(16)})
    account = MedicalAccount(card, terminal=terminal_of(host), journal=journal)
    with pytest.raises(Refused, match="MAC invalid"):
        account.debit(BILL, mode="online", time=NOON)
    assert [result for _, result in journal.ended] == [None]
    assert account.balances().self_paid == 0
    assert account_of(issued).debit(BILL, mode="online", time=NOON).pending.counter == 0


class Deaf(OfflineTerminal):
    """Says of every MAC2 that it is wrong."""

    def confirm_debit(self, purchase: Purchase, debit: DebitMac, mac2: bytes) -> bool:
        """As the class says."""
        return False


class Broken(OfflineTerminal):
    """Cannot tell whether MAC2 is right."""

    def confirm_debit(self, purchase: Purchase, debit: DebitMac, mac2: bytes) -> bool:
        """As the class says."""
        raise CardError(Text("坏", "broken"))


def test_a_wrong_mac2_voids_the_settlement(issued: Issued) -> None:
    journal = ListJournal()
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    account = MedicalAccount(
        card, terminal=Deaf(issued.vault, TERMINAL, numbering()), journal=journal
    )
    with pytest.raises(NotGenuine, match="MAC2") as wrong:
        account.debit(BILL, mode="online", time=NOON, category="1")
    result = wrong.value.result
    assert not result.clears
    assert journal.ended == [(result.pending, result)]
    card.verify_pin(INITIAL_PIN)
    assert not card.read(issued.profile.places_of("DF04", "EF15")[:1]).values


def test_a_wrong_tac_voids_the_settlement(issued: Issued) -> None:
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    other = FixedHost({"DTK": bytes(16)})
    account = MedicalAccount(card, terminal=terminal_of(issued.vault), centre=other)
    with pytest.raises(NotGenuine, match="TAC") as wrong:
        account.debit(BILL, mode="online", time=NOON)
    assert not wrong.value.result.clears


@pytest.mark.parametrize(("with_centre", "clears"), [(True, True), (False, False)])
def test_a_psam_that_fails_after_the_payment(
    issued: Issued, with_centre: bool, clears: bool
) -> None:
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    account = MedicalAccount(
        card,
        terminal=Broken(issued.vault, TERMINAL, numbering()),
        centre=issued.vault if with_centre else None,
    )
    result = account.debit(BILL, mode="online", time=NOON)
    assert result.mac2_valid is None
    assert [problem.what.en for problem in result.problems] == ["broken"]
    assert result.clears is clears


def test_amounts_that_are_no_settlement() -> None:
    for split in (
        {},
        {"account": -1, "cash": 2},
        {"account": 1, "self_paid": 2},
        {"cash": 0x1_0000_0000},
    ):
        with pytest.raises(InputError):
            Split(**split)


# Modes of the region


@pytest.mark.parametrize(
    ("mode", "allowed"), [(1, {"online"}), (2, {"online", "temporary"}), (3, {"offline"})]
)
def test_a_region_decides_the_mode(issued: Issued, mode: Any, allowed: set[str]) -> None:
    profile = settling(issued.profile, MedicalSettlement(mode=mode))
    account = account_of(issued, profile=profile, offline=True)
    modes: list[Any] = ["online", "temporary", "offline"]
    for each in modes:
        if each not in allowed:
            with pytest.raises(InputError, match="does not settle in the mode"):
                account.debit(Split(account=100), mode=each, time=NOON)


def test_a_profile_of_no_region(issued: Issued) -> None:
    profile = replace(issued.profile, region=None)
    with pytest.raises(InputError, match="of no region"):
        account_of(issued, profile=profile).debit(BILL, mode="online", time=NOON)


def test_the_offline_mode(issued: Issued) -> None:
    """E3 of ref 12 §8: real amounts; the card pays from its account."""
    profile = settling(issued.profile, OFFLINE_RULES)
    account = account_of(issued, profile=profile, offline=True)
    account.credit(5000, terminal=TERMINAL, time=NOON)
    result = account.debit(Split(account=2000, cash=500), mode="offline", time=NOON)
    assert result.pending.amounts == Amounts(2000, 2500, 0)
    result = account.debit(Split(2000, 100, 500, self_paid=700), mode="offline", time=NOON)
    assert result.pending.amounts == Amounts(2000, 700, 100)
    balances = account.balances()
    assert (balances.account, balances.self_paid, balances.pooled) == (1000, 3200, 100)
    with pytest.raises(Refused) as refused:
        account.debit(Split(account=1001), mode="offline", time=NOON)
    assert refused.value.sw == 0x9401
    assert account.balances().account == 1000


@pytest.mark.parametrize("mode", ["temporary", "offline"])
def test_offline_takes_a_psam(issued: Issued, mode: Any) -> None:
    rules = LIMITS if mode == "temporary" else OFFLINE_RULES
    account = account_of(issued, profile=settling(issued.profile, rules))
    with pytest.raises(MissingCapabilityError, match="only a PSAM"):
        account.debit(Split(account=100), mode=mode, time=NOON)
    with pytest.raises(MissingCapabilityError, match="settle"):
        MedicalAccount(issued.card()).debit(Split(account=100), mode="online", time=NOON)


# Temporarily offline


def test_a_temporarily_offline_settlement(issued: Issued) -> None:
    """E2 of ref 12 §8: A2 = A3 = total; EF06 grows by it."""
    allow_offline(issued)
    account = account_of(issued, offline=True)
    result = account.debit(Split(account=4250), mode="temporary", time=NOON)
    assert result.pending.amounts == Amounts(0, 4250, 4250)
    assert result.offline == OfflineData(allowed=True, amount=4250, count=1)
    assert result.clears
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    places = issued.profile.places_of("DF04", "EF06")
    after = VECTORS["offline"]["after"]
    found = card.read(places).values
    assert {f"{p.item.tag:02X}": found[p.path].hex().upper() for p in places} == after


@pytest.mark.parametrize("case", VECTORS["offline"]["cases"], ids=str)
def test_the_rule_of_temporary_offline(issued: Issued, case: dict[str, Any]) -> None:
    """Ref 12 §8, last paragraph: strictly below both limits."""
    payment = VECTORS["offline"]["payment"]
    data = OfflineData(allowed=True, amount=case["amount"], count=case["count"])
    allow_offline(issued, case["amount"], case["count"])
    account = account_of(issued, offline=True)
    if case["allowed"]:
        check_allowed(data, payment, LIMITS)
        assert account.debit(Split(account=payment), mode="temporary", time=NOON).clears
        return
    with pytest.raises(CardError, match="would reach the region's limit"):
        check_allowed(data, payment, LIMITS)
    with pytest.raises(CardError, match="would reach the region's limit"):
        account.debit(Split(account=payment), mode="temporary", time=NOON)
    assert list(account.log()) == []


def test_the_flag_forbids_it(issued: Issued) -> None:
    with pytest.raises(CardError, match="the card's flag does not allow it"):
        account_of(issued, offline=True).debit(Split(account=1), mode="temporary", time=NOON)


@pytest.mark.parametrize("split", [Split(account=1, cash=1), Split(pooled=1), Split(cash=1)])
def test_only_payments_from_the_account(issued: Issued, split: Split) -> None:
    with pytest.raises(InputError, match="only payments from the account"):
        account_of(issued, offline=True).debit(split, mode="temporary", time=NOON)


def test_a_card_of_another_region(issued: Issued) -> None:
    """Ref 12 §11 test 12: the issuing city, and the place of insurance."""
    allow_offline(issued)
    assert issued.profile.region is not None
    issuer = issued.profile.region.issuer.model_copy(update={"division_code": "210300"})
    region = issued.profile.region.model_copy(update={"issuer": issuer})
    foreign = replace(issued.profile, region=region)
    account = account_of(issued, profile=foreign, offline=True)
    with pytest.raises(CardError, match="issued in 210200"):
        account.debit(Split(account=1), mode="temporary", time=NOON)
    issued.card().update({"DF04.EF05.84": bytes.fromhex("210300")})
    account = account_of(issued, offline=True)
    with pytest.raises(CardError, match="insured in 210300"):
        account.debit(Split(account=1), mode="temporary", time=NOON)
    issued.card().update({"DF04.EF05.84": bytes.fromhex("210200")})
    account = account_of(issued, offline=True)
    assert account.debit(Split(account=1), mode="temporary", time=NOON).clears


def test_without_the_read_key(issued: Issued) -> None:
    card = SocialSecurityCard(issued.session(), issued.profile)
    card.verify_pin(INITIAL_PIN)
    account = MedicalAccount(card, terminal=OfflineTerminal(issued.vault, TERMINAL, numbering()))
    with pytest.raises(CardError, match="needed: pin and key:RK1DF04"):
        account.debit(Split(account=1), mode="temporary", time=NOON)


def test_damaged_offline_data(issued: Issued) -> None:
    issued.card().update({"DF04.EF06.90": b"1", "DF04.EF06.92": bytes.fromhex("0000A000")})
    with pytest.raises(CardError, match="damaged"):
        account_of(issued, offline=True).debit(Split(account=1), mode="temporary", time=NOON)


class RefusesUpdates(Recorded):
    """Answers 6581 to writing one record of EF06."""

    record = "01"

    def transmit(self, command: Any) -> bytes:
        """The refusal, or what the card says."""
        raw = command if isinstance(command, bytes) else command.reveal()
        if raw[:2] == b"\x00\xdc" and raw[5:6] == b"\x93":
            return b"\x65\x81"
        return super().transmit(command)


def test_offline_data_that_cannot_be_written(issued: Issued) -> None:
    """The payment stands and is reported; the card is blocked until it settles online."""
    allow_offline(issued)
    journal = ListJournal()
    account = account_of(issued, offline=True, journal=journal, wrap=RefusesUpdates)
    result = account.debit(Split(account=4250), mode="temporary", time=NOON)
    assert result.clears
    assert result.offline_blocked
    assert result.offline is None
    (problem,) = result.problems
    assert "EF06 was not written whole" in problem.what.en
    assert "DF04.EF06.92" in problem.what.en
    assert journal.ended == [(result.pending, result)]
    journal.blocked = True
    account = account_of(issued, offline=True, journal=journal)
    with pytest.raises(CardError, match="not in its data"):
        account.debit(Split(account=1), mode="temporary", time=NOON)
    assert account.debit(BILL, mode="online", time=NOON).clears
    assert account.offline_data() == OfflineData(allowed=True, amount=0, count=0)


def test_an_online_settlement_resets_the_sums(issued: Issued) -> None:
    """Ref 12 §7.2; only once the TAC is verified."""
    allow_offline(issued, 25000, 2)
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    unverified = MedicalAccount(card, terminal=terminal_of(issued.vault))
    assert unverified.debit(BILL, mode="online", time=NOON).offline is None
    assert unverified.offline_data().amount == 25000
    unverified.write_offline_data(OfflineData(allowed=False, amount=100, count=1))
    assert unverified.offline_data() == OfflineData(allowed=False, amount=100, count=1)
    result = account_of(issued).debit(BILL, mode="online", time=NOON)
    assert result.offline == OfflineData(allowed=False, amount=0, count=0)
    assert account_of(issued).offline_data() == result.offline


def test_offline_data_that_do_not_fit(issued: Issued) -> None:
    account = account_of(issued)
    for amount, number in ((100_000_000, 0), (0, 100)):
        with pytest.raises(InputError, match="does not fit"):
            account.write_offline_data(OfflineData(allowed=True, amount=amount, count=number))


def test_the_order_of_the_exchanges(issued: Issued) -> None:
    """Between INITIALIZE and DEBIT nothing goes to the card (ref 12 §4.2)."""
    wires: list[Recorded] = []

    def record(connection: Connection) -> Connection:
        wires.append(Recorded(connection))
        return wires[-1]

    account = account_of(issued, wrap=record)
    account.debit(BILL, mode="online", time=NOON)
    sent = [raw[:4] for raw in wires[0].sent]
    at = sent.index("B028")
    assert next(raw for raw in sent[at + 1 :] if raw != "00C0") == "B02C"


def test_a_host_debiter_wants_a_terminal_number(issued: Issued) -> None:
    with pytest.raises(InputError, match="12 digits"):
        HostDebiter(issued.vault, b"\x21", numbering())
    with pytest.raises(InputError, match="12 digits"):
        account_of(issued).credit(1, terminal=b"\x21", time=NOON)


def test_a_pending_debit_is_written_and_read(issued: Issued) -> None:
    result = account_of(issued).debit(BILL, mode="online", time=NOON, category="1")
    text = result.pending.model_dump_json()
    assert PendingDebit.model_validate_json(text) == result.pending


def test_a_card_that_keeps_no_offline_data(issued: Issued) -> None:
    """As cards of version 1.00: online as ever, temporarily offline never."""
    medical = issued.profile.structure.medical
    assert medical is not None
    reduced = medical.model_copy(update={"offline": None, "categories": None, "day_key": None})
    structure = issued.profile.structure.model_copy(update={"medical": reduced})
    profile = replace(issued.profile, structure=structure)
    account = account_of(issued, profile=profile, offline=True)
    result = account.debit(BILL, mode="online", time=NOON, category="1")
    assert (result.clears, result.offline, result.problems) == (True, None, ())
    with pytest.raises(CardError, match="keep no data of temporary offline"):
        account.debit(Split(account=1), mode="temporary", time=NOON)
    with pytest.raises(CardError, match="no key of this card"):
        account.set_starting_day(1, 1)
