"""What OpenSSL hands out for SM2, freed and wiped on leaving the block that it was made for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.openssl_library import Library
from sscard_ic.crypto.sm2 import model
from sscard_ic.crypto.sm2.model import Sm2Error

DONE = 1
"""What a function of OpenSSL answers that did what it was asked for."""
UNCOMPRESSED = 4
"""The form of a point, and its first byte."""
POINT_LENGTH = 1 + model.PUBLIC_LENGTH

_NAME = b"SM2"
_CONSTANT_TIME = 0x04

# Types of an OSSL_PARAM, and the parts of a key.
_UNSIGNED, _UTF8, _OCTETS = 2, 4, 5
_PUBLIC_PARTS, _PAIR_PARTS = 0x86, 0x87

Handle = Any
Part = tuple[Any, int, Any, int]
"""Name, type, value and length of a part of a key."""


class Handles:
    """Keys, contexts, points and numbers of one library; keeps none of them."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._ffi = library.ffi
        self._lib = library.functions
        self._null = library.ffi.NULL
        # An OSSL_PARAM only points at its name and value.
        self._curve_name = library.ffi.new("char[]", _NAME)
        self._part_names = {
            name: library.ffi.new("char[]", name) for name in (b"group", b"priv", b"pub")
        }

    @contextmanager
    def private_key(self, private: Secret) -> Iterator[Handle]:
        """A private key of 32 bytes, without its public one."""
        model.require_private(private)
        with self._library.wiped(model.PRIVATE_LENGTH) as value:
            step = -1 if sys.byteorder == "little" else 1
            self._ffi.buffer(value)[:] = private.reveal()[::step]
            part = (self._part_names[b"priv"], _UNSIGNED, value, model.PRIVATE_LENGTH)
            key = self._key(_PAIR_PARTS, part)
        if key is None:
            raise Sm2Error("OpenSSL refused the private key")
        try:
            yield key
        finally:
            self._lib.EVP_PKEY_free(key)

    @contextmanager
    def public_key(self, public: bytes) -> Iterator[Handle]:
        """A public key X‖Y; refused unless it is a point of the curve."""
        model.require_public(public)
        value = self._ffi.from_buffer(bytes((UNCOMPRESSED,)) + public)
        key = self._key(_PUBLIC_PARTS, (self._part_names[b"pub"], _OCTETS, value, POINT_LENGTH))
        if key is None:
            raise Sm2Error(model.OFF_CURVE)
        try:
            yield key
        finally:
            self._lib.EVP_PKEY_free(key)

    def _key(self, selection: int, part: Part) -> Handle | None:
        """A handle of a key of the curve that has ``part``; None when OpenSSL refuses it."""
        parts = self._ffi.new("OSSL_PARAM[]", 3)  # the last one stays empty: the end
        group = (self._part_names[b"group"], _UTF8, self._curve_name, len(_NAME))
        for place, (name, kind, value, length) in enumerate((group, part)):
            parts[place].key = name
            parts[place].data_type = kind
            parts[place].data = value
            parts[place].data_size = length
        made = self._ffi.new("EVP_PKEY **")
        with self._library.errors_kept(), self.named_context() as context:
            if (
                self._lib.EVP_PKEY_fromdata_init(context) != DONE
                or self._lib.EVP_PKEY_fromdata(context, made, selection, parts) != DONE
            ):
                return None
        return made[0]

    @contextmanager
    def named_context(self) -> Iterator[Handle]:
        """A context in which keys are made."""
        context = self._lib.EVP_PKEY_CTX_new_from_name(self._null, _NAME, self._null)
        if not context:
            raise Sm2Error("this OpenSSL was built without SM2")
        try:
            yield context
        finally:
            self._lib.EVP_PKEY_CTX_free(context)

    @contextmanager
    def context(self, key: Handle) -> Iterator[Handle]:
        """A context in which a key is used once."""
        context = self._lib.EVP_PKEY_CTX_new_from_pkey(self._null, key, self._null)
        if not context:
            raise Sm2Error("OpenSSL could not use the key")
        try:
            yield context
        finally:
            self._lib.EVP_PKEY_CTX_free(context)

    @contextmanager
    def point(self) -> Iterator[tuple[Handle, Handle]]:
        """The curve, and a point of it to be filled."""
        group = self._lib.EC_GROUP_new_by_curve_name(self._lib.OBJ_sn2nid(_NAME))
        if not group:
            raise Sm2Error("this OpenSSL was built without SM2")
        point = self._lib.EC_POINT_new(group)
        try:
            if not point:
                raise Sm2Error("OpenSSL has no memory left")
            yield group, point
        finally:
            self._lib.EC_POINT_free(point)
            self._lib.EC_GROUP_free(group)

    @contextmanager
    def number(self, private: Secret) -> Iterator[Handle]:
        """A private key as a number that is computed with in constant time."""
        number = self._lib.BN_bin2bn(private.reveal(), len(private), self._null)
        if not number:
            raise Sm2Error("OpenSSL has no memory left")
        try:
            self._lib.BN_set_flags(number, _CONSTANT_TIME)
            yield number
        finally:
            self._lib.BN_clear_free(number)
