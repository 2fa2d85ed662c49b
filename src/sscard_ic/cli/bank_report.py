"""What was read of a bank's application, and how a transaction went: tables and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import click

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.data import FinancialData
from sscard_ic.card.financial.logs import LoadEntry, LogEntry
from sscard_ic.card.financial.offline import OfflineResult, result_text
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.steps import Step
from sscard_ic.card.financial.words import aip_text, yuan
from sscard_ic.cli.common import language, tr
from sscard_ic.cli.tables import print_table

_NOTHING = "-"
"""A cell that says nothing."""
_PURCHASE = "00"
_TYPES = {
    _PURCHASE: Text("消费", "purchase"),
    "01": Text("取现", "cash"),
    "20": Text("退货", "refund"),
    "30": Text("查询", "inquiry"),
    "50": Text("圈存", "load"),
}
_CHANGED = {
    0x9F79: Text("电子现金余额", "EC balance"),
    0xDF79: Text("第二币种余额", "balance of the second currency"),
}


def print_data(
    found: FinancialData, offline: OfflineResult, today: date, *, show_pan: bool
) -> None:
    """The application, its holder and its money, then the logs."""
    rows = _rows(found, offline, today, show_pan=show_pan)
    print_table(tr("项目", "item"), tr("内容", "value"), rows=rows)
    if found.transactions:
        _print_transactions(found.transactions)
    if found.loads:
        _print_loads(found.loads)


def _rows(
    found: FinancialData, offline: OfflineResult, today: date, *, show_pan: bool
) -> Iterator[tuple[str, str]]:
    info, sequence = found.application, found.sequence
    blocked = tr("（已锁定）", " (BLOCKED)") if info.blocked else ""
    yield tr("应用", "application"), f"{info.label} {info.aid.hex().upper()}{blocked}"
    yield tr("卡号", "account number"), found.pan if show_pan else found.masked_pan
    yield tr("卡序列号", "sequence number"), _NOTHING if sequence is None else f"{sequence:02d}"
    yield tr("持卡人", "holder"), found.holder or _NOTHING
    document = found.document.to(language()) if found.document else ""
    number = " ".join(part for part in (document, found.identity_number) if part)
    yield tr("证件", "document"), number or _NOTHING
    yield tr("有效期", "valid"), _validity(found, today)
    if found.products:
        names = (each.to(language()) for each in found.products)
        yield tr("卡产品", "product"), tr("、", ", ").join(names)
    yield tr("电子现金余额", "EC balance"), _money(found.balance)
    limits = [_money(found.amount(tag)) for tag in (0x9F77, 0x9F78, 0x9F6D)]
    yield tr("余额上限／单笔限额／重置阈值", "limit / single / reset threshold"), " / ".join(limits)
    yield tr("交易计数", "transactions"), _counters(found)
    tries = found.pin_tries
    yield tr("脱机密码剩余次数", "offline PIN tries"), _NOTHING if tries is None else str(tries)
    yield tr("应用交互特征", "functions"), aip_text(found.data.aip).to(language())
    yield tr("脱机数据认证", "offline data authentication"), result_text(offline).to(language())


def _validity(found: FinancialData, today: date) -> str:
    begins = f"{found.effective} – " if found.effective else ""
    if found.expires is None:
        return begins or _NOTHING
    expired = tr("（已过期）", " (EXPIRED)") if today > found.expires else ""
    return f"{begins}{found.expires}{expired}"


def _counters(found: FinancialData) -> str:
    if found.counter is None:
        return _NOTHING
    if found.last_online is None:
        return f"ATC {found.counter}"
    if found.last_online == 0:
        return f"ATC {found.counter}{tr('，从未联机', ', never online')}"
    return f"ATC {found.counter}{tr('，上次联机', ', last online')} {found.last_online}"


def _print_transactions(entries: Sequence[LogEntry]) -> None:
    click.echo()
    rows = [
        (
            _when(each),
            _type(each),
            _money(each.amount),
            each.currency or _NOTHING,
            str(each.counter or _NOTHING),
            each.merchant or _NOTHING,
        )
        for each in entries
    ]
    titles = (
        tr("时间", "time"),
        tr("类型", "type"),
        tr("金额", "amount"),
        tr("币种", "currency"),
        "ATC",
        tr("商户", "merchant"),
    )
    print_table(*titles, rows=rows, title=tr("交易明细", "transactions"), numbers=(2, 4))


def _type(entry: LogEntry) -> str:
    """What was done; whatever a bank does to its card is a purchase over nothing to the card."""
    if entry.kind == _PURCHASE and entry.amount == 0:
        return tr("服务", "service")
    return _TYPES[entry.kind].to(language()) if entry.kind in _TYPES else entry.kind or _NOTHING


def _print_loads(entries: Sequence[LoadEntry]) -> None:
    click.echo()
    rows = [
        (
            _when(each),
            _CHANGED[each.tag].to(language()) if each.tag in _CHANGED else f"{each.tag:X}",
            _money(each.before),
            _money(each.after),
            str(each.counter or _NOTHING),
            each.merchant or _NOTHING,
        )
        for each in entries
    ]
    titles = (
        tr("时间", "time"),
        tr("数据", "data"),
        tr("之前", "before"),
        tr("之后", "after"),
        "ATC",
        tr("商户", "merchant"),
    )
    print_table(*titles, rows=rows, title=tr("圈存明细", "loads"), numbers=(2, 3, 4))


def _when(entry: LogEntry) -> str:
    return f"{entry.at:%Y-%m-%d %H:%M:%S}" if entry.at else _NOTHING


def _money(fen: int | None) -> str:
    return _NOTHING if fen is None else yuan(fen)


# -- for a program ---------------------------------------------------------------------------


def data_json(found: FinancialData, offline: OfflineResult, *, show_pan: bool) -> dict[str, Any]:
    """Everything by the names of its parts; amounts in fen."""
    info = found.application
    return {
        "application": {
            "aid": info.aid.hex().upper(),
            "label": info.label,
            "preferred_name": info.preferred_name or None,
            "priority": info.priority,
            "languages": list(info.languages),
            "blocked": info.blocked,
        },
        "algorithm": found.algorithm,
        "pan": found.pan if show_pan else found.masked_pan,
        "sequence": found.sequence,
        "holder": found.holder or None,
        "identity_number": found.identity_number or None,
        "document": found.document.en if found.document else None,
        "effective": found.effective.isoformat() if found.effective else None,
        "expires": found.expires.isoformat() if found.expires else None,
        "products": [each.en for each in found.products],
        "electronic_cash": {
            "balance": found.balance,
            "limit": found.amount(0x9F77),
            "single_limit": found.amount(0x9F78),
            "reset_threshold": found.amount(0x9F6D),
            "available_offline": found.amount(0x9F5D),
        },
        "atc": found.counter,
        "last_online_atc": found.last_online,
        "pin_tries": found.pin_tries,
        "aip": f"{int(found.data.aip):04X}",
        "offline_authentication": offline_json(offline),
        "transactions": [_entry_json(each) for each in found.transactions],
        "loads": [
            {
                **_entry_json(each),
                "tag": f"{each.tag:X}",
                "before": each.before,
                "after": each.after,
            }
            for each in found.loads
        ],
    }


def offline_json(result: OfflineResult) -> dict[str, Any]:
    """The result of offline data authentication."""
    key = result.authority
    return {
        "method": result.method,
        "passed": result.passed,
        "reason": result.reason.to(language()) if result.reason else None,
        "authority": key
        and {
            "rid": key.rid.hex().upper(),
            "index": f"{key.index:02X}",
            "kind": key.kind,
            "status": key.status,
        },
    }


def _entry_json(entry: LogEntry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat() if entry.at else None,
        "type": entry.kind or None,
        "amount": entry.amount,
        "currency": entry.currency or None,
        "atc": entry.counter,
        "merchant": entry.merchant or None,
    }


def result_json(result: TransactionResult, exchanges: int) -> dict[str, Any]:
    """How a transaction ended, and its steps in both languages."""
    response = result.response
    return {
        "outcome": result.outcome,
        "path": result.path,
        "cryptogram": result.kind.name if result.kind is not None else None,
        "atc": int.from_bytes(result.values[0x9F36], "big") if 0x9F36 in result.values else None,
        "online": result.request is not None,
        "response_code": response.code.decode("ascii", "replace") if response else None,
        "tvr": f"{int(result.tvr):010X}",
        "tsi": f"{int(result.tsi):04X}",
        "offline_authentication": offline_json(result.offline),
        "signature": result.signature,
        "scripts": [
            {"identifier": each.identifier.hex().upper(), "outcome": each.outcome}
            for each in result.scripts
        ],
        "exchanges": exchanges,
        "steps": steps_json(result.steps),
    }


def steps_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Steps by name, with what they said."""
    return [
        {
            "name": step.name,
            "title": {"zh": step.title.zh, "en": step.title.en},
            "details": [{"zh": each.zh, "en": each.en} for each in step.details],
        }
        for step in steps
    ]
