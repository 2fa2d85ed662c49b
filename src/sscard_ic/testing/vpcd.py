"""A PC/SC reader of a test, into which its virtual cards are put."""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.errors import NoCard
from sscard_ic.reader.pcsc import Access, open_pcsc
from sscard_ic.reader.pcsc.finding import find_card
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing.cards import LabCard
from sscard_ic.testing.traces import TraceShelf


class VpcdReader:
    """One slot of a vpcd reader, by its ``port``."""

    def __init__(self, port: int, shelf: TraceShelf) -> None:
        self._slot = VpcdSlot(port)
        self._shelf = shelf
        self._name = ""

    @property
    def name(self) -> str:
        """What PC/SC programs, and ``--reader``, call it; raises :class:`NoCard` without one."""
        if not self._name:
            raise NoCard(
                Text("先放入一张卡", "insert a card first"), where=f"port {self._slot.port}"
            )
        return self._name

    def insert(self, card: LabCard) -> str:
        """Put ``card`` in; returns the reader's name when PC/SC programs see the card."""
        virtual = card.card()
        try:
            self._slot.insert(virtual, card.image.stem)
            self._name = find_card(virtual.atr)
        except BaseException:
            self._slot.close()
            virtual.close()
            raise
        return self._name

    def remove(self) -> None:
        """Take the card out; returns when the driver has let it go."""
        self._slot.remove().close()
        self._name = ""

    def connect(self, access: Access = "exclusive") -> Connection:
        """The card through PC/SC; traced, and closed at the end of the test."""
        reader = self.name
        return self._shelf.open(
            "pcsc", lambda trace: open_session(open_pcsc(reader, access=access), trace=trace)
        )

    def close(self) -> None:
        """Take a card that is there out without waiting."""
        card = self._slot.card
        self._slot.close()
        if card is not None:
            card.close()
