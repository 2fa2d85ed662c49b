"""Card keys of the TimeCOS manual (ref 11 §7)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sscard_ic.crypto.suites import SUITES

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "register_cos.toml").read_text(encoding="utf-8")
)["diversification"]


@pytest.mark.parametrize("name", VECTORS["keys"])
def test_card_keys_of_the_manual(name: str) -> None:
    root, card_key = VECTORS["keys"][name]
    factor = bytes.fromhex(VECTORS["factor"])
    diversified = SUITES["3des"].diversify(bytes.fromhex(root), factor)
    assert diversified.hex().upper() == card_key
