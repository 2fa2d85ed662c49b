"""Which card a slot offers, and what it tells meanwhile, without a service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from tests.reader.pcsc.fake_scard import FakeScard

from sscard_ic.base.errors import Text
from sscard_ic.reader.errors import CardRemoved, MuteCard, NoCard, ReaderBusy
from sscard_ic.reader.pcsc import PcscSlot
from sscard_ic.reader.pcsc import slot as slot_module

AWAY, EMPTY, CARD, ANOTHER = 0x4, 0x00010, 0x10022, 0x30022
SHARING_VIOLATION, UNRESPONSIVE, REMOVED = 0x8010000B, 0x80100066, 0x80100069
CHALLENGE = bytes.fromhex("0084000008")
PATIENCE, LONG = 20.0, 1000.0


class Bench:
    """A slot at a reader without a service; ``told`` are the English words for the person."""

    def __init__(self, patience: float = 0.0) -> None:
        self.scard = FakeScard()
        self.told: list[str] = []
        self.slot = PcscSlot("reader", patience=patience, tell=self._hear, scard=self.scard)

    def _hear(self, text: Text) -> None:
        self.told.append(text.en)

    def fail_to_connect(self, code: int) -> None:
        self.scard.SCardConnect = lambda *given: (code, 0, 0)  # type: ignore[method-assign]

    def handle(self) -> None:
        assert self.slot.wait_card(still=times(0))
        self.slot.connect()
        self.slot.release(None)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench at a reader with a card."""
    bench = Bench()
    yield bench
    bench.slot.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench at which a reader that is back has all the time it needs."""
    monkeypatch.setattr(slot_module, "_SETTLING", LONG)
    bench = Bench(patience=LONG)
    yield bench
    bench.slot.close()


def times(count: int) -> Callable[[], bool]:
    """A ``still`` that says yes so often."""
    answers = iter([True] * count)
    return lambda: next(answers, False)


def test_a_card_that_another_program_keeps_is_offered_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.fail_to_connect(SHARING_VIOLATION)
    end = time.monotonic() + PATIENCE
    for pause in (0.01, 0.01, LONG):
        monkeypatch.setattr(slot_module, "_BUSY_PAUSE", pause)
        assert bench.slot.wait_card(still=lambda: time.monotonic() < end)
        with pytest.raises(ReaderBusy):
            bench.slot.connect()
        bench.slot.release(None)
    assert not bench.slot.wait_card(still=times(3)), "not without a pause"
    assert not bench.slot.wait_card(blank_wanted=False), "nobody waits for the other program"


@pytest.mark.parametrize(("code", "kind"), [(UNRESPONSIVE, MuteCard), (0x8010000C, NoCard)])
def test_a_card_that_cannot_be_used_is_offered_once(
    bench: Bench, code: int, kind: type[Exception]
) -> None:
    bench.fail_to_connect(code)
    assert bench.slot.wait_card(still=times(0))
    with pytest.raises(kind):
        bench.slot.connect()
    bench.slot.release(None)
    assert not bench.slot.wait_card(still=times(0))


def test_who_forgets_the_card_in_the_reader_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.handle()
    monkeypatch.setattr(slot_module, "_REMINDER", LONG)
    assert not bench.slot.wait_card(still=times(3))
    assert bench.told == []
    monkeypatch.setattr(slot_module, "_REMINDER", 0.0)
    assert not bench.slot.wait_card(still=times(3))
    assert len(bench.told) == 1
    assert "take the card out" in bench.told[0]


def test_nobody_is_asked_for_anything_when_no_blank_is_wanted(
    patient: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_module, "_REMINDER", 0.0)
    for state in (AWAY, EMPTY):
        patient.scard.states["reader"] = state
        assert not patient.slot.wait_card(blank_wanted=False, still=times(2))
    assert patient.told == []


def test_after_a_loss_the_card_that_is_there_counts_as_another(bench: Bench) -> None:
    """The service may count it as the same: it was in and out between two of its looks."""
    assert bench.slot.wait_card(still=times(0))
    connection = bench.slot.connect()
    bench.scard.SCardTransmit = lambda *given: (REMOVED, [])  # type: ignore[method-assign]
    with pytest.raises(CardRemoved):
        connection.transmit(CHALLENGE)
    bench.slot.release(None)
    assert bench.slot.wait_card(still=times(0))


def test_what_was_connected_is_handled_not_what_was_offered(bench: Bench) -> None:
    assert bench.slot.wait_card(still=times(0))
    bench.scard.states["reader"] = ANOTHER
    bench.slot.connect()
    bench.slot.release(None)
    assert not bench.slot.wait_card(still=times(0))


def test_a_card_that_was_away_with_its_reader_is_offered_again(bench: Bench) -> None:
    bench.handle()
    assert not bench.slot.wait_card(still=times(0))
    bench.scard.states["reader"] = AWAY
    assert not bench.slot.wait_card(still=times(0))
    bench.scard.states["reader"] = CARD
    assert bench.slot.wait_card(still=times(0)), "with the same count as before"


def test_a_reader_that_is_back_gets_time_to_see_its_card(patient: Bench) -> None:
    looks = iter([AWAY, EMPTY, EMPTY, EMPTY])
    plain = patient.scard.SCardGetStatusChange

    def look(
        context: int, timeout: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        patient.scard.states["reader"] = next(looks, CARD)
        return plain(context, timeout, states)

    patient.scard.SCardGetStatusChange = look  # type: ignore[method-assign]
    assert patient.slot.wait_card(blank_wanted=False)
