"""What the tree knows of its files beyond what commands ask for."""

from __future__ import annotations

import pytest
from tests.simulator import cards, mcos_cards
from tests.simulator.cards import DF04, SSSE, Card, Randomness

from sscard_ic.base import InputError
from sscard_ic.profile import CardProfile, load
from sscard_ic.simulator import Memory
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.factory import card_of
from sscard_ic.simulator.files import Directory


def read_anew(card: Card, profile: CardProfile, **changes: str) -> CardState:
    """The file system in the memory of ``card``, some of its states changed."""
    memory = Memory({"mask": [], "algorithm": "3des"})
    for path, state in (card.chip.persistent_state() | changes).items():
        assert isinstance(state, str | int)
        memory.put(path, state)
    return card_of(memory, profile.dialect, Randomness())


def directory(state: CardState, fid: int) -> Directory:
    return next(each for each in state.directories() if each.spec.fid == fid)


def test_the_amount_file_of_t514() -> None:
    """EF81 of type C3, written at the level of DSK, and no file to commands (ref 11 §8 step 18)."""
    card = cards.finished_card()
    state = read_anew(card, load("dalian"))
    file = directory(state, 0xDF04).amount_file
    assert file is not None
    assert (file.spec.fid, file.spec.size) == (0xEF81, 0x1F)
    assert directory(state, 0xDF01).amount_file is None
    card.data(SSSE)
    card.data(DF04)
    assert card.sw("00A4000002EF81") == "6A82"
    state.enter(directory(state, 0xDF04))
    assert not state.allows(file.spec.write)
    state.security.prove_key(state.find_key(state.dialect.key_types.external, 0x87))
    assert state.allows(file.spec.write)


@pytest.mark.parametrize(
    ("use", "id_", "reference"),
    [("external", 0x83, 0x83), ("mac", 0x82, 0x82), ("master", 0x00, 0x80)],
)
def test_keys_by_the_identifiers_of_the_profile(use: str, id_: int, reference: int) -> None:
    """MCOS stores 03 and is addressed with 83 (ref 11 §2.1)."""
    state = read_anew(mcos_cards.worked_card(), load("dalian", "mcos"))
    key = state.key_of_use(directory(state, 0xDF01), use, id_)  # type: ignore[arg-type]
    assert (key.id, key.reference) == (id_ & 0x7F, reference)


def test_locks_come_back() -> None:
    card = cards.finished_card()
    path = "ssc/3F00/DDF1/DF01/locked"
    state = read_anew(card, load("dalian"), **{path: "temporary"})
    assert directory(state, 0xDF01).locked == "temporary"
    assert directory(state, 0xDDF1).locked == "none"
    with pytest.raises(InputError, match="damaged"):
        read_anew(card, load("dalian"), **{path: "for ever"})
