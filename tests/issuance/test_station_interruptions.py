"""Cards that are taken out, readers that fail, nobody who brings a card: one station."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.plant import ChipSlot, import_rows, open_ledger

from sscard_ic.base import Text
from sscard_ic.base.secret import Secretive
from sscard_ic.issuance import station as station_module
from sscard_ic.issuance.foreman import CARD_RETURN, Foreman
from sscard_ic.issuance.outcome import MAX_INTERRUPTED_IN_A_ROW, StationOutcome
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.profile import load
from sscard_ic.reader import Connection, Slot
from sscard_ic.reader.connection import always
from sscard_ic.reader.errors import (
    CardRemoved,
    MuteCard,
    NoCard,
    NoReader,
    NoService,
    ReaderBusy,
    ReaderError,
)
from sscard_ic.reader.virtual import deck_of, new_blank
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank

REMOVED = Text("卡被取出", "the card was taken out")
MUTE = Text("卡没有应答", "the card does not answer")


class FakeTime:
    """A clock that goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A ledger with prepared rows, and one station at a time."""

    def __init__(self, folder: Path, vault: SoftwareVault, ledger: Ledger) -> None:
        self.profile = load("dalian")
        self.folder = folder
        self.vault = vault
        self.ledger = ledger
        self.batch = ""
        self.told: list[str] = []
        self.time = FakeTime()

    def order(self, rows: int) -> None:
        self.batch = import_rows(self.ledger, self.profile, self.folder, rows)
        prepare_batch(self.ledger, self.batch, self.profile, self.vault)

    def chips(self, count: int) -> list[Chip]:
        return [blank(self.profile, number.to_bytes(6, "big")) for number in range(1, count + 1)]

    def foreman(self, wait: float | None = None) -> Foreman:
        return Foreman(
            self.ledger,
            self.batch,
            wait=wait,
            tell=lambda text: self.told.append(text.en),
            clock=self.time,
        )

    def run(self, slot: Slot, foreman: Foreman | None = None) -> StationOutcome:
        station = Station(slot, self.ledger, self.profile, self.vault)
        return station.run(self.batch, foreman or self.foreman())

    def states(self) -> dict[CardState, int]:
        return self.ledger.counts(self.batch)


@pytest.fixture
def bench(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger)


class Pulled(Wrapper):
    """The card is taken out after so many exchanges."""

    def __init__(self, inner: Connection, left: int) -> None:
        super().__init__(inner)
        self._left = left

    def transmit(self, command: Secretive) -> bytes:
        if self._left == 0:
            raise CardRemoved(REMOVED)
        self._left -= 1
        return self.inner.transmit(command)


class HastySlot(ChipSlot):
    """Cards are taken out after ``pulls`` exchanges, one number a power-up, and put in again."""

    def __init__(self, pulls: list[int], *chips: Chip) -> None:
        super().__init__(*chips, name="window 3")
        self._pulls = pulls

    def connect(self) -> Connection:
        connection = super().connect()
        return Pulled(connection, self._pulls.pop(0)) if self._pulls else connection

    def release(self, good: bool | None) -> None:
        super().release(good)
        if good is None:
            self.put_in(self.left[-1])


def test_a_card_taken_out_again_and_again_is_finished_in_the_end(bench: Bench) -> None:
    bench.order(1)
    (chip,) = bench.chips(1)
    outcome = bench.run(HastySlot([1, 40, 150, 250], chip))
    assert (outcome.good, outcome.clean) == (1, True)
    assert [entry.row for entry in outcome.interruptions] == [None, 1, 1, 1]
    assert bench.states() == {CardState.VERIFIED: 1}
    assert bench.told[0] == "window 3: the card was taken out"
    assert (
        bench.told[1:]
        == [
            "window 3: the card of row 1 was interrupted (the card was taken out); "
            "put it in again to continue"
        ]
        * 3
    )


def test_interruption_after_interruption_ends_the_station(bench: Bench) -> None:
    bench.order(2)
    slot = HastySlot([3] * 100, *bench.chips(1))
    outcome = bench.run(slot)
    assert len(outcome.interruptions) == MAX_INTERRUPTED_IN_A_ROW == len(slot.left)
    assert outcome.broken_off
    assert not outcome.clean
    assert outcome.end is not None
    assert outcome.end.en == (
        "window 3: 5 interruptions one after the other, so it stopped (the card was taken out); "
        "check the reader"
    )
    assert bench.states() == {CardState.STARTED: 1, CardState.PREPARED: 1}


def test_a_good_card_makes_up_for_interruptions(bench: Bench) -> None:
    bench.order(2)
    bound = MAX_INTERRUPTED_IN_A_ROW - 1
    first, second = bench.chips(2)
    never = 2**16
    slot = HastySlot([3] * bound + [never] + [3] * bound, first, second)
    outcome = bench.run(slot)
    assert len(outcome.interruptions) == 2 * bound
    assert (outcome.good, outcome.clean) == (2, True)


class FailingSlot(ChipSlot):
    """Something else than the card fails, a number of times."""

    def __init__(self, error: ReaderError, where: str, times: int, *chips: Chip) -> None:
        super().__init__(*chips, name="window 3")
        self._error = error
        self._where = where
        self._times = times

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        self._fail("wait")
        return super().wait_card(blank_wanted, still)

    def connect(self) -> Connection:
        self._fail("connect")
        return super().connect()

    def release(self, good: bool | None) -> None:
        super().release(good)
        self._fail("release")

    def _fail(self, where: str) -> None:
        if where == self._where and self._times:
            self._times -= 1
            raise self._error


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks a failing reader again without a pause."""
    monkeypatch.setattr(station_module, "RETRY_PAUSE", 0.0)


def test_a_mute_card_is_left_and_the_others_are_made(bench: Bench) -> None:
    bench.order(2)
    mute, *others = bench.chips(3)
    slot = FailingSlot(MuteCard(MUTE), "connect", 1, mute, *others)
    outcome = bench.run(slot)
    assert (slot.left, slot.good) == ([mute], others)
    (entry,) = outcome.interruptions
    assert (entry.reader, entry.row, entry.error.kind) == ("window 3", None, "mute")
    assert outcome.clean


def test_where_no_row_is_known_the_hint_is_told(bench: Bench) -> None:
    bench.order(1)
    hint = Text("擦净触点", "wipe the contacts")
    bench.run(FailingSlot(MuteCard(MUTE, hint=hint), "connect", 1, *bench.chips(2)))
    assert bench.told == ["window 3: the card does not answer\n  → wipe the contacts"]


class AgainSlot(FailingSlot):
    """A card that was left is offered again."""

    def release(self, good: bool | None) -> None:
        super().release(good)
        if good is None:
            self.put_in(self.left[-1])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", [NoReader, NoCard, NoService])
def test_what_is_gone_before_it_is_powered_is_waited_for(
    bench: Bench, kind: type[ReaderError]
) -> None:
    bench.order(1)
    times = 2 * MAX_INTERRUPTED_IN_A_ROW
    slot = AgainSlot(kind(Text("没有了", "it is gone")), "connect", times, *bench.chips(1))
    outcome = bench.run(slot)
    assert (outcome.good, outcome.interruptions, bench.told) == (1, [], [])


@pytest.mark.usefixtures("impatient")
def test_a_card_that_another_program_holds_is_made_when_it_is_let_go(bench: Bench) -> None:
    bench.order(1)
    busy = ReaderBusy(
        Text("被其他程序占用", "another program holds it"), where="3", hint=Text("关闭", "close it")
    )
    times = 2 * MAX_INTERRUPTED_IN_A_ROW
    outcome = bench.run(AgainSlot(busy, "connect", times, *bench.chips(1)))
    assert (outcome.good, outcome.interruptions) == (1, [])
    assert bench.told == ["window 3: another program holds it\n  → close it"]


@pytest.mark.usefixtures("impatient")
def test_a_card_that_another_program_holds_does_not_lengthen_the_wait(bench: Bench) -> None:
    bench.order(1)

    class Held(AgainSlot):
        waited = 0

        def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
            if not blank_wanted or not still():
                return False
            bench.time.now += 1
            self.waited += 1
            return super().wait_card(blank_wanted, still)

    slot = Held(ReaderBusy(Text("占用", "busy")), "connect", 1000, *bench.chips(1))
    assert bench.run(slot, bench.foreman(wait=30)).good == 0
    assert slot.waited == 30


@pytest.mark.parametrize("kind", [NoReader, ReaderBusy])
def test_what_cannot_be_powered_is_not_sorted(bench: Bench, kind: type[ReaderError]) -> None:
    bench.order(1)
    slot = AgainSlot(kind(Text("没有", "not there")), "connect", 1000, *bench.chips(1))
    station = Station(slot, bench.ledger, bench.profile, bench.vault)
    station.sort_finished(bench.foreman())
    assert len(slot.left) == 1
    assert station.outcome.interruptions == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("times", [1, MAX_INTERRUPTED_IN_A_ROW - 1])
def test_a_reader_that_comes_back_goes_on(bench: Bench, times: int) -> None:
    bench.order(1)
    error = NoService(Text("服务未运行", "the service does not run"))
    outcome = bench.run(FailingSlot(error, "wait", times, *bench.chips(1)))
    assert (outcome.good, len(outcome.interruptions)) == (1, times)


@pytest.mark.usefixtures("impatient")
def test_a_reader_that_stays_away_ends_its_station(bench: Bench) -> None:
    bench.order(1)
    error = NoReader(Text("读写器被拔下", "the reader was unplugged"))
    outcome = bench.run(FailingSlot(error, "wait", 1000, *bench.chips(1)))
    assert outcome.broken_off
    assert outcome.end is not None
    assert "the reader was unplugged" in outcome.end.en
    assert bench.states() == {CardState.PREPARED: 1}


def test_a_good_card_stays_good_when_the_reader_fails_to_let_it_go(bench: Bench) -> None:
    bench.order(2)
    slot = FailingSlot(CardRemoved(REMOVED), "release", 1, *bench.chips(2))
    outcome = bench.run(slot)
    assert (outcome.good, len(outcome.interruptions)) == (2, 1)
    assert bench.states() == {CardState.VERIFIED: 2}


class EmptySlot(ChipSlot):
    """Nobody brings a card; time passes while the slot waits."""

    def __init__(self, time: FakeTime, patience: float) -> None:
        super().__init__(name="window 3")
        self._time = time
        self._end = time.now + patience
        self.waited = 0.0

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        begun = self._time.now
        while still() and self._time.now < self._end:
            self._time.now += 1
        self.waited += self._time.now - begun
        return super().wait_card(blank_wanted, still)


def test_nobody_brings_a_card(bench: Bench) -> None:
    bench.order(1)
    slot = EmptySlot(bench.time, patience=10_000)
    foreman = bench.foreman(wait=30)
    assert bench.run(slot, foreman).good == 0
    assert slot.waited == 30
    assert foreman.over, "no further round waits as long again"


def test_nobody_brings_the_next_card(bench: Bench) -> None:
    """It is waited for as long again as for the first one, from when that one was done."""
    bench.order(2)

    class Once(EmptySlot):
        def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
            self._end = bench.time.now + (20 if not self.good else 10_000)
            return super().wait_card(blank_wanted, still)

    slot = Once(bench.time, patience=0)
    slot.put_in(*bench.chips(1))
    assert bench.run(slot, bench.foreman(wait=30)).good == 1
    assert slot.waited == 20 + 30


def test_no_card_is_missed_while_one_is_in_work_elsewhere(bench: Bench) -> None:
    bench.order(2)
    foreman = bench.foreman(wait=30)
    visit = foreman.reserve()
    assert visit is not None
    bench.time.now += 100
    assert foreman.wanted()
    foreman.settle(visit)
    assert foreman.wanted()
    bench.time.now += 30
    assert not foreman.wanted()


def test_a_prepared_row_is_waited_for_as_long_as_it_takes(bench: Bench) -> None:
    bench.order(1)
    slot = EmptySlot(bench.time, patience=10 * CARD_RETURN)
    slot.put_in(*bench.chips(1))
    assert bench.run(slot).good == 1
    assert slot.waited == 10 * CARD_RETURN


def test_cards_in_work_that_lie_nowhere_are_waited_for_a_while(bench: Bench) -> None:
    bench.order(2)
    bench.run(HastySlot([3] * 100, *bench.chips(1)))
    second = ChipSlot(blank(bench.profile, bytes.fromhex("0000000000B1")))
    assert bench.run(second).good == 1
    bench.told.clear()
    slot = EmptySlot(bench.time, patience=10_000)
    outcome = bench.run(slot)
    assert slot.waited == CARD_RETURN
    assert (outcome.good, outcome.clean) == (0, True)
    assert bench.told == ["waiting up to 60 s for cards in work, of row 1: put them in again"]


def test_no_card_is_waited_for_when_no_row_waits(bench: Bench) -> None:
    bench.order(1)
    bench.run(ChipSlot(*bench.chips(1)))

    class Untouched(ChipSlot):
        def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
            raise AssertionError("no card is wanted")

    assert bench.run(Untouched()).good == 0


def test_a_halted_run_leaves_its_card_between_two_exchanges(bench: Bench) -> None:
    bench.order(1)
    foreman = bench.foreman()
    sent: list[int] = []

    class Last(Wrapper):
        def transmit(self, command: Secretive) -> bytes:
            sent.append(len(command))
            if len(sent) == 100:
                foreman.halt()
            return self.inner.transmit(command)

    class LastSlot(ChipSlot):
        def connect(self) -> Connection:
            return Last(super().connect())

    (chip,) = bench.chips(1)
    slot = LastSlot(chip, *bench.chips(1))
    outcome = bench.run(slot, foreman)
    assert len(sent) == 100
    assert slot.left == [chip]
    assert (outcome.good, outcome.interruptions, outcome.clean) == (0, [], True)
    assert bench.run(ChipSlot(chip)).good == 1


HOLD = """
import sys
from pathlib import Path
from sscard_ic.simulator import open_image

card = open_image(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("impatient")
def test_an_image_that_another_program_uses_is_passed_over(bench: Bench) -> None:
    bench.order(2)
    folder = bench.folder / "deck"
    images = sorted(new_blank(bench.profile, folder) for _ in range(3))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(images[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        outcome = bench.run(deck_of(folder))
    finally:
        holder.communicate()
    assert outcome.good == 2
    assert outcome.interruptions == []
    (told,) = bench.told
    assert told.startswith("virtual:deck: the image is in use")
    assert list(folder.glob("*.img")) == [images[0]]
    assert list((folder / "rejected").glob("*")) == []
