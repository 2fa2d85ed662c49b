"""Keys of the software vault made, exchanged, limited and destroyed; the vault closed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.keys.key_samples import CREATED, PASSPHRASE
from tests.support.remembered_scrypt import remember

from sscard_ic.base import FixedClock, InputError, Secret, SscardError
from sscard_ic.keys import (
    CardKey,
    DestroyedKeyError,
    EnvironmentMismatchError,
    ExpiredKeyError,
    KeyInfo,
    KeySpec,
    Protection,
    PsamRoot,
    SoftwareVault,
    VaultError,
    WrongPurposeError,
    require_key,
)
from sscard_ic.keys.errors import ComponentError, HardwareOnlyError, KeyExistsError
from sscard_ic.keys.hierarchy import RootKey, check_value
from sscard_ic.keys.inventory import Environment, RootAlgorithm
from sscard_ic.keys.key_block import KeyBlock, KeyBlockError, seal
from sscard_ic.keys.medical import Credit
from sscard_ic.keys.service import KeyService
from sscard_ic.keys.store import KeyStore

MOMENT = datetime(2027, 1, 15, 8, 30, tzinfo=UTC)
CLOCK = FixedClock(MOMENT)
DAY = MOMENT.date()
UK = KeySpec("UKSSSE", 4, "P1", "external")
ZMK = KeySpec("ZMK", 1, "site", "wrap", "aes")
UK_BITS = hashlib.sha256(b"a random key of these tests").digest()[:16]
ZMK_BITS = hashlib.sha256(b"the transport key of these tests").digest()
_FACTOR = bytes.fromhex("86510100000004D2")


def root(spec: KeySpec = UK, value: bytes = UK_BITS) -> RootKey:
    return RootKey.of(spec, Secret(value), CREATED, "components")


def card_key(name: str = "UKSSSE", version: int = 4) -> CardKey:
    return CardKey(name, version, "650100", _FACTOR)


def made(
    path: Path, *roots: RootKey, environment: Environment = "test", clock: FixedClock = CLOCK
) -> SoftwareVault:
    return SoftwareVault.create(path, PASSPHRASE, environment=environment, keys=roots, clock=clock)


def reopened(path: Path, passphrase: Secret = PASSPHRASE) -> SoftwareVault:
    return SoftwareVault.open(path, passphrase, clock=CLOCK)


@pytest.fixture(autouse=True)
def _remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(monkeypatch)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


@pytest.fixture
def vault(target: Path) -> SoftwareVault:
    """With ``UKSSSE`` version 4 and the transport key ``ZMK``."""
    return made(target, root(), root(ZMK, ZMK_BITS))


def refused(
    vault: SoftwareVault, error: type[SscardError], words: str, call: Callable[[], object]
) -> None:
    """The call fails; memory and file are as they were."""
    path = vault.path
    before, raw = vault.keys(), path.read_bytes()
    with pytest.raises(error, match=words) as caught:
        call()
    assert caught.value.hint is not None
    assert caught.value.render("zh") != caught.value.render("en")
    assert caught.value.__cause__ is None
    assert vault.keys() == before
    assert path.read_bytes() == raw
    assert not [entry for entry in path.parent.iterdir() if entry.name.startswith(".")]


def test_it_is_a_key_service_and_a_key_store(vault: SoftwareVault) -> None:
    assert isinstance(vault, KeyService)
    assert isinstance(vault, KeyStore)


# -- making and destroying ---------------------------------------------------------------------


def test_a_change_stands_in_memory_and_on_disk(vault: SoftwareVault, target: Path) -> None:
    info = vault.generate(replace(UK, version=5, valid_until=DAY))
    assert info == KeyInfo(
        "UKSSSE",
        5,
        "P1",
        "external",
        valid_until=DAY,
        check_value=info.check_value,
        created=MOMENT,
        origin="generated",
    )
    listed = vault.keys()
    assert [(key.name, key.version) for key in listed] == [
        ("UKSSSE", 4), ("UKSSSE", 5), ("ZMK", 1),
    ]  # fmt: skip
    again = reopened(target)
    assert again.keys() == vault.keys()
    key = card_key(version=5)
    assert again.check_value(key) == vault.check_value(key)
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(f"{target}.lock").stat().st_mode) == 0o600


def test_the_check_value_of_the_whole_may_be_unknown(vault: SoftwareVault) -> None:
    parts = [Secret(UK_BITS), Secret(ZMK_BITS[:16])]
    info = vault.combine(replace(UK, version=5), parts, None)
    assert info.origin == "components"
    assert all(len(part) == 16 for part in parts), "they are the caller's to clear"


@pytest.mark.parametrize("algorithm", ["sm1", "ssf33"])
def test_what_only_hardware_computes(vault: SoftwareVault, algorithm: RootAlgorithm) -> None:
    spec = replace(UK, algorithm=algorithm)
    parts = [Secret(bytes(16)), Secret(UK_BITS)]
    block = replace(vault.export_block("UKSSSE", 4, "3des", ZMK), spec=spec)
    for call in (
        lambda: vault.generate(spec),
        lambda: vault.combine(spec, parts, None),
        lambda: vault.import_block(block),
    ):
        refused(vault, HardwareOnlyError, "not published", call)
    with pytest.raises(HardwareOnlyError):
        made(vault.path.with_name("other.json"), root(spec))


def test_descriptions_that_no_vault_holds(vault: SoftwareVault) -> None:
    for spec, words in (
        (replace(UK, name="K|K"), "letters, digits"),
        (replace(UK, version=0), "1 to 255"),
        (replace(ZMK, name="Z", algorithm="3des"), "AES key of level site"),
    ):
        refused(vault, InputError, words, partial(vault.generate, spec))


def test_des_and_3des_are_one_family(vault: SoftwareVault, target: Path) -> None:
    """They share a place on the card; the vault finds both by either word."""
    single = replace(UK, algorithm="des")
    refused(vault, KeyExistsError, "is there, or was", lambda: vault.generate(single))
    vault.generate(replace(single, version=5))
    assert vault.root_info("UKSSSE", 5, "des") == vault.root_info("UKSSSE", 5, "3des")
    assert vault.destroy("UKSSSE", 5, "des").state == "destroyed"
    assert vault.generate(replace(UK, version=5, algorithm="sm4")).algorithm == "sm4"


def test_a_name_like_that_of_the_storage_key_is_free(vault: SoftwareVault, target: Path) -> None:
    refused(vault, InputError, "letters, digits", lambda: vault.generate(replace(UK, name="*")))
    vault.generate(replace(ZMK, name="STORAGE"))
    assert reopened(target).keys() == vault.keys()


def test_what_a_destroyed_key_leaves(vault: SoftwareVault, target: Path) -> None:
    before = vault.root_info("UKSSSE", 4)
    info = vault.destroy("UKSSSE", 4, "3des")
    assert info == replace(before, state="destroyed", destroyed=MOMENT)
    for each in (vault, reopened(target)):
        assert each.root_info("UKSSSE", 4) == info
        assert each.root_check_value("UKSSSE", 4).hex().upper() == before.check_value
        for use in (
            partial(each.check_value, card_key()),
            partial(each.cryptogram, card_key(), bytes(8), bytes(8)),
            partial(each.derive_many, "UKSSSE", 4, "3des", "650100", _FACTOR),
            partial(each.export_block, "UKSSSE", 4, "3des", ZMK),
            partial(require_key, each, card_key()),
        ):
            with pytest.raises(DestroyedKeyError, match="was destroyed on 2027-01-15"):
                use()
    refused(
        vault,
        DestroyedKeyError,
        "was destroyed",
        lambda: vault.set_validity("UKSSSE", 4, "3des", None, None),
    )
    assert UK_BITS.hex() not in target.read_text()


def test_ciphers_that_were_set_up_do_not_outlive_the_key(vault: SoftwareVault) -> None:
    """Loading keeps the ciphers of the last card keys: not those of a root that is gone."""
    protector = replace(UK, name="MKSSSE", version=1, level="maker", use="master")
    vault.generate(protector)
    under = card_key("MKSSSE", 1)
    protection = Protection("enciphered", under=under)
    ends: list[Callable[[], object]] = [
        partial(vault.set_validity, "MKSSSE", 1, "3des", None, DAY - timedelta(days=1)),
        partial(vault.destroy, "MKSSSE", 1, "3des"),
    ]
    for end in ends:
        vault.set_validity("MKSSSE", 1, "3des", None, None)
        assert len(vault.load_key(bytes(4), bytes(8), card_key(), protection)) > 16
        end()
        with pytest.raises((DestroyedKeyError, ExpiredKeyError)):
            vault.load_key(bytes(4), bytes(8), card_key(), protection)


def test_destroyed_control_keys_of_a_psam(target: Path) -> None:
    control = replace(UK, name="PSAMTRANSPORT", version=1, level="maker")
    vault = made(target, root(), root(control))
    asked = PsamRoot("UKSSSE", 1, "650100", 2, "3des")
    assert len(vault.sign_psam_command(bytes(4), "PSAMTRANSPORT", bytes(8))) > 4
    vault.destroy("PSAMTRANSPORT", 1, "3des")
    with pytest.raises(DestroyedKeyError):
        vault.sign_psam_command(bytes(4), "PSAMTRANSPORT", bytes(8))
    with pytest.raises(SscardError, match="UKSSSE version 1"):
        vault.load_psam_key(bytes(4), bytes(8), asked, "PSAMTRANSPORT", bytes(8))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"valid_until": DAY - timedelta(days=1)}, ExpiredKeyError, "PSAMTRANSPORT version 1"),
        ({"valid_from": DAY + timedelta(days=1)}, ExpiredKeyError, "not valid before"),
        ({"use": "purchase"}, WrongPurposeError, "not to protect commands"),
    ],
)
def test_control_keys_of_a_psam_that_may_not_protect(
    target: Path, changes: dict[str, Any], error: type[SscardError], words: str
) -> None:
    control = replace(UK, name="PSAMTRANSPORT", version=1, level="maker", use="master")
    vault = made(target, root(), root(replace(control, **changes)))
    asked = PsamRoot("UKSSSE", 4, "650100", 2, "3des")
    for call in (
        partial(vault.sign_psam_command, bytes(4), "PSAMTRANSPORT", bytes(8)),
        partial(vault.load_psam_key, bytes(4), bytes(8), asked, "PSAMTRANSPORT", bytes(8)),
    ):
        refused(vault, error, words, call)


# -- key blocks --------------------------------------------------------------------------------


def test_a_transport_key_goes_under_another_but_not_under_itself(
    vault: SoftwareVault, target: Path
) -> None:
    second = vault.generate(replace(ZMK, version=2))
    block = vault.export_block("ZMK", 2, "aes", ZMK)
    assert type(block.spec) is KeySpec
    refused(
        vault,
        InputError,
        "cannot protect itself",
        lambda: vault.export_block("ZMK", 1, "aes", ZMK),
    )
    other = made(target.with_name("other.json"), root(ZMK, ZMK_BITS))
    taken = other.import_block(block)
    assert taken == replace(second, origin="block")
    carried = vault.export_block("UKSSSE", 4, "3des", second)
    assert other.import_block(carried).check_value == vault.root_info("UKSSSE", 4).check_value


def test_only_a_transport_key_that_is_valid_protects(vault: SoftwareVault) -> None:
    def export(under: KeySpec = ZMK) -> object:
        return vault.export_block("UKSSSE", 4, "3des", under)

    moved = replace(vault.export_block("UKSSSE", 4, "3des", ZMK), spec=replace(UK, version=9))
    refused(vault, WrongPurposeError, "not to protect keys", lambda: export(UK))
    vault.set_validity("ZMK", 1, "aes", None, DAY - timedelta(days=1))
    refused(vault, ExpiredKeyError, "ZMK version 1 expired", export)
    refused(vault, ExpiredKeyError, "ZMK version 1", lambda: vault.import_block(moved))
    vault.set_validity("ZMK", 1, "aes", DAY + timedelta(days=1), None)
    refused(vault, ExpiredKeyError, "not valid before", export)
    vault.destroy("ZMK", 1, "aes")
    refused(vault, DestroyedKeyError, "ZMK version 1", export)
    refused(vault, DestroyedKeyError, "ZMK version 1", lambda: vault.import_block(moved))


def test_an_expired_key_may_still_be_handed_over(vault: SoftwareVault) -> None:
    vault.set_validity("UKSSSE", 4, "3des", None, DAY - timedelta(days=1))
    block = vault.export_block("UKSSSE", 4, "3des", ZMK)
    assert block.spec.valid_until == DAY - timedelta(days=1)


def test_blocks_of_the_other_environment(vault: SoftwareVault, target: Path) -> None:
    production = made(target.with_name("other.json"), root(ZMK, ZMK_BITS), environment="production")
    block = vault.export_block("UKSSSE", 4, "3des", ZMK)
    refused(
        production,
        EnvironmentMismatchError,
        "holds a test key, the vault production keys",
        lambda: production.import_block(block),
    )
    renamed = replace(block, environment="production")
    refused(production, KeyBlockError, "altered", lambda: production.import_block(renamed))


@pytest.mark.parametrize(
    "bits",
    [bytes(16), b"\x01" * 16, UK_BITS[:8] * 2, bytes.fromhex("E0FEE0FEF1FEF1FE") + UK_BITS[:8]],
)
def test_a_weak_key_does_not_come_in_by_a_block(vault: SoftwareVault, bits: bytes) -> None:
    """Its sender has the transport key, and seals what it likes."""
    spec, value = replace(UK, version=9), Secret(bits)
    sent = KeyBlock("test", spec, check_value("3des", value).hex().upper(), "ZMK", 1)
    block = seal(sent, value, Secret(ZMK_BITS))
    refused(vault, InputError, "UKSSSE version 9: a weak key", lambda: vault.import_block(block))


# -- another passphrase ------------------------------------------------------------------------


def test_the_passphrase_changes_and_nothing_else(vault: SoftwareVault, target: Path) -> None:
    old, new = target.read_bytes(), Secret(b"another passphrase")
    sealed = vault.sealer().seal(b"x", "c")
    vault.change_passphrase(PASSPHRASE, new)
    with pytest.raises(VaultError, match="the passphrase is wrong"):
        reopened(target)
    again = reopened(target, new)
    assert again.keys() == vault.keys()
    assert again.sealer().unseal(sealed, "c") == b"x"
    vault.generate(replace(UK, version=5))
    assert reopened(target, new).keys() == vault.keys()
    shared = {line for line in old.splitlines() if line in target.read_bytes().splitlines()}
    assert shared == {b'"records":[', b"]}"}, "every record is sealed anew"


def test_a_passphrase_is_not_changed_by_who_does_not_know_it(vault: SoftwareVault) -> None:
    new = Secret(b"another passphrase")
    for wrong in (b"", b"guess"):
        refused(
            vault,
            VaultError,
            "the passphrase is wrong",
            partial(vault.change_passphrase, Secret(wrong), new),
        )
    refused(
        vault,
        VaultError,
        "the passphrase is empty",
        lambda: vault.change_passphrase(PASSPHRASE, Secret(b"")),
    )
    vault.generate(replace(UK, version=5))


# -- in memory alone ---------------------------------------------------------------------------


def test_a_vault_in_memory_is_a_store_as_well(tmp_path: Path) -> None:
    vault = SoftwareVault(tmp_path / "none", "test", [root()], Secret(bytes(32)), CLOCK)
    assert vault.generate(ZMK).origin == "generated"
    vault.destroy("UKSSSE", 4, "3des")
    listed = vault.keys()
    assert [key.state for key in listed] == ["destroyed", "active"]
    with pytest.raises(VaultError, match="in memory has no passphrase"):
        vault.change_passphrase(Secret(b"a"), Secret(b"b"))
    assert not list(tmp_path.iterdir())


# -- closed ------------------------------------------------------------------------------------


def test_a_closed_vault_answers_nothing(vault: SoftwareVault, target: Path) -> None:
    sealer = vault.sealer()
    sealed = sealer.seal(b"x", "c")
    block = vault.export_block("UKSSSE", 4, "3des", ZMK)
    key, purse = card_key(), Credit(card_key(), bytes(4), 1, 100, 50, bytes(6))
    assert vault.cryptogram(key, bytes(8), bytes(8))
    vault.close()
    vault.close()
    uses: list[Callable[[], object]] = [
        vault.keys,
        vault.sealer,
        lambda: vault.digest("x", "c"),
        lambda: sealer.seal(b"x", "c"),
        lambda: sealer.unseal(sealed, "c"),
        lambda: vault.root_info("UKSSSE", 4),
        lambda: vault.require_key("UKSSSE", 4, "3des"),
        lambda: vault.check_value(key),
        lambda: vault.cryptogram(key, bytes(8), bytes(8)),
        lambda: vault.mac(key, b""),
        lambda: vault.transport_code(bytes(6)),
        lambda: vault.load_key(bytes(4), bytes(8), key, Protection("plain")),
        lambda: vault.derive_many("UKSSSE", 4, "3des", "650100", _FACTOR),
        lambda: vault.sign_psam_command(bytes(4), "PSAMTRANSPORT", bytes(8)),
        lambda: vault.authorise_credit(purse, bytes(4), bytes(7)),
        lambda: vault.generate(replace(UK, version=5)),
        lambda: vault.combine(UK, [Secret(UK_BITS), Secret(UK_BITS)], None),
        lambda: vault.export_block("UKSSSE", 4, "3des", ZMK),
        lambda: vault.import_block(block),
        lambda: vault.set_validity("UKSSSE", 4, "3des", None, None),
        lambda: vault.destroy("UKSSSE", 4, "3des"),
        lambda: vault.change_passphrase(PASSPHRASE, Secret(b"new")),
    ]
    for use in uses:
        with pytest.raises(SscardError, match="is closed") as caught:
            use()
        assert caught.value.hint is not None
    assert (vault.environment, vault.place, vault.path) == ("test", str(target), target)
    assert repr(vault) == f"<SoftwareVault {target}: closed>"
    assert len(reopened(target).keys()) == 2


def test_closing_clears_what_the_vault_holds_and_nothing_of_others(target: Path) -> None:
    mine = root()
    vault = made(target, mine, root(ZMK, ZMK_BITS))
    held = vault._contents.secrets()
    assert {secret.reveal() for secret in held} >= {UK_BITS, ZMK_BITS}
    vault.close()
    assert [len(secret) for secret in held] == [0, 0, 0]
    assert mine.value == Secret(UK_BITS)


def test_destroying_clears_one_key(vault: SoftwareVault) -> None:
    held = vault._contents.secrets()
    vault.destroy("UKSSSE", 4, "3des")
    assert sorted(len(secret) for secret in held) == [0, 32, 32]


# -- nothing leaks -----------------------------------------------------------------------------


def test_nothing_shows_a_key(vault: SoftwareVault, target: Path) -> None:
    parts = [UK_BITS, ZMK_BITS[:16]]
    whole = bytes(a ^ b for a, b in zip(*parts, strict=True))
    spec = replace(UK, version=6)
    shown = [repr(vault), repr(vault.combine(spec, [Secret(part) for part in parts], None))]
    block = vault.export_block("UKSSSE", 6, "3des", ZMK)
    shown += [repr(block), block.to_text(), repr(vault._contents), repr(vars(vault))]
    spoilt = replace(block, spec=replace(spec, version=7))
    for call in (
        lambda: vault.combine(replace(spec, version=7), [Secret(UK_BITS)] * 2, None),
        lambda: vault.combine(replace(spec, version=7), [Secret(p) for p in parts], b"\x00" * 3),
        lambda: vault.import_block(spoilt),
        lambda: vault.change_passphrase(Secret(b"a guess"), Secret(b"chosen")),
        lambda: reopened(target, Secret(b"a guess")),
    ):
        with pytest.raises((ComponentError, KeyBlockError, VaultError)) as caught:
            call()
        assert caught.value.__cause__ is None
        error = caught.value
        shown += [error.render("zh"), error.render("en"), repr(error), repr(error.args)]
    everything = "\n".join(shown).encode() + target.read_bytes()
    secret = (UK_BITS, ZMK_BITS, ZMK_BITS[:16], whole)
    words = (PASSPHRASE.reveal(), b"a guess", b"chosen")
    for value in secret:
        for form in (value, value.hex().encode(), b64encode(value).rstrip(b"=")):
            assert form.lower() not in everything.lower()
        assert repr(value)[2:-1].encode() not in everything
    assert not any(word in everything for word in words)


def test_days_are_in_the_clear(vault: SoftwareVault, target: Path) -> None:
    """Nobody needs the passphrase to see what expires."""
    vault.set_validity("UKSSSE", 4, "3des", date(2026, 1, 1), date(2028, 12, 31))
    records = json.loads(target.read_bytes())["records"]
    days = {
        record["identity"]["name"]: (
            record["identity"]["valid_from"],
            record["identity"]["valid_until"],
        )
        for record in records
    }
    assert days == {
        "*": (None, None),
        "UKSSSE": ("2026-01-01", "2028-12-31"),
        "ZMK": (None, None),
    }
