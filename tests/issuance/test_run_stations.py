"""Several stations side by side on one ledger: every row once, every stop and every end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from tests.support.plant import ChipSlot, import_rows, open_ledger, sample_row

from sscard_ic.base import Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import HabitBook, SocialSecurityCard
from sscard_ic.codec.text import decode_an
from sscard_ic.issuance.foreman import Foreman
from sscard_ic.issuance.outcome import MAX_BAD_IN_A_ROW, Outcome
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import Card, CardState, Ledger, Phase, SerialState, Step
from sscard_ic.profile import load
from sscard_ic.reader import Connection, Slot, open_session
from sscard_ic.reader.connection import always
from sscard_ic.reader.errors import CardRemoved
from sscard_ic.reader.virtual import VirtualDeck, new_blank, open_virtual
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank

PATIENCE = 60
"""Seconds after which a test that waits for another thread has failed."""

READERS = "ABCD"
STEPS = (Step.INITIALISE, Step.PERSONALIZE, Step.FINISH, Step.VERIFY)


class Hall:
    """A ledger with one batch, and runs of it at several readers."""

    def __init__(self, folder: Path, vault: SoftwareVault, ledger: Ledger) -> None:
        self.profile = load("dalian")
        self.folder = folder
        self.vault = vault
        self.ledger = ledger
        self.batch = ""
        self.told: list[str] = []
        self.outcome = Outcome()

    def order(self, rows: int) -> None:
        self.batch = import_rows(self.ledger, self.profile, self.folder, rows)

    def chips(self, *numbers: int) -> list[Chip]:
        return [blank(self.profile, number.to_bytes(6, "big")) for number in numbers]

    def run(
        self,
        *slots: Slot,
        limit: int | None = None,
        on_card: Callable[[Card], None] = lambda card: None,
    ) -> Outcome:
        habits = HabitBook()
        stations = [
            Station(slot, self.ledger, self.profile, self.vault, habits=habits, on_card=on_card)
            for slot in slots
        ]
        return run_batch(
            stations,
            self.ledger,
            self.batch,
            self.profile,
            self.vault,
            outcome=self.outcome,
            limit=limit,
            tell=lambda text: self.told.append(text.en),
        )

    def states(self) -> dict[CardState, int]:
        return self.ledger.counts(self.batch)

    def assert_each_made_once(self, rows: int) -> None:
        """All rows verified, on as many chips, every step begun once and ended once."""
        assert self.states() == {CardState.VERIFIED: rows}
        cards = self.ledger.cards_of(self.batch)
        assert len({card.chip_serial for card in cards}) == rows
        assert len({card.serial for card in cards}) == rows
        for card in cards:
            journal = [
                (entry.step, entry.phase)
                for entry in self.ledger.journal_of(card.id)
                if entry.chip_serial == card.chip_serial
            ]
            assert journal == [
                (step, phase) for step in STEPS for phase in (Phase.BEGIN, Phase.END)
            ]


@pytest.fixture
def hall(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Hall]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Hall(tmp_path, plant_vault, ledger)


class Meeting:
    """Lets nobody pass before so many are there; afterwards everybody."""

    def __init__(self, parties: int) -> None:
        self._over = threading.Event()
        self._barrier = threading.Barrier(parties, self._over.set)

    def attend(self) -> None:
        if not self._over.is_set():
            self._barrier.wait(PATIENCE)


class Together(ChipSlot):
    """Its first card is powered when the others of the meeting have their first one too."""

    def __init__(self, meeting: Meeting, *chips: Chip, name: str) -> None:
        super().__init__(*chips, name=name)
        self._meeting = meeting

    def connect(self) -> Connection:
        self._meeting.attend()
        return super().connect()


class Watched(Wrapper):
    """Calls ``before`` with every command that is about to be sent."""

    def __init__(self, inner: Connection, before: Callable[[bytes], None]) -> None:
        super().__init__(inner)
        self._before = before

    def transmit(self, command: Secretive) -> bytes:
        self._before(command.reveal() if isinstance(command, Secret) else command)
        return self.inner.transmit(command)


class WatchedSlot(ChipSlot):
    """A slot whose cards are :class:`Watched`."""

    def __init__(self, before: Callable[[bytes], None], *chips: Chip, name: str) -> None:
        super().__init__(*chips, name=name)
        self._before = before

    def connect(self) -> Connection:
        return Watched(super().connect(), self._before)


class BadMemory(Wrapper):
    """Answers 6581 to writing the photo, as a worn-out chip would."""

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        return b"\x65\x81" if raw[1] == 0xD6 else self.inner.transmit(command)


class BadSlot(ChipSlot):
    """A slot with a stack of worn-out chips."""

    def connect(self) -> Connection:
        return BadMemory(super().connect())


class IdleSlot(ChipSlot):
    """A reader into which nobody puts a card; it waits as long as one is wanted."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.waited = threading.Event()

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        if not blank_wanted:
            return False
        end = threading.Event()
        for _ in range(100 * PATIENCE):
            if not still():
                return False
            self.waited.set()
            end.wait(0.01)
        raise AssertionError("a card is still waited for")


class DeckTogether(VirtualDeck):
    """A deck whose first card is powered when the others of the meeting have theirs too."""

    def __init__(self, folder: Path, meeting: Meeting) -> None:
        super().__init__(folder, folder / "good", folder / "rejected")
        self._meeting = meeting

    def connect(self) -> Connection:
        self._meeting.attend()
        return super().connect()


def test_forty_cards_at_four_readers_are_made_once(hall: Hall) -> None:
    hall.order(40)
    meeting = Meeting(len(READERS))
    decks = []
    for name in READERS:
        folder = hall.folder / name
        for _ in range(12):
            new_blank(hall.profile, folder)
        decks.append(DeckTogether(folder, meeting))
    outcome = hall.run(*decks)
    assert outcome.clean
    assert outcome.good == 40
    hall.assert_each_made_once(40)
    assert hall.ledger.serial_counts(hall.batch) == {SerialState.USED: 40}
    images = sorted(hall.folder.glob("*/good/*.img"))
    assert len(images) == 40
    assert len(list(hall.folder.glob("*/*.img"))) == 8
    for name, station in zip(READERS, outcome.stations, strict=True):
        assert station.reader == f"virtual:{name}"
        assert 0 < station.good == len(list((hall.folder / name / "good").iterdir()))
    assert_images_bear_their_rows(hall, images)


def assert_images_bear_their_rows(hall: Hall, images: list[Path]) -> None:
    by_chip = {card.chip_serial: card for card in hall.ledger.cards_of(hall.batch)}
    for image in images:
        session = open_session(open_virtual(image))
        values = SocialSecurityCard(session, hall.profile).read_basic().values
        session.close()
        row = sample_row("dalian", by_chip[bytes.fromhex(image.stem)].row)
        assert decode_an(values["SSSE.EF05.07"]) == row["AAZ500"]


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_a_limit_is_exact_over_all_readers(hall: Hall, limit: int) -> None:
    """Four cards lie ready; as many as are wanted are in work at the same time."""
    hall.order(8)
    meeting = Meeting(min(limit, len(READERS)))
    slots = [
        Together(meeting, *hall.chips(place, place + 10, place + 20), name=name)
        for place, name in enumerate(READERS, 1)
    ]
    outcome = hall.run(*slots, limit=limit)
    assert outcome.good == sum(len(slot.good) for slot in slots) == limit
    assert outcome.clean
    assert hall.states() == {CardState.VERIFIED: limit, CardState.PREPARED: 8 - limit}


def test_a_place_under_the_limit_is_given_back_by_a_bad_card(hall: Hall) -> None:
    hall.order(4)
    meeting = Meeting(2)
    good, bad = hall.chips(1, 2, 3), hall.chips(4)

    class BadTogether(Together):
        def connect(self) -> Connection:
            return BadMemory(super().connect())

    outcome = hall.run(
        Together(meeting, *good, name="A"), BadTogether(meeting, *bad, name="B"), limit=2
    )
    assert (outcome.good, len(outcome.failures)) == (2, 1)
    assert hall.states()[CardState.VERIFIED] == 2


def test_a_reader_with_bad_cards_stops_alone(hall: Hall) -> None:
    hall.order(6)
    worn = hall.chips(*range(101, 110))
    bad, good = BadSlot(*worn, name="A"), ChipSlot(*hall.chips(*range(1, 9)), name="B")
    outcome = hall.run(bad, good)
    stopped, other = outcome.stations
    assert (stopped.stopped, other.stopped, outcome.stopped) == (True, False, True)
    assert len(stopped.failures) == len(bad.rejected) == MAX_BAD_IN_A_ROW
    assert other.good == outcome.good == 6
    hall.assert_each_made_once(6)
    assert not outcome.clean
    (end,) = outcome.ends
    assert end.en.startswith("A: card after card was bad")
    assert end.en in hall.told


def test_failures_are_told_in_the_order_of_rows(hall: Hall) -> None:
    hall.order(4)
    meeting = Meeting(2)

    class BadTogether(Together):
        def connect(self) -> Connection:
            return BadMemory(super().connect())

    outcome = hall.run(
        BadTogether(meeting, *hall.chips(1, 2), name="A"),
        BadTogether(meeting, *hall.chips(3, 4), name="B"),
    )
    rows = [row for row, _ in outcome.failures]
    assert rows == sorted(rows)
    assert len(rows) == 4


def test_what_goes_wrong_outside_the_cards_ends_all_after_their_present_card(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall.order(8)
    meeting = Meeting(2)
    stopped = threading.Event()
    stop = Foreman.stop

    def tell_stop(foreman: Foreman) -> None:
        stop(foreman)
        stopped.set()

    monkeypatch.setattr(Foreman, "stop", tell_stop)

    def on_card(card: Card) -> None:
        if threading.current_thread().name == "A":
            raise RuntimeError("the printer is on fire")

    def before(raw: bytes) -> None:
        if raw[1] == 0xD6:
            assert stopped.wait(PATIENCE)

    class InWork(Together):
        def connect(self) -> Connection:
            return Watched(super().connect(), before)

    first = Together(meeting, *hall.chips(1, 2), name="A")
    second = InWork(meeting, *hall.chips(3, 4, 5, 6), name="B")
    with pytest.raises(RuntimeError, match="on fire"):
        hall.run(first, second, on_card=on_card)
    assert len(second.good) == 1
    assert hall.states() == {CardState.VERIFIED: 2, CardState.PREPARED: 6}
    assert [reader for reader, _ in hall.outcome.errors] == ["A"]
    assert hall.outcome.good == 2


def test_errors_at_several_readers_are_all_kept(hall: Hall) -> None:
    hall.order(4)
    meeting = Meeting(2)

    def on_card(card: Card) -> None:
        raise OSError(f"disk of {threading.current_thread().name} is full")

    with pytest.raises(OSError, match="disk of A is full"):
        hall.run(
            Together(meeting, *hall.chips(1), name="A"),
            Together(meeting, *hall.chips(2), name="B"),
            on_card=on_card,
        )
    assert [f"{reader}: {error}" for reader, error in hall.outcome.errors] == [
        "A: disk of A is full",
        "B: disk of B is full",
    ]


def test_a_reader_without_cards_ends_when_the_last_row_is_done_elsewhere(hall: Hall) -> None:
    hall.order(3)
    idle = IdleSlot("B")

    def before(raw: bytes) -> None:
        assert idle.waited.wait(PATIENCE)

    outcome = hall.run(WatchedSlot(before, *hall.chips(1, 2, 3), name="A"), idle)
    assert outcome.clean
    hall.assert_each_made_once(3)


@pytest.mark.parametrize("moment", ["before its claim", "after its claim"])
def test_a_blank_is_kept_for_the_row_that_another_reader_may_spoil(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The only row is in work at A, whose card is bad; B must not waste its only blank.

    B has its blank, and decides about it, while A is at a certain command.
    """
    hall.order(1)
    instruction = {"before its claim": 0xE0, "after its claim": 0xD6}[moment]
    begun, decided = threading.Event(), threading.Event()
    count = Ledger.count

    def counted(ledger: Ledger, batch: str, states: Collection[CardState], most: int) -> int:
        found = count(ledger, batch, states, most)
        if threading.current_thread().name == "B" and begun.is_set():
            decided.set()
        return found

    monkeypatch.setattr(Ledger, "count", counted)

    def before(raw: bytes) -> None:
        if raw[1] == instruction:
            begun.set()
            assert decided.wait(PATIENCE)

    class Worn(BadSlot):
        def connect(self) -> Connection:
            return Watched(super().connect(), before)

    class Later(ChipSlot):
        def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
            assert begun.wait(PATIENCE)
            return super().wait_card(blank_wanted, still)

    spare = Later(*hall.chips(2), name="B")
    outcome = hall.run(Worn(*hall.chips(1), name="A"), spare)
    assert [station.good for station in outcome.stations] == [0, 1]
    assert (len(spare.good), spare.left) == (1, [])
    assert hall.states() == {CardState.VERIFIED: 1}


def test_a_blank_is_kept_for_a_spoilt_row_while_another_row_waits_for_its_card(hall: Hall) -> None:
    """The last blank is not spent on looking whether it is the card that was taken out."""
    hall.order(2)
    gone, worn, spare = hall.chips(1, 2, 3)

    class Mixed(ChipSlot):
        cards = 0

        def connect(self) -> Connection:
            self.cards += 1
            connection = super().connect()
            if self.cards == 1:
                return Watched(connection, pull_at_photo)
            return BadMemory(connection) if self.cards == 2 else connection

    def pull_at_photo(raw: bytes) -> None:
        if raw[1] == 0xD6:
            raise CardRemoved(Text("卡被取出", "the card was taken out"))

    slot = Mixed(gone, worn, spare, name="A")
    outcome = hall.run(slot)
    assert (slot.left, slot.rejected, slot.good) == ([gone], [worn], [spare])
    assert (outcome.good, [row for row, _ in outcome.failures]) == (1, [2])
    assert hall.states() == {CardState.INITIALISED: 1, CardState.VERIFIED: 1}


def test_a_copied_chip_is_not_made_twice(hall: Hall) -> None:
    hall.order(2)
    meeting = Meeting(2)
    slots = [Together(meeting, *hall.chips(7), name=name) for name in "AB"]
    outcome = hall.run(*slots)
    assert (outcome.good, len(outcome.rejected)) == (1, 1)
    assert sorted(len(slot.good) for slot in slots) == [0, 1]
    assert hall.states() == {CardState.VERIFIED: 1, CardState.PREPARED: 1}
    made, _ = hall.ledger.cards_of(hall.batch)
    entries = hall.ledger.journal_of(made.id)
    assert [entry.phase for entry in entries] == [Phase.BEGIN, Phase.END] * len(STEPS)


@pytest.mark.parametrize("noticed", ["before", "after"])
def test_a_card_that_was_taken_out_is_finished_at_another_reader(hall: Hall, noticed: str) -> None:
    """Also when the first reader notices only after the other one has the card."""
    hall.order(2)
    (chip,) = hall.chips(1)
    connected = threading.Event()

    class Second(IdleSlot):
        card_there = threading.Event()

        def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
            if blank_wanted and not self.good:
                assert self.card_there.wait(PATIENCE)
                return ChipSlot.wait_card(self)
            return False

        def connect(self) -> Connection:
            connection = super().connect()
            connected.set()
            return connection

    second = Second("B")

    def before(raw: bytes) -> None:
        if raw[1] == 0xD6:
            second.put_in(chip)
            second.card_there.set()
            if noticed == "after":
                assert connected.wait(PATIENCE)
            raise CardRemoved(Text("卡被取出", "the card was taken out"))

    class First(WatchedSlot):
        def release(self, good: bool | None) -> None:
            # The card is gone: whatever this reader does, it keeps its power in the other one.
            self.left.append(chip)

    first = First(before, chip, name="A")
    outcome = hall.run(first, second)
    assert outcome.clean
    assert (first.left, second.good) == ([chip], [chip])
    (interruption,) = outcome.interruptions
    assert (interruption.reader, interruption.row) == ("A", 1)
    assert hall.states() == {CardState.VERIFIED: 1, CardState.PREPARED: 1}
    assert len(hall.told) == 1
    assert "A: the card of row 1 was interrupted (the card was taken out)" in hall.told[0]


def test_a_single_station_too_leaves_the_calling_thread_free_for_ctrl_c(hall: Hall) -> None:
    hall.order(1)
    names: list[str] = []
    hall.run(
        ChipSlot(*hall.chips(1), name="A"),
        on_card=lambda card: names.append(threading.current_thread().name),
    )
    assert names == ["A"]
