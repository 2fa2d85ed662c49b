"""What new keys must be like, and how parts are joined."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import reduce
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.base import InputError, Secret
from sscard_ic.crypto import des
from sscard_ic.keys import new_keys
from sscard_ic.keys.errors import ComponentError, HardwareOnlyError
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import KeySpec, RootAlgorithm

SPEC = KeySpec("UKSSSE", 4, "P1", "external")
DES = replace(SPEC, algorithm="des")
SM4 = replace(SPEC, algorithm="sm4")
WRAP = KeySpec("ZMK", 1, "site", "wrap", "aes")


def _xor(*values: bytes) -> bytes:
    return reduce(lambda one, other: bytes(a ^ b for a, b in zip(one, other, strict=True)), values)


def test_the_weak_keys_of_des_encrypt_and_decrypt_alike() -> None:
    """What makes the table one of weak keys: each undoes itself, or one other undoes it."""
    text = bytes(range(8))
    weak = new_keys._WEAK
    assert len(weak) == 16
    own = {key for key in weak if des.encrypt(key, des.encrypt(key, text)) == text}
    assert len(own) == 4
    for key in weak - own:
        others = [each for each in weak if des.encrypt(each, des.encrypt(key, text)) == text]
        assert len(others) == 1


@pytest.mark.parametrize("spec", [DES, SPEC, SM4, WRAP], ids=lambda spec: spec.algorithm)
def test_generated_keys_are_as_long_as_their_algorithm_wants(spec: KeySpec) -> None:
    values = [new_keys.generated(spec) for _ in range(50)]
    assert {len(value) for value in values} == {spec.length}
    assert len({value.reveal() for value in values}) == 50
    assert not any(new_keys.is_weak(spec, value) for value in values)


def test_generation_goes_on_until_a_key_is_strong(monkeypatch: pytest.MonkeyPatch) -> None:
    half, strong = bytes.fromhex("0123456789ABCDEF"), bytes(range(16))
    answers = [
        bytes(16),
        half * 2,
        half + _xor(half, b"\x01" * 8),
        bytes.fromhex("1E1E1E1E0F0F0F0F") + half,
        strong,
    ]
    drawn = iter(answers)
    monkeypatch.setattr("secrets.token_bytes", lambda length: next(drawn))
    assert new_keys.generated(SPEC) == Secret(strong)


@given(st.sampled_from([DES, SPEC, SM4, WRAP]), st.integers(2, 5), st.binary())
def test_components_are_joined_by_xor(spec: KeySpec, count: int, seed: bytes) -> None:
    digests = (sha256(seed + bytes((number,))).digest() for number in range(count))
    parts = [digest[: spec.length] for digest in digests]
    whole = Secret(_xor(*parts))
    components = [Secret(part) for part in parts]
    assert new_keys.combined(spec, components, None) == whole
    assert new_keys.combined(spec, components, check_value(spec.algorithm, whole)) == whole
    assert [component.reveal() for component in components] == parts


_A, _B = bytes(range(16)), bytes(range(100, 116))


@pytest.mark.parametrize(
    ("spec", "parts", "why"),
    [
        (SPEC, [], "two components at least"),
        (SPEC, [_A], "two components at least"),
        (SPEC, [_A, _B[:8]], "component 2 must have 16 bytes"),
        (SPEC, [_A + b"\x00", _B], "component 1 must have 16 bytes"),
        (SPEC, [_A, _A], "all zeros"),
        (SPEC, [_A, _xor(_A, b"\x01" * 16)], "all zeros"),
        (SPEC, [_A, bytes(16)], "one component alone would be the key"),
        (SPEC, [_A, _B, _A], "one component alone would be the key"),
        (SM4, [_A, _A], "all zeros"),
        (SPEC, [_A, _xor(_A, b"\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08" * 2)], "weak one"),
        (SPEC, [_A, _xor(_A, b"\x0f" * 8 + b"\x0e" * 8)], "weak one"),
        (DES, [_A[:8], _xor(_A[:8], bytes.fromhex("E0E0E0E0F1F1F1F1"))], "weak one"),
    ],
)
def test_components_that_make_no_key(spec: KeySpec, parts: list[bytes], why: str) -> None:
    with pytest.raises(ComponentError, match=why) as caught:
        new_keys.combined(spec, [Secret(part) for part in parts], None, "vault.json")
    error = caught.value
    assert error.where == "vault.json"
    assert error.hint is not None
    for part in parts:
        for text in (error.render("zh"), error.render("en"), repr(error)):
            assert part.hex() not in text.lower()


@pytest.mark.parametrize(
    ("spec", "bits"),
    [
        (SPEC, "00" * 16),
        (SPEC, "0101010101010101 FEFEFEFEFEFEFEFE"),
        (SPEC, "0000000000000000 FFFFFFFFFFFFFFFF"),  # the same without their parity
        (DES, "1F011F010E010E01"),
        (SM4, "00" * 16),
        (WRAP, "00" * 32),
    ],
)
def test_weak_keys_are_known_by_their_check_values(spec: KeySpec, bits: str) -> None:
    value = Secret(bytes.fromhex(bits))
    assert new_keys.is_weak(spec, value)
    with pytest.raises(InputError, match="a weak key"):
        new_keys.require_strong_by_check_value(spec, check_value(spec.algorithm, value), "token")


@pytest.mark.parametrize("spec", [SPEC, DES, SM4, WRAP], ids=lambda spec: spec.algorithm)
def test_sound_keys_have_other_check_values(spec: KeySpec) -> None:
    value = Secret(sha256(b"sound").digest()[: spec.length])
    new_keys.require_strong_by_check_value(spec, check_value(spec.algorithm, value))
    hardware = replace(spec, algorithm="sm1") if spec is SPEC else spec
    new_keys.require_strong_by_check_value(hardware, b"\x01\x02\x03")


def test_another_check_value_than_expected() -> None:
    whole = Secret(_xor(_A, _B))
    expected = check_value("3des", whole)
    components = [Secret(_A), Secret(_B)]
    assert new_keys.combined(SPEC, components, expected) == whole
    for wrong in (b"", expected[:2], expected + b"\x00", _xor(expected, b"\x00\x00\x01")):
        with pytest.raises(ComponentError, match="check value"):
            new_keys.combined(SPEC, components, wrong)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (replace(SPEC, name=""), "letters, digits"),
        (replace(SPEC, name="-K"), "letters, digits"),
        (replace(SPEC, name="K|1"), "letters, digits"),
        (replace(SPEC, name="K" * 33), "letters, digits"),
        (replace(SPEC, name="K\n"), "letters, digits"),
        (replace(SPEC, version=0), "1 to 255"),
        (replace(SPEC, version=256), "1 to 255"),
        (replace(SPEC, use="wrap"), "AES key of level site"),
        (replace(WRAP, algorithm="3des"), "AES key of level site"),
        (replace(SPEC, algorithm="aes"), "AES key of level site"),
        (replace(SPEC, level="site"), "AES key of level site"),
        (
            replace(SPEC, valid_from=date(2026, 1, 2), valid_until=date(2026, 1, 1)),
            "before the first day",
        ),
    ],
)
def test_descriptions_that_contradict_themselves(spec: KeySpec, why: str) -> None:
    with pytest.raises(InputError, match=why):
        new_keys.require_sound(spec)


def test_descriptions_that_are_sound() -> None:
    one_day = replace(SPEC, valid_from=date(2026, 1, 1), valid_until=date(2026, 1, 1))
    for spec in (SPEC, DES, SM4, WRAP, one_day, replace(SPEC, name="k.1_-", version=255)):
        new_keys.require_sound(spec)
        new_keys.require_software(spec)


@pytest.mark.parametrize("algorithm", ["sm1", "ssf33"])
def test_algorithms_that_only_hardware_has(algorithm: RootAlgorithm) -> None:
    with pytest.raises(HardwareOnlyError, match="not published"):
        new_keys.require_software(replace(SPEC, algorithm=algorithm))
