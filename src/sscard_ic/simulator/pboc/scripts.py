"""Commands of issuer scripts: blocks, PIN, data objects, records (ref 14 §5.7, §6.3-6.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.bits import NOT_REQUESTED, second_kind
from sscard_ic.codec.pboc.elements import format_of, number
from sscard_ic.crypto.pboc.symmetric import SCRIPT_MAC_LENGTH, change_block, pin_block
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import logs
from sscard_ic.simulator.pboc.purses import CASH, second_purse
from sscard_ic.simulator.pboc.state import DebitState
from sscard_ic.simulator.pboc.stored import KeyUse

Action = Callable[[DebitState, Command, bytes], None]
"""What a command does: state, the command, its data without the MAC."""

_CONDITIONS, _PARAMETERS, _LENGTH = 0x6985, 0x6A86, 0x6700
_MISSING_MAC, _WRONG_MAC, _WRONG_DATA = 0x6987, 0x6988, 0x6A80
_SCRIPTS_MAX = 0xF
_UNBLOCK, _WITH_CURRENT, _WITHOUT_CURRENT = 0x00, 0x01, 0x02
_ENCIPHERED_PIN = 16
_MASK = slice(4, 8)
_PIN_DIGITS = range(4, 13)
_BY_NUMBER = 0x04
_LAST_CODED_FILE = 10
_CHANGEABLE = frozenset(
    {
        *(0x9F53, 0x9F54, 0x9F58, 0x9F59, 0x9F5C, 0x9F6B, 0x9F6D, 0x9F72, 0x9F73, 0x9F75, 0x9F77),
        *(0x9F78, 0x9F79, 0xDF61, 0xDF62, 0xDF72, 0xDF76, 0xDF77, 0xDF78, 0xDF79),
    }
)


def secured(action: Action) -> Callable[[DebitState, Command], bytes]:
    """A command that takes a MAC: counted, checked, then done.

    Refuses 6985 (no cryptogram that the MAC could cover, or as strict settings say), 6987 (no
    MAC), 6988 (wrong), and what ``action`` refuses. After the second cryptogram every failure is
    kept for the next transaction.
    """
    return partial(_secured, action)


def _secured(action: Action, state: DebitState, command: Command) -> bytes:
    counted = state.stage == "finished" and second_kind(state.cvr) != NOT_REQUESTED
    strict = state.model.settings.scripts == "strict"
    if counted:
        count = state.store.counter("scripts")
        state.store.put_counter("scripts", min(count + 1, _SCRIPTS_MAX))
    try:
        _check_mac(state, command, strict)
        action(state, command, command.data[:-SCRIPT_MAC_LENGTH])
    except Refusal:
        if counted or strict:
            state.store.put_flag("script_failed", True)
        raise
    return b""


def _check_mac(state: DebitState, command: Command, strict: bool) -> None:
    refused = state.issuer_authenticated is False or state.script_refused
    if not state.cryptogram or (strict and refused):
        raise Refusal(_CONDITIONS)
    data, mac = command.data[:-SCRIPT_MAC_LENGTH], command.data[-SCRIPT_MAC_LENGTH:]
    if len(mac) < SCRIPT_MAC_LENGTH:
        raise Refusal(_MISSING_MAC)
    key = state.session_key("mac")
    right = state.suite.script_mac(key, command.header, state.atc, state.cryptogram, data)
    if mac != right:
        state.script_refused = True
        raise Refusal(_WRONG_MAC)


# What they do


def block_application(state: DebitState, command: Command, data: bytes) -> None:
    """APPLICATION BLOCK: from the next SELECT on; nothing happens to a blocked one."""
    _require_bare(command, data)
    state.store.block()


def unblock_application(state: DebitState, command: Command, data: bytes) -> None:
    """APPLICATION UNBLOCK."""
    _require_bare(command, data)
    state.store.block(False)


def block_card(state: DebitState, command: Command, data: bytes) -> None:
    """CARD BLOCK, for good; the transaction under way may end."""
    _require_bare(command, data)
    state.store.block_card()


def change_pin(state: DebitState, command: Command, data: bytes) -> None:
    """PIN CHANGE/UNBLOCK: all tries again, with P2 = 01 and 02 a new PIN.

    Refuses 6A86, 6985 (no PIN), 6700, 6A80 (the block does not hold a PIN of 4-12 digits: with
    P2 = 01 the current PIN was another one).
    """
    if command.p1 or command.p2 not in (_UNBLOCK, _WITH_CURRENT, _WITHOUT_CURRENT):
        raise Refusal(_PARAMETERS)
    store = state.store
    current = store.pin
    if current is None:
        raise Refusal(_CONDITIONS)
    if len(data) != (0 if command.p2 == _UNBLOCK else _ENCIPHERED_PIN):
        raise Refusal(_LENGTH)
    if command.p2 != _UNBLOCK:
        store.pin = _new_pin(state, data, current if command.p2 == _WITH_CURRENT else None)
    store.pin_tries = store.pin_limit


def put_data(state: DebitState, command: Command, data: bytes) -> None:
    """PUT DATA of the tag in P1 P2: another value for what was personalized.

    Refuses 6A80 (no such object, other than digits), 6700, or the error of the settings for a
    balance above its limit. A new balance is logged.
    """
    tag = command.p1 << 8 | command.p2
    present = state.store.element(tag)
    if tag not in _CHANGEABLE or present is None:
        raise Refusal(_WRONG_DATA)
    if len(data) != len(present):
        raise Refusal(_LENGTH)
    if format_of(tag) == "n" and not data.hex().isdecimal():
        raise Refusal(_WRONG_DATA)
    purses = (CASH, second_purse(state.model.settings))
    purse = next((each for each in purses if each.balance == tag), None)
    limit = state.amount_of(purse.limit) if purse is not None else None
    if limit is not None and number(data) > limit:
        raise Refusal(state.model.settings.over_limit_sw)
    state.store.put_element(tag, data)
    if purse is not None:
        logs.log_load(state, tag, number(present), number(data))


def update_record(state: DebitState, command: Command, data: bytes) -> None:
    """UPDATE RECORD of a file of 1-10: another one of the same length.

    Refuses 6A86, 6981 (a file of logs, or of the issuer), 6A82, 6A83, 6700.
    """
    sfi, record = command.p2 >> 3, command.p1
    if command.p2 & 7 != _BY_NUMBER or not record or not sfi:
        raise Refusal(_PARAMETERS)
    if sfi > _LAST_CODED_FILE:
        raise Refusal(0x6981)
    present = state.store.record(sfi, record)
    if present is None:
        raise Refusal(0x6A83 if state.store.has_file(sfi) else 0x6A82)
    if len(data) != len(present):
        raise Refusal(_LENGTH)
    state.store.put_record(sfi, record, data)


def _require_bare(command: Command, data: bytes) -> None:
    if command.p1 or command.p2:
        raise Refusal(_PARAMETERS)
    if data:
        raise Refusal(_LENGTH)


def _new_pin(state: DebitState, data: bytes, current: str | None) -> str:
    """The PIN in an enciphered block (ref 14 §6.4)."""
    use: KeyUse = "encipherment" if state.model.settings.pin_mask == "enc" else "cryptogram"
    mask = state.key(use)[_MASK]
    try:
        block = state.suite.decipher(state.session_key("encipherment"), data)
    except ValueError as error:
        raise Refusal(_WRONG_DATA) from error
    if len(block) != len(data) // 2:
        raise Refusal(_WRONG_DATA)
    nothing = change_block(mask, "", current)
    clear = bytes(a ^ b ^ c for a, b, c in zip(block, nothing, pin_block("", 0), strict=True))
    digits = clear.hex()[2 : 2 + clear[0]]
    if clear[0] not in _PIN_DIGITS or not digits.isdecimal() or pin_block(digits, 0) != clear:
        raise Refusal(_WRONG_DATA)
    return digits
