"""The software vault in the place of the centre's HSM for the medical account (ref 12 §6, §7.4)."""

from __future__ import annotations

import hmac
from abc import abstractmethod
from collections.abc import Callable, Sequence

from sscard_ic.apdu.medical import TERMINAL_LENGTH
from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto import des
from sscard_ic.crypto import medical as rules
from sscard_ic.crypto.mac import des_mac
from sscard_ic.crypto.medical import TacForm
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.medical import DebitMac, Purchase, PurchaseHost
from sscard_ic.keys.medical_rules import MedicalRules
from sscard_ic.keys.policy import Operation


class MedicalHost(MedicalRules):
    """Purchase host, crediter and TAC checker over card keys that a subclass derives."""

    @abstractmethod
    def _card_key(self, key: CardKey, operation: Operation) -> bytes:
        """The 16 bytes of a card key that may be used so."""

    def _session_mac(self, key: CardKey, operation: Operation, block: bytes, data: bytes) -> bytes:
        return des_mac(des.encrypt(self._card_key(key, operation), block), data)

    def _tac(self, key: CardKey, data: bytes, form: TacForm) -> bytes:
        return rules.tac(self._card_key(key, "tac"), data, form)


class HostDebiter:
    """Authorises purchases of one terminal by the host's keys: online settlements (ref 12 §7.4).

    ``terminal`` is the terminal's number (6 bytes), ``numbers`` gives its next transaction number,
    ``indexes`` the DPK indexes in the order to be tried. Raises :class:`InputError` for a number
    of another length.
    """

    works_offline = False

    def __init__(
        self,
        host: PurchaseHost,
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
