"""Cards to measure with: made by a station on virtual chips, every exchange counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from tests.support.plant import ChipSlot, authority_of, import_rows, make_vault, open_ledger

from sscard_ic.base.secret import Secretive
from sscard_ic.card import HabitBook, SocialSecurityCard
from sscard_ic.card.dump import dump_card
from sscard_ic.card.habits import Habits
from sscard_ic.issuance.prepare import PreparedCard, prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.dialect import Features
from sscard_ic.reader import Connection, Tally, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank


class PowerUps(Wrapper):
    """Counts what goes over the wire, in one tally per power-up."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.tallies = [Tally()]

    def transmit(self, command: Secretive) -> bytes:
        """One counted exchange."""
        answer = self.inner.transmit(command)
        self.tallies[-1].add(len(command), len(answer))
        return answer

    def reset(self, cold: bool) -> bytes:
        """Reset the card; what follows is counted apart."""
        self.tallies.append(Tally())
        return self.inner.reset(cold)


class _MeteredSlot(ChipSlot):
    """Chips in memory, each behind a meter."""

    def __init__(self, *chips: Chip) -> None:
        super().__init__(*chips)
        self.meters: list[PowerUps] = []

    def connect(self) -> Connection:
        """Power the chip."""
        meter = PowerUps(super().connect())
        self.meters.append(meter)
        return meter


@dataclass(frozen=True, slots=True)
class MadeCard:
    """A finished card, what it was to hold, and what making it took."""

    chip: Chip
    profile: CardProfile
    plan: PreparedCard
    power_ups: Sequence[Tally]
    """The last two: verify. Those before: everything up to the finished card."""

    @property
    def making(self) -> Tally:
        """Everything up to the finished card."""
        return total(self.power_ups[:-2])

    @property
    def verifying(self) -> Tally:
        """Everything after that, together."""
        return total(self.power_ups[-2:])


class Workshop:
    """A folder with a test vault, and ledgers for as many batches as are asked for."""

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="sscard-bench-")
        self.vault = make_vault(Path(self._folder.name))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def make(
        self, region: str | CardProfile, count: int, features: Features | None = None
    ) -> list[MadeCard]:
        """The first ``count`` cards of a region's sample, by one station that learns.

        ``region`` may be a changed profile of it.
        """
        profile = load(region) if isinstance(region, str) else region
        serials = [number.to_bytes(6, "big") for number in range(1, count + 1)]
        chips = [blank(profile, serial, features=features) for serial in serials]
        slot = _MeteredSlot(*chips)
        with (
            TemporaryDirectory(dir=self._folder.name) as folder,
            open_ledger(Path(folder) / "ledger.db", self.vault) as ledger,
        ):
            batch = import_rows(ledger, profile, Path(folder), count)
            prepare_batch(ledger, batch, profile, self.vault)
            station = Station(
                slot,
                ledger,
                profile,
                self.vault,
                authority=authority_of(profile),
                habits=HabitBook(),
            )
            outcome = station.run(batch)
            if outcome.good != count:
                raise RuntimeError(f"{outcome.good} of {count} cards of {region} are good")
            made = []
            for chip, serial, meter in zip(chips, serials, slot.meters, strict=True):
                card = ledger.card_by_chip(serial)
                sealed = ledger.plan(card.id) if card is not None else None
                if sealed is None:
                    raise RuntimeError(f"the ledger of {region} has no plan for a good card")
                plan = PreparedCard.from_json(sealed)
                made.append(MadeCard(chip, profile, plan, tuple(meter.tallies)))
            return made

    def read_basic(self, card: MadeCard, habits: Habits, *, with_keys: bool = False) -> Tally:
        """Basic information (SSSE, EF05, EF06) on a fresh power-up; all of it must be open."""
        tally = Tally()
        session = open_session(VirtualConnection(card.chip), tally=tally)
        keys = self.vault if with_keys else None
        reading = SocialSecurityCard(session, card.profile, keys, habits=habits).read_basic()
        if reading.closed:
            raise RuntimeError(f"kept closed: {', '.join(reading.closed)}")
        return tally

    def dump(self, card: MadeCard, habits: Habits) -> Tally:
        """All of a card, with PIN, keys and balances, on a fresh power-up; all of it is open."""
        tally = Tally()
        session = open_session(VirtualConnection(card.chip), tally=tally)
        opened = SocialSecurityCard(session, card.profile, self.vault, habits=habits)
        opened.verify_pin(card.plan.pin)
        dumped = dump_card(opened, with_account=True)
        if dumped.contents.closed or dumped.contents.account is None:
            raise RuntimeError("the dump is not whole")
        return tally


def total(tallies: Sequence[Tally]) -> Tally:
    """The sum of several tallies."""
    return Tally(
        exchanges=sum(t.exchanges for t in tallies),
        sent=sum(t.sent for t in tallies),
        received=sum(t.received for t in tallies),
        t0_bytes=sum(t.t0_bytes for t in tallies),
        t0_turns=sum(t.t0_turns for t in tallies),
        contactless_bits=sum(t.contactless_bits for t in tallies),
        contactless_blocks=sum(t.contactless_blocks for t in tallies),
    )


@dataclass(frozen=True, slots=True)
class CardType:
    """What a chip offers a reader (design: a reader relies on none of it)."""

    name: str
    features: Features
    limit: int
    """Most exchanges for the basic information of a card of version 2.00, once learned."""


CARD_TYPES = (
    CardType("SFI, all records", Features(sfi=True, all_records=True), 4),
    CardType("all records", Features(sfi=False, all_records=True), 6),
    CardType("SFI", Features(sfi=True, all_records=False), 16),
    CardType("neither", Features(sfi=False, all_records=False), 18),
)
