"""Who may authorise debits and credits (ref 12 §6); vectors: tests/keys/suites."""

from __future__ import annotations

import tomllib
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.apdu.medical import Amounts
from sscard_ic.keys import CardKey, MissingCapabilityError, SoftwareVault, UnknownKeyError
from sscard_ic.keys.medical import (
    Purchase,
    crediter,
    debiter,
    offline_debiter,
)
from sscard_ic.keys.medical_vault import HostDebiter
from sscard_ic.keys.published_roots import published_keys
from sscard_ic.profile import load

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
KEYS = VECTORS["keys"]
TERMINAL = bytes.fromhex(KEYS["terminal"])


@pytest.fixture(scope="module")
def vault() -> SoftwareVault:
    """Published roots of every key."""
    return published_keys(load("dalian").keys)


def test_the_vault_has_every_index(vault: SoftwareVault) -> None:
    macs = set()
    for index in (1, 2, 3):
        key = CardKey("DPK", index, KEYS["division_code"], bytes.fromhex(KEYS["factor"]))
        purchase = Purchase(key, bytes(4), 1, Amounts(0, 1, 1), TERMINAL, bytes(7), index, 0)
        macs.add(vault.purchase_macs(purchase, 1))
    assert len(macs) == 3
    key = CardKey("DPK", 4, KEYS["division_code"], bytes.fromhex(KEYS["factor"]))
    with pytest.raises(UnknownKeyError):
        vault.purchase_macs(Purchase(key, bytes(4), 1, Amounts(0, 1, 1), TERMINAL, b"", 4, 0), 1)


def test_capabilities(vault: SoftwareVault) -> None:
    """Credit: HSM only; temporarily offline: PSAM only."""
    terminal = HostDebiter(vault, TERMINAL, count(1).__next__, (2, 1))
    assert debiter(terminal) is terminal
    assert (terminal.terminal(), list(terminal.key_indexes())) == (TERMINAL, [2, 1])
    with pytest.raises(MissingCapabilityError, match="only a PSAM"):
        offline_debiter(terminal)
    with pytest.raises(MissingCapabilityError, match="cannot authorise a settlement"):
        debiter(vault)
    with pytest.raises(MissingCapabilityError, match="only the HSM"):
        crediter(terminal)
