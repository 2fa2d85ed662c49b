"""The software vault in the place of the centre's HSM for the medical account (ref 12 §6, §7.4)."""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from sscard_ic.apdu.medical import TERMINAL_LENGTH, TYPE_CREDIT, TYPE_PURCHASE
from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto import medical as rules
from sscard_ic.crypto.medical import TacForm
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.medical import Credit, DebitMac, Purchase, WrongMac1
from sscard_ic.keys.policy import Operation


class MedicalHost(ABC):
    """Crediter and TAC checker over card keys that a subclass derives."""

    @abstractmethod
    def _card_key(self, key: CardKey, operation: Operation) -> bytes:
        """The 16 bytes of a card key that may be used so."""

    def authorise_credit(self, credit: Credit, mac1: bytes, time: bytes) -> bytes:
        """MAC2 of the host, 4 bytes; raises :class:`WrongMac1` when the card's own is not right."""
        session = rules.load_key(
            self._card_key(credit.key, "credit"), credit.random, credit.counter
        )
        expected = rules.load_mac1(
            session, credit.balance, credit.amount, TYPE_CREDIT, credit.terminal
        )
        if not hmac.compare_digest(mac1, expected):
            raise WrongMac1
        return rules.load_mac2(session, credit.amount, TYPE_CREDIT, credit.terminal, time)

    def check_credit_tac(
        self, key: CardKey, credit: Credit, time: bytes, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the card's for a credit at the host's ``time``."""
        expected = rules.load_tac(
            self._card_key(key, "tac"),
            credit.balance + credit.amount,
            credit.counter,
            credit.amount,
            TYPE_CREDIT,
            credit.terminal,
            time,
            form,
        )
        return hmac.compare_digest(tac, expected)

    def check_debit_tac(
        self, key: CardKey, purchase: Purchase, number: int, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the card's for a purchase with this transaction number."""
        expected = rules.purchase_tac(
            self._card_key(key, "tac"),
            bytes(purchase.amounts),
            TYPE_PURCHASE,
            purchase.terminal,
            number,
            purchase.time,
            form,
        )
        return hmac.compare_digest(tac, expected)

    def purchase_macs(self, purchase: Purchase, number: int) -> tuple[bytes, bytes]:
        """MAC1 and MAC2 of a purchase, 4 bytes each."""
        session = rules.purchase_key(
            self._card_key(purchase.key, "purchase"), purchase.random, purchase.counter, number
        )
        amounts = bytes(purchase.amounts)
        mac1 = rules.purchase_mac1(
            session, amounts, TYPE_PURCHASE, purchase.terminal, purchase.time
        )
        return mac1, rules.purchase_mac2(session, amounts)


class HostDebiter:
    """Authorises purchases of one terminal by the host's keys: online settlements (ref 12 §7.4).

    ``terminal`` is the terminal's number (6 bytes), ``numbers`` gives its next transaction number,
    ``indexes`` the DPK indexes in the order to be tried. Raises :class:`InputError` for a number
    of another length.
    """

    works_offline = False

    def __init__(
        self,
        host: MedicalHost,
        terminal: bytes,
        numbers: Callable[[], int],
        indexes: Sequence[int] = (1,),
    ) -> None:
        if len(terminal) != TERMINAL_LENGTH:
            raise InputError(
                Text("终端机编号应为 12 位数字", "a terminal number has 12 digits"),
                hint=Text("例如 210200000001", "for example 210200000001"),
            )
        self._host = host
        self._terminal = terminal
        self._numbers = numbers
        self._indexes = tuple(indexes)

    def terminal(self) -> bytes:
        """The 6-byte number that was given."""
        return self._terminal

    def key_indexes(self) -> Sequence[int]:
        """Those that were given."""
        return self._indexes

    def authorise_debit(self, purchase: Purchase) -> DebitMac:
        """MAC1 with the next transaction number."""
        number = self._numbers()
        mac1, _ = self._host.purchase_macs(purchase, number)
        return DebitMac(number, mac1)

    def confirm_debit(self, purchase: Purchase, debit: DebitMac, mac2: bytes) -> bool:
        """Whether ``mac2`` is the card's."""
        _, expected = self._host.purchase_macs(purchase, debit.number)
        return hmac.compare_digest(mac2, expected)
