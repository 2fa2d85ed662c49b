"""Answer to reset (ISO/IEC 7816-3)."""

from __future__ import annotations

from sscard_ic.base.errors import CardError, Text


def historical_bytes(atr: bytes) -> bytes:
    """The historical bytes of an ATR, found by its structure, since a TCK may follow them.

    Raises :class:`CardError` when the ATR is cut.
    """
    try:
        count, indicator, at = atr[1] & 0x0F, atr[1] >> 4, 2
        while indicator:
            # One byte each for TA, TB, TC; TD says what follows it.
            at += (indicator & 0x07).bit_count()
            if not indicator & 0x08:
                break
            indicator = atr[at] >> 4
            at += 1
    except IndexError:
        count, at = 0, len(atr) + 1
    if at + count > len(atr):
        raise CardError(
            Text("复位应答不完整", "the answer to reset is cut"), where=atr.hex().upper()
        )
    return atr[at : at + count]


def is_contactless(atr: bytes) -> bool:
    """Whether a contactless reader made it up, as PC/SC part 3 wants: ``3B 8x 80 01 …``."""
    return len(atr) > 3 and atr[0] == 0x3B and atr[1] >> 4 == 0x8 and atr[2:4] == b"\x80\x01"
