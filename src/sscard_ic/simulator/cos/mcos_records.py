"""READ and UPDATE RECORD of MCOS: also the last, next and previous record with a tag (ref 11 §3.2).

Next and previous count from the record that was read or updated last in the file.
"""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.simulator import records
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import CyclicFile, RecordFile

_FIRST, _LAST, _NEXT, _PREVIOUS, _NUMBER, _FROM, _BACK_TO = range(7)
_BY_TAG = (_FIRST, _LAST, _NEXT, _PREVIOUS)
_ANSWER_MAX = 256


def read_record(card: CardState, command: Command) -> bytes:
    """READ RECORD by number, by tag, or all: from P1 to the end, or from the end back to P1."""
    mode = command.p2 & 0x07
    if mode == _FROM:
        return records.read_record(card, command)
    if command.data:
        raise Refusal(0x6700)
    file = records.addressed(card, command.p2 >> 3)
    if not isinstance(file, RecordFile | CyclicFile):
        raise Refusal(0x6981)
    if mode == _BACK_TO and card.dialect.features.all_records:
        return _back_to(card, file, command.p1)
    number = command.p1 if mode == _NUMBER else _sought(card, file, command.p1, mode)
    records.require_read(card, file, number)
    record = file.record(number)
    card.cursor = file, number
    return record


def _back_to(card: CardState, file: RecordFile | CyclicFile, first: int) -> bytes:
    last = len(file.records)
    if not 1 <= first <= last:
        raise Refusal(0x6A83)
    found = b""
    for number in range(last, first - 1, -1):
        if not card.allows(file.record_rules.read.get(number, file.spec.read)):
            if not found or card.settings.mixed_all == "refuse":
                raise Refusal(0x6982)
            break
        found += file.record(number)
    return found[:_ANSWER_MAX]


def update_record(card: CardState, command: Command) -> bytes:
    """UPDATE RECORD by number or tag; mode 011 of a cyclic file appends."""
    mode, record = command.p2 & 0x07, command.data
    file = records.addressed(card, command.p2 >> 3)
    if mode not in _BY_TAG or not record or not isinstance(file, RecordFile):
        return records.update_record(card, command)
    if record[0] != command.p1:
        raise Refusal(0x6A80)
    number = _sought(card, file, command.p1, mode)
    card.require(file.record_rules.update.get(number, file.spec.write))
    file.update(number, record)
    card.cursor = file, number
    return b""


def _sought(card: CardState, file: RecordFile | CyclicFile, tag: int, mode: int) -> int:
    """Number of the record with ``tag`` that the mode means, 0 for none; 6981, 6A86."""
    if mode not in _BY_TAG or not card.dialect.features.by_tag:
        raise Refusal(0x6A86)
    if not isinstance(file, RecordFile):
        raise Refusal(0x6981)
    found = [number for number, record in enumerate(file.records, 1) if record[:1] == bytes((tag,))]
    here = card.cursor[1] if card.cursor is not None and card.cursor[0] is file else 0
    if mode == _NEXT:
        found = [number for number in found if number > here]
    elif mode == _PREVIOUS:
        found = [number for number in found if here and number < here]
    if not found:
        return 0
    return found[0] if mode in (_FIRST, _NEXT) else found[-1]
