"""Logs of transactions and of changes of the balance (ref 14 §5.8, 04 §1.3, §4.3)."""

from __future__ import annotations

from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.tlv import TlvError
from sscard_ic.simulator.pboc.state import DebitState
from sscard_ic.simulator.pboc.stored import Log

_FORMATS: dict[Log, tuple[int, int]] = {
    "transactions": (0x9F4D, 0x9F4F),
    "loads": (0xDF4D, 0xDF4F),
}
"""Tags of entry (SFI, number of records) and format."""


def log_transaction(state: DebitState) -> None:
    """Put the transaction into the log, where the card has one; call it once."""
    _add(state, "transactions", b"")


def log_load(state: DebitState, tag: int, before: int, after: int) -> None:
    """Put a change of the balance ``tag`` into its log, where the card has one."""
    if state.model.settings.load_log:
        _add(state, "loads", tag.to_bytes(2, "big") + amount(before) + amount(after))


def log_of(state: DebitState, sfi: int) -> Log | None:
    """The log in a file; None for any other file."""
    for log in _FORMATS:
        entry = _entry(state, log)
        if entry is not None and entry[0] == sfi:
            return log
    return None


def _add(state: DebitState, log: Log, head: bytes) -> None:
    entry, content = _entry(state, log), state.find(_FORMATS[log][1])
    if entry is None or content is None:
        return
    try:
        wanted = Dol.parse(content)
    except TlvError:
        return
    values = state.terminal | {0x9F36: state.atc.to_bytes(2, "big")}
    state.store.add_to_log(log, head + wanted.join(values), entry[1])


def _entry(state: DebitState, log: Log) -> tuple[int, int] | None:
    """SFI and number of records, as the FCI tells."""
    entry = state.offered(_FORMATS[log][0])
    return (entry[0], entry[1]) if entry is not None and len(entry) == 2 else None
