"""The medical account works on cards of every COS (ref 12; 11 §1)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.card.medical_support import (
    NOON,
    TERMINAL,
    ListJournal,
    account_of,
    allow_offline,
    issued_copy,
)

from sscard_ic.apdu.iso import select_fid
from sscard_ic.apdu.medical import update_starting_day
from sscard_ic.card.medical_records import Interrupted, OfflineData, Split
from sscard_ic.profile.loader import available
from sscard_ic.simulator import Fault, FaultyCard

DIALECTS = [info.name for info in available() if info.kind == "cos"]


@pytest.mark.parametrize("cos", DIALECTS)
def test_credit_and_debit(cos: str, tmp_path: Path) -> None:
    issued = issued_copy(tmp_path, cos)
    account = account_of(issued)
    assert account.credit(5000, terminal=TERMINAL, time=NOON).clears
    account.set_starting_day(4, 1)
    assert account.starting_day() == (4, 1)
    allow_offline(issued)
    journal = ListJournal()
    torn = FaultyCard(issued.chip, [Fault("torn-after")])
    account = account_of(issued, offline=True, journal=journal, card=torn)
    with pytest.raises(Interrupted) as interrupted:
        account.debit(Split(account=100), mode="temporary", time=NOON, category="1")
    account = account_of(issued, offline=True, journal=journal)
    result = account.recover(interrupted.value.pending)
    assert result is not None
    assert result.clears
    assert not result.problems
    assert account.offline_data() == OfflineData(allowed=True, amount=100, count=1)
    balances = account.balances()
    assert (balances.account, balances.self_paid, balances.year) == (5000, 100, 2025)
    assert [record.kind for record in account.log()] == [0x32, 0x31]


@pytest.mark.parametrize("cos", DIALECTS)
def test_the_starting_day_is_closed(cos: str, tmp_path: Path) -> None:
    """DSK and no other key opens it, and nothing writes the amounts."""
    issued = issued_copy(tmp_path, cos)
    card = issued.card()
    card.authenticate("UK2DF04")
    update = update_starting_day(b"\x04\x01")
    assert card.channel.ask(update).sw == 0x6982
    card.authenticate("DSK")
    assert card.channel.ask(update).sw == 0x9000
    for fid in (0xEF81, 0xEF07):
        assert not card.channel.ask(select_fid(fid, 0x02)).sw.ok


def test_a_card_with_sm4_keys(tmp_path: Path) -> None:
    """DSK is an SM4 key there; DPK, DLK and DTK stay 3DES (ref 12 §6)."""
    issued = issued_copy(tmp_path, region="regions/urumqi")
    assert issued.profile.algorithm == "sm4"
    account = account_of(issued)
    account.set_starting_day(4, 1)
    assert account.credit(5000, terminal=TERMINAL, time=NOON).clears
    result = account.debit(Split(account=100, cash=50), mode="online", time=NOON, category="2")
    assert result.clears
    assert not result.problems
    balances = account.balances()
    assert (balances.account, balances.self_paid, balances.year) == (5000, 150, 2025)
