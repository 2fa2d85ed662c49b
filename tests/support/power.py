"""Power that fails at an exchange of a station, before the card executes it or after."""

from __future__ import annotations

from tests.support.plant import ChipSlot

from sscard_ic.base import Text
from sscard_ic.base.secret import Secretive
from sscard_ic.reader import Connection
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip


class PowerCut(ReaderError):
    """The card lost its power."""

    def __init__(self) -> None:
        super().__init__(Text("断电", "power cut"))


class Cutter(Wrapper):
    """Cuts the power at one exchange; the first reset ends what is cut."""

    def __init__(self, inner: Connection, slot: CuttingSlot) -> None:
        super().__init__(inner)
        self._slot = slot

    def transmit(self, command: Secretive) -> bytes:
        slot = self._slot
        number, slot.count = slot.count, slot.count + 1
        if number != slot.cut_at:
            return self.inner.transmit(command)
        if slot.executed:
            self.inner.transmit(command)
        raise PowerCut

    def reset(self, cold: bool) -> bytes:
        self._slot.resets.append(self._slot.count)
        return self.inner.reset(cold)


class CuttingSlot(ChipSlot):
    """A slot in which the power fails at exchange ``cut_at``, counted from 0 over all sessions."""

    def __init__(self, chip: Chip, cut_at: int | None = None, executed: bool = False) -> None:
        super().__init__(chip)
        self.cut_at = cut_at
        self.executed = executed
        self.count = 0
        self.resets: list[int] = []
        """Exchanges before each reset."""

    @property
    def finished_at(self) -> int:
        """Exchanges before the first reset after any: without one, 0."""
        return next((count for count in self.resets if count), 0)

    def connect(self) -> Connection:
        return Cutter(super().connect(), self)
