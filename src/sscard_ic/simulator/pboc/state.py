"""What the commands of the debit application work on: kept states and the running transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from sscard_ic.codec.pboc.bits import NOT_REQUESTED, Aip, Kind, with_first, with_second
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError, parse_ber
from sscard_ic.crypto.pboc.symmetric import BankSuite, cryptogram_input
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card import Interface
from sscard_ic.simulator.pboc.stored import KeyUse, StoredDebit, TransactionPath

Stage = Literal["selected", "initiated", "online", "finished"]
"""Before GPO; after it; after an ARQC; after the last cryptogram, or a contactless answer."""

ATC_END = 0xFFFF
"""The ATC that ends an application for good."""
_CONDITIONS = 0x6985
_LOW_FIVE = slice(1, 6)


class DebitState:
    """Kept states, and the transaction since the last SELECT.

    ``entropy`` answers random bytes of a given length.
    """

    __slots__ = (
        "aip",
        "algorithm",
        "answered",
        "cryptogram",
        "cvr",
        "entropy",
        "first_data",
        "interface",
        "issuer_authenticated",
        "model",
        "path",
        "pin_received",
        "processing_data",
        "response_code",
        "script_refused",
        "stage",
        "store",
        "terminal",
    )

    def __init__(
        self,
        store: StoredDebit,
        model: FinancialApplication,
        interface: Interface,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.store = store
        self.model = model
        self.interface = interface
        self.entropy = entropy
        self.forget()

    def forget(self) -> None:
        """Nothing is left of a transaction: a reset, or another selection."""
        self.stage: Stage = "selected"
        self.path: TransactionPath = "contact"
        self.algorithm: Algorithm = "3des"
        self.aip = Aip(0)
        self.cvr = 0
        """Bytes 2-4 of the card verification results."""
        self.terminal: dict[int, bytes] = {}
        """What the terminal has told, by tag: PDOL values, then CDOL values over them."""
        self.processing_data = b""
        """PDOL values as they came."""
        self.first_data = b""
        """CDOL1 values as they came."""
        self.answered = b""
        """Answer to the first GENERATE AC, for the hash of CDA."""
        self.cryptogram = b""
        """That of the first GENERATE AC: scripts and issuer authentication go by it."""
        self.issuer_authenticated: bool | None = None
        """Whether EXTERNAL AUTHENTICATE succeeded; None: it has not come."""
        self.response_code: bytes | None = None
        """ARC of EXTERNAL AUTHENTICATE."""
        self.pin_received = False
        """Whether VERIFY has come in this transaction."""
        self.script_refused = False
        """Whether a secured command of this transaction had a wrong MAC."""

    # The card's own data

    @property
    def suite(self) -> BankSuite:
        """Arithmetic of the transaction."""
        settings = self.model.settings
        return BankSuite(self.algorithm, settings.sm_mac, settings.sm_arpc)

    @property
    def atc(self) -> int:
        """Transaction counter."""
        return self.store.counter("atc")

    def list_of(self, tag: int) -> Dol:
        """A list that terminals read (8C, 8D, 9F49), or the PDOL (9F38) of the interface.

        Empty where the card has none.
        """
        content = self.store.fci(self.interface) if tag == 0x9F38 else self.find(tag)
        if tag == 0x9F38 and content is not None:
            content = _within(content, tag)
        try:
            return Dol.parse(content or b"")
        except TlvError:
            return Dol(())

    def find(self, tag: int) -> bytes | None:
        """A data object wherever it was personalized: among the elements, or in a record."""
        value = self.store.element(tag)
        if value is not None:
            return value
        for name in self.store.names_of_records():
            content = _within(self.store.data(name) or b"", tag)
            if content is not None:
                return content
        return None

    def amount_of(self, tag: int) -> int | None:
        """An amount (n12) that was personalized, in fen; None where it was not."""
        value = self.store.element(tag)
        return None if value is None else number(value)

    def key(self, use: KeyUse) -> bytes:
        """A card key of the transaction's algorithm; refuses 6985 without one."""
        key = self.store.key(self.algorithm, use)
        if key is None:
            raise Refusal(_CONDITIONS)
        return key

    def session_key(self, use: KeyUse) -> bytes:
        """The key of this transaction."""
        return self.suite.session_key(self.key(use), self.atc)

    # The transaction

    def begin(self, path: TransactionPath, algorithm: Algorithm) -> bytes:
        """Start a transaction: count it, clear the results; its AFL.

        Refuses 6985 when the ATC comes to its end, which blocks the application for good, and
        when nothing was personalized for this way.
        """
        aip = self.store.option(path, algorithm, 0x82)
        locator = self.store.option(path, algorithm, 0x94)
        if aip is None or self.atc >= ATC_END:
            raise Refusal(_CONDITIONS)
        self.store.put_counter("atc", self.atc + 1)
        if self.atc >= ATC_END:
            self.store.block()
            raise Refusal(_CONDITIONS)
        self.path, self.algorithm = path, algorithm
        self.aip = Aip(int.from_bytes(aip, "big"))
        self.cvr = 0
        self.stage = "initiated"
        return locator or b""

    def told(self, tag: int, length: int) -> bytes:
        """What the terminal told of a data object; 00 where it told nothing."""
        return self.terminal.get(tag, bytes(length))

    @property
    def amount(self) -> int:
        """9F02 in fen; 0 for what are no digits."""
        try:
            return number(self.told(0x9F02, 6))
        except ValueError:
            return 0

    def note_kinds(self, first: Kind, second: int = NOT_REQUESTED) -> None:
        """Hold the kinds of the cryptograms in the card verification results."""
        self.cvr = with_second(with_first(self.cvr, first), second)

    def issuer_data(self) -> IssuerData:
        """As it was personalized, with the present results; refuses 6985 without one.

        A contactless way has its own, or takes that of GENERATE AC.
        """
        stored = self.store.option(self.path, self.algorithm, 0x9F10)
        if stored is None:
            stored = self.store.option("contact", self.algorithm, 0x9F10)
        if stored is None:
            raise Refusal(_CONDITIONS)
        return replace(IssuerData.parse(stored), cvr=self.cvr)

    def compute_cryptogram(self, values: Mapping[int, bytes]) -> bytes:
        """8 bytes over the terminal's ``values`` and the present results (ref 14 §6.1)."""
        data = self.issuer_data()
        aip = int(self.aip).to_bytes(2, "big")
        results = data.card_verification_results
        message = cryptogram_input(data.version, values, aip, self.atc, results)
        return self.suite.mac(self.session_key("cryptogram"), message)

    def answered_issuer_data(self, *, discretionary: bool) -> bytes:
        """9F10 of an answer: with amounts and their MAC where ``discretionary`` and wanted.

        Personalized with ``room`` and identifier alone (ref 14 §6.2); static data go as they are.
        """
        data = self.issuer_data()
        room = data.room
        if room is None:
            return bytes(data)
        if not discretionary:
            return bytes(replace(data, discretionary=b"", room=None))
        identifier = data.discretionary[:1]
        values = self._discretionary(identifier[0] if identifier else 0)
        mac = self.suite.discretionary_mac(self.session_key("mac"), self.atc, values)
        return bytes(replace(data, discretionary=identifier + values + mac, room=None))

    def _discretionary(self, identifier: int) -> bytes:
        """One or two amounts of 5 bytes (ref 14 §6.2)."""
        balance = (self.store.element(0x9F79) or bytes(6))[_LOW_FIVE]
        spent = bytes.fromhex(f"{self.store.counter('ctta'):012d}")[_LOW_FIVE]
        limit = (self.store.element(0x9F54) or bytes(6))[_LOW_FIVE]
        available = (self.store.element(0x9F5D) or bytes(6))[_LOW_FIVE]
        parts = {
            0x01: balance,
            0x02: spent,
            0x03: balance + spent,
            0x04: spent + limit,
            0x05: available,
        }
        return parts.get(identifier, balance)


def _within(content: bytes, tag: int) -> bytes | None:
    """Value of a primitive object anywhere in BER-TLV ``content``."""
    try:
        objects = parse_ber(content)
    except TlvError:
        return None
    for each in objects:
        found = each.find(tag)
        if found is not None:
            return found.value
    return None
