"""A settlement or credit cut at every exchange and every write: nothing is lost (ref 12 §7.7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.card.medical_support import (
    NOON,
    TERMINAL,
    ListJournal,
    OfflineTerminal,
    account_of,
    allow_offline,
    issued_copy,
    numbering,
)
from tests.support.plant import FACTORY_SERIAL, INITIAL_PIN, Issued

from sscard_ic.apdu import medical as apdu
from sscard_ic.apdu.medical import Amounts, LogRecord
from sscard_ic.base import CardError, InputError, Text
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_records import (
    CreditResult,
    DebitResult,
    Interrupted,
    LogLost,
    OfflineData,
    PendingDebit,
    Result,
    Split,
    Unfinished,
)
from sscard_ic.issuance.remake import remake
from sscard_ic.keys.medical import DebitMac, Purchase
from sscard_ic.profile.contents import Contents
from sscard_ic.reader import open_session
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Fault, FaultyCard, blank
from sscard_ic.simulator.faults import FaultKind

PAYMENT = Split(account=4250)
WRITES_OF_A_DEBIT = 4
"""The purchase, two items of EF06, one record of EF15."""


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    """An issued card that may settle offline."""
    issued = issued_copy(tmp_path)
    allow_offline(issued)
    return issued


def _debit(issued: Issued, journal: ListJournal, card: FaultyCard | None = None) -> DebitResult:
    account = account_of(issued, offline=True, journal=journal, card=card)
    return account.debit(PAYMENT, mode="temporary", time=NOON, category="1")


def _recover(issued: Issued, journal: ListJournal) -> Result | None:
    account = account_of(issued, offline=True, journal=journal)
    pending = account.unfinished()
    assert pending is not None
    return account.recover(pending)


def _faults() -> Iterator[tuple[FaultKind, int]]:
    for after in range(WRITES_OF_A_DEBIT):
        yield from (("torn-before", after), ("torn-after", after))


def _state(issued: Issued) -> tuple[int, OfflineData, list[bytes], int]:
    """Purchases that the card made, its offline data, its categories, its annual total."""
    account = account_of(issued)
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    places = issued.profile.places_of("DF04", "EF15")
    categories = list(card.read(places).values.values())
    account = account_of(issued)
    log = account.log()
    return len(log), account.offline_data(), categories, account.balances().self_paid


def test_undisturbed(issued: Issued) -> None:
    result = _debit(issued, ListJournal())
    assert result.clears
    data = OfflineData(allowed=True, amount=4250, count=1)
    assert _state(issued) == (1, data, [b"\x00\x001"], 4250)


@pytest.mark.parametrize(("kind", "after"), list(_faults()))
def test_a_debit_cut_at_every_write(issued: Issued, kind: FaultKind, after: int) -> None:
    journal = ListJournal()
    card = FaultyCard(issued.chip, [Fault(kind, after=after)])
    result: Result | None
    if after == 0:
        with pytest.raises(Interrupted) as interrupted:
            _debit(issued, journal, card)
        assert journal.open == [interrupted.value.pending]
        with pytest.raises(Unfinished):
            _debit(issued, journal)
        result = _recover(issued, journal)
        if kind == "torn-before":
            assert result is None
            result = _debit(issued, journal)
    else:
        result = _debit(issued, journal, card)
        assert result.problems
    assert not journal.open
    assert isinstance(result, DebitResult)
    assert result.clears
    made, data, categories, total = _state(issued)
    assert (made, total) == (1, 4250)
    if result.problems:
        # After the payment: what is missing on the card has been told, and blocks it offline.
        whole = (data.amount, data.count) == (4250, 1)
        assert whole or result.offline_blocked
        assert categories or any("category" in each.what.en for each in result.problems)
    else:
        assert data == OfflineData(allowed=True, amount=4250, count=1)
        assert categories == [b"\x00\x001"]


@pytest.mark.parametrize("kind", ["removed", "status"])
def test_a_debit_cut_at_every_exchange(issued: Issued, kind: FaultKind) -> None:
    """Up to DEBIT nothing has happened; from there on nothing is lost."""
    payments = 0
    for after in range(100):
        account_of(issued).write_offline_data(OfflineData(allowed=True, amount=0, count=0))
        journal = ListJournal()
        status = 0x6F00 if kind == "status" else None
        faulty = FaultyCard(issued.chip, [Fault(kind, after=after, status=status)])
        result: Result | None = None
        try:
            result = _debit(issued, journal, faulty)
        except Interrupted:
            result = _recover(issued, journal)
        except ReaderError:
            assert kind == "removed"
        except Exception as error:
            assert kind == "status"
            assert "6F00" in str(error) or "6D00" in str(error), error
        assert not journal.open
        payments += result is not None
        log = account_of(issued).log()
        assert len(log) == min(payments, 30)
        if faulty.pending:
            assert result is not None
            assert not result.problems
            break
    else:
        raise AssertionError("a debit does not have 100 exchanges")
    assert 1 < payments < after


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
def test_a_credit_cut(issued: Issued, kind: FaultKind) -> None:
    journal = ListJournal()
    card = FaultyCard(issued.chip, [Fault(kind)])
    account = account_of(issued, journal=journal, card=card)
    with pytest.raises(Interrupted):
        account.credit(1000, terminal=TERMINAL, time=NOON)
    result = _recover(issued, journal)
    if kind == "torn-before":
        assert result is None
        assert account_of(issued).balances().account == 0
        return
    assert isinstance(result, CreditResult)
    assert (result.balance, result.tac_valid, result.recovered) == (1000, True, True)
    assert account_of(issued).balances().account == 1000


def _interrupted(issued: Issued, kind: FaultKind = "torn-after") -> ListJournal:
    journal = ListJournal()
    with pytest.raises(Interrupted):
        _debit(issued, journal, FaultyCard(issued.chip, [Fault(kind)]))
    return journal


def test_recovery_finishes_what_was_left(issued: Issued) -> None:
    """EF06 and EF15 are brought up, once, however often it is begun."""
    journal = _interrupted(issued)
    (pending,) = journal.open
    account = account_of(issued, offline=True, journal=journal)
    for _ in range(2):
        result = account.recover(pending)
        assert isinstance(result, DebitResult)
        assert result.clears
        assert _state(issued)[1:3] == (
            OfflineData(allowed=True, amount=4250, count=1),
            [b"\x00\x001"],
        )
        account = account_of(issued, offline=True, journal=journal)


def test_recovery_tells_the_holder_again(issued: Issued) -> None:
    journal = _interrupted(issued)
    (pending,) = journal.open
    assert isinstance(pending, PendingDebit)
    read_again = PendingDebit.model_validate_json(pending.model_dump_json(exclude={"holder"}))
    result = account_of(issued, offline=True).recover(read_again)
    assert isinstance(result, DebitResult)
    assert result.pending == pending


def test_recovery_without_the_proof(issued: Issued) -> None:
    """After another INITIALIZE the card gives no TAC any more: clear by hand."""
    journal = _interrupted(issued)
    (pending,) = journal.open
    account_of(issued).debit(PAYMENT, mode="online", time=NOON)
    result = account_of(issued, offline=True, journal=journal).recover(pending)
    assert isinstance(result, DebitResult)
    assert (result.tac, result.clears, result.recovered) == (None, False, True)


def test_recovery_after_the_data_have_changed(issued: Issued) -> None:
    """The online settlement meanwhile has reset EF06; it is left as it is."""
    journal = _interrupted(issued)
    (pending,) = journal.open
    account_of(issued).write_offline_data(OfflineData(allowed=True, amount=9000, count=2))
    result = account_of(issued, offline=True, journal=journal).recover(pending)
    assert isinstance(result, DebitResult)
    assert result.offline_blocked
    assert "changed since the interruption" in result.problems[0].what.en
    assert account_of(issued).offline_data().amount == 9000


def test_recovery_when_another_transaction_took_the_number(issued: Issued) -> None:
    journal = _interrupted(issued, "torn-before")
    (pending,) = journal.open
    account_of(issued).debit(Split(cash=1), mode="online", time=NOON)
    assert account_of(issued, offline=True, journal=journal).recover(pending) is None


def test_recovery_when_the_log_has_gone_on(issued: Issued) -> None:
    journal = _interrupted(issued)
    (pending,) = journal.open
    account = account_of(issued)
    for _ in range(30):
        account.debit(Split(cash=1), mode="online", time=NOON)
    result = account_of(issued, offline=True, journal=journal).recover(pending)
    assert isinstance(result, DebitResult)
    assert [type(problem) for problem in result.problems] == [LogLost]
    assert (result.tac, result.offline_blocked, journal.open) == (None, True, [])


def test_a_credit_whose_log_has_gone_on(issued: Issued) -> None:
    journal = ListJournal()
    card = FaultyCard(issued.chip, [Fault("torn-after")])
    with pytest.raises(Interrupted) as interrupted:
        account_of(issued, journal=journal, card=card).credit(1, terminal=TERMINAL, time=NOON)
    account = account_of(issued)
    for _ in range(30):
        account.credit(1, terminal=TERMINAL, time=NOON)
    result = account_of(issued, journal=journal).recover(interrupted.value.pending)
    assert isinstance(result, CreditResult)
    assert [type(problem) for problem in result.problems] == [LogLost]


@pytest.fixture
def remade(issued: Issued) -> Issued:
    """A card with the log of another one and counters that begin anew."""
    log = {
        f"DF04.EF08#{number}": bytes(
            LogRecord(90 - number, kind, TERMINAL, apdu.time_bytes(NOON), Amounts(1, 0, 0))
        )
        for number, kind in enumerate((apdu.TYPE_CREDIT, apdu.TYPE_PURCHASE), 1)
    }
    code = {"SSSE.EF05.01": bytes.fromhex("210200D15600000500000001FFFFFFFF")}
    atr = bytes.fromhex("3B6D00000081484242865321020000A1B2")
    chip = blank(issued.profile, FACTORY_SERIAL)
    contents = Contents(issued.profile.name, atr, code | log)
    remake(open_session(VirtualConnection(chip)), issued.profile, contents)
    return Issued(chip, issued.profile, issued.vault)


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("kind", ["credit", "purchase"])
def test_recovery_on_a_card_with_the_log_of_another(remade: Issued, kind: str, made: bool) -> None:
    """Its counter tells what the higher numbers of the log do not."""
    journal = ListJournal()
    card = FaultyCard(remade.chip, [Fault("torn-after" if made else "torn-before")])
    account = account_of(remade, journal=journal, card=card)
    with pytest.raises(Interrupted) as interrupted:
        if kind == "credit":
            account.credit(1, terminal=TERMINAL, time=NOON)
        else:
            account.debit(Split(cash=1), mode="online", time=NOON)
    result = account_of(remade, journal=journal).recover(interrupted.value.pending)
    assert (result is not None) == made
    assert result is None or (not result.problems and result.tac is not None)


def test_recovery_on_another_card(issued: Issued, tmp_path: Path) -> None:
    journal = _interrupted(issued)
    (pending,) = journal.open
    other = pending.model_copy(update={"card_factor": bytes(8)})
    with pytest.raises(InputError, match="another card"):
        account_of(issued, offline=True).recover(other)


class Forgetful(OfflineTerminal):
    """A PSAM that was reset since it authorised the purchase."""

    def confirm_debit(self, purchase: Purchase, debit: DebitMac, mac2: bytes) -> bool:
        """It cannot tell."""
        raise CardError(Text("PSAM 已复位", "the PSAM was reset"))


def test_recovery_with_a_psam_that_has_forgotten(issued: Issued) -> None:
    """The TAC decides then."""
    journal = _interrupted(issued)
    (pending,) = journal.open
    card = issued.card()
    card.verify_pin(INITIAL_PIN)
    terminal = Forgetful(issued.vault, TERMINAL, numbering())
    result = MedicalAccount(card, terminal=terminal, centre=issued.vault).recover(pending)
    assert isinstance(result, DebitResult)
    assert (result.mac2_valid, result.tac_valid, result.problems) == (None, True, ())
    assert result.clears
    assert result.pending.amounts == Amounts(0, 4250, 4250)
