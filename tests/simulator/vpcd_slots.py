"""What the tests of the slots of a vpcd reader share."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from tests.simulator.cards import with_dialect

from sscard_ic.simulator import SlotEvent, VpcdSlot, VpcdTimes, blank

QUICK = VpcdTimes(patience=5, silence=60, empty=0.03, back=0.03, retry=0.01)
CHALLENGE = "0084000008"
PIN_PROTECTED = "00B2012C04"
PATIENCE = 10.0


def new_card(serial: int = 1) -> Any:
    return blank(with_dialect(), serial.to_bytes(6, "big"))


class Witness:
    """Writes down what is told."""

    def __init__(self) -> None:
        self.events: list[SlotEvent] = []

    def __call__(self, event: SlotEvent) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events if event.kind != "powered"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def until(slot: VpcdSlot, condition: Callable[[], bool]) -> None:
    assert slot.wait(condition, PATIENCE)
