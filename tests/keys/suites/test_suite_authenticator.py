"""Authenticator: the cryptograms of ref 02 §3 through everybody who computes them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.keys.suites.holdings import ALGORITHMS, DERIVED, key_of, vectors
from tests.keys.suites.offers import offering, with_rows
from tests.keys.suites.services import Services

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import authenticator

ROWS: list[dict[str, Any]] = [
    row | {"algorithm": algorithm}
    for algorithm in ALGORITHMS
    for row in vectors(f"crypto_{algorithm}")["authentication"]
]
VECTOR_A = {
    row["algorithm"]: row
    for row in ROWS
    if DERIVED.get((row["algorithm"], row["key"])) == key_of("NATION", row["algorithm"])
}


@with_rows("Authenticator", ROWS, bits="key")
def test_vector(services: Services, implementation: str, row: dict[str, Any]) -> None:
    """External and internal authentication; vectors A and B from the root."""
    service, key = services.for_bits(implementation, row["algorithm"], row["key"])
    found = authenticator(service).cryptogram(
        key, bytes.fromhex(row["challenge"]), bytes.fromhex(row["text"])
    )
    assert found.hex().upper() == row["cryptogram"]


@pytest.mark.parametrize("name", ["NATION", "PROVINCE", "CITY", "IRK"])
@pytest.mark.parametrize(("implementation", "algorithm"), offering("Authenticator"))
def test_every_step_of_the_chain(
    services: Services, implementation: str, algorithm: Algorithm, name: str
) -> None:
    """Vector A from the root, from its first and from its second step gives one card key."""
    row = VECTOR_A[algorithm]
    found = services.held(implementation, name).cryptogram(
        key_of(name, algorithm), bytes.fromhex(row["challenge"]), bytes.fromhex(row["text"])
    )
    assert found.hex().upper() == row["cryptogram"]
