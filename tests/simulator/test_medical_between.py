"""Commands that the chip answers itself end a prepared transaction as any other (ref 12 §4.2)."""

from __future__ import annotations

import pytest
from tests.simulator.medical_cards import medical_card

from sscard_ic.apdu.medical import Amounts

SOME = Amounts(0, 0, 0)


@pytest.mark.parametrize(
    ("between", "sw"),
    [
        ("00A4040105D156000005", "6A86"),
        ("00A40400", "6A82"),
        ("00A4040000", "6A82"),
        ("00A4040003D15699", "6A82"),
        ("00A404", "6700"),
        ("00B200000000", "6700"),
        ("", "6700"),
        ("01C0000004", "6E00"),
        ("80C0000004", "6E00"),
        ("80CA000000", "6D00"),
    ],
)
def test_a_command_that_the_chip_refuses_itself_makes_void(between: str, sw: str) -> None:
    """Ref 12 §4.2: none but GET RESPONSE, whose class is 00, may come between."""
    medical = medical_card()
    command, _ = medical.debit_command(SOME, "20260315120000", offer=medical.initialize(SOME).data)
    assert medical.card.chip.transmit(bytes.fromhex(between)).hex().upper() == sw
    assert medical.sw(command) == "6901"
