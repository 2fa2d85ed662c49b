"""Offline data authentication as a step: of a card that is read, and of a contact transaction.

Source: ref 14 §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.offline import (
    Authentication,
    Method,
    OfflineResult,
    failed,
    method_of,
    result_text,
)
from sscard_ic.card.financial.records import ApplicationData
from sscard_ic.card.financial.running import Running
from sscard_ic.card.financial.terminal import TerminalSettings
from sscard_ic.codec.pboc.bits import Tsi, Tvr
from sscard_ic.crypto.pboc.offline_data import OfflineError

_METHOD_FAILURES: Mapping[Method, Tvr] = {
    "sda": Tvr.SDA_FAILED,
    "dda": Tvr.DDA_FAILED,
    "cda": Tvr.CDA_FAILED,
}
_NO_RECORDS = Text(
    "卡的应答没有记录，读卡时无法认证",
    "the card gave no records to be authenticated",
)


def authenticate_read(
    card: FinancialCard, data: ApplicationData, terminal: TerminalSettings, at: date
) -> OfflineResult:
    """SDA or DDA of a card that is only read: a card with CDA has DDA, too (one exchange)."""
    if not data.options.locator:
        return OfflineResult(None, reason=_NO_RECORDS)
    plain = replace(terminal, capabilities=replace(terminal.capabilities, cda=False))
    values = {**data.values, **terminal.values(), 0x9F37: terminal.random(4)}
    method = method_of(data.aip, plain)
    return _performed(card, Authentication(data, plain, at), method, values)


def authenticate_card(run: Running) -> None:
    """SDA or DDA now; CDA comes with the cryptogram, its certificates are checked now."""
    method = method_of(run.data.aip, run.terminal)
    checks = Authentication(run.data, run.terminal, run.purchase.at.date())
    run.renew_number()
    run.offline = _performed(run.card, checks, method, run.all_values())
    if method is None:
        run.tvr |= Tvr.OFFLINE_DATA_NOT_PERFORMED
    else:
        run.tsi |= Tsi.OFFLINE_DATA
    if method == "cda" and run.offline.passed:
        text = Text(
            "CDA：卡的公钥证书有效，签名随应用密文一起验证",
            "CDA: the card's key is certified; the signature comes with the cryptogram",
        )
    else:
        note_failure(run)
        text = result_text(run.offline)
    run.step("offline_authentication", text)


def note_failure(run: Running) -> None:
    """Put a failure among the terminal's results."""
    result = run.offline
    if result.method is not None and result.method in _METHOD_FAILURES and not result.passed:
        run.tvr |= _METHOD_FAILURES[result.method]
        if result.missing:
            run.tvr |= Tvr.DATA_MISSING


def _performed(
    card: FinancialCard, checks: Authentication, method: Method | None, values: Mapping[int, bytes]
) -> OfflineResult:
    if method is None:
        return OfflineResult(None)
    if method == "sda":
        return checks.check_static()
    try:
        checks.require_card_key()
        told = checks.dynamic_input(values)
    except OfflineError as error:
        return failed(method, error, checks.authority)
    if method == "cda":
        return OfflineResult("cda", True, authority=checks.authority)
    return checks.check_dynamic(card.sign(told), told)
