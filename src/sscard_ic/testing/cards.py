"""The virtual card of a test: where it lies, who is on it, and how it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import SoftwareVault, published_keys
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import Fault, FaultFile, VirtualCard, open_card
from sscard_ic.testing.traces import TraceShelf


@dataclass(frozen=True, slots=True)
class LabCard:
    """A virtual card in a file of its own, with the published keys that it knows."""

    image: Path
    profile: CardProfile
    keys: SoftwareVault
    plan: PreparedCard | None
    """What was written to it, its PIN among that; None for a blank."""
    _shelf: TraceShelf = field(repr=False)

    @property
    def reader(self) -> str:
        """What ``--reader`` calls it."""
        return f"virtual:{self.image}"

    def connect(self) -> Connection:
        """Power the card; traced, and closed at the end of the test where the test does not.

        A card is in one place: what was connected to it before is closed.
        """
        self._shelf.close(self.image.stem)
        return self._shelf.open(
            self.image.stem, lambda trace: open_session(open_virtual(self.image), trace=trace)
        )

    def card(self) -> VirtualCard:
        """The card itself, to be put into a reader."""
        return open_card(self.image)

    def order(self, fault: Fault) -> None:
        """Order a fault; a session that is open meets it, too."""
        FaultFile(self.image).order(fault)


class CardShop:
    """Makes the cards of one test in a folder of its own; ``made`` is told each image."""

    def __init__(
        self,
        profile: CardProfile,
        folder: Path,
        shelf: TraceShelf,
        maker: Callable[[], SpecimenMaker],
        made: Callable[[Path], None],
    ) -> None:
        self._profile = profile
        self._folder = folder
        self._shelf = shelf
        self._maker = maker
        self._made = made
        self._keys = published_keys(profile.keys)

    def blank(self) -> LabCard:
        """A blank as the factory delivers it."""
        image = new_blank(self._profile, self._folder)
        self._made(image)
        return LabCard(image, self._profile, self._keys, None, self._shelf)

    def issued(self) -> LabCard:
        """A finished card, each of another synthetic holder."""
        image = new_blank(self._profile, self._folder)
        connection = open_virtual(image)
        try:
            plan = self._maker().make(open_session(connection))
        finally:
            connection.close()
        self._made(image)
        return LabCard(image, self._profile, self._keys, plan, self._shelf)
