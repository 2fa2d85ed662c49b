"""Names of commands by CLA, INS and P1 (ref 02 §1.3, 11 §5.1)."""

from __future__ import annotations

import pytest

from sscard_ic.apdu.names import command_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("00A40400", "SELECT"),
        ("04DC0104", "UPDATE RECORD"),
        ("805E0100", "CHANGE PIN"),
        ("84240001", "PIN CHANGE/UNBLOCK"),
        ("80E00100", "CREATE FILE"),
        ("80E00200", "END PERSONALIZATION"),
        ("80E00300", "VERIFY TRANSPORT CODE"),
        ("80E00500", "WRITE SERIAL"),
        ("00D40100", "WRITE KEY"),
        ("84D40000", "WRITE KEY"),
        ("BFDE4812", "DELIVERY SESSION KEY"),
        ("80A40400", None),
        ("A0A40000", None),
        ("00A4", None),
        ("", None),
    ],
)
def test_names(header: str, name: str | None) -> None:
    found = command_name(bytes.fromhex(header))
    assert (found.en if found else None) == name
