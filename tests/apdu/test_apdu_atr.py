"""Historical bytes by the structure of the ATR (ISO/IEC 7816-3)."""

from __future__ import annotations

import pytest

from sscard_ic.apdu.atr import historical_bytes, is_contactless
from sscard_ic.base import CardError

SAMPLE = "00814E43238697159900BF7C7A"
"""ref 01 §9.6, third sample."""


@pytest.mark.parametrize(
    ("atr", "historical"),
    [
        ("3B6D0000" + SAMPLE, SAMPLE),  # TB1 and TC1, as recorded
        ("3B0D" + SAMPLE, SAMPLE),  # no interface byte
        ("3B9D9501" + SAMPLE + "5A", SAMPLE),  # TA1, TD1 (T=1) and a TCK
        ("3BFD1100008131FE45" + SAMPLE + "C7", SAMPLE),  # TA1-TD1, TD2, TA3, TB3 and a TCK
        ("3B8D8001" + SAMPLE + "1D", SAMPLE),  # contactless, as PC/SC makes it: TD1, TD2, TCK
        ("3B8980014A434F503431563232" + "4D", "4A434F503431563232"),  # a card known so
        ("3B00", ""),
    ],
)
def test_historical_bytes(atr: str, historical: str) -> None:
    assert historical_bytes(bytes.fromhex(atr)).hex().upper() == historical


@pytest.mark.parametrize("atr", ["", "3B", "3B6D", "3B6D0000" + SAMPLE[:-2], "3B80"])
def test_a_cut_atr_is_refused(atr: str) -> None:
    with pytest.raises(CardError, match="answer to reset is cut"):
        historical_bytes(bytes.fromhex(atr))


@pytest.mark.parametrize(
    ("atr", "contactless"),
    [
        ("3B8D8001008148424286535119000013DF94", True),
        ("3BED000001008148424286535119000013DF74", False),
        ("3B6D0000008148424286535119000013DF", False),
        ("3B8D80", False),
        ("", False),
    ],
)
def test_contactless_readers_make_up_an_atr(atr: str, contactless: bool) -> None:
    """PC/SC part 3: initial byte, T0 with high nibble 8, TD1 80, TD2 01."""
    assert is_contactless(bytes.fromhex(atr)) == contactless
