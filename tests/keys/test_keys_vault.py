"""What the software vault answers, and what it keeps to itself."""

from __future__ import annotations

import copy
import pickle
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.keys.key_samples import CREATED, KEYS, PASSPHRASE, key
from tests.support.vaults import of_3des_alone

from sscard_ic.base import FixedClock, InputError, Secret, SscardError
from sscard_ic.crypto import des, mac
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import (
    Authenticator,
    CardKey,
    EnvironmentMismatchError,
    Inventory,
    KeyLoader,
    Macer,
    MissingCapabilityError,
    Protection,
    SoftwareVault,
    UnknownKeyError,
    VaultError,
    authenticator,
    create_test_vault,
    inventory,
    key_loader,
    macer,
    merge_keys,
    require_environment,
    require_key,
    require_keys,
)
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import RootAlgorithm
from sscard_ic.profile import load

_FACTOR = bytes.fromhex("86510100000004D2")
_CITY = "650100"


def _card(name: str, version: int = 1, algorithm: Algorithm = "3des") -> CardKey:
    return CardKey(name, version, _CITY, _FACTOR, algorithm)


def _derived(
    name: str, version: int, length: int, *steps: bytes, algorithm: Algorithm = "3des"
) -> bytes:
    value = published_test_key(name, version, length, algorithm)
    for step in (*steps, _FACTOR):
        value = SUITES[algorithm].diversify(value, step)
    return value


def _family(algorithm: RootAlgorithm) -> Algorithm:
    return "sm4" if algorithm == "sm4" else "3des"


_BANK = [
    (name, use, family)
    for name, use in (
        ("BANK-AC", "bank_cryptogram"),
        ("BANK-MAC", "bank_mac"),
        ("BANK-ENC", "bank_encipherment"),
        ("BANK-TK", "bank_transport"),
        ("BANK-KMC", "card_manager"),
    )
    for family in ("3des", "sm4")
    if family == "3des" or use != "card_manager"
]


def test_roots_are_the_published_test_keys(vault: SoftwareVault) -> None:
    told = vault.keys()
    infos = {(info.name, info.version, _family(info.algorithm)): info for info in told}
    expected = {
        (name, version + 1, family)
        for name, entry in KEYS.items()
        for version in range(entry.groups)
        for family in ("3des", "sm4")
        if family == "3des" or entry.algorithm == "card"
    }
    bank = {(name, 1, family) for name, _, family in _BANK}
    assert set(infos) == expected | {("TRANSPORT", 1, "3des")} | bank
    assert list(infos) == sorted(infos)
    assert len({info.check_value for info in told}) == len(told), "no two roots are the same"
    assert {info.environment for info in told} == {"test"}
    for (name, version, family), info in infos.items():
        root = published_test_key(name, version, info.length, family)
        assert info.check_value == SUITES[family].check_value(root).hex().upper()
        assert vault.root_check_value(name, version, family).hex().upper() == info.check_value


def test_inventory_says_owner_use_and_algorithm(vault: SoftwareVault) -> None:
    listed = vault.keys()
    told = {(i.name, i.owner, i.level, i.use, i.length, i.algorithm) for i in listed}
    assert told == {
        ("IRK", "ministry", "N1", "internal", 16, "3des"),
        ("IRK", "ministry", "N1", "internal", 16, "sm4"),
        ("UKSSSE", "province", "P1", "external", 16, "3des"),
        ("UKSSSE", "province", "P1", "external", 16, "sm4"),
        ("STK", "ministry", "N2", "mac", 8, "des"),
        ("STK", "ministry", "N2", "mac", 16, "sm4"),
        ("MKSSSE", "maker", "maker", "master", 16, "3des"),
        ("MKSSSE", "maker", "maker", "master", 16, "sm4"),
        ("DTK", "province", "P1", "tac", 16, "3des"),
        ("TRANSPORT", "maker", "maker", "transport", 16, "3des"),
        *((name, "bank", "bank", use, 16, family) for name, use, family in _BANK),
    }


def test_cryptogram(vault: SoftwareVault) -> None:
    card_key = _derived("UKSSSE", 2, 16, b"650100sx")
    challenge, text = bytes(range(8)), bytes(range(8, 16))
    expected = des.encrypt(des.encrypt(card_key, challenge), text)
    assert vault.cryptogram(_card("UKSSSE", 2), challenge, text) == expected
    assert vault.check_value(_card("UKSSSE", 2)) == SUITES["3des"].check_value(card_key)


def test_cryptogram_of_an_sm4_card(vault: SoftwareVault) -> None:
    """ref 02 §3.4: 16-byte blocks, 8 bytes extended with zeros, the result folded."""
    suite = SUITES["sm4"]
    card_key = _derived("UKSSSE", 2, 16, b"650100sx", algorithm="sm4")
    challenge, text = bytes(range(8)), bytes(range(8, 16))
    block = suite.encrypt(suite.encrypt(card_key, challenge + bytes(8)), text + bytes(8))
    expected = bytes(a ^ b for a, b in zip(block[:8], block[8:], strict=True))
    key = _card("UKSSSE", 2, "sm4")
    assert vault.cryptogram(key, challenge, text) == expected
    assert vault.check_value(key) == suite.check_value(card_key)


def test_mac_by_key_length(vault: SoftwareVault) -> None:
    long = _derived("IRK", 1, 16, b"650000sh", b"650100sx")
    short = _derived("STK", 1, 8, b"650000sh", b"650100sx")
    iv = bytes(range(8))
    assert vault.mac(_card("IRK"), b"data") == mac.retail_mac(long, b"data")
    assert vault.mac(_card("STK"), b"data", iv) == mac.des_mac(short, b"data", iv)
    of_sm4 = _derived("STK", 1, 16, b"650000sh", b"650100sx", algorithm="sm4")
    expected = mac.sm4_mac(of_sm4, b"data", iv + bytes(8))
    assert vault.mac(_card("STK", algorithm="sm4"), b"data", iv) == expected


def test_what_a_vault_lacks_is_known_beforehand(vault: SoftwareVault) -> None:
    require_key(vault, _card("DTK"))
    with pytest.raises(UnknownKeyError, match="no SM4 key DTK version 1"):
        require_key(vault, _card("DTK", algorithm="sm4"))
    require_key(object(), _card("DTK", algorithm="sm4"))  # it cannot tell: the card will


def test_keys_of_a_profile_are_asked_for_in_its_algorithm(vault: SoftwareVault) -> None:
    loaded = load("urumqi")
    keys = {"UKSSSE": key("P1", groups=3), "DTK": key("P1", "tac", algorithm="3des")}
    structure = loaded.structure.model_copy(update={"keys": keys})
    profile = replace(loaded, structure=structure)
    require_keys(vault, profile)
    old = of_3des_alone(vault)
    with pytest.raises(UnknownKeyError, match="no SM4 key UKSSSE version 1"):
        require_keys(old, profile)
    require_keys(old, replace(profile, region=None))
    require_keys(object(), profile)


def test_transport_code(vault: SoftwareVault) -> None:
    serial = bytes.fromhex("5119000013DF")
    code = vault.transport_code(serial)
    expected = des.encrypt(published_test_key("TRANSPORT", 1), b"\x00\x00" + serial)
    assert code.reveal() == expected
    with pytest.raises(ValueError, match="6 bytes"):
        vault.transport_code(b"\x00\x00" + serial)


def test_every_capability_is_offered(vault: SoftwareVault) -> None:
    assert authenticator(vault) is vault
    assert macer(vault) is vault
    assert key_loader(vault) is vault
    assert inventory(vault) is vault
    for capability in (Authenticator, Macer, KeyLoader, Inventory):
        assert isinstance(vault, capability)


@pytest.mark.parametrize("ask", [authenticator, macer, key_loader, inventory])
def test_a_missing_capability_is_named(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(
        MissingCapabilityError, match=r"this key service \(object\) cannot"
    ) as caught:
        ask(object())
    assert caught.value.hint is not None


def test_test_keys_serve_test_profiles_only(vault: SoftwareVault, tmp_path: Path) -> None:
    require_environment(vault, "test")
    with pytest.raises(EnvironmentMismatchError, match="holds test keys") as caught:
        require_environment(vault, "production", "regions/dalian")
    assert caught.value.where == "regions/dalian"
    root = RootKey("IRK", 1, "N1", "internal", CREATED, Secret(bytes(range(16))))
    made = SoftwareVault.create(
        tmp_path / "v.json", PASSPHRASE, environment="production", keys=[root]
    )
    require_environment(made, "production")
    with pytest.raises(EnvironmentMismatchError, match="holds production keys"):
        require_environment(made, "test")
    reopened = SoftwareVault.open(tmp_path / "v.json", PASSPHRASE)
    assert reopened.environment == reopened.keys()[0].environment == "production"


def test_a_vault_shows_nothing(vault: SoftwareVault, vault_file: Path) -> None:
    assert repr(vault) == f"<SoftwareVault {vault_file}: 27 test keys>"
    raw = vault_file.read_bytes()
    infos = vault.keys()
    for info in infos:
        family = _family(info.algorithm)
        root = published_test_key(info.name, info.version, info.length, family)
        for form in (root, root.hex().encode(), root.hex().upper().encode(), b64encode(root)):
            assert form not in raw
        assert info.check_value.encode() not in raw.upper().replace(b'"', b"\n").split(b"\n")
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copier(vault)


def test_a_secret_never_shows(vault: SoftwareVault) -> None:
    command = vault.load_key(bytes(4), bytes(8), _card("UKSSSE"), Protection("plain"))
    for text in (
        repr(command),
        str(command),
        f"{command}",
        f"{command:>40}",
        f"{[command]}",
    ):
        assert text.strip("[]").strip() == "‹secret›"
    for copier in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="not pickled"):
            copier(command)
    assert command == Secret(command.reveal())
    assert command != Secret(b"")
    assert command != command.reveal()


def test_errors_may_cross_processes() -> None:
    with pytest.raises(InputError) as caught:
        CardKey("IRK", 1, "65", _FACTOR)
    there = pickle.loads(pickle.dumps(caught.value))
    assert type(there) is InputError
    assert there.render("zh") == caught.value.render("zh")
    assert there.args == caught.value.args


@given(st.binary(max_size=100), st.text(max_size=10))
def test_sealing_round_trip(vault: SoftwareVault, plain: bytes, context: str) -> None:
    sealer = vault.sealer()
    sealed = sealer.seal(plain, context)
    assert sealer.unseal(sealed, context) == plain
    assert sealer.seal(plain, context) != sealed
    assert len(sealed) == len(plain) + 28


@given(st.binary(max_size=30), st.data())
def test_altered_or_moved_records_are_refused(
    vault: SoftwareVault, plain: bytes, data: st.DataObject
) -> None:
    sealer = vault.sealer()
    sealed = sealer.seal(plain, "card 1")
    at, bit = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(0, 7))
    flipped = bytearray(sealed)
    flipped[at] ^= 1 << bit
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for wrong, context in [(bytes(flipped), "card 1"), (cut, "card 1"), (sealed, "card 2")]:
        with pytest.raises(SscardError, match="altered, moved"):
            sealer.unseal(wrong, context)


def test_digests_find_duplicates_of_one_vault(vault: SoftwareVault, tmp_path: Path) -> None:
    other = create_test_vault(tmp_path / "other.json", PASSPHRASE, KEYS)
    number = "11010519491231002X"
    digest = vault.digest(number, "number")
    assert len(bytes.fromhex(digest)) == 32
    assert vault.digest(number, "number") == digest
    others = {
        vault.digest(number, "name"),
        vault.digest("", "number"),
        other.digest(number, "number"),
    }
    assert digest not in others
    assert len(others) == 3
    assert vault.digest("é", "name") == vault.digest("e\u0301", "name")
    assert vault.digest("a:b", "c") != vault.digest("b", "c:a")
    with pytest.raises(SscardError, match="another vault"):
        other.sealer().unseal(vault.sealer().seal(b"x", "c"), "c")


def test_reopening_keeps_digests_seals_and_keys(vault: SoftwareVault, vault_file: Path) -> None:
    again = SoftwareVault.open(vault_file, PASSPHRASE)
    assert again.digest("x", "c") == vault.digest("x", "c")
    assert again.sealer().unseal(vault.sealer().seal(b"x", "c"), "c") == b"x"
    assert again.keys() == vault.keys()
    assert again.path == vault_file


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    root = RootKey("IRK", 1, "N1", "internal", CREATED, Secret(bytes(16)))
    with pytest.raises(ValueError, match="twice"):
        SoftwareVault.create(tmp_path / "v.json", PASSPHRASE, environment="test", keys=[root, root])
    assert not list(tmp_path.iterdir())


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="passphrase is empty"):
        create_test_vault(tmp_path / "v.json", Secret(b""), KEYS, clock=FixedClock(CREATED))
    assert not list(tmp_path.iterdir())


def test_keys_of_several_profiles() -> None:
    merged = merge_keys(
        [{"UK": key("P1", groups=1)}, {"UK": key("P1", groups=3), "RK": key("N1")}, KEYS]
    )
    assert set(merged) == {"UK", "RK", *KEYS}
    assert merged["UK"].groups == 3


@pytest.mark.parametrize(
    "other",
    [key("N1"), key("P1", length=8), key("P1", use="internal"), key("P1", algorithm="3des")],
    ids=["level", "length", "use", "algorithm"],
)
def test_profiles_that_disagree_about_a_key(other: object) -> None:
    with pytest.raises(
        InputError, match="disagree about length, use, level or algorithm of the key UK"
    ):
        merge_keys([{"UK": key("P1")}, {"UK": other}])  # type: ignore[dict-item]
