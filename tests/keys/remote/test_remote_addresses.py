"""Which key stands at which address of an HSM service (ref 01 §10.5, 02 §2.3)."""

from __future__ import annotations

import pytest

from sscard_ic.base import InputError
from sscard_ic.keys.remote.addresses import Addresses
from sscard_ic.profile import load
from sscard_ic.profile.structure import Key

DOCUMENTED = {
    # ref 01 §10.5: address and PSAM identifier
    "RKSSSE": "004C0A",
    "RK1DF01": "004F2E",
    "RK1DF02": "006435",
    "RK1DF07": "007A3D",
    "RK2DF07": "00803F",
    "RK3DF07": "0086B1",
    "PUK": "009010",
    "UKSSSE": "009412",
    "UK1DF01": "009742",
    "UK2DF01": "009A43",
    "UK3DF01": "017624",
    "UK4DF01": "017925",
    "RK1DF04": "01822D",
    "RK1DF03": "01932B",
    "RK2DF03": "01962C",
    # ref 05 appendix A, 12 §7.5: STK and DPK; DLK
    "STK": "017309",
    "DPK": "017F01",
    "DLK": "00B2",
}
KEYS = load("2.00").keys


@pytest.mark.parametrize(("name", "address"), DOCUMENTED.items())
def test_documented_addresses(name: str, address: str) -> None:
    addresses = Addresses(KEYS)
    assert addresses.of(name, 1) == address[:4]
    assert addresses.at(address) == (name, 1)
    assert addresses.at(address[:4]) == (name, 1)


def test_no_other_key_has_one() -> None:
    """The two that drivers disagree about stay out (ref 02 §2.3: UK5DF01, the second UKSSSE)."""
    found = {name for name, key in KEYS.items() if key.hsm_address is not None}
    assert found == DOCUMENTED.keys()
    assert load("3.00").keys["UKSSSE"].hsm_address == 0x0094
    assert load("1.00").keys["UKMF"].hsm_address == 0x0094


def test_groups_follow_each_other() -> None:
    addresses = Addresses(KEYS)
    assert [addresses.of("UKSSSE", version) for version in (1, 2, 3, 4)] == [
        "0094",
        "0095",
        "0096",
        None,
    ]
    assert addresses.at("0096") == ("UKSSSE", 3)
    # The identifiers of the groups of a DPK count on, those of other keys do not.
    assert addresses.at("018002") == ("DPK", 2)
    assert addresses.at("018001") is None
    assert addresses.at("009512") == ("UKSSSE", 2)


def test_every_address_of_a_profile_is_its_own() -> None:
    for name in ("dalian", "urumqi", "huaian", "1.00"):
        Addresses(load(name).keys).require_unique(name)


def test_settings_say_others() -> None:
    addresses = Addresses(
        KEYS,
        {"UKSSSE": "0200", "UK1SSSE": "0096", "RKSSSE/2": "RKMFEF0C_370000", "PUK": "FFFF"},
    )
    assert [addresses.of("UKSSSE", version) for version in (1, 2, 3)] == ["0200", "0201", "0202"]
    assert addresses.at("0094") is None
    assert addresses.of("UK1SSSE", 1) == "0096"
    assert addresses.at("0096") == ("UK1SSSE", 1)
    assert [addresses.of("RKSSSE", version) for version in (1, 2, 3)] == [
        "004C",
        "RKMFEF0C_370000",
        "004E",
    ]
    assert addresses.at("RKMFEF0C_370000") == ("RKSSSE", 2)
    addresses.require_unique("settings")


def test_a_name_stands_for_one_group() -> None:
    addresses = Addresses(KEYS, {"UKSSSE": "UKMF_370000", "DPK": "017F01", "RK1DF01": "FFFE"})
    assert [addresses.of("UKSSSE", version) for version in (1, 2)] == ["UKMF_370000", None]
    assert [addresses.of("DPK", version) for version in (1, 2)] == ["017F01", None]
    assert [addresses.of("RK1DF01", version) for version in (1, 2, 3)] == ["FFFE", "FFFF", None]


def test_two_keys_at_one_address() -> None:
    addresses = Addresses(KEYS, {"UK5DF01": "0097"})
    with pytest.raises(InputError, match="0097 is that of"):
        addresses.require_unique("here")


def test_addresses_that_there_are_not() -> None:
    addresses = Addresses({"KEY": Key(directory="SSSE", id=4, use="external", level="P1")})
    assert addresses.of("KEY", 1) is None
    for address in ("0094", "009412", "NAME", ""):
        assert addresses.at(address) is None
