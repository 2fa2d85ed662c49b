"""READ, UPDATE and APPEND RECORD, READ and UPDATE BINARY (ref 01 §11, 02 §1.3).

A command finds its file (6986, 6A82), checks the structure (6981), then the right (6982), then
what it asks for. With the feature switched off, short identifiers, reading by tag and reading all
records are answered 6A86; personalization, which uses short identifiers itself, still may.
"""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import (
    CyclicFile,
    ElementaryFile,
    RecordFile,
    TransparentFile,
)

_BY_TAG = 0b000
_PREVIOUS = 0b011
_BY_NUMBER = 0b100
_ALL_FROM = 0b101
_LARGEST_SFI = 30
_ANSWER_MAX = 256


def read_record(card: CardState, command: Command) -> bytes:
    """READ RECORD by number, by tag (first match) or all from a number; the whole record."""
    if command.data:
        raise Refusal(0x6700)
    file = addressed(card, command.p2 >> 3)
    mode = command.p2 & 0x07
    if not isinstance(file, RecordFile | CyclicFile):
        raise Refusal(0x6981)
    if mode == _BY_NUMBER:
        require_read(card, file, command.p1)
        return file.record(command.p1)
    if mode == _BY_TAG and card.dialect.features.by_tag:
        number = _find(file, command.p1)
        require_read(card, file, number)
        return file.record(number)
    if mode == _ALL_FROM and card.dialect.features.all_records:
        return _all_records(card, file, command.p1)
    raise Refusal(0x6A86)


def _all_records(card: CardState, file: RecordFile | CyclicFile, first: int) -> bytes:
    rules = file.record_rules.read
    last = len(file.records)
    if not rules:
        card.require(file.spec.read)
    if not 1 <= first <= last:
        raise Refusal(0x6A83)
    readable = last
    if rules:
        for number in range(first, last + 1):
            if not card.allows(rules.get(number, file.spec.read)):
                readable = number - 1
                break
        truncates = card.settings.mixed_all == "truncate"
        if readable < first or (readable < last and not truncates):
            raise Refusal(0x6982)
    return b"".join(file.records[first - 1 : readable])[:_ANSWER_MAX]


def update_record(card: CardState, command: Command) -> bytes:
    """UPDATE RECORD by number or tag; a new record in a cyclic or a fresh linear file."""
    record = command.data
    if not record:
        raise Refusal(0x6700)
    file = addressed(card, command.p2 >> 3)
    mode = command.p2 & 0x07
    if isinstance(file, CyclicFile):
        _update_cyclic(card, file, command.p1, mode, record)
    elif isinstance(file, RecordFile):
        number = command.p1
        if mode == _BY_TAG and card.dialect.features.by_tag:
            if record[0] != command.p1:
                raise Refusal(0x6A80)
            number = _find(file, command.p1)
        elif mode != _BY_NUMBER:
            raise Refusal(0x6A86)
        card.require(file.record_rules.update.get(number, file.spec.write))
        if number == len(file.records) + 1 and card.is_open(card.directory):
            file.append(record)
        else:
            file.update(number, record)
    else:
        raise Refusal(0x6981)
    return b""


def _update_cyclic(
    card: CardState, file: CyclicFile, number: int, mode: int, record: bytes
) -> None:
    adds = mode == _PREVIOUS and card.settings.cyclic_update_appends
    adds |= mode == _BY_NUMBER and number == 1 and card.settings.cyclic_number_one == "adds"
    card.require((adds and file.spec.append) or file.spec.write)
    if adds:
        file.add(record)
    elif mode != _BY_NUMBER:
        raise Refusal(0x6A86)
    else:
        file.update(number, record)


def append_record(card: CardState, command: Command) -> bytes:
    """APPEND RECORD: at the end of a linear file, or the newest of a cyclic one."""
    if not command.data:
        raise Refusal(0x6700)
    if command.p1 or command.p2 & 0x07:
        raise Refusal(0x6A86)
    file = addressed(card, command.p2 >> 3)
    if isinstance(file, CyclicFile):
        card.require(file.spec.append or file.spec.write)
        file.add(command.data)
    elif isinstance(file, RecordFile):
        card.require(file.spec.append or file.spec.write)
        file.append(command.data)
    else:
        raise Refusal(0x6981)
    return b""


def read_binary(card: CardState, command: Command) -> bytes:
    """READ BINARY: up to Le bytes; refuses 6B00 from the end on."""
    if command.data:
        raise Refusal(0x6700)
    file, offset = _transparent(card, command)
    card.require(file.spec.read)
    return file.read(offset, command.le or _ANSWER_MAX)


def update_binary(card: CardState, command: Command) -> bytes:
    """UPDATE BINARY; refuses 6B00 from the end on and 6700 beyond it."""
    if not command.data:
        raise Refusal(0x6700)
    file, offset = _transparent(card, command)
    card.require(file.spec.write)
    file.write(offset, command.data)
    return b""


def _transparent(card: CardState, command: Command) -> tuple[TransparentFile, int]:
    if command.p1 & 0x80:
        if command.p1 & 0x60 or not command.p1 & 0x1F:
            raise Refusal(0x6A86)
        file, offset = addressed(card, command.p1 & 0x1F), command.p2
    else:
        file, offset = addressed(card, 0), command.p1 << 8 | command.p2
    if not isinstance(file, TransparentFile):
        raise Refusal(0x6981)
    return file, offset


def addressed(card: CardState, sfi: int) -> ElementaryFile:
    """The current file (0), or the one with a short identifier, which may become current."""
    if sfi == 0:
        if card.file is None:
            raise Refusal(0x6986)
        return card.file
    if sfi > _LARGEST_SFI or not (card.dialect.features.sfi or card.is_open(card.directory)):
        raise Refusal(0x6A86)
    file = card.directory.file_by_sfi(sfi)
    if file is None:
        raise Refusal(0x6A82)
    if card.settings.sfi_selects:
        card.file = file
    return file


def require_read(card: CardState, file: ElementaryFile, number: int) -> None:
    card.require(file.record_rules.read.get(number, file.spec.read))


def _find(file: RecordFile | CyclicFile, tag: int) -> int:
    """Number of the first record with ``tag``, 0 for none; cyclic records have no tags."""
    if not isinstance(file, RecordFile):
        raise Refusal(0x6981)
    return file.find(tag) or 0
