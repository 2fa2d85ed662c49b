"""The functions of a PKCS#11 library that compute with keys, called by mechanism number.

python-pkcs11 finds tokens, opens sessions and handles objects; but it takes only mechanisms and
key types that its own tables name, and it has no parameters for derivation by DES or by anything a
maker calls its own (ref 07 §c). Here a number is enough. Sessions and handles are those of
python-pkcs11: it is the same library in the same process.

No locks: whoever calls holds that of the :class:`~sscard_ic.keys.pkcs11.library.Library`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sscard_ic.keys.pkcs11.errors import CryptokiError

_OK = 0
_DATA_LENGTH = 0x21
"""CKR_DATA_LEN_RANGE: here also when an answer is not as long as it must be."""
_LARGEST_REST = 256
"""More bytes than any operation has left to give."""
_USER = 1

_Ulong = ctypes.c_ulong
_Pointer = ctypes.c_void_p


class _Struct(ctypes.Structure):
    # On Windows, and there alone, PKCS#11 packs its structures.
    if os.name == "nt":
        _pack_ = 1


class _Mechanism(_Struct):
    _fields_ = (("mechanism", _Ulong), ("parameter", _Pointer), ("length", _Ulong))


class _Attribute(_Struct):
    _fields_ = (("type", _Ulong), ("value", _Pointer), ("length", _Ulong))


class _StringData(_Struct):
    """CK_KEY_DERIVATION_STRING_DATA: what is encrypted to give a key."""

    _fields_ = (("data", _Pointer), ("length", _Ulong))


_Function = Callable[..., int]


def _function(*arguments: type) -> type[ctypes._CFunctionType]:
    return ctypes.CFUNCTYPE(_Ulong, _Ulong, *arguments)


_INIT = _function(ctypes.POINTER(_Mechanism), _Ulong)
_FINAL = _function(_Pointer, ctypes.POINTER(_Ulong))
_COMPUTE = _function(ctypes.c_char_p, _Ulong, _Pointer, ctypes.POINTER(_Ulong))
_TEMPLATE = (ctypes.POINTER(_Attribute), _Ulong, ctypes.POINTER(_Ulong))
_TYPES = {
    "C_Login": _function(_Ulong, ctypes.c_char_p, _Ulong),
    "C_Logout": _function(),
    "C_CreateObject": _function(*_TEMPLATE),
    "C_DestroyObject": _function(_Ulong),
    "C_EncryptInit": _INIT,
    "C_Encrypt": _COMPUTE,
    "C_EncryptFinal": _FINAL,
    "C_SignInit": _INIT,
    "C_Sign": _COMPUTE,
    "C_SignFinal": _FINAL,
    "C_GenerateKey": _function(ctypes.POINTER(_Mechanism), *_TEMPLATE),
    "C_UnwrapKey": _function(
        ctypes.POINTER(_Mechanism), _Ulong, ctypes.c_char_p, _Ulong, *_TEMPLATE
    ),
    "C_DeriveKey": _function(ctypes.POINTER(_Mechanism), _Ulong, *_TEMPLATE),
}
_ORDER = """
    C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo
    C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession
    C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState C_SetOperationState
    C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize
    C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects C_FindObjectsFinal
    C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate
    C_DecryptFinal C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit C_Sign
    C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate
    C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate
    C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey
    C_DeriveKey
"""
FUNCTIONS = tuple(_ORDER.split())
"""Order of the list of functions (PKCS#11 2.40 and 3.x alike), as far as it is used."""


class FunctionList(_Struct):
    """CK_FUNCTION_LIST, up to C_DeriveKey."""

    _fields_ = (
        ("version", ctypes.c_ubyte * 2),
        *((name, _TYPES.get(name, _Pointer)) for name in FUNCTIONS),
    )


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A CKM_ number, and what it is called in errors: its name, or the setting it is from."""

    number: int
    name: str


Template = Mapping[int, bytes]
"""Attributes of a new key: CKA_ number and packed value."""


class Cryptoki:
    """The list of functions of the library at ``path``; raises ``OSError`` when there is none."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        pointer = ctypes.POINTER(FunctionList)()
        library.C_GetFunctionList.restype = _Ulong
        code = library.C_GetFunctionList(ctypes.byref(pointer))
        if code != _OK:
            raise CryptokiError(code)
        self._library = library
        self._functions = pointer.contents

    def login(self, session: int, pin: bytes) -> None:
        """Log the user in; it holds for every session of this program on that token."""
        _check(self._functions.C_Login(session, _USER, pin, len(pin)))

    def logout(self, session: int) -> None:
        """Log the user out."""
        _check(self._functions.C_Logout(session))

    def encrypt(
        self, session: int, mechanism: Mechanism, key: int, data: bytes, iv: bytes = b""
    ) -> bytes:
        """Encryption of whole blocks in one call: as many bytes as ``data``."""
        buffer = bytearray(len(data))
        self.encrypt_into(session, mechanism, key, data, memoryview(buffer), iv)
        return bytes(buffer)

    def encrypt_into(
        self,
        session: int,
        mechanism: Mechanism,
        key: int,
        data: bytes,
        buffer: memoryview,
        iv: bytes = b"",
    ) -> None:
        """As :meth:`encrypt`, into a ``buffer`` of the length of ``data``."""
        functions = self._functions
        steps = functions.C_EncryptInit, functions.C_Encrypt, functions.C_EncryptFinal
        _compute(steps, session, _Called(mechanism, iv), key, data, buffer)

    def sign(self, session: int, mechanism: Mechanism, key: int, data: bytes, length: int) -> bytes:
        """A MAC of ``length`` bytes."""
        functions, buffer = self._functions, bytearray(length)
        steps = functions.C_SignInit, functions.C_Sign, functions.C_SignFinal
        _compute(steps, session, _Called(mechanism), key, data, memoryview(buffer))
        return bytes(buffer)

    def create(self, session: int, template: Template) -> int:
        """Handle of a new object; this function's copies of the values are overwritten."""
        attributes, handle = _Attributes(template), _Ulong()
        try:
            _check(self._functions.C_CreateObject(session, attributes.array, len(template), handle))
        finally:
            attributes.clear()
        return handle.value

    def generate(self, session: int, mechanism: Mechanism, template: Template) -> int:
        """Handle of a new key that the token has made."""
        called, attributes, handle = _Called(mechanism), _Attributes(template), _Ulong()
        code = self._functions.C_GenerateKey(
            session, called.structure, attributes.array, len(template), handle
        )
        _check(code, mechanism)
        return handle.value

    def derive(
        self, session: int, mechanism: Mechanism, base: int, data: bytes, template: Template
    ) -> int:
        """Handle of the key that the encryption of ``data`` under ``base`` gives."""
        text = ctypes.create_string_buffer(data, len(data))
        parameter = _StringData(ctypes.addressof(text), len(data))
        called = _Called(mechanism, bytes(parameter))
        attributes, handle = _Attributes(template), _Ulong()
        code = self._functions.C_DeriveKey(
            session, called.structure, base, attributes.array, len(template), handle
        )
        _check(code, mechanism)
        return handle.value

    def unwrap(
        self, session: int, mechanism: Mechanism, base: int, wrapped: bytes, template: Template
    ) -> int:
        """Handle of the key that ``wrapped`` holds."""
        called, attributes, handle = _Called(mechanism), _Attributes(template), _Ulong()
        code = self._functions.C_UnwrapKey(
            session,
            called.structure,
            base,
            wrapped,
            len(wrapped),
            attributes.array,
            len(template),
            handle,
        )
        _check(code, mechanism)
        return handle.value

    def destroy(self, session: int, handle: int) -> None:
        """Remove an object."""
        _check(self._functions.C_DestroyObject(session, handle))


def _check(code: int, mechanism: Mechanism | None = None) -> None:
    if code != _OK:
        raise CryptokiError(code, mechanism.name if mechanism else "")


class _Called:
    """A mechanism with its parameter, and the bytes that its pointers point to."""

    def __init__(self, mechanism: Mechanism, parameter: bytes = b"") -> None:
        self._bytes = ctypes.create_string_buffer(parameter, len(parameter))
        place = ctypes.addressof(self._bytes) if parameter else None
        self.structure = _Mechanism(mechanism.number, place, len(parameter))
        self.mechanism = mechanism


class _Attributes:
    """A template, and the values that its pointers point to."""

    def __init__(self, template: Template) -> None:
        self._values = [ctypes.create_string_buffer(each, len(each)) for each in template.values()]
        self.array = (_Attribute * len(template))()
        for attribute, kind, value in zip(self.array, template, self._values, strict=True):
            attribute.type = kind
            attribute.value = ctypes.addressof(value)
            attribute.length = len(value)

    def clear(self) -> None:
        """Overwrite the values."""
        for value in self._values:
            ctypes.memset(value, 0, len(value))


def _compute(
    steps: tuple[_Function, _Function, _Function],
    session: int,
    called: _Called,
    key: int,
    data: bytes,
    buffer: memoryview,
) -> None:
    """One operation, begun and ended in the same breath."""
    init, whole, final = steps
    length = _Ulong(len(buffer))
    place = (ctypes.c_ubyte * len(buffer)).from_buffer(buffer)
    try:
        _check(init(session, called.structure, key), called.mechanism)
        _check(whole(session, data, len(data), place, length), called.mechanism)
    except BaseException:
        # Also when Ctrl-C comes between the two: nothing else could begin in this session.
        rest = (ctypes.c_ubyte * _LARGEST_REST)()
        final(session, rest, _Ulong(_LARGEST_REST))
        raise
    if length.value != len(buffer):
        raise CryptokiError(_DATA_LENGTH, called.mechanism.name)
