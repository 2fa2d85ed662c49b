"""Diversification factors above the card: 8 ASCII bytes each (ref 02 §2.2, 01 §10.3)."""

from __future__ import annotations

FACTOR_LENGTH = 8


def province_factor(division_code: str) -> bytes:
    """``PP0000sh`` for the province of a 6-digit division code."""
    return f"{division_code[:2]}0000sh".encode("ascii")


def city_factor(division_code: str) -> bytes:
    """``CCCCCCsx`` for a 6-digit division code."""
    return f"{division_code}sx".encode("ascii")
