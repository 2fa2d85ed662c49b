"""Random and mutated commands on cards and PSAMs in every state, on every COS.

There is always an answer, no hidden value comes out, and nothing in the memory changes but tries.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.psams import made
from tests.wholecard.whole_cards import example_values, historical, whole_card

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base import Secret
from sscard_ic.card import Blank, CardIdentity
from sscard_ic.keys import published_keys
from sscard_ic.profile import CardProfile, load, load_psam
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank, blank_psam

COMMANDS = 200_000
"""Commands that all chips together must have answered."""

_SERIAL = bytes.fromhex("0000000000F1")
_OTHERS = ("mcos", "hdos", "timecos", "fmcos")
_PSAMS = ("psam/urumqi", "psam/dalian")
_COUNTERS = ("/tries", "/0019/body")
_KEY = re.compile("/([0-9A-F]{6}|[0-9A-F]{4})$")
"""Where cards and PSAMs keep their keys; some files have such paths, too."""
_CONTROL_KEYS = "certificate/keys/"
"""Where the certificate application keeps its own."""
_RECORDS = range(15, 25)
"""Lengths of key records in bytes; what creates a file is shorter or longer, or no secret."""
_KEY_END = 8
_CORPUS = Path(__file__).parents[1] / "vectors" / "fuzz_corpus.txt"


def _corpus() -> list[bytes]:
    lines = _CORPUS.read_text("ascii").splitlines()
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]


def commands(seed: int, count: int) -> Iterator[bytes]:
    """Random bytes, known commands, and known commands with bytes changed, added and cut."""
    dice = random.Random(seed)
    corpus = _corpus()
    for _ in range(count):
        choice = dice.random()
        if choice < 0.15:
            yield dice.randbytes(dice.choice((0, 1, 2, 3, 4, 5, 6, 12, 40, 261)))
        elif choice < 0.45:
            yield dice.choice(corpus)
        else:
            yield _mutated(dice, bytearray(dice.choice(corpus)))


def _mutated(dice: random.Random, raw: bytearray) -> bytes:
    for _ in range(dice.randint(1, 3)):
        action = dice.randrange(4)
        if action == 0 and raw:
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        elif action == 1:
            raw += dice.randbytes(dice.randint(1, 9))
        elif action == 2 and len(raw) > 1:
            del raw[dice.randrange(1, len(raw)) :]
        elif len(raw) > 5:
            raw[4] = len(raw) - 5
    return bytes(raw)


def _blank(profile: CardProfile, folder: Path) -> Chip:
    return blank(profile, _SERIAL)


def _initialised(profile: CardProfile, folder: Path) -> Chip:
    chip = blank(profile, _SERIAL)
    connection: Connection = open_session(VirtualConnection(chip))
    assert profile.region is not None
    identity = CardIdentity(profile.region.issuer.division_code, historical(profile))
    maker = Blank(connection, profile, published_keys(profile.keys), _SERIAL)
    maker.check_fresh()
    maker.initialise(identity, Secret(pin_block("123456")))
    return chip


def _personalized(profile: CardProfile, folder: Path) -> Chip:
    return whole_card(profile.name, folder, profile.dialect.name)


STATES = {"blank": _blank, "initialised": _initialised, "personalized": _personalized}
CASES = [
    *((name, "t514", state) for name in ("dalian", "urumqi") for state in STATES),
    *(("dalian", cos, state) for cos in _OTHERS for state in ("blank", "personalized")),
    ("urumqi", "mcos", "personalized"),
    *((name, "psam", state) for name in _PSAMS for state in ("blank", "personalized")),
]


@pytest.mark.parametrize(("name", "cos", "state"), CASES)
def test_whatever_comes_the_chip_answers_and_gives_nothing_away(
    name: str, cos: str, state: str, tmp_path: Path
) -> None:
    if cos == "psam":
        profile = load_psam(name)
        chip = made(profile) if state == "personalized" else blank_psam(profile, _SERIAL)
        hidden = set[bytes]()
    else:
        card_profile = load(name, cos)
        chip = STATES[state](card_profile, tmp_path)
        hidden = _hidden(card_profile)
    chip.power_on()
    before, writes = _memory(chip), chip.writes
    hidden |= _keys(chip)
    assert hidden or state == "blank"
    seed = CASES.index((name, cos, state))
    for number, raw in enumerate(commands(seed, COMMANDS // len(CASES) + 1)):
        answer = chip.transmit(raw)
        assert len(answer) >= 2, raw.hex()
        if len(answer) > 6:
            assert not any(value in answer for value in hidden), raw.hex()
        if chip.writes != writes:
            assert _memory(chip) == before, raw.hex()
            writes = chip.writes
        if number % 997 == 0:
            chip.reset(cold=bool(number % 2))
    chip.close()


def _hidden(profile: CardProfile) -> set[bytes]:
    """The values that are not free to read, those apart that are the same as a free one."""
    free = {place.path for place in profile.places if place.read.kind == "free"}
    values = example_values(profile)
    shown = {value for path, value in values.items() if path in free}
    return {
        value
        for path, value in values.items()
        if path not in free and len(value.strip(b"\x00\xff")) > 5
    } - shown


def _keys(chip: Chip) -> set[bytes]:
    """The end of every key; zeros and fillings are no keys."""
    records = (
        bytes.fromhex(str(record)).rstrip(b"\xff")[-_KEY_END:]
        for path, record in chip.persistent_state().items()
        if _KEY.search(path) and len(str(record)) // 2 in _RECORDS
    )
    control_keys = {
        bytes.fromhex(str(value))
        for path, value in chip.persistent_state().items()
        if path.startswith(_CONTROL_KEYS) and not path.endswith(_COUNTERS)
    }
    return {end for end in records if len(set(end)) > 4} | control_keys


def _memory(chip: Chip) -> dict[str, object]:
    """What is stored, tries and a PSAM's transaction number apart: both are counted by anyone."""
    state = chip.persistent_state()
    return {path: value for path, value in state.items() if not path.endswith(_COUNTERS)}
