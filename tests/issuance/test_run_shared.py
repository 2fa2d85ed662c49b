"""What stations share: keys, ledger, and what they learn about a card type."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.plant import Issued, import_rows, issue, open_ledger

from sscard_ic.base import SscardError
from sscard_ic.base.secret import Secretive
from sscard_ic.card import SocialSecurityCard
from sscard_ic.card.habits import Habits
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.keys import CardKey, Protection, SoftwareVault
from sscard_ic.ledger import CardState, Ledger, Phase, Step
from sscard_ic.profile import load
from sscard_ic.profile.dialect import Features
from sscard_ic.reader import Connection, Tally, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper

PATIENCE = 60
WORKERS = 8
ROWS = 20
_CITIES: tuple[tuple[str, Algorithm], ...] = (("210200", "3des"), ("650100", "sm4"))

Result = TypeVar("Result")


def at_once(jobs: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of jobs that begin at the same time, each in its thread."""
    barrier = threading.Barrier(len(jobs))
    results: dict[int, Result] = {}

    def work(place: int) -> None:
        barrier.wait(PATIENCE)
        results[place] = jobs[place]()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return [results[place] for place in range(len(jobs))]


def test_keys_answer_every_thread_alike(plant_vault: SoftwareVault) -> None:
    """Cards of two cities, 3DES and SM4, in turn; every capability that a station uses."""
    sealer = plant_vault.sealer()

    def use(worker: int) -> list[bytes]:
        answers = []
        for number in range(40):
            factor = (number * WORKERS + worker).to_bytes(8, "big")
            city, algorithm = _CITIES[number % 2]
            key = CardKey("UKSSSE", 1, city, factor, algorithm)
            control = CardKey("MKSSSE", 1, city, factor, algorithm)
            protection = Protection("enciphered_mac", 0x84, control, bytes(8))
            answers += [
                plant_vault.cryptogram(key, bytes(8), factor),
                plant_vault.mac(control, factor),
                plant_vault.transport_code(factor[2:]).reveal(),
                plant_vault.load_key(bytes(4), bytes(8), key, protection).reveal(),
                plant_vault.digest(factor.hex(), "test").encode(),
                sealer.unseal(sealer.seal(factor, "test"), "test"),
            ]
        return answers

    expected = [use(worker) for worker in range(WORKERS)]
    assert at_once([partial(use, worker) for worker in range(WORKERS)]) == expected


@pytest.fixture
def ledger(tmp_path: Path, plant_vault: SoftwareVault) -> Ledger:
    return open_ledger(tmp_path / "ledger.db", plant_vault)


def test_every_row_is_claimed_by_one_thread(
    tmp_path: Path, plant_vault: SoftwareVault, ledger: Ledger
) -> None:
    profile = load("dalian")
    with ledger:
        batch = import_rows(ledger, profile, tmp_path, ROWS)
        prepare_batch(ledger, batch, profile, plant_vault)

        def claim(worker: int) -> list[int]:
            rows = []
            for number in range(ROWS):
                chip = bytes((0, 0, 0, 0, worker, number))
                card = ledger.claim_next(batch, f"station {worker}", chip)
                if card is None:
                    break
                assert card.chip_serial == chip
                step, state = Step.INITIALISE, CardState.INITIALISED
                ledger.complete(card.id, step, state, station=f"station {worker}", chip_serial=chip)
                rows.append(card.row)
            return rows

        claimed = at_once([partial(claim, worker) for worker in range(WORKERS)])
        assert sorted(row for rows in claimed for row in rows) == list(range(1, ROWS + 1))
        assert ledger.counts(batch) == {CardState.INITIALISED: ROWS}
        for worker, rows in enumerate(claimed):
            assert rows == sorted(rows)
            for card in ledger.cards_of(batch):
                stations = {entry.station for entry in ledger.journal_of(card.id)}
                assert (stations == {f"station {worker}"}) is (card.row in rows)
        phases = [e.phase for card in ledger.cards_of(batch) for e in ledger.journal_of(card.id)]
        assert phases == [Phase.BEGIN, Phase.END] * ROWS


def test_a_chip_is_claimed_for_one_row(
    tmp_path: Path, plant_vault: SoftwareVault, ledger: Ledger
) -> None:
    profile = load("dalian")
    with ledger:
        batch = import_rows(ledger, profile, tmp_path, WORKERS)
        prepare_batch(ledger, batch, profile, plant_vault)

        def claim() -> bool:
            try:
                return ledger.claim_next(batch, "station", bytes(6)) is not None
            except SscardError as error:
                assert "carries another card already" in error.what.en
                return False

        assert sorted(at_once([claim] * WORKERS)) == [False] * (WORKERS - 1) + [True]
        assert ledger.counts(batch) == {CardState.STARTED: 1, CardState.PREPARED: WORKERS - 1}
        assert ledger.count(batch, (CardState.PREPARED,), 3) == 3
        assert ledger.count(batch, (CardState.PREPARED, CardState.STARTED), 99) == WORKERS
        assert ledger.count(batch, (CardState.FAILED,), 99) == 0


class Turns(Wrapper):
    """Sends a command only when it is this reader's turn, by a schedule of names."""

    def __init__(self, inner: Connection, name: str, schedule: Schedule) -> None:
        super().__init__(inner)
        self._name = name
        self._schedule = schedule

    def transmit(self, command: Secretive) -> bytes:
        self._schedule.wait_for_turn(self._name)
        return self.inner.transmit(command)


class Schedule:
    """Whose exchange is next; who is not in it goes on when it is used up."""

    def __init__(self, names: str) -> None:
        self._names = list(names)
        self._changed = threading.Condition()
        self._gone: set[str] = set()

    def wait_for_turn(self, name: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._next() in ("", name), PATIENCE)
            if self._names:
                self._names.pop(0)
            self._changed.notify_all()

    def leave(self, name: str) -> None:
        with self._changed:
            self._gone.add(name)
            self._changed.notify_all()

    def _next(self) -> str:
        while self._names and self._names[0] in self._gone:
            self._names.pop(0)
        return self._names[0] if self._names else ""


CARD_TYPES = [
    Features(sfi=sfi, all_records=all_records)
    for sfi in (False, True)
    for all_records in (False, True)
]
LEARNING = 5
"""Exchanges within which a reader has learned a card type."""


@pytest.mark.parametrize("features", CARD_TYPES, ids=lambda f: f"{f.sfi:d}{f.all_records:d}")
def test_two_stations_that_learn_a_card_type_at_once_learn_it_right(
    tmp_path: Path, plant_vault: SoftwareVault, features: Features
) -> None:
    """Every way in which the first exchanges of two readers may follow one another."""
    cards = [issue(tmp_path, plant_vault, "dalian", features=features) for _ in range(2)]
    alone = Habits()
    expected, _ = read(cards[0], alone)
    _, learned = read(cards[0], alone)
    for ahead in range(LEARNING + 1):
        for between in range(1, LEARNING + 1):
            habits = Habits()
            schedule = Schedule("A" * ahead + "B" * between + "A" * 50 + "B" * 50)
            first, second = (
                partial(read, card, habits, name, schedule)
                for card, name in zip(cards, "AB", strict=True)
            )
            values = [value for value, _ in at_once([first, second])]
            assert values == [expected, expected], (ahead, between)
            # The next card costs what it costs when one has learned alone.
            values_of_next, exchanges = read(cards[0], habits)
            assert (values_of_next, exchanges <= learned + 1) == (expected, True), (ahead, between)
            assert read(cards[0], habits) == (expected, learned), (ahead, between)


def read(
    card: Issued, habits: Habits, name: str = "", schedule: Schedule | None = None
) -> tuple[dict[str, bytes], int]:
    """The basic information and the exchanges for it."""
    tally = Tally()
    driver: Connection = VirtualConnection(card.chip)
    if schedule is not None:
        driver = Turns(driver, name, schedule)
    session = open_session(driver, tally=tally)
    reading = SocialSecurityCard(session, card.profile, habits=habits).read_basic()
    if schedule is not None:
        schedule.leave(name)
    return reading.values, tally.exchanges
