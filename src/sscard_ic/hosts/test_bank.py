"""A bank on this machine for demo and tests: it knows its cards by the key service (ref 14 §8.3).

Every card has a main account and an EC account. A load is booked when it is authorised, an unload
when the terminal confirms it. What the terminal says, or fails to say, is put right by what the
card proves with its next cryptograms (:mod:`~sscard_ic.hosts.bank_settlement`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sscard_ic.base.errors import InputError, Text
from sscard_ic.card.financial.authorisation import (
    APPROVED,
    AuthorisationRequest,
    AuthorisationResponse,
    Confirmation,
    IssuerScript,
    Service,
)
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.pboc.elements import number
from sscard_ic.hosts.bank_book import Account, BankBook, Operation, Page
from sscard_ic.hosts.bank_checks import (
    CardMessage,
    WrongMessageError,
    amounts_are_genuine,
    has_amounts,
    is_genuine,
    proved_balance,
    proved_end,
    read_message,
)
from sscard_ic.hosts.bank_issuer import BALANCE, BALANCE_LIMIT, LIMITS, NO_ORDER, Order
from sscard_ic.hosts.bank_scripts import ScriptWriter
from sscard_ic.hosts.bank_settlement import booked, hear, put_right, reconsider
from sscard_ic.keys import KeyService
from sscard_ic.keys.bank_capabilities import bank_issuer
from sscard_ic.keys.inventory import Environment
from sscard_ic.profile.financial import FinancialApplication

_MOST = 10**12
_PURCHASES = ("purchase", "contactless")
"""Names of authorised purchases in the book, by contact and contactless."""
_CASH_TRANSACTION = 0x9F74
"""EC issuer authorisation code: the terminal read it, so the EC paid (ref 14 §8.1)."""


@dataclass(frozen=True, slots=True)
class BankRules:
    """How the test bank decides; amounts in fen."""

    opening: int | None = 100_000
    """Main account of a genuine card that has none yet; None: such a card is refused."""
    cash_limit: int = 100_000
    """EC balance that new cards may hold."""
    unproved_balance: bool = False
    """Whether a load may start from a balance (9F79) that the terminal tells, where the card's
    discretionary data prove none: whoever tells a wrong one makes money."""
    bins: tuple[str, ...] = ()
    """First digits of the PANs that an account may be opened for; empty: of any."""

    def __post_init__(self) -> None:
        for amount in (self.opening or 0, self.cash_limit):
            if not 0 <= amount < _MOST:
                raise InputError(
                    Text("金额超出 12 位", "an amount of more than 12 digits, or below zero"),
                    where="[bank]",
                )


@dataclass(frozen=True, slots=True)
class _Decision:
    """What the bank has decided: a code, a script, and what changes when it takes place."""

    code: bytes
    scripts: tuple[IssuerScript, ...] = ()
    operation: Operation | None = None


class TestBank:
    """Verifies what cards send and answers for the bank; threads may share one.

    ``keys`` hold the bank's master keys, ``book`` the accounts. Raises
    :class:`~sscard_ic.keys.MissingCapabilityError` for a key service that cannot answer for a bank,
    :class:`InputError` for one of production.
    """

    __test__ = False  # pytest: the name is that of a bank, not of a test

    def __init__(
        self,
        keys: KeyService,
        model: FinancialApplication,
        book: BankBook,
        rules: BankRules | None = None,
    ) -> None:
        if keys.environment != "test":
            raise InputError(
                Text("测试银行只使用测试密钥", "the test bank works with test keys alone"),
                where=keys.place,
                hint=Text("使用测试密钥库", "use a test vault"),
            )
        self._issuer = bank_issuer(keys)
        self._model = model
        self._book = book
        self._rules = rules or BankRules()

    @property
    def name(self) -> str:
        """What it is."""
        return "test bank"

    @property
    def environment(self) -> Environment:
        """Always test."""
        return "test"

    def __repr__(self) -> str:
        return f"<TestBank {self.name}>"

    # The bank's counter

    def open_account(
        self, pan: str, sequence: int | None, main: int, *, pin: bytes | None = None
    ) -> Account:
        """An account with ``main`` fen for a card, perhaps with an online PIN (ASCII digits).

        An account that is there keeps its other values.
        """
        digest = "" if pin is None else self._book.pin_digest(pan, sequence, pin)
        with self._book.page(pan, sequence) as page:
            known = page.account or Account(0, cash_limit=self._rules.cash_limit)
            account = replace(known, main=main, pin=digest or known.pin)
            page.save(account)
        return account

    def account(self, pan: str, sequence: int | None) -> Account | None:
        """What the bank holds for a card."""
        with self._book.page(pan, sequence) as page:
            return page.account

    def close_account(self, pan: str, sequence: int | None) -> None:
        """The card was reported lost: from now on it is declined, and its application blocked."""
        with self._book.page(pan, sequence) as page:
            page.save(replace(page.account or self._new_account(), closed=True))

    def clear(self, request: AuthorisationRequest) -> bool:
        """Take in the TC of a merchant, each once; False: it is not paid.

        One that the bank has not seen yet was offline: with tag 9F74 it is paid from the EC
        account, else from the main account. That of an authorised purchase which is still open
        proves it: it is booked once, with the amount of the TC.
        """
        try:
            message = read_message(request, self._model)
        except WrongMessageError:
            return False
        if message.kind is not Kind.TC or proved_end(message) is not Kind.TC:
            return False
        if not is_genuine(self._issuer, message):
            return False
        with self._book.page(request.pan, request.sequence) as page:
            account, known = page.account, page.operation(message.atc)
            if account is None:
                return False
            cash = known is None and _CASH_TRANSACTION in request.values
            if known is None:
                known = _operation(message, "clearing")
            elif known.service not in _PURCHASES or known.settled:
                return False
            account, known = put_right(account, known, False)
            amounts = replace(
                known,
                main=0 if cash else -message.amount,
                cash=-message.amount if cash else 0,
                confirmed=True,
                settled=True,
            )
            account, operation = put_right(account, amounts, True)
            page.note(operation)
            page.raise_atc(message.atc)
            page.save(reconsider(page, account, message.atc) if cash else account)
        return True

    # What terminals ask

    def authorise(
        self, request: AuthorisationRequest, order: Order = NO_ORDER
    ) -> AuthorisationResponse:
        """See :class:`~sscard_ic.hosts.bank_issuer.BankHost`."""
        try:
            message = read_message(request, self._model)
        except WrongMessageError:
            return AuthorisationResponse(b"30")
        if not self._proved(message):
            return AuthorisationResponse(b"63")
        with self._book.page(request.pan, request.sequence) as page:
            decision = self._decide(page, message, request, order)
        if request.contactless:
            return AuthorisationResponse(decision.code)
        return AuthorisationResponse(
            decision.code, self._authentication(message, decision.code), decision.scripts
        )

    def confirm(self, request: AuthorisationRequest, confirmation: Confirmation) -> None:
        """See :class:`~sscard_ic.hosts.bank_issuer.BankHost`.

        What became of a script is the terminal's word, once, until the card tells. A purchase is
        given back for the AAC of the card alone, whose cryptogram proves that there is no TC;
        without it the purchase stays booked, and open to such an AAC, to the TC in :meth:`clear`,
        or to the next message of the card that proves that it did not come to its end.
        """
        try:
            message = read_message(request, self._model)
        except WrongMessageError:
            return
        with self._book.page(request.pan, request.sequence) as page:
            account, operation = page.account, page.operation(message.atc)
            if account is None or operation is None or operation.settled:
                return
            if operation.cryptogram != message.cryptogram.hex():
                return
            if not operation.scripted:
                end = self._proved_end(request, confirmation)
                if end is None:
                    told = operation.confirmed or confirmation.kind is Kind.TC
                    page.note(replace(operation, confirmed=told))
                    return
                taken_place = end is Kind.TC
            elif operation.confirmed or any(
                each.outcome == "unknown" for each in confirmation.scripts
            ):
                return  # the card itself tells it the next time
            else:
                taken_place = any(each.outcome == "done" for each in confirmation.scripts)
            account, operation = put_right(account, operation, taken_place)
            page.save(account)
            page.note(replace(operation, confirmed=True, settled=not operation.scripted))

    def _proved_end(self, request: AuthorisationRequest, confirmation: Confirmation) -> Kind | None:
        """Kind of the second cryptogram, if the card gave it for this transaction."""
        values = {**request.values, **confirmation.values}
        if values[0x9F36] != request.values[0x9F36]:
            return None
        try:
            message = read_message(replace(request, values=values), self._model)
        except WrongMessageError:
            return None
        end = proved_end(message)
        if end is Kind.ARQC or not is_genuine(self._issuer, message):
            return None
        return end

    def _proved(self, message: CardMessage) -> bool:
        """Whether the card itself speaks, and its amounts are its own."""
        if not is_genuine(self._issuer, message):
            return False
        return not has_amounts(message) or amounts_are_genuine(self._issuer, message)

    def _authentication(self, message: CardMessage, code: bytes) -> bytes:
        arpc = self._issuer.response_cryptogram(message.card, message.atc, message.cryptogram, code)
        return arpc + code

    # Decisions

    def _decide(
        self, page: Page, message: CardMessage, request: AuthorisationRequest, order: Order
    ) -> _Decision:
        account = page.account
        if message.atc <= page.atc:
            return _Decision(b"94")
        if account is None:
            if not self._is_own(request.pan):
                return _Decision(b"14")
            account = self._new_account()
        tells = _tells_of_scripts(message, request)
        if tells:
            account = hear(page, account, message)
        page.raise_atc(message.atc)
        page.save(account)
        if request.contactless and request.service != "purchase":
            return _Decision(b"57")
        writer = ScriptWriter(self._issuer, message.card, message.atc, message.cryptogram)
        if account.closed:
            return _Decision(b"62", (writer.application_block(),))
        wanted = (Kind.ARQC, Kind.AAC) if request.service == "unblock" else (Kind.ARQC,)
        if message.kind not in wanted:
            return _Decision(b"57")
        if not self._holder_is_known(account, request):
            return _Decision(b"55")
        decision = self._services[request.service](_Case(account, message, request, order, writer))
        if decision.operation is not None:
            count = message.scripts_received if tells else -1
            page.note(replace(decision.operation, scripts=count))
            if decision.operation.booked:
                page.save(booked(account, decision.operation))
        return decision

    def _is_own(self, pan: str) -> bool:
        """Whether an account may be opened for a card that is seen for the first time."""
        bins = self._rules.bins
        return self._rules.opening is not None and (not bins or pan.startswith(bins))

    def _holder_is_known(self, account: Account, request: AuthorisationRequest) -> bool:
        """A purchase may be signed for; whatever else needs the online PIN where there is one."""
        if not account.pin:
            return True
        if request.pin is None:
            return request.service == "purchase"
        digest = self._book.pin_digest(request.pan, request.sequence, request.pin.reveal())
        return hmac.compare_digest(account.pin, digest)

    @property
    def _services(self) -> Mapping[Service, Callable[[_Case], _Decision]]:
        return {
            "purchase": self._purchase,
            "load": self._load,
            "unload": self._unload,
            "limits": self._limits,
            "pin": self._pin,
            "block": lambda case: case.approved(case.writer.application_block()),
            "unblock": lambda case: case.approved(case.writer.application_unblock()),
            "card_block": lambda case: case.approved(case.writer.card_block()),
        }

    def _purchase(self, case: _Case) -> _Decision:
        if case.amount > case.account.main:
            return _Decision(b"51")
        operation = _operation(case.message, _PURCHASES[case.request.contactless])
        return _Decision(APPROVED, (), replace(operation, main=-case.amount, booked=True))

    def _load(self, case: _Case) -> _Decision:
        balance = self._balance(case)
        if balance is None or not case.amount:
            return _Decision(b"57")
        after = balance + case.amount
        if case.amount > case.account.main:
            return _Decision(b"51")
        if after > case.account.cash_limit:
            return _Decision(b"61")
        change = _Change(-case.amount, case.amount, balance=balance)
        return case.approved(case.writer.balance(after), change, booked=True)

    def _unload(self, case: _Case) -> _Decision:
        """Declined, as the standard has it, with a script that empties the card."""
        balance = self._balance(case)
        if not balance or case.amount:
            return _Decision(b"57")
        change = _Change(balance, -balance, balance=balance)
        return replace(case.approved(case.writer.balance(0), change), code=b"05")

    def _limits(self, case: _Case) -> _Decision:
        limits = case.order.limits
        if not limits or not all(
            tag in LIMITS and 0 <= value < _MOST for tag, value in limits.items()
        ):
            return _Decision(b"30")
        limit = limits.get(BALANCE_LIMIT, -1)
        return case.approved(case.writer.limits(limits), _Change(cash_limit=limit))

    def _pin(self, case: _Case) -> _Decision:
        new, current = case.order.new_pin, case.order.current_pin
        if new is None:
            return case.approved(case.writer.pin_unblock())
        mask = self._model.settings.pin_mask
        return case.approved(case.writer.pin_change(new, current, mask))

    def _balance(self, case: _Case) -> int | None:
        """EC balance of the card in fen, as far as the bank believes one."""
        balance = proved_balance(case.message)
        told = case.request.values.get(BALANCE)
        if balance is None and told is not None and self._rules.unproved_balance:
            try:
                return number(told)
            except ValueError:
                return None
        return balance

    def _new_account(self) -> Account:
        return Account(self._rules.opening or 0, cash_limit=self._rules.cash_limit)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a script changes: see :class:`Operation`."""

    main: int = 0
    cash: int = 0
    cash_limit: int = -1
    balance: int = -1


@dataclass(frozen=True, slots=True)
class _Case:
    """One transaction that is to be decided."""

    account: Account
    message: CardMessage
    request: AuthorisationRequest
    order: Order
    writer: ScriptWriter

    @property
    def amount(self) -> int:
        return self.message.amount

    def approved(
        self, script: IssuerScript, change: _Change | None = None, *, booked: bool = False
    ) -> _Decision:
        """Approved, with a script by which it takes place."""
        change = change or _Change()
        operation = replace(
            _operation(self.message, self.request.service),
            main=change.main,
            cash=change.cash,
            cash_limit=change.cash_limit,
            balance=change.balance,
            scripted=True,
            booked=booked,
        )
        return _Decision(APPROVED, (script,), operation)


def _operation(message: CardMessage, service: str) -> Operation:
    return Operation(message.atc, message.cryptogram.hex(), service)


def _tells_of_scripts(message: CardMessage, request: AuthorisationRequest) -> bool:
    """Whether the card did the checks that note the last scripts in its results.

    Neither a contactless transaction, nor one of electronic cash, nor one of a blocked application
    does them (ref 14 §5.3, §8.1, §5.7).
    """
    if request.contactless or _CASH_TRANSACTION in request.values:
        return False
    return message.kind is Kind.ARQC
