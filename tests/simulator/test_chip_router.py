"""Several applications on one chip: who gets a command, and the firewall between them."""

from __future__ import annotations

import pytest
from tests.simulator import cards
from tests.simulator.cards import SSSE, VERIFY, Card, Randomness

from sscard_ic.apdu import Command
from sscard_ic.simulator import Application, Chip, Memory, Refusal
from sscard_ic.simulator.factory import card_of
from sscard_ic.simulator.ssc import SocialSecurityApplication

PIN_DOOR = "00B2012C00"
DF01 = "00A4040006D15600000500"


class Echo:
    """An application that answers with its name and P1."""

    def __init__(self, *names: bytes) -> None:
        self.names = names
        self.current = -1
        self.events: list[str] = []

    def select(self, name: bytes, following: bool) -> bytes | None:
        first = self.current + 1 if following else 0
        for index in range(first, len(self.names)):
            if self.names[index].startswith(name):
                self.current = index
                return self.names[index]
        return None

    def process(self, command: Command) -> bytes:
        if command.ins != 0xCA:
            raise Refusal(0x6D00)
        return self.names[self.current] + bytes((command.p1,))

    def pass_over(self) -> None:
        return None

    def deselect(self) -> None:
        self.events.append("deselected")

    def reset(self) -> None:
        self.current = -1
        self.events.append("reset")


def _card(*others: Application) -> Card:
    """The worked card, T=1, with further applications."""
    made = cards.finished_card()
    profile = cards.with_dialect(features={"protocol": "T=1"})
    dialect = profile.dialect
    memory = Memory({"mask": []})
    for path, state in made.chip.persistent_state().items():
        assert isinstance(state, str | int)
        memory.put(path, state)
    randomness = Randomness()
    card = card_of(memory, dialect, randomness)
    home = SocialSecurityApplication(card)
    chip = Chip(
        memory,
        [home, *others],
        card.identity,
        card.challenge,
        dialect.features,
        dialect.settings.challenge,
        restore=lambda: None,
    )
    chip.power_on()
    return Card(chip, randomness)


def test_commands_go_to_the_application_that_was_selected() -> None:
    card = _card(Echo(b"APPLICATION"), Echo(b"OTHER"))
    assert card.sw("00CA010000") == "6D00"
    assert card.data("00A404000B" + b"APPLICATION".hex()) == b"APPLICATION".hex().upper()
    assert card.data("00CA010000") == (b"APPLICATION" + b"\x01").hex().upper()
    assert card.sw("00B2012C12") == "6D00"
    assert card.data("00A40400054F54484552") == b"OTHER".hex().upper()
    assert card.data("00CA020000") == (b"OTHER" + b"\x02").hex().upper()
    assert card.sw("00A404000199") == "6A82"
    assert card.data("00CA020000") == (b"OTHER" + b"\x02").hex().upper()
    card.data(SSSE)
    assert card.sw("00B2012C12") == "9000"


def test_the_current_application_is_asked_first() -> None:
    first, second = Echo(b"SAME ONE"), Echo(b"SAME TWO")
    card = _card(first, second)
    assert card.data("00A404000453414D45") == b"SAME ONE".hex().upper()
    assert card.data("00A404000853414D452054574F") == b"SAME TWO".hex().upper()
    assert card.data("00A404000453414D45") == b"SAME TWO".hex().upper()


def test_next_goes_on_to_the_applications_behind() -> None:
    card = _card(Echo(b"SAME ONE", b"SAME ONE AND A HALF"), Echo(b"SAME TWO"))
    found = [card.data("00A404000453414D45")]
    found += [card.data("00A404020453414D45") for _ in range(2)]
    assert [bytes.fromhex(name) for name in found] == [
        b"SAME ONE", b"SAME ONE AND A HALF", b"SAME TWO",
    ]  # fmt: skip
    assert card.sw("00A404020453414D45") == "6A82"


@pytest.mark.parametrize("way_back", ["00A4000000", "00A40000023F00", SSSE])
def test_the_firewall(way_back: str) -> None:
    """Selecting another application clears PIN and keys (ref 02 §1.1, design)."""
    other = Echo(b"OTHER")
    card = _card(other)
    other.events.clear()
    card.data(SSSE)
    assert card.sw(VERIFY) == "9000"
    card.data(DF01)
    assert card.sw(PIN_DOOR) == "9000"
    assert card.authenticate(0x83, "31" * 16) == "9000"
    card.data("00A40400054F54484552")
    card.data(way_back)
    assert other.events == ["deselected"]
    card.data(DF01)
    assert card.sw(PIN_DOOR) == "6982"
    assert card.sw("00DC012C042002AAAA") == "6982"


def test_a_failed_selection_keeps_the_state() -> None:
    card = _card(Echo(b"OTHER"))
    card.data(SSSE)
    assert card.sw(VERIFY) == "9000"
    assert card.sw("00A4040006" + b"NOBODY".hex()) == "6A82"
    card.data(DF01)
    assert card.sw(PIN_DOOR) == "9000"


@pytest.mark.parametrize("cold", [True, False])
def test_a_reset_reaches_every_application(cold: bool) -> None:
    first, second = Echo(b"FIRST"), Echo(b"SECOND")
    card = _card(first, second)
    card.data("00A4040006" + b"SECOND".hex())
    first.events.clear()
    second.events.clear()
    card.chip.reset(cold=cold)
    assert first.events == second.events == ["reset"]
    assert card.data("00A40000023F00")[:4] == "6F10"
    assert card.sw("00CA010000") == "6D00"
