"""What traces show of the commands that build a card, on every COS."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sscard_ic.apdu.redaction import Redactor

VECTORS = Path(__file__).parents[1] / "vectors"
MCOS = tomllib.loads((VECTORS / "mcos.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "apdu",
    [
        *(row["apdu"] for row in MCOS["create"]),
        *(row["apdu"] for row in MCOS["worked"]),
        "80E00100100000000042EF05C6000500FF00000033",  # T514
        "80E03F01113802F4EFEFFFFFFFA00000000386980701",  # TimeCOS
    ],
)
def test_files_are_shown(apdu: str) -> None:
    assert str(Redactor().command(bytes.fromhex(apdu))) == apdu


@pytest.mark.parametrize(
    "apdu",
    [
        "80E00300082B055FA0594E1335",  # transport code of T514
        "80E003010" + "82B055FA0594E1335",
        "80E005000800005119000013DF",  # number of the chip
        *(row["command"] for row in MCOS["load"]),
        *(row["apdu"] for row in MCOS["plain_keys"]),
        MCOS["plain_pin"]["apdu"],
        MCOS["manufacturer"]["apdu"],
    ],
)
def test_codes_and_keys_are_not(apdu: str) -> None:
    shown = str(Redactor().command(bytes.fromhex(apdu)))
    assert shown.startswith(apdu[:8])
    assert apdu[10:18] not in shown
