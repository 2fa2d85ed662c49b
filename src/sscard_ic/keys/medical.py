"""What the medical account asks of keys: MAC1 and MAC2 of debits and credits, TACs (ref 12 §6).

A debit is authorised by a PSAM or by the centre's HSM, a credit by the HSM alone. No type here
holds key bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base.errors import SscardError, Text
from sscard_ic.crypto.medical import TacForm
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import MissingCapabilityError


@dataclass(frozen=True, slots=True)
class Purchase:
    """A settlement as MAC1 of the terminal covers it (ref 12 §5.3 P5, §6).

    ``key`` names the card's DPK; its version is the key index. ``random`` (4 bytes), ``counter``,
    ``key_version`` and ``algorithm`` are what the card answered to INITIALIZE FOR PURCHASE.
    ``terminal`` has 6 bytes, ``time`` 7 (BCD).
    """

    key: CardKey
    random: bytes
    counter: int
    amounts: Amounts
    terminal: bytes
    time: bytes
    key_version: int
    algorithm: int


@dataclass(frozen=True, slots=True)
class DebitMac:
    """MAC1 (4 bytes) of a purchase and the terminal's transaction number it was made with."""

    number: int
    mac1: bytes


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit as the card asks for it with its MAC1 (ref 12 §6, §7.6).

    ``key`` names the card's DLK; its version is the key index. ``random`` (4 bytes), ``counter``
    and ``balance`` are what the card answered to INITIALIZE FOR LOAD; amounts are in fen.
    """

    key: CardKey
    random: bytes
    counter: int
    balance: int
    amount: int
    terminal: bytes


class WrongMac1(SscardError):
    """The card's own MAC1 is not that of its key: the card is not genuine, nothing is credited."""

    def __init__(self) -> None:
        super().__init__(
            Text("卡给出的 MAC1 不正确", "the MAC1 that the card gave is wrong"),
            hint=Text(
                "卡不属于本地区，或密钥库不是发卡所用的；卡内没有任何改变",
                "the card is of another region, or the vault is not the one it was issued with; "
                "nothing on the card has changed",
            ),
        )


@runtime_checkable
class Debiter(Protocol):
    """Authorises purchases in the name of one terminal: a PSAM, or the centre's HSM."""

    @property
    def works_offline(self) -> bool:
        """Whether it needs no centre: True for a PSAM. Known without an exchange."""
        ...

    def terminal(self) -> bytes:
        """The 6-byte number that the card is told and that MAC1 covers (PSAM file 0016)."""
        ...

    def key_indexes(self) -> Sequence[int]:
        """Indexes of the DPK in the order to try them: city, province, nation (001C, 1B, 1A)."""
        ...

    def authorise_debit(self, purchase: Purchase) -> DebitMac:
        """MAC1 and a transaction number that was never given out before (PSAM: 8070)."""
        ...

    def confirm_debit(self, purchase: Purchase, debit: DebitMac, mac2: bytes) -> bool:
        """Whether ``mac2`` is the card's for a purchase that was authorised (PSAM: 8072).

        Raises :class:`~sscard_ic.base.errors.SscardError` when that cannot be told any more: a
        PSAM knows the purchase authorised last, until it is reset.
        """
        ...


@runtime_checkable
class PurchaseHost(Protocol):
    """Computes all codes of a purchase: the centre's HSM, in the name of whatever terminal."""

    def purchase_macs(self, purchase: Purchase, number: int) -> tuple[bytes, bytes]:
        """MAC1 and MAC2 of a purchase with this transaction number, 4 bytes each."""
        ...

    def debit_tac(self, key: CardKey, purchase: Purchase, number: int, form: TacForm) -> bytes:
        """The TAC that the card will answer, 4 bytes; ``key`` names its DTK."""
        ...


@runtime_checkable
class Crediter(Protocol):
    """Authorises credits: the centre's HSM, never a PSAM (ref 12 §7.6)."""

    def authorise_credit(self, credit: Credit, mac1: bytes, time: bytes) -> bytes:
        """MAC2 for the host's ``time`` (7 bytes BCD); raises :class:`WrongMac1`."""
        ...


@runtime_checkable
class TacChecker(Protocol):
    """Checks what the card signs after a transaction: the centre's HSM.

    ``key`` names the card's DTK.
    """

    def check_debit_tac(
        self, key: CardKey, purchase: Purchase, number: int, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the card's for a purchase with this transaction number."""
        ...

    def check_credit_tac(
        self, key: CardKey, credit: Credit, time: bytes, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the card's for a credit at the host's ``time``."""
        ...


def purchase_host(service: object) -> PurchaseHost:
    """``service`` as purchase host; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, PurchaseHost):
        return service
    raise MissingCapabilityError(
        Text(
            "此密钥服务不能计算医保结算的 MAC 与 TAC",
            "this key service cannot compute the MACs and the TAC of a settlement",
        ),
        hint=Text("请使用密钥库或加密机", "use the vault, or an HSM"),
    )


def debiter(service: object) -> Debiter:
    """``service`` as debiter; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, Debiter):
        return service
    raise MissingCapabilityError(
        Text("此密钥服务不能授权医保结算", "this key service cannot authorise a settlement"),
        hint=Text("请使用 PSAM，或中心的加密机", "use a PSAM, or the HSM of the centre"),
    )


def offline_debiter(service: object) -> Debiter:
    """``service`` as a debiter that needs no centre; raises :class:`MissingCapabilityError`."""
    found = debiter(service)
    if found.works_offline:
        return found
    raise MissingCapabilityError(
        Text(
            "脱网时中心的加密机不可用：只有 PSAM 能授权脱网结算",
            "without the network there is no HSM: only a PSAM authorises an offline settlement",
        ),
        hint=Text("请使用 PSAM，或联网结算", "use a PSAM, or settle online"),
    )


def crediter(service: object) -> Crediter:
    """``service`` as crediter; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, Crediter):
        return service
    raise MissingCapabilityError(
        Text(
            "账户划入只能由中心的加密机授权：PSAM 没有划入密钥，加密机服务没有相应的报文",
            "only the HSM of the centre authorises a credit; a PSAM has no key for it, and HSM "
            "services have no message",
        ),
        hint=Text("请使用密钥库或 PKCS#11 加密机", "use the vault, or an HSM by PKCS#11"),
    )
