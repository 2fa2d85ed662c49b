"""A slot of a vpcd reader, seen from the card, against a stand-in for the driver (ref 09 §1.4)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from tests.simulator.cards import DF01, SSSE, VERIFY, finished_card
from tests.simulator.vpcd_slots import (
    CHALLENGE,
    PIN_PROTECTED,
    QUICK,
    Witness,
    free_port,
    new_card,
    until,
)
from tests.support.vpcd_driver import NoAnswer, VpcdDriver, Writes, bytewise, in_two, whole

from sscard_ic.base import CardError
from sscard_ic.simulator import (
    VpcdSlot,
    VpcdTimes,
)


@pytest.fixture
def driver() -> Iterator[VpcdDriver]:
    with VpcdDriver() as driver:
        yield driver


@pytest.mark.parametrize("writes", [whole, in_two, bytewise])
def test_a_card_answers_however_its_frames_arrive(writes: Writes) -> None:
    card = finished_card().chip
    with VpcdDriver(writes) as driver, VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(card)
        assert slot.state == "present"
        assert driver.power_on() == card.atr
        assert slot.powered
        answers = [driver.apdu(each)[-4:] for each in (SSSE, DF01, VERIFY, PIN_PROTECTED)]
        assert [answer[:2] for answer in answers] == ["61", "61", "90", "90"]
        assert slot.exchanges == len(answers)
        driver.looks()
        assert driver.reset() == card.atr
        assert driver.apdu(PIN_PROTECTED) == "6A82"
        driver.power_off()
        until(slot, lambda: not slot.powered)
        assert driver.exchange(b"\x04") == card.atr


def test_control_frames_and_commands_in_one_piece(driver: VpcdDriver) -> None:
    card = new_card()
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(card)
        with driver.alone():
            driver.send_bytes(bytes.fromhex("000101 000104 0005") + bytes.fromhex(CHALLENGE))
            driver.send_bytes(bytes.fromhex("000104 00010000010100028400"))
            assert driver.receive() == card.atr
            assert len(driver.receive()) == 10
            assert driver.receive() == card.atr
            assert driver.receive() == b"\x67\x00"


def test_cards_come_and_go_and_the_driver_sees_it(driver: VpcdDriver) -> None:
    witness = Witness()
    first, second = new_card(1), new_card(2)
    with VpcdSlot(driver.port, times=QUICK, on_event=witness) as slot:
        for number, card in enumerate((first, second, first), start=1):
            slot.insert(card, f"card {number}")
            driver.looks()
            assert driver.seen == number
            assert driver.power_on() == card.atr
            assert slot.card is card
            assert slot.remove() is card
            assert not card.powered
            assert slot.card is None
            assert (slot.state, slot.powered, slot.exchanges) == ("empty", False, 0)
            driver.wait(lambda: not driver.present)
    assert witness.kinds == ["inserted", "removed"] * 3
    assert [event.card for event in witness.events if event.kind == "inserted"] == [
        "card 1",
        "card 2",
        "card 3",
    ]
    assert {event.port for event in witness.events} == {driver.port}
    assert [event.on for event in witness.events if event.kind == "powered"] == [True] * 3


def test_a_block_holds_a_card(driver: VpcdDriver) -> None:
    card = new_card()
    with VpcdSlot(driver.port, times=QUICK) as slot:
        for _ in range(2):
            with slot.holding(card):
                assert driver.power_on() == card.atr
            assert slot.state == "empty"
        with pytest.raises(ZeroDivisionError), slot.holding(card):
            raise ZeroDivisionError
        assert slot.state == "empty"


def test_a_slot_closed_with_a_card_in_it(driver: VpcdDriver) -> None:
    card = new_card()
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(card)
        driver.power_on()
    assert slot.state == "empty"
    assert not card.powered
    driver.wait(lambda: not driver.present)
    slot.close()


def test_a_driver_that_never_lets_go_keeps_nobody_waiting(driver: VpcdDriver) -> None:
    card = new_card()
    with VpcdSlot(driver.port, times=VpcdTimes(patience=0.3, silence=0.3)) as slot:
        slot.insert(card)
        with driver.alone():
            assert slot.remove() is card


def test_two_different_cards_in_two_slots_at_once() -> None:
    cards = [new_card(1), new_card(2)]
    with (
        VpcdDriver() as one,
        VpcdDriver() as two,
        VpcdSlot(one.port, times=QUICK) as left,
        VpcdSlot(two.port, times=QUICK) as right,
    ):
        left.insert(cards[0])
        right.insert(cards[1])
        assert one.power_on() == cards[0].atr != two.power_on() == cards[1].atr
        work = [
            threading.Thread(target=lambda d=each: [d.apdu(CHALLENGE) for _ in range(100)])
            for each in (one, two)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert (left.exchanges, right.exchanges) == (100, 100)
        left.remove()
        assert two.apdu(CHALLENGE)[-4:] == "9000"


def test_a_slot_takes_one_card_at_a_time(driver: VpcdDriver) -> None:
    with VpcdSlot(driver.port, times=QUICK) as slot:
        with pytest.raises(CardError, match="no card in the slot"):
            slot.remove()
        slot.insert(new_card())
        with pytest.raises(CardError, match="there is a card in the slot"):
            slot.insert(new_card())
        assert slot.wait(lambda: True, 0)
        assert not slot.wait(lambda: False, 0)


@pytest.mark.parametrize("in_use", [True, False])
def test_a_card_waits_for_a_service_that_is_restarted(in_use: bool) -> None:
    witness, card = Witness(), finished_card().chip
    with VpcdDriver() as driver, VpcdSlot(driver.port, times=QUICK, on_event=witness) as slot:
        slot.insert(card)
        if in_use:
            driver.power_on()
            for each in (SSSE, DF01, VERIFY):
                driver.apdu(each)
        driver.stop()
        until(slot, lambda: slot.state == "driver lost")
        assert not slot.powered
        with VpcdDriver(port=driver.port) as again:
            until(slot, lambda: slot.state == "present")
            again.power_on()
            for each in (SSSE, DF01):
                again.apdu(each)
            assert again.apdu(PIN_PROTECTED) == "6982"
            slot.remove()
    assert witness.kinds == ["inserted", "lost", "returned", "removed"]


def test_a_card_is_taken_out_while_the_service_is_away(driver: VpcdDriver) -> None:
    card = new_card()
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(card)
        driver.stop()
        until(slot, lambda: slot.state == "driver lost")
        assert slot.remove() is card


def test_a_reader_that_is_insisted_on_may_come_later() -> None:
    witness, card = Witness(), new_card()
    port = free_port()
    with VpcdSlot(port, times=QUICK, on_event=witness) as slot:
        slot.insert(card, insist=True)
        assert slot.state == "driver lost"
        with VpcdDriver(port=port) as driver:
            until(slot, lambda: slot.state == "present")
            assert driver.power_on() == card.atr
    assert witness.kinds[:2] == ["lost", "returned"]


def test_a_driver_that_fell_silent_loses_the_card(driver: VpcdDriver) -> None:
    """A client's command of one byte 00 looks like a control, and waits for an answer for ever."""
    times = VpcdTimes(patience=5, silence=1.5, empty=0.03, retry=0.01)
    with VpcdSlot(driver.port, times=times) as slot:
        slot.insert(new_card())
        with pytest.raises(NoAnswer):
            driver.exchange(b"\x00")
        # The slot says "present" until its thread has seen the loss: the driver's count does not.
        driver.wait(lambda: driver.seen == 2)
        driver.looks()
        driver.power_on()
        assert driver.apdu(CHALLENGE)[-4:] == "9000"


QUICKACK = getattr(socket, "TCP_QUICKACK", None)
"""Only Linux has it."""


class Recorder:
    """A socket that writes down what is done with it."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        names = {socket.TCP_NODELAY: "nodelay", QUICKACK: "quickack"}
        self.calls.append(names[option])
        self._inner.setsockopt(level, option, value)

    def recv(self, size: int) -> bytes:
        piece = self._inner.recv(size)
        self.calls.append("recv")
        return piece

    def sendall(self, data: bytes) -> None:
        self._inner.sendall(data)
        self.calls.append("send")


def test_every_read_acknowledges_at_once_and_every_answer_is_one_write(
    driver: VpcdDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it an exchange through Debian's driver takes 48 ms (ref 09 §1.5)."""
    sockets: list[Recorder] = []
    connect = socket.create_connection

    def recorded(*arguments: Any) -> Any:
        sockets.append(Recorder(connect(*arguments)))
        return sockets[-1]

    monkeypatch.setattr(socket, "create_connection", recorded)
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(new_card())
        driver.power_on()
        for _ in range(20):
            driver.apdu(CHALLENGE)
        slot.remove()
    calls = sockets[0].calls
    assert calls[0] == "nodelay"
    assert calls.count("recv") > 20
    for before, call in pairwise(calls):
        assert before == "quickack" or call != "recv" or QUICKACK is None
        assert (before, call) != ("send", "send")
