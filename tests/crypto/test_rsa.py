"""Raw RSA: by OpenSSL, by Python, and by the `openssl` command as a third opinion."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import openssl_library, rsa_provider
from sscard_ic.crypto.openssl_library import OpensslAbsent
from sscard_ic.crypto.rsa import RsaPrivate, RsaPublic, private_from_der, private_to_der
from sscard_ic.crypto.rsa_openssl import OpensslRefused, RsaByOpenssl
from sscard_ic.crypto.rsa_provider import Rsa, RsaByPython

_FOLDER = Path(__file__).parents[1] / "vectors"
_CARD: dict[str, Any] = tomllib.loads((_FOLDER / "debit_card.toml").read_text("utf-8"))["rsa"]
_OFFLINE = tomllib.loads((_FOLDER / "financial_offline.toml").read_text("utf-8"))
_SAMPLES = [*_OFFLINE["rsa_key"], _CARD | {"exponent": 3, "source": "ref 04 appendix D"}]
_PARTS = ("p", "q", "exponent_p", "exponent_q", "coefficient")


def _key(row: dict[str, Any]) -> RsaPrivate:
    return RsaPrivate.of_components(*(bytes.fromhex(row[name]) for name in _PARTS))


_KEYS = {row["source"]: _key(row) for row in _SAMPLES}
_LIBRARIES: dict[str, Rsa] = {
    "openssl": RsaByOpenssl(openssl_library.machine_library()),
    "python": RsaByPython(),
}
_each_key = pytest.mark.parametrize("key", _KEYS.values(), ids=_KEYS.keys())
_each_library = pytest.mark.parametrize("rsa", _LIBRARIES.values(), ids=_LIBRARIES.keys())


@pytest.fixture(autouse=True)
def _probed_anew() -> Iterator[None]:
    yield
    rsa_provider.provider.cache_clear()


@pytest.mark.parametrize("row", _SAMPLES, ids=_KEYS.keys())
def test_a_key_of_the_five_parts_that_a_card_holds(row: dict[str, Any]) -> None:
    key = _key(row)
    assert key.exponent == row["exponent"]
    p, q = (int(row[name], 16) for name in "pq")
    assert key == RsaPrivate.of_crt(p, q, row["exponent"])
    assert key.public == RsaPublic(p * q, row["exponent"])
    assert [part.reveal().hex().upper() for part in key.components()] == [
        row[name] for name in _PARTS
    ]
    if "modulus" in row:
        assert key.public.modulus_bytes.hex().upper() == row["modulus"]


@pytest.mark.parametrize(
    ("one", "other"), [("p", "q"), ("exponent_p", "exponent_q"), ("q", "coefficient")]
)
def test_exchanged_parts_are_refused(one: str, other: str) -> None:
    """Files of some banks exchange them (ref 04 §7.5)."""
    row = _SAMPLES[0]
    with pytest.raises(ValueError, match="do not belong together"):
        _key(row | {one: row[other], other: row[one]})


@pytest.mark.parametrize("name", _PARTS)
@pytest.mark.parametrize("value", ["00", "01", "02", "FF"])
def test_parts_of_nothing_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        _key(_SAMPLES[0] | {name: value})


def test_an_exponent_that_does_not_fit_the_primes() -> None:
    p, q = 2**255 - 19, 2**256 - 189
    assert p % 3 == 1
    with pytest.raises(ValueError, match="do not belong together"):
        RsaPrivate.of_crt(p, q, 3)
    with pytest.raises(ValueError, match="do not belong together"):
        RsaPrivate.of_crt(p, p, 65537)


def test_a_private_key_shows_nothing() -> None:
    key = _KEYS["ref 04 appendix D"]
    assert repr(key) == "RsaPrivate(exponent=3)"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


@_each_library
@_each_key
@settings(max_examples=20)
@given(fraction=st.fractions(0, 1))
def test_private_and_public_undo_each_other(rsa: Rsa, key: RsaPrivate, fraction: Fraction) -> None:
    operation, modulus = rsa.operation(key), key.public.modulus
    number = int(fraction * (modulus - 1))
    block = number.to_bytes(key.length, "big")
    made = operation(block)
    assert key.public.apply(made) == block
    assert operation(key.public.apply(block)) == block
    assert int.from_bytes(made, "big") == pow(number, key.private_exponent, modulus)


@_each_key
def test_blocks_out_of_range(key: RsaPrivate) -> None:
    for apply in (key.apply, key.public.apply):
        with pytest.raises(ValueError, match="bytes for a key of"):
            apply(bytes(key.length - 1))
        with pytest.raises(ValueError, match="not below the modulus"):
            apply(key.public.modulus_bytes)
    assert key.apply(bytes(key.length)) == bytes(key.length)


def test_the_command_agrees(tmp_path: Path) -> None:
    key = RsaPrivate.generate(1152)
    assert (key.length, key.exponent) == (144, 3)
    file = tmp_path / "key.der"
    file.write_bytes(private_to_der(key).reveal())
    block = bytes(range(144))
    told = subprocess.run(
        ["openssl", "rsautl", "-decrypt", "-raw", "-keyform", "DER", "-inkey", str(file)],
        input=block,
        capture_output=True,
        check=True,
    )
    assert key.apply(block) == told.stdout
    checked = subprocess.run(
        ["openssl", "rsa", "-inform", "DER", "-in", str(file), "-check", "-noout"],
        capture_output=True,
        check=True,
    )
    assert b"RSA key ok" in checked.stdout


@_each_key
def test_der_there_and_back(key: RsaPrivate) -> None:
    assert private_from_der(private_to_der(key)) == key


def test_der_of_something_else() -> None:
    der = private_to_der(_KEYS["ref 04 appendix D"]).reveal()
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    for wrong in (b"", der[:-1], curve, bytes(40)):
        with pytest.raises(ValueError, match="no private key of RSA"):
            private_from_der(Secret(wrong))


@pytest.mark.parametrize(
    ("modulus", "exponent"), [(0, 3), (16, 3), (15, 1), (15, 15), (15, 0), (-15, 3)]
)
def test_numbers_that_are_no_public_key(modulus: int, exponent: int) -> None:
    with pytest.raises(ValueError, match="no public key"):
        RsaPublic(modulus, exponent)


def test_openssl_is_taken_here() -> None:
    assert rsa_provider.provider().library.startswith("OpenSSL 3.")


def _absent() -> openssl_library.Library:
    raise OpensslAbsent(Text("没有", "none"))


def _lame() -> openssl_library.Library:
    """A library that lacks a function."""
    return replace(openssl_library.open_library(openssl_library.library_names()), functions=None)


@pytest.mark.parametrize("library", [_absent, _lame])
def test_python_stands_in(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    monkeypatch.setattr(openssl_library, "machine_library", library)
    rsa_provider.provider.cache_clear()
    assert rsa_provider.provider().library == "Python"
    key = _key(_SAMPLES[0])
    assert key.public.apply(key.apply(bytes(key.length - 1) + b"\x05"))[-1] == 5


def test_python_stands_in_without_cffi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sscard_ic.crypto.openssl_library", None)
    assert rsa_provider.probe_openssl() is None


class _Instead:
    """The functions of the library, one of them another."""

    def __init__(self, name: str, function: Any) -> None:
        self._own = openssl_library.machine_library().functions
        self._instead = {name: function}

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._own, name)


@pytest.mark.parametrize(
    "name",
    [
        "EVP_PKEY_fromdata_init",
        "EVP_PKEY_fromdata",
        "EVP_PKEY_decrypt_init",
        "EVP_PKEY_CTX_set_rsa_padding",
        "EVP_PKEY_decrypt",
    ],
)
def test_python_stands_in_for_an_openssl_that_refuses(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    library = replace(openssl_library.machine_library(), functions=_Instead(name, lambda *_: 0))
    key = _key(_SAMPLES[0])
    with pytest.raises(OpensslRefused, match="the private key"):
        RsaByOpenssl(library).operation(key)(bytes(key.length))
    monkeypatch.setattr(openssl_library, "machine_library", lambda: library)
    rsa_provider.provider.cache_clear()
    assert rsa_provider.provider().library == "Python"


def test_python_stands_in_for_an_openssl_that_answers_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def untouched(*_: Any) -> int:
        return 1

    library = replace(
        openssl_library.machine_library(), functions=_Instead("EVP_PKEY_decrypt", untouched)
    )
    monkeypatch.setattr(openssl_library, "machine_library", lambda: library)
    rsa_provider.provider.cache_clear()
    assert rsa_provider.provider().library == "Python"


def test_handles_are_freed_and_parts_wiped() -> None:
    own = openssl_library.machine_library()
    made: list[Any] = []
    freed: list[Any] = []
    wiped: list[Any] = []

    def note(seen: list[Any], function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            result = function(*arguments)
            seen.append(arguments)
            return result

        return call

    class Watched:
        EVP_PKEY_fromdata = staticmethod(note(made, own.functions.EVP_PKEY_fromdata))
        EVP_PKEY_free = staticmethod(note(freed, own.functions.EVP_PKEY_free))
        OPENSSL_cleanse = staticmethod(note(wiped, own.functions.OPENSSL_cleanse))

        def __getattr__(self, name: str) -> Any:
            return getattr(own.functions, name)

    key = _key(_SAMPLES[0])
    operation = RsaByOpenssl(replace(own, functions=Watched())).operation(key)
    operation(bytes(key.length))
    assert len(made) == 1
    assert not freed
    assert len(wiped) == 8
    assert all(bytes(own.ffi.buffer(room, size)) == bytes(size) for room, size in wiped)
    del operation
    assert len(freed) == 1


def test_eight_threads() -> None:
    key = _key(_SAMPLES[1])
    blocks = [bytes((turn,)).rjust(key.length, b"\x01") for turn in range(64)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(key.apply, blocks))
    assert [key.public.apply(block) for block in made] == blocks
