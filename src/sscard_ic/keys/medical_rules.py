"""What the centre's HSM computes for the medical account, wherever its keys are (ref 12 §6)."""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod

from sscard_ic.apdu.medical import TYPE_CREDIT, TYPE_PURCHASE
from sscard_ic.crypto import medical as rules
from sscard_ic.crypto.medical import TacForm
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.medical import Credit, Purchase, WrongMac1
from sscard_ic.keys.policy import Operation


class MedicalRules(ABC):
    """Purchase host, crediter and TAC checker over the codes that a subclass computes."""

    @abstractmethod
    def _session_mac(self, key: CardKey, operation: Operation, block: bytes, data: bytes) -> bytes:
        """DES MAC, 4 bytes, under the 8-byte encryption of ``block`` by a card key."""

    @abstractmethod
    def _tac(self, key: CardKey, data: bytes, form: TacForm) -> bytes:
        """4 bytes under a TAC key, as :func:`~sscard_ic.crypto.medical.tac` has them."""

    def authorise_credit(self, credit: Credit, mac1: bytes, time: bytes) -> bytes:
        """MAC2 of the host, 4 bytes; raises :class:`WrongMac1` when the card's own is not right."""
        block = rules.load_block(credit.random, credit.counter)
        covered = rules.load_mac1_data(credit.balance, credit.amount, TYPE_CREDIT, credit.terminal)
        expected = self._session_mac(credit.key, "credit", block, covered)
        if not hmac.compare_digest(mac1, expected):
            raise WrongMac1
        covered = rules.load_mac2_data(credit.amount, TYPE_CREDIT, credit.terminal, time)
        return self._session_mac(credit.key, "credit", block, covered)

    def check_credit_tac(
        self, key: CardKey, credit: Credit, time: bytes, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the card's for a credit at the host's ``time``."""
        covered = rules.load_tac_data(
            credit.balance + credit.amount,
            credit.counter,
            credit.amount,
            TYPE_CREDIT,
            credit.terminal,
            time,
        )
        return hmac.compare_digest(tac, self._tac(key, covered, form))

    def check_debit_tac(
        self, key: CardKey, purchase: Purchase, number: int, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the card's for a purchase with this transaction number."""
        return hmac.compare_digest(tac, self.debit_tac(key, purchase, number, form))

    def debit_tac(self, key: CardKey, purchase: Purchase, number: int, form: TacForm) -> bytes:
        """The TAC that the card answers to a purchase, 4 bytes."""
        covered = rules.purchase_tac_data(
            bytes(purchase.amounts), TYPE_PURCHASE, purchase.terminal, number, purchase.time
        )
        return self._tac(key, covered, form)

    def purchase_macs(self, purchase: Purchase, number: int) -> tuple[bytes, bytes]:
        """MAC1 and MAC2 of a purchase, 4 bytes each."""
        block = rules.purchase_block(purchase.random, purchase.counter, number)
        amounts = bytes(purchase.amounts)
        covered = rules.purchase_mac1_data(amounts, TYPE_PURCHASE, purchase.terminal, purchase.time)
        mac1 = self._session_mac(purchase.key, "purchase", block, covered)
        return mac1, self._session_mac(purchase.key, "purchase", block, amounts)
