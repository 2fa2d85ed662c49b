"""Reading a file of a bank's data preparation: all of its cards, or an error that lists why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.issuance.bank.files import batch, cps_record, modules
from sscard_ic.issuance.bank.files.assembly import Assembly
from sscard_ic.issuance.bank.files.batch import BatchReader
from sscard_ic.issuance.bank.files.cps_record import CpsReader
from sscard_ic.issuance.bank.files.items import ItemReader
from sscard_ic.issuance.bank.files.modules import ModuleReader
from sscard_ic.issuance.bank.files.raw import BankFileError, Flaw, Place, Reader
from sscard_ic.issuance.bank.files.texts import LineReader, SectionReader
from sscard_ic.profile import load_bank_data
from sscard_ic.profile.bank_data import BankData, Container

FOLDER = "imports/bank-data/"
FORMATS = ("yl", "citic", "ht", "dxt", "cps", "sections", "lines")
"""Names of the shipped formats, which are recognised by themselves."""

READERS: Mapping[Container, Callable[[bytes, BankData], Reader]] = {
    "items": ItemReader,
    "modules": ModuleReader,
    "batch": BatchReader,
    "record": CpsReader,
    "sections": SectionReader,
    "lines": LineReader,
}
_MOST_NAMES, _LONGEST_NAME = 1000, 64
_COMMENT = re.compile(rb"(?:\s|[#;][^\n]*\n)*")
_LINES = re.compile(rb"\[(?:payment|pse|ppse)\]|(?:DGI)?[0-9A-Fa-f]{4}\s*=")


@dataclass(frozen=True, slots=True)
class BankFile:
    """The cards of one file."""

    format: str
    """Name of the format, a profile of kind ``bank_data``."""
    cards: tuple[BankPlan, ...]
    """In the order of the file."""


def read_bank_file(path: Path, format: str | None = None) -> BankFile:
    """The plans of all cards in a file; their secrets stay under the bank's transport key.

    ``format`` is a profile of kind ``bank_data``: shipped (``yl``), or a file; without it the
    shipped one whose form the file has. Raises :class:`BankFileError` with everything that is
    wrong with the file, :class:`InputError` for a file or format that is not there or unknown.
    """
    try:
        data = path.read_bytes()
    except OSError as failure:
        reason = os_reason(failure)
        raise InputError(
            Text(f"无法读取（{reason.zh}）", f"cannot be read ({reason.en})"),
            where=str(path),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None
    found = recognise(data) if format is None else format
    if found is None:
        known = ", ".join(FORMATS)
        raise InputError(
            Text("不是已知的银行数据文件", "this is no bank data file of a known form"),
            where=str(path),
            hint=Text(
                f"用 --format 指明格式：{known}，或一个 bank_data 配置文件",
                f"say its format with --format: {known}, or a profile of kind bank_data",
            ),
        )
    name = FOLDER + found if found in FORMATS else found
    cards, flaws = _read(data, load_bank_data(name))
    if flaws:
        raise BankFileError(path, name, flaws)
    return BankFile(name, tuple(cards))


def recognise(data: bytes) -> str | None:
    """The shipped format that the bytes of a file have the form of."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    start = _COMMENT.match(body)
    text = body[start.end() if start else 0 :]
    if data.startswith(b"CITICDP"):
        return "citic"
    if data.startswith(cps_record.VERSION):
        return "cps"
    if data[modules.HEAD + 4 :].startswith((modules.CHIP, *modules.OTHERS)):
        return "ht"
    if _LINES.match(text):
        return "lines"
    if text.startswith(b"["):
        return "sections"
    if _is_list(data, load_bank_data(FOLDER + "yl")):  # whose reserved header may hold digits
        return "yl"
    return "dxt" if _is_batch(data) else None


def _read(data: bytes, rules: BankData) -> tuple[list[BankPlan], list[Flaw]]:
    reader = READERS[rules.container](data, rules)
    cards: list[tuple[Place, BankPlan]] = []
    flaws: list[Flaw] = []
    try:
        for record in reader.records():
            start = record.place
            try:
                applications = reader.card(record)
            except Flaw as flaw:
                flaws.append(flaw)
                continue
            assembly = Assembly(rules, applications[0].place if applications else start)
            plan = assembly.plan(applications)
            flaws += assembly.flaws
            if plan is not None:
                cards.append((start, plan))
    except Flaw as flaw:
        flaws.append(flaw)
    if not cards and not flaws:
        place = Place(0, len(data))
        flaws.append(Flaw(place, Text("文件中没有卡", "there is no card in the file")))
    return [plan for _, plan in cards], flaws + _repeated(cards)


def _repeated(cards: Iterable[tuple[Place, BankPlan]]) -> list[Flaw]:
    """Cards of the same number: every one of them, each naming another."""
    by_number: dict[tuple[str, int | None], list[Place]] = {}
    for place, plan in cards:
        by_number.setdefault((plan.pan, plan.sequence), []).append(place)
    flaws = []
    for places in by_number.values():
        for at, place in enumerate(places if len(places) > 1 else ()):
            other = places[at - 1].record if at else places[1].record
            zh, en = f"账号和序号与第 {other} 条记录相同", f"the same card number as record {other}"
            flaws.append(Flaw(place, Text(zh, en)))
    return flaws


def _is_batch(data: bytes) -> bool:
    """Seven digits where the length of the first module stands."""
    at = batch.BEFORE_COUNT + batch.COUNT + batch.RECORD_LENGTH + batch.IDENTIFIER
    digits = data[at : at + batch.DIGITS]
    return len(digits) == batch.DIGITS and digits.isdigit()


def _is_list(data: bytes, rules: BankData) -> bool:
    """A few names, the first of them printable, behind the header."""
    layout = rules.items
    at = layout.header + 4
    count = int.from_bytes(data[layout.header : at], layout.byte_order)
    size = int.from_bytes(data[at : at + 2], layout.byte_order)
    name = data[at + 2 : at + 2 + size]
    few = 0 < count <= _MOST_NAMES and 0 < size <= _LONGEST_NAME
    return few and len(name) == size and name.isascii() and name.decode("ascii").isprintable()
