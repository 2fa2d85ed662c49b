"""Who a card is, by its ATR."""

from __future__ import annotations

import pytest

from sscard_ic.base import CardError
from sscard_ic.card import chip_serial


def test_a_card_with_other_historical_bytes_is_no_social_security_card() -> None:
    with pytest.raises(CardError, match="4 historical bytes"):
        chip_serial(bytes.fromhex("3B6400005744297A"))


def test_the_serial_is_found_by_structure() -> None:
    """ref 01 §9.6, third sample."""
    atr = bytes.fromhex("3B6D000000814E43238697159900BF7C7A")
    assert chip_serial(atr).hex().upper() == "159900BF7C7A"
