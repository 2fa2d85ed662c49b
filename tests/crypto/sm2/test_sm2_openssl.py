"""How OpenSSL is used: its handles, its list of errors, its secrets, its versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cffi import FFI
from tests.support.sm2_backends import (
    CIPHER,
    DIGEST,
    MESSAGE,
    OPENSSL,
    PAIR,
    SIGNATURE,
    vector,
)

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import openssl_library
from sscard_ic.crypto.openssl_library import Library, OpensslAbsent, library_names, open_library
from sscard_ic.crypto.sm2 import Sm2, Sm2Error, forms, providers
from sscard_ic.crypto.sm2.by_openssl import ByOpenssl
from sscard_ic.crypto.sm2.provider import probe_openssl

_LIBRARY = open_library(library_names())
_OFF_CURVE = bytes(63) + b"\x01"

_MAKERS = {
    "EVP_PKEY_CTX_new_from_name": "EVP_PKEY_CTX_free",
    "EVP_PKEY_CTX_new_from_pkey": "EVP_PKEY_CTX_free",
    "EVP_PKEY_keygen": "EVP_PKEY_free",
    "EVP_PKEY_fromdata": "EVP_PKEY_free",
    "EVP_PKEY_get_bn_param": "BN_clear_free",
    "BN_bin2bn": "BN_clear_free",
    "EC_GROUP_new_by_curve_name": "EC_GROUP_free",
    "EC_POINT_new": "EC_POINT_free",
}


class _Watched:
    """The functions of a library: those in ``instead`` are others, all are listened to."""

    def __init__(self, **instead: Callable[..., Any]) -> None:
        self.made: Counter[str] = Counter()
        self.freed: Counter[str] = Counter()
        self.wiped: list[Any] = []
        self._instead = instead

    @property
    def library(self) -> Library:
        return replace(_LIBRARY, functions=self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = self._instead.get(name) or getattr(_LIBRARY.functions, name)

        def call(*arguments: Any) -> Any:
            answer = function(*arguments)
            if name in _MAKERS and answer:
                self.made[_MAKERS[name]] += 1
            elif name in _MAKERS.values() and arguments[0]:
                self.freed[name] += 1
            elif name == "OPENSSL_cleanse":
                self.wiped.append(arguments)
            return answer

        return call


def _everything(sm2: Sm2) -> None:
    """Each operation once with success, and refused in each way that OpenSSL itself refuses."""
    sm2.generate()
    sm2.public_of(PAIR.private)
    sm2.check_public(PAIR.public)
    sm2.sign(PAIR.private, DIGEST)
    assert sm2.verify(PAIR.public, DIGEST, SIGNATURE)
    assert not sm2.verify(PAIR.public, DIGEST[::-1], SIGNATURE)
    assert sm2.decrypt(PAIR.private, sm2.encrypt(PAIR.public, MESSAGE)).reveal() == MESSAGE
    for refused in (
        lambda: sm2.check_public(_OFF_CURVE),
        lambda: sm2.verify(_OFF_CURVE, DIGEST, SIGNATURE),
        lambda: sm2.encrypt(_OFF_CURVE, MESSAGE),
        lambda: sm2.decrypt(PAIR.private, _OFF_CURVE + CIPHER[64:]),
        lambda: sm2.decrypt(PAIR.private, CIPHER[:-1] + b"\x00"),
    ):
        with pytest.raises(Sm2Error):
            refused()


def test_every_handle_is_freed() -> None:
    watched = _Watched()
    _everything(ByOpenssl(watched.library))
    assert set(watched.made) == set(_MAKERS.values())
    assert watched.made == watched.freed


@pytest.mark.parametrize(
    "failing",
    [
        "EVP_PKEY_CTX_new_from_name",
        "EVP_PKEY_CTX_new_from_pkey",
        "EVP_PKEY_keygen_init",
        "EVP_PKEY_keygen",
        "EVP_PKEY_get_bn_param",
        "EVP_PKEY_get_octet_string_param",
        "EVP_PKEY_fromdata_init",
        "EVP_PKEY_fromdata",
        "EVP_PKEY_sign_init",
        "EVP_PKEY_sign",
        "EVP_PKEY_verify_init",
        "EVP_PKEY_encrypt_init",
        "EVP_PKEY_encrypt",
        "EVP_PKEY_decrypt_init",
        "EVP_PKEY_decrypt",
        "BN_bin2bn",
        "EC_GROUP_new_by_curve_name",
        "EC_POINT_new",
        "EC_POINT_mul",
        "EC_POINT_oct2point",
        "EC_POINT_point2oct",
    ],
)
def test_every_failure_is_an_error_and_frees_what_was_made(failing: str) -> None:
    nothing = _LIBRARY.ffi.NULL if "_new" in failing or failing == "BN_bin2bn" else 0
    watched = _Watched(**{failing: lambda *_: nothing})
    sm2 = ByOpenssl(watched.library)
    failures = 0
    for job in (
        sm2.generate,
        lambda: sm2.public_of(PAIR.private),
        lambda: sm2.check_public(PAIR.public),
        lambda: sm2.sign(PAIR.private, DIGEST),
        lambda: sm2.verify(PAIR.public, DIGEST, SIGNATURE),
        lambda: sm2.encrypt(PAIR.public, MESSAGE),
        lambda: sm2.decrypt(PAIR.private, CIPHER),
    ):
        try:
            job()
        except Sm2Error:
            failures += 1
    assert failures
    assert watched.made == watched.freed


def test_a_failing_verification_is_no_signature() -> None:
    watched = _Watched(EVP_PKEY_verify=lambda *_: -1)
    assert ByOpenssl(watched.library).verify(PAIR.public, DIGEST, SIGNATURE) is False


def test_secrets_are_wiped() -> None:
    watched = _Watched()
    sm2 = ByOpenssl(watched.library)
    for job, lengths in (
        (sm2.generate, [32]),
        (lambda: sm2.sign(PAIR.private, DIGEST), [32]),
        (lambda: sm2.decrypt(PAIR.private, CIPHER), [32, len(MESSAGE)]),
    ):
        watched.wiped.clear()
        job()
        assert [length for _, length in watched.wiped] == lengths
        assert not any(any(bytes(_LIBRARY.ffi.buffer(buffer))) for buffer, _ in watched.wiped)


def test_a_private_key_is_computed_with_in_constant_time() -> None:
    """OpenSSL is asked for it before the number meets the point; whether it obeys is its own."""
    told: list[tuple[str, Any]] = []
    functions = _LIBRARY.functions

    def flag(number: Any, flags: int) -> None:
        told.append(("constant time" if flags == 0x04 else "other", number))
        functions.BN_set_flags(number, flags)

    def multiply(group: Any, point: Any, number: Any, *others: Any) -> Any:
        told.append(("multiply", number))
        return functions.EC_POINT_mul(group, point, number, *others)

    watched = _Watched(BN_set_flags=flag, EC_POINT_mul=multiply)
    assert ByOpenssl(watched.library).public_of(PAIR.private) == PAIR.public
    assert [what for what, _ in told] == ["constant time", "multiply"]
    assert told[0][1] == told[1][1]


def test_errors_of_others_stay_and_ours_go() -> None:
    ffi = FFI()
    ffi.cdef("""
        void ERR_clear_error(void);
        unsigned long ERR_get_error(void);
        unsigned long ERR_peek_last_error(void);
        void *EVP_PKEY_CTX_new_from_name(void *, char *, void *);
    """)
    others = ffi.dlopen(_LIBRARY.name)
    others.ERR_clear_error()
    _everything(OPENSSL)
    assert others.ERR_peek_last_error() == 0
    assert not others.EVP_PKEY_CTX_new_from_name(ffi.NULL, ffi.new("char[]", b"NONE"), ffi.NULL)
    before = others.ERR_peek_last_error()
    assert before
    _everything(OPENSSL)
    assert others.ERR_get_error() == before
    assert others.ERR_get_error() == 0


def test_key_stream_of_zeros_is_drawn_again() -> None:
    """An OpenSSL of before 2024 gives the message in clear in one of 256 ciphertexts of a byte."""
    weak = forms.cipher_to_der(vector("zero_key_stream", "c1", "c3", "c2"))
    scripted = [weak, weak]

    def encrypt(context: Any, out: Any, length: Any, message: bytes, size: int) -> int:
        if out != _LIBRARY.ffi.NULL and scripted:
            der = scripted.pop()
            _LIBRARY.ffi.buffer(out)[: len(der)] = der
            length[0] = len(der)
            return 1
        return int(_LIBRARY.functions.EVP_PKEY_encrypt(context, out, length, message, size))

    cipher = ByOpenssl(_Watched(EVP_PKEY_encrypt=encrypt).library).encrypt(PAIR.public, b"M")
    assert not scripted
    assert cipher[96:] != b"M"
    assert OPENSSL.decrypt(PAIR.private, cipher).reveal() == b"M"


def test_key_stream_of_zeros_is_refused() -> None:
    """The same OpenSSL decrypts such a ciphertext."""

    def decrypt(context: Any, out: Any, length: Any, cipher: bytes, size: int) -> int:
        out[0], length[0] = ord("M"), 1
        return 1

    sm2 = ByOpenssl(_Watched(EVP_PKEY_decrypt=decrypt).library)
    assert sm2.decrypt(PAIR.private, CIPHER[:97]).reveal() == b"M"
    with pytest.raises(Sm2Error, match="damaged"):
        sm2.decrypt(PAIR.private, vector("zero_key_stream", "c1", "c3", "c2"))


def test_eight_threads() -> None:
    def work(turn: int) -> bool:
        digest, pair = bytes((turn,)) * 32, OPENSSL.generate()
        signature = OPENSSL.sign(pair.private, digest)
        with suppress(Sm2Error):
            OPENSSL.check_public(_OFF_CURVE)
        message = OPENSSL.decrypt(pair.private, OPENSSL.encrypt(pair.public, digest))
        return (
            OPENSSL.verify(pair.public, digest, signature)
            and not OPENSSL.verify(PAIR.public, digest, signature)
            and message == Secret(digest)
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(64)))


def _opened_as(monkeypatch: pytest.MonkeyPatch, functions: dict[str, Any]) -> None:
    """Every name opens, as a library that offers ``functions`` and nothing else."""

    class _Opener(FFI):  # type: ignore[misc]
        def dlopen(self, name: str, flags: int = 0) -> Any:
            return type("Functions", (), {key: staticmethod(f) for key, f in functions.items()})

    monkeypatch.setattr(openssl_library, "FFI", _Opener)


def test_an_old_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened_as(monkeypatch, {"OpenSSL_version_num": lambda: 0x1010117F})
    with pytest.raises(OpensslAbsent, match=r"libcrypto\.so is older than OpenSSL 3") as caught:
        open_library(["libcrypto.so"])
    assert "libcrypto.so" in caught.value.reason.zh
    backend = probe_openssl(["libcrypto.so"])
    assert backend.absent == caught.value.reason


def test_an_openssl_that_lacks_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened_as(monkeypatch, {"OpenSSL_version_num": lambda: 0x50000000})
    backend = probe_openssl(["libcrypto.so.5"])
    assert backend.sm2 is None
    assert backend.absent is not None
    assert backend.absent.en.startswith("libcrypto cannot be used")


def test_an_openssl_without_sm2(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = _Watched(EVP_PKEY_CTX_new_from_name=lambda *_: _LIBRARY.ffi.NULL)
    monkeypatch.setattr(openssl_library, "machine_library", lambda: watched.library)
    backend = probe_openssl()
    assert backend.sm2 is None
    assert backend.absent is not None
    assert "has no SM2, or gives wrong answers" in backend.absent.en


def test_names_on_windows_are_whole_paths(tmp_path: Path) -> None:
    (tmp_path / "libcrypto-3-x64.dll").touch()
    (tmp_path / "libcrypto-3.dll").touch()
    search = [str(tmp_path / "none"), ".", str(tmp_path)]
    assert library_names("win32", search) == (
        str(tmp_path / "libcrypto-3-x64.dll"),
        str(tmp_path / "libcrypto-3.dll"),
    )


def test_names_on_macos_are_whole_paths_of_version_3() -> None:
    names = library_names("darwin")
    assert names
    assert all(name.startswith("/") and name.endswith("/libcrypto.3.dylib") for name in names)


def test_names_elsewhere() -> None:
    assert library_names("linux")[0] == "libcrypto.so.3"
    assert providers()[0].sm2 is OPENSSL
