"""Each fault on order at the exchange it was ordered for; torn writes have a file of their own."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator import cards
from tests.simulator.cards import DF01, SSSE, VERIFY

from sscard_ic.base import CardError, InputError
from sscard_ic.simulator import CardLost, Chip, Fault, FaultyCard, Loss

CHALLENGE = bytes.fromhex("0084000008")
WRONG_PIN = bytes.fromhex("0020000003999999")
OK = b"\x90\x00"
REFUSED = b"\x69\x82"
ANSWER = bytes.fromhex("0123456789ABCDEF9000")
"""Of the challenge, with the randomness of the tests."""


class Rig:
    """The worked card with faults; the SSSE is selected, sleeps and choices are written down."""

    def __init__(self, *faults: Fault, choice: int = 0) -> None:
        self.chip: Chip = cards.finished_card().chip
        self.slept: list[float] = []
        self.choices: list[int] = []

        def choose(below: int) -> int:
            self.choices.append(below)
            return choice

        self.card = FaultyCard(self.chip, sleep=self.slept.append, choose=choose)
        self.card.power_on()
        self.ask(SSSE)
        for fault in faults:
            self.card.order(fault)

    def ask(self, apdu: str) -> bytes:
        return self.card.transmit(bytes.fromhex(apdu))

    def challenge(self) -> bytes:
        return self.card.transmit(CHALLENGE)

    def behind_the_pin(self) -> bytes:
        """What comes of reading a record that is closed without the PIN."""
        self.ask(DF01)
        return self.ask("00B2012C04")

    def lost(self) -> Loss | None:
        """The loss of one exchange, None where it is answered well."""
        try:
            assert self.challenge() == ANSWER
        except CardLost as lost:
            return lost.loss
        return None


@pytest.mark.parametrize("after", [0, 1, 7])
@pytest.mark.parametrize("kind", ["removed", "mute"])
def test_no_answer_until_the_next_power_up(kind: Literal["removed", "mute"], after: int) -> None:
    rig = Rig(Fault(kind, after=after))
    assert [rig.lost() for _ in range(after)] == [None] * after
    before = rig.chip.persistent_state()
    with pytest.raises(CardLost) as caught:
        rig.card.transmit(WRONG_PIN)
    assert caught.value.loss == kind
    assert rig.chip.persistent_state() == before, "the command was not executed"
    assert not rig.card.powered
    assert not rig.chip.powered
    rig.card.power_off()
    assert rig.lost() == kind
    with pytest.raises(CardLost) as caught:
        rig.card.reset(cold=False)
    assert caught.value.loss == kind
    assert rig.card.power_on() == rig.card.atr
    assert rig.card.powered
    assert [rig.lost() for _ in range(after + 2)] == [None] * (after + 2)
    assert rig.card.pending == ()


def test_a_cold_reset_ends_a_loss_as_well() -> None:
    rig = Rig(Fault("removed"))
    assert rig.lost() == "removed"
    rig.card.reset(cold=True)
    assert rig.lost() is None


def test_what_was_proved_is_gone_after_a_loss() -> None:
    rig = Rig()
    assert rig.ask(VERIFY) == OK
    assert rig.behind_the_pin() != REFUSED
    rig.card.order(Fault("mute"))
    assert rig.lost() == "mute"
    rig.card.power_on()
    rig.ask(SSSE)
    assert rig.behind_the_pin() == REFUSED


@pytest.mark.parametrize("after", [0, 1, 3])
def test_mute_at_a_reset(after: int) -> None:
    rig = Rig(Fault("mute-reset", after=after))
    resets = (rig.card.power_on, lambda: rig.card.reset(False), lambda: rig.card.reset(True))
    for number in range(after):
        assert resets[number % 3]() == rig.chip.atr
        assert rig.lost() is None
    with pytest.raises(CardLost) as caught:
        resets[after % 3]()
    assert caught.value.loss == "mute"
    assert not rig.card.powered
    assert rig.lost() == "mute"
    assert rig.card.power_on() == rig.chip.atr
    assert rig.lost() is None


def test_always_mute_at_resets() -> None:
    rig = Rig(Fault("mute-reset", times=0))
    for _ in range(5):
        with pytest.raises(CardLost):
            rig.card.power_on()
    assert rig.lost() == "mute"


@pytest.mark.parametrize(
    ("after", "times", "sleeps"), [(0, 0, 6), (4, 0, 2), (0, 2, 2), (5, 1, 1), (6, 1, 0)]
)
def test_slow(after: int, times: int, sleeps: int) -> None:
    rig = Rig(Fault("slow", after=after, times=times, milliseconds=250))
    assert [rig.lost() for _ in range(6)] == [None] * 6
    assert rig.slept == [0.25] * sleeps


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_status_word_instead_of_the_answer(after: int) -> None:
    rig = Rig(Fault("status", after=after, status=0x6581))
    assert [rig.lost() for _ in range(after)] == [None] * after
    before = rig.chip.persistent_state()
    assert rig.card.transmit(WRONG_PIN) == b"\x65\x81"
    assert rig.chip.persistent_state() == before
    assert rig.ask(VERIFY) == OK


@pytest.mark.parametrize("after", [0, 1, 4])
def test_reset_before_a_command(after: int) -> None:
    rig = Rig(Fault("reset", after=after + 1))
    assert rig.ask(VERIFY) == OK
    assert [rig.lost() for _ in range(after)] == [None] * after
    assert rig.ask(SSSE)[0] == 0x61, "the command is answered"
    assert rig.card.powered
    assert rig.behind_the_pin() == REFUSED
    assert rig.ask(VERIFY) == OK
    assert rig.behind_the_pin() != REFUSED


@given(st.integers(0, 79))
def test_a_chosen_bit(bit: int) -> None:
    answer = Rig(Fault("bit-error", bit=bit)).challenge()
    wrong = int.from_bytes(answer, "big") ^ int.from_bytes(ANSWER, "big")
    assert wrong == 1 << (79 - bit)


def test_any_bit() -> None:
    rig = Rig(Fault("bit-error", after=1), choice=79)
    assert rig.challenge() == ANSWER
    assert rig.challenge() == ANSWER[:-1] + b"\x01"
    assert rig.challenge() == ANSWER
    assert rig.choices == [80]
    drawn = FaultyCard(rig.chip, [Fault("bit-error")]).transmit(CHALLENGE)
    wrong = int.from_bytes(drawn, "big") ^ int.from_bytes(ANSWER, "big")
    assert wrong.bit_count() == 1


def test_an_answer_too_short_for_the_bit_passes() -> None:
    rig = Rig(Fault("bit-error", bit=16))
    assert rig.ask(VERIFY) == OK
    assert rig.card.pending == (Fault("bit-error", bit=16),)
    assert rig.challenge()[2] == ANSWER[2] ^ 0x80
    assert not rig.card.pending


@given(st.integers(0, 8), st.integers(0, 5))
def test_struck_are_the_exchanges_after_those_that_go_well(after: int, times: int) -> None:
    rig = Rig(Fault("status", after=after, times=times, status=0x6F00))
    struck = [number for number in range(16) if rig.challenge() == b"\x6f\x00"]
    assert struck == list(range(after, after + times if times else 16))


@given(st.integers(0, 8), st.integers(0, 5))
def test_every_power_up_meets_what_is_left(after: int, times: int) -> None:
    rig = Rig(Fault("removed", after=after, times=times))
    struck = []
    for number in range(16):
        if rig.lost():
            struck.append(number)
            rig.card.power_on()
    assert struck == list(range(after, after + times if times else 16))


def test_orders_of_one_kind_strike_in_turn() -> None:
    rig = Rig(*(Fault("status", status=word) for word in (0x6F01, 0x6F02)))
    assert [rig.challenge()[-2:].hex() for _ in range(3)] == ["6f01", "6f02", "9000"]


def test_orders_of_several_kinds() -> None:
    rig = Rig(
        Fault("bit-error", bit=0, times=2),
        Fault("status", status=0x6F00),
        Fault("removed"),
        Fault("slow", milliseconds=100),
    )
    assert rig.lost() == "removed"
    assert rig.slept == [0.1]
    rig.card.power_on()
    assert rig.challenge() == b"\xef\x00", "the exchange that was lost did not count"
    assert rig.challenge()[0] == ANSWER[0] ^ 0x80
    assert rig.challenge() == ANSWER
    assert rig.slept == [0.1] * 4
    assert rig.card.pending == (Fault("slow", milliseconds=100),)


def test_ordered_while_the_card_is_in_use() -> None:
    rig = Rig()
    assert [rig.lost() for _ in range(3)] == [None] * 3
    rig.card.order(Fault("removed", after=1))
    assert [rig.lost() for _ in range(3)] == [None, "removed", "removed"]


def test_a_card_without_power_counts_nothing() -> None:
    rig = Rig(Fault("reset"), Fault("removed", after=1))
    rig.card.power_off()
    for _ in range(3):
        with pytest.raises(CardError, match="no power"):
            rig.challenge()
    assert not rig.card.powered
    rig.card.power_on()
    assert [rig.lost() for _ in range(2)] == [None, "removed"]


def test_a_card_without_orders_is_the_card_itself() -> None:
    rig = Rig()
    assert rig.card.atr == rig.chip.atr
    assert rig.card.protocol == rig.chip.protocol
    for apdu in (SSSE, "00B2013404", VERIFY, "00DC022C03020134", "FF"):
        assert rig.ask(apdu) == rig.chip.transmit(bytes.fromhex(apdu))
    rig.card.close()
    assert not rig.chip.powered


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
def test_a_torn_write_needs_a_card_whose_writes_are_seen(kind: str) -> None:
    rig = Rig()
    torn = Fault.from_json({"kind": kind})
    with pytest.raises(InputError, match="writes of this card cannot be seen"):
        FaultyCard(rig.card, [torn])
    around = FaultyCard(rig.card, [Fault("status", status=0x6F00)])
    assert [around.transmit(CHALLENGE) for _ in range(2)] == [b"\x6f\x00", ANSWER]


def test_a_chip_that_is_torn_has_no_power() -> None:
    chip = Rig().chip
    assert chip.transmit_torn(CHALLENGE) == ANSWER
    before = chip.persistent_state()
    with pytest.raises(CardLost):
        chip.transmit_torn(WRONG_PIN)
    assert chip.persistent_state() == before
    with pytest.raises(CardError, match="no power"):
        chip.transmit(CHALLENGE)
