"""INTERNAL AUTHENTICATE, and EXTERNAL AUTHENTICATE by the issuer (ref 14 §5.5, §7.4)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.bits import Aip, Cvr
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.pboc.offline_data import dynamic_number
from sscard_ic.crypto.pboc.symmetric import CRYPTOGRAM_LENGTH
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import offline
from sscard_ic.simulator.pboc.state import DebitState

_CONDITIONS = 0x6985
_PARAMETERS = 0x6A86
_DEFAULT_LIST = bytes.fromhex("9F3704")
_CODE_LENGTH = 2
_LENGTHS = range(CRYPTOGRAM_LENGTH + _CODE_LENGTH, 17)
"""ARPC, authorisation response code, and what an issuer may add (tag 91)."""
_COUNT_MAX = 0xFF


def authenticate_card(state: DebitState, command: Command) -> bytes:
    """INTERNAL AUTHENTICATE with the values of the DDOL: template 80 with 9F4B.

    Refuses 6A86, 6985 (not between GPO and the first cryptogram, AIP without DDA, no key), or the
    length error of the settings.
    """
    if command.p1 or command.p2:
        raise Refusal(_PARAMETERS)
    if state.stage != "initiated" or Aip.DDA not in state.aip:
        raise Refusal(_CONDITIONS)
    wanted = state.list_of(0x9F49)
    if not wanted.entries:
        wanted = Dol.parse(_DEFAULT_LIST)
    if len(command.data) != wanted.length:
        raise Refusal(state.model.settings.wrong_length_sw)
    signature = offline.dynamic_signature(state, dynamic_number(state.atc), command.data)
    state.cvr |= Cvr.DDA_PERFORMED
    return encode_ber(0x80, signature)


def authenticate_issuer(state: DebitState, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE with ARPC and authorisation response code.

    Refuses 6A86, 6985 (not after an ARQC, AIP without it, too many failures in a row, or the
    second one of the transaction, which also counts as failed), 6700, 6300 (wrong).
    """
    if command.p1 or command.p2:
        raise Refusal(_PARAMETERS)
    if state.stage != "online" or Aip.ISSUER_AUTHENTICATION not in state.aip:
        raise Refusal(_CONDITIONS)
    store, most = state.store, state.model.settings.authentication_failures
    if state.issuer_authenticated is not None:
        store.put_flag("issuer_authentication_failed", True)
        raise Refusal(_CONDITIONS)
    if most and store.counter("authentication_failures") >= most:
        raise Refusal(_CONDITIONS)
    if len(command.data) not in _LENGTHS:
        raise Refusal(0x6700)
    cryptogram = command.data[:CRYPTOGRAM_LENGTH]
    code = command.data[CRYPTOGRAM_LENGTH:][:_CODE_LENGTH]
    key = state.session_key("cryptogram")
    right = state.suite.response_cryptogram(key, state.cryptogram, code) == cryptogram
    state.response_code, state.issuer_authenticated = code, right
    store.put_flag("issuer_authentication_failed", not right)
    failures = 0 if right else min(store.counter("authentication_failures") + 1, _COUNT_MAX)
    store.put_counter("authentication_failures", failures)
    if not right:
        state.cvr |= Cvr.ISSUER_AUTHENTICATION_FAILED
        raise Refusal(0x6300)
    return b""
