"""KeyStore: root keys made, joined, exchanged, limited and destroyed, each whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.keys.suites.holdings import DERIVED, ROOT, key_of
from tests.keys.suites.implementations import Store
from tests.keys.suites.offers import offering
from tests.support.remembered_scrypt import remember

from sscard_ic.base import Secret, SscardError
from sscard_ic.crypto import aes
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import (
    DestroyedKeyError,
    EnvironmentMismatchError,
    ExpiredKeyError,
    KeyInfo,
    KeySpec,
    UnknownKeyError,
)
from sscard_ic.keys.errors import ComponentError, KeyExistsError
from sscard_ic.keys.key_block import KeyBlock, KeyBlockError, seal, unseal
from sscard_ic.keys.pkcs11.errors import NotExtractableError
from sscard_ic.keys.store import key_store

DAY = timedelta(days=1)
WRAP = KeySpec("WRAP", 1, "site", "wrap", "aes")
WRAP_VALUE = secrets.token_bytes(32)
EACH = pytest.mark.parametrize(("implementation", "algorithm"), offering("KeyStore"))
ONCE = pytest.mark.parametrize(
    "implementation", dict.fromkeys(name for name, _ in offering("KeyStore"))
)


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vaults are opened again and again by one passphrase."""
    remember(monkeypatch)


@pytest.fixture
def store(implementation: str, tmp_path: Path) -> Iterator[Store]:
    """An empty one, opened."""
    with Store.fresh(implementation, tmp_path) as opened:
        yield opened


def nation(algorithm: Algorithm = "3des") -> KeySpec:
    """The root of vector A."""
    return KeySpec("NATION", 1, "N1", "external", algorithm)


def components(value: bytes, count: int = 3) -> list[Secret]:
    """Random components that make ``value``."""
    last, found = value, []
    for _ in range(count - 1):
        found.append(secrets.token_bytes(len(value)))
        last = bytes(a ^ b for a, b in zip(last, found[-1], strict=True))
    return [Secret(part) for part in (*found, last)]


def combine_nation(store: Store, algorithm: Algorithm = "3des") -> KeyInfo:
    """The root of vector A, joined inside."""
    expected = SUITES[algorithm].check_value(ROOT)
    info: KeyInfo = store.service.combine(nation(algorithm), components(ROOT), expected)
    return info


def combine_wrap(store: Store) -> None:
    """The transport key that the stores of these tests share."""
    expected = aes.encrypt(WRAP_VALUE, bytes(aes.BLOCK))[:3]
    store.service.combine(WRAP, components(WRAP_VALUE, 2), expected)


def assert_vector_a(store: Store, algorithm: Algorithm) -> None:
    """The root is that of vector A: so is the key that is derived from it."""
    key = key_of("NATION", algorithm)
    (bits,) = (found for (_, found), named in DERIVED.items() if named == key)
    expected = SUITES[algorithm].check_value(bytes.fromhex(bits))
    assert store.service.check_value(key) == expected


def refused(store: Store, error: type[Exception], words: str, call: Callable[[], object]) -> None:
    """The call is refused in two languages, with a next step, and nothing has changed."""
    before = store.service.keys()
    with pytest.raises(error, match=words) as caught:
        call()
    told: Any = caught.value
    assert told.render("zh") != told.render("en")
    assert told.hint is not None
    assert store.service.keys() == before


def assert_kept(store: Store) -> None:
    """It is the same when it is opened again."""
    before = store.service.keys()
    store.reopen()
    assert store.service.keys() == before


@EACH
def test_generated_keys(store: Store, algorithm: Algorithm) -> None:
    """Each is another one, known by its check value, and still there when it is opened again."""
    service = key_store(store.service)
    assert (service.keys(), service.environment) == ([], "test")
    specs = [nation(algorithm), replace(nation(algorithm), version=2)]
    made = [service.generate(spec) for spec in specs]
    assert len({info.check_value for info in made}) == 2
    for info, spec in zip(made, specs, strict=True):
        assert (info.name, info.version, info.level, info.use) == (
            spec.name,
            spec.version,
            spec.level,
            spec.use,
        )
        assert (info.algorithm, info.origin, info.state) == (algorithm, "generated", "active")
        assert len(bytes.fromhex(info.check_value)) == 3
    values = [store.service.check_value(key_of("NATION", algorithm))]
    store.reopen()
    assert store.service.keys() == made
    assert [store.service.check_value(key_of("NATION", algorithm))] == values


@EACH
def test_components(store: Store, algorithm: Algorithm) -> None:
    """Three custodians' parts of the root of vector A give its card keys."""
    info = combine_nation(store, algorithm)
    assert info.check_value == SUITES[algorithm].check_value(ROOT).hex().upper()
    assert (info.origin, info.state) == ("components", "active")
    assert_vector_a(store, algorithm)
    store.reopen()
    assert store.service.keys() == [info]
    assert_vector_a(store, algorithm)


@EACH
def test_components_that_do_not_make_the_key(store: Store, algorithm: Algorithm) -> None:
    service, spec = store.service, nation(algorithm)
    expected = SUITES[algorithm].check_value(ROOT)
    good = components(ROOT)
    wrong = [*good[:-1], Secret(bytes(reversed(good[-1].reveal())))]
    refused(store, ComponentError, "check value", lambda: service.combine(spec, wrong, expected))
    cut = [*good[:-1], Secret(good[-1].reveal()[:-1])]
    refused(store, ComponentError, "16 bytes", lambda: store.service.combine(spec, cut, expected))
    twice = components(bytes(16), 2)
    zeros = SUITES[algorithm].check_value(bytes(16))
    refused(store, ComponentError, "zeros", lambda: store.service.combine(spec, twice, zeros))
    assert_kept(store)
    combine_nation(store, algorithm)


@EACH
def test_one_custodian_alone(store: Store, algorithm: Algorithm) -> None:
    expected = SUITES[algorithm].check_value(ROOT)
    alone = [Secret(ROOT)]
    spec = nation(algorithm)
    refused(store, ComponentError, "two", lambda: store.service.combine(spec, alone, expected))
    refused(store, ComponentError, "two", lambda: store.service.combine(spec, [], expected))
    assert_kept(store)


@EACH
def test_a_key_is_made_once(store: Store, algorithm: Algorithm) -> None:
    """Its name, version and algorithm are taken for good, by a destroyed key too."""
    combine_nation(store, algorithm)
    spec = nation(algorithm)
    refused(store, KeyExistsError, "NATION", lambda: store.service.generate(spec))
    refused(store, KeyExistsError, "NATION", lambda: combine_nation(store, algorithm))
    assert_vector_a(store, algorithm)
    store.service.destroy("NATION", 1, algorithm)
    refused(store, KeyExistsError, "NATION", lambda: store.service.generate(spec))
    assert_kept(store)


@EACH
def test_destroyed_keys(store: Store, algorithm: Algorithm) -> None:
    """What is left is the entry; nothing is derived any more."""
    info = combine_nation(store, algorithm)
    other = store.service.generate(replace(nation(algorithm), version=2))
    gone = store.service.destroy("NATION", 1, algorithm)
    assert gone.state == "destroyed"
    assert gone.destroyed is not None
    assert (gone.check_value, gone.use) == (info.check_value, info.use)
    for _ in range(2):
        assert store.service.keys() == [gone, other]
        with pytest.raises(DestroyedKeyError, match="was destroyed on"):
            store.service.cryptogram(key_of("NATION", algorithm), bytes(8), bytes(8))
        store.reopen()
    refused(
        store,
        DestroyedKeyError,
        "was destroyed",
        lambda: store.service.destroy("NATION", 1, algorithm),
    )


@EACH
def test_days(store: Store, algorithm: Algorithm) -> None:
    """A key is refused before its first day and after its last, and used on both."""
    combine_nation(store, algorithm)
    today, key = date.today(), key_of("NATION", algorithm)
    expected = store.service.cryptogram(key, bytes(8), bytes(8))
    limits = {
        (today + DAY, None): "not valid before",
        (None, today - DAY): "expired after",
        (today, today): "",
        (None, None): "",
    }
    for (first, last), words in limits.items():
        info = store.service.set_validity("NATION", 1, algorithm, first, last)
        assert (info.valid_from, info.valid_until) == (first, last)
        store.reopen()
        assert store.service.keys() == [info]
        if words:
            with pytest.raises(ExpiredKeyError, match=words):
                store.service.cryptogram(key, bytes(8), bytes(8))
        else:
            assert store.service.cryptogram(key, bytes(8), bytes(8)) == expected


@ONCE
def test_keys_that_are_not_there(store: Store) -> None:
    combine_wrap(store)
    for call in (
        lambda: store.service.destroy("NOKEY", 1, "3des"),
        lambda: store.service.set_validity("NOKEY", 1, "3des", None, None),
        lambda: store.service.export_block("NOKEY", 1, "3des", WRAP),
    ):
        refused(store, UnknownKeyError, "NOKEY version 1", call)
    assert_kept(store)


# Key blocks


def sealed(spec: KeySpec) -> KeyBlock:
    """The root of vector A as a block of another site that has the same transport key."""
    suite = SUITES["sm4" if spec.algorithm == "sm4" else "3des"]
    expected = suite.check_value(ROOT).hex().upper()
    block = KeyBlock("test", spec, expected, WRAP.name, WRAP.version)
    return seal(block, Secret(ROOT), Secret(WRAP_VALUE))


def _import(store: Store, block: KeyBlock) -> KeyInfo:
    info: KeyInfo = store.service.import_block(block)
    return info


@EACH
def test_imported_keys(store: Store, algorithm: Algorithm) -> None:
    """With name, purpose and days as sealed; and it is the same key."""
    combine_wrap(store)
    day = date.today()
    spec = replace(nation(algorithm), valid_from=day, valid_until=day + DAY)
    info = _import(store, KeyBlock.parse(sealed(spec).to_text()))
    assert (info.name, info.version, info.level, info.use) == ("NATION", 1, "N1", "external")
    assert (info.valid_from, info.valid_until) == (day, day + DAY)
    assert (info.origin, info.environment, info.state) == ("block", "test", "active")
    assert_vector_a(store, algorithm)
    store.reopen()
    listed = store.service.keys()
    assert info in listed
    assert_vector_a(store, algorithm)


@pytest.mark.parametrize(
    ("implementation", "algorithm"), [case for case in offering("KeyStore") if case[0] == "vault"]
)
def test_exported_keys(store: Store, algorithm: Algorithm) -> None:
    """Everybody with the same transport key reads what the vault has sealed."""
    combine_wrap(store)
    combine_nation(store, algorithm)
    day = date.today()
    sent = store.service.set_validity("NATION", 1, algorithm, day, day + DAY)
    block = store.service.export_block("NATION", 1, algorithm, WRAP)
    again = KeyBlock.parse(block.to_text())
    assert again.spec == replace(nation(algorithm), valid_from=day, valid_until=day + DAY)
    assert again.check_value == sent.check_value
    assert unseal(again, Secret(WRAP_VALUE)) == Secret(ROOT)


@pytest.mark.parametrize("implementation", ["pkcs11-host", "pkcs11-token"])
def test_an_hsm_gives_no_key_away(store: Store) -> None:
    """Its keys are not extractable, under a transport key neither."""
    combine_wrap(store)
    combine_nation(store)
    refused(
        store,
        NotExtractableError,
        "NATION version 1",
        lambda: store.service.export_block("NATION", 1, "3des", WRAP),
    )
    assert_kept(store)
    assert_vector_a(store, "3des")


@EACH
def test_altered_blocks(store: Store, algorithm: Algorithm) -> None:
    """Nothing of it can be changed: name, purpose, wrapped key, MAC."""
    combine_wrap(store)
    block = sealed(nation(algorithm))
    flipped = bytes((block.wrapped[0] ^ 1,)) + block.wrapped[1:]
    for altered in (
        replace(block, spec=replace(block.spec, version=9)),
        replace(block, spec=replace(block.spec, use="internal")),
        replace(block, spec=replace(block.spec, valid_until=date.today())),
        replace(block, wrapped=flipped),
        replace(block, wrapped=block.wrapped[:-8]),
        replace(block, mac=block.mac[::-1]),
        replace(block, mac=b""),
    ):
        refused(store, KeyBlockError, "altered", partial(_import, store, altered))
    assert_kept(store)
    _import(store, block)
    assert_vector_a(store, algorithm)


@ONCE
def test_a_block_of_the_other_environment(store: Store) -> None:
    """Production keys do not come among test keys."""
    combine_wrap(store)
    block = replace(sealed(nation()), environment="production")
    block = seal(block, Secret(ROOT), Secret(WRAP_VALUE))
    refused(store, EnvironmentMismatchError, "production", partial(_import, store, block))
    assert_kept(store)


@ONCE
def test_a_block_under_another_transport_key(store: Store) -> None:
    combine_wrap(store)
    store.service.generate(replace(WRAP, name="OTHER"))
    block = sealed(nation())
    other = replace(block, under_name="OTHER")
    refused(store, KeyBlockError, "OTHER", partial(_import, store, other))
    unknown = replace(block, under_name="NOKEY")
    refused(store, UnknownKeyError, "NOKEY", partial(_import, store, unknown))
    assert_kept(store)


@ONCE
def test_a_block_of_a_key_that_is_there(store: Store) -> None:
    combine_wrap(store)
    combine_nation(store)
    refused(store, KeyExistsError, "NATION", partial(_import, store, sealed(nation())))
    assert_kept(store)


@ONCE
def test_only_transport_keys_protect_keys(store: Store) -> None:
    combine_wrap(store)
    store.service.generate(replace(nation(), name="PUK"))
    block = replace(sealed(nation()), under_name="PUK")
    refused(store, SscardError, "PUK", partial(_import, store, block))
    assert_kept(store)
