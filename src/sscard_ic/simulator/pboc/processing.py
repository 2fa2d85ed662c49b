"""GET PROCESSING OPTIONS: which way a transaction goes, and its start (ref 14 §5.1, §8.1, §9.1)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import contactless, interrupted
from sscard_ic.simulator.pboc.state import DebitState
from sscard_ic.simulator.pboc.stored import TransactionPath

_CONDITIONS = 0x6985
_PARAMETERS = 0x6A86
_TEMPLATE = 0x83
_WRONG_TEMPLATE = 0x6A80
_LONG = 0x81
_WANTED = b"\x01"
"""9F7A of a terminal that supports electronic cash."""


def get_processing_options(state: DebitState, command: Command) -> bytes:
    """AIP and AFL in template 80; by air perhaps the whole payment in template 77.

    Refuses 6A86 (P1 P2), 6985 (not right after SELECT, ATC at its end, no such way), 6A80 (no
    template 83), or the length error of the settings.
    """
    if command.p1 or command.p2:
        raise Refusal(_PARAMETERS)
    if state.stage != "selected":
        raise Refusal(_CONDITIONS)
    wanted = state.list_of(0x9F38)
    data = _processing_data(state, wanted, command.data)
    interrupted.take_back(state.store)
    state.processing_data = data
    state.terminal = wanted.split(data)
    if state.interface == "contactless" and not contactless.wants_debit(state):
        state.algorithm = state.algorithm_for("contactless")
        return contactless.process(state)
    path: TransactionPath = "cash" if _pays_cash(state) else "contact"
    locator = state.begin(path, state.algorithm_for(path))
    return encode_ber(0x80, int(state.aip).to_bytes(2, "big"), locator)


def _processing_data(state: DebitState, wanted: Dol, data: bytes) -> bytes:
    """The PDOL values in ``data``, which is ``83 L values``."""
    settings = state.model.settings
    if data[:1] != bytes((_TEMPLATE,)):
        raise Refusal(_WRONG_TEMPLATE if data else settings.wrong_length_sw)
    body = data[2:] if data[1:2] == bytes((_LONG,)) else data[1:]
    values = body[1:]
    if body[:1] != bytes((len(values),)):
        raise Refusal(settings.wrong_length_sw)
    if not values and settings.processing_length == "lenient":
        return bytes(wanted.length)
    if len(values) != wanted.length:
        raise Refusal(settings.wrong_length_sw)
    return values


def _pays_cash(state: DebitState) -> bool:
    """Whether all conditions of electronic cash hold (ref 14 §8.1)."""
    store, purse = state.store, state.purse
    algorithm = state.algorithm_for("cash")
    balance, single = state.amount_of(purse.balance), state.amount_of(purse.single)
    if state.told(0x9F7A, 1) != _WANTED or not state.has_currency or balance is None:
        return False
    if store.option("cash", algorithm, 0x82) is None:
        return False
    try:
        amount = number(state.told(0x9F02, 6))
    except ValueError:
        return False
    failed = store.flag("issuer_authentication_failed") or store.flag("script_failed")
    locked = store.pin is not None and store.pin_tries == 0
    within = amount <= balance and (single is None or amount <= single)
    return within and not failed and not locked
