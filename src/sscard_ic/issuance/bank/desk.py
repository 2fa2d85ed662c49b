"""What data preparation asks of the bank: an issuer's keys, and key pairs for its cards."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Protocol

from sscard_ic.base.errors import InputError, Text
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.issuance.bank.certifying import Certifiers
from sscard_ic.issuance.bank.files import BankFile
from sscard_ic.issuance.bank.holder import BankHolder
from sscard_ic.issuance.bank.key_pool import KeyPool, PoolEmptyError
from sscard_ic.issuance.bank.preparation import BankPreparer
from sscard_ic.issuance.bank.published_issuer import PublishedIssuer
from sscard_ic.issuance.bank.signing import KeySource
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.financial import FinancialApplication


class BankSource(Protocol):
    """Where the data of the bank's applications come from."""

    def plan(self, fields: Mapping[str, str], day: date) -> BankPlan:
        """The bank's applications of the card of a row; raises :class:`InputError`."""
        ...


class BankFileSource:
    """Data that the bank prepared: the cards of its file by their numbers."""

    def __init__(self, path: Path, file: BankFile) -> None:
        self._path = path
        self._cards: dict[str, list[BankPlan]] = {}
        for card in file.cards:
            self._cards.setdefault(card.pan, []).append(card)

    def plan(self, fields: Mapping[str, str], day: date) -> BankPlan:
        """The card whose number the row has; raises :class:`InputError` for none, or several."""
        found = self._cards.get(fields.get("PAN", ""), [])
        if len(found) == 1:
            return found[0]
        what = (
            Text("其中有多张此行卡号的卡", "several cards in it have the number of the row")
            if found
            else Text("其中没有此行卡号的卡", "no card in it has the number of the row")
        )
        raise InputError(
            what,
            where=str(self._path),
            hint=Text(
                "请银行核对数据文件与批次", "ask the bank to compare its file with the batch"
            ),
        )


@dataclass(frozen=True)
class BankDesk:
    """The bank's side of data preparation for cards of one profile."""

    model: FinancialApplication
    issuers: Certifiers
    keys: KeySource

    def plan(self, fields: Mapping[str, str], day: date) -> BankPlan:
        """The bank's applications of the card of a row; raises :class:`InputError`."""
        holder = BankHolder.of(fields, self.model.plan.holding, day)
        return self._preparer.prepare(holder, self.keys)

    @cached_property
    def _preparer(self) -> BankPreparer:
        return BankPreparer(self.model, self.issuers)


class CardKeys:
    """Key pairs from a pool while it has any, and made on the spot when not."""

    def __init__(self, pool: KeyPool | None = None) -> None:
        self._pool = pool

    def take_rsa(self, bits: int, exponent: int) -> RsaPrivate:
        """A key pair that no other card has."""
        if self._pool is not None:
            with suppress(PoolEmptyError):
                return self._pool.take_rsa(bits, exponent)
        return RsaPrivate.generate(bits, exponent)

    def take_sm2(self) -> KeyPair:
        """A key pair that no other card has."""
        if self._pool is not None:
            with suppress(PoolEmptyError):
                return self._pool.take_sm2()
        return provider().generate()


def desk_of(profile: CardProfile, pool: KeyPool | None = None) -> BankDesk | None:
    """Who prepares the bank's applications of cards of ``profile``; None where nobody does.

    Test cards are issued with published keys. Raises :class:`InputError` for real ones: no issuer
    keys can be connected yet.
    """
    model = profile.financial
    if model is None or profile.structure.bank_application != "personalize":
        return None
    if profile.region is not None and profile.region.issuer.environment == "production":
        raise InputError(
            Text(
                "生产卡的银行应用数据须由发卡行准备，本程序只有公开的测试发卡行密钥",
                "data of the bank's application for real cards come from the bank: this program "
                "has the published keys of a test issuer only",
            ),
            where=profile.name,
            hint=Text(
                "用 --bank-data 给出银行的数据文件，或将 bank_application 设为 present、none",
                "give the bank's file with --bank-data, or set bank_application to present or none",
            ),
        )
    return BankDesk(model, PublishedIssuer(), CardKeys(pool))
