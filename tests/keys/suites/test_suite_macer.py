"""Macer: the authentication code of ref 11 §5.5 and other MACs with a card key itself."""

from __future__ import annotations

from typing import Any

from tests.keys.suites.holdings import ALGORITHMS, GIVEN, key_of, vectors
from tests.keys.suites.offers import with_rows
from tests.keys.suites.services import Services

from sscard_ic.keys import macer

REFERENCE: list[dict[str, Any]] = [
    row | {"algorithm": algorithm}
    for algorithm in ALGORITHMS
    for row in vectors(f"crypto_{algorithm}")["mac"]
    if (algorithm, row["key"]) in GIVEN
]


@with_rows("Macer", REFERENCE, bits="key")
def test_given_keys(services: Services, implementation: str, row: dict[str, Any]) -> None:
    service, key = services.for_bits(implementation, row["algorithm"], row["key"])
    found = macer(service).mac(key, bytes.fromhex(row["data"]), bytes.fromhex(row["iv"]))
    assert found.hex().upper() == row["mac"]


@with_rows("Macer", vectors("key_services")["mac"])
def test_derived_keys(services: Services, implementation: str, row: dict[str, Any]) -> None:
    key = key_of(row["key"], row["algorithm"])
    found = services.held(implementation).mac(
        key, bytes.fromhex(row["data"]), bytes.fromhex(row["iv"])
    )
    assert found.hex().upper() == row["mac"]
