"""A folder of cards in one slot of a reader, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulator.cards import with_dialect
from tests.support.vpcd_driver import NoAnswer, VpcdDriver

from sscard_ic.base import InputError, Text
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import (
    Fault,
    FaultFile,
    ImageInUse,
    NoVpcdReader,
    SlotEvent,
    VirtualCard,
    VpcdDeck,
    VpcdSlot,
    VpcdTimes,
    blank,
    open_card,
)

QUICK = VpcdTimes(patience=5, silence=60, empty=0.03, back=0.03, retry=0.01)
REST = 0.05
CHALLENGE = "0084000008"
PATIENCE = 10.0


def make(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        number = sum(name.encode())
        blank(with_dialect(), number.to_bytes(6, "big"), path=folder / f"{name}.img").close()


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.img"))


class Bench:
    """A deck that runs in a thread, and a client at the driver's side."""

    def __init__(
        self,
        folder: Path,
        driver: VpcdDriver,
        times: VpcdTimes = QUICK,
        open_image: Callable[[Path], VirtualCard] = open_card,
        rest: float = REST,
    ) -> None:
        self.driver = driver
        self.inserted: list[str] = []
        self.skipped: list[InputError] = []
        self.finished = -1
        self.slot = VpcdSlot(driver.port, times=times, on_event=self._note)
        self.deck = VpcdDeck(
            self.slot, folder, rest=rest, open_card=open_image, on_skip=self.skipped.append
        )

    def _note(self, event: SlotEvent) -> None:
        if event.kind == "inserted":
            self.inserted.append(Path(event.card).stem)

    @contextmanager
    def running(self, *, until_empty: bool = False) -> Iterator[None]:
        def run() -> None:
            self.finished = self.deck.run(until_empty=until_empty)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
            if until_empty:
                thread.join(PATIENCE)
                assert not thread.is_alive()
        finally:
            self.deck.stop()
            thread.join(PATIENCE)

    def await_card(self, number: int) -> None:
        """The card that is put in as the ``number``-th one."""
        self.driver.wait(lambda: self.driver.seen >= number and self.driver.present)

    def use(self, number: int) -> None:
        """A client's session with it."""
        self.await_card(number)
        self.driver.power_on()
        self.driver.apdu(CHALLENGE)
        self.driver.power_off()


@pytest.fixture
def driver() -> Iterator[VpcdDriver]:
    with VpcdDriver() as driver:
        yield driver


def test_used_cards_make_room_in_the_order_of_their_names(
    tmp_path: Path, driver: VpcdDriver
) -> None:
    make(tmp_path, "b", "a", "c")
    bench = Bench(tmp_path, driver)
    with bench.running(until_empty=True):
        for number in (1, 2, 3):
            bench.use(number)
    assert bench.inserted == ["a", "b", "c"]
    assert (names(tmp_path), names(tmp_path / "done")) == ([], ["a", "b", "c"])
    assert bench.finished == 3
    assert bench.slot.state == "empty"


def test_a_card_that_was_not_used_stays(tmp_path: Path, driver: VpcdDriver) -> None:
    """A service powers every card up to look at it, and down again."""
    make(tmp_path, "a")
    bench = Bench(tmp_path, driver)
    with bench.running():
        bench.await_card(1)
        driver.power_on()
        driver.power_off()
        assert bench.slot.wait(lambda: not bench.slot.powered, PATIENCE)
        assert bench.slot.resting is None
        # In use it stays as well.
        driver.power_on()
        driver.apdu(CHALLENGE)
        assert bench.slot.resting is None
        # So does one whose power is back at once.
        with driver.alone():
            driver.power_off()
            driver.power_on()
        driver.apdu(CHALLENGE)
        driver.looks()
        assert (bench.slot.resting, driver.seen) == (None, 1)
    assert names(tmp_path) == ["a"]
    assert bench.finished == 0


def test_a_card_that_was_begun_comes_back_once(tmp_path: Path, driver: VpcdDriver) -> None:
    """Whoever was stopped in the middle of its personalization goes on with it."""
    make(tmp_path, "a", "c")
    profile = load("dalian")
    image = new_blank(profile, tmp_path)
    connection = open_virtual(image)
    SpecimenMaker(profile).make(open_session(connection), "initialised")
    connection.close()
    image.rename(tmp_path / "b.img")
    bench = Bench(tmp_path, driver)
    with bench.running(until_empty=True):
        for number in (1, 2, 3, 4):
            bench.use(number)
    assert bench.inserted == ["a", "b", "b", "c"]
    assert names(tmp_path / "done") == ["a", "b", "c"]
    assert bench.finished == 3


def test_a_card_may_be_finished_as_soon_as_it_has_no_power(
    tmp_path: Path, driver: VpcdDriver
) -> None:
    make(tmp_path, "a", "b")
    bench = Bench(tmp_path, driver, rest=0)
    with bench.running(until_empty=True):
        driver.looks(10)
        assert bench.inserted == ["a"]
        bench.use(1)
        bench.use(2)
    assert names(tmp_path / "done") == ["a", "b"]


def test_faults_on_order_move_with_the_card_and_no_name_is_taken_twice(
    tmp_path: Path, driver: VpcdDriver
) -> None:
    make(tmp_path, "a")
    make(tmp_path / "done", "a", "a-2")
    fault = Fault("removed", after=99)
    FaultFile(tmp_path / "a.img").order(fault)
    bench = Bench(tmp_path, driver)
    with bench.running(until_empty=True):
        bench.use(1)
    assert names(tmp_path / "done") == ["a", "a-2", "a-3"]
    assert list(FaultFile(tmp_path / "done" / "a-3.img").read().values()) == [fault]
    assert not (tmp_path / "a.img.faults").exists()


def lose(bench: Bench, number: int) -> None:
    """A session in which the card loses itself."""
    bench.await_card(number)
    bench.driver.power_on()
    with pytest.raises(NoAnswer):
        bench.driver.apdu(CHALLENGE)


def test_a_lost_card_comes_back_before_the_others(tmp_path: Path, driver: VpcdDriver) -> None:
    make(tmp_path, "a", "b")
    FaultFile(tmp_path / "a.img").order(Fault("removed"))
    bench = Bench(tmp_path, driver)
    with bench.running(until_empty=True):
        lose(bench, 1)
        bench.await_card(2)
        assert names(tmp_path) == ["a", "b"]
        bench.use(2)
        bench.use(3)
    assert bench.inserted == ["a", "b"]
    assert names(tmp_path / "done") == ["a", "b"]


def test_a_lost_card_that_stays_out_is_passed_over(tmp_path: Path, driver: VpcdDriver) -> None:
    make(tmp_path, "a", "b")
    FaultFile(tmp_path / "a.img").order(Fault("removed"))
    bench = Bench(tmp_path, driver, replace(QUICK, back=None))
    with bench.running(until_empty=True):
        lose(bench, 1)
        bench.use(2)
    assert (names(tmp_path), names(tmp_path / "done")) == (["a"], ["b"])


def test_what_cannot_be_used_is_passed_over_and_told_once(
    tmp_path: Path, driver: VpcdDriver
) -> None:
    make(tmp_path, "b", "c")
    (tmp_path / "a.img").write_text("no card\n")
    (tmp_path / "notes.txt").write_text("nor this\n")
    in_use = True

    def open_image(path: Path) -> VirtualCard:
        if path.stem == "b" and in_use:
            raise ImageInUse(Text("使用中", "in use"), where=str(path))
        return open_card(path)

    bench = Bench(tmp_path, driver, open_image=open_image)
    with bench.running(until_empty=True):
        bench.await_card(1)
        in_use = False
        bench.use(1)
        bench.use(2)
    assert bench.inserted == ["c", "b"]
    assert [Path(error.where).stem for error in bench.skipped] == ["a", "b"]
    assert (names(tmp_path), names(tmp_path / "done")) == (["a"], ["b", "c"])


def test_an_empty_deck_waits_for_more(tmp_path: Path, driver: VpcdDriver) -> None:
    bench = Bench(tmp_path, driver)
    with bench.running():
        make(tmp_path, "late")
        bench.use(1)
        assert bench.slot.wait(lambda: names(tmp_path / "done") == ["late"], PATIENCE)
    assert names(tmp_path / "done") == ["late"]


def test_a_service_that_stops_between_two_cards_is_waited_for(
    tmp_path: Path, driver: VpcdDriver
) -> None:
    make(tmp_path, "a", "b")
    bench = Bench(tmp_path, driver)
    with bench.running(until_empty=True):
        bench.use(1)
        driver.stop()
        with VpcdDriver(port=driver.port) as again:
            bench.driver = again
            done = tmp_path / "done"
            # When it stopped, the first card was either finished or still there.
            bench.await_card(1)
            if "a" not in names(done):
                bench.use(1)
                bench.use(2)
            else:
                bench.use(1)
            assert bench.slot.wait(lambda: not names(tmp_path), PATIENCE)
    assert names(done) == ["a", "b"]


def test_no_reader_at_the_start_is_an_error(tmp_path: Path, driver: VpcdDriver) -> None:
    make(tmp_path, "a")
    driver.stop()
    deck = VpcdDeck(VpcdSlot(driver.port, times=QUICK), tmp_path)
    with pytest.raises(NoVpcdReader):
        deck.run()
    assert names(tmp_path) == ["a"]


def test_a_deck_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        VpcdDeck(VpcdSlot(1), tmp_path / "none")
