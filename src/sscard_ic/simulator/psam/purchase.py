"""INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE, the medical form (ref 12 §5.3 P5, P6, §6)."""

from __future__ import annotations

from sscard_ic.apdu import Command, psam
from sscard_ic.apdu.psam import FACTOR_LENGTH, KeyType, PurchaseInit
from sscard_ic.crypto import medical
from sscard_ic.crypto.mac import MAC_LENGTH
from sscard_ic.crypto.suites import SUITES
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.psam.ciphers import derive
from sscard_ic.simulator.psam.files import BinaryFile, Directory, find_key
from sscard_ic.simulator.psam.state import PsamState, Purchase

_LAST_NUMBER = 0xFFFF_FFFF
_LENGTHS = tuple(PurchaseInit.LENGTH + FACTOR_LENGTH * steps for steps in (1, 2, 3))


def init_purchase(state: PsamState, command: Command) -> bytes:
    """8070: transaction number 4 ‖ MAC1 4; the number of file 0019 is counted.

    The key version in the data names the DPK, the terminal number is that of file 0016. Refuses
    6A88 (no such DPK), 6985 (a file is missing, or the number is at its end); what was in progress
    has ended in any case.
    """
    state.operation = None
    if (command.p1, command.p2) != (0x01, 0x00):
        raise Refusal(0x6A86)
    if len(command.data) not in _LENGTHS:
        raise Refusal(0x6700)
    asked = PurchaseInit.parse(command.data)
    factors = command.data[PurchaseInit.LENGTH :]
    key = find_key(state.here, KeyType.PURCHASE, asked.key_version)
    if psam.steps_of(key.header.usage) * FACTOR_LENGTH != len(factors):
        raise Refusal(state.dialect.settings.purchase_steps_refusal)
    terminal = _file(state.mf, psam.TERMINAL, psam.TERMINAL_LENGTH).body
    number = _count(state)
    dpk = derive(SUITES["3des"], key.value, factors)
    session = medical.purchase_key(dpk, asked.random, asked.counter, number)
    amounts = bytes(asked.amounts)
    mac1 = medical.purchase_mac1(session, amounts, asked.kind, terminal, asked.time)
    state.operation = Purchase(medical.purchase_mac2(session, amounts))
    return number.to_bytes(psam.NUMBER_LENGTH, "big") + mac1


def verify_mac2(state: PsamState, command: Command) -> bytes:
    """8072: whether the data are the card's MAC2; once, right or wrong. Refuses 6901 before 8070.

    A wrong one is answered with the setting ``mac2_refusal``.
    """
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    if len(command.data) != MAC_LENGTH:
        raise Refusal(0x6700)
    purchase = state.operation
    if not isinstance(purchase, Purchase):
        raise Refusal(0x6901)
    state.operation = None
    if command.data != purchase.mac2:
        raise Refusal(state.dialect.settings.mac2_refusal)
    return b""


def _count(state: PsamState) -> int:
    """The transaction number of this purchase; file 0019 is one higher afterwards."""
    file = _file(state.here, psam.NUMBER, psam.NUMBER_LENGTH)
    stored = int.from_bytes(file.body, "big")
    if stored == _LAST_NUMBER:
        raise Refusal(0x6985)
    file.write(0, (stored + 1).to_bytes(psam.NUMBER_LENGTH, "big"))
    return stored + (state.dialect.settings.number_given == "counted")


def _file(directory: Directory | None, fid: int, length: int) -> BinaryFile:
    file = directory.children.get(fid) if directory is not None else None
    if not isinstance(file, BinaryFile) or len(file.body) != length:
        raise Refusal(0x6985)
    return file
