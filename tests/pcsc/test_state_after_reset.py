"""What was proved to a card falls with every reset that a reader knows (ref 09 §2 item 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.pcsc.conftest import Insert
from tests.pcsc.plain_client import COLD, LEAVE, WARM, PlainCard, PlainClient
from tests.support.plant import Issued

from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing.service import PcscService, ReaderSlot

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
VERIFY = "0020000003123456"
DF01 = "00A4000002DF01"
PIN_DOOR = "00B2012C00"


@dataclass
class Stage:
    """A card in a reader, with a client connected to it."""

    service: PcscService
    client: PlainClient
    slot: ReaderSlot
    place: VpcdSlot
    card: PlainCard

    def again(self) -> None:
        """Connect anew, as soon as the card is there."""
        self.client.await_card(self.slot.name)
        self.card = self.client.connect(self.slot.name)


def warm_reset(stage: Stage) -> None:
    stage.card.reset(WARM)


def cold_reset(stage: Stage) -> None:
    stage.card.reset(COLD)


def disconnect_with_reset(stage: Stage) -> None:
    stage.card.disconnect(WARM)
    stage.again()


def disconnect_without_power(stage: Stage) -> None:
    stage.card.disconnect(COLD)
    stage.again()


def left_alone(stage: Stage) -> None:
    """The service takes the power from a card that nobody is connected to."""
    stage.card.disconnect(LEAVE)
    assert stage.place.wait(lambda: not stage.place.powered, 20)
    stage.again()


def card_taken_out(stage: Stage) -> None:
    chip = stage.place.remove()
    stage.client.await_card(stage.slot.name, there=False)
    stage.place.insert(chip)
    stage.again()


def reader_unplugged(stage: Stage) -> None:
    stage.service.unplug(stage.slot.name)
    stage.client.await_readers(stage.slot.name, there=False)
    stage.service.plug(stage.slot.name)
    stage.client.await_readers(stage.slot.name)
    stage.again()


def service_killed(stage: Stage) -> None:
    stage.service.kill()
    stage.service.start()
    stage.client.__exit__(None, None, None)
    stage.client.__enter__()
    stage.again()


@pytest.mark.parametrize(
    "reset",
    [
        warm_reset,
        cold_reset,
        disconnect_with_reset,
        disconnect_without_power,
        left_alone,
        card_taken_out,
        reader_unplugged,
        service_killed,
    ],
)
def test_nothing_is_proved_after(
    reset: Callable[[Stage], None],
    service: PcscService,
    client: PlainClient,
    insert: Insert,
    dalian_card: Issued,
    free_slot: ReaderSlot,
    removable_slots: tuple[ReaderSlot, ReaderSlot],
) -> None:
    slot = removable_slots[0] if reset is reader_unplugged else free_slot
    place = insert(dalian_card.chip, slot)
    stage = Stage(service, client, slot, place, client.connect(slot.name))
    for command in (SSSE, VERIFY, DF01):
        assert stage.card(command)[:2] in ("61", "90")
    assert stage.card(PIN_DOOR).startswith("6C")
    reset(stage)
    assert stage.card("00B2012C12") == "6A82", "the card starts at its MF"
    assert stage.card(SSSE).startswith("61")
    assert stage.card(DF01).startswith("61")
    assert stage.card(PIN_DOOR) == "6982"
