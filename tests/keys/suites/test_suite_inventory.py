"""Inventory, KeyHolder and BulkDeriver: what is there, and many keys at once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.keys.suites.holdings import BY_NAME, FACTOR, HELD, key_of, vectors
from tests.keys.suites.offers import offering, with_rows
from tests.keys.suites.services import Services

from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import CardKey, UnknownKeyError, inventory
from sscard_ic.keys.capabilities import BulkDeriver, KeyHolder

OWN = vectors("key_services")


@pytest.mark.parametrize(("implementation", "algorithm"), offering("Inventory"))
def test_every_key_is_listed(services: Services, implementation: str, algorithm: Algorithm) -> None:
    """In the order of their names, with level, use, length and check value, and never twice."""
    service = services.held(implementation)
    everything = inventory(service).keys()
    listed = [info for info in everything if info.family == algorithm]
    expected = [held for held in HELD if algorithm in held.algorithms]
    assert [info.name for info in listed] == sorted(held.name for held in expected)
    for info in listed:
        held = BY_NAME[info.name]
        value = held.value(algorithm)
        assert (info.version, info.level, info.use) == (1, held.level, held.use)
        assert (info.length, info.environment, info.state) == (len(value), "test", "active")
        assert bytes.fromhex(info.check_value) == SUITES[algorithm].check_value(value)
        assert info.created is not None


@with_rows("Inventory", OWN["root_check_value"], label="key")
def test_check_values_of_roots(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    everything = services.held(implementation).keys()
    values = {(info.name, info.family): info.check_value for info in everything}
    assert values[row["key"], row["algorithm"]] == row["value"]


@with_rows("Inventory", OWN["check_value"], label="key")
def test_check_values_of_card_keys(
    services: Services, implementation: str, row: dict[str, Any]
) -> None:
    key = key_of(row["key"], row["algorithm"])
    assert services.held(implementation).check_value(key).hex().upper() == row["value"]


@pytest.mark.parametrize(("implementation", "algorithm"), offering("Inventory"))
def test_check_value_of_a_key_that_is_not_there(
    services: Services, implementation: str, algorithm: Algorithm
) -> None:
    with pytest.raises(UnknownKeyError, match="NOKEY version 1"):
        services.held(implementation).check_value(CardKey("NOKEY", 1, "650100", FACTOR, algorithm))


@pytest.mark.parametrize(("implementation", "algorithm"), offering("KeyHolder"))
def test_what_is_held(services: Services, implementation: str, algorithm: Algorithm) -> None:
    service = services.held(implementation)
    assert isinstance(service, KeyHolder)
    for name in ("NATION", "UKSSSE", "IRK", "STK"):
        service.require_key(name, 1, algorithm)
    with pytest.raises(UnknownKeyError, match="NOKEY version 1"):
        service.require_key("NOKEY", 1, algorithm)


@pytest.mark.parametrize(("implementation", "algorithm"), offering("BulkDeriver"))
@pytest.mark.parametrize("name", ["NATION", "UKSSSE", "STK", "MKSSSE"])
def test_many_keys(
    services: Services, implementation: str, algorithm: Algorithm, name: str
) -> None:
    """The first is that of the vectors; all are those of the steps of ref 02 §3.1."""
    service = services.held(implementation)
    assert isinstance(service, BulkDeriver)
    suite, held = SUITES[algorithm], BY_NAME[name]
    above = held.value(algorithm)
    for factor in {"N1": "ps", "N2": "ps", "P1": "s", "maker": ""}[held.level]:
        text = f"{held.city[:2]}0000sh" if factor == "p" else f"{held.city[:4]}00sx"
        above = suite.diversify(above, text.encode("ascii"))
    factors = [FACTOR, *(number.to_bytes(8, "big") for number in range(300))]
    found = service.derive_many(name, 1, algorithm, held.city, b"".join(factors))
    assert isinstance(found, bytearray)
    assert found == b"".join(suite.diversify(above, factor) for factor in factors)
    assert service.derive_many(name, 1, algorithm, held.city, b"") == b""


@with_rows("BulkDeriver", OWN["check_value"], label="key")
def test_bulk_and_vectors(services: Services, implementation: str, row: dict[str, Any]) -> None:
    algorithm = row["algorithm"]
    city = BY_NAME[row["key"]].city
    service = services.held(implementation)
    found = service.derive_many(row["key"], 1, algorithm, city, FACTOR)
    assert SUITES[row["algorithm"]].check_value(bytes(found)).hex().upper() == row["value"]


@pytest.mark.parametrize(("implementation", "algorithm"), offering("BulkDeriver"))
def test_many_keys_of_a_root_that_is_not_there(
    services: Services, implementation: str, algorithm: Algorithm
) -> None:
    with pytest.raises(UnknownKeyError, match="NOKEY version 1"):
        services.held(implementation).derive_many("NOKEY", 1, algorithm, "650100", FACTOR)
