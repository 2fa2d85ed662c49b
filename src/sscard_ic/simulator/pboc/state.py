"""What the commands of the debit application work on: kept states and the running transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from sscard_ic.codec.pboc.bits import NOT_REQUESTED, Aip, Kind, Ttq, with_first, with_second
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import amount, number
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.pboc.locator import parse_locator, records
from sscard_ic.codec.tlv import TlvError, parse_ber
from sscard_ic.crypto.pboc.symmetric import BankSuite, cryptogram_input
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card import Interface
from sscard_ic.simulator.pboc.purses import CASH, Purse, available, purse_of
from sscard_ic.simulator.pboc.stored import KeyUse, StoredDebit, TransactionPath

Stage = Literal["selected", "initiated", "online", "finished"]
"""Before GPO; after it; after an ARQC; after the last cryptogram, or a contactless answer."""

ATC_END = 0xFFFF
"""The ATC that ends an application for good."""
_CONDITIONS = 0x6985
_LOW_FIVE = slice(1, 6)
_FORMS = {0x01: 10, 0x02: 10, 0x03: 15, 0x04: 15, 0x05: 10, 0x06: 10}
"""Bytes of issuer discretionary data: identifier, amounts of 5, MAC of 4 (ref 14 §6.2)."""


class DebitState:
    """Kept states, and the transaction since the last SELECT.

    ``entropy`` answers random bytes of a given length.
    """

    __slots__ = (
        "aip",
        "algorithm",
        "blocked",
        "cryptogram",
        "currency",
        "cvr",
        "entropy",
        "generate_data",
        "interface",
        "issuer_authenticated",
        "locator",
        "long_objects",
        "model",
        "path",
        "pin_exhausted",
        "pin_received",
        "processing_data",
        "response_code",
        "script_refused",
        "settles",
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
        self.generate_data = b""
        """CDOL1 values as they came, then those of CDOL2."""
        self.cryptogram = b""
        """That of the first GENERATE AC: scripts and issuer authentication go by it."""
        self.issuer_authenticated: bool | None = None
        """Whether EXTERNAL AUTHENTICATE succeeded; None: it has not come."""
        self.response_code: bytes | None = None
        """ARC of EXTERNAL AUTHENTICATE."""
        self.pin_received = False
        """Whether VERIFY has come in this transaction."""
        self.pin_exhausted = False
        """Whether the last try was spent in this transaction."""
        self.blocked = False
        """Whether the application was blocked when the transaction began."""
        self.script_refused = False
        """Whether a secured command of this transaction had a wrong MAC."""
        self.locator = b""
        """AFL of a payment by air until its last record has been read."""
        self.settles = False
        """Whether the answer under way is that last record."""
        self.currency: bytes | None = None
        """5F2A of GPO where it chose the purse of an electronic cash transaction."""
        self.long_objects: dict[int, bytes] = {}
        """What a record answers because it is too long for the answer to GPO."""

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
        content = self.offered(tag) if tag == 0x9F38 else self.find(tag)
        try:
            return Dol.parse(content or b"")
        except TlvError:
            return Dol(())

    @property
    def fci(self) -> bytes:
        """Content of template A5 for the interface; the one of the contacts where it has none."""
        return self.store.fci(self.interface) or self.store.fci("contact") or b""

    def offered(self, tag: int) -> bytes | None:
        """A data object of the FCI."""
        return _within(self.fci, tag)

    def find(self, tag: int) -> bytes | None:
        """A data object wherever it was personalized: among the elements, or in a record.

        Of several records one counts that the AFL of the transaction names.
        """
        value = self.store.element(tag)
        return self._recorded(tag) if value is None else value

    def _recorded(self, tag: int) -> bytes | None:
        named = [self.store.record(sfi, number) for sfi, number in self._named_records()]
        others = (self.store.data(name) for name in self.store.names_of_records())
        for record in (*named, *others):
            content = _within(record or b"", tag)
            if content is not None:
                return content
        return None

    def _named_records(self) -> list[tuple[int, int]]:
        """SFI and number of the records that the AFL of the transaction names."""
        locator = self.store.option(self.path, self.algorithm, 0x94)
        try:
            return [(sfi, number) for sfi, number, _ in records(parse_locator(locator or b""))]
        except TlvError:
            return []

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
        self.currency = self.told(0x5F2A, 2) if path == "cash" else None
        self.aip = Aip(int.from_bytes(aip, "big"))
        self.cvr = 0
        self.pin_received = self.pin_exhausted = False
        self.blocked = self.store.blocked
        self.stage = "initiated"
        return locator or b""

    def told(self, tag: int, length: int) -> bytes:
        """What the terminal told of a data object; 00 where it told nothing."""
        return self.terminal.get(tag, bytes(length))

    @property
    def qualifiers(self) -> Ttq:
        """TTQ (9F66); none of them where the terminal told nothing."""
        return Ttq(int.from_bytes(self.told(0x9F66, 4)[:4].ljust(4, b"\x00"), "big"))

    @property
    def has_amount(self) -> bool:
        """Whether 9F02 are digits."""
        return self.told(0x9F02, 6).hex().isdecimal()

    @property
    def amount(self) -> int:
        """9F02 in fen; 0 for what are no digits."""
        try:
            return number(self.told(0x9F02, 6))
        except ValueError:
            return 0

    @property
    def has_currency(self) -> bool:
        """Whether the card has cash of the transaction currency."""
        return self._purse is not None

    @property
    def purse(self) -> Purse:
        """The cash of the transaction currency; that of the application where it has none."""
        return self._purse or CASH

    @property
    def _purse(self) -> Purse | None:
        currency = self.told(0x5F2A, 2) if self.currency is None else self.currency
        return purse_of(self.store, self.model.settings, currency)

    def algorithm_for(self, path: TransactionPath) -> Algorithm:
        """SM4 where the terminal asks for it (DF69) and the card was personalized for it."""
        asked = self.told(0xDF69, 1) == b"\x01"
        return "sm4" if asked and self.store.option(path, "sm4", 0x82) is not None else "3des"

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
        """8 bytes over the terminal's ``values`` and the present results (ref 14 §6.1).

        Refuses 6985 for a cryptogram version that the card does not know.
        """
        data = self.issuer_data()
        aip = int(self.aip).to_bytes(2, "big")
        results = data.card_verification_results
        try:
            message = cryptogram_input(data.version, values, aip, self.atc, results)
        except ValueError as error:
            raise Refusal(_CONDITIONS) from error
        return self.suite.mac(self.session_key("cryptogram"), message)

    def answered_issuer_data(
        self, *, discretionary: bool, spent: int = 0, accumulated: int = 0
    ) -> bytes:
        """9F10 of an answer: with amounts and their MAC where ``discretionary`` and wanted.

        ``spent`` will be taken from the balance with this answer, ``accumulated`` added to CTTA.
        Personalized as a length and an identifier, alone or with zeros to fill in (ref 14 §6.2,
        04 §6.7); static data go as they are.
        """
        data = self.issuer_data()
        if data.room is None and not _is_form(data.discretionary):
            return bytes(data)
        if not discretionary:
            return bytes(replace(data, discretionary=b"", room=None))
        identifier = data.discretionary[:1]
        values = self._discretionary(identifier[0] if identifier else 0, spent, accumulated)
        mac = self.suite.discretionary_mac(self.session_key("mac"), self.atc, values)
        return bytes(replace(data, discretionary=identifier + values + mac, room=None))

    def _discretionary(self, identifier: int, taken: int, accumulated: int) -> bytes:
        """One or two amounts of 5 bytes (ref 14 §6.2)."""
        store, purse = self.store, self.purse
        balance = amount((self.amount_of(purse.balance) or 0) - taken)[_LOW_FIVE]
        spent = amount(store.counter("ctta") + accumulated)[_LOW_FIVE]
        limit = (store.element(0x9F54) or bytes(6))[_LOW_FIVE]
        left = amount(available(store, purse, taken, accumulated))[_LOW_FIVE]
        parts = {
            0x01: balance,
            0x02: spent,
            0x03: balance + spent,
            0x04: spent + limit,
            0x05: left,
        }
        return parts.get(identifier, balance)


def _is_form(discretionary: bytes) -> bool:
    """Whether data were personalized as an identifier and zeros in place of amounts and MAC."""
    identifier = discretionary[0] if discretionary else 0
    return _FORMS.get(identifier) == len(discretionary) and not any(discretionary[1:])


@lru_cache(maxsize=512)
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
