"""Virtual cards that leave their reader by themselves, or break in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from tests.simulator.cards import DF01, SSSE, VERIFY, finished_card
from tests.simulator.vpcd_slots import (
    CHALLENGE,
    PATIENCE,
    PIN_PROTECTED,
    QUICK,
    Witness,
    new_card,
    until,
)
from tests.support.vpcd_driver import NoAnswer, VpcdDriver

from sscard_ic.simulator import (
    Fault,
    FaultyCard,
    VpcdSlot,
    VpcdTimes,
)


@pytest.fixture
def driver() -> Iterator[VpcdDriver]:
    with VpcdDriver() as driver:
        yield driver


def faulty(*faults: Fault) -> FaultyCard:
    return FaultyCard(finished_card().chip, faults)


@pytest.mark.parametrize("kind", ["removed", "mute"])
def test_a_card_that_lost_itself_gives_no_answer_and_comes_back(
    driver: VpcdDriver, kind: Literal["removed", "mute"]
) -> None:
    witness = Witness()
    with VpcdSlot(driver.port, times=QUICK, on_event=witness) as slot:
        slot.insert(faulty(Fault(kind, after=3)))
        driver.power_on()
        for each in (SSSE, DF01, VERIFY):
            driver.apdu(each)
        with pytest.raises(NoAnswer):
            driver.apdu(PIN_PROTECTED)
        driver.wait(lambda: driver.seen == 2)
        driver.power_on()
        for each in (SSSE, DF01):
            driver.apdu(each)
        assert driver.apdu(PIN_PROTECTED) == "6982"
        slot.remove()
    assert witness.kinds == ["inserted", "removed", "returned", "removed"]
    assert [event.loss for event in witness.events if event.kind == "removed"] == [kind, None]


def test_a_card_may_stay_out(driver: VpcdDriver) -> None:
    times = VpcdTimes(patience=5, back=None)
    card = faulty(Fault("removed"))
    with VpcdSlot(driver.port, times=times) as slot:
        slot.insert(card)
        driver.power_on()
        with pytest.raises(NoAnswer):
            driver.apdu(CHALLENGE)
        until(slot, lambda: slot.state == "card lost")
        assert slot.remove() is card


def test_the_service_stops_while_a_card_is_out(driver: VpcdDriver) -> None:
    witness = Witness()
    with VpcdSlot(driver.port, times=QUICK, on_event=witness) as slot:
        slot.insert(faulty(Fault("removed")))
        driver.power_on()
        with driver.alone():
            with pytest.raises(NoAnswer):
                driver.apdu(CHALLENGE)
            driver.die()
        until(slot, lambda: slot.state == "driver lost")
    assert witness.kinds == ["inserted", "removed", "lost", "removed"]


def test_a_card_that_is_mute_at_a_reset_stays_and_may_be_powered_again(driver: VpcdDriver) -> None:
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(faulty(Fault("mute-reset", after=1)))
        atr = driver.power_on()
        assert len(driver.reset()) > 33
        driver.looks()
        assert driver.seen == 1
        assert driver.power_on() == atr


class Slow:
    """A chip that takes its time, and tells when it is at work."""

    def __init__(self) -> None:
        self._chip = new_card()
        self.at_work = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chip, name)

    def transmit(self, raw: bytes) -> bytes:
        self.at_work.set()
        assert self.go_on.wait(PATIENCE)
        return b"\x90\x00"


def test_a_card_taken_out_at_work_finishes_and_its_answer_is_lost(driver: VpcdDriver) -> None:
    card: Any = Slow()
    outcome: list[str] = []

    def client() -> None:
        try:
            outcome.append(driver.apdu(CHALLENGE))
        except NoAnswer:
            outcome.append("no answer")

    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(card)
        driver.power_on()
        asking = threading.Thread(target=client)
        asking.start()
        assert card.at_work.wait(PATIENCE)
        taking = threading.Thread(target=slot.remove)
        taking.start()
        # The client has no answer while the card is still at work.
        asking.join(PATIENCE)
        card.go_on.set()
        taking.join(PATIENCE)
        assert outcome == ["no answer"]
        assert slot.state == "empty"


# -- the card breaks -------------------------------------------------------------------------


class Broken:
    """A chip with a mistake in its program."""

    def __init__(self) -> None:
        self._chip = new_card()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chip, name)

    def transmit(self, raw: bytes) -> bytes:
        raise ZeroDivisionError


def test_a_card_that_breaks_tells_who_runs_it_and_frees_the_client(driver: VpcdDriver) -> None:
    witness = Witness()
    broken: Any = Broken()
    with VpcdSlot(driver.port, times=QUICK, on_event=witness) as slot:
        slot.insert(broken)
        driver.power_on()
        with pytest.raises(NoAnswer):
            driver.apdu(CHALLENGE)
        with pytest.raises(ZeroDivisionError):
            slot.wait(lambda: False, PATIENCE)
        until(slot, lambda: slot.state == "broken")
        assert isinstance(slot.failure, ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            slot.remove()
        assert slot.state == "empty"
        assert witness.kinds == ["inserted", "error"]
        assert isinstance(witness.events[-1].error, ZeroDivisionError)
        slot.insert(new_card())
        assert len(driver.power_on()) > 2
