"""The private operation of RSA by the machine's OpenSSL 3: constant in time, and blinded."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sscard_ic.crypto.openssl_library import Library

if TYPE_CHECKING:
    from sscard_ic.crypto.rsa import Operation, RsaPrivate

_DONE = 1
_UNSIGNED = 2
_PAIR_PARTS = 0x87
_NO_PADDING = 3
_NAME = b"RSA"

_PARTS = (
    b"n",
    b"e",
    b"d",
    b"rsa-factor1",
    b"rsa-factor2",
    b"rsa-exponent1",
    b"rsa-exponent2",
    b"rsa-coefficient1",
)


class OpensslRefused(Exception):
    """OpenSSL would not take a key, or use it; quotes nothing of it."""


class RsaByOpenssl:
    """See :class:`~sscard_ic.crypto.rsa_provider.Rsa`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._ffi = library.ffi
        self._lib = library.functions
        self._names = [library.ffi.new("char[]", name) for name in _PARTS]

    @property
    def library(self) -> str:
        """The library, its version and its file."""
        return f"{self._library.version} ({self._library.name})"

    def operation(self, key: RsaPrivate) -> Operation:
        """``key`` at work; OpenSSL forgets it when the operation is forgotten."""
        with self._library.errors_kept():
            handle = self._ffi.gc(self._handle(key), self._lib.EVP_PKEY_free)
        length = key.length

        def apply(block: bytes) -> bytes:
            with self._library.errors_kept():
                return self._applied(handle, block, length)

        return apply

    def _handle(self, key: RsaPrivate) -> Any:
        values = (
            key.public.modulus,
            key.exponent,
            key.private_exponent,
            key.p,
            key.q,
            key.exponent_p,
            key.exponent_q,
            key.coefficient,
        )
        parts = self._ffi.new("OSSL_PARAM[]", len(values) + 1)  # the last stays empty: the end
        made = self._ffi.new("EVP_PKEY **")
        with ExitStack() as wiped:
            for place, (name, value) in enumerate(zip(self._names, values, strict=True)):
                size = (value.bit_length() + 7) // 8
                room = wiped.enter_context(self._library.wiped(size))
                self._ffi.buffer(room)[:] = value.to_bytes(size, sys.byteorder)
                parts[place].key, parts[place].data_type = name, _UNSIGNED
                parts[place].data, parts[place].data_size = room, size
            null = self._ffi.NULL
            context = self._lib.EVP_PKEY_CTX_new_from_name(null, _NAME, null)
            done = (
                bool(context)
                and self._lib.EVP_PKEY_fromdata_init(context) == _DONE
                and self._lib.EVP_PKEY_fromdata(context, made, _PAIR_PARTS, parts) == _DONE
            )
            self._lib.EVP_PKEY_CTX_free(context)
        if not done:
            raise OpensslRefused("OpenSSL refused the private key")
        return made[0]

    def _applied(self, handle: Any, block: bytes, length: int) -> bytes:
        null = self._ffi.NULL
        context = self._lib.EVP_PKEY_CTX_new_from_pkey(null, handle, null)
        try:
            size = self._ffi.new("size_t *", length)
            out = self._ffi.new("unsigned char[]", length)
            if (
                not context
                or self._lib.EVP_PKEY_decrypt_init(context) != _DONE
                or self._lib.EVP_PKEY_CTX_set_rsa_padding(context, _NO_PADDING) != _DONE
                or self._lib.EVP_PKEY_decrypt(context, out, size, block, len(block)) != _DONE
                or size[0] != length
            ):
                raise OpensslRefused("OpenSSL could not use the private key")
            return bytes(self._ffi.buffer(out))
        finally:
            self._lib.EVP_PKEY_CTX_free(context)
