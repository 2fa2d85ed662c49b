"""What became of an authorised transaction, as the card itself proves it (ref 14 §5.6, §5.7, §8.3).

Script count and "online not completed" in the card verification results speak of the last online
transaction that the card began or completed. That is the one in question for certain only where no
other came between, so what they leave open is decided by the balance that the card proves, and by
the payments that are cleared.
"""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.hosts.bank_book import Account, Operation, Page
from sscard_ic.hosts.bank_checks import CardMessage, proved_balance

_UNKNOWN = -1


def hear(page: Page, account: Account, message: CardMessage) -> Account:
    """The account after a message whose results tell of scripts; each operation is heard once.

    A later message would tell of the transaction that this one begins.
    """
    waiting = page.unheard_scripts()
    for operation in waiting:
        account = _heard(page, account, message, operation, last=operation == waiting[-1])
    return _without_torn_purchase(page, account, message)


def reconsider(page: Page, account: Account, atc: int) -> Account:
    """The account after electronic cash of transaction ``atc`` was cleared.

    Where a script before it was judged by a balance after it, the payment is part of that proof.
    """
    operation = page.heard_across(atc)
    if operation is None or operation.proved == _UNKNOWN:
        return account
    _, cleared = page.cleared(operation.atc, operation.heard)
    taken_place = _by_balance(operation, operation.proved, cleared)
    if taken_place is None:
        return account
    account, operation = put_right(account, operation, taken_place)
    page.note(replace(operation, settled=True))
    return account


def put_right(
    account: Account, operation: Operation, taken_place: bool
) -> tuple[Account, Operation]:
    """Both, so that the account counts ``operation`` in when it has taken place, else not."""
    if operation.booked == taken_place:
        return account, operation
    account = booked(account, operation, 1 if taken_place else -1)
    return account, replace(operation, booked=taken_place)


def booked(account: Account, operation: Operation, sign: int = 1) -> Account:
    """The account with ``operation`` counted in; -1: taken out again."""
    limit = operation.cash_limit if operation.cash_limit >= 0 and sign > 0 else account.cash_limit
    return replace(
        account,
        main=account.main + sign * operation.main,
        cash=account.cash + sign * operation.cash,
        cash_limit=limit,
    )


def _heard(
    page: Page, account: Account, message: CardMessage, operation: Operation, *, last: bool
) -> Account:
    balance = proved_balance(message)
    count, cleared = page.cleared(operation.atc, message.atc)
    taken_place = _by_balance(operation, balance, cleared)
    if taken_place is None and last:
        alone = message.atc == operation.atc + 1 + count
        taken_place = _by_results(operation, message, alone=alone)
    if taken_place is None and not operation.confirmed:
        taken_place = _presumed(operation, balance)
    known = operation.confirmed or taken_place is not None
    if taken_place is not None:
        account, operation = put_right(account, operation, taken_place)
    told = _UNKNOWN if balance is None else balance
    page.note(replace(operation, settled=known, heard=message.atc, proved=told))
    return account


def _by_balance(operation: Operation, balance: int | None, cleared: int) -> bool | None:
    """What balance and payments since prove; None: nothing.

    Together they exceed the balance before only after a load, and are 0 after an unload.
    """
    if balance is None or operation.balance == _UNKNOWN:
        return None
    if operation.service == "load":
        return True if balance + cleared > operation.balance else None
    return False if balance + cleared else None


def _by_results(operation: Operation, message: CardMessage, *, alone: bool) -> bool | None:
    """What the card verification results prove; None where they may be another transaction's.

    ``alone``: nothing came between but electronic cash, which leaves them as they are.
    """
    count, before = message.scripts_received, operation.scripts
    done = count > 0 and not message.script_failed
    if message.online_completed:
        # Without scripts: perhaps one that came to its end without the bank.
        return done if count or alone else None
    if before != _UNKNOWN and count > before:
        return done
    if alone:
        return False
    if before == _UNKNOWN or 0 < count == before:
        return None  # torn, or done and followed by another one that was torn
    return done


def _presumed(operation: Operation, balance: int | None) -> bool | None:
    """Where nothing is proved or told: as if all payments were cleared; those to come correct it.

    An unload then is proved by the balance 0.
    """
    if balance is None or operation.balance == _UNKNOWN:
        return None
    return operation.service == "unload"


def _without_torn_purchase(page: Page, account: Account, message: CardMessage) -> Account:
    """A purchase that did not come to its end is given back, where nothing else can be meant.

    Its TC, should there be one of a terminal that did not get the bank's answer, books it again.
    """
    purchase = page.open_purchase()
    if purchase is None or message.online_completed:
        return account
    count, _ = page.cleared(purchase.atc, message.atc)
    if message.atc == purchase.atc + 1 + count:
        account, purchase = put_right(account, purchase, False)
        page.note(purchase)
    return account
