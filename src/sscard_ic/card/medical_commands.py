"""The exchanges of the medical account on one card, with errors in words (ref 12 §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sscard_ic.apdu import ApduError, Command, Response, iso
from sscard_ic.apdu import medical as apdu
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.card.channel import Refused
from sscard_ic.card.medical_records import Interrupted, Journal, Pending, Unfinished
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.profile.medical import Medical, MedicalSettings
from sscard_ic.reader.errors import ReaderError

Parsed = TypeVar("Parsed")

_NO_SUCH_INDEX = StatusWord(0x9403)
_NOT_SATISFIED = StatusWord(0x6982)
_NOT_THERE = StatusWord(0x6A83)
_DONE_NOTHING = frozenset({0x67, 0x69, 0x6A, 0x6B, 0x6D, 0x6E, 0x93, 0x94})
"""First bytes of the statuses with which a card says that it has changed nothing."""

_MOST_RECORDS = 255
_PIN = Text("持卡人密码", "the holder's PIN")


class AccountCommands:
    """Sends the commands of the account; its directory is selected when it has to be."""

    def __init__(self, card: SocialSecurityCard, medical: Medical) -> None:
        self.card = card
        self.medical = medical

    @property
    def settings(self) -> MedicalSettings:
        """What is open about the card's account."""
        return self.medical.settings

    def enter(self) -> None:
        """Make the account's directory current."""
        self.card.enter(self.medical.directory)

    def ask(self, command: Command, what: Text) -> bytes:
        """The data of a command that must succeed; :class:`Refused` otherwise."""
        return self._data(self.card.channel.ask(command), what)

    def _data(self, response: Response, what: Text) -> bytes:
        if not response.sw.ok:
            missing = _PIN if response.sw == _NOT_SATISFIED else None
            raise Refused(what, response.sw, missing=missing)
        return response.data

    def parsed(self, parse: Callable[[bytes], Parsed], data: bytes) -> Parsed:
        """``data`` taken apart; raises :class:`CardError` when the card answered oddly."""
        try:
            return parse(data)
        except ApduError as error:
            raise _odd(error) from None

    # The two commands of a transaction

    def initialize(
        self, indexes: Iterable[int], build: Callable[[int], Command], what: Text
    ) -> tuple[int, bytes]:
        """The first key index that the card has, and its answer (ref 12 §7.7).

        Raises :class:`Refused`: 9403 when it has none of them, every other status at once.
        """
        self.enter()
        response = Response(b"", _NO_SUCH_INDEX)
        for index in indexes:
            response = self.card.channel.ask(build(index))
            if response.sw != _NO_SUCH_INDEX:
                return index, self._data(response, what)
        raise Refused(what, response.sw)

    def conclude(
        self,
        pending: Pending,
        journal: Journal,
        command: Command,
        parse: Callable[[bytes], Parsed],
        what: Text,
    ) -> Parsed:
        """The answer to the command that makes the transaction.

        The journal knows of it before it is sent. Raises :class:`Refused` when the card says that
        it has done nothing, :class:`Interrupted` when there is no answer, or none to rely on.
        """
        journal.begin(pending)
        try:
            response = self.card.channel.ask(command)
        except ReaderError as error:
            raise Interrupted(pending, error.what) from error
        if response.sw.ok:
            try:
                return parse(response.data)
            except ApduError as error:
                raise Interrupted(pending, _odd(error).what) from None
        refused = Refused(what, response.sw)
        if response.sw >> 8 not in _DONE_NOTHING:
            raise Interrupted(pending, refused.what) from refused
        journal.end(pending, None)
        raise refused

    # What the card remembers

    def proof(self, kind: int, counter: int) -> tuple[bytes, bytes] | None:
        """MAC and TAC of the card's last transaction of a type; None when it has none to give."""
        number = self.settings.proof_type == "number"
        command = apdu.get_transaction_proof(kind & 0x0F if number else kind, counter)
        self.enter()
        response = self.card.channel.ask(command)
        if not response.sw.ok or len(response.data) != 2 * apdu.MAC_LENGTH:
            return None
        first, second = response.data[: apdu.MAC_LENGTH], response.data[apdu.MAC_LENGTH :]
        return (first, second) if self.settings.proof_order == "mac_tac" else (second, first)

    def log(self) -> Sequence[apdu.LogRecord]:
        """The transactions that the card keeps, the newest first."""
        what = Text("读医疗交易明细", "read the log of transactions")
        self.enter()
        self.card.channel.send(iso.select_fid(int(self.medical.log, 16), 0x02), what)
        records: list[apdu.LogRecord] = []
        for number in range(1, _MOST_RECORDS):
            response = self.card.channel.ask(iso.read_record(number, apdu.LOG_RECORD_LENGTH))
            if response.sw == _NOT_THERE:
                break
            records.append(self.parsed(apdu.LogRecord.parse, self._data(response, what)))
        return records

    def sequence(self, pending: Pending) -> int:
        """The number that the card's log gives to a transaction (ref 12 §3.4)."""
        return pending.counter + (self.settings.log_sequence == "after")

    def made(self, pending: Pending, kind: int, amounts: apdu.Amounts) -> bool | None:
        """Whether the card made the transaction, by its log and its counter (ref 12 §7.7).

        None: the log has been written over since, and does not tell.
        """
        sequence = self.sequence(pending)
        wanted = apdu.LogRecord(sequence, kind, pending.terminal, pending.time, amounts)
        log = [record for record in self.log() if record.kind == kind]
        if wanted in log:
            return True
        numbers = [record.sequence for record in log]
        if sequence in numbers or max(numbers, default=-1) < sequence:
            return False
        # Higher numbers may be older than the card: one made of a dump has the log of another.
        return None if self._counted_on(pending, kind) else False

    def _counted_on(self, pending: Pending, kind: int) -> bool:
        """Whether the card's counter has passed the transaction; yes where it gives none.

        Asked only when the log does not tell: the card forgets the proof of its last transaction.
        """
        index, terminal, what = (
            pending.key_index,
            pending.terminal,
            Text("读计数", "read a counter"),
        )
        self.enter()
        try:
            if kind == apdu.TYPE_CREDIT:
                load = apdu.initialize_for_load(index, 0, terminal, self.settings.load_p2)
                counter = self.parsed(apdu.LoadOffer.parse, self.ask(load, what)).counter
            else:
                nothing, p2 = apdu.Amounts(0, 0, 0), self.settings.purchase_p2
                purchase = apdu.initialize_for_purchase(index, nothing, terminal, p2)
                counter = self.parsed(apdu.PurchaseOffer.parse, self.ask(purchase, what)).counter
        except Refused:
            return True
        return counter > pending.counter

    def unfinished(self, journal: Journal) -> Pending | None:
        """The interrupted transaction with this card."""
        identity = self.card.identity
        return journal.unfinished(identity.division_code, identity.factor)

    def require_finished(self, journal: Journal) -> None:
        """Raise :class:`Unfinished` while an interrupted transaction waits for its recovery.

        The first command of another one would make the card forget the proof of it.
        """
        pending = self.unfinished(journal)
        if pending is not None:
            raise Unfinished(pending)

    def require_same_card(self, pending: Pending) -> None:
        """Raise :class:`InputError` when this is another card than that of the transaction."""
        identity = self.card.identity
        if (identity.division_code, identity.factor) != (
            pending.division_code,
            pending.card_factor,
        ):
            raise InputError(
                Text("这不是做该笔交易的卡", "the transaction was made with another card"),
                hint=Text("请放入原来的卡", "insert the card it was made with"),
            )


def _odd(error: ApduError) -> SscardError:
    return CardError(
        Text(f"卡的应答格式不符：{error}", f"the card answered oddly: {error}"),
        hint=Text("卡与配置不符，或卡有故障", "the profile is not this card's, or it is defective"),
    )
