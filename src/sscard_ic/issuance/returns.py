"""The return file 回盘文件: one line for every row of the batch, in its order (ref 03 §4.2)."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.authority import NOBODY
from sscard_ic.base.errors import InputError, Language, SscardError, Text, os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.codec.digits import decode_cn
from sscard_ic.codec.text import cut_text, decode_an, join_name
from sscard_ic.issuance.checks import region_of
from sscard_ic.issuance.deeds import Actors, recorded
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.prepare import CardResult
from sscard_ic.ledger import Card, CardState, Ledger
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.region import Region, ReturnFile

_GOOD = (CardState.VERIFIED, CardState.ACTIVATED)
_BAD = (CardState.REFUSED, CardState.FAILED)
_ONE_LINE = dict.fromkeys(range(0x20), " ")
"""A refused row may hold line ends within quotes; its line in the return file may not."""
_UNFINISHED = Text("未完成", "not finished")


@dataclass(frozen=True, slots=True)
class Line:
    """What the columns of one line are made of; no ``result`` unless the card is good."""

    card: Card
    fields: Mapping[str, str]
    result: CardResult | None


@dataclass(frozen=True, slots=True)
class ReturnReport:
    """What a return file says."""

    path: Path
    good: int
    unfinished: int
    bad: tuple[Card, ...]
    """Refused and failed rows with all their reasons."""

    def to_json(self, language: Language) -> dict[str, Any]:
        """Counts, and every reason of every row without a card."""
        return {
            "file": str(self.path),
            "good": self.good,
            "unfinished": self.unfinished,
            "failed": failures_json(self.bad, language),
        }


def failures_json(cards: Iterable[Card], language: Language) -> list[dict[str, Any]]:
    """Refused and failed rows, each with every reason."""
    return [
        {
            "row": card.row,
            "seq": card.seq,
            "state": str(card.state),
            "reasons": [
                {"field": r.field, "reason": r.reason, "message": r.message.to(language)}
                for r in card.reasons
            ],
        }
        for card in cards
    ]


def write_return_file(
    ledger: Ledger,
    batch: str,
    profile: CardProfile,
    folder: Path,
    *,
    partial: bool = False,
    actors: Actors = (NOBODY,),
) -> ReturnReport:
    """Write ``<batch>.return.csv`` into ``folder``, whole or not at all.

    Card number, number, name and identification code of good cards are as read back from the
    card. The audit log says who had it written. Raises :class:`InputError` while cards are still
    being made, unless ``partial``: their rows are then listed as not finished.
    """
    region = region_of(profile)
    cards = ledger.cards_of(ledger.batch(batch).name)
    unfinished = [card for card in cards if card.state not in (*_GOOD, *_BAD)]
    if unfinished and not partial:
        raise _incomplete(batch, len(unfinished), len(cards))
    table = _Table(profile, region)
    lines = [table.titles(), *(table.line(line) for line in _lines(ledger, cards))]
    report = ReturnReport(
        folder / f"{batch}.return.csv",
        good=sum(card.state in _GOOD for card in cards),
        unfinished=len(unfinished),
        bad=tuple(card for card in cards if card.state in _BAD),
    )
    content = b"".join(lines)
    with recorded(ledger, "batch.return", batch, actors) as detail:
        detail.update(file=report.path.name, sha256=hashlib.sha256(content).hexdigest())
        detail.update(good=report.good, bad=len(report.bad), unfinished=report.unfinished)
        _write(report.path, content)
    return report


def _lines(ledger: Ledger, cards: Sequence[Card]) -> Iterator[Line]:
    holders = ledger.holders([card.id for card in cards])
    results = ledger.results([card.id for card in cards if card.state in _GOOD])
    for card in cards:
        if card.state in _GOOD and card.id not in results:
            raise SscardError(
                Text("台账中没有该卡的读回数据", "the ledger has nothing read back from this card"),
                where=f"{card.batch}, row {card.row}",
                hint=Text("请重新运行校验", "verify the card again"),
            )
        result = CardResult.from_json(results[card.id]) if card.id in results else None
        yield Line(card, Holder.from_json(holders[card.id]).fields, result)


class _Table:
    """Makes the lines of a return file as the region wants them."""

    def __init__(self, profile: CardProfile, region: Region) -> None:
        self._rules: ReturnFile = region.return_file
        self._paths = {
            place.item.source: place.path for place in profile.places if place.item.source
        }
        values = self._values()
        unknown = [value for _, value in self._rules.columns if value not in values]
        if unknown:
            raise _unknown_columns(profile.name, unknown, list(values))
        self._columns = [values[value] for _, value in self._rules.columns]

    def titles(self) -> bytes:
        """The first line."""
        return self._encode([title for title, _ in self._rules.columns])

    def line(self, line: Line) -> bytes:
        """The line of one row."""
        return self._encode([column(line) for column in self._columns])

    def _encode(self, cells: list[str]) -> bytes:
        out = io.StringIO()
        writer = csv.writer(
            out, delimiter=self._rules.separator, lineterminator=self._rules.newline
        )
        writer.writerow([cell.translate(_ONE_LINE) for cell in cells])
        try:
            return out.getvalue().encode(self._rules.encoding)
        except UnicodeEncodeError as error:
            encoding = self._rules.encoding
            raise InputError(
                Text(
                    f"姓名等文字无法用 {encoding} 编码",
                    f"a name or other text has no code in {encoding}",
                ),
                hint=Text("回盘文件请用 gb18030", "use gb18030 for the return file"),
            ) from error

    def _values(self) -> dict[str, Callable[[Line], str]]:
        """Every value a column may show, by its name in the profile."""
        return {
            "seq": lambda line: line.fields.get("SEQ", line.card.seq),
            "card_number": lambda line: self._text(line, "AAZ500"),
            "social_security_number": lambda line: self._text(line, "AAC002"),
            "name": self._name,
            "issue_date": lambda line: decode_cn(self._raw(line, "@issue_date")),
            "expiry_date": lambda line: decode_cn(self._raw(line, "@expiry_date")),
            "identification_code": lambda line: (
                self._raw(line, "@identification_code").hex().upper()
            ),
            "reset_code": self._reset_code,
            "bank": lambda line: line.fields.get("AAE008", ""),
            "bank_card_number": lambda line: (
                (line.result.bank_card_number if line.result else "") or line.fields.get("PAN", "")
            ),
            "account": lambda line: "",  # no supplier names the personal account
            "box": lambda line: "",  # finished cards are not boxed yet
            "failed_stage": lambda line: "" if line.result else self._rules.failed_stage,
            "failure_reason": self._failure_reason,
        }

    def _raw(self, line: Line, source: str) -> bytes:
        """As read back from the card; empty without a card."""
        return line.result.values.get(self._paths.get(source, ""), b"") if line.result else b""

    def _text(self, line: Line, source: str) -> str:
        ordered = line.fields.get(source, "")
        return decode_an(self._raw(line, source)) if line.result else ordered

    def _name(self, line: Line) -> str:
        if not line.result:
            return line.fields.get("AAC003", "")
        return join_name(self._raw(line, "@name"), self._raw(line, "@name_extension"))

    def _reset_code(self, line: Line) -> str:
        if not line.result:
            return ""
        atr = line.result.atr
        whole = self._rules.reset_code == "atr"
        return (atr if whole else historical_bytes(atr)).hex().upper()

    def _failure_reason(self, line: Line) -> str:
        if line.result:
            return ""
        messages = [found.message for found in line.card.reasons]
        if line.card.state not in _BAD:
            messages = [_UNFINISHED]
        return cut_text("；".join(text.zh for text in messages), self._rules.reason_bytes)


def _write(path: Path, content: bytes) -> None:
    """Atomically, readable by the owner only: it holds names and numbers."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(
                f"无法写入回盘文件：{reason.zh}", f"the return file cannot be written: {reason.en}"
            ),
            where=str(path),
            hint=Text("请用 --out 指定可写的文件夹", "name a writable folder with --out"),
        ) from error


def _incomplete(batch: str, unfinished: int, rows: int) -> InputError:
    return InputError(
        Text(
            f"批次 {batch} 尚有 {unfinished}/{rows} 张卡未完成",
            f"{unfinished} of {rows} cards of batch {batch} are not finished",
        ),
        hint=Text(
            "请先运行 sscard batch run，或用 --partial 生成部分回盘文件",
            "run sscard batch run first, or ask for a partial file with --partial",
        ),
    )


def _unknown_columns(profile: str, unknown: list[str], known: list[str]) -> InputError:
    return InputError(
        Text(
            f"回盘文件的列值未知：{', '.join(unknown)}",
            f"unknown values in the columns of the return file: {', '.join(unknown)}",
        ),
        where=profile,
        hint=Text(f"可用：{', '.join(known)}", f"there are: {', '.join(known)}"),
    )
