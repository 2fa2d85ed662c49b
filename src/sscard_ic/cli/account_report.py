"""The medical account in words, tables and JSON, for ``sscard card``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sscard_ic.apdu.medical import TYPE_CREDIT, TYPE_PURCHASE, LogRecord
from sscard_ic.base.errors import Text
from sscard_ic.card.medical_account import Balances
from sscard_ic.card.medical_records import CreditResult, DebitResult, Mode, PendingDebit
from sscard_ic.cli.common import language, print_json, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.profile.forms import written_number

MODES: dict[Mode, Text] = {
    "online": Text("联网", "online"),
    "temporary": Text("临时脱网", "temporarily offline"),
    "offline": Text("脱网", "offline"),
}
_TYPES = {
    TYPE_CREDIT: Text("账户划入", "credit"),
    TYPE_PURCHASE: Text("医保结算", "settlement"),
}


def yuan(fen: int) -> str:
    """An amount as people write it."""
    return written_number("amount", fen)


def print_balances(found: Balances, starting_day: tuple[int, int], *, as_json: bool) -> None:
    """Account and annual totals."""
    if as_json:
        print_json(_balances_json(found, starting_day))
        return
    rows = [
        (tr("个人账户余额", "account balance"), yuan(found.account)),
        (tr("年度个人自付累计", "self-paid in the year"), yuan(found.self_paid)),
        (tr("年度统筹支付累计", "paid by the pooled fund in the year"), yuan(found.pooled)),
        (tr("支付年度", "payment year"), str(found.year) if found.year else tr("无", "none yet")),
        (tr("年度起始日", "the year begins on"), "{:02d}-{:02d}".format(*starting_day)),
    ]
    print_table(tr("项目", "item"), tr("内容", "value"), rows=rows)


def _balances_json(found: Balances, starting_day: tuple[int, int]) -> dict[str, Any]:
    return {
        "account": found.account,
        "self_paid": found.self_paid,
        "pooled": found.pooled,
        "year": found.year or None,
        "starting_day": "{:02d}-{:02d}".format(*starting_day),
    }


def print_log(records: Sequence[LogRecord], *, as_json: bool) -> None:
    """The transactions that a card keeps."""
    if as_json:
        print_json({"transactions": [_record_json(record) for record in records]})
        return
    titles = (
        tr("序号", "number"),
        tr("类型", "type"),
        tr("时间", "time"),
        tr("终端机", "terminal"),
        tr("账户", "account"),
        tr("自付", "self-paid"),
        tr("统筹", "pooled"),
    )
    print_table(*titles, rows=[_record_row(record) for record in records])


def _record_json(record: LogRecord) -> dict[str, Any]:
    return {
        "number": record.sequence,
        "type": chr(record.kind),
        "terminal": record.terminal.hex().upper(),
        "time": record.time.hex().upper(),
        "account": record.amounts.account,
        "self_paid": record.amounts.self_paid,
        "pooled": record.amounts.pooled,
    }


def _record_row(record: LogRecord) -> tuple[str, ...]:
    kind = _TYPES.get(record.kind)
    amounts = record.amounts
    return (
        str(record.sequence),
        kind.to(language()) if kind else f"{record.kind:02X}",
        _moment(record.time),
        record.terminal.hex().upper(),
        yuan(amounts.account),
        yuan(amounts.self_paid),
        yuan(amounts.pooled),
    )


def _moment(time: bytes) -> str:
    digits = time.hex().upper()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}:{digits[12:]}"


def print_result(result: DebitResult | CreditResult, *, as_json: bool) -> None:
    """What the card has made."""
    if as_json:
        print_json({"made": True, "result": result.for_clearing()})
        return
    rows = _credit_rows(result) if isinstance(result, CreditResult) else _debit_rows(result)
    print_table(tr("项目", "item"), tr("内容", "value"), rows=rows)


def _common_rows(result: DebitResult | CreditResult) -> list[tuple[str, str]]:
    pending = result.pending
    return [
        (tr("终端机", "terminal"), pending.terminal.hex().upper()),
        (tr("时间", "time"), _moment(pending.time)),
        (tr("卡交易序号", "card's number"), str(pending.counter)),
        ("TAC", f"{_hex(result.tac)}  {_verdict(result.tac_valid)}".rstrip()),
    ]


def _credit_rows(result: CreditResult) -> list[tuple[str, str]]:
    return [
        (tr("划入", "credited"), yuan(result.pending.amount)),
        (tr("余额", "balance"), yuan(result.balance)),
        *_common_rows(result),
    ]


def _debit_rows(result: DebitResult) -> list[tuple[str, str]]:
    pending: PendingDebit = result.pending
    amounts = " / ".join(map(yuan, (pending.a1, pending.a2, pending.a3)))
    split = " / ".join(map(yuan, (pending.account, pending.pooled, pending.cash)))
    rows = [
        (tr("方式", "mode"), MODES[pending.mode].to(language())),
        (tr("账户 / 统筹 / 现金", "account / pooled / cash"), split),
        ("A1 / A2 / A3", amounts),
        *_common_rows(result),
        (tr("终端交易序号", "terminal's number"), str(pending.number)),
        ("MAC2", _verdict(result.mac2_valid)),
        (tr("可清算", "clears"), tr("是", "yes") if result.clears else tr("否", "no")),
    ]
    if result.offline is not None:
        data = f"{yuan(result.offline.amount)} / {result.offline.count}"
        rows.append((tr("脱网累计金额 / 次数", "offline sum / count"), data))
    return rows


def _hex(value: bytes | None) -> str:
    return value.hex().upper() if value is not None else tr("无", "none")


def _verdict(valid: bool | None) -> str:
    if valid is None:
        return tr("未核对", "not checked")
    return tr("正确", "right") if valid else tr("错误", "wrong")


def print_clearing(results: Sequence[DebitResult | CreditResult], *, as_json: bool) -> None:
    """What cards have made at this terminal."""
    if as_json:
        print_json({"transactions": [result.for_clearing() for result in results]})
        return
    titles = (
        tr("时间", "time"),
        tr("类型", "type"),
        tr("终端机", "terminal"),
        tr("序号", "number"),
        tr("金额", "amount"),
        "TAC",
        tr("可清算", "clears"),
    )
    print_table(*titles, rows=[_clearing_row(result) for result in results])


def _clearing_row(result: DebitResult | CreditResult) -> tuple[str, ...]:
    pending = result.pending
    if isinstance(pending, PendingDebit):
        kind, number = TYPE_PURCHASE, str(pending.number)
        amount = pending.account + pending.pooled + pending.cash
    else:
        kind, number, amount = TYPE_CREDIT, "", pending.amount
    return (
        _moment(pending.time),
        _TYPES[kind].to(language()),
        pending.terminal.hex().upper(),
        number,
        yuan(amount),
        _hex(result.tac),
        tr("是", "yes") if result.clears else tr("否", "no"),
    )
