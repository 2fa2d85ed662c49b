"""Type 03: how long a protected command gets, and its data as a block (ref 02 §4.1, 03 §1.8)."""

from __future__ import annotations

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.mac import MAC_LENGTH, pad80_if_needed
from sscard_ic.crypto.suites import Suite

FACTOR_LENGTH = 8
"""Bytes of a factor: a challenge of 4 is filled with 00, one of 16 (SM4) is sent whole."""


def protected_length(length: int, suite: Suite) -> int:
    """Lc of a command with MAC and so many bytes of data to encipher; none: the MAC alone."""
    if not length:
        return MAC_LENGTH
    blocks = -(-(1 + length) // suite.block)
    return blocks * suite.block + MAC_LENGTH


def filled(data: Secret, suite: Suite) -> Secret:
    """LL ‖ data ‖ 80 00… to whole blocks, filled only where they are not whole."""
    return Secret(pad80_if_needed(bytes((len(data),)) + data.reveal(), suite.block))


def unfilled(block: Secret, suite: Suite) -> Secret:
    """The data that :func:`filled` took; ``ValueError`` for a block of another form."""
    value = block.reveal()
    if not value:
        return block
    data = Secret(value[1 : 1 + value[0]])
    if len(data) != value[0] or filled(data, suite) != block:
        raise ValueError("the data are no block LL ‖ data ‖ 80 00…")
    return data
