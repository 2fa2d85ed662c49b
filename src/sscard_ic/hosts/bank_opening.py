"""From the settings to the bank that answers for cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from sscard_ic.base.errors import InputError, Text
from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.bank_issuer import BankHost
from sscard_ic.hosts.bank_settings import BankSettings
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.keys import KeyService
from sscard_ic.keys.inventory import Environment
from sscard_ic.profile.financial import FinancialApplication


@contextmanager
def open_bank(
    settings: BankSettings,
    environment: Environment,
    model: FinancialApplication,
    open_keys: Callable[[], KeyService],
) -> Iterator[BankHost]:
    """The bank that ``settings`` choose, for cards of ``environment``; closed at the end.

    ``open_keys`` is called for the test bank alone. Raises :class:`InputError` for cards of
    production, which no bank here serves, and what the parts of a bank raise.
    """
    if environment != "test":
        raise InputError(
            Text("此处的银行只为测试卡应答", "the bank here answers for test cards alone"),
            where="[bank]",
            hint=Text(
                "生产卡请使用发卡行自己的系统", "for real cards use the system of their bank"
            ),
        )
    if settings.service == "http" and settings.http is not None:
        from sscard_ic.hosts.http_bank import HttpBank

        with closing(HttpBank(settings.http)) as asked:
            yield asked
        return
    with closing(open_keys()) as keys, closing(BankBook(settings.file(), keys)) as book:
        yield TestBank(keys, model, book, rules_of(settings))


def rules_of(settings: BankSettings) -> BankRules:
    """How the test bank is to decide."""
    return BankRules(
        settings.opening, settings.cash_limit, settings.unproved_balance, tuple(settings.bins)
    )
