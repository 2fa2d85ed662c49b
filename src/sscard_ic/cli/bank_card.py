"""The bank's application of the card in a reader, for every command of ``sscard bank``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from sscard_ic.apdu.atr import is_contactless
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.application import FinancialCard, Interface
from sscard_ic.cli.readers import session
from sscard_ic.keys.inventory import Environment
from sscard_ic.profile import kind_of, load, load_financial
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.reader.pcsc import Access

F = TypeVar("F", bound=Callable[..., Any])


def bank_profile_option(command: F) -> F:
    """Adds ``--profile``, as ``profile_name``."""
    return click.option(
        "--profile",
        "profile_name",
        help="Profile 卡规范 of the card or of its bank application; financial/debit when left "
        "out.",
    )(command)


def bank_model(profile_name: str | None) -> FinancialApplication:
    """The bank's application of a card profile, or of a financial profile itself.

    Raises :class:`InputError` for a card profile whose chip has none.
    """
    if profile_name is None:
        return load_financial()
    if kind_of(profile_name) == "financial":
        return load_financial(profile_name)
    model = load(profile_name).financial
    if model is None:
        raise InputError(
            Text(
                "此卡规范的芯片上没有银行应用",
                "the chip of this profile has no bank application",
            ),
            where=profile_name,
            hint=Text(
                '卡规范中写 bank_application = "personalize" 和 financial，或指定 financial/debit',
                'write bank_application = "personalize" and financial in the profile, or name '
                "financial/debit",
            ),
        )
    return model


def bank_environment(profile_name: str | None) -> Environment:
    """That of the region whose cards are served; a bank's own profile is for tests."""
    if profile_name is None or kind_of(profile_name) == "financial":
        return "test"
    region = load(profile_name).region
    return "test" if region is None else region.issuer.environment


@contextmanager
def bank_card(
    reader: str | None,
    model: FinancialApplication,
    *,
    access: Access = "shared",
    interface: Interface | None = None,
) -> Iterator[FinancialCard]:
    """The application of the card of ``--reader``, selected; nobody may be asked anything inside.

    Which face of the card the reader sees, its ATR tells. Raises :class:`InputError` where it is
    not the ``interface`` that is needed.
    """
    with session(reader, access=access) as connection:
        seen: Interface = "contactless" if is_contactless(connection.atr) else "contact"
        if interface is not None and seen != interface:
            raise _another_interface(interface)
        yield FinancialCard(connection, model, interface=seen)


def _another_interface(wanted: Interface) -> InputError:
    if wanted == "contact":
        return InputError(
            Text("此交易须用接触口", "this takes the contact interface"),
            hint=Text(
                "用接触式读写器；虚拟卡写 virtual:文件",
                "use a contact reader; for a virtual card write virtual:FILE",
            ),
        )
    return InputError(
        Text("此交易须用非接触口", "this takes the contactless interface"),
        hint=Text(
            "用非接触式读写器；虚拟卡写 virtual:contactless:文件",
            "use a contactless reader; for a virtual card write virtual:contactless:FILE",
        ),
    )


def bank_pin(block: Secret) -> Secret:
    """The digits of a PIN in a BCD block, as the bank's application takes them."""
    return Secret(block.reveal().hex().rstrip("f").encode("ascii"))
