"""Batches and cards: what goes in comes out, in which states, and never in the clear."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.ledger import (
    Card,
    CardState,
    Ledger,
    NewBatch,
    NewCard,
    Order,
    Phase,
    Plan,
    Reason,
    SerialState,
    Step,
)

REASON = Reason("AAC003", "AAC003 empty", Text("姓名为空", "name empty"))
CHIP = bytes.fromhex("000000000A01")
DAY = date(2026, 11, 21)


def new_batch(name: str = "batch-1") -> NewBatch:
    return NewBatch(name, "regions/dalian", f"{name}.csv", f"sha of {name}", DAY)


def new_cards(count: int, first: int = 1) -> list[NewCard]:
    return [
        NewCard(row, str(row), f"D{first + row:08d}", f"holder {row} 宋泽轩".encode())
        for row in range(1, count + 1)
    ]


def historical(serial: int) -> bytes:
    return bytes.fromhex("008148424286532102") + serial.to_bytes(4, "big")


def prepare(ledger: Ledger, batch: str = "batch-1") -> Sequence[Card]:
    numbers = ledger.allot_serials(batch, "210200", 1, 1000)
    ledger.store_plans(
        {card_id: Plan(number, historical(number), b"plan") for card_id, number in numbers.items()}
    )
    return ledger.cards_of(batch, (CardState.PREPARED,))


def make(ledger: Ledger, chip: bytes = CHIP) -> Card:
    card = ledger.claim_next("batch-1", "station 1", chip)
    assert card is not None
    return card


def bring(ledger: Ledger, card_id: int, state: CardState, step: Step = Step.VERIFY) -> None:
    """As a station does at the end of a step."""
    ledger.complete(card_id, step, state, station="station 1", chip_serial=CHIP)


def test_rows_come_back_in_order_with_their_reasons(ledger: Ledger) -> None:
    refused = NewCard(3, "3", "D00000048", b"holder 3", (REASON,))
    batch = ledger.import_batch(new_batch(), [*new_cards(2), refused])

    assert (batch.rows, batch.refused, batch.batch_date) == (3, 1, DAY)
    assert batch.imported_at == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert ledger.batches() == (batch,)
    assert ledger.batch_of_source("sha of batch-1") == batch
    cards = ledger.cards_of("batch-1")
    assert [(card.row, card.state) for card in cards] == [
        (1, CardState.ACCEPTED),
        (2, CardState.ACCEPTED),
        (3, CardState.REFUSED),
    ]
    assert cards[2].reasons == (REASON,)
    assert ledger.holder(cards[1].id) == "holder 2 宋泽轩".encode()
    assert ledger.counts("batch-1") == {CardState.REFUSED: 1, CardState.ACCEPTED: 2}


def test_an_unknown_batch_names_the_known_ones(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(1))

    with pytest.raises(InputError, match="batch-1"):
        ledger.batch("batch-2")
    assert ledger.batch_of_source("another sha") is None


def test_the_same_name_with_other_content_changes_nothing(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(1))
    other = NewBatch("batch-1", "regions/dalian", "batch-1.csv", "another sha", DAY)

    with pytest.raises(InputError, match="other content"):
        ledger.import_batch(other, new_cards(1, first=50))
    assert len(ledger.batches()) == 1
    assert ledger.ordered(["D00000051"]) == {}


def test_a_number_ordered_by_another_program_meanwhile_stops_the_import(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(2))

    with pytest.raises(InputError, match="nothing was imported"):
        ledger.import_batch(new_batch("batch-2"), new_cards(1))
    assert [batch.name for batch in ledger.batches()] == ["batch-1"]


def test_ordered_numbers_are_found_and_failed_ones_may_be_ordered_again(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(700))
    numbers = [card.card_number for card in new_cards(700)]

    assert ledger.ordered([*numbers, "D99999999", ""]) == {
        number: Order("batch-1", row) for row, number in enumerate(numbers, start=1)
    }
    ledger.fail(ledger.cards_of("batch-1")[0].id, REASON, station="t", step=Step.VERIFY)
    assert numbers[0] not in ledger.ordered(numbers)
    ledger.import_batch(new_batch("batch-2"), new_cards(1))
    assert ledger.ordered(numbers[:1]) == {numbers[0]: Order("batch-2", 1)}


def test_a_card_goes_through_all_steps(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(1))
    [prepared] = prepare(ledger)
    assert (prepared.serial, prepared.historical) == (1, historical(1))
    assert prepared.allotted_chip == bytes.fromhex("210200000001")
    assert ledger.plan(prepared.id) == b"plan"

    card = make(ledger)
    assert (card.id, card.state, card.chip_serial) == (prepared.id, CardState.STARTED, CHIP)
    assert ledger.card_by_chip(CHIP) == card
    assert ledger.card_by_chip(bytes.fromhex("210200000001")) == card
    assert ledger.card_by_chip(bytes(6)) is None
    ledger.store_result(card.id, b"read back")
    ledger.complete(
        card.id,
        Step.INITIALISE,
        CardState.INITIALISED,
        station="station 1",
        chip_serial=CHIP,
        note="done",
    )
    ledger.journal(card.id, Step.VERIFY, Phase.BEGIN, station="station 1")
    assert ledger.serial_counts("batch-1") == {SerialState.ALLOTTED: 1}
    bring(ledger, card.id, CardState.VERIFIED)

    assert ledger.card(card.id).state is CardState.VERIFIED
    assert ledger.result(card.id) == b"read back"
    assert ledger.serial_counts("batch-1") == {SerialState.USED: 1}
    entries = ledger.journal_of(card.id)
    assert [(entry.step, entry.phase, entry.note) for entry in entries] == [
        (Step.INITIALISE, Phase.BEGIN, ""),
        (Step.INITIALISE, Phase.END, "done"),
        (Step.VERIFY, Phase.BEGIN, ""),
        (Step.VERIFY, Phase.END, ""),
    ]
    assert {entry.chip_serial for entry in entries} == {CHIP, None}


def test_states_never_go_back(ledger: Ledger) -> None:
    refused = NewCard(2, "2", "", b"holder", (REASON,))
    ledger.import_batch(new_batch(), [*new_cards(1), refused])
    prepare(ledger)
    card = make(ledger)
    bring(ledger, card.id, CardState.PERSONALIZED, Step.PERSONALIZE)

    for wrong in (CardState.INITIALISED, CardState.FAILED, CardState.REFUSED):
        with pytest.raises(SscardError, match="cannot become"):
            bring(ledger, card.id, wrong)
    assert ledger.store_plans({card.id: Plan(9, historical(9), b"another plan")}) == 0
    out = ledger.cards_of("batch-1")[1].id
    with pytest.raises(SscardError, match="refused cannot become"):
        bring(ledger, out, CardState.STARTED)
    with pytest.raises(SscardError, match="refused cannot become"):
        ledger.fail(out, REASON, station="t", step=Step.VERIFY)
    with pytest.raises(SscardError, match="refused cannot become"):
        ledger.spoil(out, station="station 1", step=Step.VERIFY, note="note")
    assert ledger.plan(card.id) == b"plan"
    assert ledger.card(card.id).state is CardState.PERSONALIZED


def test_a_refused_completion_leaves_no_journal_entry(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(1))
    prepare(ledger)
    card = make(ledger)
    bring(ledger, card.id, CardState.FINISHED, Step.FINISH)
    journal = ledger.journal_of(card.id)

    with pytest.raises(SscardError, match="cannot become"):
        bring(ledger, card.id, CardState.INITIALISED, Step.INITIALISE)
    assert ledger.journal_of(card.id) == journal


def test_a_failed_card_keeps_its_reason_and_spoils_its_number(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(2))
    prepare(ledger)
    card = make(ledger)

    ledger.fail(card.id, REASON, station="t", step=Step.VERIFY)

    failed = ledger.card(card.id)
    assert (failed.state, failed.reasons) == (CardState.FAILED, (REASON,))
    assert ledger.serial_counts("batch-1") == {SerialState.ALLOTTED: 1, SerialState.SPOILT: 1}


def test_a_bad_blank_spoils_its_number_and_the_row_gets_another(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(1))
    prepare(ledger)
    card = make(ledger)

    ledger.spoil(card.id, station="station 1", step=Step.INITIALISE, note="no answer to reset")

    waiting = ledger.card(card.id)
    assert waiting.state is CardState.ACCEPTED
    assert (waiting.serial, waiting.historical, waiting.chip_serial) == (None, None, None)
    assert ledger.plan(card.id) is None
    last = ledger.journal_of(card.id)[-1]
    assert (last.phase, last.chip_serial, last.note) == (Phase.FAILED, CHIP, "no answer to reset")
    [again] = prepare(ledger)
    assert again.serial == 2
    assert make(ledger, bytes.fromhex("000000000A02")).id == card.id
    assert ledger.serial_counts("batch-1") == {SerialState.ALLOTTED: 1, SerialState.SPOILT: 1}


def test_a_chip_carries_one_card(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(2))
    prepare(ledger)
    make(ledger)

    with pytest.raises(SscardError, match="carries another card"):
        ledger.claim_next("batch-1", "station 1", CHIP)
    assert ledger.counts("batch-1")[CardState.PREPARED] == 1


def test_stations_never_get_the_same_card(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(40))
    prepare(ledger)
    claimed: list[list[int]] = [[] for _ in range(4)]

    def work(station: int) -> None:
        chip = 0
        while True:
            serial = bytes((0, 0, 0, 0, station + 1, chip))
            card = ledger.claim_next("batch-1", f"station {station}", serial)
            if card is None:
                return
            claimed[station].append(card.row)
            chip += 1

    threads = [threading.Thread(target=work, args=(station,)) for station in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(row for rows in claimed for row in rows) == list(range(1, 41))
    assert all(rows == sorted(rows) for rows in claimed)


def test_serial_numbers_are_never_given_twice(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(3))
    ledger.import_batch(new_batch("batch-2"), new_cards(2, first=100))

    first = ledger.allot_serials("batch-1", "210200", 10, 1000)
    assert list(first.values()) == [10, 11, 12]
    assert ledger.allot_serials("batch-1", "210200", 10, 1000) == first, "a run that was cut off"
    # Both codes begin with 2102, and the ATR carries no more.
    assert list(ledger.allot_serials("batch-2", "210201", 10, 1000).values()) == [13, 14]
    ledger.import_batch(new_batch("batch-3"), new_cards(2, first=200))
    assert list(ledger.allot_serials("batch-3", "650100", 10, 1000).values()) == [10, 11]
    assert ledger.serial_counts("batch-1") == {SerialState.ALLOTTED: 3}
    assert ledger.serial_counts("batch-2") == {SerialState.ALLOTTED: 2}


def test_serial_numbers_run_out(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(3))

    with pytest.raises(InputError, match="3 wanted, 2 left"):
        ledger.allot_serials("batch-1", "210200", 0xFFFFFFFE, 0xFFFFFFFF)
    assert ledger.serial_counts("batch-1") == {}


def test_nothing_personal_lies_in_the_file(ledger: Ledger, path: Path) -> None:
    card = NewCard(1, "1", "D00000013", "宋泽轩 210299199210033453".encode())
    ledger.import_batch(new_batch(), [card])
    [prepared] = ledger.cards_of("batch-1")
    ledger.allot_serials("batch-1", "210200", 1, 9)
    ledger.store_plans({prepared.id: Plan(1, historical(1), b"PIN 123456 D00000013")})
    ledger.store_result(prepared.id, b"read back D00000013")
    assert ledger.claim_next("batch-1", "station 1", CHIP)
    ledger.store_grant(prepared.id, b"control key and PIN 97531864")
    ledger.close()

    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"regions/dalian" in stored, "the search does look at the data"
    for secret in ("宋泽轩".encode(), "宋泽轩".encode("gb18030"), b"210299199210033453"):
        assert secret not in stored
    for secret in (b"D00000013", b"123456", b"97531864"):
        assert secret not in stored


def test_sealed_values_are_bound_to_their_row(ledger: Ledger, path: Path) -> None:
    import sqlite3

    ledger.import_batch(new_batch(), new_cards(2))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cards SET holder = (SELECT holder FROM cards WHERE row = 2)")
    connection.close()

    first, second = ledger.cards_of("batch-1")
    assert ledger.holder(second.id).startswith(b"holder 2")
    with pytest.raises(SscardError):
        ledger.holder(first.id)


def test_without_a_vault_only_the_clear_parts_open(ledger: Ledger, path: Path) -> None:
    ledger.import_batch(new_batch(), new_cards(1))

    with Ledger.open(path) as locked:
        assert locked.counts("batch-1") == {CardState.ACCEPTED: 1}
        with pytest.raises(SscardError, match="without a vault"):
            locked.holder(locked.cards_of("batch-1")[0].id)
        with pytest.raises(SscardError, match="without a vault"):
            locked.ordered(["D00000013"])


def test_a_grant_belongs_to_the_blank_that_it_was_made_for(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(2))
    [first, second] = prepare(ledger)
    with pytest.raises(SscardError, match="row 2 has no card: it is prepared"):
        ledger.store_grant(second.id, b"too early")
    assert ledger.grant(second.id) is None
    card = make(ledger)
    assert card.id == first.id
    bring(ledger, card.id, CardState.PERSONALIZED)
    ledger.store_grant(card.id, b"the first")
    ledger.store_grant(card.id, b"the second")
    assert ledger.grant(card.id) == b"the second"
    bring(ledger, card.id, CardState.CERTIFIED)
    assert ledger.grant(card.id) == b"the second"

    ledger.spoil(card.id, station="station 1", step=Step.CERTIFY, note="bad")
    assert ledger.grant(card.id) is None
    with pytest.raises(SscardError, match="row 1 has no card"):
        ledger.store_grant(card.id, b"of a card that is given up")


def test_a_failed_row_keeps_its_grant_until_it_is_taken_up_again(ledger: Ledger) -> None:
    ledger.import_batch(new_batch(), new_cards(1))
    prepare(ledger)
    card = make(ledger)
    ledger.store_grant(card.id, b"granted")
    ledger.fail(card.id, REASON, station="t", step=Step.VERIFY)
    assert ledger.grant(card.id) == b"granted", "whoever finds the card needs its keys"
    with pytest.raises(SscardError, match="it is failed"):
        ledger.store_grant(card.id, b"another")
    assert ledger.reopen_failed("batch-1") == 1
    assert ledger.grant(card.id) is None


def test_certificates_come_between_the_data_and_the_end() -> None:
    order = list(CardState)
    at = order.index(CardState.PERSONALIZED)
    assert order[at : at + 5] == [
        CardState.PERSONALIZED,
        CardState.GRANTED,
        CardState.CERTIFIED,
        CardState.BANKED,
        CardState.FINISHED,
    ]
    assert [state for state in order if state.in_work] == order[3:10]
    assert CardState.GRANTED.text.zh and CardState.CERTIFIED.text.en
