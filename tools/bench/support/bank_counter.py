"""A card with the bank's application, a terminal and its bank; every exchange is kept."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path

from tests.support.bank_vaults import KMC, bank_vault

from sscard_ic.apdu import Command
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.bank_personalization import BankPersonalizer
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.card.financial.application import FinancialCard, Interface
from sscard_ic.card.financial.authorisation import Service
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.contactless import contactless_transaction
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.test_bank import TestBank
from sscard_ic.issuance.bank import BankHolder, PublishedIssuer, prepare_bank
from sscard_ic.profile import load
from sscard_ic.profile.dialect import Features
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.reader import Tally, open_session
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.virtual import VirtualConnection, open_virtual
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import blank

Exchange = tuple[bytes, bytes]
"""A command and its answer."""

_SERIAL = bytes(5) + b"\x01"
_NOON = datetime(2026, 11, 22, 12)
_HOLDER = BankHolder(
    pan="8888800000123456",
    name="样例",
    id_number="650001199707010010",
    effective=date(2026, 1, 1),
    expiry=date(2036, 1, 31),
)
_OFFLINE_LIMITS = {0x9F54: "000000100000", 0x9F5C: "000000100000"}
"""Sums of offline debits; they are 0 on the shipped card, which sends each of them online."""
_DATA_OF_CARD = {(0x00, 0xA4), (0x80, 0xA8), (0x00, 0xB2), (0x00, 0x88), (0x80, 0xAE)}
_EXTERNAL_AUTHENTICATE = (0x00, 0x82)
_SCRIPTS, _GET_DATA = (0x04, 0x84), (0x80, 0xCA)
_CASH = (0x9F79, 0x9F6D)
"""What a terminal has to know of electronic cash: its balance and threshold (ref 14 §8.1)."""


class Recorder(Wrapper):
    """Keeps what goes over the wire."""

    def __init__(self, inner: VirtualConnection) -> None:
        super().__init__(inner)
        self.exchanges: list[Exchange] = []

    def transmit(self, command: Secretive) -> bytes:
        """One kept exchange."""
        answer = self.inner.transmit(command)
        raw = command.reveal() if isinstance(command, Secret) else command
        self.exchanges.append((raw, answer))
        return answer


class _Keys:
    """One key pair of each kind, for every card."""

    def take_rsa(self, bits: int, exponent: int) -> RsaPrivate:
        """The RSA key."""
        return _rsa(bits, exponent)

    def take_sm2(self) -> KeyPair:
        """A new key pair."""
        return provider().generate()


@cache
def _rsa(bits: int, exponent: int) -> RsaPrivate:
    return RsaPrivate.generate(bits, exponent)


def model(**chip: object) -> FinancialApplication:
    """The shipped application, its chip with other settings; it may pay offline without cash."""
    shipped = load("dalian-bank").financial
    assert shipped is not None
    changed = type(shipped.chip).model_validate({**shipped.chip.model_dump(), **chip})
    values = {**shipped.plan.values, **_OFFLINE_LIMITS}
    plan = shipped.plan.model_copy(update={"values": values})
    return shipped.model_copy(update={"chip": changed, "plan": plan})


def plan_of(application: FinancialApplication) -> BankPlan:
    """What the card is given."""
    return prepare_bank(application, _HOLDER, PublishedIssuer(), _Keys())


class BankCounter:
    """One card in one image, its keys, and the account of its holder."""

    def __init__(
        self,
        folder: Path,
        application: FinancialApplication,
        protocol: TransmissionProtocol = "T=1",
    ) -> None:
        self._image = folder / "card.img"
        self._model = application
        self._vault = bank_vault()
        self._bank = TestBank(self._vault, application, BankBook(None, self._vault))
        features = Features(protocol=protocol)
        blank(
            load("dalian-bank"),
            _SERIAL,
            path=self._image,
            features=features,
            transport_key=bytes(16),
            card_manager_key=KMC,
        ).close()

    def personalize(self, plan: BankPlan) -> list[Exchange]:
        """Build the applications of ``plan``."""
        recorder = Recorder(open_virtual(self._image))
        BankPersonalizer(open_session(recorder), self._model, self._vault).personalize(plan)
        recorder.close()
        return recorder.exchanges

    def pay(
        self,
        amount: int,
        terminal: TerminalSettings,
        *,
        interface: Interface = "contact",
        online: bool = True,
        wanted_online: bool = False,
        electronic_cash: bool = True,
        service: Service = "purchase",
    ) -> list[Exchange]:
        """A transaction that must be approved and take the way that is expected."""
        recorder = Recorder(open_virtual(self._image, interface=interface))
        card = FinancialCard(open_session(recorder), self._model, interface=interface)
        run = contact_transaction if interface == "contact" else contactless_transaction
        wanted = Purchase(
            amount,
            _NOON,
            service=service,
            online=wanted_online,
            electronic_cash=electronic_cash,
        )
        result = run(card, terminal, wanted, self._bank.authorise)
        recorder.close()
        if result.outcome != "approved" or (result.request is not None) != online:
            raise RuntimeError(f"{result.outcome}: not the transaction to be measured")
        if result.request is not None and result.confirmation is not None:
            self._bank.confirm(result.request, result.confirmation)
        if any(script.outcome != "done" for script in result.scripts):
            raise RuntimeError("the card refused the script")
        return recorder.exchanges


def tally_of(exchanges: list[Exchange]) -> Tally:
    """The sum of what went over the wire."""
    tally = Tally()
    for command, answer in exchanges:
        tally.add(len(command), len(answer))
    return tally


def needed(exchanges: list[Exchange], *, cash: bool = False) -> list[Exchange]:
    """Those without which there is no such transaction with this card, each once.

    SELECT by the AID, GPO, every record of the AFL, INTERNAL AUTHENTICATE, GENERATE AC,
    EXTERNAL AUTHENTICATE, scripts; of electronic cash (``cash``) its balance and threshold, too.
    No directory, no refusal, nothing that fetches an answer. ``exchanges`` are those at T=1.
    """
    found: dict[bytes, Exchange] = {}
    inside = False
    for raw, answer in exchanges:
        command = Command.parse(raw)
        if command.ins == 0xA4:
            inside = not command.data.endswith(b"PAY.SYS.DDF01")
        if inside and answer[-2:] == b"\x90\x00" and _counts(command, cash=cash):
            found.setdefault(raw, (raw, answer))
    return list(found.values())


def _counts(command: Command, *, cash: bool) -> bool:
    kind = command.cla, command.ins
    if kind == _GET_DATA:
        return cash and (command.p1 << 8 | command.p2) in _CASH
    return kind in _DATA_OF_CARD or kind == _EXTERNAL_AUTHENTICATE or command.cla in _SCRIPTS
