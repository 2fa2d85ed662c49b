"""A ledger with a batch of small cards that bear the bank's application, and a station."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.bank_files import FileCard, yl
from tests.support.plant import ChipSlot, import_rows, sample_row
from tests.support.profiles import only, with_bank

from sscard_ic.card import FinancialCard
from sscard_ic.card.bank_personalization import BankPersonalizer
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.card.financial.data import FinancialData
from sscard_ic.codec.dates import parse_date
from sscard_ic.crypto import des
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.crypto.suites import SUITES
from sscard_ic.issuance.bank.desk import BankDesk, BankSource
from sscard_ic.issuance.bank.published_issuer import PublishedIssuer
from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import Card, Ledger, Phase, Step
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

REGION = "dalian"
_EXCHANGED = {0x8202: 0x8203, 0x8203: 0x8202, 0x8204: 0x8205, 0x8205: 0x8204}
"""RSA parts as UnionPay Data numbers them (ref 04 §7.5)."""


class OneKey:
    """The same RSA key for every card: making one takes longer than a card."""

    def __init__(self) -> None:
        self._key: RsaPrivate | None = None

    def take_rsa(self, bits: int, exponent: int) -> RsaPrivate:
        """The key."""
        if self._key is None:
            self._key = RsaPrivate.generate(bits, exponent)
        return self._key

    def take_sm2(self) -> KeyPair:
        """A new pair."""
        return provider().generate()


KEYS = OneKey()


def small(mode: str) -> CardProfile:
    """Cards of the region with the SSSE alone, and a bank's application."""
    return with_bank(only(load(REGION), "MF", "SSSE"), mode)


def blank_of(profile: CardProfile, number: int) -> Chip:
    """A fresh chip."""
    return blank(profile, number.to_bytes(6, "big"))


def blank_from_bank(profile: CardProfile, number: int, vault: SoftwareVault, **fields: str) -> Chip:
    """A fresh chip that a bank has personalized for the first row, other ``fields``."""
    chip = blank_of(profile, number)
    model = profile.financial
    assert model is not None
    row = sample_row(REGION, 1) | fields
    plan = BankDesk(model, PublishedIssuer(), KEYS).plan(row, parse_date("20261121"))
    BankPersonalizer(open_session(VirtualConnection(chip)), model, vault).personalize(plan)
    chip.power_off()
    return chip


def file_of_the_bank(profile: CardProfile, *rows: int) -> bytes:
    """What the bank's own data preparation sends for rows of the sample: YL, under BANK-TK."""
    model = profile.financial
    assert model is not None
    desk = BankDesk(model, PublishedIssuer(), KEYS)
    plans = (desk.plan(sample_row(REGION, row), parse_date("20261121")) for row in rows)
    return yl([_file_card(plan) for plan in plans])


def _file_card(plan: BankPlan) -> FileCard:
    masters = [published_test_key(f"BANK-{name}", 1) for name in ("AC", "MAC", "ENC")]
    keys = [BankSuite("3des").card_key(master, plan.pan, plan.sequence) for master in masters]
    checks = b"".join(map(SUITES["3des"].check_value, keys))
    groups = []
    for group in plan.instance("payment").groups:
        if group.value is not None:
            value = group.value
        elif group.check is not None:
            value = checks
        else:
            plain = b"".join(keys) if group.secret is None else group.secret.reveal()
            value = des.encrypt(published_test_key("BANK-TK", 1), plain)
        groups.append((_EXCHANGED.get(group.number, group.number), value))
    directories = {
        name: [(group.number, group.value or b"") for group in plan.instance(name).groups]
        for name in ("pse", "ppse")
    }
    return FileCard(groups, directories["pse"], directories["ppse"])


def bank_data(profile: CardProfile, chip: Chip) -> FinancialData:
    """What a terminal reads of the bank's application."""
    assert profile.financial is not None
    return FinancialCard(open_session(VirtualConnection(chip)), profile.financial).read()


class BankBench:
    """A batch of cards and a station that makes them."""

    def __init__(
        self, folder: Path, vault: SoftwareVault, ledger: Ledger, rows: int, mode: str
    ) -> None:
        self.profile = small(mode)
        self.vault = vault
        self.ledger = ledger
        self.batch = import_rows(ledger, self.profile, folder, rows)

    def run(self, slot: ChipSlot, bank: BankSource | None = None) -> Outcome:
        station = Station(slot, self.ledger, self.profile, self.vault)
        return run_batch([station], self.ledger, self.batch, self.profile, self.vault, bank=bank)

    def card(self, row: int = 1) -> Card:
        return self.ledger.cards_of(self.batch)[row - 1]

    def steps(self, row: int = 1) -> list[tuple[Step, Phase]]:
        return [(e.step, e.phase) for e in self.ledger.journal_of(self.card(row).id)]


def in_region(profile: CardProfile, **bank: int | tuple[str, ...]) -> CardProfile:
    """The profile with other rules of its region about the bank's application."""
    region = profile.region
    assert region is not None
    rules = region.bank.model_copy(update=bank)
    return replace(profile, region=region.model_copy(update={"bank": rules}))
