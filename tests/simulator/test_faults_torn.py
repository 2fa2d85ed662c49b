"""The power fails before and after every write of a job: the memory is exactly the one or other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from tests.simulator import cards
from tests.simulator.cards import CONTENTS, SSSE, STEPS, VERIFY

from sscard_ic.simulator import CardLost, Chip, Fault, FaultyCard, Memory, blank, open_image

Torn = Literal["torn-before", "torn-after"]
State = dict[str, object]

WRONG_PIN = "0020000003999999"
_LAST = next(i for i, step in enumerate(STEPS) if step["source"].endswith("step 20"))
JOB = [
    bytes.fromhex(apdu)
    for apdu in (
        *(step["apdu"] for step in STEPS[:_LAST]),
        *(apdu for select, records in CONTENTS for apdu in (select, *records)),
        *(step["apdu"] for step in STEPS[_LAST:]),
        SSSE, WRONG_PIN, VERIFY, "805E010007123456FF654321",
    )
]  # fmt: skip
"""Initialisation, contents, ends, a wrong PIN, the right one, another one."""


def fresh(path: Path | None = None) -> Chip:
    """A blank, powered."""
    randomness = cards.Randomness()
    profile = cards.with_dialect()
    chip = blank(profile, cards.SERIAL, path=path, transport_key=bytes(16), entropy=randomness)
    chip.power_on()
    return chip


@dataclass(frozen=True)
class Write:
    """The place of a write in the job, and the memory on both sides of it."""

    at: int
    before: State
    after: State


@pytest.fixture(scope="module")
def writes() -> list[Write]:
    """The writes of an undisturbed job."""
    chip = fresh()
    found = []
    for at, command in enumerate(JOB):
        before, count = chip.persistent_state(), chip.writes
        chip.transmit(command)
        if chip.writes != count:
            assert chip.writes == count + 1
            found.append(Write(at, before, chip.persistent_state()))
        else:
            assert chip.persistent_state() == before
    assert 70 < len(found) < len(JOB)
    return found


def torn(chip: Chip, kind: Torn, after: int) -> tuple[FaultyCard, int]:
    """The card after the job met its fault, and where in the job that was."""
    card = FaultyCard(chip, [Fault(kind, after=after)])
    for at, command in enumerate(JOB):
        try:
            card.transmit(command)
        except CardLost as lost:
            assert lost.loss == "torn"
            assert not card.powered
            return card, at
    raise AssertionError("nothing was torn")


def rest(card: Chip | FaultyCard, start: int) -> Iterator[bytes]:
    """The answers to the job from ``start`` on, and to every command of it once more."""
    yield card.power_on()
    for command in (*JOB[start:], *JOB):
        yield card.transmit(command)
    yield card.reset(cold=False)


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
def test_every_write_of_a_job(writes: list[Write], kind: Torn) -> None:
    for number, write in enumerate(writes):
        chip = fresh()
        card, at = torn(chip, kind, number)
        assert at == write.at
        expected = write.before if kind == "torn-before" else write.after
        assert chip.persistent_state() == expected
        card.power_on()
        assert chip.persistent_state() == expected
        assert list(chip.persistent_state()) == list(expected), "restored in the same order"


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
def test_a_torn_card_goes_on_like_one_that_was_pulled_between_two_commands(
    writes: list[Write], kind: Torn
) -> None:
    """Nothing of the command that was taken back is left in the chip's working memory."""
    for number in range(0, len(writes), 3):
        chip, twin = fresh(), fresh()
        card, at = torn(chip, kind, number)
        for command in JOB[: at + (kind == "torn-after")]:
            twin.transmit(command)
        assert list(rest(card, at)) == list(rest(twin, at))
        assert chip.persistent_state() == twin.persistent_state()


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
def test_an_image_holds_the_same(tmp_path: Path, writes: list[Write], kind: Torn) -> None:
    for number in (0, 1, 30, len(writes) - 1):
        path = tmp_path / f"{number}.img"
        chip = fresh(path)
        card, _ = torn(chip, kind, number)
        expected = writes[number].before if kind == "torn-before" else writes[number].after
        assert dict(Memory.read(path).states) == expected
        card.power_on()
        for command in JOB:
            card.transmit(command)
        assert dict(Memory.read(path).states) == chip.persistent_state()
        card.close()
        again = open_image(path)
        assert again.persistent_state() == chip.persistent_state()
        again.close()


_OPEN = """
import sys
from pathlib import Path
from sscard_ic.simulator import ImageInUse, open_image
try:
    open_image(Path(sys.argv[1]))
except ImageInUse:
    print("in use")
"""


def test_a_torn_card_is_not_let_go_to_another_program(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card, _ = torn(fresh(path), "torn-before", 5)
    for _ in range(2):
        seen = subprocess.run([sys.executable, "-c", _OPEN, path], capture_output=True, check=True)
        assert seen.stdout.strip() == b"in use"
        card.power_on()


def test_reading_is_not_struck(writes: list[Write]) -> None:
    chip = fresh()
    card = FaultyCard(chip)
    for command in JOB:
        card.transmit(command)
    before = chip.persistent_state()
    card.order(Fault("torn-before"))
    card.order(Fault("torn-after"))
    card.power_on()
    for apdu in (SSSE, "00B2013404", "0084000008", "0020000003654321"):
        card.transmit(bytes.fromhex(apdu))
    assert len(card.pending) == 2
    for kind in ("torn-before", "torn-after"):
        assert card.pending[0].kind == kind
        with pytest.raises(CardLost):
            card.transmit(bytes.fromhex(WRONG_PIN))
        assert (chip.persistent_state() == before) == (kind == "torn-before")
        card.power_on()
        card.transmit(bytes.fromhex(SSSE))
    assert card.transmit(bytes.fromhex(WRONG_PIN)) == b"\x63\xc1", "one failure was kept"


def test_the_next_writes_are_torn_as_often_as_ordered(writes: list[Write]) -> None:
    chip = fresh()
    for command in JOB:
        chip.transmit(command)
    card = FaultyCard(chip, [Fault("torn-before", after=1, times=2)])
    answers = []
    for _ in range(4):
        card.power_on()
        card.transmit(bytes.fromhex(SSSE))
        try:
            answers.append(card.transmit(bytes.fromhex(WRONG_PIN)).hex())
        except CardLost as lost:
            answers.append(lost.loss)
    assert answers == ["63c2", "torn", "torn", "63c1"]
