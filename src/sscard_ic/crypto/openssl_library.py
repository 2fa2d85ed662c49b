"""The machine's own OpenSSL: where its libcrypto lies, and which functions SM2 and RSA need.

It is called in cffi's ABI mode, so that no compiler is needed. The copy inside `cryptography` is
never used: it has no SM2, and hides its functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cffi import FFI

from sscard_ic.base.errors import Text

_LEAST_MAJOR = 3
_MAJOR_SHIFT = 28
"""Bits below the major version in the number that OpenSSL says."""

_DECLARATIONS = """
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct bignum_st BIGNUM;
typedef struct ec_group_st EC_GROUP;
typedef struct ec_point_st EC_POINT;
typedef struct {
    const char *key;
    unsigned int data_type;
    void *data;
    size_t data_size;
    size_t return_size;
} OSSL_PARAM;

unsigned long OpenSSL_version_num(void);
const char *OpenSSL_version(int what);
void OPENSSL_cleanse(void *data, size_t length);
int ERR_set_mark(void);
int ERR_pop_to_mark(void);

EVP_PKEY_CTX *EVP_PKEY_CTX_new_from_name(void *lib, const char *name, const char *properties);
EVP_PKEY_CTX *EVP_PKEY_CTX_new_from_pkey(void *lib, EVP_PKEY *key, const char *properties);
void EVP_PKEY_CTX_free(EVP_PKEY_CTX *);
void EVP_PKEY_free(EVP_PKEY *);
int EVP_PKEY_keygen_init(EVP_PKEY_CTX *);
int EVP_PKEY_keygen(EVP_PKEY_CTX *, EVP_PKEY **made);
int EVP_PKEY_get_bn_param(const EVP_PKEY *, const char *name, BIGNUM **value);
int EVP_PKEY_get_octet_string_param(
    const EVP_PKEY *, const char *name, unsigned char *value, size_t room, size_t *length);
int EVP_PKEY_fromdata_init(EVP_PKEY_CTX *);
int EVP_PKEY_fromdata(EVP_PKEY_CTX *, EVP_PKEY **made, int selection, OSSL_PARAM *parts);
int EVP_PKEY_sign_init(EVP_PKEY_CTX *);
int EVP_PKEY_sign(
    EVP_PKEY_CTX *, unsigned char *out, size_t *length, const unsigned char *in, size_t);
int EVP_PKEY_verify_init(EVP_PKEY_CTX *);
int EVP_PKEY_verify(
    EVP_PKEY_CTX *, const unsigned char *signature, size_t, const unsigned char *digest, size_t);
int EVP_PKEY_encrypt_init(EVP_PKEY_CTX *);
int EVP_PKEY_encrypt(
    EVP_PKEY_CTX *, unsigned char *out, size_t *length, const unsigned char *in, size_t);
int EVP_PKEY_decrypt_init(EVP_PKEY_CTX *);
int EVP_PKEY_decrypt(
    EVP_PKEY_CTX *, unsigned char *out, size_t *length, const unsigned char *in, size_t);
int EVP_PKEY_CTX_set_rsa_padding(EVP_PKEY_CTX *, int mode);

BIGNUM *BN_bin2bn(const unsigned char *, int length, BIGNUM *);
int BN_bn2binpad(const BIGNUM *, unsigned char *out, int length);
void BN_set_flags(BIGNUM *, int);
void BN_clear_free(BIGNUM *);
int OBJ_sn2nid(const char *name);
EC_GROUP *EC_GROUP_new_by_curve_name(int nid);
void EC_GROUP_free(EC_GROUP *);
EC_POINT *EC_POINT_new(const EC_GROUP *);
void EC_POINT_free(EC_POINT *);
int EC_POINT_mul(
    const EC_GROUP *, EC_POINT *, const BIGNUM *, const EC_POINT *, const BIGNUM *, void *);
int EC_POINT_oct2point(const EC_GROUP *, EC_POINT *, const unsigned char *, size_t, void *);
size_t EC_POINT_point2oct(
    const EC_GROUP *, const EC_POINT *, int form, unsigned char *out, size_t room, void *);
"""


class OpensslAbsent(Exception):
    """This machine has no OpenSSL that could be used; ``reason`` says why."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.en)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Library:
    """An opened libcrypto of OpenSSL 3 or later."""

    ffi: Any
    functions: Any
    name: str
    """File name or path that it was opened by."""

    @property
    def version(self) -> str:
        """``OpenSSL 3.0.19``."""
        words = self.ffi.string(self.functions.OpenSSL_version(0)).decode("ascii", "replace")
        return " ".join(words.split()[:2])

    @contextmanager
    def wiped(self, length: int) -> Iterator[Any]:
        """A buffer that is overwritten at the end."""
        buffer = self.ffi.new("unsigned char[]", length)
        try:
            yield buffer
        finally:
            self.functions.OPENSSL_cleanse(buffer, length)

    @contextmanager
    def errors_kept(self) -> Iterator[None]:
        """What OpenSSL says of our failures is taken off its list; what was there before stays."""
        self.functions.ERR_set_mark()
        try:
            yield
        finally:
            self.functions.ERR_pop_to_mark()


@cache
def machine_library() -> Library:
    """The OpenSSL of this machine, opened once; errors as :func:`open_library`."""
    return open_library(library_names())


def open_library(names: Iterable[str]) -> Library:
    """The first of ``names`` that is an OpenSSL of version 3 or later.

    Raises :class:`OpensslAbsent`, which says what was tried.
    """
    ffi = FFI()
    ffi.cdef(_DECLARATIONS)
    tried, old = [], []
    for name in names:
        tried.append(name)
        try:
            functions = ffi.dlopen(name)
            number = int(functions.OpenSSL_version_num())
        except (OSError, AttributeError):
            continue  # not there, or no libcrypto: the next name
        if number >> _MAJOR_SHIFT >= _LEAST_MAJOR:
            return Library(ffi, functions, name)
        old.append(name)
    looked = ", ".join(tried)
    if old:
        raise OpensslAbsent(
            Text(
                f"{', '.join(old)} 的版本低于 OpenSSL 3",
                f"{', '.join(old)} is older than OpenSSL 3",
            )
        )
    raise OpensslAbsent(
        Text(f"未找到 OpenSSL 3 的 libcrypto（{looked}）", f"no libcrypto of OpenSSL 3 ({looked})")
    )


def library_names(
    platform: str = sys.platform, search: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Where ``platform`` keeps its libcrypto, the likeliest first.

    Windows: by whole path, from ``search`` (default: PATH) and Python's own folder, so that no
    library in the current directory is loaded. macOS: never by a bare ``libcrypto.dylib``, at
    which the system ends the process.
    """
    prefix = Path(sys.base_prefix)
    if platform == "win32":
        folders = [Path(folder) for folder in (os.get_exec_path() if search is None else search)]
        files = [
            folder / name
            for folder in (*folders, prefix / "DLLs")
            for name in ("libcrypto-3-x64.dll", "libcrypto-3-arm64.dll", "libcrypto-3.dll")
        ]
        return tuple(str(file) for file in files if file.is_absolute() and file.is_file())
    if platform == "darwin":
        folders = [
            Path("/opt/homebrew/opt/openssl@3/lib"),
            Path("/usr/local/opt/openssl@3/lib"),
            Path("/opt/local/libexec/openssl3/lib"),
            prefix / "lib",
        ]
        return tuple(str(folder / "libcrypto.3.dylib") for folder in folders)
    return ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.so")
