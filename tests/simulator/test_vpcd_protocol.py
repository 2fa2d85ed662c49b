"""Frames, and the card's answer to each of them (ref 09 §1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator.cards import DF01, SSSE, VERIFY, finished_card

from sscard_ic.base import CardError
from sscard_ic.simulator import CardLost, Fault, FaultyCard
from sscard_ic.simulator.vpcd_protocol import CardSide, Frames, frame

OFF, ON, RESET, ATR = (bytes((control,)) for control in (0, 1, 2, 4))
LONGEST_ATR = 33
PIN_PROTECTED = "00B2012C04"


@dataclass
class Parrot:
    """A card that answers what it is told to, and counts."""

    reply: bytes = b"\x90\x00"
    atr: bytes = b"\x3b\x00"
    protocol: Literal["T=0", "T=1"] = "T=0"
    powered: bool = False
    seen: int = 0

    def power_on(self) -> bytes:
        self.powered = True
        return self.atr

    def power_off(self) -> None:
        self.powered = False

    def reset(self, cold: bool) -> bytes:
        return self.power_on()

    def transmit(self, raw: bytes) -> bytes:
        self.seen += 1
        return self.reply

    def close(self) -> None:
        self.powered = False


def tell(side: CardSide, apdu: str) -> str:
    answer = side.answer(bytes.fromhex(apdu))
    assert answer is not None
    return answer.hex().upper()


@given(
    payloads=st.lists(st.binary(max_size=300), max_size=6),
    cuts=st.lists(st.integers(0, 2000), max_size=30),
)
def test_frames_come_out_whole_however_they_are_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    frames, taken = Frames(), []
    for start, end in pairwise(places):
        frames.feed(stream[start:end])
        while (payload := frames.take()) is not None:
            taken.append(payload)
    assert taken == payloads


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65535])
def test_a_length_has_two_bytes_the_higher_one_first(size: int) -> None:
    assert frame(bytes(size))[:2] == bytes((size >> 8, size & 0xFF))
    assert len(frame(bytes(size))) == 2 + size


def test_power_and_reset_have_no_answer_and_the_atr_has_one_always() -> None:
    card = Parrot()
    side = CardSide(card)
    assert side.answer(ATR) == card.atr
    assert side.answer(ON) is None
    assert card.powered
    assert side.answer(ATR) == card.atr
    assert side.answer(RESET) is None
    assert side.answer(OFF) is None
    assert not card.powered
    assert side.answer(ATR) == card.atr


def test_a_card_without_power_executes_nothing() -> None:
    card = Parrot()
    side = CardSide(card)
    assert tell(side, "0084000008") == "6F00"
    side.answer(ON)
    assert tell(side, "0084000008") == "9000"
    side.answer(OFF)
    assert tell(side, "0084000008") == "6F00"
    assert card.seen == 1


@pytest.mark.parametrize("short", ["", "03", "05", "FF", "0084", "008400"])
@pytest.mark.parametrize("powered", [True, False])
def test_what_is_no_command_gets_an_answer_and_never_reaches_the_card(
    short: str, powered: bool
) -> None:
    card = Parrot()
    side = CardSide(card)
    if powered:
        side.answer(ON)
    assert tell(side, short) == "6700"
    assert card.seen == 0


@pytest.mark.parametrize("control", [RESET, OFF + ON])
def test_what_was_proved_is_forgotten_in_every_kind_of_reset(control: bytes) -> None:
    side = CardSide(finished_card().chip)
    side.answer(ON)
    for each in (SSSE, DF01, VERIFY):
        assert tell(side, each)[:2] in ("61", "90")
    assert tell(side, PIN_PROTECTED)[-4:] == "9000"
    for message in control:
        side.answer(bytes((message,)))
    assert tell(side, PIN_PROTECTED) == "6A82", "the card is at its MF again"
    for each in (SSSE, DF01):
        tell(side, each)
    assert tell(side, PIN_PROTECTED) == "6982"


def test_exchanges_are_counted_from_the_power_up_and_in_all() -> None:
    side = CardSide(Parrot())
    side.answer(ON)
    for _ in range(3):
        side.answer(bytes(5))
    side.answer(RESET)
    side.answer(bytes(5))
    side.answer(ATR)
    side.answer(b"\x00\x84")
    assert (side.exchanges, side.total) == (4, 4)
    side.answer(OFF)
    side.answer(ON)
    assert (side.exchanges, side.total) == (0, 4)


@pytest.mark.parametrize("control", [ON, RESET])
def test_a_mute_card_gives_an_atr_that_no_card_has(control: bytes) -> None:
    """The driver must be answered, or it hangs; what is too long for an ATR it reports as mute."""
    side = CardSide(FaultyCard(Parrot(), [Fault("mute-reset", after=1)]))
    side.answer(ON)
    assert side.powered
    assert side.answer(control) is None
    assert not side.powered
    answer = side.answer(ATR)
    assert answer is not None
    assert len(answer) > LONGEST_ATR
    with pytest.raises(CardLost):
        side.answer(bytes(5))
    side.answer(ON)
    assert side.answer(ATR) == Parrot.atr
    assert tell(side, "0084000008") == "9000"


def test_an_atr_that_is_empty_is_none() -> None:
    answer = CardSide(Parrot(atr=b"")).answer(ATR)
    assert answer is not None
    assert len(answer) > LONGEST_ATR


@pytest.mark.parametrize("size", [0, 1, 65536])
def test_answers_that_would_hang_a_reader_never_reach_it(size: int) -> None:
    side = CardSide(Parrot(bytes(size)))
    side.answer(ON)
    with pytest.raises(CardError, match=str(size)):
        side.answer(bytes(5))


@pytest.mark.parametrize("size", [2, 65535])
def test_answers_of_every_length_that_fits(size: int) -> None:
    side = CardSide(Parrot(bytes(size)))
    side.answer(ON)
    assert side.answer(bytes(5)) == bytes(size)
