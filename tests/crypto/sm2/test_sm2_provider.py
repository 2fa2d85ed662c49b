"""Which library is taken, and what is said of those that are absent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.sm2_backends import GMALG, MESSAGE, OPENSSL, PAIR

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2 import KeyPair, Sm2, Sm2Error, provider, providers
from sscard_ic.crypto.sm2.by_gmalg import ByGmalg
from sscard_ic.crypto.sm2.provider import Backend, choose, probe_openssl
from sscard_ic.crypto.sm2.self_test import answers_right

_NONE = ("libcrypto-none.so.3", "libcrypto-none.so.4")


def _probes(*absent: str) -> dict[str, Callable[[], Backend]]:
    reason = Text("没有安装", "not installed")
    backends = (Backend("openssl", OPENSSL), Backend("gmalg", GMALG))
    return {
        each.name: (lambda each=each: each)  # type: ignore[misc]
        if each.name not in absent
        else (lambda each=each: Backend(each.name, None, reason))  # type: ignore[misc]
        for each in backends
    }


def test_openssl_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSCARD_SM2", raising=False)
    assert provider() is OPENSSL
    monkeypatch.setenv("SSCARD_SM2", "")
    assert provider() is OPENSSL


@pytest.mark.parametrize("name", ["openssl", "gmalg"])
def test_one_is_forced(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SSCARD_SM2", name)
    assert provider().name == name


@pytest.mark.parametrize("name", ["OpenSSL", "gmssl", " "])
def test_unknown_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SSCARD_SM2", name)
    with pytest.raises(InputError) as caught:
        provider()
    assert caught.value.where == "SSCARD_SM2"
    assert "openssl | gmalg" in caught.value.render("zh")
    assert "openssl | gmalg" in caught.value.render("en")


def test_both_are_listed() -> None:
    assert [backend.name for backend in providers()] == ["openssl", "gmalg"]
    for backend in providers():
        assert backend.absent is None
        assert backend.sm2 is not None
        assert backend.sm2.name == backend.name
    assert OPENSSL.library.startswith("OpenSSL 3.")
    assert "libcrypto" in OPENSSL.library
    assert GMALG.library.startswith("gmalg 1.")


def test_gmalg_stands_in() -> None:
    assert choose("", _probes("openssl")) is GMALG


def test_only_what_is_needed_is_probed() -> None:
    def never() -> Backend:
        raise AssertionError("probed")

    assert choose("", _probes() | {"gmalg": never}) is OPENSSL
    assert choose("gmalg", _probes() | {"openssl": never}) is GMALG


@pytest.mark.parametrize("name", ["openssl", "gmalg"])
def test_forced_and_absent(name: str) -> None:
    with pytest.raises(InputError) as caught:
        choose(name, _probes(name))
    error = caught.value
    assert error.where == "SSCARD_SM2"
    assert error.what == Text(
        f"SM2 程序库 {name} 不可用；没有安装", f"the SM2 library {name} is absent; not installed"
    )
    assert error.hint is not None
    assert "取消设置" in error.hint.zh
    assert "unset" in error.hint.en


def test_nothing_there() -> None:
    with pytest.raises(InputError, match="no SM2 library; not installed; not installed") as caught:
        choose("", _probes("openssl", "gmalg"))
    assert caught.value.hint is not None
    assert "gmalg" in caught.value.hint.en


def test_no_library_of_openssl() -> None:
    backend = probe_openssl(_NONE)
    assert backend.sm2 is None
    assert backend.absent is not None
    assert backend.absent.en == f"no libcrypto of OpenSSL 3 ({', '.join(_NONE)})"
    assert ", ".join(_NONE) in backend.absent.zh


def test_a_library_that_is_something_else() -> None:
    backend = probe_openssl(["libc.so.6"])
    assert backend.sm2 is None
    assert backend.absent is not None
    assert "libc.so.6" in backend.absent.en


def test_the_next_name_is_tried() -> None:
    backend = probe_openssl([*_NONE, "libc.so.6", "libcrypto.so.3"])
    assert backend.sm2 is not None
    assert backend.sm2.library.endswith("(libcrypto.so.3)")


class _WrongPublic(ByGmalg):
    def public_of(self, private: Secret) -> bytes:
        return OPENSSL.public_of(private)[::-1]


class _WrongPair(ByGmalg):
    def generate(self) -> KeyPair:
        return KeyPair(OPENSSL.generate().private, PAIR.public)


class _OffCurve(ByGmalg):
    def generate(self) -> KeyPair:
        return KeyPair(OPENSSL.generate().private, bytes(64))


class _AlwaysTrue(ByGmalg):
    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        return True


class _AlwaysFalse(ByGmalg):
    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        return False


class _WrongSignature(ByGmalg):
    def sign(self, private: Secret, digest: bytes) -> bytes:
        return bytes(63) + b"\x01"


class _WrongMessage(ByGmalg):
    def decrypt(self, private: Secret, cipher: bytes) -> Secret:
        return Secret(MESSAGE[::-1])


class _WrongCipher(ByGmalg):
    def encrypt(self, public: bytes, message: bytes) -> bytes:
        return OPENSSL.encrypt(public, message[::-1])


class _Refusing(ByGmalg):
    def sign(self, private: Secret, digest: bytes) -> bytes:
        raise Sm2Error("cannot")


@pytest.mark.parametrize(
    "wrong",
    [
        _WrongPublic,
        _WrongPair,
        _OffCurve,
        _AlwaysTrue,
        _AlwaysFalse,
        _WrongSignature,
        _WrongMessage,
        _WrongCipher,
        _Refusing,
    ],
)
def test_wrong_answers_are_not_trusted(wrong: type[ByGmalg]) -> None:
    assert not answers_right(wrong())


@pytest.mark.parametrize("sm2", [OPENSSL, GMALG], ids=["openssl", "gmalg"])
def test_right_answers_are(sm2: Sm2) -> None:
    assert answers_right(sm2)
