"""A virtual card at the counter of the test bank: every service, and power cuts at every exchange.

Money is never made nor lost (ref 14 §8.3): what the main account has given, the card holds, as soon
as the card has been online again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

import pytest
from tests.support.bank_keys import bank_vault
from tests.support.debit_card import PAN, SEQUENCE, DebitCard, debit_card

from sscard_ic.base import Secret
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secretive
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    Service,
)
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.online import Interrupted
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.terminal import Capabilities, Purchase, TerminalSettings
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.pboc.elements import number
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.hosts.bank_book import Account, BankBook
from sscard_ic.hosts.bank_issuer import BALANCE, NO_ORDER, BankHostError, Order
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.profile.payment_authorities import load_authorities
from sscard_ic.reader.errors import CardRemoved, ReaderError
from sscard_ic.reader.virtual import VirtualConnection

START = 100_000
AT = datetime(2026, 11, 22, 10, 0)
_AUTHORITIES = load_authorities()
Cut = Literal["before", "after"]


class Cutting:
    """A connection that loses its card at one exchange: before it is executed, or after."""

    def __init__(self, card: DebitCard, exchange: int = -1, cut: Cut = "before") -> None:
        self._within = VirtualConnection(card.chip)
        self._left = exchange
        self._cut = cut
        self.exchanges = 0

    @property
    def atr(self) -> bytes:
        return self._within.atr

    @property
    def protocol(self) -> str:
        return self._within.protocol

    def transmit(self, command: Secretive) -> bytes:
        self.exchanges += 1
        self._left -= 1
        if self._left == 0 and self._cut == "before":
            raise self._removed()
        answer = self._within.transmit(command)
        if self._left == 0:
            raise self._removed()
        return answer

    def reset(self, cold: bool) -> bytes:
        return self._within.reset(cold)

    def close(self) -> None:
        self._within.close()

    def _removed(self) -> ReaderError:
        return CardRemoved(Text("取出", "taken out"))


class Counter:
    """A card, its bank, and a terminal between them."""

    def __init__(self, algorithm: Algorithm = "3des") -> None:
        self.card = debit_card()
        for each, identifier in (("3des", "01"), ("sm4", "04")):
            told = bytes.fromhex(f"07000103000000{identifier}0A01")
            self.card.store.put_option("contact", each, 0x9F10, told)  # type: ignore[arg-type]
        self.algorithm: Algorithm = algorithm
        vault = bank_vault()
        book = BankBook(None, vault)
        self.bank = TestBank(vault, self.card.model, book, BankRules(opening=START))
        self.bank.open_account(PAN, SEQUENCE, START)
        self.confirms = True

    @property
    def account(self) -> Account:
        found = self.bank.account(PAN, SEQUENCE)
        assert found is not None
        return found

    @property
    def balance(self) -> int:
        return number(self.card.store.element(BALANCE) or b"")

    def serve(
        self,
        service: Service,
        fen: int = 0,
        order: Order = NO_ORDER,
        connection: Cutting | None = None,
    ) -> TransactionResult:
        """One transaction, confirmed to the bank as far as the terminal knows."""
        card = FinancialCard(connection or Cutting(self.card), self.card.model)  # type: ignore[arg-type]
        terminal = TerminalSettings(algorithm=self.algorithm)
        purchase = Purchase(fen, AT, service=service, online=True, pin=Secret(b"1234"))
        try:
            result = contact_transaction(
                card, terminal, purchase, lambda request: self.bank.authorise(request, order)
            )
        except Interrupted as error:
            if self.confirms and error.confirmation is not None:
                self.bank.confirm(error.request, error.confirmation)
            raise
        confirmation = result.confirmation
        if self.confirms and result.request is not None and confirmation is not None:
            self.bank.confirm(result.request, confirmation)
        return result

    def spend(self, fen: int) -> None:
        """A payment of electronic cash, cleared at once."""
        assert self.bank.clear(self.spent(fen))

    def spent(self, fen: int) -> AuthorisationRequest:
        """A payment of electronic cash, as its merchant has it cleared."""
        card = FinancialCard(Cutting(self.card), self.card.model)  # type: ignore[arg-type]
        signs = Capabilities(plain_pin=False, online_pin=False)
        terminal = TerminalSettings(capabilities=signs, authorities=_AUTHORITIES)
        result = contact_transaction(card, terminal, Purchase(fen, AT), None)
        assert (result.path, result.kind) == ("cash", Kind.TC)
        assert result.data is not None
        return AuthorisationRequest(PAN, SEQUENCE, {**result.data.values, **result.values})


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_every_service(algorithm: Algorithm) -> None:
    counter = Counter(algorithm)

    def done(service: Service, fen: int = 0, order: Order = NO_ORDER) -> tuple[int, int, int]:
        result = counter.serve(service, fen, order)
        assert result.response is not None
        assert [script.outcome for script in result.scripts] in ([], ["done"])
        assert bool(result.scripts) == (service != "purchase")
        return counter.account.main, counter.account.cash, counter.balance

    assert done("load", 5000) == (95_000, 5000, 5000)
    assert done("purchase", 1000) == (94_000, 5000, 5000)
    assert done("limits", order=Order(limits={0x9F78: 2000})) == (94_000, 5000, 5000)
    assert counter.card.store.element(0x9F78) == bytes.fromhex("000000002000")
    counter.card.store.pin_tries = 0
    done("pin")
    assert (counter.card.store.pin_tries, counter.card.store.pin) == (3, "123456")
    done("pin", order=Order(new_pin=Secret(b"246810")))
    assert counter.card.store.pin == "246810"
    order = Order(new_pin=Secret(b"1357"), current_pin=Secret(b"246810"))
    done("pin", order=order)
    assert counter.card.store.pin == "1357"
    assert done("unload") == (99_000, 0, 0)
    done("block")
    assert counter.card.store.blocked
    done("unblock")
    assert not counter.card.store.blocked
    assert done("load", 100) == (98_900, 100, 100)
    done("card_block")
    assert counter.card.sw("00A4040008A00000033301010100") == "6A81"


def test_a_life_of_electronic_cash() -> None:
    counter = Counter()
    counter.serve("load", 5000)
    counter.spend(1200)
    assert (counter.account.main, counter.account.cash, counter.balance) == (95_000, 3800, 3800)
    counter.serve("load", 200)
    counter.serve("unload")
    assert (counter.account.main, counter.account.cash, counter.balance) == (98_800, 0, 0)


def test_a_card_that_refuses_the_balance() -> None:
    """Its own limit is below what the bank believes: the bank takes the load back."""
    counter = Counter()
    counter.card.store.put_element(0x9F77, bytes.fromhex("000000001000"))
    result = counter.serve("load", 5000)
    assert [script.outcome for script in result.scripts] == ["failed"]
    assert (counter.account.main, counter.account.cash, counter.balance) == (START, 0, 0)
    counter.serve("load", 1000)
    assert (counter.account.main, counter.account.cash, counter.balance) == (99_000, 1000, 1000)


def test_a_bank_that_does_not_answer() -> None:
    counter = Counter()

    def gone(request: object, order: object = None) -> None:
        raise BankHostError(Text("没有应答", "no answer"))

    authorise, counter.bank.authorise = counter.bank.authorise, gone  # type: ignore[assignment, method-assign]
    result = counter.serve("load", 5000)
    assert (result.response, result.kind) == (None, Kind.AAC)
    counter.bank.authorise = authorise  # type: ignore[method-assign]
    assert counter.serve("load", 5000).kind == Kind.TC
    assert (counter.account.main, counter.balance) == (95_000, 5000)


def exchanges_of(service: Service) -> int:
    counter = Counter()
    counter.serve("load", 3000)
    connection = Cutting(counter.card)
    counter.serve(service, 2000 if service == "load" else 0, connection=connection)
    return connection.exchanges


LOAD, UNLOAD = exchanges_of("load"), exchanges_of("unload")


@pytest.mark.parametrize(
    ("cut", "confirms"),
    [("before", True), ("after", True), ("after", False)],
    ids=["before", "after", "after, terminal silent"],
)
@pytest.mark.parametrize(
    ("service", "exchange"),
    [
        *(("load", number) for number in range(1, LOAD + 1)),
        # Until the first cryptogram both go the same way.
        *(("unload", number) for number in range(UNLOAD - 4, UNLOAD + 1)),
    ],
    ids=str,
)
def test_power_cuts(service: Service, exchange: int, cut: Cut, confirms: bool) -> None:
    counter = Counter()
    counter.serve("load", 3000)
    counter.spend(500)
    counter.confirms = confirms
    fen = 2000 if service == "load" else 0
    with pytest.raises((ReaderError, Interrupted)):
        counter.serve(service, fen, connection=Cutting(counter.card, exchange, cut))
    counter.confirms = True
    whole = 2500 + fen if service == "load" else 0
    assert counter.balance in (2500, whole)
    spent = counter.balance // 2
    if spent:
        counter.spend(spent)
    counter.serve("purchase")
    assert counter.account.cash == counter.balance
    assert counter.account.main + counter.account.cash + 500 + spent == START


PURCHASE = exchanges_of("purchase")
NOT_ASKED = (PURCHASE - 2, "after")  # the answer to the first GENERATE AC is lost
ASKED = (PURCHASE, "before")  # the second one does not reach the card


@pytest.mark.parametrize("torn", [NOT_ASKED, ASKED], ids=["bank not asked", "bank asked"])
@pytest.mark.parametrize("clears", ["before", "after"])
@pytest.mark.parametrize("confirms", [True, False], ids=["told", "silent"])
@pytest.mark.parametrize(
    ("service", "exchange", "cut"),
    [
        *(("load", number, "before") for number in range(LOAD - 3, LOAD + 1)),
        *(("unload", number, "before") for number in range(UNLOAD - 3, UNLOAD + 1)),
        ("load", LOAD, "after"),
        ("unload", UNLOAD, "after"),
        ("load", 0, "before"),
        ("unload", 0, "before"),
    ],
    ids=str,
)
def test_two_power_cuts(
    service: Service,
    exchange: int,
    cut: Cut,
    confirms: bool,
    clears: str,
    torn: tuple[int, Cut],
) -> None:
    """A load or unload, whole (0) or not, then a torn purchase, and payments in between.

    What the card tells in the end is of both, so that it alone proves nothing.
    """
    counter = Counter()
    counter.serve("load", 3000)
    counter.spend(500)
    counter.confirms = confirms
    fen = 2000 if service == "load" else 0
    if exchange:
        with pytest.raises((ReaderError, Interrupted)):
            counter.serve(service, fen, connection=Cutting(counter.card, exchange, cut))
    else:
        counter.serve(service, fen)
    counter.confirms = True
    with pytest.raises((ReaderError, Interrupted)):
        counter.serve("purchase", connection=Cutting(counter.card, *torn))
    spent = counter.balance
    payment = counter.spent(spent) if spent else None
    if payment is not None and clears == "before":
        assert counter.bank.clear(payment)
    counter.serve("purchase")
    if payment is not None and clears == "after":
        assert counter.bank.clear(payment)
    assert counter.account.cash == counter.balance == 0
    assert counter.account.main == START - 500 - spent
    counter.serve("purchase")
    assert (counter.account.main, counter.account.cash) == (START - 500 - spent, 0)


@pytest.mark.parametrize("service", ["load", "unload"])
@pytest.mark.parametrize("reached", [True, False], ids=["torn", "bank not reached"])
def test_what_was_confirmed_stays(service: Service, reached: bool) -> None:
    """Whatever contact transactions follow that did not come to their end."""
    counter = Counter()
    counter.serve("load", 5000)
    if service == "unload":
        counter.serve("unload")
    before = counter.account
    if reached:
        with pytest.raises(ReaderError):
            counter.serve("purchase", connection=Cutting(counter.card, *NOT_ASKED))  # type: ignore[arg-type]
    else:
        authorise = counter.bank.authorise

        def gone(request: object, order: object = None) -> None:
            raise BankHostError(Text("没有应答", "no answer"))

        counter.bank.authorise = gone  # type: ignore[assignment, method-assign]
        counter.serve("purchase", 100)
        counter.bank.authorise = authorise  # type: ignore[method-assign]
    if service == "load":
        counter.spend(5000)
    counter.serve("purchase")
    assert (counter.account.main, counter.account.cash) == (before.main, 0)


def test_a_card_that_declines_what_the_bank_approved() -> None:
    """Its AAC gives the purchase back."""
    counter = Counter()
    counter.serve("purchase", 100)
    counter.card.store.put_element(0x9F52, bytes.fromhex("4000"))
    authorise = counter.bank.authorise

    def altered(request: AuthorisationRequest, order: Order) -> AuthorisationResponse:
        response = authorise(request, order)
        return replace(response, authentication=bytes(8) + response.code)

    counter.bank.authorise = altered  # type: ignore[assignment, method-assign]
    result = counter.serve("purchase", 700)
    assert (result.kind, result.response is not None) == (Kind.AAC, True)
    assert counter.account.main == START - 100
    counter.confirms = False
    counter.serve("purchase", 700)
    assert counter.account.main == START - 800, "nobody told the bank"


@pytest.mark.parametrize("between", [0, 300], ids=["at once", "after a payment"])
def test_a_torn_purchase(between: int) -> None:
    """The bank approved it, the card gave no cryptogram: the next message proves it."""
    counter = Counter()
    counter.serve("load", 1000)
    with pytest.raises((ReaderError, Interrupted)):
        counter.serve("purchase", 700, connection=Cutting(counter.card, *ASKED))  # type: ignore[arg-type]
    assert counter.account.main == START - 1700
    if between:
        counter.spend(between)
    counter.serve("purchase", 50)
    assert counter.account.main == START - 1050
    assert counter.account.cash == counter.balance == 1000 - between
