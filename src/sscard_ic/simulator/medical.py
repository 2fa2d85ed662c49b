"""The commands of the medical account, CLA B0 (ref 12 §4).

A transaction has two commands: INITIALIZE prepares it, CREDIT or DEBIT concludes it. Between them
only GET RESPONSE may come. What the second one changes is written as a whole: balance, totals,
counter, log and proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sscard_ic.apdu import Command
from sscard_ic.apdu import medical as apdu
from sscard_ic.apdu.ssc import PIN_REFERENCE
from sscard_ic.crypto import medical as rules
from sscard_ic.profile.dialect import KeyTypeName
from sscard_ic.profile.medical import MedicalSettings
from sscard_ic.profile.structure import Structure
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import CyclicFile
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.medical_state import (
    LARGEST_COUNTER,
    Account,
    AmountFile,
    Calendar,
    is_time,
)
from sscard_ic.simulator.memory import damaged

HEADER = "medical"
"""Name of the account's description in the header of an image."""

_NO_SUCH_INDEX = 0x9403
_WRONG_MAC = 0x9302


def describe(structure: Structure) -> dict[str, Any] | None:
    """What the chip knows of its medical account, as the header of an image keeps it."""
    medical = structure.medical
    if medical is None:
        return None
    return {
        "directory": structure.directories[medical.directory].name.hex().upper(),
        "log": medical.log,
        "tac_key": f"{structure.keys[medical.tac_key].id:02X}",
        "day_key": f"{structure.keys[medical.day_key].id:02X}" if medical.day_key else None,
        "settings": medical.settings.model_dump(mode="json"),
    }


@dataclass(frozen=True, slots=True)
class _Purchase:
    """Prepared by INITIALIZE FOR PURCHASE."""

    key: StoredKey
    amounts: apdu.Amounts
    terminal: bytes
    random: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Load:
    """Prepared by INITIALIZE FOR LOAD."""

    session_key: bytes = field(repr=False)
    amount: int
    terminal: bytes


Prepared = _Purchase | _Load


class MedicalAccount:
    """The account of one card and the transaction that is being made."""

    __slots__ = (
        "_calendar",
        "_directory",
        "_log",
        "_settings",
        "_tac_key_id",
        "handlers",
        "prepared",
    )

    def __init__(self, description: dict[str, Any] | None) -> None:
        """``description`` is that of :func:`describe`; None: a card without an account."""
        self.prepared: Prepared | None = None
        """What waits for its second command."""
        self.handlers: dict[tuple[int, int], Callable[[CardState, Command], bytes]] = {}
        if description is None:
            return
        self._directory = bytes.fromhex(description["directory"])
        self._log = int(description["log"], 16)
        self._tac_key_id = int(description["tac_key"], 16)
        self._settings = MedicalSettings.model_validate(description["settings"])
        self._calendar = Calendar(self._settings)
        self.handlers = {(apdu.CLASS, ins): self._process for ins in _METHODS}

    @classmethod
    def of(cls, card: CardState) -> MedicalAccount:
        """The account that the header of the image describes.

        Raises :class:`InputError` when it cannot be right.
        """
        try:
            return cls(card.memory.header.get(HEADER))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(HEADER) from error

    def drop(self) -> None:
        """Another command or a reset: what was prepared is void, its random number with it."""
        self.prepared = None

    def _process(self, card: CardState, command: Command) -> bytes:
        """Any command of the account: 6E00 where another directory is current."""
        prepared, self.prepared = self.prepared, None
        if card.directory.name != self._directory:
            raise Refusal(0x6E00)
        return _METHODS[command.ins](self, card, command, prepared)

    # Reading

    def _get_balance(self, card: CardState, command: Command, _: Prepared | None) -> bytes:
        """C1-C3."""
        if command.p1 or command.p2 not in (apdu.ACCOUNT, apdu.SELF_PAID, apdu.POOLED):
            raise Refusal(0x6A86)
        if command.data:
            raise Refusal(0x6700)
        self._require_pin(card)
        account = AmountFile.here(card).read()
        if command.p2 == apdu.ACCOUNT:
            return account.balance.to_bytes(4, "big")
        total = account.self_paid if command.p2 == apdu.SELF_PAID else account.pooled
        return total.to_bytes(4, "big") + account.year

    def _get_proof(self, card: CardState, command: Command, _: Prepared | None) -> bytes:
        """C8: MAC and TAC of the last transaction of a type, when the counter is its own."""
        kinds = {self._proof_type(kind): kind for kind in (apdu.TYPE_CREDIT, apdu.TYPE_PURCHASE)}
        if command.p1 or command.p2 not in kinds:
            raise Refusal(0x6A86)
        if len(command.data) != 2:
            raise Refusal(0x6700)
        if self._settings.proof_needs_pin:
            self._require_pin(card)
        proof = AmountFile.here(card).proof(kinds[command.p2])
        kept = proof.of(int.from_bytes(command.data, "big"))
        if kept is None:
            raise Refusal(self._settings.no_proof)
        mac, tac = kept
        return mac + tac if self._settings.proof_order == "mac_tac" else tac + mac

    def _proof_type(self, kind: int) -> int:
        return kind & 0x0F if self._settings.proof_type == "number" else kind

    def _starting_day(self, card: CardState, command: Command, _: Prepared | None) -> bytes:
        """C9 and C10."""
        if command.p1 not in (apdu.READ_DAY, apdu.UPDATE_DAY) or command.p2:
            raise Refusal(0x6A86)
        if len(command.data) != (0 if command.p1 == apdu.READ_DAY else 2):
            raise Refusal(0x6700)
        file = AmountFile.here(card)
        if command.p1 == apdu.READ_DAY:
            self._require_pin(card)
            return self._calendar.starting_day(file.read())
        file.require_write(card)
        if not self._calendar.is_day(command.data):
            raise Refusal(0x6A80)
        file.write(file.read().starting_on(command.data))
        return b""

    # First commands

    def _initialize(self, card: CardState, command: Command, _: Prepared | None) -> bytes:
        if (command.p1, command.p2) == (apdu.FOR_LOAD, self._settings.load_p2):
            return self._initialize_for_load(card, command.data)
        if (command.p1, command.p2) == (apdu.FOR_PURCHASE, self._settings.purchase_p2):
            return self._initialize_for_purchase(card, command.data)
        raise Refusal(0x6A86)

    def _initialize_for_load(self, card: CardState, data: bytes) -> bytes:
        """C4; MAC1 tells the host that this card asks for the credit."""
        if len(data) != 11:
            raise Refusal(0x6700)
        file = self._ready(card)
        key = self._indexed_key(card, "load", data[0])
        amount, terminal = int.from_bytes(data[1:5], "big"), data[5:]
        account = file.read()
        self._require_counter(account.credits)
        if not account.credited(amount).fits:
            raise Refusal(self._settings.amount_overflow)
        random = card.challenge.random(apdu.RANDOM_LENGTH)
        session_key = rules.load_key(key.value, random, account.credits)
        mac1 = rules.load_mac1(session_key, account.balance, amount, apdu.TYPE_CREDIT, terminal)
        file.proof(apdu.TYPE_CREDIT).forget()
        self.prepared = _Load(session_key, amount, terminal)
        head = account.balance.to_bytes(4, "big") + account.credits.to_bytes(2, "big")
        return head + self._key_data(key) + random + mac1

    def _initialize_for_purchase(self, card: CardState, data: bytes) -> bytes:
        """C6."""
        if len(data) != 19:
            raise Refusal(0x6700)
        file = self._ready(card)
        key = self._indexed_key(card, "purchase", data[0])
        amounts = apdu.Amounts(*(int.from_bytes(data[at : at + 4], "big") for at in (1, 5, 9)))
        account = file.read()
        self._require_counter(account.purchases)
        if self._settings.balance_checked == "initialize":
            self._require_balance(account, amounts)
        random = card.challenge.random(apdu.RANDOM_LENGTH)
        file.proof(apdu.TYPE_PURCHASE).forget()
        self.prepared = _Purchase(key, amounts, data[13:], random)
        sums = (account.balance, account.self_paid, account.pooled)
        head = b"".join(amount.to_bytes(4, "big") for amount in sums)
        counter = account.purchases.to_bytes(2, "big")
        return head + account.year + counter + self._key_data(key) + random

    def _key_data(self, key: StoredKey) -> bytes:
        return bytes((key.record.version, self._settings.algorithm_byte))

    # Second commands

    def _credit(self, card: CardState, command: Command, prepared: Prepared | None) -> bytes:
        """C5; 9302 unless MAC2 is the host's."""
        if not isinstance(prepared, _Load):
            raise Refusal(self._settings.no_transaction)
        time, mac2 = self._concluding(command, 0x00, 0)
        expected = rules.load_mac2(
            prepared.session_key, prepared.amount, apdu.TYPE_CREDIT, prepared.terminal, time
        )
        if mac2 != expected:
            raise Refusal(_WRONG_MAC)
        self._require_time(time)
        file = AmountFile.here(card)
        before = file.read()
        after = before.credited(prepared.amount)
        tac = rules.load_tac(
            self._tac_key(card).value,
            after.balance,
            before.credits,
            prepared.amount,
            apdu.TYPE_CREDIT,
            prepared.terminal,
            time,
            self._settings.tac_form,
        )
        amounts = apdu.Amounts(prepared.amount, 0, 0)
        self._note(card, before.credits, apdu.TYPE_CREDIT, prepared.terminal, time, amounts)
        file.write(after)
        file.proof(apdu.TYPE_CREDIT).keep(before.credits, mac2, tac)
        return tac

    def _debit(self, card: CardState, command: Command, prepared: Prepared | None) -> bytes:
        """C7; 9302 unless MAC1 is the terminal's."""
        if not isinstance(prepared, _Purchase):
            raise Refusal(self._settings.no_transaction)
        body, mac1 = self._concluding(command, 0x01, 4)
        number, time = int.from_bytes(body[:4], "big"), body[4:]
        file = AmountFile.here(card)
        before = file.read()
        amounts, terminal = bytes(prepared.amounts), prepared.terminal
        key = rules.purchase_key(prepared.key.value, prepared.random, before.purchases, number)
        if mac1 != rules.purchase_mac1(key, amounts, apdu.TYPE_PURCHASE, terminal, time):
            raise Refusal(_WRONG_MAC)
        self._require_time(time)
        after = self._paid(before, prepared.amounts, time)
        mac2 = rules.purchase_mac2(key, amounts)
        tac = rules.purchase_tac(
            self._tac_key(card).value,
            amounts,
            apdu.TYPE_PURCHASE,
            terminal,
            number,
            time,
            self._settings.tac_form,
        )
        self._note(card, before.purchases, apdu.TYPE_PURCHASE, terminal, time, prepared.amounts)
        file.write(after)
        file.proof(apdu.TYPE_PURCHASE).keep(before.purchases, mac2, tac)
        return tac + mac2

    def _concluding(self, command: Command, p1: int, before_time: int) -> tuple[bytes, bytes]:
        """The data of a second command: all before the MAC, the MAC."""
        if (command.p1, command.p2) != (p1, 0x00):
            raise Refusal(0x6A86)
        if len(command.data) != before_time + apdu.TIME_LENGTH + apdu.MAC_LENGTH:
            raise Refusal(0x6700)
        return command.data[: -apdu.MAC_LENGTH], command.data[-apdu.MAC_LENGTH :]

    def _paid(self, before: Account, amounts: apdu.Amounts, time: bytes) -> Account:
        """The account after a purchase at ``time``, or the refusal."""
        self._require_balance(before, amounts)
        year, stored = self._calendar.payment_year(time, before), self._calendar.year_of(before)
        restart = year > stored or (year < stored and self._settings.older_year == "restart")
        self_paid, pooled = amounts.self_paid, amounts.pooled
        if amounts.account == 0 and not self._settings.totals_online:
            self_paid = pooled = 0
        sums = (amounts.account, self_paid, pooled)
        after = before.paid(sums, self._calendar.coded_year(year), restart=restart)
        if not after.fits:
            raise Refusal(self._settings.amount_overflow)
        return after

    def _note(
        self,
        card: CardState,
        counter: int,
        kind: int,
        terminal: bytes,
        time: bytes,
        amounts: apdu.Amounts,
    ) -> None:
        """Write the log record."""
        sequence = counter + (self._settings.log_sequence == "after")
        self._log_file(card).add(bytes(apdu.LogRecord(sequence, kind, terminal, time, amounts)))

    # Conditions

    def _ready(self, card: CardState) -> AmountFile:
        """The amount file, when a transaction may begin: PIN, log and TAC key are there."""
        self._require_pin(card)
        self._log_file(card)
        self._tac_key(card)
        return AmountFile.here(card)

    def _log_file(self, card: CardState) -> CyclicFile:
        file = card.directory.children.get(self._log)
        if not isinstance(file, CyclicFile) or file.spec.record_length != apdu.LOG_RECORD_LENGTH:
            raise Refusal(0x6A82)
        return file

    def _tac_key(self, card: CardState) -> StoredKey:
        return card.key_of_use(card.directory, "tac", self._tac_key_id)

    def _indexed_key(self, card: CardState, use: KeyTypeName, index: int) -> StoredKey:
        try:
            return card.key_of_use(card.directory, use, index)
        except Refusal:
            raise Refusal(_NO_SUCH_INDEX) from None

    def _require_pin(self, card: CardState) -> None:
        """6982 when the holder has a PIN that is not verified (ref 12 §1 item 6)."""
        if not card.security.pin_verified and _has_pin(card):
            raise Refusal(0x6982)

    def _require_counter(self, counter: int) -> None:
        if counter == LARGEST_COUNTER:
            raise Refusal(self._settings.counter_full)

    def _require_balance(self, account: Account, amounts: apdu.Amounts) -> None:
        if amounts.account > account.balance:
            raise Refusal(self._settings.insufficient)

    def _require_time(self, time: bytes) -> None:
        if not is_time(time):
            raise Refusal(0x6A80)


def _has_pin(card: CardState) -> bool:
    try:
        card.interpreter.find_key(card, card.dialect.key_types.pin, PIN_REFERENCE, None)
    except Refusal:
        return False
    return True


_METHODS: dict[int, Callable[[MedicalAccount, CardState, Command, Prepared | None], bytes]] = {
    apdu.GET_BALANCE: MedicalAccount._get_balance,
    apdu.INITIALIZE: MedicalAccount._initialize,
    apdu.CREDIT: MedicalAccount._credit,
    apdu.DEBIT: MedicalAccount._debit,
    apdu.GET_PROOF: MedicalAccount._get_proof,
    apdu.STARTING_DAY: MedicalAccount._starting_day,
}
