"""DELIVERY SESSION KEY, its PBOC form and CIPHER DATA (ref 12 §5.3 P3, P4, 02 §7.3)."""

from __future__ import annotations

from sscard_ic.apdu import Command, psam
from sscard_ic.apdu.psam import FACTOR_LENGTH, KeyType
from sscard_ic.crypto.suites import SUITES, Suite
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.psam.files import PsamKey, find_key
from sscard_ic.simulator.psam.state import CipherSession, PsamState

_ENCRYPT, _MAC = "encrypt", "mac"
_ALLOWED = {
    KeyType.MAC: frozenset({_MAC}),
    KeyType.ENCRYPTION: frozenset({_ENCRYPT}),
    KeyType.MAC_AND_ENCRYPTION: frozenset({_ENCRYPT, _MAC}),
}
"""What the types of a key are for (ref 12 §5.2); other types serve neither command."""

_MODES = {
    psam.ENCRYPT: _ENCRYPT,
    psam.ENCRYPT_MORE: _ENCRYPT,
    psam.MAC_LAST: _MAC,
    psam.MAC_MORE: _MAC,
    psam.MAC_WITH_START: _MAC,
    psam.MAC_MORE_WITH_START: _MAC,
}
_STARTS = (psam.MAC_WITH_START, psam.MAC_MORE_WITH_START)
_LONGEST = 0x40


def deliver_session_key(state: PsamState, command: Command) -> bytes:
    """BFDE: derive a key and make its process key for the session input at the end of the data.

    Refuses 6A88 (no such key), 6985 (of a type for other commands), 6700, 6A80 (other steps);
    what was in progress has ended in any case.
    """
    state.operation = None
    key, suite = _key(state, command)
    value = _derived(key, suite, command, suite.block)
    session = suite.encrypt(value, command.data[-suite.block :])
    state.operation = CipherSession(suite, session, _types(key))
    return b""


def derive_key(state: PsamState, command: Command) -> bytes:
    """801A: as BFDE, but the derived key itself is the temporary key."""
    state.operation = None
    key, suite = _key(state, command)
    state.operation = CipherSession(suite, _derived(key, suite, command, 0), _types(key))
    return b""


def cipher_data(state: PsamState, command: Command) -> bytes:
    """80FA: encrypt whole blocks, or a MAC over them, in one command or several.

    Refuses 6901 without a temporary key, or in the middle of something else; 6985 for what the
    key is not for.
    """
    mode = _MODES.get(command.p1)
    if mode is None or command.p2:
        raise Refusal(0x6A86)
    session = state.operation
    if not isinstance(session, CipherSession):
        raise Refusal(0x6901)
    block = session.suite.block
    least = 2 * block if command.p1 in _STARTS else block
    if len(command.data) % block or not least <= len(command.data) <= _LONGEST:
        raise Refusal(0x6700)
    if mode not in session.types:
        raise Refusal(0x6985)
    if session.used_for not in (None, mode):
        raise Refusal(0x6901)
    if mode == _ENCRYPT:
        session.used_for = mode
        return session.suite.encrypt(session.key, command.data)
    return _mac(session, command)


def _mac(session: CipherSession, command: Command) -> bytes:
    """The last block of the MAC's chain, or nothing while more is to come."""
    suite, data = session.suite, command.data
    start = session.chain or bytes(suite.block)
    if command.p1 in _STARTS:
        if session.chain is not None:
            raise Refusal(0x6901)
        start, data = data[: suite.block], data[suite.block :]
    session.used_for = _MAC
    if command.p1 in (psam.MAC_MORE, psam.MAC_MORE_WITH_START):
        session.chain = _chained(session, start, data)
        return b""
    session.chain = None
    if len(data) > suite.block:
        start = _chained(session, start, data[: -suite.block])
    return suite.encrypt_cbc(session.key, data[-suite.block :], start)


def _chained(session: CipherSession, start: bytes, data: bytes) -> bytes:
    """Last block of a CBC; a double-length key works with its left half (retail MAC)."""
    suite = session.suite
    key = session.key if suite.algorithm == "sm4" else session.key[:8]
    return suite.encrypt_cbc(key, data, start)[-suite.block :]


def _key(state: PsamState, command: Command) -> tuple[PsamKey, Suite]:
    whole = state.dialect.settings.usage_lookup == "whole"
    key = find_key(state.here, command.p1, command.p2, whole=whole)
    if psam.type_of(command.p1) not in _ALLOWED:
        raise Refusal(0x6985)
    sm4 = key.header.algorithm == state.dialect.settings.key_record_sm4
    return key, SUITES["sm4" if sm4 else "3des"]


def _types(key: PsamKey) -> frozenset[str]:
    return _ALLOWED[KeyType(psam.type_of(key.header.usage))]


def _derived(key: PsamKey, suite: Suite, command: Command, session: int) -> bytes:
    """The key below the factors before the last ``session`` bytes of the data."""
    if len(command.data) % FACTOR_LENGTH or len(command.data) < session:
        raise Refusal(0x6700)
    steps = psam.steps_of(key.header.usage)
    if psam.steps_of(command.p1) != steps or len(command.data) != steps * FACTOR_LENGTH + session:
        raise Refusal(0x6A80)
    return derive(suite, key.value, command.data[: steps * FACTOR_LENGTH])


def derive(suite: Suite, root: bytes, factors: bytes) -> bytes:
    """The key below ``root``: factors of 8 bytes, that of the lowest level first (ref 02 §7.3)."""
    value = root
    for at in range(len(factors) - FACTOR_LENGTH, -1, -FACTOR_LENGTH):
        value = suite.diversify(value, factors[at : at + FACTOR_LENGTH])
    return value
