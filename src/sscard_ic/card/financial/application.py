"""The bank's debit application on a card: selecting, reading, single commands of a transaction.

Source: ref 14 §1-4, §11, 04 §2-4, §8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sscard_ic.apdu import Command, Response, pboc
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.financial import logs
from sscard_ic.card.financial.commands import (
    NOT_NOW,
    BankChannel,
    BankRefused,
    UnusableCard,
)
from sscard_ic.card.financial.data import READABLE, FinancialData
from sscard_ic.card.financial.records import ApplicationData, Options
from sscard_ic.card.financial.selection import (
    ApplicationInfo,
    Candidate,
    contact_candidates,
    contactless_candidates,
    select,
)
from sscard_ic.codec.pboc.bits import Ttq
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import TlvError, parse_ber
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.reader.connection import Connection

Interface = Literal["contact", "contactless"]

_OPTIONS = Text("取处理选项", "get the processing options")
_PIN = Text("校验脱机密码", "verify the offline PIN")
_LOG_FORMAT, _LOAD_FORMAT = 0x9F4F, 0xDF4F
_MOST_RECORDS = 30
"""Records of a log that are read; cards keep 10 (ref 14 §5.8)."""
_SM_INDICATOR, _QUALIFIERS = 0xDF69, 0x9F66
_TO_READ = Ttq.CONTACTLESS_PBOC | Ttq.QPBOC | Ttq.CRYPTOGRAM_REQUIRED
"""What a terminal says that wants to read by the contactless face: no offline payment."""


class WrongBankPin(BankRefused):
    """The offline PIN was refused; ``tries_left`` says how often it may be tried again."""

    def __init__(self, response: Response) -> None:
        super().__init__(_PIN, response.sw)
        # 6984: the tries ended in an earlier transaction (ref 14 §5.2).
        self.tries_left = 0 if response.sw == 0x6984 else response.sw.tries_left
        self.hint = (
            Text("密码已锁定：由发卡行解锁", "the PIN is locked: its bank unblocks it")
            if self.tries_left == 0
            else Text(
                "请核对密码，不要反复尝试：每次错误都消耗次数",
                "make sure of the PIN; every wrong one costs a try",
            )
        )


class FinancialCard:
    """A session with the application of a bank; the constructor selects it.

    By PSE or PPSE and the priorities there, or ``aid`` alone. ``model`` is what terminals of this
    kind know: names of the directories, AID, settings. A connection has one session at a time:
    whoever selects another application of the card ends this one. Raises
    :class:`NoBankApplication`, :class:`BankCardBlocked`, :class:`UnusableCard`.
    """

    def __init__(
        self,
        connection: Connection,
        model: FinancialApplication,
        *,
        interface: Interface = "contact",
        aid: bytes | None = None,
    ) -> None:
        self.channel = BankChannel(connection)
        self.model = model
        self.interface: Interface = interface
        self._candidates: tuple[Candidate, ...] = ()
        self._next = 1
        if aid is None:
            find = contact_candidates if interface == "contact" else contactless_candidates
            directory = model.pse if interface == "contact" else model.ppse
            self._candidates = find(self.channel, directory, model.aid)
            aid = self._candidates[0].aid
        self.info: ApplicationInfo = select(self.channel, aid)
        """What the selected application told."""

    def candidates(self) -> tuple[Candidate, ...]:
        """The applications that card and terminal both know, the first to be used first.

        Empty where the constructor was given an AID.
        """
        return self._candidates

    def select(self, aid: bytes | None = None) -> ApplicationInfo:
        """Select an application, or the present one once more: what went before is forgotten."""
        if aid is not None:
            names = [each.aid for each in self._candidates]
            self._next = names.index(aid) + 1 if aid in names else len(names)
        self.info = select(self.channel, aid or self.info.aid)
        return self.info

    def select_next(self) -> bool:
        """Select the candidate after the present one, as after a GPO with 6985; False: none."""
        if self._next >= len(self._candidates):
            return False
        self.select(self._candidates[self._next].aid)
        return True

    # Commands

    def ask(self, command: Command | Secret) -> Response:
        """The answer, whatever its status."""
        return self.channel.ask(command)

    def get_processing_options(self, values: Mapping[int, bytes]) -> Options:
        """GPO with what the PDOL asks for of ``values``; raises :class:`BankRefused`."""
        command = pboc.get_processing_options(self.info.list.join(values))
        response = self.ask(command)
        if not response.sw.ok:
            raise BankRefused(_OPTIONS, response.sw)
        return Options.parse(response.data)

    def read_record(self, sfi: int, number: int) -> bytes:
        """A record as it is answered; raises :class:`UnusableCard`, for an AFL names it."""
        response = self.ask(pboc.read_record(sfi, number))
        if response.sw != 0x9000:
            raise UnusableCard(
                Text(
                    f"读不出文件 {sfi} 记录 {number}（{response.sw}）",
                    f"record {number} of file {sfi} cannot be read ({response.sw})",
                )
            )
        return response.data

    def read_records(self, options: Options) -> ApplicationData:
        """All records of the AFL."""
        data = self.application_data(options)
        for entry in options.locator:
            for sfi, number, signed in entry.records():
                raw = self.read_record(sfi, number)
                data = data.with_record(sfi, number, raw, signed=signed)
        return data

    def application_data(self, options: Options) -> ApplicationData:
        """What the answer to GPO alone gives."""
        return ApplicationData(self.info.aid, options, options.values)

    def get_data(self, tag: int) -> bytes | None:
        """GET DATA; None where the card does not answer it."""
        response = self.ask(pboc.get_data(tag))
        if not response.sw.ok:
            return None
        try:
            objects = parse_ber(response.data)
        except TlvError:
            return None
        return objects[0].value if len(objects) == 1 and objects[0].tag == tag else None

    def verify_pin(self, pin: Secret) -> None:
        """VERIFY in plain, 4-12 ASCII digits; raises :class:`WrongBankPin`. Never repeated."""
        response = self.ask(pboc.verify(pin))
        if response.sw != 0x9000:
            raise WrongBankPin(response)

    def sign(self, data: bytes) -> bytes | None:
        """INTERNAL AUTHENTICATE: the signed dynamic data; None where the card gives none."""
        response = self.ask(pboc.internal_authenticate(data))
        if not response.sw.ok:
            return None
        try:
            (answer,) = parse_ber(response.data)
        except (TlvError, ValueError):
            return None
        found = answer if answer.tag == 0x80 else answer.find(0x9F4B)
        return found.value if found else None

    # Reading

    def transaction_log(self) -> tuple[logs.LogEntry, ...]:
        """The transactions that the card keeps, the newest first; needs no GPO."""
        return tuple(
            entry
            for record, form in self._log(self.info.log_entry, _LOG_FORMAT)
            if (entry := logs.transaction(record, form)) is not None
        )

    def load_log(self) -> tuple[logs.LoadEntry, ...]:
        """The loads that the card keeps, the newest first."""
        return tuple(
            entry
            for record, form in self._log(self.info.load_log_entry, _LOAD_FORMAT)
            if (entry := logs.load(record, form)) is not None
        )

    def _log(self, entry: tuple[int, int] | None, format_tag: int) -> list[tuple[bytes, Dol]]:
        if entry is None:
            return []
        raw = self.get_data(format_tag)
        if raw is None:
            return []
        try:
            form = Dol.parse(raw)
        except TlvError:
            return []
        sfi, most = entry
        records = []
        for number in range(1, min(most, _MOST_RECORDS) + 1):
            response = self.ask(pboc.read_record(sfi, number))
            if response.sw != 0x9000:
                break
            records.append((response.data, form))
        return records

    def open(self, algorithm: Algorithm = "3des") -> ApplicationData:
        """GPO and all records of a debit transaction over nothing, which is not gone on with.

        Counts the ATC up by one. A contactless card that has no debit path answers by a cryptogram
        instead of records.
        """
        values = {
            _SM_INDICATOR: b"\x01" if algorithm == "sm4" else b"\x00",
            _QUALIFIERS: int(_TO_READ).to_bytes(4, "big"),
        }
        while True:
            try:
                options = self.get_processing_options(values)
            except BankRefused as refused:
                if refused.sw != NOT_NOW or not self.select_next():
                    raise
                continue
            return self.read_records(options)

    def read(self, algorithm: Algorithm = "3des") -> FinancialData:
        """Everything that the card tells without a PIN; see :meth:`open`."""
        return self.told(self.open(algorithm), algorithm)

    def told(self, data: ApplicationData, algorithm: Algorithm = "3des") -> FinancialData:
        """``data``, and what GET DATA and the logs add."""
        found = {tag: self.get_data(tag) for tag in READABLE}
        elements = {tag: value for tag, value in found.items() if value is not None}
        told = algorithm if _SM_INDICATOR in self.info.list else "3des"
        return FinancialData(
            self.info, data, elements, self.transaction_log(), self.load_log(), told
        )
